//! Sockets, step by step: a name, a TCP client, a TCP server, a UDP query for the time, and what time-outs mean. All on
//! the loopback of this machine: `cargo run --example sockets`.
//!
//! Beside each step stands, as a comment, the line of CircuitPython that does the same.

mod support;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use socketpool::{Error, ErrorKind, Phase, Resources, SocketPool, host, ntp, stack::Family, time::Deadline};

/// Seconds from 1970 to 1 November 2026: no time before this one is believed.
const FLOOR: u64 = 1_793_491_200;

fn main() -> Result<(), Error> {
    host::block_on(tour())
}

async fn tour() -> Result<(), Error> {
    // A pool: so many sockets and not one more, over one network. Here it is the host's, on a board that of its radio.
    let (mut network, mut memory) = (host::Network::new(), Resources::<3>::new());
    let pool = SocketPool::new(&mut network, &mut memory); // pool = socketpool.SocketPool(wifi.radio)
    println!("a pool: {:?}", pool.counts());

    step("1. DNS: what address has a name?");
    let deadline = Deadline::within(&host::Timer, Some(Duration::from_secs(5)));
    let address = pool.getaddrinfo("localhost", 80, Family::Ipv4, deadline).await?; // pool.getaddrinfo("localhost", 80)[0][4]
    println!("localhost is {}", address.ip());
    let literal = pool.getaddrinfo("192.0.2.7", 80, Family::Any, deadline).await?;
    println!("192.0.2.7 is an address already, so nobody was asked: {literal}");

    step("2. a TCP client");
    let port = somebodys_echo_server();
    let mut socket = pool.socket().await?; // sock = pool.socket()
    socket.set_timeout(Some(Duration::from_secs(5))); // sock.settimeout(5)
    socket.connect("localhost", port).await?; // sock.connect(("localhost", port))
    socket.send_all(b"Hello, world").await?; // sock.sendall(b"Hello, world")
    let mut buffer = [0; 128]; // buffer = bytearray(128)
    let received = socket.recv_into(&mut buffer).await?; // received = sock.recv_into(buffer)
    println!("sent and got back: {}", String::from_utf8_lossy(&buffer[..received]));
    println!("while it was open: {:?}", pool.counts());
    socket.close().await?; // sock.close()
    println!("after its close:   {:?}", pool.counts());

    step("3. a TCP server");
    let mut socket = pool.socket().await?; // sock = pool.socket()
    socket.bind("127.0.0.1", 0)?; // sock.bind(("127.0.0.1", 0))
    let mut listener = socket.listen(2).await?; // sock.listen(2)
    listener.set_timeout(Some(Duration::from_secs(5))); // sock.settimeout(5)
    let port = listener.local_addr()?.port();
    println!("we listen at port {port}");
    let somebody = somebodys_client(port);
    let (mut client, _) = listener.accept().await?; // client, address = sock.accept()
    let received = client.recv_into(&mut buffer).await?; // received = client.recv_into(buffer)
    client.send_all(&buffer[..received]).await?; // client.sendall(buffer[:received])
    client.close().await?; // client.close()
    drop(listener); // sock.close()
    println!("a client says that it got back: {}", somebody.join().expect("no panic"));

    step("4. UDP: what time is it?");
    let port = somebodys_time_server();
    let request = ntp::Request::new(0x0123_4567_89AB_CDEF); // packet = bytearray(48); packet[0] = 0x23
    let mut socket = pool.udp_socket().await?; // sock = pool.socket(type=pool.SOCK_DGRAM)
    socket.set_timeout(Some(Duration::from_secs(5))); // sock.settimeout(5)
    socket.send_to(&request.packet(), "localhost", port).await?; // sock.sendto(packet, ("localhost", port))
    let (size, sender) = socket.recv_from_into(&mut buffer).await?; // size, sender = sock.recvfrom_into(packet)
    let datagram = buffer.get(..size).unwrap_or_default();
    let reply = request.read(datagram, FLOOR).map_err(|error| Error::new(Phase::Receive, ErrorKind::Sntp(error)))?;
    println!("{size} bytes from {sender}: {} seconds since 1970, stratum {}", reply.time.as_secs(), reply.stratum);

    step("5. time-outs");
    let nothing = |error: Error| println!("nothing has come: {error}");
    socket.set_timeout(Some(Duration::from_millis(50))); // sock.settimeout(0.05)
    socket.recv_from_into(&mut buffer).await.map(|_| ()).unwrap_or_else(nothing); // OSError: ETIMEDOUT
    socket.set_timeout(Some(Duration::ZERO)); // sock.setblocking(False)
    let at_once = socket.recv_from_into(&mut buffer).await; // OSError: EAGAIN
    assert_eq!(at_once.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
    println!("and with no time at all: {}", at_once.expect_err("nothing has come"));

    drop(socket);
    println!("\nat the end: {:?}", pool.counts());
    Ok(())
}

fn step(what: &str) {
    println!("\n{what}");
}

/// Sends everything back. Says at which port.
fn somebodys_echo_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut buffer = [0; 128];
        while let Ok(received @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..received]).expect("the client reads");
        }
    });
    port
}

/// Says something, and what came back until the end.
fn somebodys_client(port: u16) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.write_all(b"Hello, server").expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the server answers");
        answer
    })
}

/// Says that it is 31 January 2027. Says at which port.
fn somebodys_time_server() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = socket.local_addr().expect("bound").port();
    thread::spawn(move || {
        let mut packet = [0; ntp::PACKET_LEN];
        let (_, client) = socket.recv_from(&mut packet).expect("a request");
        packet.copy_within(40..48, 24); // the client's random bits come back as the origin
        packet[..2].copy_from_slice(&[0x24, 2]); // version 4, from a server; stratum 2
        packet[40..44].copy_from_slice(&4_010_342_400_u32.to_be_bytes());
        socket.send_to(&packet, client).expect("the client is there");
    });
    port
}
