//! embassy-net as a network: two stacks that talk to each other over a cable in memory, in virtual time.

mod accept;
mod bad_line;
mod closing;
mod connect;
mod datagrams;
mod pools;

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
