//! Connections that fail in every way there is, again and again: in the end every slot is free, and nothing is open.
#![cfg(all(feature = "mock", feature = "blocking"))]

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use rustix::net::sockopt;
use socketpool::{
    Error, ErrorKind, Phase, Resources, SocketPool, blocking,
    mock::{MockTls, Network, Peer, Script, Step, block_on},
    pool::{Key, Shutdown},
    traits::{TlsContext, TlsId},
};

use crate::support::both::poll_times;

/// How many connections are made.
const CYCLES: usize = 10_000;

const SLOTS: usize = 2;

/// A TLS context whose handshake breaks off after the server's first bytes, as far as they come.
struct FailingTls;

impl<'s> TlsContext<socketpool::Socket<'_, 's, Network<'s>, SLOTS>> for FailingTls {
    fn id(&self) -> TlsId {
        TlsId([1; 16])
    }

    fn takes_session(&self) -> bool {
        false
    }

    async fn connect(
        &self,
        socket: &mut socketpool::Socket<'_, 's, Network<'s>, SLOTS>,
        host: &str,
        port: u16,
    ) -> Result<(), Error> {
        socket.connect(host, port).await?;
        socket.send_all(b"hello").await?;
        socket.recv_into(&mut [0; 1]).await?;
        Err(Error::new(Phase::Handshake, ErrorKind::Truncated))
    }

    async fn connect_addr(
        &self,
        socket: &mut socketpool::Socket<'_, 's, Network<'s>, SLOTS>,
        host: &str,
        remote: SocketAddr,
    ) -> Result<(), Error> {
        self.connect(socket, host, remote.port()).await
    }
}

impl<'s> TlsContext<blocking::Socket<'_, 's, Network<'s>, SLOTS>> for FailingTls {
    fn id(&self) -> TlsId {
        TlsId([1; 16])
    }

    fn takes_session(&self) -> bool {
        false
    }

    async fn connect(
        &self,
        socket: &mut blocking::Socket<'_, 's, Network<'s>, SLOTS>,
        host: &str,
        port: u16,
    ) -> Result<(), Error> {
        socket.connect(host, port)?;
        socket.send_all(b"hello")?;
        socket.recv_into(&mut [0; 1])?;
        Err(Error::new(Phase::Handshake, ErrorKind::Truncated))
    }

    async fn connect_addr(
        &self,
        socket: &mut blocking::Socket<'_, 's, Network<'s>, SLOTS>,
        host: &str,
        remote: SocketAddr,
    ) -> Result<(), Error> {
        self.connect(socket, host, remote.port()).await
    }
}

/// Numbers that come one after the other as if by chance, the same each time (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

const HOST: &str = "peer.example";
const KEY: Key<'static> = Key { host: HOST, port: 80, session_id: 0, tls: None };

/// What the peers of one cycle do.
fn peers(chance: &mut Chance) -> Vec<Peer<'static>> {
    const HELLO: Step<'static> = Step::Receive(b"hello");
    const WORLD: Step<'static> = Step::Send(b"world");
    const CONVERSATIONS: [&[Step<'static>]; 6] = [
        &[HELLO, WORLD, HELLO, WORLD, HELLO, WORLD],
        &[HELLO, Step::Reset],
        &[HELLO, Step::Send(b"wo"), Step::Stall],
        &[HELLO, WORLD, Step::Close],
        &[Step::Stall],
        &[Step::HangUp(b"world")],
    ];
    let mut peers = Vec::new();
    for _ in 0..3 {
        let peer = match chance.below(8) {
            0 => Peer::refusing(HOST, 80),
            1 => Peer::silent(HOST, 80),
            _ => Peer::new(HOST, 80, CONVERSATIONS[chance.below(CONVERSATIONS.len())]),
        };
        let peer = peer.in_fragments_of(1 + chance.below(5));
        let peer = if chance.below(2) == 0 { peer.hesitating() } else { peer };
        peers.push(if chance.below(2) == 0 { peer.failing_after(chance.below(16)) } else { peer });
    }
    peers.push(Peer::client("client.example", 7, CONVERSATIONS[chance.below(CONVERSATIONS.len())]));
    peers
}

/// One cycle, through either face: connect, through TLS or not, speak, and leave in one way or another.
macro_rules! cycle {
    ($pool:ident, $chance:ident, $wait:ident, $clock:ident) => {{
        const PATIENCE: Option<Duration> = Some(Duration::from_millis(50));
        let manager = $pool.connection_manager();
        let deadline = Deadline::within($pool.$clock(), PATIENCE);
        let tls = [None, Some(&MockTls)][$chance.below(2)];
        let mut socket = match $chance.below(4) {
            0 => {
                // It fails, unless the connection did before.
                let failed = $wait!(manager.get_socket(HOST, 80, 0, Some(&FailingTls), deadline));
                failed?.socket
            }
            1 => $wait!(manager.get_socket(HOST, 80, 0, tls, deadline))?.socket,
            2 => {
                let mut listening = $wait!($pool.socket())?;
                listening.bind("", 7)?;
                let mut listener = $wait!(listening.listen(1))?;
                listener.set_timeout(PATIENCE);
                $wait!(listener.accept())?.0
            }
            _ => {
                let mut socket = $wait!($pool.socket())?;
                socket.set_timeout(PATIENCE);
                $wait!(socket.connect(HOST, 80))?;
                socket
            }
        };
        socket.set_timeout(PATIENCE);
        for _ in 0..2 {
            $wait!(socket.send_all(b"hello"))?;
            $wait!(socket.peek(&mut [0; 3]))?;
            $wait!(socket.recv_into(&mut [0; 8]))?;
        }
        match $chance.below(4) {
            0 => drop(socket),
            1 => $wait!(socket.close())?,
            2 => $wait!(socket.shutdown(Shutdown::Write))?,
            _ => manager.free_socket(socket, KEY),
        }
        Ok::<(), Error>(())
    }};
}

