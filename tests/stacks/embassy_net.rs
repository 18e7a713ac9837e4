//! embassy-net as a network: two stacks that talk to each other over a cable in memory, in virtual time.

use std::{cell::Cell, rc::Rc};

use core::{
    future::{Future, pending},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use embassy_net::{ConfigV4, Ipv4Cidr, StaticConfigV4};
use embedded_io_async::{ErrorKind, Read, Write};
use socketpool::{
    Resources, SocketPool,
    pool::Shutdown,
    requests::Session,
    stack::{
        Connect, Connection, DatagramSocket, Datagrams, Family, Listen, Listener, Local, Resolve, ResolveError,
        SocketOption, Split,
    },
    time::{Clock, Deadline, DelayTimer, EmbassyTimer, Instant, Timer},
};

use crate::support::embassy::{
    self,
    {
        CLIENT, Cable, NOBODY, Net, Pair, SERVER, TCP, UDP,
        executor::{drop_after, zip},
        ipv6, pair, server_at,
    },
};

const ANYWHERE: Local = Local { address: None, family: Family::Ipv4, port: 0 };

fn port(port: u16) -> Local {
    Local { port, ..ANYWHERE }
}

async fn within<W: Future>(network: &Net, seconds: u64, work: W) -> Option<W::Output> {
    Deadline::within(network, Some(Duration::from_secs(seconds))).limit(network, work).await
}

/// Drops work that is not done at that instant, to the microsecond.
async fn drop_at<W: Future>(at: embassy_time::Instant, work: W) -> Option<W::Output> {
    embassy_time::with_deadline(at, work).await.ok()
}

async fn pause(network: &Net, seconds: u64) {
    network.wait_until(network.now().after(Duration::from_secs(seconds))).await;
}

async fn read_all(connection: &mut impl Read<Error = ErrorKind>) -> Result<Vec<u8>, ErrorKind> {
    let mut all = Vec::new();
    let mut buffer = [0; 1000];
    loop {
        match connection.read(&mut buffer).await? {
            0 => return Ok(all),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

/// A connection between the two, both ends.
async fn connected<'a>(
    client: &'a Net,
    server: &'a Net,
) -> (<Net as Connect>::Connection<'a>, <Net as Connect>::Connection<'a>) {
    let mut listener = server.listen(port(7), 1, false).await.unwrap();
    let (ours, theirs) = zip(client.connect(server_at(7)), listener.accept()).await;
    (ours.unwrap(), theirs.unwrap().0)
}

/// Every TCP socket of both can be had, and no more.
async fn nothing_is_lost(client: &Net, server: &Net) {
    let mut listener = server.listen(port(999), 1, false).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..TCP {
        let (ours, theirs) = zip(client.connect(server_at(999)), listener.accept()).await;
        held.push((ours.unwrap(), theirs.unwrap()));
    }
    assert_eq!(client.connect(server_at(999)).await.unwrap_err(), ErrorKind::OutOfMemory);
    assert_eq!(server.connect((CLIENT, 999).into()).await.unwrap_err(), ErrorKind::OutOfMemory);
    let mut bound = Vec::new();
    for _ in 0..UDP {
        bound.push((client.bind(ANYWHERE).await.unwrap(), server.bind(ANYWHERE).await.unwrap()));
    }
    assert_eq!(client.bind(ANYWHERE).await.unwrap_err(), ErrorKind::OutOfMemory);
}

#[test]
fn connections_that_cannot_be() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        assert_eq!(client.connect(server_at(7)).await.unwrap_err(), ErrorKind::ConnectionRefused);
        assert_eq!(client.connect(server_at(0)).await.unwrap_err(), ErrorKind::InvalidInput);
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 7));
        assert_eq!(client.connect(elsewhere).await.unwrap_err(), ErrorKind::AddrNotAvailable);
        let before = client.now();
        assert!(within(&client, 5, client.connect((NOBODY, 7).into())).await.is_none());
        assert_eq!(client.now(), before.after(Duration::from_secs(5)));
        // What cannot be delivered to one host keeps no socket from another.
        for _ in 0..2 * TCP {
            assert!(within(&client, 1, client.connect((NOBODY, 7).into())).await.is_none());
        }
        nothing_is_lost(&client, &server).await;
    });
}

