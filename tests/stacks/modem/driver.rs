//! A driver for an AT modem with TCP and TLS on board, over any byte line: all that a pool asks of a network. Copy it, and
//! put in the words of your modem; those of this one are in `simulator.rs`.
//!
//! - All state lies in [`State`], and none in a future. What was begun is carried on by whichever future is polled next,
//!   so a future can be dropped at any point: a `write` that did not say that it took bytes has taken none, and bytes that
//!   were fetched for a `read` that is gone wait for the next one.
//! - There is one place that waits, [`until`](Modem::until): it looks, and moves bytes in both directions.
//! - Received bytes stay in the modem until they are asked for: the line cannot hold back those of one connection only.
//! - After a line that cannot be understood, or an answer that does not come, nothing that the modem says can be believed:
//!   all that is open fails, and the modem is reset. It begins in that state.

use core::{
    cell::RefCell,
    fmt::Arguments,
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    task::{Context, Poll, Waker},
    time::Duration,
};

use embassy_sync::{blocking_mutex::raw::NoopRawMutex, mutex::Mutex};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use socketpool::{
    stack::{Connect, ConnectTls, ConnectTlsError, Connection, Family, Resolve, ResolveError, TlsServer},
    time::{BlockingTimer, Clock, Deadline, Instant, Timer},
};

use super::at::{At, Command, FETCH, Link, SEND, State, Use};

/// How long the modem may take for an answer.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may take to be opened.
const CONNECTING: Duration = Duration::from_secs(60);

/// A modem on the line `L`, with the clock and timer `W`.
pub struct Modem<L, W> {
    at: RefCell<At<L>>,
    timer: W,
    /// One future at a time asks what is not about a connection.
    asking: Mutex<NoopRawMutex, ()>,
}

/// Whoever leaves may have been the one that the line would have woken: the others look for themselves.
struct Leaving<'m, L>(&'m RefCell<At<L>>);

impl<L> Drop for Leaving<'_, L> {
    fn drop(&mut self) {
        self.0.borrow_mut().wakers.wake();
    }
}

impl<L: Read + Write, W: Timer> Modem<L, W> {
    pub fn new(line: L, timer: W) -> Self {
        Self { at: RefCell::new(At::new(line)), timer, asking: Mutex::new(()) }
    }

    /// Looks for what is wanted, and moves bytes until it is there.
    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> Result<T, ErrorKind> {
        let _leaving = Leaving(&self.at);
        loop {
            let work = poll_fn(|context| {
                let mut at = self.at.borrow_mut();
                at.state.now = self.timer.now().as_millis();
                loop {
                    let found = look(&mut at.state);
                    let moved = at.pump(context);
                    match found {
                        Some(found) => return Poll::Ready(Ok(found)),
                        None if moved? => at.wakers.wake(),
                        None => break,
                    }
                }
                at.wakers.register(context.waker());
                Poll::Pending
            });
            let deadline = Deadline::within(&self.timer, Some(PATIENCE));
            if let Some(outcome) = deadline.limit(&self.timer, work).await {
                return outcome;
            }
            let (state, now) = (&mut self.at.borrow_mut().state, self.timer.now().as_millis());
            if state.command.is_some() && now.saturating_sub(state.since) >= PATIENCE.as_millis() as u64 {
                state.lose();
                return Err(ErrorKind::TimedOut);
            }
        }
    }

    /// Asks what is not about a connection: gives the address that came, if one did, or the number of the error.
    async fn ask(&self, text: Arguments<'_>, payload: &[u8]) -> Result<Result<Option<IpAddr>, usize>, ErrorKind> {
        let _turn = self.asking.lock().await;
        let mut is_begun = false;
        let look = |state: &mut State| {
            is_begun = is_begun || state.begin(Command::Ask, text, payload);
            state.answer.take().filter(|_| is_begun)
        };
        self.until(look).await
    }

    /// Sets the date, which certificates are verified against.
    pub async fn set_clock(&self, unix_seconds: u64) -> Result<(), ErrorKind> {
        self.ask(format_args!("AT+CLOCK={unix_seconds}"), &[]).await?.map_or(Err(ErrorKind::Other), |_| Ok(()))
    }

    /// Sets the root certificate (DER) that servers are verified against under this profile.
    pub async fn set_root(&self, profile: u8, root: &[u8]) -> Result<(), ErrorKind> {
        for (piece, index) in root.chunks(SEND).zip(0..) {
            let (at, len) = (index * SEND, piece.len());
            let outcome = self.ask(format_args!("AT+ROOT={profile},{at},{len}"), piece).await?;
            outcome.map_err(|_| ErrorKind::Other)?;
        }
        Ok(())
    }

