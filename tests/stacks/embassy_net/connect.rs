//! Connections: made, refused, given up, and one too many.

use super::*;

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
