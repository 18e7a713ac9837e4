//! A small curl, made of the core that runs on a microcontroller, over this host's sockets: try from a desk what your
//! device will be able to reach.
//!
//! `cargo run --example request -- https://example.com/`; with `--help` it lists its options. To learn the crate, read
//! on here, then `request/asynchronous.rs` (or `request/blocking.rs`, the same without `await`): they make a pool, a TLS
//! context and a session, send, and read the body as it arrives. `request/network.rs` shows how to bring a network stack
//! of your own, `request/meter.rs` how to put something around a pool and a TLS context.

#[path = "support/anchors.rs"]
mod anchors;
#[path = "request/asynchronous.rs"]
mod asynchronous;
#[path = "request/blocking.rs"]
mod blocking;
#[path = "request/cost.rs"]
mod cost;
#[path = "request/crypto.rs"]
mod crypto;
#[path = "request/explain.rs"]
mod explain;
#[path = "request/failure.rs"]
mod failure;
#[path = "request/meter.rs"]
mod meter;
#[path = "request/network.rs"]
mod network;
#[path = "request/options.rs"]
mod options;
#[path = "request/output.rs"]
mod output;
#[path = "request/progress.rs"]
mod progress;
#[path = "request/report.rs"]
mod report;
#[path = "request/second.rs"]
mod second;
mod support;
#[path = "request/tickets.rs"]
mod tickets;
#[path = "request/trust.rs"]
mod trust;
#[path = "request/upload.rs"]
mod upload;

use core::time::Duration;
use std::{
    env, fs,
    io::{Write as _, stderr, stdout},
    process::ExitCode,
};

use rustls_pki_types::UnixTime;
use socketpool::{
    ErrorKind, Limit, host,
    requests::RequestBuilder,
    tls::{Now, RELEASE_DATE, Random as _, TimeSource},
};

use self::{
    failure::Failure,
    meter::Meter,
    options::{Data, Face, Field, Options, help},
    output::Output,
    progress::Bars,
    trust::{Files, Trust},
};

/// How many sockets and TLS sessions the pool has. A device with one of each gets along with most of what this can do.
const SOCKETS: usize = 4;

fn main() -> ExitCode {
    let args: Vec<_> = env::args_os().skip(1).collect();
    if args.iter().any(|arg| arg == "--help") {
        let _ = stdout().write_all(help().as_bytes());
        return ExitCode::SUCCESS;
    }
    let meter = Meter::default();
    let mut with_stats = false;
    let outcome = Options::parse(&args).and_then(|options| {
        with_stats = options.stats;
        meter.listen(&options);
        let Some(path) = options.tickets else { return run(&options, &meter) };
        meter.with_tickets.set(true);
        tickets::read(path)?;
        // Also after a failure: a ticket is used once.
        let outcome = run(&options, &meter);
        outcome.and(tickets::write(path))
    });
    // Not `eprintln!`: nobody may be there to read it.
    if let Err(failure) = &outcome {
        let _ = writeln!(stderr(), "error: {failure}{}", advice(failure));
    }
    if with_stats {
        if let Some(handshakes) = meter.handshake_counts() {
            let _ = writeln!(stderr(), "{handshakes}");
        }
        let _ = writeln!(stderr(), "{meter}");
    }
    outcome.map_or_else(|failure| ExitCode::from(failure.exit_status()), |()| ExitCode::SUCCESS)
}

fn run(options: &Options<'_>, meter: &Meter) -> Result<(), Failure> {
    let file;
    let body = match options.data {
        Data::Nothing => Payload::Nothing,
        Data::Text(text) => Payload::Bytes(text.as_bytes()),
        Data::File(path) => {
            file = fs::read(path).map_err(|error| Failure::Usage(format!("-d @{path}: {error}")))?;
            Payload::Bytes(&file)
        }
        Data::Form(ref pairs) => Payload::Form(pairs),
        Data::Multipart(ref fields) => {
            upload::parts(fields, Bars::NONE)?; // if a file is not there, nothing is sent
            Payload::Multipart(fields)
        }
        Data::Upload(path) => Payload::Upload(path),
    };
    let files = Files::read(options)?;
    let anchors = files.anchors()?;
    let trust = Trust::new(options, &files, &anchors)?;
    let mut output = Output::new(options);
    match options.face {
        Face::Async => host::block_on(asynchronous::run(options, &body, (&trust, &anchors), &mut output, meter))?,
        Face::Blocking => blocking::run(options, &body, (&trust, &anchors), &mut output, meter)?,
    }
    if let Some(note) = output.note {
        let _ = writeln!(stderr(), "note: {note}");
    }
    Ok(())
}

/// What gives more room, here and on a device, if that is what was missing.
fn advice(failure: &Failure) -> String {
    let Failure::Exchange(error) = failure else { return String::new() };
    match error.kind() {
        ErrorKind::TooLarge { what: Limit::Request | Limit::ResponseHead | Limit::Trailers, need, .. } => {
            let (more, rx) = need.map_or(("more".into(), "BYTES".into()), |need| (need.to_string(), need.to_string()));
            format!("; a device would need Resources<SOCKETS, TLS, {more}>, this command --rx {rx}")
        }
        _ => String::new(),
    }
}

/// What is sent.
enum Payload<'o> {
    Nothing,
    Bytes(&'o [u8]),
    Form(&'o [(&'o str, &'o str)]),
    Multipart(&'o [Field<'o>]),
    Upload(&'o str),
}

/// What a request has besides method, URL and body. Both faces' sessions hand out the same builder.
fn prepare<'r, S>(mut request: RequestBuilder<'r, S>, options: &'r Options<'_>) -> RequestBuilder<'r, S> {
    request = request.queries(&options.query).headers(&options.headers);
    if let Some((user, password)) = options.user {
        request = request.basic_auth(user, password);
    } else if let Some(token) = options.bearer {
        request = request.bearer(token);
    }
    if options.compressed {
        request = request.accept_compressed();
    }
    if options.sse && !options.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
        request = request.header("Accept", "text/event-stream");
    }
    if options.json && !options.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        request = request.header("Content-Type", "application/json");
    }
    if let Some((from, last)) = options.range {
        request = request.range(from, last);
    }
    request
}

/// With --digest: a number that nobody can guess goes into each answer.
fn authenticate<'r, S>(
    request: RequestBuilder<'r, S>,
    options: &Options<'r>,
    cnonce: &'r mut [u8; 16],
) -> RequestBuilder<'r, S> {
    let Some((user, password)) = options.digest else { return request };
    for digits in cnonce.chunks_mut(8) {
        let number = random_number();
        for (index, digit) in digits.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(number >> (4 * index)) as usize & 15];
        }
    }
    request.digest_auth(user, password, std::str::from_utf8(cnonce).expect("ASCII"))
}

fn random_number() -> u32 {
    let mut bytes = [0; 4];
    host::Random.fill(&mut bytes).expect("the host has random numbers");
    u32::from_le_bytes(bytes)
}

/// The earliest date that is believed: for `--at`, any.
fn floor(at: Option<u64>) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(at.map_or(RELEASE_DATE, |_| 0)))
}

/// The date that certificates are checked against.
fn date(at: Option<u64>) -> impl TimeSource {
    move || match at {
        Some(seconds) => Now::Trusted(UnixTime::since_unix_epoch(Duration::from_secs(seconds))),
        None => host::Date.now(),
    }
}
