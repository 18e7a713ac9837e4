//! The peers of a row on a second smoltcp stack, for the column of smoltcp-nal.

use smoltcp::{
    iface::{Interface, SocketHandle, SocketSet},
    socket::{tcp, udp},
    time::{Duration, Instant},
    wire::{IpCidr, IpEndpoint},
};

use super::{
    faces::At,
    rows::{Act, LATER, Peer},
};

use crate::support::smoltcp_nal::{Company, End, NOBODY, PEER, interface, tcp_socket, udp_socket};

/// The first peer's port; the others have those that follow.
const PORT: u16 = 1000;

/// All peers of one row, in simulated time.
pub struct Cast {
    device: End,
    interface: Interface,
    sockets: SocketSet<'static>,
    parts: Vec<Part>,
    /// Whether one is to answer later at an address where nobody is at first.
    is_expected: bool,
}

/// One of them, and how far it has come.
struct Part {
    socket: SocketHandle,
    acts: &'static [Act],
    began: Option<Instant>,
    heard: Vec<u8>,
    program: Option<IpEndpoint>,
}

/// Where the peers of a row are.
pub fn at(peers: &[Peer]) -> Vec<At> {
    let address = |peer: &Peer| if matches!(peer, Peer::Silent(_)) { NOBODY } else { PEER };
    (PORT..).zip(peers).map(|(port, peer)| (address(peer).to_string(), port)).collect()
}

impl Cast {
    pub fn new(peers: &[Peer], mut device: End) -> Self {
        let interface = interface(&mut device, PEER);
        let mut sockets = SocketSet::new(vec![]);
        let mut is_expected = false;
        let parts = (PORT..).zip(peers).filter_map(|(port, peer)| {
            let acts = match *peer {
                Peer::Server(acts) | Peer::Udp(acts) => acts,
                Peer::Silent([Act::Later, acts @ ..]) => {
                    is_expected = true;
                    acts
                }
                Peer::Silent(_) | Peer::Refusing => return None,
                Peer::Client(_) => unreachable!("smoltcp-nal has no servers"),
            };
            let socket = if matches!(peer, Peer::Udp(_)) {
                let mut socket = udp_socket();
                socket.bind(port).expect("a free port");
                sockets.add(socket)
            } else {
                let mut socket = tcp_socket(4096);
                socket.listen(port).expect("a port");
                sockets.add(socket)
            };
            Some(Part { socket, acts, began: None, heard: Vec::new(), program: None })
        });
        let parts = parts.collect();
        Self { device, interface, sockets, parts, is_expected }
    }
}

impl Company for Cast {
    fn poll(&mut self, now: Instant) {
        if self.is_expected && now >= Instant::ZERO + later() {
            self.is_expected = false;
            let address = IpCidr::new(NOBODY.into(), 24);
            self.interface.update_ip_addrs(|addresses| addresses.push(address).expect("room for a second address"));
        }
        self.interface.poll(now, &mut self.device, &mut self.sockets);
        for part in &mut self.parts {
            let socket = self.sockets.iter_mut().find(|(handle, _)| *handle == part.socket).map(|(_, socket)| socket);
            match socket.expect("a socket") {
                smoltcp::socket::Socket::Tcp(socket) => while part.act(socket, now) {},
                smoltcp::socket::Socket::Udp(socket) => while part.speak(socket, now) {},
                _ => unreachable!("no other sockets"),
            }
        }
        self.interface.poll(now, &mut self.device, &mut self.sockets);
    }
}

const fn later() -> Duration {
    Duration::from_millis(LATER.as_millis() as u64)
}

impl Part {
    /// Does the next act, if its time has come.
    fn act(&mut self, socket: &mut tcp::Socket<'_>, now: Instant) -> bool {
        let Some(act) = self.acts.first() else { return false };
        if self.began.is_none() && !socket.may_send() {
            return false;
        }
        let began = *self.began.get_or_insert(now);
        let is_done = match *act {
            Act::Later => now >= began + later(),
            Act::Receive(awaited) => self.hears(socket, awaited),
            Act::ReceiveWithout(awaited, never) => {
                let is_heard = self.hears(socket, awaited);
                assert!(!self.heard.contains(&never), "what was not to be sent has come");
                is_heard
            }
            Act::Send(bytes) => socket.send_slice(bytes).expect("a program that reads") == bytes.len(),
            Act::SendToGroup(_) => unreachable!("not for TCP"),
            Act::Stall => true,
            Act::Drain => {
                while socket.recv(|bytes| (bytes.len(), bytes.len())).is_ok_and(|count| count > 0) {}
                !socket.may_recv()
            }
            Act::Close => {
                socket.close();
                true
            }
            Act::Reset => {
                socket.abort();
                true
            }
        };
        self.go_on(is_done, now)
    }

    fn speak(&mut self, socket: &mut udp::Socket<'_>, now: Instant) -> bool {
        let Some(act) = self.acts.first() else { return false };
        let began = *self.began.get_or_insert(now);
        let is_done = match *act {
            Act::Later => now >= began + later(),
            Act::Receive(awaited) => {
                let mut buffer = [0; 2048];
                socket.recv_slice(&mut buffer).is_ok_and(|(size, from)| {
                    self.program = Some(from.endpoint);
                    &buffer[..size] == awaited
                })
            }
            Act::Send(bytes) => socket.send_slice(bytes, self.program.expect("somebody spoke to it")).is_ok(),
            other => unreachable!("not for UDP: {other:?}"),
        };
        self.go_on(is_done, now)
    }

    fn hears(&mut self, socket: &mut tcp::Socket<'_>, awaited: &[u8]) -> bool {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = socket.recv_slice(&mut buffer) {
            self.heard.extend(&buffer[..count]);
        }
        self.heard.windows(awaited.len()).any(|window| window == awaited)
    }

    fn go_on(&mut self, is_done: bool, now: Instant) -> bool {
        if is_done {
            self.acts = &self.acts[1..];
            self.began = Some(now);
            self.heard.clear();
        }
        is_done
    }
}
