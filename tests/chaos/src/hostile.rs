//! Servers that never end, slowly and fast; name servers that are silent or lie; clocks that jump; generators that
//! fail; every size of buffer. On both faces, in simulated time.

use std::{collections::BTreeMap, time::Duration};

use socketpool::{
    Error, ErrorKind, Phase, Resources, SocketPool, blocking,
    requests::Session,
    tls::{Random, RandomError, Roots, TlsContext, TlsError, roots::trust_anchor_from_der},
};

use crate::{
    Figures, executor,
    offsets::{FACES, Face, date, random},
    server::{HOST, Identity, body},
    world::{Flood, Names, Weather, World},
};

const DEADLINE: Duration = Duration::from_secs(5);
const SLACK: u64 = 50;

/// One request, on a pool of its own, and then another by the book if it is `then`.
struct Trial<'t> {
    url: &'t str,
    limit: usize,
    room: usize,
    /// What the world is before the second request.
    then: Option<&'t dyn Fn(&World)>,
}

impl<'t> Trial<'t> {
    const fn new(url: &'t str) -> Self {
        Self { url, limit: usize::MAX, room: 1024, then: None }
    }
}

/// What came of it, how long it took by the world's clock, and of the second one.
struct End {
    outcome: Result<Vec<u8>, Error>,
    took: u64,
    next: Option<Result<Vec<u8>, Error>>,
}

macro_rules! await_it {
    ($work:expr) => {
        $work.await
    };
}

macro_rules! do_it {
    ($work:expr) => {
        $work
    };
}

macro_rules! attempt {
    ($wait:ident, $pool:ident, $session:expr, $world:ident, $trial:ident) => {{
        let http = $session.buffer_limit($trial.limit).timeout(Some(DEADLINE));
        let began = $world.millis();
        let mut room = vec![0; $trial.room];
        let outcome = match $wait!(http.get($trial.url).send()) {
            Ok(mut response) => $wait!(response.content(&mut room)).map(|body| body.to_vec()),
            Err(error) => Err(error),
        };
        let took = $world.millis().saturating_sub(began);
        let next = match $trial.then {
            None => None,
            Some(then) => {
                then($world);
                let url = format!("http://{HOST}/len/20?id=9");
                Some(match $wait!(http.get(&url).send()) {
                    Ok(mut response) => $wait!(response.content(&mut [0; 64])).map(|body| body.to_vec()),
                    Err(error) => Err(error),
                })
            }
        };
        $wait!($pool.close_idle());
        let counts = $pool.counts();
        let is_free = (counts.free, counts.free_buffers, counts.free_tls_sessions, $world.open()) == (1, 1, 1, 0);
        (End { outcome, took, next }, is_free)
    }};
}