/// How the cycles ended.
#[derive(Debug, Default)]
struct Ends {
    well: usize,
    failed: usize,
    dropped: usize,
}

impl Ends {
    fn count(&mut self, outcome: Option<Result<(), Error>>) {
        match outcome {
            Some(Ok(())) => self.well += 1,
            Some(Err(_)) => self.failed += 1,
            None => self.dropped += 1,
        }
    }
}

#[test]
fn async_face() {
    use crate::support::both::awaited as wait;
    use socketpool::{time::Deadline, traits::SocketPool as _};
    let (mut chance, mut ends) = (Chance(0x5EED), Ends::default());
    for cycle in 0..CYCLES {
        let peers = peers(&mut chance);
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<SLOTS>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        // Two sockets with one history: what the first leaves in the pool the second may find.
        for _ in 0..2 {
            let polls = if chance.below(2) == 0 { chance.below(40) } else { usize::MAX };
            ends.count(poll_times(async { cycle!(pool, chance, wait, timer) }, polls));
            let counts = pool.counts();
            assert_eq!((counts.in_use, counts.waiting, counts.idle), (0, 0, script.open()), "cycle {cycle}");
        }
        block_on(pool.close_idle());
        assert_eq!((pool.counts().free, script.open()), (SLOTS, 0), "cycle {cycle}");
    }
    assert!([ends.well, ends.failed, ends.dropped].iter().all(|times| *times > CYCLES / 20), "{ends:?}");
    println!("{ends:?}");
}

#[test]
fn blocking_face() {
    use crate::support::both::direct as wait;
    use socketpool::{time::Deadline, traits::SocketPool as _};
    let (mut chance, mut ends) = (Chance(0x5EED), Ends::default());
    for cycle in 0..CYCLES {
        let peers = peers(&mut chance);
        let script = Script::new(&peers);
        let (mut network, mut memory) = (script.network(), Resources::<SLOTS>::new());
        let pool = blocking::SocketPool::new(&mut network, &mut memory);
        for _ in 0..2 {
            let mut cycle_once = || cycle!(pool, chance, wait, timer);
            ends.count(Some(cycle_once()));
            assert_eq!((pool.counts().in_use, pool.counts().idle), (0, script.open()), "cycle {cycle}");
        }
        pool.close_idle();
        assert_eq!((pool.counts().free, script.open()), (SLOTS, 0), "cycle {cycle}");
    }
    assert!([ends.well, ends.failed].iter().all(|times| *times > CYCLES / 20), "{ends:?}");
    println!("{ends:?}");
}

/// How many descriptors this process has open.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux").count()
}

/// The same on the loopback, with a server that treats each connection differently, and futures that are dropped. The test
/// runs alone in its process: it counts open descriptors.
#[test]
fn over_the_host() {
    if std::env::var_os("NO_LEAK_ALONE").is_none() {
        let program = std::env::current_exe().expect("a path");
        let (_, name) = concat!(module_path!(), "::over_the_host").split_once("::").expect("a module of a binary");
        let alone = std::process::Command::new(program)
            .args(["--exact", name, "--nocapture"])
            .env("NO_LEAK_ALONE", "1")
            .output()
            .expect("started");
        let said = String::from_utf8_lossy(&alone.stdout);
        assert!(
            alone.status.success() && said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&alone.stderr)
        );
        return;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        use std::io::{Read, Write};
        let mut stalled = std::collections::VecDeque::new();
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.expect("a client");
            match number % 4 {
                0 => sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("open"),
                1 => {
                    let _ = stream.read(&mut [0; 5]).and_then(|_| stream.write(b"world"));
                }
                2 => stalled.push_back(stream),
                _ => drop(stream),
            }
            if stalled.len() > 8 {
                stalled.pop_front();
            }
        }
    });
    let (mut network, mut memory) = (socketpool::host::Network::new(), Resources::<SLOTS>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let (mut chance, mut ends, mut at_first) = (Chance(0x5EED), Ends::default(), 0);
    for cycle in 0..400 {
        let work = async {
            let mut socket = pool.socket().await?;
            socket.set_timeout(Some(Duration::from_millis(10)));
            socket.connect("127.0.0.1", port).await?;
            socket.send_all(b"hello").await?;
            socket.recv_into(&mut [0; 8]).await?;
            socket.close().await
        };
        let polls = chance.below(8);
        ends.count(if polls < 4 { poll_times(work, polls) } else { Some(async_io::block_on(work)) });
        assert_eq!(pool.counts().free, SLOTS, "cycle {cycle}");
        if cycle == 100 {
            at_first = descriptors();
        }
    }
    thread::sleep(Duration::from_millis(200));
    println!("{ends:?}; descriptors: {at_first} after 100 connections, {} after 400", descriptors());
    assert!(descriptors() <= at_first + 8, "descriptors: {at_first}, then {}", descriptors());
}
