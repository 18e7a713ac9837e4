//! A scripted network, so that an application can be tested on the host with no network at all.
//!
//! A [`Script`] says who can be reached and what each of them does, step by step; [`Script::network`] is a network
//! stack for a [`SocketPool`](crate::SocketPool) of either face. Time is simulated: a wait for a silent peer ends at
//! once, at its deadline. Peers speak TCP, or [UDP](Peer::udp); a host can have [several addresses](Peer::at); they can answer in fragments, stall, refuse, close early, or fail after any number of bytes.
//! Afterwards the script tells what it saw: every byte sent, and how many connections and writes it took; and
//! [`assert_played`](Script::assert_played) says which peer still waits for what, and what it got instead.
//!
//! [`MockTls`] stands in for TLS, over this network and no other.
//!
//! # Examples
//!
//! ```
//! use socketpool::{Resources, SocketPool, mock::{MockTls, Peer, Script, Step, block_on}, requests::Session};
//!
//! const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"celsius\":7}";
//! let peers = [Peer::new("api.example.com", 443, &[Step::Receive(b"\r\n\r\n"), Step::Send(ANSWER)])];
//! let script = Script::new(&peers);
//!
//! block_on(async {
//!     let (mut network, mut memory) = (script.network(), Resources::<1>::new());
//!     let pool = SocketPool::new(&mut network, &mut memory);
//!     let http = Session::new(&pool, &MockTls);
//!     let mut response = http.get("https://api.example.com/now").send().await.unwrap();
//!     let mut buffer = [0; 64];
//!     assert_eq!(response.content(&mut buffer).await.unwrap(), b"{\"celsius\":7}");
//! });
//! script.assert_played();
//! assert!(script.sent().starts_with(b"GET /now HTTP/1.1\r\nHost: api.example.com\r\n"));
//! assert_eq!((script.connections(), script.writes()), (1, 1));
//! ```

mod act;
mod network;
mod played;

