//! Peers for stacks that reach the loopback: threads over the standard library.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
};

use rustix::net::{AddressFamily, SocketType, sockopt};

use super::{
    faces::{At, GROUP},
    rows::{Act, LATER, Peer},
};

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// All peers of one row. They stay until this is dropped, and then must have done what they had to.
pub struct Company {
    /// Where those are that the program comes to, in the order of the row.
    pub at: Vec<At>,
    clients: Vec<&'static [Act]>,
    playing: Vec<Playing>,
}

/// A peer at work.
struct Playing {
    thread: JoinHandle<()>,
    /// Nobody sends: the peer goes when this is dropped.
    _until: Sender<()>,
}

impl Company {
    pub fn new(peers: &[Peer]) -> Self {
        let mut company = Self { at: Vec::new(), clients: Vec::new(), playing: Vec::new() };
        for peer in peers {
            let local = match *peer {
                Peer::Server(acts) => {
                    let listener = TcpListener::bind(ANY).expect("a free port");
                    let local = listener.local_addr();
                    company.play(move |until| act(listener.accept().expect("a program that connects").0, acts, until));
                    local
                }
                Peer::Refusing => TcpListener::bind(ANY).and_then(|listener| listener.local_addr()),
                Peer::Silent(acts) => {
                    let (listener, filler) = full_listener();
                    let local = listener.local_addr();
                    company.play(move |until| {
                        if let [Act::Later, acts @ ..] = acts {
                            thread::sleep(LATER);
                            drop((listener.accept(), filler));
                            act(listener.accept().expect("a program that connects").0, acts, until);
                        } else {
                            let _ = until.recv();
                        }
                    });
                    local
                }
                Peer::Client(acts) => {
                    company.clients.push(acts);
                    continue;
                }
                Peer::Udp(acts) => {
                    let socket = UdpSocket::bind(ANY).expect("a free port");
                    let local = socket.local_addr();
                    company.play(move |_| speak(&socket, acts));
                    local
                }
            };
            company.at.push(("127.0.0.1".into(), local.expect("bound").port()));
        }
        company
    }

    /// The clients connect, in the order of the row.
    pub fn come(&mut self, port: u16) {
        for acts in core::mem::take(&mut self.clients) {
            let connect = move || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a program that listens");
            if let [Act::Later, acts @ ..] = acts {
                self.play(move |until| {
                    thread::sleep(LATER);
                    act(connect(), acts, until);
                });
            } else {
                let stream = connect();
                self.play(move |until| act(stream, acts, until));
            }
        }
    }

    fn play(&mut self, work: impl FnOnce(Receiver<()>) + Send + 'static) {
        let (until, gone) = channel();
        self.playing.push(Playing { thread: thread::spawn(move || work(gone)), _until: until });
    }

    /// Everybody goes home, also those whom nobody came to.
    pub fn part(self) {
        for (_, port) in self.at {
            let _ = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), LATER);
        }
        for Playing { thread, _until } in self.playing {
            drop(_until);
            thread.join().expect("a peer that saw what it had to");
        }
    }
}

/// A listener with as many connections as it has room for: one. It answers nobody until that one is accepted.
fn full_listener() -> (TcpListener, TcpStream) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    rustix::net::bind(&socket, &SocketAddr::from(ANY)).expect("a free port");
    rustix::net::listen(&socket, 0).expect("a listener");
    let listener = TcpListener::from(socket);
    let filler = TcpStream::connect(listener.local_addr().expect("bound")).expect("the first fits");
    (listener, filler)
}

fn act(mut stream: TcpStream, acts: &[Act], until: Receiver<()>) {
    let mut goes_on = true;
    for act in acts {
        match *act {
            _ if !goes_on => return,
            Act::Later => thread::sleep(LATER),
            Act::Receive(awaited) => goes_on = receive(&mut stream, awaited, None),
            Act::ReceiveWithout(awaited, never) => goes_on = receive(&mut stream, awaited, Some(never)),
            Act::Send(bytes) => stream.write_all(bytes).expect("a program that reads"),
            Act::SendToGroup(_) => unreachable!("not for TCP"),
            Act::Stall => {}
            Act::Drain => {
                let mut buffer = [0; 1 << 16];
                while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
            }
            Act::Close => return,
            Act::Reset => {
                sockopt::set_socket_linger(&stream, Some(core::time::Duration::ZERO)).expect("an open connection");
                return;
            }
        }
    }
    let _ = until.recv();
}

/// Whether these came, before the program left.
fn receive(stream: &mut TcpStream, awaited: &[u8], never: Option<u8>) -> bool {
    let (mut seen, mut buffer) = (Vec::new(), [0; 1 << 16]);
    while !seen.windows(awaited.len()).any(|window| window == awaited) {
        seen.drain(..seen.len().saturating_sub(awaited.len()));
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => seen.extend(&buffer[..count]),
            _ => return false,
        }
        assert!(never.is_none_or(|never| !seen.contains(&never)), "what was not to be sent has come");
    }
    true
}

fn speak(socket: &UdpSocket, acts: &[Act]) {
    let (mut buffer, mut program) = ([0; 2048], None);
    for act in acts {
        match *act {
            Act::Later => thread::sleep(LATER),
            Act::Receive(awaited) => loop {
                let (size, sender) = socket.recv_from(&mut buffer).expect("a datagram");
                program = Some(sender);
                if &buffer[..size] == awaited {
                    break;
                }
            },
            Act::Send(bytes) => {
                socket.send_to(bytes, program.expect("somebody spoke to it")).expect("sent");
            }
            // On the loopback, it does not leave this machine.
            Act::SendToGroup(bytes) => {
                sockopt::set_ip_multicast_if(socket, &Ipv4Addr::LOCALHOST).expect("a loopback");
                let port = program.expect("somebody spoke to it").port();
                socket.send_to(bytes, (GROUP, port)).expect("sent");
            }
            other => unreachable!("not for UDP: {other:?}"),
        }
    }
}
