//! The program: does the steps of a row, through either face, until one comes out differently.

use super::rows::{Do, Outcome, Step};

/// How many slots the pool has: a listener and two clients fill it.
pub const SLOTS: usize = 3;

/// Where a peer is.
pub type At = (String, u16);

/// More than any stack takes at once from somebody whose peer does not read.
const MUCH: usize = 1 << 25;

/// The group of the multicast rows (RFC 6676 §2: for tests).
pub const GROUP: core::net::IpAddr = core::net::IpAddr::V4(core::net::Ipv4Addr::new(233, 252, 0, 1));

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
            let pool = SocketPool::<S, SLOTS>::new(network, &mut memory);
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

pub mod asynchronous {
    use embedded_io_async::ReadReady as _;
    use socketpool::{
        Socket, SocketPool,
        stack::{Datagrams, Listen, Stack},
        traits::SocketPool as _,
    };

    use crate::both::awaited as wait;

    face!(timer, async);
}

pub mod blocking {
    use embedded_io::ReadReady as _;
    use socketpool::blocking::{
        Socket, SocketPool,
        stack::{Datagrams, Listen, Stack},
        traits::SocketPool as _,
    };

    use crate::both::direct as wait;

    face!(clock);
}
