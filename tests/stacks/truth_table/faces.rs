//! The program: does the steps of a row, through either face, until one comes out differently.

use std::net::{IpAddr, SocketAddr};

use socketpool::stack::{Family, ResolveError};

use super::rows::{Do, Outcome, Step};

/// How many slots the pool has: a listener and two clients fill it.
pub const SLOTS: usize = 3;

/// Where a peer is.
pub type At = (String, u16);

/// More than any stack takes at once from somebody whose peer does not read.
const MUCH: usize = 1 << 25;

/// The group of the multicast rows (RFC 6676 §2: for tests).
pub const GROUP: core::net::IpAddr = core::net::IpAddr::V4(core::net::Ipv4Addr::new(233, 252, 0, 1));

/// The name of a host with these peers as its addresses of each family.
fn name(ipv4: &[usize], ipv6: &[usize]) -> String {
    let labels = ipv4.iter().map(|peer| format!("four{peer}.")).chain(ipv6.iter().map(|peer| format!("six{peer}.")));
    labels.chain(["named".into()]).collect()
}

/// The addresses of such a name, for documentation (RFC 5737, RFC 3849); the last number is the peer's.
fn addresses(name: &str, family: Family) -> Option<Vec<IpAddr>> {
    let labels = name.strip_suffix("named")?.split('.');
    let of = |prefix| labels.clone().filter_map(move |label| label.strip_prefix(prefix)?.parse::<u8>().ok());
    let ipv4: Vec<_> = of("four").map(|peer| IpAddr::from([192, 0, 2, peer])).collect();
    let ipv6: Vec<_> = of("six").map(|peer| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, peer.into()])).collect();
    Some(match family {
        Family::Ipv4 => ipv4,
        Family::Ipv6 => ipv6,
        Family::Any if ipv4.is_empty() => ipv6,
        Family::Any => ipv4,
    })
}

/// Writes them down, as many as there is room for.
fn tell(addresses: &[IpAddr], out: &mut [IpAddr]) -> Result<usize, ResolveError> {
    out.iter_mut().zip(addresses).for_each(|(place, address)| *place = *address);
    if addresses.is_empty() { Err(ResolveError::NoSuchName) } else { Ok(addresses.len().min(out.len())) }
}

/// The peer at one of these addresses.
fn peer(remote: SocketAddr) -> Option<usize> {
    match remote.ip() {
        IpAddr::V4(address) => address.octets().strip_prefix(&[192, 0, 2]).map(|peer| peer[0].into()),
        IpAddr::V6(address) => address.segments().strip_prefix(&[0x2001, 0xdb8]).map(|peer| peer[5].into()),
    }
}

