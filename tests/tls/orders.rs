//! Nothing of ours but alerts leaves after the ServerHello before the server has proved who it is (RFC 8446 §4.4): no
//! certificate, no signature, no Finished.
//!
//! A server of ours (`support/tls_server/`) sends the messages of its flight in every order, with every one left out or sent
//! twice, in records of their own, in one, and in two, with and without a request for our certificate: by chain, by pins, by
//! pre-shared key, and to the context that believes anybody. Each order is played to both faces, to a client that has a
//! certificate and a key to show. What counts is **what the server received**; after each order the next server, which does
//! everything right, is served by the same pool of one socket and one TLS session.
#![cfg(all(feature = "tls", feature = "requests", feature = "blocking", feature = "dangerous-unverified-tls"))]

use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

use sha2::{Digest, Sha256};
use socketpool::{
    Error, ErrorKind, Phase, Resources, SocketPool, blocking,
    requests::Session,
    tls::{
        Identity, Psk, Roots, TlsContext, TlsError,
        dangerous::UnverifiedTlsContext,
        identity::PrivateKey,
        pin::{Pin, PinMode},
        roots::trust_anchor_from_der,
        verify::VerifyPolicy,
    },
};

use crate::support::{
    self,
    server::Authority,
    tls_server::{
        script::*,
        server::{Report, Server},
    },
};

const TIMEOUT: Option<Duration> = Some(Duration::from_secs(5));
const TOKEN: &str = "the-token-in-the-request";
const KEY: &[u8] = b"a key of thirty-two random bytes";

const CERTIFICATE: u8 = 11;
const CERTIFICATE_VERIFY: u8 = 15;
const FINISHED: u8 = 20;

/// Our certificate and its key.
static DEVICE: LazyLock<(PrivateKey, Vec<u8>)> = LazyLock::new(|| {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = Authority::new("Root of devices").client_certificate(&key, 0);
    (PrivateKey::from_der(&key.serialize_der()).unwrap(), certificate.to_vec())
});

fn identity() -> Identity<'static> {
    Identity::new(&DEVICE.1, &DEVICE.0).unwrap()
}

/// How the server proves itself.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Chain,
    Pins,
    Psk,
    Anybody,
}

/// A message of the server's flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Extensions,
    Request,
    Certificate,
    Verify,
    Finished,
}
use Part::*;

const ALL: [Part; 5] = [Extensions, Request, Certificate, Verify, Finished];

impl Part {
    fn message(self) -> Message {
        match self {
            Extensions => encrypted_extensions(&[]),
            Request => certificate_request(),
            Certificate => certificate(&WORLD.p256),
            Verify => certificate_verify(&WORLD.p256),
            Finished => finished(),
        }
    }
}

/// The flights that prove a server.
fn right_flights(mode: Mode) -> &'static [&'static [Part]] {
    match mode {
        Mode::Psk => &[&[Extensions, Finished]],
        _ => &[&[Extensions, Certificate, Verify, Finished], &ALL],
    }
}

/// Messages in records.
type Order = Vec<Vec<Part>>;

/// Every selection of the messages in every order, and the right flights with any message once more anywhere.
fn sequences(mode: Mode) -> BTreeSet<Vec<Part>> {
    let mut all = BTreeSet::from([vec![]]);
    let mut longest = all.clone();
    for _ in ALL {
        let more = |sequence: &Vec<Part>| {
            let rest = ALL.into_iter().filter(|part| !sequence.contains(part));
            rest.map(|part| [&sequence[..], &[part]].concat()).collect::<Vec<_>>()
        };
        longest = longest.iter().flat_map(more).collect();
        all.extend(longest.iter().cloned());
    }
    for right in right_flights(mode) {
        for (at, part) in (0..=right.len()).flat_map(|at| ALL.map(|part| (at, part))) {
            let mut sequence = right.to_vec();
            sequence.insert(at, part);
            all.insert(sequence);
        }
    }
    all
}

/// Each sequence one message in a record; and if it gets so far as to begin with EncryptedExtensions and end the
/// handshake, all in one record, and in two records, cut at every place. Where the mode makes no difference, one tries it.
fn orders(mode: Mode) -> BTreeSet<Order> {
    let mut orders = BTreeSet::new();
    for sequence in sequences(mode) {
        let begins = sequence.first() == Some(&Extensions);
        if mode != Mode::Chain && !begins {
            continue;
        }
        orders.insert(sequence.iter().map(|part| vec![*part]).collect());
        if !(begins && sequence.contains(&Finished)) {
            continue;
        }
        orders.insert(vec![sequence.clone()]);
        for at in 1..sequence.len() {
            if mode == Mode::Chain {
                orders.insert(vec![sequence[..at].to_vec(), sequence[at..].to_vec()]);
            }
        }
    }
    orders
}

