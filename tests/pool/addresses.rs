//! A name with several addresses: they are tried one after the other, within one deadline (RFC 8305, one after the other).
#![cfg(all(feature = "mock", feature = "blocking", feature = "requests"))]

use core::{net::IpAddr, time::Duration};

use socketpool::{
    Error, ErrorKind, Phase, Resources,
    mock::{MockTls, Network, Peer, Script, Step, block_on},
    stack::Family,
    time::{Clock as _, Deadline, Instant},
};

use crate::support::both::{self, scripted};

const HOST: &str = "several.example";

const fn four(last: u8) -> IpAddr {
    IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, last))
}

const fn six(last: u16) -> IpAddr {
    IpAddr::V6(core::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last))
}

const fn serving(address: IpAddr) -> Peer<'static> {
    Peer::new(HOST, 7, &[Step::Receive(b"ping"), Step::Send(b"pong")]).at(address)
}

const fn refusing(address: IpAddr) -> Peer<'static> {
    Peer::refusing(HOST, 7).at(address)
}

const fn silent(address: IpAddr) -> Peer<'static> {
    Peer::silent(HOST, 7).at(address)
}

const REFUSED: Error = Error::new(Phase::Connect, ErrorKind::Io(embedded_io_async::ErrorKind::ConnectionRefused));
const TIMEOUT: Error = Error::new(Phase::Connect, ErrorKind::Timeout);
const WOULD_BLOCK: Error = Error::new(Phase::Connect, ErrorKind::WouldBlock);

/// Simulated time, in milliseconds.
macro_rules! now {
    ($pool:ident) => {
        $pool.simulated().as_millis()
    };
}

/// What both pools call differently.
trait Simulated {
    fn simulated(&self) -> Instant;
}

impl<'s, const N: usize> Simulated for socketpool::SocketPool<'s, Network<'s>, N> {
    fn simulated(&self) -> Instant {
        socketpool::traits::SocketPool::timer(self).now()
    }
}

impl<'s, const N: usize> Simulated for socketpool::blocking::SocketPool<'s, Network<'s>, N> {
    fn simulated(&self) -> Instant {
        socketpool::traits::SocketPool::timer(self).now()
    }
}

/// Connects within so many seconds, for ever with `None`; what came of it, with whom, and after how many milliseconds.
macro_rules! connect {
    ($wait:ident, $pool:ident, $seconds:expr) => {{
        let seconds: Option<u64> = $seconds;
        let mut socket = $wait!($pool.socket()).expect("a free slot");
        socket.set_timeout(seconds.map(Duration::from_secs));
        let before = now!($pool);
        let outcome = $wait!(socket.connect(HOST, 7));
        (outcome.and_then(|()| Ok(socket.peer_addr()?.ip())), now!($pool) - before)
    }};
}

scripted! {
    fn the_first_that_answers_is_taken<1>(
        [refusing(four(1)), refusing(four(2)), serving(four(3)), serving(four(4))], |pool, script| {
            assert_eq!(connect!(wait, pool, None), (Ok(four(3)), 0));
            assert_eq!(script.connections(), 1);
        }
    )
}

scripted! {
    fn one_that_is_silent_leaves_a_fair_share_to_each_that_follows<1>(
        [silent(four(1)), silent(four(2)), serving(four(3))], |pool, script| {
            // A third of nine seconds, then half of the six that are left.
            assert_eq!(connect!(wait, pool, Some(9)), (Ok(four(3)), 6_000));
            assert_eq!(script.connections(), 1);
        }
    )
}

scripted! {
    fn none_is_waited_for_longer_than_ten_seconds_while_there_are_others<1>(
        [silent(four(1)), silent(four(2)), serving(four(3)), serving(four(3))], |pool, script| {
            assert_eq!(connect!(wait, pool, None), (Ok(four(3)), 20_000));
            assert_eq!(connect!(wait, pool, Some(3600)), (Ok(four(3)), 20_000));
            assert_eq!(script.connections(), 2);
        }
    )
}

