//! A connection that does not want to end: closing it in order takes no longer than whoever needs its slot has time.

use core::{
    future::pending,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use embedded_io_async::{ErrorKind as IoErrorKind, ErrorType, Read, Write};
use socketpool::{
    ErrorKind, Resources, SocketPool, blocking,
    mock::{Line, Network, Peer, Script, Step, block_on},
    requests::Session,
    stack::{Connect, Connection, Family, Resolve, ResolveError},
    time::{BlockingTimer, Clock, Deadline, Instant, Timer},
};

/// The scripted network, whose connections never say that they are closed.
struct Clinging<'a>(Network<'a>);

struct Open<'a>(Line<'a>);

impl Connect for Clinging<'_> {
    type Connection<'a>
        = Open<'a>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<Open<'_>, IoErrorKind> {
        self.0.connect(remote).await.map(Open)
    }
}

impl Resolve for Clinging<'_> {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        self.0.resolve(host, family).await
    }
}

impl Clock for Clinging<'_> {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl Timer for Clinging<'_> {
    async fn wait_until(&self, at: Instant) {
        self.0.wait_until(at).await;
    }
}

impl BlockingTimer for Clinging<'_> {
    fn idle(&self) {
        self.0.idle();
    }
}

impl ErrorType for Open<'_> {
    type Error = IoErrorKind;
}

impl Read for Open<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, IoErrorKind> {
        Read::read(&mut self.0, out).await
    }
}

impl Write for Open<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, IoErrorKind> {
        Write::write(&mut self.0, bytes).await
    }

    async fn flush(&mut self) -> Result<(), IoErrorKind> {
        Ok(())
    }
}

impl Connection for Open<'_> {
    async fn shutdown(&mut self) -> Result<(), IoErrorKind> {
        pending().await
    }
}

const STEPS: [Step<'_>; 2] = [Step::Receive(b"\r\n\r\n"), Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")];

/// It was found as a request that took a second more than its time-out, in a long run with faults.
#[test]
fn an_idle_connection_that_clings_does_not_delay_a_request_behind_its_deadline() {
    const SHORT: Option<Duration> = Some(Duration::from_millis(300));
    const LONG: Option<Duration> = Some(Duration::from_secs(3));
    let peers = [Peer::new("a.example", 80, &STEPS), Peer::new("b.example", 80, &STEPS)];
    for (timeout, took) in [(SHORT, 300), (LONG, 1000)] {
        let outcome = if timeout == SHORT { Err(ErrorKind::Timeout) } else { Ok(()) };
        let script = Script::new(&peers);
        let (mut network, mut memory) = (Clinging(script.network()), Resources::<1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let http = Session::plain(&pool);
        assert!(block_on(http.get("http://a.example/").send()).is_ok());
        let sent = block_on(http.get("http://b.example/").timeout(timeout).send()).map(drop);
        assert_eq!((sent.map_err(|error| error.kind()), script.network().now()), (outcome, Instant::from_millis(took)));

        let script = Script::new(&peers);
        let (mut network, mut memory) = (Clinging(script.network()), Resources::<1>::new());
        let pool = blocking::SocketPool::new(&mut network, &mut memory);
        let http = blocking::Session::plain(&pool);
        assert!(http.get("http://a.example/").send().is_ok());
        let sent = http.get("http://b.example/").timeout(timeout).send().map(drop);
        assert_eq!((sent.map_err(|error| error.kind()), script.network().now()), (outcome, Instant::from_millis(took)));
    }
}

#[test]
fn nor_a_socket_that_is_waited_for_until_an_instant() {
    let peers = [Peer::new("a.example", 80, &STEPS)];
    let script = Script::new(&peers);
    let (mut network, mut memory) = (Clinging(script.network()), Resources::<1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    assert!(block_on(Session::plain(&pool).get("http://a.example/").send()).is_ok());
    assert_eq!(pool.counts().idle, 1);
    let soon = Instant::from_millis(20);
    assert!(block_on(pool.socket_until(Deadline::at(soon))).is_ok());
    assert_eq!(script.network().now(), soon);
}
