//! A pool under any order of operations: futures that are begun, polled a little, dropped or run to their end, each polled
//! only when it was woken. Every slot is accounted for at every moment, no wake-up is lost, and at the end nothing is.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use embedded_io_async::ErrorKind;
use socketpool::{
    Resources, SocketPool, mock,
    mock::{Peer, Script, Step},
    requests::Session,
    stack::{Connect, Datagrams, Family, Listen, Local, Resolve, ResolveError},
    time::{Clock, Deadline, Instant, Timer},
    traits::{Key, NoTls},
};
use socketpool_fuzz::{take, target};

const SLOTS: usize = 2;
const TASKS: usize = 12;

/// Time that passes only when it is told to.
struct Time {
    now: Cell<Instant>,
    alarms: RefCell<Vec<(Instant, Waker)>>,
}

/// The scripted network under that time.
struct Net<'s> {
    network: mock::Network<'s>,
    time: &'s Time,
}

impl Time {
    /// Time passes until the next alarm; `false` if there is none.
    fn sleep(&self) -> bool {
        let mut alarms = self.alarms.borrow_mut();
        let Some(next) = alarms.iter().map(|(at, _)| *at).min() else { return false };
        self.now.set(self.now.get().max(next));
        alarms.extract_if(.., |(at, _)| *at <= next).for_each(|(_, waker)| waker.wake());
        true
    }
}

impl Clock for Time {
    fn now(&self) -> Instant {
        self.now.get()
    }
}

impl Clock for Net<'_> {
    fn now(&self) -> Instant {
        self.time.now()
    }
}

impl Timer for Net<'_> {
    async fn wait_until(&self, at: Instant) {
        poll_fn(|context| {
            if self.now() >= at {
                return Poll::Ready(());
            }
            let mut alarms = self.time.alarms.borrow_mut();
            if !alarms.iter().any(|(known, waker)| *known == at && waker.will_wake(context.waker())) {
                alarms.push((at, context.waker().clone()));
            }
            Poll::Pending
        })
        .await;
    }
}

impl<'s> Connect for Net<'s> {
    type Connection<'a>
        = mock::Line<'a>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<mock::Line<'_>, ErrorKind> {
        self.network.connect(remote).await
    }
}

impl Resolve for Net<'_> {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        self.network.resolve(host, family).await
    }
}

impl Listen for Net<'_> {
    type Listener<'a>
        = mock::Door<'a>
    where
        Self: 'a;

    async fn listen(&self, local: Local, backlog: usize, reuse: bool) -> Result<mock::Door<'_>, ErrorKind> {
        self.network.listen(local, backlog, reuse).await
    }
}

impl Datagrams for Net<'_> {
    type Socket<'a>
        = mock::Mailbox<'a>
    where
        Self: 'a;

    async fn bind(&self, local: Local) -> Result<mock::Mailbox<'_>, ErrorKind> {
        self.network.bind(local).await
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type Pool<'s> = SocketPool<'s, Net<'s>, SLOTS>;

struct Task<'t> {
    /// For the message.
    name: (u8, u16),
    work: Pin<Box<dyn Future<Output = ()> + 't>>,
    woken: Arc<Woken>,
}

impl Task<'_> {
    /// Whether it is done.
    fn poll(&mut self) -> bool {
        self.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(self.woken.clone());
        self.work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
    }
}

