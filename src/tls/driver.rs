//! A session over a stream of bytes: whatever the engine wants next, done.
//!
//! There is one of these for [`TlsStream`](super::TlsStream), whose record buffers are the caller's, and for the sockets
//! of a pool, whose session and buffers are lent by [`Resources`](crate::Resources).

use core::{future::poll_fn, ops::Range, task::Poll};

use embedded_io_async::{Error as _, ErrorKind as Io, Read, Write};
use zeroize::Zeroize;

use super::{
    Random, TimeSource, TlsContext, TlsError, TlsInfo, TlsStreamError,
    engine::{Buffers, Next, Session, Ticket},
    offer::Peer,
    proof::Proof,
};
use crate::time::poll_once;

/// Where a session lies, and its record buffers. They are overwritten when this is dropped.
pub(crate) trait Memory {
    fn session(&self) -> &Session;
    /// Both, for one call of the engine.
    fn lend(&mut self) -> (&mut Session, Buffers<'_>);
}

/// A session in the memory `M`, over the stream `IO`.
///
/// Every read, write, flush and close may be dropped at any await, and the next call goes on where it stopped.
pub(crate) struct Driver<IO, M> {
    io: IO,
    memory: M,
    /// What was written below was not flushed yet.
    owes_flush: bool,
}

impl<IO, M: Memory> Driver<IO, M> {
    pub(crate) const fn new(io: IO, memory: M) -> Self {
        Self { io, memory, owes_flush: false }
    }

    pub(crate) fn session(&self) -> &Session {
        self.memory.session()
    }

    /// So many bytes of data were taken.
    pub(crate) fn consume(&mut self, len: usize) {
        self.memory.lend().0.consume(len);
    }

    /// The stream below.
    pub(crate) const fn io(&mut self) -> &mut IO {
        &mut self.io
    }

    pub(crate) fn into_io(self) -> IO {
        self.io
    }

    /// What was agreed on, once the handshake is over.
    pub(crate) fn info(&self) -> Option<TlsInfo> {
        let session = self.session();
        let (suite, group) = session.agreed()?;
        let (alpn, is_resumed, is_retried) = (session.alpn(), session.is_resumed(), session.is_retried());
        Some(TlsInfo { suite: suite.name(), group: group.name(), alpn, is_resumed, is_retried })
    }

    /// The data in this range of `rx`.
    pub(crate) fn data(&mut self, range: Range<usize>) -> &[u8] {
        self.memory.lend().1.rx.get(range).unwrap_or_default()
    }
}

impl<IO: Read + Write, M: Memory> Driver<IO, M> {
    /// Performs the handshake: the server proves that it is `server_name`, by the rules of `context`. A session can do so
    /// once. The port, 0 if it is not known, plays a part in which ticket may be used.
    pub(crate) async fn connect<R: Random, T: TimeSource>(
        &mut self,
        context: &TlsContext<'_, R, T>,
        server_name: &str,
        port: u16,
    ) -> Result<(), TlsStreamError> {
        let peer = Peer::parse(server_name)?;
        let certificate = context.offer().identity.map(|identity| [identity.certificate]);
        let mut proof = Proof::new(context, &peer, port)?;
        if !self.session().is_new() {
            return Err(TlsError::NotAuthenticated.into());
        }
        // It lies at the end of `rx`, which is long enough without it for as long as it may be needed.
        let mut ticket_len = proof.take_ticket(self.memory.lend().1.rx);
        loop {
            let (session, Buffers { rx, tx }) = self.memory.lend();
            let (rx, ticket) = rx.split_at_mut(rx.len().saturating_sub(ticket_len));
            let config = proof.config(certificate.as_ref().map_or(&[], |one| &one[..]), ticket);
            let next = session.handshake(&mut Buffers { rx, tx }, &config, &mut proof);
            if !session.is_offering() {
                ticket.zeroize();
                ticket_len = 0;
            }
            match next {
                Ok(Next::Ready) => {
                    session.keeper = proof.keeper();
                    return Ok(());
                }
                next => self.turn(next).await?,
            };
        }
    }

