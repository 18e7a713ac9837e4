//! A network in memory under simulated time, between a pool of either face and servers with no I/O: it can do to every
//! byte of a connection what networks do.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    future::{Future, poll_fn},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use rustls::ServerConfig;
use socketpool::{
    blocking, stack,
    time::{Clock, Instant, Timer},
};

use crate::{
    chance::Chance,
    server::{Http, Https, Log, Service},
};

/// What happens to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It ends in order.
    Close,
    /// It breaks.
    Reset,
    /// A byte is missing.
    Drop,
    /// A byte comes twice.
    Duplicate,
    /// A byte is another.
    Corrupt,
    /// What follows comes later, and in time.
    Delay,
    /// Nothing more comes.
    Stall,
    /// Nothing more is taken: who writes waits.
    Deaf,
}

pub const KINDS: [Kind; 8] =
    [Kind::Close, Kind::Reset, Kind::Drop, Kind::Duplicate, Kind::Corrupt, Kind::Delay, Kind::Stall, Kind::Deaf];

impl Kind {
    /// Whether bytes arrive that were not sent so.
    pub const fn alters(self) -> bool {
        matches!(self, Self::Drop | Self::Duplicate | Self::Corrupt)
    }

    /// Whether a connection that lies idle does not show it.
    pub const fn is_silent(self) -> bool {
        matches!(self, Self::Stall | Self::Deaf)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What the client says.
    Up,
    /// What the server says.
    Down,
}

/// One fault, behind so many bytes of one way.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub kind: Kind,
    pub way: Way,
    pub at: usize,
}

/// How long [`Kind::Delay`] takes, in milliseconds.
pub const DELAY: u64 = 700;

/// What a name server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Right,
    /// Nothing.
    Silent,
    /// That there is no such name.
    Missing,
    /// The address of nobody.
    Elsewhere,
}

/// When faults happen.
#[derive(Debug, Clone)]
pub enum Weather {
    Fair,
    /// This one, on the first connection.
    Once(Fault),
    /// Before one request in so many, of any kind; connections and names fail as often.
    OneIn(usize, Chance),
}

/// A server that never ends: what it begins with, and what it says then again and again.
#[derive(Debug, Clone, Copy)]
pub struct Flood {
    pub begin: &'static str,
    pub again: &'static str,
    /// So many times at once.
    pub times: usize,
    /// Milliseconds between two.
    pub pause: u64,
}

/// Bytes on their way.
#[derive(Default)]
struct Pipe {
    /// How many have come so far.
    count: usize,
    /// When they arrive, and what.
    arriving: VecDeque<(u64, Vec<u8>)>,
    delay: u64,
    stalled: bool,
}

struct Line {
    service: Box<dyn Service>,
    fault: Option<Fault>,
    up: Pipe,
    down: Pipe,
    ended: bool,
    reset: bool,
    deaf: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    flood: Option<Flood>,
    /// At most so many bytes in one read.
    fragment: usize,
    is_plain: bool,
    fired: Rc<RefCell<Fired>>,
    /// All that arrived at the client, if it is kept.
    heard: Rc<RefCell<Vec<u8>>>,
}

/// What happened so far.
#[derive(Debug, Default, Clone, Copy)]
pub struct Fired {
    /// In the order of [`KINDS`].
    pub kinds: [u64; KINDS.len()],
    /// How often bytes were altered that TLS did not protect.
    pub altered_in_the_clear: u64,
    pub refused: u64,
    pub unnamed: u64,
}

impl Fired {
    pub fn sum(&self) -> u64 {
        self.kinds.iter().sum::<u64>() + self.refused + self.unnamed
    }
}

struct State {
    now: u64,
    next: usize,
    lines: BTreeMap<usize, Line>,
    alarms: Vec<(u64, Waker)>,
    weather: Weather,
    config: Option<Arc<ServerConfig>>,
    log: Rc<RefCell<Log>>,
    connections: u64,
    fired: Rc<RefCell<Fired>>,
    fragments: Chance,
    /// What arrived on each connection, if it is kept.
    heard: Option<Vec<Rc<RefCell<Vec<u8>>>>>,
    names: Names,
    flood: Option<Flood>,
    /// After so many reads the clock is another.
    jump: Option<(usize, u64)>,
}

/// The network. Its clones are the same.
#[derive(Clone)]
pub struct World(Rc<RefCell<State>>);

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

