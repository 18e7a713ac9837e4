//! The modem: threads that understand AT commands, and do real TCP and real TLS (rustls, which verifies) on the host.
//!
//! ```text
//! command                                         answer, `OK` or `ERROR:<code>` at its end
//! AT+RESET                                        READY, and no connection is open; in place of `OK`
//! AT+CLOCK=<seconds since 1970>                   the date for TLS; kept over a reset, as are the roots
//! AT+ROOT=<profile>,<at>,<len>                    `>`, then so many bytes of the root's DER, the first at `at`
//! AT+DNS="<name>"                                 +DNS:<address>
//! AT+OPEN=<link>,"TCP","<address>",<port>         its outcome comes as a notice
//! AT+OPEN=<link>,"TLS","<where>",<port>,<profile>,"<name>"
//! AT+SEND=<link>,<len>                            `>`, then so many bytes
//! AT+RECV=<link>,<most>                           +RECV:<link>,<len>,<left>, a line's end, and `len` bytes
//! AT+CLOSE=<link>                                 nothing more is said of this connection
//!
//! notice, between any two lines
//! +OPEN:<link>,<code>                             it is open (0), or why not
//! +DATA:<link>                                    there is something to be fetched
//! +CLOSED:<link>                                  the peer has ended its side, in order
//! +RESET:<link>                                   the peer has reset the connection
//! +LOST:<link>                                    the connection was cut off otherwise: TLS without `close_notify`
//! +SIGNAL:<strength>
//!
//! code  1 no such name   2 no answer of a name server   3 refused   4 no answer of the peer
//!       5 not verified   6 no handshake   7 another
//! ```

use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    io::{self, ErrorKind as Std, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
    time_provider::TimeProvider,
};

use super::at::LINKS;

/// Bytes that the line holds in each direction, as a UART has them.
const FIFO: usize = 48;
/// Bytes that the modem holds of each connection.
const WINDOW: usize = 2048;
/// How often a thread of a connection looks at both of its sides.
const TURN: Duration = Duration::from_millis(1);

/// One direction of the line.
#[derive(Default)]
struct Wire {
    state: Mutex<WireState>,
    changed: Condvar,
}

#[derive(Default)]
struct WireState {
    bytes: VecDeque<u8>,
    waker: Option<Waker>,
    is_cut: bool,
}

impl Wire {
    /// Does what can be done now; if nothing can, the waker is woken when that may have changed.
    fn poll<T>(&self, context: &mut Context<'_>, work: impl FnOnce(&mut VecDeque<u8>) -> Option<T>) -> Poll<T> {
        let mut state = self.state.lock().unwrap();
        match work(&mut state.bytes) {
            Some(done) => {
                self.changed.notify_all();
                Poll::Ready(done)
            }
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The modem's side: waits until it can be done; `None` when the line is cut.
    fn wait<T>(&self, mut work: impl FnMut(&mut VecDeque<u8>) -> Option<T>) -> Option<T> {
        let mut state = self.state.lock().unwrap();
        loop {
            if state.is_cut {
                return None;
            }
            if let Some(done) = work(&mut state.bytes) {
                state.waker.take().inspect(Waker::wake_by_ref);
                return Some(done);
            }
            state = self.changed.wait(state).unwrap();
        }
    }

    fn cut(&self) {
        self.state.lock().unwrap().is_cut = true;
        self.changed.notify_all();
    }
}

/// How the driver's side of the line waits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Waits {
    /// It is pending, and wakes.
    Pending,
    /// Inside, for a moment; then it says `TimedOut`.
    Inside,
}

/// The driver's side of the line. Gives and takes a few bytes at a time.
pub struct Line {
    to_modem: Arc<Wire>,
    from_modem: Arc<Wire>,
    waits: Waits,
    turn: usize,
}

impl Line {
    async fn wait<T>(&self, wire: &Wire, mut work: impl FnMut(&mut VecDeque<u8>) -> Option<T>) -> Result<T, ErrorKind> {
        let mut patience = 20;
        poll_fn(|context| {
            loop {
                match wire.poll(context, &mut work) {
                    Poll::Ready(done) => return Poll::Ready(Ok(done)),
                    Poll::Pending if self.waits == Waits::Pending => return Poll::Pending,
                    Poll::Pending if patience == 0 => return Poll::Ready(Err(ErrorKind::TimedOut)),
                    Poll::Pending => patience -= 1,
                }
                thread::sleep(Duration::from_micros(50));
            }
        })
        .await
    }

