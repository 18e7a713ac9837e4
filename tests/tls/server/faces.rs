//! Runs cases through both faces of the library, on a pool of one socket and one TLS session.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::{Duration, Instant},
};

use socketpool::{
    Error, ErrorKind, Phase, Resources, SocketPool, blocking, host,
    pool::Counts,
    requests::Session,
    stack,
    tls::{Roots, TlsContext, TlsError, roots::trust_anchor_from_der},
};

use super::tap::Tap;
use crate::support::{
    self,
    tls_server::{
        script::{
            ALERT, ANSWER, BODY, CRYPTO, DATA, HANDSHAKE, Script, Step, WORLD, answering, close_notify, data, sealed,
            ticket,
        },
        server::{Report, Server},
    },
};

/// How a case must end.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With this body.
    Served(Vec<u8>),
    /// With an error; nothing was sent if it was in the handshake.
    Refused(Phase, ErrorKind),
}

pub struct Case {
    name: &'static str,
    script: Script,
    outcome: Outcome,
    deadline: Duration,
}

impl Case {
    fn new(name: &'static str, outcome: Outcome, script: Script) -> Self {
        Self { name, script, outcome, deadline: Duration::from_secs(5) }
    }

    /// Served, with the usual body.
    pub fn served(name: &'static str, script: Script) -> Self {
        Self::served_body(name, BODY, script)
    }

    pub fn served_body(name: &'static str, body: impl Into<Vec<u8>>, script: Script) -> Self {
        Self::new(name, Outcome::Served(body.into()), script)
    }

    /// Refused in the handshake.
    pub fn refused(name: &'static str, reason: TlsError, script: Script) -> Self {
        Self::new(name, Outcome::Refused(Phase::Handshake, ErrorKind::Tls(reason)), script)
    }

    /// Refused in the answer.
    pub fn refused_answer(name: &'static str, reason: TlsError, script: Script) -> Self {
        Self::fails(name, Phase::Head, ErrorKind::Tls(reason), script)
    }

    pub fn fails(name: &'static str, phase: Phase, kind: ErrorKind, script: Script) -> Self {
        Self::new(name, Outcome::Refused(phase, kind), script)
    }

    /// Nothing more comes, and the deadline passes.
    pub fn waits(name: &'static str, phase: Phase, script: Script) -> Self {
        let deadline = Duration::from_millis(400);
        Self { deadline, ..Self::fails(name, phase, ErrorKind::Timeout, script) }
    }
}

/// What is in the request and must never be on the wire.
const TOKEN: &str = "the-token-in-the-request";

pub fn url(port: u16) -> String {
    format!("https://localhost:{port}/")
}

/// One face of the library, as the cases use it.
pub struct Face<'f> {
    /// Fetches from a port within a time.
    pub fetch: &'f mut dyn FnMut(u16, Duration) -> Result<Vec<u8>, Error>,
    pub counts: &'f dyn Fn() -> Counts,
    /// What was written to the network.
    pub written: &'f RefCell<Vec<u8>>,
}

