//! Every fault at every byte of a plain exchange and of a TLS connection, both ways, both faces.

use std::{collections::BTreeMap, time::Duration};

use rustls_pki_types::UnixTime;
use socketpool::{
    Error, Resources, SocketPool, blocking,
    pool::Counts,
    requests::Session,
    tls::{Now, Random, Roots, TlsContext, roots::trust_anchor_from_der},
};

use crate::{
    Figures,
    chance::Chance,
    executor, reference,
    server::{HOST, Identity, body},
    world::{Fault, KINDS, Kind, Way, Weather, World},
};

/// How long one request may take, in simulated time.
const DEADLINE: Duration = Duration::from_secs(5);

/// What a blocking stack lets pass before it looks at the clock again, and what is done behind the deadline.
const SLACK: u64 = 50;

const SOCKETS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Async,
    Blocking,
}

pub const FACES: [Face; 2] = [Face::Async, Face::Blocking];

/// One request: whether it is a POST, what for, its number and how large the response is.
type Call = (bool, &'static str, u64, usize);

/// Two requests on one connection, and three when the fault is over.
const CALLS: [Call; 5] = [
    (false, "len", 1, 64),
    (true, "chunked", 2, 100),
    (false, "len", 3, 10),
    (false, "chunked", 4, 10),
    (false, "len", 5, 10),
];

/// The number of the one that may not be repeated.
const POST: u64 = 2;

/// By so many bytes two conversations under TLS may differ in length: signatures in DER do.
const PLAY: usize = 8;

/// What came of a call, and how long it took.
type Outcome = (Result<(u16, Vec<u8>), Error>, u64);

fn url(scheme: &str, (_, kind, id, len): Call) -> String {
    format!("{scheme}://{HOST}/{kind}/{len}?id={id}")
}

const REQUEST_BODY: &[u8] = br#"{"celsius":21.5,"humidity":61}"#;

pub fn date() -> Now {
    Now::Trusted(UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000)))
}