    /// How many bytes it moves this time: 1, 2, ... 7.
    fn next(&mut self) -> usize {
        self.turn = self.turn % 7 + 1;
        self.turn
    }
}

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Read for Line {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        let most = self.next().min(out.len());
        let take = |bytes: &mut VecDeque<u8>| {
            let count = bytes.len().min(most);
            (count > 0).then(|| out.iter_mut().zip(bytes.drain(..count)).map(|(place, byte)| *place = byte).count())
        };
        self.wait(&self.from_modem, take).await
    }
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let bytes = &bytes[..self.next().min(bytes.len())];
        let give = |wire: &mut VecDeque<u8>| {
            let count = bytes.len().min(FIFO - wire.len());
            wire.extend(&bytes[..count]);
            (count > 0).then_some(count)
        };
        self.wait(&self.to_modem, give).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.to_modem.cut();
        self.from_modem.cut();
    }
}

/// The modem. It goes on until the driver drops its side of the line.
#[derive(Clone)]
pub struct Simulator(Arc<Shared>);

struct Shared {
    to_modem: Arc<Wire>,
    from_modem: Arc<Wire>,
    /// Locked while something is said, which may have to wait for the driver.
    state: Mutex<State>,
    commands: Mutex<Vec<String>>,
    open: AtomicUsize,
}

#[derive(Default)]
struct State {
    links: [Option<Arc<Mutex<Link>>>; LINKS],
    clock: Option<u64>,
    roots: BTreeMap<u8, Vec<u8>>,
    /// So many lines were said.
    lines: usize,
}

/// A connection, as the command side sees it; its thread has the rest.
struct Link {
    received: VecDeque<u8>,
    /// Nothing is said of it any more.
    is_closed: bool,
    to_peer: mpsc::Sender<Vec<u8>>,
}

/// What the thread of a connection works on.
enum Peer {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Names that the modem knows, apart from `localhost`.
pub const NAMES: [&str; 2] = ["api.example", "other.example"];
/// A name that its name server does not answer for.
pub const UNANSWERED: &str = "unanswered.example";

/// A modem, and the line to it. It has been on for a while, and has said something before.
pub fn start(waits: Waits) -> (Simulator, Line) {
    let (to_modem, from_modem) = (Arc::<Wire>::default(), Arc::<Wire>::default());
    let shared = Shared {
        to_modem: to_modem.clone(),
        from_modem: from_modem.clone(),
        state: Mutex::default(),
        commands: Mutex::default(),
        open: AtomicUsize::new(0),
    };
    let simulator = Simulator(Arc::new(shared));
    simulator.say_raw(b"\xff\x00rdy\r\n>+DATA:7\r\n");
    let modem = simulator.clone();
    thread::spawn(move || modem.run());
    (simulator, Line { to_modem, from_modem, waits, turn: 0 })
}

impl Simulator {
    /// The commands so far that begin like this.
    pub fn commands(&self, start: &str) -> usize {
        self.0.commands.lock().unwrap().iter().filter(|command| command.starts_with(start)).count()
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::SeqCst)
    }

    /// Puts these bytes on the line, between two others of its own.
    pub fn shout(&self, bytes: &[u8]) {
        let _state = self.state();
        self.say_raw(bytes);
    }