/// A host that has gone, with whom a connection was open, stands in nobody's way.
#[test]
fn a_host_that_has_gone() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        for is_complete in [false, true] {
            let (mut ours, forgotten) = connected(&client, &server).await;
            ours.write_all(b"?").await.unwrap();
            let gone = server.stack().config_v4().unwrap();
            let elsewhere = Ipv4Cidr::new(NOBODY, 24);
            server.stack().set_config_v4(ConfigV4::Static(StaticConfigV4 { address: elsewhere, ..gone.clone() }));
            pause(&client, 120).await; // what the stack knew of its hardware address is too old by then
            if is_complete {
                drop_after(1, ours.shutdown()).await;
            }
            drop(ours);
            // At no round second: whoever retries every second should not meet by chance.
            embassy_time::Timer::after_millis(60).await;
            let mut listener = server.listen(port(7), 1, false).await.unwrap();
            let other = client.connect((NOBODY, 7).into());
            let (ours, theirs) = zip(within(&client, 20, other), within(&server, 20, listener.accept())).await;
            assert!(ours.is_some_and(|ours| ours.is_ok()) && theirs.is_some());
            server.stack().set_config_v4(ConfigV4::Static(gone));
            drop(forgotten);
        }
    });
}

#[test]
fn a_cancelled_attempt_leaves_nothing_at_the_peer() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        for step in 0..10 {
            let mut listener = server.listen(port(7), 1, false).await.unwrap();
            let soon = embassy_time::Instant::now() + Cable::GOOD.delay * step / 2;
            drop(drop_at(soon, client.connect(server_at(7))).await);
            pause(&server, 1).await;
            assert!(within(&server, 1, listener.accept()).await.is_none());
            let (ours, theirs) = zip(client.connect(server_at(7)), within(&server, 1, listener.accept())).await;
            assert!(ours.is_ok() && theirs.is_some());
        }
        nothing_is_lost(&client, &server).await;
    });
}

#[test]
fn both_directions_and_both_addresses() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        let mut listener = server.listen(port(7), 1, false).await.unwrap();
        assert_eq!(listener.local_addr(), Ok((Ipv4Addr::UNSPECIFIED, 7).into()));
        let (ours, theirs) = zip(client.connect(server_at(7)), listener.accept()).await;
        let (mut ours, (mut theirs, remote)) = (ours.unwrap(), theirs.unwrap());
        assert_eq!(ours.local_addr(), Ok(remote));
        assert_eq!(remote.ip(), IpAddr::V4(CLIENT));
        assert_eq!(theirs.local_addr(), Ok(server_at(7)));
        let mut buffer = [0; 5];
        assert_eq!(ours.read(&mut []).await, Ok(0));
        assert_eq!(ours.write(&[]).await, Ok(0));
        ours.write_all(b"there").await.unwrap();
        theirs.read_exact(&mut buffer).await.unwrap();
        theirs.write_all(&buffer).await.unwrap();
        ours.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"there");
    });
}

#[test]
fn over_ipv6() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        let at = Local { family: Family::Ipv6, ..port(7) };
        let mut listener = server.listen(at, 1, false).await.unwrap();
        let remote = (embassy::ipv6(SERVER), 7).into();
        let (ours, theirs) = zip(client.connect(remote), listener.accept()).await;
        let (ours, (theirs, remote)) = (ours.unwrap(), theirs.unwrap());
        assert_eq!(remote.ip(), IpAddr::V6(ipv6(CLIENT)));
        assert_eq!(ours.local_addr(), Ok(remote));
        drop((ours, theirs));
        // A listener for one family takes no client of the other.
        let (ours, nobody) = zip(client.connect(server_at(7)), within(&server, 5, listener.accept())).await;
        assert!(nobody.is_none());
        assert_eq!(ours.unwrap().read(&mut [0]).await, Err(ErrorKind::ConnectionReset));
    });
}

#[test]
fn exhaustion_is_ours_and_ends() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        nothing_is_lost(&client, &server).await;
        nothing_is_lost(&client, &server).await;
    });
}

#[test]
fn several_clients_wait_to_be_accepted() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        let mut listener = server.listen(port(7), 2, false).await.unwrap();
        let mut first = client.connect(server_at(7)).await.unwrap();
        let mut second = client.connect(server_at(7)).await.unwrap();
        assert_eq!(client.connect(server_at(7)).await.unwrap_err(), ErrorKind::ConnectionRefused, "two may wait");
        first.write_all(b"1").await.unwrap();
        second.write_all(b"2").await.unwrap();
        pause(&server, 60).await; // they may wait for long
        let mut seen = Vec::new();
        for _ in 0..2 {
            let (mut connection, remote) = listener.accept().await.unwrap();
            let mut byte = [0];
            connection.read_exact(&mut byte).await.unwrap();
            seen.push((byte[0], remote));
        }
        seen.sort_unstable();
        assert_eq!(seen, [(b'1', first.local_addr().unwrap()), (b'2', second.local_addr().unwrap())]);
    });
}

