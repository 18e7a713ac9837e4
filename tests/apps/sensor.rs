//! The app `sensor`: what is kept from one waking to the next.

use std::{cell::RefCell, net::SocketAddr};

use socketpool::{Socket, stack::Stack, sync::RawMutex, tls::Sessions, traits};
use socketpool_apps::sensor::{self, Kept, LEN, MEMORY_LEN};

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

/// Remembers of each connection whether a ticket made its handshake short.
struct Watched<T>(T, RefCell<Vec<bool>>);

impl<'p, 's, S, T, const N: usize, R> traits::TlsContext<Socket<'p, 's, S, N, R>> for Watched<T>
where
    S: Stack + 's,
    T: traits::TlsContext<Socket<'p, 's, S, N, R>>,
    R: RawMutex,
{
    fn id(&self) -> traits::TlsId {
        self.0.id()
    }

    fn takes_session(&self) -> bool {
        self.0.takes_session()
    }

    async fn connect(&self, socket: &mut Socket<'p, 's, S, N, R>, host: &str, port: u16) -> socketpool::Result<()> {
        self.0.connect(socket, host, port).await?;
        self.1.borrow_mut().push(socket.tls_info().expect("it is TLS").is_resumed);
        Ok(())
    }

    async fn connect_addr(
        &self,
        socket: &mut Socket<'p, 's, S, N, R>,
        host: &str,
        remote: SocketAddr,
    ) -> socketpool::Result<()> {
        self.0.connect_addr(socket, host, remote).await
    }
}

#[test]
fn a_ticket_outlasts_the_sleep_unless_the_waking_was_cut_short() {
    let authority = Authority::new("Root of the sensor");
    let server = Server::start_with(&authority, "localhost", Validity::Now, Some(|_: &str| TAKEN.to_vec()));
    let (der, url) = (authority.der(), format!("https://localhost:{}/", server.port));
    let anchors = [trust_anchor_from_der(&der).expect("a root")];
    let mut memory = [0xa5; MEMORY_LEN];
    let mut wake = |is_cut_short: bool| {
        // A restart: what is in RAM is new.
        let sessions: &'static Sessions<1> = Box::leak(Box::new(Sessions::new()));
        let mut kept = sensor::wake(&memory, sessions);
        kept.take(20.0);
        memory = sensor::keep(&kept, None);
        let mut resumed = Vec::new();
        logged(|| {
            let (mut network, mut ram) = (support::network(), Resources::<1, 1>::new());
            let pool = SocketPool::new(&mut network, &mut ram);
            let tls = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors)).sessions(sessions);
            let tls = Watched(tls, RefCell::default());
            async_io::block_on(sensor::report(&pool, &tls, &url, &mut kept, rounds(1)));
            resumed = tls.1.take();
            tally(0, 0)
        });
        if !is_cut_short {
            memory = sensor::keep(&kept, Some(sessions));
        }
        (resumed, Kept::from_bytes(memory.first_chunk().expect("it is longer")).unsent())
    };
    assert_eq!(wake(false), (vec![false], 0));
    assert_eq!(wake(false), (vec![true], 0));
    // The ticket was used, and is not there a second time; the reading is.
    assert_eq!(wake(true), (vec![true], 1));
    assert_eq!(wake(false), (vec![false], 0));
    assert_eq!(server.requests(), 4);
}

#[test]
fn a_ticket_of_any_length_is_read_or_not_and_nothing_breaks() {
    let sessions = Sessions::new();
    for len in [0, 1, MEMORY_LEN as u16, u16::MAX] {
        let mut memory = sensor::keep(&Kept::default(), Some(&sessions));
        memory[LEN..LEN + 2].copy_from_slice(&len.to_le_bytes());
        assert_eq!((sensor::wake(&memory, &sessions).unsent(), sessions.len()), (0, 0));
    }
}
