//! Runs cases through both faces of the library, on a pool of one socket and one TLS session.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use socketpool::{
    Error, ErrorKind, Phase, Resources, SocketPool, blocking,
    pool::Counts,
    requests::Session,
    tls::{Roots, TlsContext, TlsError, roots::trust_anchor_from_der},
};

use super::{
    script::{ANSWER, BODY, Script, WORLD, answering, close_notify, data},
    server::{Report, Server},
    support,
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

/// Fetches from a port within a time.
pub type Fetch<'f> = &'f mut dyn FnMut(u16, Duration) -> Result<Vec<u8>, Error>;

/// What is in the request and must never be on the wire.
const TOKEN: &str = "the-token-in-the-request";

fn url(port: u16) -> String {
    format!("https://localhost:{port}/")
}

pub fn asynchronous(run: impl FnOnce(Fetch<'_>, &dyn Fn() -> Counts)) {
    let anchors = [trust_anchor_from_der(WORLD.root.der()).unwrap()];
    let tls = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
    let (mut network, mut memory) = (support::network(), Resources::<1, 1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Session::new(&pool, &tls);
    let mut fetch = |port, timeout| {
        async_io::block_on(async {
            let mut response = http.get(&url(port)).bearer(TOKEN).timeout(Some(timeout)).send().await?;
            let mut buffer = vec![0; 20_000];
            response.content(&mut buffer).await.map(|body| body.to_vec())
        })
    };
    run(&mut fetch, &|| pool.counts());
}

pub fn blocking(run: impl FnOnce(Fetch<'_>, &dyn Fn() -> Counts)) {
    let anchors = [trust_anchor_from_der(WORLD.root.der()).unwrap()];
    let tls = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
    let (mut network, mut memory) = (support::blocking_network(), Resources::<1, 1>::new());
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let http = blocking::Session::new(&pool, &tls);
    let mut fetch = |port, timeout| {
        let mut response = http.get(&url(port)).bearer(TOKEN).timeout(Some(timeout)).send()?;
        let mut buffer = vec![0; 20_000];
        response.content(&mut buffer).map(|body| body.to_vec())
    };
    run(&mut fetch, &|| pool.counts());
}

/// Runs every case, and then says all that was wrong.
pub fn run(cases: Vec<Case>, fetch: Fetch<'_>, counts: &dyn Fn() -> Counts) {
    let mut wrong = vec![];
    for case in cases {
        let name = case.name;
        let checked = catch_unwind(AssertUnwindSafe(|| check(case, fetch, counts)));
        match checked {
            Ok(Ok(())) => {}
            Ok(Err(what)) => wrong.push(format!("{name}: {what}")),
            Err(_) => wrong.push(format!("{name}: panicked")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn check(case: Case, fetch: Fetch<'_>, counts: &dyn Fn() -> Counts) -> Result<(), String> {
    let Case { script, outcome, deadline, .. } = case;
    let server = Server::start(script);
    let start = Instant::now();
    let fetched = fetch(server.port, deadline);
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
    check_free(counts)?;
    if let Outcome::Refused(..) = outcome {
        check_next(fetch)?;
    }
    Ok(())
}

/// The request arrived whole, or nothing of it.
pub fn check_report(report: &Report, sent: bool) -> Result<(), String> {
    if report.wire.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()) {
        return Err("the request was on the wire in the clear".into());
    }
    if report.unreadable > 0 {
        return Err(format!("{} records that could not be opened", report.unreadable));
    }
    match (sent, report.request.as_slice()) {
        (true, request) if request.starts_with(b"GET / HTTP/1.1\r\n") && request.ends_with(b"\r\n\r\n") => Ok(()),
        (false, []) => Ok(()),
        (_, request) => Err(format!("arrived: {:?}", String::from_utf8_lossy(request))),
    }
}

/// No slot is in use or idle.
pub fn check_free(counts: &dyn Fn() -> Counts) -> Result<(), String> {
    let counts = counts();
    if (counts.in_use, counts.idle, counts.free) == (0, 0, 1) { Ok(()) } else { Err(format!("{counts:?}")) }
}

/// The one socket and the one TLS session of the pool serve again.
pub fn check_next(fetch: Fetch<'_>) -> Result<(), String> {
    let server = Server::start(answering([data(ANSWER), close_notify()]));
    match fetch(server.port, Duration::from_secs(5)) {
        Ok(body) if body == BODY => Ok(()),
        other => Err(format!("the next request: {other:?}")),
    }
}