macro_rules! face {
    ($clock:ident $(, $asynchronous:ident)?) => {
        use std::vec::Vec;

        use socketpool::{Error, SendAllError, stack::SocketOption};
        use super::{At, Do, GROUP, MUCH, Outcome, SLOTS, Step};
        use crate::truth_table::rows::SHORT;

        /// What must hold of the time that a step took, if it took too long.
        fn in_time(outcome: &Outcome, timeout: Option<core::time::Duration>, took: u64) {
            if let (Outcome::Failed(error) | Outcome::CutShort(error), Some(timeout)) = (outcome, timeout) {
                let waited = if error.is_timeout() { timeout.as_millis() as u64 } else { 0 };
                assert!(took >= waited, "gave up after {took} ms of {timeout:?}: {outcome:?}");
                assert!(took < waited + 10_000, "took {took} ms of {timeout:?}: {outcome:?}");
            }
        }

        fn got(received: Result<usize, Error>, buffer: &[u8]) -> Outcome {
            received.map_or_else(Outcome::Failed, |count| Outcome::Got(buffer[..count].to_vec().into()))
        }

        fn datagram(received: Result<usize, Error>, buffer: &[u8]) -> Outcome {
            let whole = |size: usize| Outcome::Datagram(size, buffer[..size.min(buffer.len())].to_vec().into());
            received.map_or_else(Outcome::Failed, whole)
        }

        $($asynchronous)? fn step<'s, S: Stack + 's>(socket: &mut Socket<'_, 's, S, SLOTS>, at: &[At], step: Do) -> Outcome {
            let mut buffer = [0; 64];
            match step {
                Do::Late => Outcome::Done,
                Do::Timeout(timeout) => {
                    socket.set_timeout(timeout);
                    Outcome::Done
                }
                Do::Connect(peer) => wait!(socket.connect(&at[peer].0, at[peer].1)).into(),
                Do::ConnectByName(ipv4, ipv6) => wait!(socket.connect(&super::name(ipv4, ipv6), 80)).into(),
                Do::Recv => got(wait!(socket.recv_into(&mut buffer)), &buffer),
                Do::Peek => got(wait!(socket.peek(&mut buffer)), &buffer),
                Do::Ready => socket.read_ready().map_or_else(Outcome::Failed, Outcome::Ready),
                Do::Send(bytes) => wait!(socket.send(bytes)).map(|sent| assert_eq!(sent, bytes.len())).into(),
                Do::SendAll(bytes) => wait!(socket.send_all(bytes)).map_err(Error::from).into(),
                Do::SendMuch => match wait!(socket.send_all(&vec![b'.'; MUCH])) {
                    Ok(()) => Outcome::Done,
                    Err(SendAllError { sent: 1..MUCH, error }) => Outcome::CutShort(error),
                    Err(SendAllError { error, .. }) => Outcome::Failed(error),
                },
                Do::Fill => {
                    socket.set_timeout(Some(SHORT));
                    loop {
                        match wait!(socket.send(&[b'.'; 4096])) {
                            Ok(_) => {}
                            Err(error) if error.is_timeout() => break Outcome::Done,
                            Err(error) => break Outcome::Failed(error),
                        }
                    }
                }
                Do::ShutDown(direction) => wait!(socket.shutdown(direction)).into(),
                Do::SetOption(option) => socket.set_option(option).into(),
                Do::LocalAddr => socket.local_addr().map(|address| assert_ne!(address.port(), 0)).into(),
                Do::Bind => socket.bind("", 0).into(),
                other => unreachable!("not for a TCP socket: {other:?}"),
            }
        }

        /// The steps of a TCP client.
        pub $($asynchronous)? fn tcp<S: Stack>(network: &mut S, at: &[At], steps: &[Step], out: &mut Vec<Outcome>) {
            let mut memory = socketpool::Resources::<SLOTS>::new();
            let mut network = Named { network, at };
            let pool = SocketPool::<_, SLOTS>::new(&mut network, &mut memory);
            let mut timeout = Some(super::LONG);
            {
                let mut socket = wait!(pool.socket()).expect("a free slot");
                socket.set_timeout(timeout);
                for (does, expected) in steps {
                    let began = pool.$clock().now();
                    let outcome = wait!(step(&mut socket, at, *does));
                    if let Do::Timeout(set) = does {
                        timeout = *set;
                    }
                    in_time(&outcome, timeout, pool.$clock().now().as_millis() - began.as_millis());
                    out.push(outcome);
                    if out.last() != Some(expected) {
                        break;
                    }
                }
            }
            assert_eq!(pool.counts().free, SLOTS);
        }

        /// The steps of a server, which listens at that port; who connects is told of the one that it got.
        pub $($asynchronous)? fn server<S: Stack + Listen>(
            network: &mut S,
            port: u16,
            steps: &[Step],
            mut tell: impl FnMut(u16),
            out: &mut Vec<Outcome>,
        ) {
            let mut memory = socketpool::Resources::<SLOTS>::new();
            let pool = SocketPool::<S, SLOTS>::new(network, &mut memory);
            {
                let (mut listener, mut clients) = (None, Vec::new());
                for (does, expected) in steps {
                    let outcome = match (*does, &mut listener) {
                        (Do::Listen, _) => {
                            let mut socket = wait!(pool.socket()).expect("a free slot");
                            socket.bind("", port).expect("an address");
                            match wait!(socket.listen(4)) {
                                Ok(listening) => {
                                    tell(listening.local_addr().map_or(port, |address| address.port()));
                                    listener = Some(listening);
                                    Outcome::Done
                                }
                                Err(error) => Outcome::Failed(error),
                            }
                        }
                        (Do::ListenTwice, Some(listener)) => {
                            let port = listener.local_addr().map_or(port, |address| address.port());
                            let mut socket = wait!(pool.socket()).expect("a free slot");
                            socket.bind("", port).expect("an address");
                            wait!(socket.listen(4)).map(|_| ()).into()
                        }
                        (Do::SetWhenFull(when_full), Some(listener)) => {
                            listener.set_when_full(when_full);
                            Outcome::Done
                        }
                        (Do::Timeout(timeout), Some(listener)) => {
                            listener.set_timeout(timeout);
                            Outcome::Done
                        }
                        (Do::Accept, Some(listener)) => match wait!(listener.accept()) {
                            Ok((mut client, _)) => {
                                client.set_timeout(Some(super::LONG));
                                clients.push(Some(client));
                                Outcome::Done
                            }
                            Err(error) => Outcome::Failed(error),
                        },
                        (Do::DropClient(client), _) => {
                            clients[client] = None;
                            Outcome::Done
                        }
                        (Do::Late, _) => Outcome::Done,
                        (does, _) => {
                            let client = clients.last_mut().and_then(Option::as_mut).expect("accepted");
                            wait!(step(client, &[], does))
                        }
                    };
                    out.push(outcome);
                    if out.last() != Some(expected) {
                        break;
                    }
                }
            }
            assert_eq!(pool.counts().free, SLOTS);
        }

        /// The steps of somebody who speaks UDP.
        pub $($asynchronous)? fn udp<S: Stack + Datagrams>(
            network: &mut S,
            at: &[At],
            steps: &[Step],
            out: &mut Vec<Outcome>,
        ) {
            let mut memory = socketpool::Resources::<SLOTS>::new();
            let pool = SocketPool::<S, SLOTS>::new(network, &mut memory);
            {
                let mut socket = wait!(pool.udp_socket()).expect("a free slot");
                socket.set_timeout(Some(super::LONG));
                let mut buffer = [0; 64];
                for (does, expected) in steps {
                    let outcome = match *does {
                        Do::Late => Outcome::Done,
                        Do::Timeout(timeout) => {
                            socket.set_timeout(timeout);
                            Outcome::Done
                        }
                        Do::UdpBind => wait!(socket.bind("", 0)).into(),
                        Do::UdpConnect(peer) => wait!(socket.connect(&at[peer].0, at[peer].1)).into(),
                        Do::UdpSend(bytes) => wait!(socket.send(bytes)).into(),
                        Do::UdpSendTo(peer, bytes) => wait!(socket.send_to(bytes, &at[peer].0, at[peer].1)).into(),
                        Do::UdpRecv(room) => datagram(wait!(socket.recv_into(&mut buffer[..room])), &buffer[..room]),
                        Do::UdpRecvFrom(room) => {
                            let received = wait!(socket.recv_from_into(&mut buffer[..room]));
                            datagram(received.map(|(size, _)| size), &buffer[..room])
                        }
                        Do::Join => socket.join(GROUP).into(),
                        Do::Leave => socket.leave(GROUP).into(),
                        // It must not leave this machine.
                        Do::SendToGroup(bytes) => match (socket.set_option(SocketOption::MulticastTtl(0)))
                            .and_then(|()| socket.local_addr())
                        {
                            Ok(local) => wait!(socket.send_to_addr(bytes, (GROUP, local.port()).into())).into(),
                            Err(error) => Outcome::Failed(error),
                        },
                        other => unreachable!("not for a UDP socket: {other:?}"),
                    };
                    out.push(outcome);
                    if out.last() != Some(expected) {
                        break;
                    }
                }
            }
            assert_eq!(pool.counts().free, SLOTS);
        }
    };
}