#[test]
fn a_listener_without_sockets_waits_for_one() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    let (client, server): (&'static Net, &'static Net) = (Box::leak(Box::new(client)), Box::leak(Box::new(server)));
    // Another task drops one, and comes as a client then.
    let (full, is_full) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(false)));
    let (to_drop, may_come) = (full.clone(), is_full.clone());
    background.spawn(async move {
        while !may_come.get() {
            pause(client, 1).await;
        }
        drop(to_drop.take());
        pause(client, 1).await;
        let _connection = client.connect(server_at(7)).await.unwrap();
        pending::<()>().await;
    });
    background.run(async {
        let mut listener = server.listen(port(7), 1, false).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..TCP {
            let (ours, theirs) = zip(client.connect(server_at(7)), listener.accept()).await;
            held.push((ours.unwrap(), theirs.unwrap()));
        }
        assert!(within(server, 1, listener.accept()).await.is_none());
        let (ours, theirs) = held.pop().unwrap();
        drop(ours);
        assert_eq!(client.connect(server_at(7)).await.unwrap_err(), ErrorKind::ConnectionRefused);
        full.set(Some(theirs));
        is_full.set(true);
        assert!(within(server, 5, listener.accept()).await.is_some());
    });
}

#[test]
fn ports() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        let listener = server.listen(port(0), 1, false).await.unwrap();
        let at = listener.local_addr().unwrap().port();
        assert_eq!(server.listen(port(at), 1, false).await.unwrap_err(), ErrorKind::AddrInUse);
        let other = server.listen(port(0), 1, false).await.unwrap();
        assert_ne!(other.local_addr(), listener.local_addr());
        let unaccepted = client.connect(server_at(at)).await.unwrap();
        drop(listener);
        pause(&client, 1).await;
        let mut unaccepted = unaccepted;
        assert_eq!(unaccepted.read(&mut [0]).await, Err(ErrorKind::ConnectionReset));
        assert_eq!(client.connect(server_at(at)).await.unwrap_err(), ErrorKind::ConnectionRefused);
        let elsewhere = Local { address: Some(NOBODY.into()), ..port(7) };
        assert_eq!(server.listen(elsewhere, 1, false).await.unwrap_err(), ErrorKind::AddrNotAvailable);
        assert_eq!(server.bind(elsewhere).await.unwrap_err(), ErrorKind::AddrNotAvailable);
        let here = Local { address: Some(SERVER.into()), ..port(7) };
        let listener = server.listen(here, 1, false).await.unwrap();
        assert_eq!(listener.local_addr(), Ok(server_at(7)));
        client.connect(server_at(7)).await.unwrap();
    });
}

/// A client that never finishes its handshake, or vanishes before it is accepted, holds no place for long.
#[test]
fn clients_that_vanish_before_they_are_accepted() {
    let Pair { client, server, mut background, wire } = pair(Cable::GOOD);
    background.run(async {
        let mut listener = server.listen(port(7), 1, false).await.unwrap();
        for half_open in [true, false] {
            let cut = async {
                let delay = if half_open { Cable::GOOD.delay * 7 / 2 } else { Cable::GOOD.delay * 20 };
                embassy_time::Timer::after(delay).await;
                wire.cut.set(true);
            };
            let vanishing = zip(client.connect(server_at(7)), cut).await.0.unwrap();
            pause(&server, 20).await;
            assert!(within(&server, 1, listener.accept()).await.is_none());
            drop(vanishing);
            wire.cut.set(false);
            let (ours, theirs) = zip(client.connect(server_at(7)), within(&server, 5, listener.accept())).await;
            assert!(ours.is_ok() && theirs.is_some());
        }
        drop(listener);
        nothing_is_lost(&client, &server).await;
    });
}

#[test]
fn half_close() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        let (mut ours, mut theirs) = connected(&client, &server).await;
        ours.write_all(b"a question").await.unwrap();
        ours.close_write().await.unwrap();
        assert_eq!(ours.write(b"more").await, Err(ErrorKind::BrokenPipe));
        assert_eq!(read_all(&mut theirs).await.unwrap(), b"a question");
        theirs.write_all(b"the answer").await.unwrap();
        let (answer, closed) = zip(read_all(&mut ours), theirs.shutdown()).await;
        assert_eq!((answer.unwrap().as_slice(), closed), (&b"the answer"[..], Ok(())));
        ours.shutdown().await.unwrap();
    });
}

