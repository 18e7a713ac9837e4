use std::{collections::VecDeque, rc::Rc, string::String, vec::Vec};

use core::{
    cell::Cell,
    net::{IpAddr, SocketAddr},
};

use embedded_io_async::{ErrorKind, Read as _, Write as _};
use embedded_nal::{AddrType, Dns, TcpClientStack, TcpError, TcpErrorKind, TcpFullStack};

use super::*;
use crate::{
    stack::{Connect as _, Connection as _, Family, Listen as _, Listener as _, Resolve as _, ResolveError},
    time::{Instant, poll_once},
};

/// What a future gives that is ready when it is polled for the first time.
fn at_once<F: Future>(work: F) -> F::Output {
    poll_once(work).expect("a stack that waits inside")
}

/// A stack that answers what it is told to, and "try again" when it was told nothing more.
#[derive(Default)]
struct Told {
    connects: VecDeque<nb::Result<(), TcpErrorKind>>,
    receives: VecDeque<nb::Result<usize, TcpErrorKind>>,
    sends: VecDeque<nb::Result<usize, TcpErrorKind>>,
    names: VecDeque<nb::Result<IpAddr, TcpErrorKind>>,
    /// Binding and listening succeed unless told otherwise.
    binds: VecDeque<nb::Result<(), TcpErrorKind>>,
    listens: VecDeque<nb::Result<(), TcpErrorKind>>,
    accepts: VecDeque<nb::Result<SocketAddr, TcpErrorKind>>,
    bound: Vec<u16>,
    asked: Vec<AddrType>,
    asked_for: Vec<String>,
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

fn done(told: &mut VecDeque<nb::Result<(), TcpErrorKind>>) -> Result<(), TcpErrorKindError> {
    match told.pop_front() {
        Some(Err(nb::Error::Other(kind))) => Err(TcpErrorKindError(kind)),
        _ => Ok(()),
    }
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

impl TcpFullStack for Told {
    fn bind(&mut self, (): &mut (), port: u16) -> Result<(), TcpErrorKindError> {
        self.bound.push(port);
        done(&mut self.binds)
    }

    fn listen(&mut self, (): &mut ()) -> Result<(), TcpErrorKindError> {
        done(&mut self.listens)
    }

    fn accept(&mut self, (): &mut ()) -> nb::Result<((), SocketAddr), TcpErrorKindError> {
        let remote = next(&mut self.accepts)?;
        self.opened += 1;
        Ok(((), remote))
    }
}

impl Dns for Told {
    type Error = TcpErrorKindError;

    fn get_host_by_name(&mut self, name: &str, family: AddrType) -> nb::Result<IpAddr, TcpErrorKindError> {
        if self.asked_for.last().is_none_or(|last| last != name) {
            self.asked_for.push(name.into());
        }
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
        let mut connection = at_once(network.connect(REMOTE)).expect("connected");
        assert_eq!(at_once(connection.read(&mut [0; 4])), Ok(expected), "{zero_read:?}");
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
    let mut connection = at_once(network.connect(REMOTE)).expect("connected");
    assert_eq!(at_once(connection.read(&mut [])), Ok(0));
    assert_eq!(at_once(connection.read(&mut [0; 4])), Ok(0));
    assert_eq!(at_once(connection.read(&mut [0; 4])), Err(ErrorKind::Other));
    assert_eq!(at_once(connection.read(&mut [0; 4])), Err(ErrorKind::InvalidData), "more than there is room for");
    assert_eq!(at_once(connection.write(b"")), Ok(0));
    assert_eq!(at_once(connection.write(b"abc")), Ok(2), "0 was tried again");
    assert_eq!(at_once(connection.write(b"abc")), Err(ErrorKind::BrokenPipe));
    assert_eq!(at_once(connection.write(b"abc")), Err(ErrorKind::Other));
    assert_eq!(at_once(connection.write(b"abc")), Err(ErrorKind::InvalidData), "more than there was");
}

#[test]
fn every_wait_ends_and_every_socket_is_closed() {
    let mut network = network(Told::default(), ZeroRead::Eof);
    assert_eq!(at_once(network.connect(REMOTE)).err(), Some(ErrorKind::TimedOut));
    assert_eq!(network.now(), Instant::from_millis(12), "10 of waiting, one last try, one after the close");
    network.stack.get_mut().connects = [Err(OTHER), Ok(()), Ok(())].into();
    assert_eq!(at_once(network.connect(REMOTE)).err(), Some(ErrorKind::Other));
    let mut connection = at_once(network.connect(REMOTE)).expect("connected");
    assert_eq!(at_once(connection.read(&mut [0])), Err(ErrorKind::TimedOut));
    assert_eq!(at_once(connection.write(&[0])), Err(ErrorKind::TimedOut));
    drop(connection);
    let mut connection = at_once(network.connect(REMOTE)).expect("connected");
    assert_eq!(at_once(connection.shutdown()), Ok(()));
    assert_eq!(at_once(connection.read(&mut [0])), Err(ErrorKind::NotConnected));
    assert_eq!(at_once(connection.write(&[0])), Err(ErrorKind::NotConnected));
    drop(connection);
    let told = network.stack.get_mut();
    assert_eq!((told.opened, told.closed), (4, 4));
    told.full = true;
    assert_eq!(at_once(network.connect(REMOTE)).err(), Some(ErrorKind::OutOfMemory));
}

/// All local addresses.
const fn all(port: u16) -> Local {
    Local { address: None, family: Family::Any, port }
}

#[test]
fn who_listens_accepts_until_the_deadline_and_goes_on() {
    let mapped = "[::ffff:10.0.0.1]:7".parse().expect("an address");
    let accepts = [Err(AGAIN), Ok(mapped), Err(OTHER), Ok(REMOTE)].into();
    let mut network = network(Told { accepts, receives: [Ok(1)].into(), ..Told::default() }, ZeroRead::Eof);
    let mut listener = at_once(network.listen(all(80), 2, false)).expect("listening");
    assert_eq!(listener.local_addr(), Ok("0.0.0.0:80".parse().expect("an address")));
    let (mut one, remote) = at_once(listener.accept()).expect("accepted");
    assert_eq!(remote, "10.0.0.1:7".parse().expect("an address"), "the client is IPv4");
    assert_eq!(at_once(one.read(&mut [0])), Ok(1));
    assert_eq!(at_once(listener.accept()).err(), Some(ErrorKind::Other));
    let (two, remote) = at_once(listener.accept()).expect("accepted");
    assert_eq!(remote, REMOTE);
    assert_eq!(at_once(listener.accept()).err(), Some(ErrorKind::TimedOut));
    drop(listener);
    assert_eq!(at_once(one.shutdown()), Ok(()), "it outlives the listener");
    drop((one, two));
    let told = network.stack.get_mut();
    assert_eq!((told.opened, told.closed), (3, 3));
}

#[test]
fn who_cannot_listen_leaves_no_socket() {
    let binds = [Err(OTHER), Ok(()), Ok(())].into();
    let listens = [Err(OTHER), Ok(())].into();
    let mut network = network(Told { binds, listens, ..Told::default() }, ZeroRead::Eof);
    let listener = at_once(network.listen(all(0), 1, false)).expect("the third port");
    let port = listener.local_addr().expect("known").port();
    drop(listener);
    let told = network.stack.get_mut();
    assert_eq!((told.opened, told.closed, told.bound.len(), told.bound[2]), (3, 3, 3, port));
    assert!(told.bound.iter().all(|port| DYNAMIC_PORTS.contains(port)), "a stack is never asked for port 0");

    told.binds = [Err(OTHER)].into();
    assert_eq!(
        at_once(network.listen(all(80), 1, false)).err(),
        Some(ErrorKind::Other),
        "a port of one's own is tried once"
    );
    network.stack.get_mut().binds = (0..PORTS_TRIED).map(|_| Err(OTHER)).collect();
    assert_eq!(at_once(network.listen(all(0), 1, false)).err(), Some(ErrorKind::Other));
    network.stack.get_mut().full = true;
    assert_eq!(at_once(network.listen(all(0), 1, false)).err(), Some(ErrorKind::OutOfMemory));
    network.stack.get_mut().full = false;
    let one_address = Local { address: Some(REMOTE.ip()), ..all(80) };
    assert_eq!(at_once(network.listen(one_address, 1, false)).err(), Some(ErrorKind::Unsupported));
    assert_eq!(at_once(network.listen(all(80), 1, true)).err(), Some(ErrorKind::Unsupported), "reuse");
    let told = network.stack.get_mut();
    assert_eq!((told.opened, told.closed), (4 + PORTS_TRIED, 4 + PORTS_TRIED));
}

#[test]
fn a_stack_that_knows_more_says_it_in_its_own_words() {
    let told = Told {
        connects: [Err(OTHER), Ok(())].into(),
        receives: [Err(CLOSED), Err(OTHER)].into(),
        sends: [Err(CLOSED)].into(),
        ..Told::default()
    };
    let network = network(told, ZeroRead::Eof).tcp_errors(|error| match error.0 {
        TcpErrorKind::PipeClosed => ErrorKind::ConnectionReset,
        _ => ErrorKind::ConnectionRefused,
    });
    assert_eq!(at_once(network.connect(REMOTE)).err(), Some(ErrorKind::ConnectionRefused));
    let mut connection = at_once(network.connect(REMOTE)).expect("connected");
    assert_eq!(at_once(connection.read(&mut [0])), Err(ErrorKind::ConnectionReset), "no end of the stream");
    assert_eq!(at_once(connection.write(&[0])), Err(ErrorKind::ConnectionReset));
    assert_eq!(at_once(connection.read(&mut [0])), Err(ErrorKind::ConnectionRefused));
}

#[test]
fn not_waiting_still_looks_once_with_fresh_eyes() {
    let told =
        Told { connects: [Ok(())].into(), receives: [Ok(1)].into(), receives_after_poll: true, ..Told::default() };
    let network = network(told, ZeroRead::Eof);
    let mut connection = at_once(network.connect(REMOTE)).expect("connected");
    network.set_deadline(Deadline::at(Instant::from_millis(0)));
    assert_eq!(at_once(connection.read(&mut [0])), Ok(1));
    assert_eq!(at_once(connection.read(&mut [0])), Err(ErrorKind::TimedOut));
    assert_eq!(network.now(), Instant::from_millis(2));
}

#[test]
fn ipv4_first_then_ipv6_but_not_after_the_deadline() {
    let address = IpAddr::V6(core::net::Ipv6Addr::LOCALHOST);
    let mut network = network(Told { names: [Err(OTHER), Ok(address)].into(), ..Told::default() }, ZeroRead::Eof);
    assert_eq!(at_once(network.resolve("name", Family::Any)), Ok(address));
    assert_eq!(network.stack.get_mut().asked, [AddrType::IPv4, AddrType::IPv6]);
    network.stack.get_mut().asked.clear();
    assert_eq!(at_once(network.resolve("name", Family::Any)), Err(ResolveError::NoAnswer));
    assert_eq!(network.stack.get_mut().asked, [AddrType::IPv4]);
    network.stack.get_mut().names = [Err(OTHER)].into();
    assert_eq!(at_once(network.resolve("name", Family::Ipv6)), Err(ResolveError::NoAnswer));
}

#[test]
fn an_address_of_another_family_is_no_answer() {
    let ipv4 = IpAddr::V4(core::net::Ipv4Addr::LOCALHOST);
    let names = [Ok(ipv4), Ok(ipv4), Ok(ipv4)].into();
    let network = network(Told { names, ..Told::default() }, ZeroRead::Eof);
    assert_eq!(at_once(network.resolve("name", Family::Ipv6)), Err(ResolveError::NoAnswer));
    assert_eq!(at_once(network.resolve("name", Family::Ipv4)), Ok(ipv4));
    assert_eq!(at_once(network.resolve("name", Family::Any)), Ok(ipv4));
}

#[test]
fn a_name_that_was_given_up_is_asked_for_to_its_end_before_another() {
    let address = REMOTE.ip();
    let mut network = network(Told::default(), ZeroRead::Eof);
    for name in ["silent", "other", "silent"] {
        assert_eq!(at_once(network.resolve(name, Family::Ipv4)), Err(ResolveError::NoAnswer));
    }
    assert_eq!(network.stack.get_mut().asked_for, ["silent"], "one at a time");
    network.stack.get_mut().names = [Err(AGAIN), Err(OTHER), Ok(address), Ok(address)].into();
    network.set_deadline(Deadline::NEVER);
    assert_eq!(at_once(network.resolve("name", Family::Ipv4)), Ok(address));
    assert_eq!(network.stack.get_mut().asked_for, ["silent", "name"]);
    assert_eq!(at_once(network.resolve("next", Family::Ipv4)), Ok(address));
    assert_eq!(network.stack.get_mut().asked_for, ["silent", "name", "next"]);
}

#[test]
fn a_call_from_within_the_hook_fails_and_does_not_panic() {
    use core::cell::OnceCell;
    type Inner = Network<Told, Ticks, fn(&mut Told)>;
    std::thread_local!(static NETWORK: &'static OnceCell<Inner> = std::boxed::Box::leak(Default::default()));
    fn idle(_: &mut Told) {
        let network = NETWORK.with(|cell| *cell).get().expect("set");
        assert_eq!(at_once(network.connect(REMOTE)).err(), Some(ErrorKind::Other));
    }
    let network = NETWORK.with(|cell| *cell);
    let network = network.get_or_init(|| Network::new(Told::default(), Ticks::default(), idle, ZeroRead::Eof));
    network.set_deadline(Deadline::at(Instant::from_millis(0)));
    assert_eq!(at_once(network.connect(REMOTE)).err(), Some(ErrorKind::TimedOut));
}
