//! The app `mqtt` of examples/apps, against mosquitto: it stays connected, whatever the broker does.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clients::{Broker, Stop, device};
use embassy_futures::select::{Either, select};
use embassy_time::{Timer, with_timeout};
use embedded_nal_async::TcpConnect;
use minimq::{Buffers, ConfigBuilder, Publication, Session, TopicFilter};
use socketpool_apps::{Schedule, Tally, mqtt};

const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody else, who hears what is said about `fern`, and says one thing himself: connects again and again.
struct Observer {
    heard: Arc<Mutex<Vec<String>>>,
    ends: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Observer {
    /// Comes back when the broker sends him what is published from now on.
    fn start(broker: &Broker, says: Option<&'static str>) -> Self {
        let port = broker.port;
        let (heard, ends) = (Arc::default(), Arc::<AtomicBool>::default());
        let (mut hears, end) = (Arc::clone(&heard), Arc::clone(&ends));
        let thread = thread::spawn(move || {
            device!(asynchronous, "root", |pool, tls| {
                let network = pool.connector(&tls, "localhost");
                while !end.load(Ordering::Relaxed) {
                    let attempt = observe(&network, port, says, &mut hears);
                    let _ = with_timeout(embassy_time::Duration::from_secs(30), select(attempt, ended(&end))).await;
                    Timer::after_millis(20).await;
                }
            });
        });
        let start = Instant::now();
        while broker.logged("Sending SUBACK to observer") == 0 {
            assert!(start.elapsed() < PATIENCE, "the observer is not subscribed");
            thread::sleep(Duration::from_millis(10));
        }
        Self { heard, ends, thread: Some(thread) }
    }

    /// Waits until this was heard.
    fn hears(&self, what: &str) {
        let start = Instant::now();
        while !self.all().iter().any(|message| message == what) {
            assert!(start.elapsed() < PATIENCE, "not heard: {what}; but {:?}", self.all());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn all(&self) -> Vec<String> {
        self.heard.lock().expect("nobody panicked").clone()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

async fn ended(end: &AtomicBool) {
    while !end.load(Ordering::Relaxed) {
        Timer::after_millis(10).await;
    }
}

async fn observe<N: TcpConnect>(
    network: &N,
    port: u16,
    says: Option<&str>,
    heard: &mut Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let connection = network.connect(SocketAddr::from(([127, 0, 0, 1], port))).await.ok()?;
    let (mut rx, mut tx) = ([0; 1024], [0; 1024]);
    let mut session = Session::new(ConfigBuilder::new(Buffers::new(&mut rx, &mut tx)).client_id("observer").ok()?);
    let mut broker = session.connect(connection).await.ok()?;
    broker.subscribe(&[TopicFilter::new("fern/#")], &[]).await.ok()?;
    loop {
        let message = broker.recv().await.ok()?;
        let line = format!("{} {}", message.topic(), String::from_utf8_lossy(message.payload()));
        let is_reading = message.topic() == "fern/reading";
        heard.lock().expect("nobody panicked").push(line);
        if let Some(text) = says.filter(|_| is_reading) {
            broker.publish(Publication::text("fern/command", text)).await.ok()?;
        }
    }
}

fn node(port: u16) -> mqtt::Broker<'static> {
    mqtt::Broker { host: "localhost", port, name: "fern" }
}

fn schedule(rounds: u32) -> Schedule<'static> {
    Schedule::every(Duration::from_millis(100), &|| u32::MAX / 20).rounds(rounds)
}

#[test]
fn it_survives_a_broker_that_ends_and_one_that_is_killed() {
    let mut broker = Broker::start("node");
    let observer = Observer::start(&broker, None);
    let port = broker.port;
    let device = thread::spawn(move || {
        device!(asynchronous, "root", |pool, tls| {
            let mut celsius = 20.0;
            let sensor = || {
                celsius += 0.5;
                celsius
            };
            let tally = mqtt::run(&pool, &tls, node(port), sensor, |_| (), schedule(300)).await;
            assert_eq!(pool.counts().in_use, 0, "a slot leaked");
            tally
        })
    });
    observer.hears("fern/status online");
    observer.hears(r#"fern/reading {"number":1,"celsius":20.5}"#);
    for stop in [Stop::Crash, Stop::Orderly] {
        let before = observer.all().len();
        broker.stop(stop);
        thread::sleep(Duration::from_millis(500));
        broker.start_again();
        let start = Instant::now();
        while !observer.all()[before..].iter().any(|line| line.starts_with("fern/reading")) {
            assert!(start.elapsed() < PATIENCE, "{stop:?}: {:?}", observer.all());
            thread::sleep(Duration::from_millis(10));
        }
    }
    let Tally { done, failed } = device.join().expect("it ends");
    assert!(done + failed == 300 && failed >= 2 && done > 200, "{done} done, {failed} failed");
    // Every reading that the node was told is there got there: none is left out but while the observer was away.
    let last = observer.all().iter().filter(|line| line.starts_with("fern/reading")).count();
    assert!(last as u32 >= done / 2, "{last} of {done}");
}

#[test]
fn its_will_is_done_and_commands_reach_it() {
    let broker = Broker::start("node-will");
    let observer = Observer::start(&broker, Some("water"));
    let commands = Mutex::new(Vec::new());
    device!(asynchronous, "root", |pool, tls| {
        let hear = |command: &[u8]| commands.lock().expect("nobody panicked").push(command.to_vec());
        let life = mqtt::run(&pool, &tls, node(broker.port), || 20.5, hear, schedule(u32::MAX));
        let until_told = async {
            while commands.lock().expect("nobody panicked").is_empty() {
                Timer::after_millis(10).await;
            }
        };
        // It is cut off in the middle of its life: the supply fails.
        let end = with_timeout(embassy_time::Duration::from_secs(60), select(life, until_told)).await;
        assert!(matches!(end, Ok(Either::Second(()))), "no command came");
    });
    assert_eq!(commands.lock().expect("nobody panicked")[0], b"water");
    observer.hears("fern/status offline");
}

#[test]
fn whoever_is_not_that_broker_hears_nothing() {
    let broker = Broker::start("node-refused");
    let tally = device!(asynchronous, "stranger", |pool, tls| {
        let tally = mqtt::run(&pool, &tls, node(broker.port), || 20.5, |_| (), schedule(2)).await;
        assert_eq!(pool.counts().in_use, 0, "a slot leaked");
        tally
    });
    assert_eq!(tally, Tally { done: 0, failed: 2 });
    assert_eq!(broker.logged("fern"), 0);
}
