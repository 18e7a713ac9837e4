//! Both directions of a connection at the same time, over the host's network.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use embassy_futures::join::join;
use rustix::net::sockopt;
use socketpool::{
    Error, ErrorKind, Phase, Resources, SocketPool, host,
    pool::{Key, Shutdown},
    traits::Socket as _,
};

use crate::support::both::poll_times;

/// More than the buffers of both sides together take.
const MUCH: usize = 1 << 24;

/// A server for one connection. Says at which port.
fn serve(work: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || work(listener.accept().unwrap().0));
    port
}

fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

#[test]
fn one_sends_while_the_other_receives() {
    let (mut network, mut memory) = (host::Network::new(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    async_io::block_on(async {
        let port = serve(echo);
        let mut socket = pool.socket().await.unwrap();
        assert_eq!(socket.split().unwrap_err().kind(), ErrorKind::NotConnected);
        socket.connect("127.0.0.1", port).await.unwrap();
        socket.set_timeout(Some(Duration::from_secs(20)));
        // What was peeked at belongs to the half that receives.
        socket.send_all(b"peek").await.unwrap();
        assert_ne!(socket.peek(&mut [0; 4]).await, Ok(0));
        let (mut read, mut write) = socket.split().unwrap();
        let receive = async {
            let (mut total, mut buffer) = (0, [0; 4096]);
            while total < MUCH + 4 {
                total += read.recv_into(&mut buffer).await?;
            }
            Ok::<_, Error>(total)
        };
        let bytes = vec![b'.'; MUCH];
        let (received, sent) = join(receive, write.send_all(&bytes)).await;
        assert_eq!((received, sent), (Ok(MUCH + 4), Ok(())), "one alone would have waited for ever");

        socket.send_all(b"whole again").await.unwrap();
        assert_ne!(socket.recv_into(&mut [0; 16]).await, Ok(0));
        socket.keep(Key { host: "127.0.0.1", port, session_id: 0, tls: None });
        assert_eq!(pool.counts().free, 1, "closed, not kept");
    });
}

#[test]
fn a_connection_that_breaks_off_has_no_end() {
    let (mut network, mut memory) = (host::Network::new(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    async_io::block_on(async {
        let port = serve(|mut stream| {
            stream.read_exact(&mut [0; 4]).unwrap();
            sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        });
        let mut socket = pool.socket().await.unwrap();
        socket.set_timeout(Some(Duration::from_secs(20)));
        socket.connect("127.0.0.1", port).await.unwrap();
        {
            let (mut read, mut write) = socket.split().unwrap();
            write.send_all(b"ping").await.unwrap();
            let error = read.recv_into(&mut [0; 4]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io(embedded_io_async::ErrorKind::ConnectionReset));
            let after = Error::new(Phase::Receive, ErrorKind::NotConnected);
            assert_eq!(read.recv_into(&mut [0; 4]).await, Err(after));
        }
        let whole = socket.recv_into(&mut [0; 4]).await;
        assert_eq!(whole, Err(Error::new(Phase::Receive, ErrorKind::NotConnected)), "nor when it is whole again");
        assert_eq!(socket.peek(&mut [0; 4]).await, whole);
    });
}

#[test]
fn half_sent_and_half_closed() {
    let (mut network, mut memory) = (host::Network::new(), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    async_io::block_on(async {
        let port = serve(|_stream| thread::sleep(Duration::from_secs(2)));
        let mut socket = pool.socket().await.unwrap();
        socket.connect("127.0.0.1", port).await.unwrap();
        let (_, mut write) = socket.split().unwrap();
        assert!(poll_times(write.send_all(&vec![b'.'; MUCH]), 3).is_none());
        let torn = write.send_all(b"more").await.map_err(Error::from);
        assert_eq!(torn, Err(Error::new(Phase::Send, ErrorKind::NotConnected)), "nobody knows how much was sent");
        assert_eq!(socket.split().unwrap_err().kind(), ErrorKind::NotConnected);

        let port = serve(echo);
        socket.connect("127.0.0.1", port).await.unwrap();
        socket.shutdown(Shutdown::Read).await.unwrap();
        let (mut read, mut write) = socket.split().unwrap();
        write.send_all(b"hello").await.unwrap();
        assert_eq!(read.recv_into(&mut [0; 8]).await, Ok(0), "we wanted to read no more");
        socket.shutdown(Shutdown::Write).await.unwrap();
        assert!(socket.split().is_err());
    });
}