/// What was written arrives, and then the end, although the socket is gone and was needed at once.
#[test]
fn close_delivers_everything() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        for _ in 0..2 * TCP {
            let (mut ours, mut theirs) = connected(&client, &server).await;
            let sender = async {
                ours.write_all(&[42; 5000]).await.unwrap();
                ours.shutdown().await.unwrap();
                drop(ours);
            };
            let receiver = async {
                pause(&server, 1).await;
                read_all(&mut theirs).await.unwrap()
            };
            assert_eq!(zip(sender, receiver).await.1, [42; 5000]);
            theirs.shutdown().await.unwrap();
        }
        nothing_is_lost(&client, &server).await;
    });
}

/// If nobody waits for the end of `shutdown`, it goes on without.
#[test]
fn close_goes_on_in_the_background() {
    let Pair { client, server, mut background, .. } =
        pair(Cable { delay: embassy_time::Duration::from_millis(300), ..Cable::GOOD });
    background.run(async {
        let (mut ours, mut theirs) = connected(&client, &server).await;
        ours.write_all(b"the last words").await.unwrap();
        assert!(drop_after(1, ours.shutdown()).await.is_none());
        drop(ours);
        assert_eq!(read_all(&mut theirs).await.unwrap(), b"the last words");
    });
}

#[test]
fn drop_after_the_answer_is_an_end() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        for at_the_end in [false, true] {
            let (mut ours, mut theirs) = connected(&client, &server).await;
            ours.write_all(b"?").await.unwrap();
            theirs.read_exact(&mut [0]).await.unwrap();
            theirs.write_all(b"!").await.unwrap();
            let asker = async {
                ours.read_exact(&mut [0]).await.unwrap();
                if at_the_end {
                    assert_eq!(ours.read(&mut [0]).await, Ok(0));
                }
                drop(ours);
            };
            let answerer = async {
                if at_the_end {
                    theirs.shutdown().await.unwrap();
                }
                read_all(&mut theirs).await.unwrap()
            };
            assert_eq!(zip(asker, answerer).await.1, b"");
        }
        nothing_is_lost(&client, &server).await;
    });
}

/// A connection that is dropped is no end: a body that the end would delimit is not taken for the whole.
#[test]
fn drop_resets() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        let (mut ours, mut theirs) = connected(&client, &server).await;
        theirs.write_all(b"?").await.unwrap();
        ours.read_exact(&mut [0]).await.unwrap();
        ours.write_all(b"half of").await.unwrap();
        ours.flush().await.unwrap();
        drop(ours);
        pause(&server, 1).await;
        let mut buffer = [0; 100];
        assert_eq!(theirs.read(&mut buffer).await, Ok(7));
        assert_eq!(theirs.read(&mut buffer).await, Err(ErrorKind::ConnectionReset));
        assert_eq!(theirs.write(b"?").await, Err(ErrorKind::ConnectionReset));
        assert_eq!(theirs.flush().await, Ok(()), "there is nothing that was not delivered");
        assert_eq!(theirs.shutdown().await, Err(ErrorKind::ConnectionReset));
    });
}

/// Also when every socket is needed again at once.
#[test]
fn every_peer_is_told() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        let mut listener = server.listen(port(7), 1, false).await.unwrap();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..TCP {
            let (a, b) = zip(client.connect(server_at(7)), listener.accept()).await;
            ours.push(a.unwrap());
            theirs.push(b.unwrap().0);
        }
        drop(listener);
        drop(ours);
        for _ in 0..TCP {
            assert_eq!(client.connect(server_at(7)).await.unwrap_err(), ErrorKind::ConnectionRefused);
        }
        for theirs in &mut theirs {
            let read = within(&server, 1, theirs.read(&mut [0])).await;
            assert_eq!(read, Some(Err(ErrorKind::ConnectionReset)));
        }
    });
}

#[test]
fn split() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        let (mut ours, mut theirs) = connected(&client, &server).await;
        let echo = async {
            let mut buffer = [0; 700];
            for _ in 0..20 {
                theirs.read_exact(&mut buffer).await.unwrap();
                theirs.write_all(&buffer).await.unwrap();
            }
            theirs.flush().await.unwrap();
        };
        let (mut reader, mut writer) = ours.split();
        let send = async {
            writer.write_all(&[7; 14_000]).await.unwrap();
            writer.flush().await.unwrap();
        };
        let receive = async {
            let mut all = [0; 14_000];
            reader.read_exact(&mut all).await.unwrap();
            all
        };
        assert_eq!(zip(echo, zip(send, receive)).await.1.1, [7; 14_000]);
    });
}

