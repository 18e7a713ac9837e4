//! The app `websocket` of examples/apps, against a server that is made with Python's `websockets`.

use std::time::Duration;

use clients::device;
use socketpool_apps::{Schedule, Tally, websocket};

fn port() -> u16 {
    let port = std::env::var("INTEROP_WEBSOCKET").expect("these tests are run by tests/interop/run.py");
    port.parse().expect("a port")
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    clients::support::random(&mut bytes);
    u32::from_ne_bytes(bytes)
}

fn rounds(root: &str, host: &str, path: &str) -> Tally {
    let schedule = Schedule::every(Duration::ZERO, &|| 0).rounds(3).timeout(Duration::from_secs(10));
    device!(asynchronous, root, |pool, tls| {
        let tally = websocket::run(&pool, &tls, (host, port(), path), &random, || 20.5, schedule).await;
        assert_eq!(pool.counts().in_use, 0, "a slot leaked");
        tally
    })
}

#[test]
fn each_reading_is_answered() {
    assert_eq!(rounds("root", "localhost", "/readings"), Tally { done: 3, failed: 0 });
}

#[test]
fn what_is_no_websocket_is_refused() {
    assert_eq!(rounds("root", "localhost", "/elsewhere"), Tally { done: 0, failed: 3 });
    assert_eq!(rounds("stranger", "localhost", "/readings"), Tally { done: 0, failed: 3 });
    assert_eq!(rounds("root", "127.0.0.2", "/readings"), Tally { done: 0, failed: 3 });
}