impl World {
    pub fn new(config: &Arc<ServerConfig>, weather: Weather, keeps: bool) -> Self {
        Self(Rc::new(RefCell::new(State {
            now: 1000,
            next: 0,
            lines: BTreeMap::new(),
            alarms: Vec::new(),
            weather,
            config: Some(config.clone()),
            log: Rc::default(),
            connections: 0,
            fired: Rc::default(),
            fragments: Chance::new(7),
            heard: keeps.then(Vec::new),
            names: Names::Right,
            flood: None,
            jump: None,
        })))
    }

    pub fn set_weather(&self, weather: Weather) {
        self.0.borrow_mut().weather = weather;
    }

    pub fn set_names(&self, names: Names) {
        self.0.borrow_mut().names = names;
    }

    /// From now on every server is like that.
    pub fn set_flood(&self, flood: Flood) {
        self.0.borrow_mut().flood = Some(flood);
    }

    /// After so many reads the clock says something else.
    pub fn jump(&self, reads: usize, to: u64) {
        self.0.borrow_mut().jump = Some((reads, to));
    }

    pub fn log(&self) -> Rc<RefCell<Log>> {
        self.0.borrow().log.clone()
    }

    pub fn fired(&self) -> Fired {
        *self.0.borrow().fired.borrow()
    }

    /// How many connections were made.
    pub fn connections(&self) -> u64 {
        self.0.borrow().connections
    }

    pub fn millis(&self) -> u64 {
        self.0.borrow().now
    }

    /// Connections that the client has not closed.
    pub fn open(&self) -> usize {
        self.0.borrow().lines.len()
    }

    /// What arrived at the client, by connection.
    pub fn heard(&self) -> Vec<Vec<u8>> {
        let heard = self.0.borrow().heard.clone().unwrap_or_default();
        heard.iter().map(|bytes| bytes.borrow().clone()).collect()
    }

    /// How many bytes have gone each way on the first connection that is open.
    pub fn counts(&self) -> (usize, usize) {
        self.0.borrow().lines.values().next().map_or((0, 0), |line| (line.up.count, line.down.count))
    }

    /// The network of the async face.
    pub fn network(&self) -> stack::Network<Self, Self, Self> {
        stack::Network::new(self.clone(), self.clone(), self.clone())
    }

    /// The network of the blocking face.
    pub fn blocking_network(&self) -> blocking::Network<Self, Self, impl Fn(&mut Self)> {
        let idle = |world: &mut Self| world.idle();
        blocking::Network::new(self.clone(), self.clone(), idle, blocking::ZeroRead::Eof).tcp_errors(|error| error.0)
    }

    /// Lets time pass until somebody is woken. False if nothing will wake anybody.
    pub fn sleep(&self) -> bool {
        let mut state = self.0.borrow_mut();
        let arrivals = state.lines.values().flat_map(|line| line.arrivals());
        let Some(next) = state.alarms.iter().map(|(at, _)| *at).chain(arrivals).min() else { return false };
        state.now = next.max(state.now);
        let woken = state.deliver();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        true
    }

    /// What the blocking face does while it waits: what is under way arrives, or a while passes.
    fn idle(&self) {
        const A_WHILE: u64 = 10;
        let mut state = self.0.borrow_mut();
        let next = state.lines.values().flat_map(|line| line.arrivals()).min();
        state.now = next.unwrap_or(u64::MAX).clamp(state.now, state.now + A_WHILE);
        state.deliver();
    }
}

impl Line {
    fn arrivals(&self) -> impl Iterator<Item = u64> {
        let down = self.down.arriving.front().filter(|_| self.reader.is_some());
        self.up.arriving.front().into_iter().chain(down).map(|(at, _)| *at)
    }