pub fn asynchronous(run: impl FnOnce(Face<'_>)) {
    let anchors = [trust_anchor_from_der(WORLD.root.der()).unwrap()];
    let tls = TlsContext::new(support::random, support::date).crypto(&CRYPTO).roots(Roots::only(&anchors));
    let written = RefCell::default();
    let tap = Tap { inner: std_embedded_nal_async::Stack::default(), written: &written };
    let mut network = stack::Network::new(tap, std_embedded_nal_async::Stack::default(), host::Timer);
    let mut memory = Resources::<1, 1>::new();
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::new(&pool, &tls);
    let mut fetch = |port, timeout| {
        async_io::block_on(async {
            let mut response = http.get(&url(port)).bearer(TOKEN).timeout(Some(timeout)).send().await?;
            let mut buffer = vec![0; 20_000];
            response.content(&mut buffer).await.map(|body| body.to_vec())
        })
    };
    run(Face { fetch: &mut fetch, counts: &|| pool.counts(), written: &written });
}

pub fn blocking(run: impl FnOnce(Face<'_>)) {
    let anchors = [trust_anchor_from_der(WORLD.root.der()).unwrap()];
    let tls = TlsContext::new(support::random, support::date).crypto(&CRYPTO).roots(Roots::only(&anchors));
    let written = RefCell::default();
    let tap = Tap { inner: std_embedded_nal::Stack, written: &written };
    let idle = |_: &mut _| thread::sleep(Duration::from_micros(200));
    let mut network = blocking::stack::Network::new(tap, host::Timer, idle, blocking::stack::ZeroRead::Eof);
    let mut memory = Resources::<1, 1>::new();
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let http = blocking::Session::new(&pool, &tls);
    let mut fetch = |port, timeout| {
        let mut response = http.get(&url(port)).bearer(TOKEN).timeout(Some(timeout)).send()?;
        let mut buffer = vec![0; 20_000];
        response.content(&mut buffer).map(|body| body.to_vec())
    };
    run(Face { fetch: &mut fetch, counts: &|| pool.counts(), written: &written });
}

/// Runs every case, and then says all that was wrong.
pub fn run(cases: Vec<Case>, mut face: Face<'_>) {
    let mut wrong = vec![];
    for case in cases {
        let name = case.name;
        let checked = catch_unwind(AssertUnwindSafe(|| check(case, &mut face)));
        match checked {
            Ok(Ok(())) => {}
            Ok(Err(what)) => wrong.push(format!("{name}: {what}")),
            Err(_) => wrong.push(format!("{name}: panicked")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn check(case: Case, face: &mut Face<'_>) -> Result<(), String> {
    let Case { script, outcome, deadline, .. } = case;
    let server = Server::start(script);
    face.written.borrow_mut().clear();
    let start = Instant::now();
    let fetched = (face.fetch)(server.port, deadline);
    let took = start.elapsed();
    let report = server.report();
    let ended = match fetched {
        Ok(body) => Outcome::Served(body),
        Err(error) => Outcome::Refused(error.phase(), error.kind()),
    };
    if ended != outcome {
        return Err(format!("ended as {ended:?} and not as {outcome:?}"));
    }
    if took > deadline + Duration::from_secs(1) {
        return Err(format!("took {took:?}"));
    }
    let sent = !matches!(outcome, Outcome::Refused(Phase::Handshake, _));
    check_report(&report, sent)?;
    if !sent {
        check_written(&face.written.borrow())?;
    }
    check_free(face)?;
    if let Outcome::Refused(..) = outcome { check_next(face) } else { Ok(()) }
}

/// The request arrived whole, or nothing of it.
pub fn check_report(report: &Report, sent: bool) -> Result<(), String> {
    if report.wire.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()) {
        return Err("the request was on the wire in the clear".into());
    }
    if report.unreadable > 0 {
        return Err(format!("{} records that could not be opened", report.unreadable));
    }
    if !sent && !report.only_alerts() {
        return Err(format!("arrived: {:?}", report.received));
    }
    match (sent, report.request.as_slice()) {
        (true, request) if request.starts_with(b"GET / HTTP/1.1\r\n") && request.ends_with(b"\r\n\r\n") => Ok(()),
        (false, []) => Ok(()),
        (_, request) => Err(format!("arrived: {:?}", String::from_utf8_lossy(request))),
    }
}

/// Nothing was written but a ClientHello and alerts: in the clear, and protected records no longer than an alert needs.
pub fn check_written(mut written: &[u8]) -> Result<(), String> {
    const LEVEL_AND_DESCRIPTION: usize = 2;
    const LONGEST_ALERT: usize = LEVEL_AND_DESCRIPTION + 1 + 16;
    let mut first = true;
    while let Some(([kind, _, _, high, low], rest)) = written.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let may_be = match *kind {
            HANDSHAKE => first,
            ALERT => length == LEVEL_AND_DESCRIPTION,
            DATA => length <= LONGEST_ALERT,
            _ => false,
        };
        if !may_be {
            return Err(format!("a record of type {kind} with {length} bytes was written"));
        }
        first = false;
        written = rest.get(length..).ok_or("part of a record was written")?;
    }
    Ok(())
}

/// No slot is in use or idle.
pub fn check_free(face: &Face<'_>) -> Result<(), String> {
    let counts = (face.counts)();
    if (counts.in_use, counts.idle, counts.free) == (0, 0, 1) { Ok(()) } else { Err(format!("{counts:?}")) }
}

/// The one socket and the one TLS session of the pool serve again.
pub fn check_next(face: &mut Face<'_>) -> Result<(), String> {
    // The ticket acknowledges the client's Finished: its request need not wait.
    let mut script = answering([data(ANSWER), close_notify()]);
    script.insert(3, Step::Send(sealed([ticket()])));
    let server = Server::start(script);
    match (face.fetch)(server.port, Duration::from_secs(5)) {
        Ok(body) if body == BODY => Ok(()),
        other => Err(format!("the next request: {other:?}")),
    }
}