    async fn open(&self, target: Arguments<'_>) -> Result<ModemConnection<'_, L, W>, ConnectTlsError> {
        let claim = |state: &mut State| {
            let free = state.links.iter().position(|link| link.used == Use::Free);
            match free {
                _ if !state.is_in_step => None,
                Some(number) => {
                    state.links[number] = Link { used: Use::Held, ..Link::default() };
                    Some(Ok(number))
                }
                None if state.links.iter().any(|link| link.used == Use::Dropped) => None,
                None => Some(Err(ErrorKind::OutOfMemory)),
            }
        };
        let number = self.until(claim).await.and_then(|claimed| claimed).map_err(ConnectTlsError::Connect)?;
        // From here on the modem is told when this future is dropped.
        let connection = ModemConnection { modem: self, number };
        let mut is_begun = false;
        let look = |state: &mut State| {
            is_begun = is_begun || state.begin(Command::Open(number), format_args!("AT+OPEN={number},{target}"), &[]);
            let link = &state.links[number];
            link.failed.map(Err).or(link.opened.map(Ok))
        };
        let opened = Deadline::within(&self.timer, Some(CONNECTING)).limit(&self.timer, self.until(look)).await;
        match opened.unwrap_or(Ok(Ok(4))).and_then(|opened| opened).map_err(ConnectTlsError::Connect)? {
            0 => Ok(connection),
            1 => Err(ConnectTlsError::Resolve(ResolveError::NoSuchName)),
            2 => Err(ConnectTlsError::Resolve(ResolveError::NoAnswer)),
            3 => Err(ConnectTlsError::Connect(ErrorKind::ConnectionRefused)),
            4 => Err(ConnectTlsError::Connect(ErrorKind::TimedOut)),
            5 => Err(ConnectTlsError::Unverified),
            6 => Err(ConnectTlsError::Handshake(ErrorKind::Other)),
            _ => Err(ConnectTlsError::Connect(ErrorKind::Other)),
        }
    }
}

impl<L, W: Clock> Clock for Modem<L, W> {
    fn now(&self) -> Instant {
        self.timer.now()
    }
}

impl<L, W: Timer> Timer for Modem<L, W> {
    async fn wait_until(&self, at: Instant) {
        self.timer.wait_until(at).await;
    }
}

/// For the blocking face: what is pending is polled again after this.
impl<L, W: BlockingTimer> BlockingTimer for Modem<L, W> {
    fn idle(&self) {
        self.timer.idle();
    }
}

impl<L: Read + Write, W: Timer> Resolve for Modem<L, W> {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        match self.ask(format_args!("AT+DNS=\"{host}\""), &[]).await {
            Ok(Ok(Some(address))) if family != Family::Ipv6 || address.is_ipv6() => Ok(address),
            Ok(Err(1)) => Err(ResolveError::NoSuchName),
            _ => Err(ResolveError::NoAnswer),
        }
    }
}

impl<L: Read + Write, W: Timer> Connect for Modem<L, W> {
    type Connection<'a>
        = ModemConnection<'a, L, W>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind> {
        let (address, port) = (remote.ip(), remote.port());
        self.open(format_args!("\"TCP\",\"{address}\",{port}")).await.map_err(|error| match error {
            ConnectTlsError::Connect(kind) => kind,
            _ => ErrorKind::Other,
        })
    }
}

impl<L: Read + Write, W: Timer> ConnectTls for Modem<L, W> {
    async fn connect_tls(&self, server: TlsServer<'_>) -> Result<Self::Connection<'_>, ConnectTlsError> {
        let TlsServer { host, port, profile, .. } = server;
        match server.address {
            Some(address) => self.open(format_args!("\"TLS\",\"{address}\",{port},{profile},\"{host}\"")).await,
            None => self.open(format_args!("\"TLS\",\"{host}\",{port},{profile},\"{host}\"")).await,
        }
    }
}

/// An open connection.
pub struct ModemConnection<'m, L: Read + Write, W> {
    modem: &'m Modem<L, W>,
    number: usize,
}

impl<L: Read + Write, W> ErrorType for ModemConnection<'_, L, W> {
    type Error = ErrorKind;
}

impl<L: Read + Write, W: Timer> Read for ModemConnection<'_, L, W> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        let (number, fetch) = (self.number, Command::Fetch(self.number));
        let look = |state: &mut State| {
            if state.is_coming(number) {
                return None;
            }
            let link = &mut state.links[number];
            if !link.received.is_empty() || out.is_empty() {
                let received = core::iter::from_fn(|| link.received.pop_front());
                return Some(Ok(out.iter_mut().zip(received).map(|(place, byte)| *place = byte).count()));
            }
            if let Some(kind) = link.failed {
                return Some(Err(kind));
            }
            if !link.has_more {
                return link.ended;
            }
            state.begin(fetch, format_args!("AT+RECV={number},{FETCH}"), &[]);
            None
        };
        self.modem.until(look).await?
    }
}

impl<L: Read + Write, W: Timer> Write for ModemConnection<'_, L, W> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let (number, bytes) = (self.number, bytes.get(..SEND).unwrap_or(bytes));
        let look = |state: &mut State| match state.links[number].broken() {
            Some(kind) => Some(Err(kind)),
            None if bytes.is_empty() => Some(Ok(0)),
            None => {
                let text = format_args!("AT+SEND={number},{}", bytes.len());
                state.begin(Command::Send(number), text, bytes).then_some(Ok(bytes.len()))
            }
        };
        self.modem.until(look).await?
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        let number = self.number;
        let look = |state: &mut State| match state.links[number].broken() {
            Some(kind) => Some(Err(kind)),
            None => (state.command != Some(Command::Send(number))).then_some(Ok(())),
        };
        self.modem.until(look).await?
    }
}

impl<L: Read + Write, W: Timer> Connection for ModemConnection<'_, L, W> {
    /// The modem ends both directions at once, when this is dropped.
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.flush().await
    }

    fn has_more_to_fetch(&self) -> bool {
        let state = &self.modem.at.borrow().state;
        let link = &state.links[self.number];
        link.has_more || link.ended.is_some() || !link.received.is_empty() || state.is_coming(self.number)
    }
}

impl<L: Read + Write, W> Drop for ModemConnection<'_, L, W> {
    /// Tells the modem, at once if the line is free; else it is told before the next command.
    fn drop(&mut self) {
        let mut at = self.modem.at.borrow_mut();
        at.state.links[self.number].used = Use::Dropped;
        let _ = at.pump(&mut Context::from_waker(Waker::noop()));
        at.wakers.wake();
    }
}