use core::{
    cell::{Cell, RefCell},
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use embedded_io_async::ErrorKind;

use self::act::{Act, Astray};
use crate::{
    stack::{Family, Local, ResolveError},
    time::{Clock, Instant},
};

/// Bytes of what was sent that a script remembers.
const LOG_LEN: usize = 8192;

/// What one connection to a peer will see, in order.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// The peer reads until it has seen these bytes, in one piece.
    Receive(&'a [u8]),
    /// The peer sends these.
    Send(&'a [u8]),
    /// The peer says and takes nothing more, and does not close.
    Stall,
    /// The peer sends these and takes nothing more: what is written to it from now on breaks the connection.
    HangUp(&'a [u8]),
    /// The peer sends these and takes nothing meanwhile: what is written to it waits. Put a [`Stall`](Self::Stall) behind it
    /// for one that takes nothing afterwards either.
    Interrupt(&'a [u8]),
    /// The peer closes in order.
    Close,
    /// The connection breaks.
    Reset,
}

/// A peer of one connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    host: &'a str,
    port: u16,
    steps: &'a [Step<'a>],
    faults: Faults,
    refuses: bool,
    answers: bool,
    hesitates: bool,
    udp: bool,
    comes: bool,
    address: Option<IpAddr>,
}

impl<'a> Peer<'a> {
    /// A peer that accepts one connection and goes through these steps; after the last the connection stays open, and says
    /// nothing more: put a [`Step::Close`] there for one that closes.
    ///
    /// List it again for each further connection that is to be accepted.
    #[must_use]
    pub const fn new(host: &'a str, port: u16, steps: &'a [Step<'a>]) -> Self {
        Self {
            host,
            port,
            steps,
            faults: Faults::NONE,
            refuses: false,
            answers: true,
            hesitates: false,
            udp: false,
            comes: false,
            address: None,
        }
    }

    /// A client that connects to the listener on this port, from `host`. List it again for each further connection.
    #[must_use]
    pub const fn client(host: &'a str, port: u16, steps: &'a [Step<'a>]) -> Self {
        Self { comes: true, ..Self::new(host, port, steps) }
    }

    /// A peer that speaks UDP with one socket. Each [`Step::Send`] is one datagram; [`Step::Receive`] waits for a datagram
    /// that contains these bytes, and others are lost; [`Step::Stall`] and [`Step::Close`] are silence. One that begins with
    /// a `Send` speaks to the first socket that listens.
    #[must_use]
    pub const fn udp(host: &'a str, port: u16, steps: &'a [Step<'a>]) -> Self {
        Self { udp: true, ..Self::new(host, port, steps) }
    }

    /// Nothing listens at that port: the connection is refused.
    #[must_use]
    pub const fn refusing(host: &'a str, port: u16) -> Self {
        Self { refuses: true, ..Self::new(host, port, &[]) }
    }

    /// Nothing responds at that port: connecting waits.
    #[must_use]
    pub const fn silent(host: &'a str, port: u16) -> Self {
        Self { answers: false, ..Self::new(host, port, &[]) }
    }

    /// Moves at most so many bytes in one read or write.
    #[must_use]
    pub const fn in_fragments_of(self, bytes: usize) -> Self {
        Self { faults: Faults { fragment: bytes, ..self.faults }, ..self }
    }

    /// Connecting, closing, every read and every write has to be awaited: it is not ready the first time it is polled. For tests that drop futures
    /// half-way.
    #[must_use]
    pub const fn hesitating(self) -> Self {
        Self { hesitates: true, ..self }
    }

    /// This peer has an address of its own. A host resolves to the addresses of all its peers, in the order in which they are
    /// listed; those without one of their own share one of IPv4.
    #[must_use]
    pub const fn at(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// The connection breaks after so many bytes, in both directions together.
    #[must_use]
    pub const fn failing_after(self, bytes: usize) -> Self {
        Self { faults: Faults { cut_after: Some(bytes), ..self.faults }, ..self }
    }

    /// What is wrong with the way to this peer.
    #[must_use]
    pub const fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }
}

/// What is wrong with the way to a TCP peer.
///
/// # Examples
///
/// A slow line that moves 7 bytes at a time and breaks in the middle of the response:
///
/// ```
/// use core::time::Duration;
///
/// use socketpool::mock::{Faults, Peer, Step};
///
/// let faults = Faults { fragment: 7, cut_after: Some(120), delay: Duration::from_millis(300) };
/// let steps = [Step::Receive(b"\r\n\r\n"), Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")];
/// let peer = Peer::new("a.example", 80, &steps).with_faults(faults);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// Moves at most so many bytes in one read or write.
    pub fragment: usize,
    /// The connection breaks after so many bytes, in both directions together.
    pub cut_after: Option<usize>,
    /// Each [`Step::Send`] begins so much later, in simulated time.
    pub delay: Duration,
}

impl Faults {
    /// Nothing is wrong.
    pub const NONE: Self = Self { fragment: usize::MAX, cut_after: None, delay: Duration::ZERO };
}

impl Default for Faults {
    fn default() -> Self {
        Self::NONE
    }
}

/// Who can be reached and what they do, and what happened so far.
#[derive(Debug)]
pub struct Script<'a> {
    peers: &'a [Peer<'a>],
    /// The connections that peers have had, and how far each has come.
    acts: RefCell<heapless::Vec<Act, 64>>,
    astray: RefCell<Astray>,
    sent: RefCell<heapless::Vec<u8, LOG_LEN>>,
    connections: Cell<usize>,
    open: Cell<usize>,
    writes: Cell<usize>,
    now: Cell<Instant>,
    /// When a peer that is delayed goes on, if a task waits for one.
    due: Cell<Option<Instant>>,
    /// Counts what happened, so that a timer knows when nothing does any more.
    events: Cell<u64>,
    /// How often a blocking program was idle since the last of it, and when that was.
    idle: Cell<(u64, Instant, u32)>,
}

impl<'a> Script<'a> {
    /// A script with these peers.
    #[must_use]
    pub const fn new(peers: &'a [Peer<'a>]) -> Self {
        Self {
            peers,
            acts: RefCell::new(heapless::Vec::new()),
            astray: RefCell::new(Astray { name: None, address: None }),
            sent: RefCell::new(heapless::Vec::new()),
            connections: Cell::new(0),
            open: Cell::new(0),
            writes: Cell::new(0),
            now: Cell::new(Instant::from_millis(0)),
            due: Cell::new(None),
            events: Cell::new(0),
            idle: Cell::new((0, Instant::from_millis(0), 0)),
        }
    }

    /// The network that plays this script.
    #[must_use]
    pub const fn network(&self) -> Network<'_> {
        Network { script: self }
    }

    /// Everything that was sent so far, on all connections, in order; the first 8,192 bytes of it.
    #[must_use]
    pub fn sent(&self) -> heapless::Vec<u8, LOG_LEN> {
        self.sent.borrow().clone()
    }

    /// Connections that were opened so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.get()
    }

    /// Connections and UDP sockets that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// How many times something was written.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.writes.get()
    }

    /// Peers that share a host share an address: that of the first of them.
    fn address(&self, host: &str) -> Option<IpAddr> {
        let first = self.peers.iter().position(|peer| peer.host.eq_ignore_ascii_case(host))?;
        Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, u8::try_from(first + 1).ok()?)))
    }

    /// Where this peer is.
    fn remote(&self, peer: &Peer<'_>) -> Option<SocketAddr> {
        let address = peer.address.or_else(|| peer.host.parse().ok()).or_else(|| self.address(peer.host))?;
        Some(SocketAddr::new(address, peer.port))
    }

    /// Writes down the addresses of a host, each once: those of IPv4, or if there are none those of IPv6, unless one of the
    /// families is asked for.
    fn resolve(&self, host: &str, family: Family, out: &mut [IpAddr]) -> Result<usize, ResolveError> {
        let mut count = 0;
        for family in
            [Family::Ipv4, Family::Ipv6].into_iter().filter(|each| matches!(family, Family::Any) || family == *each)
        {
            let of_host = self.peers.iter().filter(|peer| peer.host.eq_ignore_ascii_case(host));
            for address in of_host.filter_map(|peer| Some(self.remote(peer)?.ip())).filter(|each| family.has(*each)) {
                if !out.iter().take(count).any(|known| *known == address)
                    && let Some(place) = out.get_mut(count)
                {
                    *place = address;
                    count += 1;
                }
            }
            if count > 0 {
                return Ok(count);
            }
        }
        if !self.peers.iter().any(|peer| peer.host.eq_ignore_ascii_case(host)) {
            self.unknown(host);
        }
        Err(ResolveError::NoSuchName)
    }

    fn resolve_one(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        let mut one = [IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
        self.resolve(host, family, &mut one).map(|_| one[0])
    }

    /// Remembers what was sent.
    fn note(&self, bytes: &[u8]) {
        let mut sent = self.sent.borrow_mut();
        let room = sent.capacity() - sent.len();
        let _ = sent.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.writes.set(self.writes.get() + 1);
    }

    /// Whether this peer has had its connection.
    fn has_met(&self, index: usize) -> bool {
        self.acts.borrow().iter().any(|act| act.peer == index)
    }

    /// This peer has its connection now: the number of its act.
    fn begin(&self, index: usize) -> Result<usize, ErrorKind> {
        let mut acts = self.acts.borrow_mut();
        acts.push(Act::of(index)).map_err(|_| ErrorKind::OutOfMemory)?;
        Ok(acts.len() - 1)
    }

    fn tell(&self, act: usize, what: impl FnOnce(&mut Act)) {
        if let Some(act) = self.acts.borrow_mut().get_mut(act) {
            what(act);
        }
    }

    /// Time passes until `at`, or until a peer that is delayed goes on.
    fn pass_until(&self, at: Instant) {
        let at = self.due.take().map_or(at, |due| due.min(at));
        self.now.set(self.now.get().max(at));
    }

    fn bind(&self) -> Mailbox<'_> {
        self.open.set(self.open.get() + 1);
        Mailbox { script: self, met: heapless::Vec::new(), hesitated: false }
    }

    /// The first peer at this address that was not met yet, and its number.
    fn unmet(&self, remote: SocketAddr) -> Option<(usize, &Peer<'a>)> {
        let is_meant = |peer: &Peer<'_>| !peer.udp && !peer.comes && self.remote(peer) == Some(remote);
        self.peers.iter().enumerate().find(|(index, peer)| is_meant(peer) && !self.has_met(*index))
    }

    /// What comes of connecting; `None` if nothing responds.
    fn connect(&self, remote: SocketAddr) -> Option<Result<Line<'_>, ErrorKind>> {
        let Some((index, peer)) = self.unmet(remote) else {
            self.refuse(remote);
            return Some(Err(ErrorKind::ConnectionRefused));
        };
        if !peer.answers {
            return None;
        }
        Some(match self.begin(index) {
            Ok(_) if peer.refuses => Err(ErrorKind::ConnectionRefused),
            begun => begun.map(|act| self.meet(act, peer)),
        })
    }

    fn meet<'s>(&'s self, act: usize, peer: &'s Peer<'s>) -> Line<'s> {
        self.connections.set(self.connections.get() + 1);
        self.open.set(self.open.get() + 1);
        Line {
            script: self,
            act,
            peer,
            step: 0,
            done: 0,
            moved: 0,
            due: None,
            looked: (0, 0),
            hesitated: false,
            write_ended: false,
        }
    }

    fn listen(&self, local: Local) -> Door<'_> {
        self.open.set(self.open.get() + 1);
        Door { script: self, port: local.port, hesitated: false }
    }
}