#[test]
fn options() {
    let Pair { client, server, mut background, wire } = pair(Cable::GOOD);
    background.run(async {
        let (mut ours, _theirs) = connected(&client, &server).await;
        assert_eq!(ours.set_option(SocketOption::NoDelay(true)), Ok(()));
        assert_eq!(ours.set_option(SocketOption::ReuseAddress(true)), Err(ErrorKind::Unsupported));
        assert_eq!(ours.set_option(SocketOption::MulticastTtl(1)), Err(ErrorKind::Unsupported));
        let sent_in_a_minute = async || {
            let before = wire.frames.borrow().len();
            pause(&client, 60).await;
            wire.frames.borrow().len() - before
        };
        sent_in_a_minute().await;
        assert_eq!(sent_in_a_minute().await, 0, "silence");
        let flood = SocketOption::KeepAlive(Some(Duration::from_millis(1)));
        assert_eq!(ours.set_option(flood), Err(ErrorKind::InvalidInput));
        ours.set_option(SocketOption::KeepAlive(Some(Duration::from_secs(10)))).unwrap();
        let asked = sent_in_a_minute().await;
        assert!((10..=16).contains(&asked), "{asked} frames: questions and answers");
        ours.set_option(SocketOption::KeepAlive(None)).unwrap();
        sent_in_a_minute().await;
        assert_eq!(sent_in_a_minute().await, 0);
    });
}

#[test]
fn a_tenth_lost_and_the_rest_out_of_order() {
    for seed in 0..20 {
        let Pair { client, server, mut background, .. } = pair(Cable::bad(seed));
        background.run(async {
            let sent: Vec<u8> = (0..100_000u32).map(|count| ((count * 7919) >> 5) as u8).collect();
            let (mut ours, mut theirs) = connected(&client, &server).await;
            let upload = async {
                ours.write_all(&sent).await.unwrap();
                ours.close_write().await.unwrap();
                read_all(&mut ours).await.unwrap()
            };
            let echo = async {
                let received = read_all(&mut theirs).await.unwrap();
                theirs.write_all(&received).await.unwrap();
                // The acknowledgement of the end may stay lost: nobody has to repeat it for ever.
                let _ = theirs.shutdown().await;
                received
            };
            let (back, there) = zip(upload, echo).await;
            assert!(there == sent && back == sent, "seed {seed}");
        });
    }
}

/// Attempts may fail on a bad line; what was connected is whole, and nothing hangs or stays behind.
#[test]
fn many_clients_on_a_bad_line() {
    for seed in 0..5 {
        let Pair { client, server, mut background, .. } = pair(Cable::bad(seed));
        let (client, server): (&'static Net, &'static Net) = (Box::leak(Box::new(client)), Box::leak(Box::new(server)));
        background.spawn(async move {
            let mut listener = server.listen(port(7), TCP, false).await.unwrap();
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let Some(Ok(question)) = within(server, 60, read_all(&mut connection)).await else { continue };
                let _ = within(server, 60, connection.write_all(&question)).await;
                let _ = within(server, 60, connection.shutdown()).await;
            }
        });
        let served = Rc::new(Cell::new(0));
        for task in 0..TCP as u8 {
            let served = served.clone();
            background.spawn(async move {
                loop {
                    let question = [task; 500];
                    let Some(Ok(mut connection)) = within(client, 30, client.connect(server_at(7))).await else {
                        continue;
                    };
                    let Some(Ok(())) = within(client, 60, connection.write_all(&question)).await else { continue };
                    let Some(Ok(())) = within(client, 60, connection.close_write()).await else { continue };
                    if let Some(Ok(answer)) = within(client, 120, read_all(&mut connection)).await {
                        assert!(answer == question, "seed {seed}: {} of 500 bytes", answer.len());
                        served.set(served.get() + 1);
                    }
                }
            });
        }
        background.run(pause(client, 300));
        assert!(served.get() > 20, "seed {seed}: {}", served.get());
    }
}

