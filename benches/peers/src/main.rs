//! The same work through socketpool and through other HTTP clients, in turns, with the same bytes over the same
//! connections. What is measured and what is not: benches/README.md.
//!
//! `cargo run --release [ROUNDS [CASE [CLIENT]]]` prints a line `time CASE CLIENT` for each client and a line `ratio CASE OURS/PEER`,
//! the median of all rounds and the quarter of them on either side, for each comparison.

mod alternate;
mod cases;
mod clients;
mod line;
#[path = "../../../examples/support/server.rs"]
#[allow(dead_code, reason = "the examples use the rest")]
mod server;
mod stacks;
mod tls;

use alternate::{Client, alternate, stay_on_one_processor};
use cases::Work;
use clients::{codec, edge_http, ours, reqwless, ureq};
use tls::Target;

/// Who is compared with whom: faces of the same kind, and the codecs.
const PAIRS: [(&str, &str); 5] = [
    (ours::ASYNC, "reqwless"),
    (ours::BLOCKING, "reqwless"),
    (ours::ASYNC, "edge-http"),
    (ours::BLOCKING, "ureq"),
    (codec::OURS, codec::UREQ_PROTO),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds = arguments.next().map_or(41, |rounds| rounds.parse().expect("a number of rounds"));
    let (case_wanted, client_wanted) = (arguments.next(), arguments.next());
    let is_wanted = |name: &str| case_wanted.as_ref().is_none_or(|wanted| wanted == name);
    let run = |name: &str, body_len: usize, mut clients: Vec<Client>| {
        clients.retain(|client| client_wanted.as_ref().is_none_or(|wanted| wanted == client.name));
        alternate(name, body_len, rounds, &mut clients, &PAIRS);
    };
    stay_on_one_processor();

    for case in cases::in_memory().into_iter().filter(|case| is_wanted(case.name)) {
        let mut all = vec![
            ours::asynchronous(&case),
            ours::blocking(&case),
            reqwless::memory(&case),
            edge_http::memory(&case),
            ureq::memory(&case),
        ];
        if case.work == Work::Get {
            all.extend([codec::ours(&case), codec::ureq_proto(&case)]);
        }
        run(case.name, case.body_len, all);
    }

    let over_tls = [("tls-handshake", false, false), ("tls-keep-alive", true, false), ("tls-64k", true, true)];
    for (name, keeps, is_large) in over_tls.into_iter().filter(|(name, ..)| is_wanted(name)) {
        let target = Target::start(keeps, is_large);
        let all =
            vec![ours::asynchronous_tls(target), ours::blocking_tls(target), reqwless::tls(target), ureq::tls(target)];
        run(name, target.body_len, all);
    }
}