    /// Sends bytes into one way, and does what is to happen there.
    fn put(&mut self, way: Way, bytes: &[u8], now: u64) {
        let mut bytes = bytes.to_vec();
        let pipe = match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        };
        let begin = pipe.count;
        pipe.count += bytes.len();
        let mut late = Vec::new();
        if let Some(fault) = self.fault
            && fault.way == way
            && fault.at <= pipe.count
        {
            let at = fault.at - begin.min(fault.at);
            let needs_a_byte = fault.kind.alters();
            if !needs_a_byte || at < bytes.len() {
                self.fault = None;
                let mut fired = self.fired.borrow_mut();
                fired.kinds[fault.kind as usize] += 1;
                fired.altered_in_the_clear += u64::from(fault.kind.alters() && self.is_plain);
                drop(fired);
                match fault.kind {
                    Kind::Close | Kind::Reset | Kind::Stall => bytes.truncate(at),
                    Kind::Drop => drop(bytes.remove(at)),
                    Kind::Duplicate => bytes.insert(at, bytes[at]),
                    Kind::Corrupt => bytes[at] ^= 1 << (fault.at % 8),
                    Kind::Delay => late = bytes.split_off(at),
                    Kind::Deaf => {}
                }
                match fault.kind {
                    Kind::Close => self.ended = true,
                    Kind::Reset => self.reset = true,
                    Kind::Stall => pipe.stalled = true,
                    Kind::Deaf => self.deaf = true,
                    _ => {}
                }
                if !bytes.is_empty() {
                    pipe.arriving.push_back((now + pipe.delay, bytes));
                }
                if fault.kind == Kind::Delay {
                    pipe.delay = DELAY;
                }
                bytes = late;
            }
        } else if pipe.stalled {
            return;
        }
        if !bytes.is_empty() && !pipe.stalled && !self.ended && !self.reset {
            pipe.arriving.push_back((now + pipe.delay, bytes));
        }
    }

    /// The server takes what has arrived.
    fn serve(&mut self, now: u64) {
        while self.up.arriving.front().is_some_and(|(at, _)| *at <= now) {
            let (_, bytes) = self.up.arriving.pop_front().expect("it is there");
            let mut out = Vec::new();
            self.service.take(&bytes, &mut out);
            if !out.is_empty() && !self.ended && !self.reset {
                self.put(Way::Down, &out, now);
            }
            self.ended |= self.service.has_closed();
        }
    }

    fn try_read(&mut self, out: &mut [u8], now: u64) -> Poll<Result<usize, ErrorKind>> {
        self.serve(now);
        if let Some(flood) = &mut self.flood
            && self.up.count > 0
            && self.down.arriving.is_empty()
        {
            let text = [flood.begin, &flood.again.repeat(flood.times)].concat();
            flood.begin = "";
            self.down.arriving.push_back((now + flood.pause, text.into()));
        }
        match self.down.arriving.front_mut() {
            Some((at, bytes)) if *at <= now => {
                let count = bytes.len().min(out.len()).min(self.fragment);
                out[..count].copy_from_slice(&bytes[..count]);
                bytes.drain(..count);
                if bytes.is_empty() {
                    self.down.arriving.pop_front();
                }
                self.heard.borrow_mut().extend(&out[..count]);
                Poll::Ready(Ok(count))
            }
            Some(_) => Poll::Pending,
            None if self.reset => Poll::Ready(Err(ErrorKind::ConnectionReset)),
            None if self.ended => Poll::Ready(Ok(0)),
            None => Poll::Pending,
        }
    }

    fn try_write(&mut self, bytes: &[u8], now: u64) -> Poll<Result<usize, ErrorKind>> {
        if self.reset || self.ended {
            return Poll::Ready(Err(if self.reset { ErrorKind::ConnectionReset } else { ErrorKind::BrokenPipe }));
        }
        if self.deaf {
            return Poll::Pending;
        }
        let count = bytes.len().min(1460);
        self.put(Way::Up, &bytes[..count], now);
        self.serve(now);
        Poll::Ready(Ok(count))
    }
}

impl State {
    /// Everything that is due arrives. Gives who is to be woken.
    fn deliver(&mut self) -> Vec<Waker> {
        let now = self.now;
        let (due, rest) = std::mem::take(&mut self.alarms).into_iter().partition(|(at, _)| *at <= now);
        self.alarms = rest;
        let due: Vec<(u64, Waker)> = due;
        let mut woken: Vec<_> = due.into_iter().map(|(_, waker)| waker).collect();
        for line in self.lines.values_mut() {
            line.serve(now);
            if line.ended || line.reset || line.down.arriving.front().is_some_and(|(at, _)| *at <= now) {
                woken.extend(line.reader.take());
                woken.extend(line.writer.take());
            }
        }
        woken
    }