#[test]
fn datagrams() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        let mut ours = client.bind(ANYWHERE).await.unwrap();
        let mut theirs = server.bind(port(53)).await.unwrap();
        assert_eq!(server.bind(port(53)).await.unwrap_err(), ErrorKind::AddrInUse);
        assert_eq!(theirs.local_addr(), Ok((Ipv4Addr::UNSPECIFIED, 53).into()));
        assert_eq!(ours.family(), Family::Ipv4);

        ours.send_to(server_at(53), &[1; 1472]).await.unwrap();
        let mut buffer = [0; 100];
        let us = (CLIENT, ours.local_addr().unwrap().port()).into();
        assert_eq!(theirs.recv_from(&mut buffer).await, Ok((1472, us)), "the true size");
        assert_eq!(buffer, [1; 100]);
        ours.send_to(server_at(53), b"").await.unwrap();
        ours.send_to(server_at(53), b"last").await.unwrap();
        assert_eq!(theirs.recv_from(&mut buffer).await, Ok((0, us)));
        assert_eq!(theirs.recv_from(&mut buffer).await, Ok((4, us)), "and the next is whole");
        theirs.send_to(us, b"back").await.unwrap();
        assert_eq!(ours.recv_from(&mut buffer).await, Ok((4, server_at(53))));

        assert_eq!(ours.send_to(server_at(53), &[0; 1473]).await, Err(ErrorKind::InvalidInput));
        assert_eq!(ours.send_to(server_at(0), b"").await, Err(ErrorKind::InvalidInput));
        let other_family = (ipv6(SERVER), 53).into();
        assert_eq!(ours.send_to(other_family, b"").await, Err(ErrorKind::AddrNotAvailable));
        assert!(within(&client, 5, ours.recv_from(&mut buffer)).await.is_none());
        // What was for one owner of a port is not for the next.
        ours.send_to(server_at(53), b"late").await.unwrap();
        pause(&server, 1).await;
        drop(theirs);
        let mut theirs = server.bind(port(53)).await.unwrap();
        assert!(within(&server, 5, theirs.recv_from(&mut buffer)).await.is_none());
        drop((ours, theirs));
        nothing_is_lost(&client, &server).await;
    });
}

#[test]
fn multicast() {
    const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
    let Pair { client, server, mut background, wire } = pair(Cable::GOOD);
    background.run(async {
        let mut ours = client.bind(ANYWHERE).await.unwrap();
        let mut theirs = server.bind(port(5000)).await.unwrap();
        let mut also_theirs = server.bind(port(5001)).await.unwrap();
        assert_eq!(theirs.set_member(SERVER.into(), true), Err(ErrorKind::InvalidInput));
        assert_eq!(theirs.set_member(GROUP.into(), false), Err(ErrorKind::AddrNotAvailable));
        let mut buffer = [0; 10];
        let mut arrives = async |theirs: &mut <Net as Datagrams>::Socket<'_>| {
            ours.send_to((GROUP, 5000).into(), b"all").await.unwrap();
            within(&server, 5, theirs.recv_from(&mut buffer)).await.is_some()
        };
        assert!(!arrives(&mut theirs).await);
        theirs.set_member(GROUP.into(), true).unwrap();
        also_theirs.set_member(GROUP.into(), true).unwrap();
        assert!(arrives(&mut theirs).await);
        also_theirs.set_member(GROUP.into(), false).unwrap();
        assert!(arrives(&mut theirs).await, "one of two is still a member");
        also_theirs.set_member(GROUP.into(), true).unwrap();
        theirs.set_member(GROUP.into(), false).unwrap();
        drop(also_theirs);
        assert!(!arrives(&mut theirs).await, "a socket that is dropped leaves");

        let ttl_of_last = || {
            let frames = wire.frames.borrow();
            frames.iter().rev().find(|frame| frame.get(30..34) == Some(&GROUP.octets())).map(|frame| frame[22])
        };
        assert_eq!(ttl_of_last(), Some(1));
        assert_eq!(ours.set_option(SocketOption::MulticastTtl(0)), Err(ErrorKind::InvalidInput));
        assert_eq!(ours.set_option(SocketOption::NoDelay(true)), Err(ErrorKind::Unsupported));
        ours.set_option(SocketOption::MulticastTtl(9)).unwrap();
        ours.send_to((GROUP, 5000).into(), b"far").await.unwrap();
        ours.send_to(server_at(5000), b"near").await.unwrap();
        pause(&client, 1).await;
        assert_eq!(ttl_of_last(), Some(9));
    });
}