/// A network that plays a [`Script`].
#[derive(Debug)]
pub struct Network<'a> {
    script: &'a Script<'a>,
}

/// Simulated time: it passes only while a task waits.
impl Clock for Network<'_> {
    fn now(&self) -> Instant {
        self.script.now.get()
    }
}

/// One end of a connection to a peer.
#[derive(Debug)]
pub struct Line<'a> {
    script: &'a Script<'a>,
    act: usize,
    peer: &'a Peer<'a>,
    step: usize,
    /// Bytes of this step that are done.
    done: usize,
    /// Bytes moved over the connection so far.
    moved: usize,
    /// When the step under way goes on, if it is delayed.
    due: Option<Instant>,
    /// How often that was looked at since something happened, and how much had happened by then.
    looked: (u8, u64),
    /// Whether the operation under way was put off once already.
    hesitated: bool,
    /// Whether we said that we write no more.
    write_ended: bool,
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.script.open.set(self.script.open.get() - 1);
    }
}

impl Line<'_> {
    /// What there is to read; `None` if the peer is silent.
    fn read(&mut self, out: &mut [u8]) -> Option<Result<usize, ErrorKind>> {
        match self.peer.steps.get(self.step) {
            _ if self.is_cut() => Some(Err(ErrorKind::ConnectionReset)),
            Some(Step::Send(_)) if self.is_delayed() => None,
            Some(Step::Send(bytes) | Step::HangUp(bytes) | Step::Interrupt(bytes)) => {
                let rest = bytes.get(self.done..).unwrap_or_default();
                let count = rest.len().min(out.len()).min(self.allowance());
                out[..count].copy_from_slice(&rest[..count]);
                self.advance(count, bytes.len());
                Some(Ok(count))
            }
            Some(Step::Close) => Some(Ok(0)),
            Some(Step::Reset) => Some(Err(ErrorKind::ConnectionReset)),
            Some(Step::Receive(_) | Step::Stall) | None => None,
        }
    }

    /// Takes bytes; `None` if the peer takes nothing.
    fn write(&mut self, bytes: &[u8]) -> Option<Result<usize, ErrorKind>> {
        let count = bytes.len().min(self.allowance());
        match self.peer.steps.get(self.step) {
            _ if self.write_ended => return Some(Err(ErrorKind::BrokenPipe)),
            _ if self.is_cut() => return Some(Err(ErrorKind::ConnectionReset)),
            Some(Step::Stall | Step::Interrupt(_)) => return None,
            Some(Step::Reset | Step::HangUp(_)) => return Some(Err(ErrorKind::ConnectionReset)),
            Some(Step::Receive(awaited)) => {
                let (mut awaited, mut rest) = (*awaited, &bytes[..count]);
                while let Some((byte, after)) = rest.split_first() {
                    self.script.tell(self.act, |act| act.got(&[*byte]));
                    self.done = matched(awaited, self.done, *byte);
                    rest = after;
                    if self.done == awaited.len() {
                        self.go_on();
                        // The same write may hold what the next step waits for.
                        let Some(Step::Receive(next)) = self.peer.steps.get(self.step) else { break };
                        awaited = next;
                    }
                }
                self.moved += count;
            }
            None => {
                self.script.tell(self.act, |act| act.got(&bytes[..count]));
                self.moved += count;
            }
            _ => self.moved += count,
        }
        self.script.note(&bytes[..count]);
        Some(Ok(count))
    }

    fn allowance(&self) -> usize {
        let until_cut = self.peer.faults.cut_after.map_or(usize::MAX, |after| after.saturating_sub(self.moved));
        self.peer.faults.fragment.min(until_cut)
    }

    fn is_cut(&self) -> bool {
        let cut = self.peer.faults.cut_after.is_some_and(|after| self.moved >= after);
        if cut {
            self.script.tell(self.act, Act::cut);
        }
        cut
    }

    /// Whether the step under way is still to begin. Time passes for it while a task waits for a deadline, or, if none
    /// does, because it is asked for again and again.
    fn is_delayed(&mut self) -> bool {
        let (delay, now) = (self.peer.faults.delay, self.script.now.get());
        if delay.is_zero() || self.done > 0 {
            return false;
        }
        let due = *self.due.get_or_insert(now.after(delay));
        let (times, events) = self.looked;
        self.looked = if events == self.script.events.get() {
            (times.saturating_add(1), events)
        } else {
            (1, self.script.events.get())
        };
        if self.looked.0 > 2 {
            self.script.now.set(now.max(due));
        }
        let is_delayed = self.script.now.get() < due;
        self.script.due.set(is_delayed.then_some(due));
        is_delayed
    }

    /// The next step.
    fn go_on(&mut self) {
        self.step += 1;
        (self.done, self.due, self.looked) = (0, None, (0, 0));
        self.script.tell(self.act, |act| act.reached(self.step));
    }

    fn advance(&mut self, count: usize, len: usize) {
        self.moved += count;
        self.done += count;
        if self.done == len {
            self.go_on();
        }
    }
}

