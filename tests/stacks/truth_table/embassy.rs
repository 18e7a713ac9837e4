//! The peers of a row on a second embassy-net stack, for the column of embassy-net.

use core::future::pending;
use std::rc::Rc;

use embassy_net::{
    Stack,
    tcp::TcpSocket,
    udp::{PacketMetadata, UdpSocket},
};
use embassy_time::{Duration, Timer};

use super::{
    columns::DOOR,
    faces::{At, GROUP},
    rows::{Act, LATER, Peer},
};

use crate::support::embassy::{CLIENT, NOBODY, SERVER, Tasks, Wire};

/// The first peer's port; the others have those that follow.
const PORT: u16 = 1000;

/// Where the peers of a row are.
pub fn at(peers: &[Peer]) -> Vec<At> {
    let address = |peer: &Peer| if matches!(peer, Peer::Silent([])) { NOBODY } else { SERVER };
    (PORT..).zip(peers).map(|(port, peer)| (address(peer).to_string(), port)).collect()
}

/// All peers of a row come to this stack, in virtual time. Until one that is silent answers, its cable is cut.
pub fn come(peers: &[Peer], stack: Stack<'static>, wire: &Rc<Wire>, tasks: &mut Tasks) {
    for (port, peer) in (PORT..).zip(peers) {
        match *peer {
            Peer::Server(acts) => tasks.spawn(serve(tcp_socket(stack), port, acts)),
            Peer::Silent([Act::Later, acts @ ..]) => {
                wire.cut.set(true);
                let wire = wire.clone();
                tasks.spawn(async move {
                    later().await;
                    wire.cut.set(false);
                });
                tasks.spawn(serve(tcp_socket(stack), port, acts));
            }
            Peer::Client(acts) => tasks.spawn(visit(tcp_socket(stack), acts)),
            Peer::Udp(acts) => tasks.spawn(speak(udp_socket(stack, port), acts)),
            Peer::Silent(_) | Peer::Refusing => {}
        }
    }
}

fn tcp_socket(stack: Stack<'static>) -> TcpSocket<'static> {
    TcpSocket::new(stack, vec![0; 4096].leak(), vec![0; 4096].leak())
}

fn udp_socket(stack: Stack<'static>, port: u16) -> UdpSocket<'static> {
    let notes = || vec![PacketMetadata::EMPTY; 4].leak();
    let mut socket = UdpSocket::new(stack, notes(), vec![0; 2048].leak(), notes(), vec![0; 2048].leak());
    socket.bind(port).expect("a free port");
    socket
}

async fn later() {
    Timer::after(Duration::from_millis(LATER.as_millis() as u64)).await;
}

async fn serve(mut socket: TcpSocket<'static>, port: u16, acts: &'static [Act]) {
    socket.accept(port).await.expect("a free port");
    act(socket, acts).await;
}

/// Connects, as soon as the program listens.
async fn visit(mut socket: TcpSocket<'static>, mut acts: &'static [Act]) {
    if let [Act::Later, rest @ ..] = acts {
        later().await;
        acts = rest;
    }
    while socket.connect((CLIENT, DOOR)).await.is_err() {
        Timer::after_millis(1).await;
    }
    act(socket, acts).await;
}

/// Does not let go of the socket: it would not so much as say good-bye.
async fn act(mut socket: TcpSocket<'static>, acts: &[Act]) {
    for act in acts {
        match *act {
            Act::Later => later().await,
            Act::Receive(awaited) => receive(&mut socket, awaited, None).await,
            Act::ReceiveWithout(awaited, never) => receive(&mut socket, awaited, Some(never)).await,
            Act::Send(bytes) => assert_eq!(socket.write(bytes).await, Ok(bytes.len())),
            Act::SendToGroup(_) => unreachable!("not for TCP"),
            Act::Stall => {}
            Act::Drain => while socket.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {},
            Act::Close => socket.close(),
            Act::Reset => {
                // What it has taken is acknowledged by then.
                Timer::after_millis(20).await;
                socket.abort();
            }
        }
    }
    let _ = socket.flush().await;
    pending().await
}

/// Waits until these have come, for ever if the program leaves before.
async fn receive(socket: &mut TcpSocket<'static>, awaited: &[u8], never: Option<u8>) {
    let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
    while !heard.windows(awaited.len()).any(|window| window == awaited) {
        match socket.read(&mut buffer).await {
            Ok(count @ 1..) => heard.extend(&buffer[..count]),
            _ => pending().await,
        }
        assert!(never.is_none_or(|never| !heard.contains(&never)), "what was not to be sent has come");
    }
}

async fn speak(socket: UdpSocket<'static>, acts: &[Act]) {
    let (mut buffer, mut program) = ([0; 2048], None);
    for act in acts {
        match *act {
            Act::Later => later().await,
            Act::Receive(awaited) => loop {
                let (size, about) = socket.recv_from(&mut buffer).await.expect("room for it");
                program = Some(about.endpoint);
                if &buffer[..size] == awaited {
                    break;
                }
            },
            Act::Send(bytes) => {
                socket.send_to(bytes, program.expect("somebody spoke to it")).await.expect("a way back");
            }
            Act::SendToGroup(bytes) => {
                let port = program.expect("somebody spoke to it").port;
                socket.send_to(bytes, (GROUP, port)).await.expect("a way there");
            }
            other => unreachable!("not for UDP: {other:?}"),
        }
    }
    pending().await
}
