//! The peer: a second stack, whose ports each have their manners.

use std::net::Ipv4Addr;

use smoltcp::{
    iface::{Interface, SocketHandle, SocketSet},
    socket::{tcp, udp},
    time::{Duration, Instant},
};

use super::{Company, End, PEER, interface, tcp_socket, udp_socket};

/// Sends everything back; over UDP too.
pub const ECHO_PORT: u16 = 7;
/// Never reads and never says anything.
pub const SILENT_PORT: u16 = 9;
/// Says [`GREETING`] and ends the stream.
pub const BYE_PORT: u16 = 13;
/// Resets the connection when it hears anything.
pub const RESET_PORT: u16 = 14;
/// Answers with [`GREETING`], but half a second later.
pub const LATE_PORT: u16 = 15;
/// Knows `peer.example`, says nothing about names under `silent.example`, and that there are no others.
const DNS_PORT: u16 = 53;
/// Answers every request with [`PAGE`].
const HTTP_PORT: u16 = 80;
/// Nobody listens there.
pub const NO_PORT: u16 = 81;

pub const GREETING: &[u8] = b"bye";
const LATE: Duration = Duration::from_millis(500);
pub const PAGE: &str = "two stacks";

/// How many clients a port has at a time.
const CLIENTS: usize = 4;

/// Waits for clients on a port, one after the other.
struct Door {
    socket: SocketHandle,
    port: u16,
    /// What the client has sent so far, where that matters.
    heard: Vec<u8>,
    heard_at: Option<Instant>,
    has_ended: bool,
    connected: bool,
}

/// A stack with TCP and UDP servers on it.
pub struct Peer {
    device: End,
    interface: Interface,
    sockets: SocketSet<'static>,
    doors: Vec<Door>,
    echo: SocketHandle,
    dns: SocketHandle,
    /// What has come of its clients so far.
    pub seen: Seen,
    /// How many times it was asked for a name.
    pub questions: usize,
}

/// TCP clients, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    pub connections: usize,
    /// How many of them ended their stream in order.
    pub fins: usize,
    /// How many of them broke it off.
    pub resets: usize,
}

impl Peer {
    pub(super) fn new(mut device: End) -> Self {
        let interface = interface(&mut device, PEER);
        let mut sockets = SocketSet::new(vec![]);
        let ports = [ECHO_PORT, SILENT_PORT, BYE_PORT, RESET_PORT, LATE_PORT, HTTP_PORT];
        let doors = ports.iter().flat_map(|port| [*port; CLIENTS]).map(|port| {
            let socket = sockets.add(tcp_socket(4096));
            Door { socket, port, heard: vec![], heard_at: None, has_ended: false, connected: false }
        });
        let doors = doors.collect();
        let mut bound = |port| {
            let mut socket = udp_socket();
            socket.bind(port).expect("a free port");
            sockets.add(socket)
        };
        let (echo, dns) = (bound(ECHO_PORT), bound(DNS_PORT));
        Self { device, interface, sockets, doors, echo, dns, seen: Seen::default(), questions: 0 }
    }

    fn serve_echo(&mut self) {
        let echo = self.sockets.get_mut::<udp::Socket<'_>>(self.echo);
        let mut datagram = [0; 2048];
        while let Ok((size, from)) = echo.recv_slice(&mut datagram) {
            let _ = echo.send_slice(&datagram[..size], from.endpoint);
        }
    }

    fn serve_names(&mut self) {
        let dns = self.sockets.get_mut::<udp::Socket<'_>>(self.dns);
        let mut question = [0; 512];
        while let Ok((size, from)) = dns.recv_slice(&mut question) {
            self.questions += 1;
            if let Some(answer) = answer(&question[..size]) {
                let _ = dns.send_slice(&answer, from.endpoint);
            }
        }
    }
}

impl Company for Peer {
    /// Does what its ports promise.
    fn poll(&mut self, now: Instant) {
        self.interface.poll(now, &mut self.device, &mut self.sockets);
        for door in &mut self.doors {
            door.attend(self.sockets.get_mut(door.socket), now, &mut self.seen);
        }
        self.serve_echo();
        self.serve_names();
        self.interface.poll(now, &mut self.device, &mut self.sockets);
    }
}

impl Door {
    /// Does what is to be done for the client that is there, and waits for the next one when it has gone.
    fn attend(&mut self, socket: &mut tcp::Socket<'_>, now: Instant, seen: &mut Seen) {
        use tcp::State;
        if !self.connected && socket.may_send() {
            self.connected = true;
            seen.connections += 1;
        }
        let has_fin = matches!(socket.state(), State::CloseWait | State::Closing | State::LastAck | State::TimeWait);
        if self.connected && !self.has_ended && has_fin {
            self.has_ended = true;
            seen.fins += 1;
        }
        if !socket.is_open() {
            seen.resets += usize::from(self.connected && !self.has_ended);
            socket.abort();
            socket.listen(self.port).expect("a port");
            (self.connected, self.has_ended, self.heard_at) = (false, false, None);
            self.heard.clear();
        }
        if self.connected {
            self.serve(socket, now);
        }
        if self.has_ended && (self.port == SILENT_PORT || socket.recv_queue() == 0) {
            socket.close();
        }
    }

    fn serve(&mut self, socket: &mut tcp::Socket<'_>, now: Instant) {
        if self.port == SILENT_PORT {
            return;
        }
        if self.port == BYE_PORT {
            if socket.may_send() {
                let _ = socket.send_slice(GREETING);
                socket.close();
            }
            return;
        }
        let mut bytes = [0; 2048];
        // What is echoed has to fit.
        let room = (socket.send_capacity() - socket.send_queue()).min(bytes.len());
        let heard = socket.recv_slice(&mut bytes[..room]).unwrap_or(0);
        let answer = match self.port {
            ECHO_PORT => &bytes[..heard],
            RESET_PORT if heard > 0 => {
                self.has_ended = true;
                return socket.abort();
            }
            LATE_PORT => {
                if heard > 0 {
                    self.heard_at = Some(now);
                }
                if self.heard_at.is_none_or(|at| now < at + LATE) {
                    return;
                }
                self.heard_at = None;
                GREETING
            }
            HTTP_PORT => {
                self.heard.extend(&bytes[..heard]);
                if !self.heard.ends_with(b"\r\n\r\n") {
                    return;
                }
                self.heard.clear();
                &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{PAGE}", PAGE.len()).into_bytes()
            }
            _ => return,
        };
        let _ = socket.send_slice(answer);
    }
}

/// The answer of a name server (RFC 1035 §4) to a question for IPv4 addresses.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    const PEER_NAME: &[u8] = b"\x04peer\x07example\0";
    const SILENT_NAME: &[u8] = b"\x06silent\x07example\0";
    let asked = question.get(12..)?;
    if asked.windows(SILENT_NAME.len()).any(|name| name == SILENT_NAME) {
        return None;
    }
    let is_known = asked.starts_with(PEER_NAME);
    let no_such_name = if is_known { 0 } else { 3 };
    let mut answer = question[..2].to_vec();
    answer.extend([0x81, 0x80 | no_such_name, 0, 1, 0, is_known.into(), 0, 0, 0, 0]);
    answer.extend(asked);
    if is_known {
        // The name of the question; type A, class IN, a minute, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(Ipv4Addr::octets(&PEER));
    }
    Some(answer)
}
