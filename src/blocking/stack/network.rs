//! embedded-nal: a `TcpClientStack` with its `Dns`, a clock and an idle hook make a network.

use core::{
    cell::{Cell, RefCell},
    net::{IpAddr, SocketAddr},
};

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use embedded_nal::{AddrType, Dns, TcpClientStack, TcpError, TcpErrorKind, UdpFullStack};

use super::{Connect, Connection, DatagramSocket, Datagrams, Family, Local, Resolve, ResolveError};
use crate::{
    stack::unmapped,
    time::{Clock, Deadline, Instant},
};

/// What it means when a stack's `receive` says that it received 0 bytes. embedded-nal leaves that open, and the stacks
/// differ; [`Network`] has the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ZeroRead {
    /// The peer has ended the stream.
    Eof,
    /// Nothing has arrived yet: try again.
    WouldBlock,
}

/// How a stack says that no datagram has arrived. embedded-nal wants `WouldBlock`, but one stack has an error for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UdpSilence {
    /// `WouldBlock`. An error is an error.
    #[default]
    WouldBlock,
    /// With an error, as smoltcp-nal 0.7 does. No error of `receive` can be told from silence then, so all of them end at
    /// the deadline, and never without one.
    Error,
}

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
/// # Which stack needs what
///
/// | stack | [`ZeroRead`] | idle hook | good to know |
/// |---|---|---|---|
/// | std-embedded-nal 0.4 | `Eof` | sleep or yield | connecting and resolving wait inside one call, which no deadline ends |
/// | smoltcp-nal 0.7 | `WouldBlock` | `poll` | IPv4 only; a refused connection is tried again until the deadline; a reset looks like an orderly end |
/// | w5500 0.6 | `WouldBlock` | nothing, or wait for the interrupt pin | no `Dns`: add one; bytes that arrive together with the end of the stream may be lost |
/// | esp-at-nal 0.5 | `Eof` | nothing | no `Dns`: add one; connecting waits inside one call; the end of the stream is not reported, so reading ends at the deadline |
///
/// Where the stack is a `UdpFullStack` too, this network binds UDP sockets; smoltcp-nal 0.7 needs
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
/// embedded-nal cannot close one direction only, so [`shutdown`](Connection::shutdown) closes both. It cannot tell an
/// unknown name from a silent name server: both are [`ResolveError::NoAnswer`]. Why a connection was not made it
/// does not say either: all reasons are `ErrorKind::Other`, but for a stack without a free socket, `OutOfMemory`.
pub struct Network<S, C, I> {
    /// Borrowed for one call of the stack or the hook at a time.
    stack: RefCell<S>,
    clock: C,
    idle: I,
    zero_read: ZeroRead,
    udp_silence: UdpSilence,
    /// The port after the one that was picked last; 0 before the first.
    next_port: Cell<u16>,
    deadline: Cell<Deadline>,
}

impl<S, C: Clock, I: Fn(&mut S)> Network<S, C, I> {
    /// Puts the parts together. `zero_read` must fit the stack; the [table](Self) says what fits.
    pub const fn new(stack: S, clock: C, idle: I, zero_read: ZeroRead) -> Self {
        Self {
            stack: RefCell::new(stack),
            clock,
            idle,
            zero_read,
            udp_silence: UdpSilence::WouldBlock,
            next_port: Cell::new(0),
            deadline: Cell::new(Deadline::NEVER),
        }
    }

