//! Listeners, ports, and clients that are accepted or vanish before.

use super::*;

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