/// How an order has to end.
#[derive(Debug, PartialEq)]
enum End {
    /// It is a right flight.
    Served,
    /// A right flight, and then more: the server is proven, and refused for the rest.
    ProvenThenRefused,
    /// Part of a right flight, and then the end.
    Truncated,
    Refused,
}

fn end_of(order: &Order, mode: Mode) -> End {
    let sequence = order.concat();
    let right = right_flights(mode);
    let at_the_end_of_a_record = |flight: &&[Part]| (0..order.len()).any(|count| order[..count].concat() == **flight);
    if right.contains(&&*sequence) {
        End::Served
    } else if right.iter().any(at_the_end_of_a_record) {
        End::ProvenThenRefused
    } else if right.iter().any(|flight| flight.starts_with(&sequence)) {
        End::Truncated
    } else {
        End::Refused
    }
}

fn hello_of(mode: Mode) -> Step {
    Step::Send(clear(
        HANDSHAKE,
        hello_with(|hello| {
            if mode == Mode::Psk {
                hello.extensions.push((41, vec![0, 0]));
            }
        }),
    ))
}

fn start(mode: Mode, script: Script) -> Server {
    if mode == Mode::Psk { Server::start_psk(script, KEY) } else { Server::start(script) }
}

fn script_of(order: &Order, mode: Mode) -> Script {
    let messages = |record: &Vec<Part>| sealed(record.iter().map(|part| part.message()));
    let mut script = vec![hello_of(mode)];
    script.extend(order.iter().map(|record| Step::Send(messages(record))));
    match end_of(order, mode) {
        // The ticket acknowledges the client's Finished: its request need not wait.
        End::Served => {
            script.extend([Step::ReadFinished, Step::Send(sealed([ticket()])), Step::ReadRequest]);
            script.extend([data(ANSWER), close_notify()].map(Step::Send));
            script.push(Step::Close);
        }
        _ => script.push(Step::Close),
    }
    script
}

/// Fetches from a port.
type Fetch<'f> = &'f mut dyn FnMut(u16) -> Result<Vec<u8>, Error>;

/// What the servers received that were not to see anything.
#[derive(Debug, Default)]
struct Tally {
    orders: usize,
    served: usize,
    proven_then_refused: usize,
    /// Of these the servers received nothing, or alerts.
    refused: usize,
    alerts: usize,
}

fn check(order: &Order, mode: Mode, fetch: Fetch<'_>, tally: &mut Tally) -> Result<(), String> {
    let server = start(mode, script_of(order, mode));
    let fetched = fetch(server.port);
    let report = server.report();
    let end = end_of(order, mode);
    let kind = fetched.as_ref().map_err(|error| (error.phase(), error.kind()));
    let ended_well = match (&end, &kind) {
        (End::Served, Ok(body)) => *body == BODY,
        (End::ProvenThenRefused, Err((phase, kind))) => {
            *phase == Phase::Head && *kind == ErrorKind::Tls(TlsError::UnexpectedMessage)
        }
        (End::Truncated, Err((phase, kind))) => *phase == Phase::Handshake && *kind == ErrorKind::Truncated,
        (End::Refused, Err((Phase::Handshake, ErrorKind::Tls(error)))) => {
            matches!(error, TlsError::UnexpectedMessage | TlsError::NotAuthenticated)
        }
        // Before Finished there need not have been a moment to say so.
        (End::Refused, Err((Phase::Handshake, ErrorKind::Truncated))) => !order.concat().contains(&Finished),
        _ => false,
    };
    if !ended_well {
        return Err(format!("is to be {end:?}, ended as {fetched:?}"));
    }
    tally.orders += 1;
    match end {
        End::Served => tally.served += 1,
        End::ProvenThenRefused => tally.proven_then_refused += 1,
        End::Truncated | End::Refused => {
            let alerts = report.received.iter().filter(|(kind, _)| *kind == ALERT).count();
            (tally.refused, tally.alerts) = (tally.refused + 1, tally.alerts + alerts);
        }
    }
    check_report(&report, &end, order, mode)
}