    fn resolve(&mut self) -> Poll<Result<IpAddr, ErrorKind>> {
        let mut names = self.names;
        if let Weather::OneIn(many, chance) = &mut self.weather
            && chance.one_in(*many)
        {
            self.fired.borrow_mut().unnamed += 1;
            names = [Names::Silent, Names::Missing, Names::Elsewhere][chance.below(3)];
        }
        match names {
            Names::Right => Poll::Ready(Ok(ADDRESS.into())),
            Names::Elsewhere => Poll::Ready(Ok(Ipv4Addr::BROADCAST.into())),
            Names::Missing => Poll::Ready(Err(ErrorKind::NotFound)),
            Names::Silent => Poll::Pending,
        }
    }

    fn connect(&mut self, remote: SocketAddr) -> Result<usize, ErrorKind> {
        if remote.ip() != IpAddr::V4(ADDRESS) {
            return Err(ErrorKind::AddrNotAvailable);
        }
        self.connections += 1;
        let fault = match &mut self.weather {
            Weather::Fair => None,
            Weather::Once(fault) => {
                let fault = *fault;
                self.weather = Weather::Fair;
                Some(fault)
            }
            Weather::OneIn(many, chance) => {
                if chance.one_in(*many) {
                    self.fired.borrow_mut().refused += 1;
                    return Err(ErrorKind::ConnectionRefused);
                }
                None
            }
        };
        let service: Box<dyn Service> = match (&self.config, remote.port()) {
            _ if self.flood.is_some() => Box::new(Mute),
            (Some(config), 443) => Box::new(Https::new(config, &self.log)),
            _ => Box::new(Http::new(&self.log, false)),
        };
        let heard: Rc<RefCell<Vec<u8>>> = Rc::default();
        if let Some(all) = &mut self.heard {
            all.push(heard.clone());
        }
        let fragment = if self.fragments.one_in(2) { usize::MAX } else { 1 + self.fragments.below(64) };
        let mut line = Line {
            service,
            fault,
            up: Pipe::default(),
            down: Pipe::default(),
            ended: false,
            reset: false,
            deaf: false,
            reader: None,
            writer: None,
            flood: self.flood,
            fragment,
            is_plain: remote.port() != 443,
            fired: self.fired.clone(),
            heard,
        };
        // What happens before the first byte.
        line.put(Way::Up, &[], self.now);
        line.put(Way::Down, &[], self.now);
        self.next += 1;
        self.lines.insert(self.next, line);
        Ok(self.next)
    }

    /// Before something is written: whether something is to happen now.
    fn brew(&mut self, id: usize) {
        let Weather::OneIn(many, chance) = &mut self.weather else { return };
        let Some(line) = self.lines.get_mut(&id) else { return };
        if line.fault.is_none() && chance.one_in(*many) {
            let way = [Way::Up, Way::Down][chance.below(2)];
            let count = if way == Way::Up { line.up.count } else { line.down.count };
            line.fault = Some(Fault { kind: KINDS[chance.below(KINDS.len())], way, at: count + chance.below(400) });
        }
    }

    fn line(&mut self, id: usize) -> Option<(&mut Line, u64)> {
        match &mut self.jump {
            Some((0, to)) => {
                self.now = *to;
                self.jump = None;
            }
            Some((reads, _)) => *reads -= 1,
            None => {}
        }
        let now = self.now;
        self.lines.get_mut(&id).map(|line| (line, now))
    }

    /// Keeps nothing of what was read, unless all is kept.
    fn forget(&mut self, id: usize) {
        if self.heard.is_none()
            && let Some(line) = self.lines.get(&id)
        {
            line.heard.borrow_mut().clear();
        }
    }
}

/// Takes everything.
struct Mute;

impl Service for Mute {
    fn take(&mut self, _: &[u8], _: &mut Vec<u8>) {}

    fn has_closed(&self) -> bool {
        false
    }
}

impl Clock for World {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.borrow().now)
    }
}

impl Timer for World {
    async fn wait_until(&self, at: Instant) {
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            if state.now >= at.as_millis() {
                return Poll::Ready(());
            }
            let alarm = (at.as_millis(), context.waker().clone());
            if !state.alarms.iter().any(|(at, waker)| *at == alarm.0 && waker.will_wake(&alarm.1)) {
                state.alarms.push(alarm);
            }
            Poll::Pending
        })
        .await;
    }
}

/// A connection, as the async face sees it. Dropping it closes it.
pub struct Socket {
    world: World,
    id: usize,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.world.0.borrow_mut().lines.remove(&self.id);
    }
}

impl ErrorType for Socket {
    type Error = ErrorKind;
}