/// A name server with three names, one of which it does not like to talk about.
async fn name_server(network: &Net) {
    let mut socket = network.bind(port(53)).await.unwrap();
    let mut buffer = [0; 512];
    loop {
        let (size, remote) = socket.recv_from(&mut buffer).await.unwrap();
        let name = String::from_utf8_lossy(&buffer[12..size - 5]).into_owned();
        let is_a = buffer[size - 3] == 1;
        let mut answer = buffer[..size].to_vec();
        let mut record = |kind: u8, address: &[u8]| {
            answer[7] = 1; // one answer
            answer.extend_from_slice(&[0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, address.len() as u8]);
            answer.extend_from_slice(address);
        };
        match name.as_str() {
            "\u{4}four\u{7}example" if is_a => record(1, &SERVER.octets()),
            "\u{3}six\u{7}example" if !is_a => record(28, &ipv6(SERVER).octets()),
            "\u{6}silent\u{7}example" => continue,
            _ => {}
        }
        answer[2] |= 0x80; // a response
        answer[3] = if name.starts_with("\u{2}no") { 3 } else { 0 }; // no such name
        socket.send_to(remote, &answer).await.unwrap();
    }
}

#[test]
fn names() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.spawn(async move { name_server(&server).await });
    background.run(async {
        let four = Ok(IpAddr::V4(SERVER));
        let six = Ok(IpAddr::V6(ipv6(SERVER)));
        assert_eq!(client.resolve("four.example", Family::Any).await, four);
        assert_eq!(client.resolve("four.example", Family::Ipv4).await, four);
        assert_eq!(client.resolve("four.example", Family::Ipv6).await, Err(ResolveError::NoAnswer));
        assert_eq!(client.resolve("six.example", Family::Any).await, six);
        assert_eq!(client.resolve("six.example", Family::Ipv6).await, six);
        let before = client.now();
        assert_eq!(client.resolve("no.example", Family::Any).await, Err(ResolveError::NoAnswer));
        assert!(client.now() < before.after(Duration::from_secs(1)));
        assert_eq!(client.resolve("no..example", Family::Any).await, Err(ResolveError::NoSuchName));
        assert!(within(&client, 3, client.resolve("silent.example", Family::Any)).await.is_none());
        for polls in 0..20 {
            drop_after(polls, client.resolve("silent.example", Family::Any)).await;
        }
        assert_eq!(client.resolve("four.example", Family::Any).await, four);
    });
}

#[test]
fn a_whole_request_through_a_pool() {
    let Pair { mut client, server, mut background, .. } = pair(Cable::GOOD);
    let server: &'static Net = Box::leak(Box::new(server));
    background.spawn(name_server(server));
    background.spawn(async move {
        let mut listener = server.listen(port(80), 1, false).await.unwrap();
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 100];
            while !request.ends_with(b"\r\n\r\n") {
                let count = connection.read(&mut buffer).await.unwrap();
                request.extend_from_slice(&buffer[..count]);
            }
            assert!(request.starts_with(b"GET /now HTTP/1.1\r\n"));
            // Delimited by the end of the connection, so that the FIN is part of the answer.
            connection.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n21.5").await.unwrap();
            connection.shutdown().await.unwrap();
        }
    });
    background.run(async {
        let mut memory = Resources::<2>::new();
        let pool = SocketPool::new(&mut client, &mut memory);
        let http = Session::plain(&pool);
        for _ in 0..10 {
            let mut buffer = [0; 100];
            let mut response = http.get("http://four.example/now").send().await.unwrap();
            assert_eq!(response.text(&mut buffer).await.unwrap(), "21.5");
        }
        let counts = pool.counts();
        assert_eq!((counts.in_use, counts.idle), (0, 0));
    });
}

/// A pool on either side: more clients come one after the other than the server has slots, and each is served.
#[test]
fn a_server_in_a_pool() {
    let Pair { mut client, mut server, mut background, .. } = pair(Cable { loss: 3, ..Cable::GOOD });
    background.run(async {
        let (mut client_memory, mut server_memory) = (Resources::<3>::new(), Resources::<2>::new());
        let clients = SocketPool::new(&mut client, &mut client_memory);
        let servers = SocketPool::new(&mut server, &mut server_memory);
        let mut socket = servers.socket().await.unwrap();
        socket.bind("", 7).unwrap();
        let mut listener = socket.listen(1).await.unwrap();
        let serve = async {
            for _ in 0..20 {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut buffer = [0; 64];
                let mut size = 0;
                while let received @ 1.. = socket.recv_into(&mut buffer[size..]).await.unwrap() {
                    size += received;
                }
                socket.send_all(&buffer[..size]).await.unwrap();
                socket.close().await.unwrap();
            }
        };
        let ask = async {
            for round in 0..20u8 {
                let mut socket = clients.socket().await.unwrap();
                while socket.connect("10.0.0.2", 7).await.is_err() {
                    embassy_time::Timer::after_millis(100).await;
                }
                socket.send_all(&[round; 40]).await.unwrap();
                socket.shutdown(Shutdown::Write).await.unwrap();
                let mut answer = [0; 64];
                let mut size = 0;
                while let received @ 1.. = socket.recv_into(&mut answer[size..]).await.unwrap() {
                    size += received;
                }
                assert_eq!(answer[..size], [round; 40]);
            }
        };
        zip(serve, ask).await;
        assert_eq!((clients.counts().in_use, servers.counts().in_use), (0, 1), "the listener has a slot");
    });
}

