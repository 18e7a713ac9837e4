//! The same work through socketpool and through other HTTP clients, in turns, with the same bytes over the same
//! connections. What is measured and what is not: benches/README.md.
//!
//! `cargo run --release [ROUNDS]` prints a line `time CASE CLIENT` for each client and a line `ratio CASE OURS/PEER`,
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

use alternate::{alternate, stay_on_one_processor};
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
    let rounds = std::env::args().nth(1).map_or(41, |rounds| rounds.parse().expect("a number of rounds"));
    stay_on_one_processor();

    for case in cases::in_memory() {
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
        alternate(case.name, case.body_len, rounds, &mut all, &PAIRS);
    }

    for (name, keeps, is_large) in
        [("tls-handshake", false, false), ("tls-keep-alive", true, false), ("tls-64k", true, true)]
    {
        let target = Target::start(keeps, is_large);
        let mut all = vec![
            ours::asynchronous_tls(target),
            ours::blocking_tls(target),
            reqwless::tls(target),
            ureq::tls(target),
        ];
        alternate(name, target.body_len, rounds, &mut all, &PAIRS);
    }
}