pub fn random(seed: u64) -> impl Random {
    let mut chance = Chance::new(seed);
    move |bytes: &mut [u8]| chance.fill(bytes)
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

/// The calls, one after the other, on either face.
macro_rules! calls {
    ($wait:ident, $http:ident, $pool:ident, $world:ident, $scheme:ident) => {{
        let mut outcomes: Vec<Outcome> = Vec::new();
        for call in CALLS {
            if call.2 == 3 {
                $world.set_weather(Weather::Fair);
            }
            let (url, mut room) = (url($scheme, call), [0; 256]);
            let began = $world.millis();
            let sent = if call.0 {
                $wait!($http.post(&url).body(REQUEST_BODY).timeout(Some(DEADLINE)).send())
            } else {
                $wait!($http.get(&url).timeout(Some(DEADLINE)).send())
            };
            let outcome = match sent {
                Ok(mut response) => {
                    let status = response.status().as_u16();
                    $wait!(response.content(&mut room)).map(|body| (status, body.to_vec()))
                }
                Err(error) => Err(error),
            };
            outcomes.push((outcome, $world.millis() - began));
        }
        let before = $pool.counts();
        $wait!($pool.close_idle());
        (outcomes, before, $pool.counts())
    }};
}

fn run(face: Face, world: &World, identity: &Identity, scheme: &str, seed: u64) -> (Vec<Outcome>, Counts, Counts) {
    let anchors = [trust_anchor_from_der(&identity.root).expect("a root")];
    let tls = TlsContext::new(random(seed), date).roots(Roots::only(&anchors));
    let mut memory = Box::new(Resources::<SOCKETS, 1>::new());
    match face {
        Face::Async => {
            let mut network = world.network();
            let pool = SocketPool::new(&mut network, &mut memory);
            let http = Session::new(&pool, &tls);
            executor::run(async { calls!(await_it, http, pool, world, scheme) }, || world.sleep())
        }
        Face::Blocking => {
            let mut network = world.blocking_network();
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            let http = blocking::Session::new(&pool, &tls);
            calls!(do_it, http, pool, world, scheme)
        }
    }
}

/// Says what is wrong with a run.
fn judge(
    scheme: &str,
    fault: Fault,
    len: usize,
    world: &World,
    ended: &(Vec<Outcome>, Counts, Counts),
) -> Result<bool, String> {
    let (outcomes, before, after) = ended;
    let altered = fault.kind.alters() && scheme == "http";
    let mut all_right = true;
    // What was altered may lie behind the last response, and silence shows when it is asked: then it is the next
    // request that finds it, and the one after that must be served. Near the end the fault may hit that one.
    let is_late = scheme == "https" && fault.at + 2 * PLAY >= len;
    let must_be_served = if is_late { 5 } else { 3 + u64::from(altered || fault.kind.is_silent()) };
    for ((outcome, took), call) in outcomes.iter().zip(CALLS) {
        if *took > DEADLINE.as_millis() as u64 + SLACK {
            return Err(format!("request {} took {took} ms", call.2));
        }
        match outcome {
            Ok((200, content)) if *content == body(call.2, call.3) => {}
            Ok(other) if altered && world.heard().iter().any(|heard| reference::responses(heard).contains(other)) => {}
            Ok((status, _)) => return Err(format!("request {}: a wrong response, status {status}", call.2)),
            Err(error) if call.2 >= must_be_served => return Err(format!("request {}: {error}", call.2)),
            Err(error) if fault.kind == Kind::Delay => return Err(format!("delayed, and in time: {error}")),
            Err(_) => all_right = false,
        }
    }
    if (before.in_use, before.free_buffers) != (0, SOCKETS) {
        return Err(format!("lost: {before:?}"));
    }
    if (after.free, after.free_buffers, after.free_tls_sessions, world.open()) != (SOCKETS, SOCKETS, 1, 0) {
        return Err(format!("lost: {after:?}, {} connections open", world.open()));
    }
    let log = world.log();
    if let Some(times @ 2..) = log.borrow().seen.get(&(scheme == "https", POST)) {
        return Err(format!("a POST was sent {times} times"));
    }
    Ok(all_right)
}

/// All that may be done to a connection, at every `step`th byte from a different one each time.
pub fn all(identity: &Identity, step: usize, figures: &mut Figures) {
    for scheme in ["http", "https"] {
        let fair = World::new(&identity.config, Weather::Fair, false);
        let mut lens = (0, 0);
        // How long a fair conversation is; signatures differ by a few bytes from one to the next.
        {
            let anchors = [trust_anchor_from_der(&identity.root).expect("a root")];
            let tls = TlsContext::new(random(1), date).roots(Roots::only(&anchors));
            let mut memory = Box::new(Resources::<SOCKETS, 1>::new());
            let mut network = fair.blocking_network();
            let pool = blocking::SocketPool::new(&mut network, &mut memory);
            let http = blocking::Session::new(&pool, &tls);
            for call in &CALLS[..2] {
                let url = url(scheme, *call);
                let sent = if call.0 { http.post(&url).body(REQUEST_BODY).send() } else { http.get(&url).send() };
                let mut response = sent.expect("a fair response");
                response.content(&mut [0; 256]).expect("a body");
                drop(response);
                lens = fair.counts();
            }
        }
        let mut seed = 0;
        let mut kinds: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for face in FACES {
            for way in [Way::Up, Way::Down] {
                let len = if way == Way::Up { lens.0 } else { lens.1 } + if scheme == "https" { PLAY } else { 1 };
                for (number, kind) in KINDS.into_iter().enumerate() {
                    for at in (number * 5 % step..len).step_by(step) {
                        seed += 1;
                        let fault = Fault { kind, way, at };
                        let world = World::new(&identity.config, Weather::Once(fault), scheme == "http");
                        let ended = run(face, &world, identity, scheme, seed);
                        let row = kinds.entry(format!("{scheme} {kind:?}")).or_default();
                        row.0 += 1;
                        figures.runs += 1;
                        figures.faults += 1;
                        figures.requests += CALLS.len() as u64;
                        match judge(scheme, fault, len, &world, &ended) {
                            Ok(all_right) => row.1 += u64::from(all_right),
                            Err(what) => figures.wrong(format!("{face:?} {scheme} {fault:?}: {what}")),
                        }
                    }
                }
            }
        }
        for (what, (runs, right)) in kinds {
            println!("  {what:<18} {runs:>6} runs, {right:>6} with every response right");
        }
    }
}
