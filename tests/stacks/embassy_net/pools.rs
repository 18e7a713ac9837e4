//! Pools over the stack: whole requests, a server, futures that are dropped.

use super::*;

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