    /// How this stack says that no datagram has arrived.
    #[must_use]
    pub const fn udp_silence(mut self, silence: UdpSilence) -> Self {
        self.udp_silence = silence;
        self
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

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Connect for Network<S, C, I> {
    type Connection<'a>
        = NetworkConnection<'a, S, C, I>
    where
        Self: 'a;

    fn set_deadline(&self, deadline: Deadline) {
        self.deadline.set(deadline);
    }

    fn wait_until(&self, at: Instant) {
        while self.clock.now() < at {
            self.move_on();
        }
    }

    fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind> {
        let opened = self.stack.try_borrow_mut().map_err(|_| ErrorKind::Other)?.socket();
        let socket = opened.map_err(|_| ErrorKind::OutOfMemory)?;
        let mut connection = NetworkConnection { network: self, socket: Some(socket) };
        let socket = connection.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        self.wait(|stack| stack.connect(socket, remote).map_err(|error| error.map(|_| ErrorKind::Other)))?;
        Ok(connection)
    }
}

/// The address families are asked for one after the other: some stacks give up on `Either` after the first.
impl<S: Dns, C: Clock, I: Fn(&mut S)> Resolve for Network<S, C, I> {
    fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        let ask = |family: AddrType| {
            self.wait(|stack| {
                stack.get_host_by_name(host, family.clone()).map_err(|error| error.map(|_| ErrorKind::Other))
            })
        };
        let answer = match family {
            Family::Ipv4 => ask(AddrType::IPv4),
            Family::Ipv6 => ask(AddrType::IPv6),
            Family::Any => match ask(AddrType::IPv4) {
                Err(kind) if kind != ErrorKind::TimedOut => ask(AddrType::IPv6),
                answer => answer,
            },
        };
        answer.map_err(|_| ResolveError::NoAnswer)
    }
}

impl<S, C: Clock, I> Clock for Network<S, C, I> {
    fn now(&self) -> Instant {
        self.clock.now()
    }
}

impl<S, C, I> core::fmt::Debug for Network<S, C, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Network").field("zero_read", &self.zero_read).finish_non_exhaustive()
    }
}

/// A connection of a [`Network`].
pub struct NetworkConnection<'a, S: TcpClientStack, C: Clock, I: Fn(&mut S)> {
    network: &'a Network<S, C, I>,
    /// There until it is closed.
    socket: Option<S::TcpSocket>,
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> NetworkConnection<'_, S, C, I> {
    /// Closes on the stack, once, and lets it say so.
    fn close(&mut self) -> Result<(), ErrorKind> {
        let Some(socket) = self.socket.take() else { return Ok(()) };
        let Ok(mut stack) = self.network.stack.try_borrow_mut() else {
            warning!("network: a connection that is dropped by the idle hook cannot be closed");
            return Err(ErrorKind::Other);
        };
        let outcome = stack.close(socket).map_err(|_| ErrorKind::Other);
        (self.network.idle)(&mut stack);
        outcome
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Drop for NetworkConnection<'_, S, C, I> {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> ErrorType for NetworkConnection<'_, S, C, I> {
    type Error = ErrorKind;
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Read for NetworkConnection<'_, S, C, I> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        if out.is_empty() {
            return Ok(0);
        }
        let socket = self.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        let zero_read = self.network.zero_read;
        self.network.wait(|stack| match stack.receive(socket, out) {
            Ok(0) if zero_read == ZeroRead::WouldBlock => Err(nb::Error::WouldBlock),
            Ok(received) if received > out.len() => Err(nb::Error::Other(ErrorKind::InvalidData)),
            Ok(received) => Ok(received),
            Err(nb::Error::WouldBlock) => Err(nb::Error::WouldBlock),
            Err(nb::Error::Other(error)) => match error.kind() {
                TcpErrorKind::PipeClosed => Ok(0),
                _ => Err(nb::Error::Other(ErrorKind::Other)),
            },
        })
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Write for NetworkConnection<'_, S, C, I> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let socket = self.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        self.network.wait(|stack| match stack.send(socket, bytes) {
            Ok(0) | Err(nb::Error::WouldBlock) => Err(nb::Error::WouldBlock),
            Ok(sent) if sent > bytes.len() => Err(nb::Error::Other(ErrorKind::InvalidData)),
            Ok(sent) => Ok(sent),
            Err(nb::Error::Other(error)) => Err(nb::Error::Other(match error.kind() {
                TcpErrorKind::PipeClosed => ErrorKind::BrokenPipe,
                _ => ErrorKind::Other,
            })),
        })
    }

    /// embedded-nal has no word for it; the stack gets a chance to send.
    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.network.move_on();
        Ok(())
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> Connection for NetworkConnection<'_, S, C, I> {
    /// Closes both directions.
    fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.network.move_on();
        self.close()
    }
}

impl<S: TcpClientStack, C: Clock, I: Fn(&mut S)> core::fmt::Debug for NetworkConnection<'_, S, C, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkConnection").field("open", &self.socket.is_some()).finish_non_exhaustive()
    }
}