fn names(tasks: &[Task<'_>]) -> Vec<(u8, u16)> {
    tasks.iter().map(|task| task.name).collect()
}

/// Runs all that was woken, until nobody is.
fn run_woken(tasks: &mut Vec<Task<'_>>) {
    for _ in 0..10_000 {
        if !tasks.iter().any(|task| task.woken.0.load(Ordering::Relaxed)) {
            return;
        }
        tasks.retain_mut(|task| !task.woken.0.load(Ordering::Relaxed) || !task.poll());
    }
    panic!("{:?}: one of these wakes itself for ever", names(tasks));
}

/// Something that an application does, which ends well or not.
async fn act(pool: &Pool<'_>, time: &Time, kind: u8, port: u16) {
    let http = Session::plain(pool);
    let url = format!("http://host:{port}/");
    let soon = |millis| Deadline::at(Instant::from_millis(millis));
    match kind % 10 {
        0 => drop(http.get(&url).send().await),
        1 => {
            if let Ok(mut response) = http.post(&url).body(b"body").send().await {
                _ = response.content(&mut [0; 64]).await;
            }
        }
        2 => {
            if let Ok(response) = http.get(&url).send().await {
                _ = response.close().await;
            }
        }
        3 => {
            if let Ok(mut socket) = pool.socket().await {
                socket.set_timeout(Some(Duration::from_secs(1)));
                _ = socket.connect("host", port).await;
                _ = socket.send_all(b"GET / HTTP/1.1\r\n\r\n").await;
                _ = socket.recv_into(&mut [0; 16]).await;
            }
        }
        4 => {
            if let Ok(mut socket) = pool.socket_until(soon(5)).await {
                socket.set_deadline(soon(20));
                _ = socket.connect("host", port).await;
                _ = socket.peek(&mut [0; 4]).await;
                _ = socket.close().await;
            }
        }
        5 => pool.close_idle().await,
        6 => drop(pool.try_socket()),
        7 => {
            if let Ok(mut socket) = pool.udp_socket().await {
                _ = socket.send_to(b"hi", "host", port).await;
                socket.set_deadline(soon(30));
                _ = socket.recv_from_into(&mut [0; 8]).await;
            }
        }
        8 => {
            let manager = pool.connection_manager();
            let within = Deadline::within(time, Some(Duration::from_secs(2)));
            if let Ok(leased) = manager.get_socket::<NoTls>("host", port, 7, None, within).await {
                manager.free_socket(leased.socket, Key { host: "host", port, session_id: 7, tls: None });
            }
        }
        _ => {
            let Ok(mut socket) = pool.socket().await else { return };
            _ = socket.bind("", 7);
            let Ok(mut listener) = socket.listen(1).await else { return };
            listener.set_timeout(Some(Duration::from_secs(3)));
            if let Ok((mut client, _)) = listener.accept().await {
                client.set_timeout(Some(Duration::from_secs(1)));
                _ = client.recv_into(&mut [0; 8]).await;
            }
        }
    }
}

target!(|input| {
    let request = Step::Receive(b"\r\n\r\n");
    let keep = [
        request,
        Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        request,
        Step::Send(b"HTTP/1.1 204 \r\n\r\n"),
    ];
    let close = [request, Step::Send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end"), Step::Close];
    let (reset, stall) = ([request, Step::Send(b"HTTP/1.1"), Step::Reset], [request, Step::Stall]);
    let peers: Vec<_> = (0..56)
        .map(|number| match number % 8 {
            0 => Peer::new("host", 80, &keep).hesitating(),
            1 => Peer::new("host", 81, &close).in_fragments_of(3).hesitating(),
            2 => Peer::new("host", 82, &reset).hesitating(),
            3 => Peer::new("host", 83, &stall).hesitating(),
            4 => Peer::refusing("host", 84),
            5 => Peer::silent("host", 85),
            6 => Peer::client("guest", 7, &[Step::Send(b"hello"), Step::Close]).hesitating(),
            _ => Peer::new("host", 80, &keep).failing_after(number * 2),
        })
        .collect();
    let script = Script::new(&peers);
    {
        let time = Time { now: Cell::new(Instant::from_millis(0)), alarms: RefCell::default() };
        let mut network = Net { network: script.network(), time: &time };
        let mut memory = Resources::<SLOTS>::new();
        let pool = Pool::new(&mut network, &mut memory);
        let (mut tasks, mut rest): (Vec<Task<'_>>, _) = (vec![], input);
        while !rest.is_empty() {
            let [operation, what] = take(&mut rest);
            let at = usize::from(what) % tasks.len().max(1);
            match operation % 6 {
                0 | 1 if tasks.len() < TASKS => {
                    let port = 80 + u16::from(operation / 6 % 6);
                    let work = Box::pin(act(&pool, &time, what, port));
                    tasks.push(Task { name: (what % 10, port), work, woken: Arc::new(Woken(AtomicBool::new(true))) });
                }
                2 if !tasks.is_empty() => drop(tasks.swap_remove(at)),
                // A poll more than it was woken for is allowed, and one that was woken for comes later.
                3 if !tasks.is_empty() => {
                    if tasks[at].poll() {
                        drop(tasks.swap_remove(at));
                    }
                }
                4 => run_woken(&mut tasks),
                _ => _ = time.sleep(),
            }
            let counts = pool.counts();
            assert_eq!(counts.in_use + counts.idle + counts.free, SLOTS, "every slot is somewhere");
        }
        // All that goes on comes to its end.
        loop {
            run_woken(&mut tasks);
            if tasks.is_empty() || !time.sleep() {
                break;
            }
        }
        assert!(tasks.is_empty(), "{:?} wait for ever", names(&tasks));
        let counts = pool.counts();
        assert_eq!((counts.in_use, counts.waiting, counts.idle), (0, 0, script.open()), "no slot is lost");
        assert_eq!(counts.free_buffers, SLOTS, "no buffer is lost");
        assert!([pool.try_socket(), pool.try_socket()].iter().all(Result::is_ok), "the next sockets are to be had");
        assert_eq!((pool.counts().free, script.open()), (SLOTS, 0));
    }
});