    /// Gives a ticket that came to its store.
    fn keep(&mut self, ticket: &Ticket) {
        let (session, buffers) = self.memory.lend();
        let identity = buffers.rx.get(ticket.identity.clone()).unwrap_or_default();
        if session.keeper.as_ref().is_some_and(|keeper| keeper.store.keep(keeper, ticket, identity)) {
            session.has_kept_ticket();
        }
    }

    /// Does what the session wants, unless that is for the caller to see: data, or the end.
    fn turn(
        &mut self,
        next: Result<Next, TlsError>,
    ) -> impl Future<Output = Result<Option<Range<usize>>, TlsStreamError>> {
        let turn = match next {
            Ok(Next::Data(range)) => Ok(Turn::Seen(Some(range))),
            Ok(Next::Closed) => Ok(Turn::Seen(Some(0..0))),
            Ok(Next::Ready) => Ok(Turn::Seen(None)),
            Ok(Next::Ticket(ticket)) => {
                self.keep(&ticket);
                Ok(Turn::Seen(None))
            }
            Ok(Next::Send(range)) => Ok(Turn::Send(range)),
            Ok(Next::Receive(range)) => Ok(Turn::Receive(range)),
            Ok(Next::Yield) => Ok(Turn::Rest),
            Err(error) => {
                self.say_why();
                Err(error)
            }
        };
        async move {
            match turn? {
                Turn::Seen(range) => return Ok(range),
                Turn::Send(range) => self.send(range).await?,
                Turn::Receive(range) => self.receive(range).await?,
                Turn::Rest => rest().await,
            }
            Ok(None)
        }
    }

    /// Receives into this room of `rx`. The peer may be waiting for what we wrote, so that is flushed first.
    fn receive(&mut self, room: Range<usize>) -> impl Future<Output = Result<(), TlsStreamError>> {
        async move {
            if self.owes_flush {
                self.flush_io().await?;
            }
            let (session, mut buffers) = self.memory.lend();
            let room = buffers.rx.get_mut(room).unwrap_or_default();
            match self.io.read(room).await.map_err(io)? {
                0 => Err(session.ended(&mut buffers).into()),
                received => {
                    session.received(received, &buffers);
                    Ok(())
                }
            }
        }
    }

    /// Sends some of `tx`.
    fn send(&mut self, range: Range<usize>) -> impl Future<Output = Result<(), TlsStreamError>> {
        async move {
            let (session, buffers) = self.memory.lend();
            let bytes = buffers.tx.get(range).unwrap_or_default();
            let failure = match self.io.write(bytes).await {
                Ok(sent @ 1..) => {
                    session.sent(sent);
                    self.owes_flush = true;
                    return Ok(());
                }
                Ok(_) => Io::WriteZero,
                Err(error) => error.kind(),
            };
            Err(self.failed_to_send(failure))
        }
    }

    /// Why nothing can be sent. If the stream below is gone, the alert that says why may have arrived before: it is the
    /// better reason. Data that arrived instead is left for [`fill`](Self::fill).
    #[inline(never)]
    fn failed_to_send(&mut self, failure: Io) -> TlsStreamError {
        if failure != Io::TimedOut && self.memory.lend().0.cut_off() {
            loop {
                let (session, mut buffers) = self.memory.lend();
                match session.next(&mut buffers) {
                    Ok(Next::Receive(room)) => {
                        let room = buffers.rx.get_mut(room).unwrap_or_default();
                        match poll_once(self.io.read(room)) {
                            Some(Ok(received @ 1..)) => session.received(received, &buffers),
                            _ => break,
                        }
                    }
                    Ok(Next::Ticket(_)) => {}
                    Err(alert @ TlsError::PeerAlert(_)) => return alert.into(),
                    _ => break,
                }
            }
        }
        TlsStreamError::Io(failure)
    }