/// A listening socket.
#[derive(Debug)]
pub struct Door<'a> {
    script: &'a Script<'a>,
    port: u16,
    /// Whether the client at the door was put off once already.
    hesitated: bool,
}

impl Drop for Door<'_> {
    fn drop(&mut self) {
        self.script.open.set(self.script.open.get() - 1);
    }
}

impl<'a> Door<'a> {
    /// The first client at this port that was not met yet, unless it comes with hesitation.
    fn accept(&mut self) -> Option<Result<(Line<'a>, SocketAddr), ErrorKind>> {
        let script = self.script;
        let comes = |peer: &Peer<'_>| peer.comes && peer.port == self.port;
        let mut peers = script.peers.iter().enumerate();
        let Some((index, peer)) = peers.find(|(index, peer)| comes(peer) && !script.has_met(*index)) else {
            // The client that was put off is with another listener.
            self.hesitated = false;
            return None;
        };
        if peer.hesitates && !core::mem::replace(&mut self.hesitated, true) {
            return None;
        }
        self.hesitated = false;
        let remote = SocketAddr::new(script.remote(peer)?.ip(), CLIENT_PORT);
        Some(script.begin(index).map(|act| (script.meet(act, peer), remote)))
    }

    fn local_addr(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), self.port)
    }
}

