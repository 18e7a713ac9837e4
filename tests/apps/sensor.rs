//! The app `sensor`: what is kept from one waking to the next.

use socketpool_apps::sensor::{self, Kept, LEN};

use super::*;

const TAKEN: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

/// One waking, with the memory that sleep left alone: everything else is new. What it logged.
fn wake(memory: &mut [u8; LEN], celsius: f32, peers: &[Peer<'_>]) -> (String, String) {
    let script = Script::new(peers);
    let (_, log) = over!(script, |pool| async {
        let mut kept = Kept::from_bytes(memory);
        kept.take(celsius);
        let sleep = sensor::report(&pool, &MockTls, URL, &mut kept, rounds(1)).await;
        assert_eq!(sleep, Duration::from_secs(60));
        *memory = kept.to_bytes();
        tally(0, 0)
    });
    let sent = String::from_utf8(script.sent().to_vec()).expect("JSON");
    (log, sent.rsplit("\r\n\r\n").next().expect("a body").into())
}

#[test]
fn what_a_waking_could_not_send_the_next_one_sends() {
    let well = [ASKED, Step::Send(TAKEN), Step::Close];
    let well = [Peer::new("api.test", 443, &well)];
    // What is in the memory when the power comes on.
    let mut memory = [0xa5; LEN];
    let (log, sent) = wake(&mut memory, 20.5, &well);
    assert_eq!(log, "INFO sensor: 1 readings up to number 1, status 204\n");
    assert_eq!(sent, r#"[{"number":1,"celsius":20.5}]"#);

    let (log, _) = wake(&mut memory, 21.0, &[Peer::refusing("api.test", 443); 8]);
    assert_eq!(log, "WARN sensor failed: connect: connection refused; 1 readings are kept\n");
    let (log, _) = wake(&mut memory, 21.5, &[]);
    assert!(log.starts_with("WARN sensor failed: resolve: ") && log.ends_with("; 2 readings are kept\n"), "{log}");

    let (log, sent) = wake(&mut memory, 22.0, &well);
    assert_eq!(log, "INFO sensor: 3 readings up to number 4, status 204\n");
    assert_eq!(sent, r#"[{"number":2,"celsius":21.0},{"number":3,"celsius":21.5},{"number":4,"celsius":22.0}]"#);
}

#[test]
fn a_busy_server_is_asked_again_in_the_same_waking() {
    let steps = [ASKED, Step::Send(BUSY), ASKED, Step::Send(TAKEN), Step::Close];
    let mut memory = [0; LEN];
    let (log, _) = wake(&mut memory, 20.0, &[Peer::new("api.test", 443, &steps)]);
    assert_eq!(log, "INFO sensor: 1 readings up to number 1, status 204\n");
}

#[test]
fn the_latest_readings_are_kept() {
    let mut memory = [0; LEN];
    for n in 0..3 * telemetry::KEPT {
        wake(&mut memory, n as f32, &[]);
    }
    let steps = [ASKED, Step::Send(TAKEN), Step::Close];
    let (log, sent) = wake(&mut memory, 99.0, &[Peer::new("api.test", 443, &steps)]);
    assert_eq!(log, "INFO sensor: 16 readings up to number 49, status 204\n");
    assert!(sent.starts_with(r#"[{"number":34,"#), "{sent}");
}

#[test]
fn memory_with_one_bit_wrong_counts_as_nothing() {
    let mut kept = Kept::default();
    kept.take(20.0);
    let whole = kept.to_bytes();
    assert_eq!(Kept::from_bytes(&whole).unsent(), 1);
    for bit in 0..8 * LEN {
        let mut memory = whole;
        memory[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Kept::from_bytes(&memory).unsent(), 0, "bit {bit}");
    }
}