impl Read for Socket {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|context| {
            let mut state = self.world.0.borrow_mut();
            let Some((line, now)) = state.line(self.id) else { return Poll::Ready(Err(ErrorKind::NotConnected)) };
            let outcome = line.try_read(out, now);
            if outcome.is_pending() {
                line.reader = Some(context.waker().clone());
            }
            state.forget(self.id);
            outcome
        })
        .await
    }
}

impl Write for Socket {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.world.0.borrow_mut().brew(self.id);
        poll_fn(|context| {
            let mut state = self.world.0.borrow_mut();
            let Some((line, now)) = state.line(self.id) else { return Poll::Ready(Err(ErrorKind::NotConnected)) };
            let outcome = line.try_write(bytes, now);
            if outcome.is_pending() {
                line.writer = Some(context.waker().clone());
            }
            outcome
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl embedded_nal_async::TcpConnect for World {
    type Error = ErrorKind;
    type Connection<'a> = Socket;

    /// Connecting takes a millisecond.
    async fn connect(&self, remote: SocketAddr) -> Result<Socket, ErrorKind> {
        let at = self.now().after(std::time::Duration::from_millis(1));
        self.wait_until(at).await;
        let id = self.0.borrow_mut().connect(remote)?;
        Ok(Socket { world: self.clone(), id })
    }
}

impl embedded_nal_async::Dns for World {
    type Error = ErrorKind;

    fn get_host_by_name(
        &self,
        _: &str,
        _: embedded_nal_async::AddrType,
    ) -> impl Future<Output = Result<IpAddr, ErrorKind>> {
        let answer = self.0.borrow_mut().resolve();
        poll_fn(move |_| answer)
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, ErrorKind> {
        Err(ErrorKind::Unsupported)
    }
}

/// An error of the blocking face's stack.
#[derive(Debug)]
pub struct Failure(ErrorKind);

impl embedded_nal::TcpError for Failure {
    fn kind(&self) -> embedded_nal::TcpErrorKind {
        embedded_nal::TcpErrorKind::Other
    }
}

fn nb<T>(outcome: Poll<Result<T, ErrorKind>>) -> nb::Result<T, Failure> {
    match outcome {
        Poll::Pending => Err(nb::Error::WouldBlock),
        Poll::Ready(Ok(output)) => Ok(output),
        Poll::Ready(Err(kind)) => Err(nb::Error::Other(Failure(kind))),
    }
}

impl embedded_nal::TcpClientStack for World {
    /// 0 until it is connected.
    type TcpSocket = usize;
    type Error = Failure;

    fn socket(&mut self) -> Result<usize, Failure> {
        Ok(0)
    }

    fn connect(&mut self, socket: &mut usize, remote: SocketAddr) -> nb::Result<(), Failure> {
        *socket = nb(Poll::Ready(self.0.borrow_mut().connect(remote)))?;
        Ok(())
    }

    fn send(&mut self, socket: &mut usize, bytes: &[u8]) -> nb::Result<usize, Failure> {
        let mut state = self.0.borrow_mut();
        state.brew(*socket);
        let Some((line, now)) = state.line(*socket) else {
            return Err(nb::Error::Other(Failure(ErrorKind::NotConnected)));
        };
        nb(line.try_write(bytes, now))
    }

    fn receive(&mut self, socket: &mut usize, out: &mut [u8]) -> nb::Result<usize, Failure> {
        let mut state = self.0.borrow_mut();
        let Some((line, now)) = state.line(*socket) else {
            return Err(nb::Error::Other(Failure(ErrorKind::NotConnected)));
        };
        let outcome = line.try_read(out, now);
        // Somebody waits for it.
        line.reader = outcome.is_pending().then(|| Waker::noop().clone());
        state.forget(*socket);
        nb(outcome)
    }

    fn close(&mut self, socket: usize) -> Result<(), Failure> {
        self.0.borrow_mut().lines.remove(&socket);
        Ok(())
    }
}

impl embedded_nal::Dns for World {
    type Error = Failure;

    fn get_host_by_name(&mut self, _: &str, _: embedded_nal::AddrType) -> nb::Result<IpAddr, Failure> {
        nb(self.0.borrow_mut().resolve())
    }

    fn get_host_by_address(&mut self, _: IpAddr, _: &mut [u8]) -> Result<usize, nb::Error<Failure>> {
        Err(nb::Error::Other(Failure(ErrorKind::Unsupported)))
    }
}