impl<S: UdpFullStack, C: Clock, I: Fn(&mut S)> Datagrams for Network<S, C, I> {
    type Socket<'a>
        = NetworkDatagrams<'a, S, C, I>
    where
        Self: 'a;

    /// embedded-nal has no word for a local address: only all of them can be asked for.
    fn bind(&self, Local { address, port, .. }: Local) -> Result<Self::Socket<'_>, ErrorKind> {
        if address.is_some_and(|address| !address.is_unspecified()) {
            return Err(ErrorKind::Unsupported);
        }
        let mut stack = self.stack.try_borrow_mut().map_err(|_| ErrorKind::Other)?;
        for _ in 0..if port == 0 { PORTS_TRIED } else { 1 } {
            let mut socket = stack.socket().map_err(|_| ErrorKind::OutOfMemory)?;
            let port = if port == 0 { self.pick_port() } else { port };
            if stack.bind(&mut socket, port).is_ok() {
                return Ok(NetworkDatagrams { network: self, socket: Some(socket) });
            }
            let _ = stack.close(socket);
        }
        Err(ErrorKind::Other)
    }
}

/// A UDP socket of a [`Network`].
pub struct NetworkDatagrams<'a, S: UdpFullStack, C: Clock, I: Fn(&mut S)> {
    network: &'a Network<S, C, I>,
    /// There until it is closed.
    socket: Option<S::UdpSocket>,
}

impl<S: UdpFullStack, C: Clock, I: Fn(&mut S)> DatagramSocket for NetworkDatagrams<'_, S, C, I> {
    fn family(&self) -> Family {
        Family::Any
    }

    fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind> {
        let socket = self.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        self.network
            .wait(|stack| stack.send_to(socket, remote, datagram).map_err(|error| error.map(|_| ErrorKind::Other)))?;
        self.network.move_on();
        Ok(())
    }

    fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind> {
        let socket = self.socket.as_mut().ok_or(ErrorKind::NotConnected)?;
        let silence = self.network.udp_silence;
        self.network.wait(|stack| match stack.receive(socket, out) {
            Ok((size, remote)) => Ok((size, unmapped(remote))),
            Err(nb::Error::Other(_)) if silence == UdpSilence::Error => Err(nb::Error::WouldBlock),
            Err(error) => Err(error.map(|_| ErrorKind::Other)),
        })
    }
}

impl<S: UdpFullStack, C: Clock, I: Fn(&mut S)> Drop for NetworkDatagrams<'_, S, C, I> {
    fn drop(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        match self.network.stack.try_borrow_mut() {
            Ok(mut stack) => drop(stack.close(socket)),
            Err(_) => warning!("network: a socket that is dropped by the idle hook cannot be closed"),
        }
    }
}