    fn say_raw(&self, bytes: &[u8]) {
        for byte in bytes {
            self.0.from_modem.wait(|wire| (wire.len() < FIFO).then(|| wire.push_back(*byte)));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    /// One line, and before every second one a notice of no interest.
    fn say(&self, state: &mut State, line: &str) {
        state.lines += 1;
        if state.lines.is_multiple_of(2) {
            self.say_raw(b"+SIGNAL:17\r\n");
        }
        self.say_raw(line.as_bytes());
        self.say_raw(b"\r\n");
    }

    /// So many bytes of the line; `None` when it is cut.
    fn take(&self, len: usize) -> Option<Vec<u8>> {
        (0..len).map(|_| self.0.to_modem.wait(VecDeque::pop_front)).collect()
    }

    fn run(&self) {
        let mut line = Vec::new();
        while let Some(byte) = self.0.to_modem.wait(VecDeque::pop_front) {
            line.push(byte);
            if byte == b'\n' {
                let command = String::from_utf8_lossy(&line).trim().to_owned();
                line.clear();
                if !command.is_empty() && self.execute(&command).is_none() {
                    self.say(&mut self.state(), "ERROR:9");
                }
            }
        }
        self.close_all();
    }

    /// Does what the command says; `None` for one that it does not understand.
    fn execute(&self, command: &str) -> Option<()> {
        self.0.commands.lock().unwrap().push(command.to_owned());
        let (verb, rest) = command.split_once('=').unwrap_or((command, ""));
        let words: Vec<&str> = rest.split(',').map(|word| word.trim_matches('"')).collect();
        let number = |index: usize| words.get(index)?.parse::<usize>().ok();
        match verb {
            "AT+RESET" => {
                self.close_all();
                self.say(&mut self.state(), "\r\nREADY");
                return Some(());
            }
            "AT+CLOCK" => self.state().clock = Some(number(0)? as u64),
            "AT+ROOT" => {
                let (profile, at, len) = (number(0)? as u8, number(1)?, number(2)?);
                self.prompt();
                let Some(piece) = self.take(len) else { return Some(()) };
                let mut state = self.state();
                let root = state.roots.entry(profile).or_default();
                root.truncate(at);
                root.extend(piece);
            }
            "AT+DNS" => match find(words[0]) {
                Ok(address) => self.say(&mut self.state(), &format!("+DNS:{address}")),
                Err(code) => {
                    self.say(&mut self.state(), &format!("ERROR:{code}"));
                    return Some(());
                }
            },
            "AT+OPEN" => {
                let (link, port) = (number(0)?, number(3)? as u16);
                let tls = match words[1] {
                    "TLS" => Some((number(4)? as u8, (*words.get(5)?).to_owned())),
                    _ => None,
                };
                self.open_link(link, words[2].to_owned(), port, tls)?;
            }
            "AT+SEND" => {
                let (link, len) = (number(0)?, number(1)?);
                let link = self.state().links.get(link)?.clone()?;
                self.prompt();
                let Some(bytes) = self.take(len) else { return Some(()) };
                let _ = link.lock().unwrap().to_peer.send(bytes);
            }
            "AT+RECV" => {
                let (index, most) = (number(0)?, number(1)?);
                let mut state = self.state();
                let link = state.links.get(index)?.clone()?;
                let received = &mut link.lock().unwrap().received;
                let len = received.len().min(most);
                let bytes: Vec<u8> = received.drain(..len).collect();
                self.say(&mut state, &format!("+RECV:{index},{len},{}", received.len()));
                self.say_raw(&bytes);
            }
            "AT+CLOSE" => {
                let link = self.state().links.get_mut(number(0)?)?.take()?;
                self.close(&link);
            }
            _ => return None,
        }
        self.say(&mut self.state(), "OK");
        Some(())
    }

    fn open_link(&self, index: usize, host: String, port: u16, tls: Option<(u8, String)>) -> Option<()> {
        let (to_peer, from_driver) = mpsc::channel();
        let link = Arc::new(Mutex::new(Link { received: VecDeque::new(), is_closed: false, to_peer }));
        let mut state = self.state();
        let place = state.links.get_mut(index).filter(|place| place.is_none())?;
        *place = Some(link.clone());
        self.0.open.fetch_add(1, Ordering::SeqCst);
        let tls = tls.map(|(profile, name)| (state.client(profile), name));
        let modem = self.clone();
        thread::spawn(move || {
            let peer = connect(&host, port, tls);
            let code = peer.as_ref().err().copied().unwrap_or(0);
            modem.notice(&link, &[], &format!("+OPEN:{index},{code}"));
            if let Ok(peer) = peer {
                modem.serve(index, &link, peer, &from_driver);
            }
        });
        Some(())
    }

    fn close(&self, link: &Mutex<Link>) {
        link.lock().unwrap().is_closed = true;
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }

    fn close_all(&self) {
        self.state().links.iter_mut().filter_map(Option::take).for_each(|link| self.close(&link));
    }

    /// Says that something was received, or something else, of a connection that is not closed.
    fn notice(&self, link: &Mutex<Link>, received: &[u8], line: &str) {
        let mut state = self.state();
        let mut link = link.lock().unwrap();
        link.received.extend(received);
        if !link.is_closed {
            drop(link);
            self.say(&mut state, line);
        }
    }

    fn prompt(&self) {
        let _state = self.state();
        self.say_raw(b"> ");
    }

    /// Moves bytes between a connection and its peer.
    fn serve(&self, index: usize, link: &Mutex<Link>, mut peer: Peer, from_driver: &mpsc::Receiver<Vec<u8>>) {
        let (mut chunk, mut is_reading) = ([0; 300], true);
        loop {
            while let Ok(bytes) = from_driver.try_recv() {
                let _ = peer.write_all(&bytes);
            }
            if link.lock().unwrap().is_closed {
                return peer.end();
            }
            if !is_reading || link.lock().unwrap().received.len() > WINDOW {
                thread::sleep(TURN);
                continue;
            }
            let word = match peer.read(&mut chunk) {
                Ok(0) => "+CLOSED",
                Ok(len) => {
                    self.notice(link, &chunk[..len], &format!("+DATA:{index}"));
                    continue;
                }
                Err(error) if matches!(error.kind(), Std::WouldBlock | Std::TimedOut) => continue,
                Err(error) if error.kind() == Std::ConnectionReset => "+RESET",
                Err(_) => "+LOST",
            };
            self.notice(link, &[], &format!("{word}:{index}"));
            is_reading = false;
        }
    }
}

impl State {
    /// TLS under this profile: verifies with its root, on the date that was set. Without a date nothing is verified.
    fn client(&self, profile: u8) -> Option<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.roots.get(&profile)?.clone())).ok()?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_details(provider, Arc::new(Date(self.clock?)));
        Some(builder.with_safe_default_protocol_versions().ok()?.with_root_certificates(roots).with_no_client_auth())
    }
}

