//! What became of a script: who still waits for what, and what came instead.

use core::{fmt, net::SocketAddr};

use super::{
    Peer, Script, Step,
    act::{Act, SHOWN},
};

/// The step that is still to come, if one is. A stall, a close and a reset have no end, so they need not be reached.
fn awaits<'a>(act: &Act, peer: &Peer<'a>) -> Option<Step<'a>> {
    let rest = peer.steps.get(act.step..).unwrap_or_default();
    let has_an_end = |step: &&Step<'_>| !matches!(step, Step::Stall | Step::Close | Step::Reset);
    if act.cut { None } else { rest.iter().find(has_an_end).copied() }
}

impl Script<'_> {
    /// Whether everything in the script has happened: each peer had its connection and came to the end of its steps, and got
    /// nothing after it. A [`Step::Stall`], [`Step::Close`] or [`Step::Reset`] at the end need not have been noticed, what
    /// lies beyond a [cut](super::Faults::cut_after) does not count, and neither does a [silent](Peer::silent) peer.
    #[must_use]
    pub fn is_played(&self) -> bool {
        let acts = self.acts.borrow();
        let met = |number: usize| acts.iter().any(|act| act.peer == number);
        self.peers.iter().enumerate().all(|(number, peer)| met(number) || !peer.answers)
            && acts.iter().all(|act| awaits(act, &self.peers[act.peer]).is_none() && act.got_len == 0)
    }

    /// Fails unless [everything in the script has happened](Self::is_played), and says which peer still waits for what, and
    /// what it got instead. Call it before you unwrap what your application returned: where the two disagree, the
    /// application mostly tells of a deadline that passed, and the script of the cause.
    ///
    /// # Panics
    /// If not everything has happened.
    ///
    /// # Examples
    ///
    /// ```should_panic
    /// use socketpool::{Resources, SocketPool, mock::{MockTls, Peer, Script, Step, block_on}, requests::Session};
    ///
    /// let steps = [Step::Receive(b"GET /other"), Step::Send(b"HTTP/1.1 204 No Content\r\n\r\n")];
    /// let peers = [Peer::new("a.example", 80, &steps)];
    /// let script = Script::new(&peers);
    /// let (mut network, mut memory) = (script.network(), Resources::<1>::new());
    /// let pool = SocketPool::new(&mut network, &mut memory);
    /// let http = Session::new(&pool, &MockTls);
    ///
    /// let outcome = block_on(http.get("http://a.example/now").send()).map(|_| ());
    /// script.assert_played(); // a.example:80 waits for "GET /other"; it got "GET /now HTTP/1.1\r\nHost: …
    /// outcome.unwrap(); // head: the deadline passed
    /// ```
    #[track_caller]
    pub fn assert_played(&self) {
        assert!(self.is_played(), "the script was not played to its end:{self}");
    }

    /// A connection to where no peer is left.
    pub(super) fn refuse(&self, remote: SocketAddr) {
        self.astray.borrow_mut().address = Some(remote);
    }

    /// A name that no peer has.
    pub(super) fn unknown(&self, host: &str) {
        self.astray.borrow_mut().name = host.get(..host.len().min(SHOWN)).and_then(|host| host.try_into().ok());
    }
}

/// What is still to come, and what went astray: a line for each.
impl fmt::Display for Script<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acts = self.acts.borrow();
        for (number, peer) in self.peers.iter().enumerate() {
            let Some(act) = acts.iter().find(|act| act.peer == number) else {
                if peer.answers {
                    let verb = if peer.comes { "has not come yet" } else { "was not connected to" };
                    write!(f, "\n  {}:{} (peer {number}) {verb}", peer.host, peer.port)?;
                }
                continue;
            };
            let awaits = awaits(act, peer);
            if awaits.is_none() && act.got_len == 0 {
                continue;
            }
            write!(f, "\n  {}:{} (peer {number}) ", peer.host, peer.port)?;
            match awaits {
                Some(Step::Receive(awaited)) => write!(f, "waits for {}", Text(awaited))?,
                Some(Step::Send(rest) | Step::HangUp(rest) | Step::Interrupt(rest)) => {
                    write!(f, "has more to send, which was not read to its end: {}", Text(rest))?;
                }
                _ => f.write_str("is at the end of its script")?,
            }
            if act.got_len > 0 {
                write!(f, "; it got {}", Text(&act.got))?;
                if act.got_len > act.got.len() {
                    write!(f, "… ({} bytes)", act.got_len)?;
                }
            } else if matches!(awaits, Some(Step::Receive(_))) {
                f.write_str("; it got nothing")?;
            }
        }
        let astray = self.astray.borrow();
        if let Some(name) = &astray.name {
            write!(f, "\n  no peer has the name {name}, which was looked up")?;
        }
        if let Some(remote) = astray.address {
            write!(f, "\n  a connection to {remote} was refused: ")?;
            match self.peers.iter().find(|peer| !peer.udp && !peer.comes && self.remote(peer) == Some(remote)) {
                Some(peer) if peer.refuses => write!(f, "{} refuses", peer.host)?,
                Some(peer) => write!(f, "{} accepts one for each time it is listed", peer.host)?,
                None => f.write_str("no peer is there")?,
            }
        }
        Ok(())
    }
}

/// Bytes as one would write them in a script, as many as are shown.
struct Text<'a>(&'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN)];
        write!(f, "\"{}\"", shown.escape_ascii())?;
        f.write_str(if shown.len() < self.0.len() { "…" } else { "" })
    }
}