/// Each future is dropped after each number of polls: what it held is free again.
#[test]
fn futures_dropped_at_every_await() {
    let Pair { client, server, mut background, .. } = pair(Cable::GOOD);
    background.run(async {
        for polls in 0..12 {
            let mut listener = server.listen(port(7), 1, false).await.unwrap();
            drop_after(polls, server.listen(port(8), 2, false)).await;
            let (ours, theirs) = zip(
                drop_after(polls, client.connect(server_at(7))),
                within(&server, 1, drop_after(polls, listener.accept())),
            )
            .await;
            drop((ours, theirs));
            drop(listener);

            let (mut ours, mut theirs) = connected(&client, &server).await;
            within(&client, 1, drop_after(polls, theirs.read(&mut [0; 10]))).await;
            within(&client, 1, drop_after(polls, ours.write(b"something"))).await;
            within(&client, 1, drop_after(polls, ours.flush())).await;
            within(&client, 1, drop_after(polls, ours.close_write())).await;
            within(&client, 1, drop_after(polls, ours.shutdown())).await;
            drop((ours, theirs));

            let mut socket = client.bind(ANYWHERE).await.unwrap();
            drop_after(polls, socket.send_to(server_at(9), b"something")).await;
            within(&client, 1, drop_after(polls, socket.recv_from(&mut [0; 10]))).await;
            drop(socket);
            nothing_is_lost(&client, &server).await;
        }
    });
}

#[test]
fn a_thousand_connections_on_a_bad_line() {
    let Pair { client, server, mut background, wire } = pair(Cable { loss: 5, ..Cable::GOOD });
    background.run(async {
        for round in 0..1000u64 {
            wire.cut.set(round % 50 == 0);
            let ours = async {
                let Ok(mut connection) = client.connect(server_at(7)).await else { return };
                if round % 3 > 0 && connection.write_all(&[1; 100]).await.is_ok() && round % 3 > 1 {
                    let _ = connection.shutdown().await;
                }
            };
            let theirs = async {
                let mut listener = server.listen(port(7), 1, false).await.unwrap();
                let Ok((mut connection, _)) = listener.accept().await else { return };
                let _ = read_all(&mut connection).await;
            };
            zip(within(&client, 2, ours), within(&server, 2, theirs)).await;
        }
        wire.cut.set(false);
        nothing_is_lost(&client, &server).await;
    });
}

#[test]
#[should_panic(expected = "full SocketSet")]
fn a_stack_without_room_is_found_out_at_once() {
    let Pair { client, server: _server, .. } = pair(Cable::GOOD);
    embassy::over(client.stack());
}

#[test]
fn timers() {
    #[derive(Clone)]
    struct TooShort;

    impl embedded_hal_async::delay::DelayNs for TooShort {
        async fn delay_ns(&mut self, nanos: u32) {
            embassy_time::Timer::after_micros(u64::from(nanos / 1500)).await;
        }
    }

    async fn is_punctual(timer: &impl Timer) {
        let at = Instant::from_millis(timer.now().as_millis() + 1234);
        timer.wait_until(at).await;
        assert_eq!(timer.now(), at);
        timer.wait_until(Instant::from_millis(0)).await;
        assert_eq!(timer.now(), at);
        let soon = Deadline::at(at.after(Duration::from_millis(10)));
        assert!(soon.limit(timer, timer.wait_until(Instant::from_millis(u64::MAX))).await.is_none());
    }

    embassy::Tasks::new().run(async {
        is_punctual(&EmbassyTimer).await;
        is_punctual(&DelayTimer::new(EmbassyTimer, TooShort)).await;
    });
}