/// What the server received.
fn check_report(report: &Report, end: &End, order: &Order, mode: Mode) -> Result<(), String> {
    let contains = |bytes: &[u8]| {
        let has = |content: &[u8]| content.windows(bytes.len()).any(|window| window == bytes);
        has(&report.wire) || report.received.iter().any(|(_, content)| has(content))
    };
    let said = report.messages();
    match end {
        End::Served | End::ProvenThenRefused => {
            let asked = order.concat().starts_with(&ALL);
            let expected: &[u8] = match (asked, mode) {
                (true, Mode::Anybody) => &[CERTIFICATE, FINISHED],
                (true, _) => &[CERTIFICATE, CERTIFICATE_VERIFY, FINISHED],
                (false, _) => &[FINISHED],
            };
            if said != expected || !report.finished {
                return Err(format!("the proven server received messages {said:?}, not {expected:?}"));
            }
            if contains(&DEVICE.1) != (asked && mode != Mode::Anybody) {
                return Err("our certificate is shown to those who ask, and to no others".into());
            }
        }
        End::Truncated | End::Refused => {
            if !report.only_alerts() || report.finished || !report.request.is_empty() {
                return Err(format!("the server received messages {said:?}, records {:?}", report.received));
            }
            if contains(&DEVICE.1) || contains(TOKEN.as_bytes()) {
                return Err("the server received who we are, or what we want".into());
            }
        }
    }
    Ok(())
}

fn try_all(mode: Mode, face: &str, fetch: Fetch<'_>) {
    let (mut wrong, mut tally, mut good) = (vec![], Tally::default(), Tally::default());
    let served = vec![right_flights(mode)[0].to_vec()];
    for order in orders(mode) {
        let checked = check(&order, mode, fetch, &mut tally)
            .and_then(|()| check(&served, mode, fetch, &mut good).map_err(|what| format!("the next one: {what}")));
        if let Err(what) = checked {
            wrong.push(format!("{order:?}: {what}"));
        }
    }
    println!(
        "{mode:?}, {face}: {} orders tried; {} proved the server, {} of them went on wrongly; the other {} received {} alerts, \
         and nothing else after the ClientHello",
        tally.orders,
        tally.served + tally.proven_then_refused,
        tally.proven_then_refused,
        tally.refused,
        tally.alerts,
    );
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(tally.served, orders(mode).iter().filter(|order| end_of(order, mode) == End::Served).count());
}

macro_rules! by_async {
    ($mode:expr, $tls:ident) => {{
        let url = |port| format!("https://localhost:{port}/");
        let (mut network, mut memory, mut buffer) = (support::network(), Resources::<1, 1>::new(), [0; 64]);
        let pool = SocketPool::new(&mut network, &mut memory);
        let http = Session::new(&pool, &$tls);
        try_all($mode, "async", &mut |port| {
            async_io::block_on(async {
                let mut response = http.get(&url(port)).bearer(TOKEN).timeout(TIMEOUT).send().await?;
                response.content(&mut buffer).await.map(|body| body.to_vec())
            })
        });
    }};
}

macro_rules! by_blocking {
    ($mode:expr, $tls:ident) => {{
        let url = |port| format!("https://localhost:{port}/");
        let (mut network, mut memory, mut buffer) = (support::network(), Resources::<1, 1>::new(), [0; 64]);
        let pool = blocking::SocketPool::new(&mut network, &mut memory);
        let http = blocking::Session::new(&pool, &$tls);
        try_all($mode, "blocking", &mut |port| {
            let mut response = http.get(&url(port)).bearer(TOKEN).timeout(TIMEOUT).send()?;
            response.content(&mut buffer).map(|body| body.to_vec())
        });
    }};
}

/// The tests of one face.
macro_rules! tests {
    ($face:ident) => {
        mod $face {
            use super::*;

            #[test]
            fn by_chain() {
                let anchors = [trust_anchor_from_der(WORLD.root.der()).unwrap()];
                let tls = TlsContext::new(support::random, support::date)
                    .crypto(&CRYPTO)
                    .roots(Roots::only(&anchors))
                    .identity(identity());
                $face!(Mode::Chain, tls);
            }

            #[test]
            fn by_pins() {
                let pins = [Pin::LeafCertificate(Sha256::digest(&WORLD.p256.certificate).into())];
                let policy = VerifyPolicy::new(Roots::only(&[])).pins(&pins).pin_mode(PinMode::InsteadOfChain);
                let tls =
                    TlsContext::new(support::random, support::date).crypto(&CRYPTO).policy(policy).identity(identity());
                $face!(Mode::Pins, tls);
            }

            #[test]
            fn by_a_shared_key() {
                let psk = Psk::new(b"meter-17", KEY).unwrap();
                let tls = TlsContext::new(support::random, support::date).crypto(&CRYPTO).psk(psk).identity(identity());
                $face!(Mode::Psk, tls);
            }

            #[test]
            fn by_nobody() {
                let tls = UnverifiedTlsContext::new(support::random).crypto(&CRYPTO);
                $face!(Mode::Anybody, tls);
            }
        }
    };
}
tests!(by_async);
tests!(by_blocking);