/// The port of every client that comes.
const CLIENT_PORT: u16 = 49_152;

/// A UDP socket.
#[derive(Debug)]
pub struct Mailbox<'a> {
    script: &'a Script<'a>,
    /// The peers that this socket speaks with, by their number, the step each is at, and the number of its act.
    met: heapless::Vec<(usize, usize, usize), 8>,
    /// Whether the operation under way was put off once already.
    hesitated: bool,
}

impl Drop for Mailbox<'_> {
    fn drop(&mut self) {
        self.script.open.set(self.script.open.get() - 1);
    }
}

impl Mailbox<'_> {
    /// Meets the first peer like this that was not met yet.
    fn meet(&mut self, wanted: impl Fn(&Peer<'_>) -> bool) -> Result<(), ErrorKind> {
        let script = self.script;
        let mut peers = script.peers.iter().enumerate();
        if let Some((index, _)) = peers.find(|(index, peer)| peer.udp && wanted(peer) && !script.has_met(*index)) {
            let act = script.begin(index)?;
            self.met.push((index, 0, act)).map_err(|_| ErrorKind::OutOfMemory)?;
        }
        Ok(())
    }

    /// Takes a datagram, which is lost if there is no peer.
    fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind> {
        let script = self.script;
        script.note(datagram);
        let is_remote = |peer: &Peer<'_>| script.remote(peer) == Some(remote);
        if !self.met.iter().any(|(index, ..)| is_remote(&script.peers[*index])) {
            self.meet(is_remote)?;
        }
        if let Some((index, step, act)) = self.met.iter_mut().find(|(index, ..)| is_remote(&script.peers[*index]))
            && let Some(Step::Receive(awaited)) = script.peers[*index].steps.get(*step)
        {
            if awaited.is_empty() || datagram.windows(awaited.len()).any(|window| window == *awaited) {
                *step += 1;
                script.tell(*act, |act| act.reached(*step));
            } else {
                script.tell(*act, |act| act.got(datagram));
            }
        }
        Ok(())
    }

    /// The datagram there is; `None` if every peer is silent.
    fn recv_from(&mut self, out: &mut [u8]) -> Option<Result<(usize, SocketAddr), ErrorKind>> {
        let script = self.script;
        if let Err(error) = self.meet(|peer| matches!(peer.steps.first(), Some(Step::Send(_)))) {
            return Some(Err(error));
        }
        self.met.iter_mut().find_map(|(index, step, act)| {
            let peer = &script.peers[*index];
            match peer.steps.get(*step) {
                Some(Step::Send(datagram)) => {
                    *step += 1;
                    script.tell(*act, |act| act.reached(*step));
                    let fits = datagram.len().min(out.len());
                    out[..fits].copy_from_slice(&datagram[..fits]);
                    script.remote(peer).map(|remote| Ok((datagram.len(), remote)))
                }
                Some(Step::Reset) => Some(Err(ErrorKind::ConnectionReset)),
                _ => None,
            }
        })
    }
}

/// How much of `awaited` the bytes so far end with, when `before` of it did before `byte`.
fn matched(awaited: &[u8], before: usize, byte: u8) -> usize {
    let ends_with = |len: usize| awaited[len - 1] == byte && awaited[..before].ends_with(&awaited[..len - 1]);
    (1..=(before + 1).min(awaited.len())).rev().find(|len| ends_with(*len)).unwrap_or(0)
}

/// Stands in for a TLS context in tests: connects without TLS, over a scripted [`Network`] and nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub struct MockTls;

/// Runs a future to its end. Meant for futures over a scripted network, which never wait for anything real.
///
/// # Panics
/// If the future waits for something that no deadline ends.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    let mut future = core::pin::pin!(future);
    for _ in 0..1_000_000 {
        if let core::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("{FOR_EVER}");
}

const FOR_EVER: &str = "the program waits for ever: a peer of the script is silent, and there is no deadline (printed, the script \
                        says which)";

/// So often a blocking program may be idle while nothing happens and no time passes.
const IDLE: u32 = 1000;