fn run(face: Face, world: &World, identity: &Identity, random: impl Random, trial: &Trial<'_>) -> (End, bool) {
    let anchors = [trust_anchor_from_der(&identity.root).expect("a root")];
    let tls = TlsContext::new(random, date).roots(Roots::only(&anchors));
    let mut memory = Box::new(Resources::<1, 1>::new());
    match face {
        Face::Async => {
            let mut network = world.network();
            let pool = SocketPool::new(&mut network, &mut memory);
            let work = async { attempt!(await_it, pool, Session::new(&pool, &tls), world, trial) };
            executor::run(work, || world.sleep())
        }
        Face::Blocking => {
            let mut network = world.blocking_network();
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            attempt!(do_it, pool, blocking::Session::new(&pool, &tls), world, trial)
        }
    }
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What never ends: its name, how it begins, and what comes again and again.
const FLOODS: [(&str, &str, &str); 14] = [
    ("nothing but empty lines", "", "\r\n"),
    ("a line that never ends", "", "a"),
    ("a status line that never ends", "HTTP/1.1 200 ", "a"),
    ("a field that never ends", "HTTP/1.1 200 OK\r\nX: ", "a"),
    ("blanks behind a field", "HTTP/1.1 200 OK\r\nX: ", " "),
    ("fields without end", "HTTP/1.1 200 OK\r\n", "X: y\r\n"),
    ("interim responses without end", "", "HTTP/1.1 103 Early Hints\r\n\r\n"),
    ("a body without end", "HTTP/1.1 200 OK\r\n\r\n", "x"),
    ("a body of all bytes there are", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n", "x"),
    ("a chunk size that never ends", CHUNKED, "0"),
    ("a chunk extension that never ends", CHUNKED, ";a"),
    ("chunks of one byte without end", CHUNKED, "1\r\nx\r\n"),
    ("trailers without end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n"),
    ("records without end", "", "\u{14}\u{3}\u{3}\0\u{1}\u{1}"),
];

/// All of it.
pub fn all(identity: &Identity, figures: &mut Figures) {
    let mut named = BTreeMap::<String, u64>::new();
    let fair = |keeps| World::new(&identity.config, Weather::Fair, keeps);
    let mut check = |name: &str, face: Face, (end, is_free): &(End, bool), is_right: bool| {
        figures.runs += 1;
        figures.faults += 1;
        let what = end.outcome.as_ref().map_or_else(Error::to_string, |_| "right".into());
        *named.entry(what.replace(|digit: char| digit.is_ascii_digit(), "")).or_default() += 1;
        figures.requests += 1 + u64::from(end.next.is_some());
        if !is_right || !is_free {
            figures.wrong(format!(
                "{}{face:?}, {name}: {:?}, {} ms, then {:?}",
                if *is_free { "" } else { "lost: " },
                end.outcome,
                end.took,
                end.next
            ));
        }
    };
    let (plain, over_tls) = (format!("http://{HOST}/len/100?id=8"), format!("https://{HOST}/len/100?id=8"));
    let served = |end: &End| end.next.as_ref().is_none_or(|next| *next == Ok(body(9, 20)));
    let in_time = |end: &End| end.took <= DEADLINE.as_millis() as u64 + SLACK;

    for face in FACES {
        for (name, begin, again) in FLOODS {
            for url in [&plain, &over_tls] {
                for (times, pause) in [(500, 0), (100, 1), (1, 0), (1, 1), (1, 900), (1, 6000)] {
                    let world = fair(false);
                    world.set_flood(Flood { begin, again, times, pause });
                    let ended = run(face, &world, identity, random(1), &Trial::new(url));
                    let is_right = ended.0.outcome.is_err() && in_time(&ended.0);
                    check(&format!("{name}, {times} each {pause} ms, {url}"), face, &ended, is_right);
                }
            }
        }
        for names in [Names::Silent, Names::Missing, Names::Elsewhere] {
            let world = fair(false);
            world.set_names(names);
            let then = |world: &World| world.set_names(Names::Right);
            let ended = run(face, &world, identity, random(1), &Trial { then: Some(&then), ..Trial::new(&over_tls) });
            let is_named =
                matches!(ended.0.outcome, Err(error) if matches!(error.phase(), Phase::Resolve | Phase::Connect));
            check(&format!("names: {names:?}"), face, &ended, is_named && in_time(&ended.0) && served(&ended.0));
        }
        // Forward by an hour, by 49 days and as far as there is time; and back, which a clock may not.
        for url in [&plain, &over_tls] {
            for to in [0, 999, 3_600_000, 1 << 32, u64::MAX / 2, u64::MAX - 10_000_000] {
                for operations in 0..40 {
                    let world = fair(false);
                    world.jump(operations, to);
                    let ended =
                        run(face, &world, identity, random(1), &Trial { then: Some(&|_| ()), ..Trial::new(url) });
                    let is_right = match &ended.0.outcome {
                        Ok(content) => *content == body(8, 100),
                        Err(error) => error.is_timeout(),
                    };
                    // The jump may come in the second request.
                    let next = ended.0.next.as_ref();
                    let is_next_right = next
                        .is_none_or(|next| next.as_ref().map_or_else(Error::is_timeout, |next| *next == body(9, 20)));
                    check(&format!("the clock says {to} after {operations}"), face, &ended, is_right && is_next_right);
                }
            }
        }
        for (name, number) in [("zeros", 0u8), ("ones", 0xff), ("a constant", 0x5a)] {
            let world = fair(false);
            let ended = run(face, &world, identity, move |bytes: &mut [u8]| bytes.fill(number), &Trial::new(&over_tls));
            check(&format!("a generator of {name}"), face, &ended, is_random_error(&ended.0) && in_time(&ended.0));
        }
        for good in 0..4 {
            let world = fair(false);
            let ended = run(face, &world, identity, Failing { good, random: random(1) }, &Trial::new(&over_tls));
            let is_right = match &ended.0.outcome {
                Ok(content) => *content == body(8, 100) && good > 1,
                Err(_) => is_random_error(&ended.0),
            };
            check(&format!("a generator that fails after {good}"), face, &ended, is_right);
        }
        for url in [&plain, &over_tls] {
            for limit in (0..600).chain([1000, 2000, 70_000]) {
                let world = fair(false);
                let trial = Trial { limit, ..Trial::new(url) };
                if *url == over_tls && limit > 200 && limit % 50 > 0 {
                    continue;
                }
                let ended = run(face, &world, identity, random(1), &trial);
                check(&format!("{limit} bytes for heads"), face, &ended, is_right_or_too_large(&ended.0));
            }
            for room in 0..=110 {
                let ended = run(face, &fair(false), identity, random(1), &Trial { room, ..Trial::new(url) });
                let is_right = is_right_or_too_large(&ended.0) && ended.0.outcome.is_ok() == (room >= 100);
                check(&format!("{room} bytes for the body"), face, &ended, is_right);
            }
        }
    }
    for (what, count) in &named {
        println!("  {count:>6} {what}");
    }
}

fn is_right_or_too_large(end: &End) -> bool {
    match &end.outcome {
        Ok(content) => *content == body(8, 100),
        Err(error) => matches!(error.kind(), ErrorKind::TooLarge { .. }),
    }
}

fn is_random_error(end: &End) -> bool {
    matches!(end.outcome, Err(error) if error.kind() == ErrorKind::Tls(TlsError::Random))
}

/// Gives so many blocks, and fails then.
struct Failing<R> {
    good: usize,
    random: R,
}

impl<R: Random> Random for Failing<R> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.good = self.good.checked_sub(1).ok_or(RandomError)?;
        self.random.fill(bytes)
    }
}
