//! UDP, multicast and names.

use super::*;

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