#[derive(Debug)]
struct Date(u64);

impl TimeProvider for Date {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
    }
}

/// The address of a name, or the number of the error.
fn find(name: &str) -> Result<IpAddr, usize> {
    match name {
        UNANSWERED => Err(2),
        _ if name == "localhost" || NAMES.contains(&name) => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => Err(1),
    }
}

/// Connects to a name or an address, with TLS if there is a name to verify; the number of the error.
fn connect(host: &str, port: u16, tls: Option<(Option<ClientConfig>, String)>) -> Result<Peer, usize> {
    let address = host.parse().or_else(|_| find(host))?;
    let tcp = TcpStream::connect(SocketAddr::new(address, port)).map_err(|error| match error.kind() {
        Std::ConnectionRefused => 3_usize,
        Std::TimedOut => 4,
        _ => 7,
    })?;
    let _ = tcp.set_nodelay(true);
    let peer = match tls {
        None => Peer::Plain(tcp),
        Some((config, name)) => {
            let name = ServerName::try_from(name).map_err(|_| 5_usize)?;
            let connection = ClientConnection::new(Arc::new(config.ok_or(5_usize)?), name).map_err(|_| 6_usize)?;
            let _ = tcp.set_read_timeout(Some(Duration::from_secs(5)));
            let mut stream = StreamOwned::new(connection, tcp);
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock).map_err(|error| {
                    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
                    if let Some(rustls::Error::InvalidCertificate(_)) = cause { 5_usize } else { 6 }
                })?;
            }
            Peer::Tls(Box::new(stream))
        }
    };
    let _ = peer.tcp().set_read_timeout(Some(TURN));
    Ok(peer)
}

impl Peer {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(stream) => &stream.sock,
        }
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(out),
            Self::Tls(stream) => stream.read(out),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.write_all(bytes),
            Self::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// Closes in order.
    fn end(mut self) {
        if let Self::Tls(stream) = &mut self {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
        let _ = self.tcp().shutdown(Shutdown::Write);
    }
}