    /// Sends the alert that a failed session has pending, if the stream takes it at once: nothing waits for that.
    fn say_why(&mut self) {
        loop {
            let (session, buffers) = self.memory.lend();
            let Some(range) = session.pending() else { break };
            let bytes = buffers.tx.get(range).unwrap_or_default();
            match poll_once(self.io.write(bytes)) {
                Some(Ok(sent @ 1..)) => session.sent(sent),
                _ => return,
            }
        }
        _ = poll_once(self.io.flush());
    }

    /// Where the data is that came, received first if there is none; empty at the end.
    pub(crate) fn fill(&mut self) -> impl Future<Output = Result<Range<usize>, TlsStreamError>> {
        async move {
            loop {
                let (session, mut buffers) = self.memory.lend();
                let next = session.next(&mut buffers);
                if let Some(range) = self.turn(next).await? {
                    return Ok(range);
                }
            }
        }
    }

    pub(crate) fn read(&mut self, out: &mut [u8]) -> impl Future<Output = Result<usize, TlsStreamError>> {
        async move {
            if out.is_empty() {
                return Ok(0);
            }
            let range = self.fill().await?;
            let data = self.data(range);
            let len = data.len().min(out.len());
            if let (Some(place), Some(data)) = (out.get_mut(..len), data.get(..len)) {
                place.copy_from_slice(data);
            }
            self.consume(len);
            Ok(len)
        }
    }

    /// Takes what fits in `tx`. A write that was dropped has taken nothing.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<usize, TlsStreamError>> {
        async move {
            loop {
                let (session, mut buffers) = self.memory.lend();
                let taken = session.encrypt(&mut buffers, bytes)?;
                if taken > 0 || bytes.is_empty() {
                    return Ok(taken);
                }
                self.send_all().await?;
            }
        }
    }

    /// Sends everything that was written.
    async fn send_all(&mut self) -> Result<(), TlsStreamError> {
        loop {
            let (session, mut buffers) = self.memory.lend();
            if let Err(error) = session.flush(&mut buffers) {
                self.say_why();
                return Err(error.into());
            }
            match session.pending() {
                Some(range) => self.send(range).await?,
                None if session.is_flushed() => return Ok(()),
                None => {}
            }
        }
    }

    pub(crate) async fn flush(&mut self) -> Result<(), TlsStreamError> {
        self.send_all().await?;
        self.flush_io().await
    }

    fn flush_io(&mut self) -> impl Future<Output = Result<(), TlsStreamError>> {
        async move {
            self.io.flush().await.map_err(io)?;
            self.owes_flush = false;
            Ok(())
        }
    }

    /// Ends our direction: what was written is sent, then `close_notify`. Neither is flushed.
    pub(crate) async fn close(&mut self) -> Result<(), TlsStreamError> {
        let (session, mut buffers) = self.memory.lend();
        session.close(&mut buffers)?;
        self.send_all().await
    }

    /// Whether the peer says nothing that matters: neither data nor the end is waiting. Tickets are taken; more of them
    /// than the engine takes in one turn are not quiet.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.owes_flush = false;
        loop {
            let next = {
                let (session, mut buffers) = self.memory.lend();
                session.next(&mut buffers)
            };
            if let Ok(Next::Yield) = next {
                return false;
            }
            match poll_once(self.turn(next)) {
                None | Some(Err(TlsStreamError::Io(Io::TimedOut))) => return true,
                Some(Ok(None)) => {}
                Some(_) => return false,
            }
        }
    }
}

fn io(error: impl embedded_io_async::Error) -> TlsStreamError {
    TlsStreamError::Io(error.kind())
}

/// What a session wants done before it goes on.
enum Turn {
    Send(Range<usize>),
    Receive(Range<usize>),
    Rest,
    /// Nothing; and perhaps the caller is to see this.
    Seen(Option<Range<usize>>),
}

/// Lets others work.
async fn rest() {
    let mut rested = false;
    poll_fn(|context| {
        if core::mem::replace(&mut rested, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