/// How long steps may take that have no time-out of their own.
const LONG: core::time::Duration = core::time::Duration::from_secs(20);

/// The stack's own way to a peer, by the name of its host or its address.
macro_rules! way {
    ($self:ident, $remote:ident) => {
        match super::peer($remote) {
            None => $remote,
            Some(peer) => {
                let (host, port) = &$self.at[peer];
                let address = match host.parse() {
                    Ok(address) => address,
                    Err(_) => wait!($self.network.resolve(host, Family::Ipv4)).expect("a peer of the script"),
                };
                SocketAddr::new(address, *port)
            }
        }
    };
}

pub mod asynchronous {
    use embedded_io_async::ReadReady as _;
    use socketpool::{
        Socket, SocketPool,
        stack::{Datagrams, Listen, Stack},
        traits::SocketPool as _,
    };

    use core::net::{IpAddr, SocketAddr};
    use embedded_io_async::ErrorKind;
    use socketpool::{
        stack::{Connect, Family, Resolve, ResolveError},
        time::{BlockingTimer, Clock, Deadline, Instant, Timer},
    };

    use crate::support::both::awaited as wait;

    /// A stack whose hosts have several addresses, and which is left to do all the rest.
    pub struct Named<'n, S> {
        pub network: &'n mut S,
        pub at: &'n [At],
    }

    impl<S: Clock> Clock for Named<'_, S> {
        fn now(&self) -> Instant {
            self.network.now()
        }
    }

    impl<S: Timer> Timer for Named<'_, S> {
        async fn wait_until(&self, at: Instant) {
            self.network.wait_until(at).await;
        }

        fn set_deadline(&self, deadline: Deadline) {
            self.network.set_deadline(deadline);
        }
    }

    impl<S: BlockingTimer> BlockingTimer for Named<'_, S> {
        fn idle(&self) {
            self.network.idle();
        }
    }

    impl<S: Resolve> Resolve for Named<'_, S> {
        async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
            self.network.resolve(host, family).await
        }

        async fn resolve_all(&self, host: &str, family: Family, out: &mut [IpAddr]) -> Result<usize, ResolveError> {
            match super::addresses(host, family) {
                Some(addresses) => super::tell(&addresses, out),
                None => self.network.resolve_all(host, family, out).await,
            }
        }
    }

    impl<S: Connect + Resolve> Connect for Named<'_, S> {
        type Connection<'a>
            = S::Connection<'a>
        where
            Self: 'a;

        async fn connect(&self, remote: SocketAddr) -> Result<Self::Connection<'_>, ErrorKind> {
            self.network.connect(way!(self, remote)).await
        }
    }

    face!(timer, async);
}

pub mod blocking {
    use embedded_io::ReadReady as _;
    use socketpool::blocking::{Socket, SocketPool, stack::Stack};

    use socketpool::{
        stack::{Datagrams, Listen},
        time::Clock,
        traits::SocketPool as _,
    };

    use super::asynchronous::Named;

    use crate::support::both::direct as wait;

    face!(timer);
}