scripted! {
    fn the_deadline_is_one_for_all<1>([silent(four(1)), silent(four(2)), silent(six(3))], |pool, script| {
        assert_eq!(connect!(wait, pool, Some(8)), (Err(TIMEOUT), 8_000));
        // What can be done without waiting is nothing, whoever is asked.
        assert_eq!(connect!(wait, pool, Some(0)), (Err(WOULD_BLOCK), 0));
        assert_eq!(script.connections(), 0);
    })
}

scripted! {
    fn the_other_family_is_asked_for_when_the_first_has_failed<1>(
        [refusing(four(1)), silent(six(1)), serving(six(2)), refusing(four(1))], |pool, script| {
            assert_eq!(connect!(wait, pool, Some(8)), (Ok(six(2)), 4_000));
            // And if it fails too, the first one's reason is told.
            assert_eq!(connect!(wait, pool, Some(8)), (Err(REFUSED), 4_000));
            assert_eq!(script.connections(), 1);
        }
    )
}

scripted! {
    fn no_more_than_four_addresses_of_a_family_are_tried<1>(
        [refusing(six(1)), refusing(six(2)), refusing(six(3)), refusing(six(4)), serving(six(5))], |pool, script| {
            assert_eq!(connect!(wait, pool, Some(8)), (Err(REFUSED), 0));
            assert_eq!(script.connections(), 0);
        }
    )
}

scripted! {
    fn an_address_is_that_one_and_no_other<1>([refusing(four(1)), serving(four(2))], |pool, script| {
        let mut socket = wait!(pool.socket()).expect("a free slot");
        assert_eq!(wait!(socket.connect("192.0.2.1", 7)), Err(REFUSED));
        assert_eq!(script.connections(), 0);
    })
}

scripted! {
    fn getaddrinfo_gives_one_of_the_family<1>([serving(four(1)), serving(four(2)), serving(six(3))], |pool, script| {
        for (family, wanted) in [(Family::Any, four(1)), (Family::Ipv4, four(1)), (Family::Ipv6, six(3))] {
            let address = wait!(pool.getaddrinfo(HOST, 7, family, Deadline::NEVER)).expect("an address");
            assert_eq!(address, (wanted, 7).into());
        }
        assert_eq!(script.connections(), 0);
    })
}

const RESPONSE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const GET: &[Step<'static>] = &[Step::Receive(b"\r\n\r\n"), Step::Send(RESPONSE)];

/// A request goes to the address that answers; the connection is kept under the name.
#[test]
fn a_request_takes_the_address_that_answers() {
    let peers = [Peer::silent(HOST, 443).at(four(1)), Peer::new(HOST, 443, GET).at(four(2))];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1, 1>::new());
    let pool = socketpool::SocketPool::new(&mut network, &mut memory);
    let http = socketpool::requests::Session::new(&pool, &MockTls);
    block_on(http.get("https://several.example/").send()).expect("a response");
    assert_eq!((script.connections(), pool.counts().idle), (1, 1));

    let script = Script::new(&peers);
    let (mut network, mut memory) = (script.network(), Resources::<1, 1>::new());
    let pool = socketpool::blocking::SocketPool::new(&mut network, &mut memory);
    let http = socketpool::blocking::Session::new(&pool, &MockTls);
    http.get("https://several.example/").send().expect("a response");
    assert_eq!((script.connections(), pool.counts().idle), (1, 1));
}

/// Dropped while any of the addresses is tried, it leaves nothing behind.
#[test]
fn dropped_at_any_await_it_leaves_nothing_behind() {
    for polls in 1..20 {
        let peers = [silent(four(1)), refusing(four(2)), serving(four(3)).hesitating()];
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<1>::new());
        let pool = socketpool::SocketPool::new(&mut network, &mut memory);
        let mut socket = block_on(pool.socket()).expect("a free slot");
        let outcome = both::poll_times(socket.connect(HOST, 7), polls);
        assert_eq!(script.open(), usize::from(outcome.is_some()), "{polls} polls");
        drop(socket);
        assert_eq!((script.open(), pool.counts().free), (0, 1), "{polls} polls");
    }
}
