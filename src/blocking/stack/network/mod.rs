//! embedded-nal: a `TcpClientStack` with its `Dns`, a clock and an idle hook make a network.

mod dns;
mod listen;
mod quirks;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use core::{
    cell::{Cell, RefCell},
    future::poll_fn,
    net::SocketAddr,
    task::Poll,
};

use embedded_io_async::ErrorKind;
use embedded_nal::{TcpClientStack, TcpError, TcpErrorKind};

pub use self::{
    listen::NetworkListener,
    quirks::{UdpSilence, ZeroRead},
    tcp::NetworkConnection,
    udp::NetworkDatagrams,
};
use crate::{
    stack::Local,
    time::{BlockingTimer, Clock, Deadline, Instant, Timer},
};

/// The ports that a client picks from (RFC 6335 §6).
const DYNAMIC_PORTS: core::ops::RangeInclusive<u16> = 49_152..=65_535;

/// How many of them are tried before giving up.
const PORTS_TRIED: usize = 16;

/// A network made of an embedded-nal stack (one object that is both `TcpClientStack` and `Dns`), a clock, and a hook
/// that is called whenever there is nothing to do but wait.
///
/// The hook gets the stack. It is where a stack that does not run by itself is polled, and where a processor may sleep
/// until the next interrupt; the longer it takes, the later a deadline is noticed. It is also called once after every
/// flush and close, so that what was written leaves. It must not use this network's pool: such a call fails.
///
/// Every connection is closed on the stack when it is dropped, also one that failed or that never came to be.
///
/// embedded-nal has no word for giving up a query for a name, and a stack that goes on with it has room for few. So a name
/// that the deadline cut short is remembered here (253 bytes), and asked to its end before another one is.
///
/// # Which stack needs what
///
/// | stack | [`ZeroRead`] | idle hook | good to know |
/// |---|---|---|---|
/// | std-embedded-nal 0.4 | `Eof` | sleep or yield | `host::Network` can do more; has servers; connecting, resolving, and reading from a connection that was accepted wait inside one call, which no deadline ends |
/// | smoltcp-nal 0.7 | `WouldBlock` | `poll` | IPv4 only; a refused connection is tried again until the deadline; a name without a response takes ten seconds, and the next one waits for it; a reset is told from an orderly end by [`tcp_errors`](Self::tcp_errors); a connection that was closed sends what it has until its socket is taken again |
/// | w5500 0.6 | `WouldBlock` | nothing, or wait for the interrupt pin | no `Dns`: add one; bytes that arrive together with the end of the stream may be lost |
/// | esp-at-nal 0.5 | `Eof` | nothing | no `Dns`: add one; connecting waits inside one call; the end of the stream is not reported, so reading ends at the deadline |
///
/// The first two are run against in this crate's tests (`tests/stacks/blocking_std.rs`, `blocking_smoltcp.rs`).
///
/// Where the stack is a `TcpFullStack` too, this network listens, with the backlog of the stack. Where it is a
/// `UdpFullStack`, this network binds UDP sockets; smoltcp-nal 0.7 needs
/// [`udp_silence(UdpSilence::Error)`](Self::udp_silence) for them. A stack is never asked to bind port 0, which
/// embedded-nal leaves open and some stacks refuse or take literally: "any port" is picked here. `bind` knows no address
/// family, so a socket sends to either, if the stack can. embedded-nal also leaves open what becomes of a datagram that is
/// larger than the buffer: std-embedded-nal cuts it off and tells the buffer's size, others fail.
///
/// The wrong [`ZeroRead`] takes silence for the end (every response is truncated) or the end for silence (every
/// response that the server ends by closing times out).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use socketpool::{Resources, blocking::{Network, SocketPool, ZeroRead}, time::{Clock, Instant}};
///
/// struct SinceStart(std::time::Instant);
/// impl Clock for SinceStart {
///     fn now(&self) -> Instant {
///         Instant::from_millis(self.0.elapsed().as_millis() as u64)
///     }
/// }
///
/// let clock = SinceStart(std::time::Instant::now());
/// let idle = |_: &mut _| std::thread::sleep(Duration::from_millis(1));
/// let mut network = Network::new(std_embedded_nal::Stack, clock, idle, ZeroRead::Eof);
/// let mut memory = Resources::<2>::new();
/// let pool = SocketPool::new(&mut network, &mut memory);
/// let mut socket = pool.socket()?;
/// # Ok::<_, socketpool::Error>(())
/// ```
///
/// # Not supported
/// embedded-nal cannot close one direction only, so [`shutdown`](crate::stack::Connection::shutdown) closes both. It has no options, no
/// multicast, no word for one of several local addresses or for a port in TIME-WAIT, and does not tell our address on a
/// connection: all of that is `Unsupported`. It cannot tell an unknown name from a silent name server: both are
/// [`ResolveError::NoAnswer`](crate::stack::ResolveError::NoAnswer). Why a connection was not made it does not say either: a stack
/// without a free socket is `OutOfMemory`, and all other reasons are `Other` unless [`tcp_errors`](Self::tcp_errors) names
/// them.
pub struct Network<S: TcpClientStack, C, I> {
    /// Borrowed for one call of the stack or the hook at a time.
    stack: RefCell<S>,
    clock: C,
    idle: I,
    zero_read: ZeroRead,
    udp_silence: UdpSilence,
    tcp_errors: fn(&S::Error) -> ErrorKind,
    /// The port after the one that was picked last; 0 before the first.
    next_port: Cell<u16>,
    deadline: Cell<Deadline>,
    given_up: RefCell<Option<dns::GivenUp>>,
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Network<S, C, I> {
    /// Puts the parts together. `zero_read` must fit the stack; the [table](Self) says what fits.
    pub const fn new(stack: S, clock: C, idle: I, zero_read: ZeroRead) -> Self {
        Self {
            stack: RefCell::new(stack),
            clock,
            idle,
            zero_read,
            udp_silence: UdpSilence::WouldBlock,
            tcp_errors: |error| match error.kind() {
                TcpErrorKind::PipeClosed => ErrorKind::BrokenPipe,
                _ => ErrorKind::Other,
            },
            next_port: Cell::new(0),
            deadline: Cell::new(Deadline::NEVER),
            given_up: RefCell::new(None),
        }
    }

    /// How this stack says that no datagram has arrived.
    #[must_use]
    pub const fn udp_silence(mut self, silence: UdpSilence) -> Self {
        self.udp_silence = silence;
        self
    }

    /// What the errors of this stack's TCP sockets are in embedded-io's words, if it knows more of them than embedded-nal
    /// asks for: who refused, what was reset. `BrokenPipe` is the end of the stream to one who reads; `TimedOut` is not
    /// for a stack to say. Unless you say otherwise, the kind `PipeClosed` is `BrokenPipe`, and any other is `Other`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use socketpool::{blocking::{Network, ZeroRead}, time::{Clock, Instant}};
    /// # struct NoClock;
    /// # impl Clock for NoClock {
    /// #     fn now(&self) -> Instant {
    /// #         Instant::from_millis(0)
    /// #     }
    /// # }
    /// use embedded_io::ErrorKind;
    ///
    /// let idle = |_: &mut _| std::thread::yield_now();
    /// let network = Network::new(std_embedded_nal::Stack, NoClock, idle, ZeroRead::Eof).tcp_errors(|error| {
    ///     match error.0.kind() {
    ///         std::io::ErrorKind::ConnectionRefused => ErrorKind::ConnectionRefused,
    ///         std::io::ErrorKind::ConnectionReset => ErrorKind::ConnectionReset,
    ///         std::io::ErrorKind::AddrInUse => ErrorKind::AddrInUse,
    ///         std::io::ErrorKind::BrokenPipe => ErrorKind::BrokenPipe,
    ///         _ => ErrorKind::Other,
    ///     }
    /// });
    /// # let _ = network;
    /// ```
    #[must_use]
    pub const fn tcp_errors(mut self, words: fn(&S::Error) -> ErrorKind) -> Self {
        self.tcp_errors = words;
        self
    }

    fn tcp_error(&self, error: nb::Error<S::Error>) -> nb::Error<ErrorKind> {
        error.map(|error| (self.tcp_errors)(&error))
    }

    /// Binds where `local` says: `bind` to that port, or to ports that are picked here until one is free. Tells where that
    /// was.
    fn bind_to<T>(
        &self,
        local: Local,
        bind: impl Fn(&mut S, u16) -> Result<T, ErrorKind>,
    ) -> Result<(T, SocketAddr), ErrorKind> {
        if local.address.is_some_and(|address| !address.is_unspecified()) {
            return Err(ErrorKind::Unsupported);
        }
        let mut stack = self.stack.try_borrow_mut().map_err(|_| ErrorKind::Other)?;
        let mut tries = if local.port == 0 { PORTS_TRIED } else { 1 };
        loop {
            tries -= 1;
            let port = if local.port == 0 { self.pick_port() } else { local.port };
            match bind(&mut stack, port) {
                Ok(socket) => return Ok((socket, Local { port, ..local }.to_addr())),
                Err(ErrorKind::OutOfMemory) => return Err(ErrorKind::OutOfMemory),
                Err(kind) if tries == 0 => return Err(kind),
                Err(_) => {}
            }
        }
    }

    /// A port of the dynamic range; they go round, from a start that depends on the time.
    fn pick_port(&self) -> u16 {
        let (first, last) = (*DYNAMIC_PORTS.start(), *DYNAMIC_PORTS.end());
        let port = match self.next_port.get() {
            0 => first + (self.clock.now().as_millis() % u64::from(last - first)) as u16,
            port => port,
        };
        self.next_port.set(if port == last { first } else { port + 1 });
        port
    }

    /// Tries until there is an outcome or the deadline has passed. Even if it has, there is one try before the idle
    /// hook and one after it: a stack that must be polled hears of what has arrived only there.
    fn wait<T>(&self, mut attempt: impl FnMut(&mut S) -> nb::Result<T, ErrorKind>) -> Result<T, ErrorKind> {
        let mut last = false;
        loop {
            let mut stack = self.stack.try_borrow_mut().map_err(|_| ErrorKind::Other)?;
            match attempt(&mut stack) {
                Ok(output) => return Ok(output),
                Err(nb::Error::Other(kind)) => return Err(kind),
                Err(nb::Error::WouldBlock) if last => return Err(ErrorKind::TimedOut),
                Err(nb::Error::WouldBlock) => {}
            }
            last = self.deadline.get().has_passed(&self.clock);
            (self.idle)(&mut stack);
        }
    }

    /// Lets the stack move what it has.
    fn move_on(&self) {
        if let Ok(mut stack) = self.stack.try_borrow_mut() {
            (self.idle)(&mut stack);
        }
    }
}

impl<S: TcpClientStack, C: Clock, I> Clock for Network<S, C, I> {
    fn now(&self) -> Instant {
        self.clock.now()
    }
}

impl<S: TcpClientStack, C: Clock, I> Timer for Network<S, C, I> {
    /// Does not wait inside: its poller calls [`idle`](BlockingTimer::idle) meanwhile.
    async fn wait_until(&self, at: Instant) {
        poll_fn(|_| if self.now() >= at { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn set_deadline(&self, deadline: Deadline) {
        self.deadline.set(deadline);
    }
}

/// Waiting is what the idle hook does.
impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> BlockingTimer for Network<S, C, I> {
    fn idle(&self) {
        self.move_on();
    }
}

impl<S: TcpClientStack, C, I> core::fmt::Debug for Network<S, C, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Network").field("zero_read", &self.zero_read).finish_non_exhaustive()
    }
}
