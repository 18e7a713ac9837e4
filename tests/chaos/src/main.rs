//! Faults on every byte, bad lines and long runs: what socketpool makes of them. `./ci.sh chaos` and `./ci.sh soak`
//! run it.

mod chance;
#[path = "../../support/embassy/mod.rs"]
mod embassy;
mod executor;
mod hostile;
mod lines;
mod offsets;
mod reference;
mod server;
#[path = "../../support/smoltcp_nal/mod.rs"]
mod smoltcp_nal;
mod soak;
mod world;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

/// What was done, and what was wrong.
#[derive(Debug, Default)]
pub struct Figures {
    pub runs: u64,
    pub requests: u64,
    /// How often something was done to a byte, a connection, a name, a clock or a generator.
    pub faults: u64,
    wrong: Vec<String>,
}

impl Figures {
    /// Notes what is wrong. The first are said at once.
    pub fn wrong(&mut self, what: String) {
        if self.wrong.len() < 40 {
            println!("WRONG {what}");
        }
        self.wrong.push(what);
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_long = args.iter().any(|arg| arg == "long");
    let seconds = args.get(1).and_then(|seconds| seconds.parse().ok()).unwrap_or(60);
    let began = Instant::now();
    let mut figures = Figures::default();
    let identity = server::Identity::new();
    match args.first().map(String::as_str) {
        Some("offsets") => offsets::all(&identity, if is_long { 1 } else { 11 }, &mut figures),
        Some("hostile") => hostile::all(&identity, &mut figures),
        Some("lines") => lines::all(if is_long { 1000 } else { 100 }, &mut figures),
        Some("soak") => soak::run(&identity, Duration::from_secs(seconds), &mut figures),
        _ => {
            eprintln!("chaos offsets|hostile|lines [long], chaos soak [SECONDS]");
            return ExitCode::from(2);
        }
    }
    println!(
        "{}: {} runs, {} faults, {} requests, slots lost {}, wrong responses and other faults of ours {}, {:.0} s",
        args.join(" "),
        figures.runs,
        figures.faults,
        figures.requests,
        figures.wrong.iter().filter(|what| what.contains("lost: ")).count(),
        figures.wrong.len(),
        began.elapsed().as_secs_f32()
    );
    if figures.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