impl<S: UdpFullStack, C: Clock, I: Fn(&mut S)> core::fmt::Debug for NetworkDatagrams<'_, S, C, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkDatagrams").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, rc::Rc, vec::Vec};

    use super::*;

    /// A stack that answers what it is told to, and "try again" when it was told nothing more.
    #[derive(Default)]
    struct Told {
        connects: VecDeque<nb::Result<(), TcpErrorKind>>,
        receives: VecDeque<nb::Result<usize, TcpErrorKind>>,
        sends: VecDeque<nb::Result<usize, TcpErrorKind>>,
        names: VecDeque<nb::Result<IpAddr, TcpErrorKind>>,
        asked: Vec<AddrType>,
        full: bool,
        opened: usize,
        closed: usize,
        polls: usize,
        receives_after_poll: bool,
    }

    impl TcpError for TcpErrorKindError {
        fn kind(&self) -> TcpErrorKind {
            match self.0 {
                TcpErrorKind::PipeClosed => TcpErrorKind::PipeClosed,
                _ => TcpErrorKind::Other,
            }
        }
    }

    #[derive(Debug)]
    struct TcpErrorKindError(TcpErrorKind);

    fn next<T>(told: &mut VecDeque<nb::Result<T, TcpErrorKind>>) -> nb::Result<T, TcpErrorKindError> {
        let answer = told.pop_front().unwrap_or(Err(nb::Error::WouldBlock));
        answer.map_err(|error| error.map(TcpErrorKindError))
    }

    impl TcpClientStack for Told {
        type TcpSocket = ();
        type Error = TcpErrorKindError;

        fn socket(&mut self) -> Result<(), TcpErrorKindError> {
            if self.full {
                return Err(TcpErrorKindError(TcpErrorKind::Other));
            }
            self.opened += 1;
            Ok(())
        }

        fn connect(&mut self, _: &mut (), _: SocketAddr) -> nb::Result<(), TcpErrorKindError> {
            next(&mut self.connects)
        }

        fn send(&mut self, _: &mut (), _: &[u8]) -> nb::Result<usize, TcpErrorKindError> {
            next(&mut self.sends)
        }

        fn receive(&mut self, _: &mut (), _: &mut [u8]) -> nb::Result<usize, TcpErrorKindError> {
            if self.receives_after_poll && self.polls == 0 {
                return Err(nb::Error::WouldBlock);
            }
            next(&mut self.receives)
        }

        fn close(&mut self, (): ()) -> Result<(), TcpErrorKindError> {
            self.closed += 1;
            Ok(())
        }
    }

    impl Dns for Told {
        type Error = TcpErrorKindError;

        fn get_host_by_name(&mut self, _: &str, family: AddrType) -> nb::Result<IpAddr, TcpErrorKindError> {
            if self.asked.last() != Some(&family) {
                self.asked.push(family);
            }
            next(&mut self.names)
        }

        fn get_host_by_address(&mut self, _: IpAddr, _: &mut [u8]) -> nb::Result<usize, TcpErrorKindError> {
            Err(nb::Error::WouldBlock)
        }
    }

    /// A millisecond passes whenever the hook is called.
    #[derive(Clone, Default)]
    struct Ticks(Rc<Cell<u64>>);

    impl Clock for Ticks {
        fn now(&self) -> Instant {
            Instant::from_millis(self.0.get())
        }
    }

    fn network(told: Told, zero_read: ZeroRead) -> Network<Told, Ticks, impl Fn(&mut Told)> {
        let ticks = Ticks::default();
        let hook = ticks.clone();
        let idle = move |stack: &mut Told| {
            stack.polls += 1;
            hook.0.set(hook.0.get() + 1);
        };
        let network = Network::new(told, ticks, idle, zero_read);
        network.set_deadline(Deadline::at(Instant::from_millis(10)));
        network
    }

    const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(core::net::Ipv4Addr::LOCALHOST), 7);
    const AGAIN: nb::Error<TcpErrorKind> = nb::Error::WouldBlock;
    const CLOSED: nb::Error<TcpErrorKind> = nb::Error::Other(TcpErrorKind::PipeClosed);
    const OTHER: nb::Error<TcpErrorKind> = nb::Error::Other(TcpErrorKind::Other);

    #[test]
    fn what_received_zero_means_depends_on_the_stack() {
        for (zero_read, expected) in [(ZeroRead::Eof, 0), (ZeroRead::WouldBlock, 3)] {
            let receives = [Err(AGAIN), Ok(0), Ok(3)].into();
            let network = network(Told { connects: [Ok(())].into(), receives, ..Told::default() }, zero_read);
            let mut connection = network.connect(REMOTE).expect("connected");
            assert_eq!(connection.read(&mut [0; 4]), Ok(expected), "{zero_read:?}");
        }
    }

    #[test]
    fn a_closed_pipe_is_the_end_for_a_reader_and_a_failure_for_a_writer() {
        let told = Told {
            connects: [Ok(())].into(),
            receives: [Err(CLOSED), Err(OTHER), Ok(9)].into(),
            sends: [Ok(0), Ok(2), Err(CLOSED), Err(OTHER), Ok(9)].into(),
            ..Told::default()
        };
        let network = network(told, ZeroRead::WouldBlock);
        let mut connection = network.connect(REMOTE).expect("connected");
        assert_eq!(connection.read(&mut []), Ok(0));
        assert_eq!(connection.read(&mut [0; 4]), Ok(0));
        assert_eq!(connection.read(&mut [0; 4]), Err(ErrorKind::Other));
        assert_eq!(connection.read(&mut [0; 4]), Err(ErrorKind::InvalidData), "more than there is room for");
        assert_eq!(connection.write(b""), Ok(0));
        assert_eq!(connection.write(b"abc"), Ok(2), "0 was tried again");
        assert_eq!(connection.write(b"abc"), Err(ErrorKind::BrokenPipe));
        assert_eq!(connection.write(b"abc"), Err(ErrorKind::Other));
        assert_eq!(connection.write(b"abc"), Err(ErrorKind::InvalidData), "more than there was");
    }

    #[test]
    fn every_wait_ends_and_every_socket_is_closed() {
        let mut network = network(Told::default(), ZeroRead::Eof);
        assert_eq!(network.connect(REMOTE).err(), Some(ErrorKind::TimedOut));
        assert_eq!(network.now(), Instant::from_millis(12), "10 of waiting, one last try, one after the close");
        network.stack.get_mut().connects = [Err(OTHER), Ok(()), Ok(())].into();
        assert_eq!(network.connect(REMOTE).err(), Some(ErrorKind::Other));
        let mut connection = network.connect(REMOTE).expect("connected");
        assert_eq!(connection.read(&mut [0]), Err(ErrorKind::TimedOut));
        assert_eq!(connection.write(&[0]), Err(ErrorKind::TimedOut));
        drop(connection);
        let mut connection = network.connect(REMOTE).expect("connected");
        assert_eq!(connection.shutdown(), Ok(()));
        assert_eq!(connection.read(&mut [0]), Err(ErrorKind::NotConnected));
        assert_eq!(connection.write(&[0]), Err(ErrorKind::NotConnected));
        drop(connection);
        let told = network.stack.get_mut();
        assert_eq!((told.opened, told.closed), (4, 4));
        told.full = true;
        assert_eq!(network.connect(REMOTE).err(), Some(ErrorKind::OutOfMemory));
    }

    #[test]
    fn not_waiting_still_looks_once_with_fresh_eyes() {
        let told =
            Told { connects: [Ok(())].into(), receives: [Ok(1)].into(), receives_after_poll: true, ..Told::default() };
        let network = network(told, ZeroRead::Eof);
        let mut connection = network.connect(REMOTE).expect("connected");
        network.set_deadline(Deadline::at(Instant::from_millis(0)));
        assert_eq!(connection.read(&mut [0]), Ok(1));
        assert_eq!(connection.read(&mut [0]), Err(ErrorKind::TimedOut));
        assert_eq!(network.now(), Instant::from_millis(2));
    }

    #[test]
    fn ipv4_first_then_ipv6_but_not_after_the_deadline() {
        let address = IpAddr::V6(core::net::Ipv6Addr::LOCALHOST);
        let mut network = network(Told { names: [Err(OTHER), Ok(address)].into(), ..Told::default() }, ZeroRead::Eof);
        assert_eq!(network.resolve("name", Family::Any), Ok(address));
        assert_eq!(network.stack.get_mut().asked, [AddrType::IPv4, AddrType::IPv6]);
        network.stack.get_mut().asked.clear();
        assert_eq!(network.resolve("name", Family::Any), Err(ResolveError::NoAnswer));
        assert_eq!(network.stack.get_mut().asked, [AddrType::IPv4]);
        network.stack.get_mut().names = [Err(OTHER)].into();
        assert_eq!(network.resolve("name", Family::Ipv6), Err(ResolveError::NoAnswer));
    }

    #[test]
    fn a_call_from_within_the_hook_fails_and_does_not_panic() {
        use core::cell::OnceCell;
        type Inner = Network<Told, Ticks, fn(&mut Told)>;
        std::thread_local!(static NETWORK: &'static OnceCell<Inner> = std::boxed::Box::leak(Default::default()));
        fn idle(_: &mut Told) {
            let network = NETWORK.with(|cell| *cell).get().expect("set");
            assert_eq!(network.connect(REMOTE).err(), Some(ErrorKind::Other));
        }
        let network = NETWORK.with(|cell| *cell);
        let network = network.get_or_init(|| Network::new(Told::default(), Ticks::default(), idle, ZeroRead::Eof));
        network.set_deadline(Deadline::at(Instant::from_millis(0)));
        assert_eq!(network.connect(REMOTE).err(), Some(ErrorKind::TimedOut));
    }
}
