//! Sockets, step by step: a name, a TCP client, a TCP server, a UDP query for the time, and what time-outs mean. All on
//! the loopback of this machine: `cargo run --example sockets`.
//!
//! Each line of Rust is printed as it is run, and beside it the line of CircuitPython that does the same.

mod support;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use socketpool::{Error, ErrorKind, Phase, Resources, SocketPool, host, ntp, stack::Family, time::Deadline};

/// Does what the Rust says; prints it, and the Python beside it.
macro_rules! beside {
    ($python:literal, $rust:expr) => {{
        println!("   {:<64} {}", stringify!($rust), $python);
        $rust
    }};
}

/// Seconds from 1970 to 1 November 2026: no time before this one is believed.
const FLOOR: u64 = 1_793_491_200;

fn main() -> Result<(), Error> {
    host::block_on(tour())
}

async fn tour() -> Result<(), Error> {
    // A pool: so many sockets and not one more, over one network. Here it is the host's, on a board that of its radio.
    let (mut network, mut memory) = (host::Network::new(), Resources::<3>::new());
    let pool = beside!("pool = socketpool.SocketPool(wifi.radio)", SocketPool::new(&mut network, &mut memory));
    println!("a pool: {:?}", pool.counts());

    step("1. DNS: what address has a name?");
    let deadline = Deadline::within(&host::Timer, Some(Duration::from_secs(5)));
    let address = beside!(
        "pool.getaddrinfo(\"localhost\", 80)[0][4]",
        pool.getaddrinfo("localhost", 80, Family::Ipv4, deadline).await?
    );
    println!("localhost is {}", address.ip());
    let literal = pool.getaddrinfo("192.0.2.7", 80, Family::Any, deadline).await?;
    println!("192.0.2.7 is an address already, so nobody was asked: {literal}");

    step("2. a TCP client");
    let port = somebodys_echo_server();
    let mut socket = beside!("sock = pool.socket()", pool.socket().await?);
    beside!("sock.settimeout(5)", socket.set_timeout(Some(Duration::from_secs(5))));
    beside!("sock.connect((\"localhost\", port))", socket.connect("localhost", port).await?);
    beside!("sock.sendall(b\"Hello, world\")", socket.send_all(b"Hello, world").await?);
    let mut buffer = beside!("buffer = bytearray(128)", [0; 128]);
    let received = beside!("received = sock.recv_into(buffer)", socket.recv_into(&mut buffer).await?);
    println!("sent and got back: {}", String::from_utf8_lossy(&buffer[..received]));
    println!("while it was open: {:?}", pool.counts());
    beside!("sock.close()", socket.close().await?);
    println!("after its close:   {:?}", pool.counts());

    step("3. a TCP server");
    let mut socket = beside!("sock = pool.socket()", pool.socket().await?);
    beside!("sock.bind((\"127.0.0.1\", 0))", socket.bind("127.0.0.1", 0)?);
    let mut listener = beside!("sock.listen(2)", socket.listen(2).await?);
    beside!("sock.settimeout(5)", listener.set_timeout(Some(Duration::from_secs(5))));
    let port = listener.local_addr()?.port();
    println!("we listen at port {port}");
    let somebody = somebodys_client(port);
    let (mut client, _) = beside!("client, address = sock.accept()", listener.accept().await?);
    let received = beside!("received = client.recv_into(buffer)", client.recv_into(&mut buffer).await?);
    beside!("client.sendall(buffer[:received])", client.send_all(&buffer[..received]).await?);
    beside!("client.close()", client.close().await?);
    beside!("sock.close()", drop(listener));
    println!("a client says that it got back: {}", somebody.join().expect("no panic"));

    step("4. UDP: what time is it?");
    let port = somebodys_time_server();
    let request = beside!("packet = bytearray(48); packet[0] = 0x23", ntp::Request::new(0x0123_4567_89AB_CDEF));
    let mut socket = beside!("sock = pool.socket(type=pool.SOCK_DGRAM)", pool.udp_socket().await?);
    beside!("sock.settimeout(5)", socket.set_timeout(Some(Duration::from_secs(5))));
    beside!("sock.sendto(packet, (\"localhost\", port))", socket.send_to(&request.packet(), "localhost", port).await?);
    let (size, sender) =
        beside!("size, sender = sock.recvfrom_into(packet)", socket.recv_from_into(&mut buffer).await?);
    let datagram = buffer.get(..size).unwrap_or_default();
    let reply = request.read(datagram, FLOOR).map_err(|error| Error::new(Phase::Receive, ErrorKind::Sntp(error)))?;
    println!("{size} bytes from {sender}: {} seconds since 1970, stratum {}", reply.time.as_secs(), reply.stratum);

    step("5. time-outs");
    let nothing = |error: Error| println!("nothing has come: {error}");
    beside!("sock.settimeout(0.05)", socket.set_timeout(Some(Duration::from_millis(50))));
    let late = beside!("sock.recvfrom_into(packet)  # OSError: ETIMEDOUT", socket.recv_from_into(&mut buffer).await);
    late.map(|_| ()).unwrap_or_else(nothing);
    beside!("sock.setblocking(False)", socket.set_timeout(Some(Duration::ZERO)));
    let at_once = beside!("sock.recvfrom_into(packet)  # OSError: EAGAIN", socket.recv_from_into(&mut buffer).await);
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
