//! A verified HTTPS request with JSON, made on a desk by exactly the code that runs on a microcontroller.
//!
//! `cargo run --example quickstart` starts a server in this process, with a certificate authority of its own, and
//! shows what is accepted and what is refused, and how long each step takes. `cargo run --example quickstart -- https://example.com/` asks that
//! server instead, and verifies it with Mozilla's roots.

mod support;

use std::{cell::RefCell, time::Instant};

use serde::Deserialize;
use socketpool::{
    Error, Resources, SocketPool, blocking, host,
    requests::Session,
    tls::{CertificateInfo, Roots, ShownChain, TlsContext, TlsObserver, roots::trust_anchor_from_der},
};
use support::server::{Authority, Server, Validity};

/// What the server answers; the path stays where it was received.
#[derive(Debug, Deserialize)]
struct Answer<'b> {
    path: &'b str,
    number: u32,
}

/// Sees what servers show, so that a refusal can be told with names.
#[derive(Default)]
struct Witness(RefCell<String>);

impl TlsObserver for Witness {
    fn chain_judged(&self, chain: &ShownChain<'_>) {
        let Some(leaf) = chain.certificates.first().and_then(|der| CertificateInfo::parse(der)) else { return };
        let (names, days) = (leaf.dns_names().collect::<Vec<_>>().join(", "), leaf.days_left(chain.now));
        let dates = if days < 0 { format!("expired {} days ago", -days) } else { "still valid".into() };
        *self.0.borrow_mut() = format!("the server's certificate is for {names}, by {}, {dates}", leaf.issuer());
    }
}

/// The milliseconds since the last step.
struct Watch(Instant);

impl Watch {
    fn lap(&mut self) -> String {
        let lap = self.0.elapsed();
        self.0 = Instant::now();
        format!("{:.1} ms", lap.as_secs_f64() * 1000.0)
    }
}

fn main() -> Result<(), Error> {
    match std::env::args().nth(1) {
        Some(url) => host::block_on(fetch(&url)),
        None => host::block_on(tour()),
    }
}

/// GET with Mozilla's roots.
async fn fetch(url: &str) -> Result<(), Error> {
    let (mut network, mut memory) = (host::Network::new(), Resources::<1, 1, 8192>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let tls = TlsContext::new(host::Random, host::Date);
    let http = Session::new(&pool, &tls);

    let mut watch = Watch(Instant::now());
    let mut response = http.get(url).send().await?;
    println!("{} {} from {}, {}", response.status(), response.reason(), response.url(), watch.lap());
    let (mut buffer, mut len) = ([0; 1024], 0);
    loop {
        match response.read(&mut buffer).await? {
            0 => break,
            count => len += count,
        }
    }
    let media_type = response.header("content-type").unwrap_or("unknown type");
    println!("{len} bytes of {media_type}, {}", watch.lap());
    println!("\nwhat a device needs for that: cargo run --example request -- --explain {url}");
    Ok(())
}

async fn tour() -> Result<(), Error> {
    let authority = Authority::new("Quickstart Root");
    let server = Server::start(&authority, "localhost", Validity::Now);
    let url = format!("https://localhost:{}/now", server.port);
    println!("a server with a certificate authority of its own listens at {url}");

    // The three lines of set-up: a pool over the network, whom to trust, and a session.
    let (mut network, mut memory) = (host::Network::new(), Resources::<3, 1>::new());
    println!("the pool's memory: {} bytes for 3 sockets, 1 TLS session at a time", size_of_val(&memory));
    let root = authority.der();
    let anchors = [trust_anchor_from_der(&root).expect("a root certificate")];
    let pool = SocketPool::new(&mut network, &mut memory);
    let tls = TlsContext::new(host::Random, host::Date).roots(Roots::only(&anchors));
    let http = Session::new(&pool, &tls);

    let mut watch = Watch(Instant::now());

    // A request, and JSON into a struct.
    let mut buffer = [0; 256];
    let mut response = http.get(&url).query("city", "Den Haag").send().await?;
    println!("1. {} verified, over {} connection", response.status(), server.connections());
    let answer: Answer<'_> = response.error_for_status()?.json(&mut buffer).await?;
    println!("   {answer:?}, {}", watch.lap());
    drop(response); // read to its end: the connection stays warm in the pool

    // Another on the same connection.
    let mut response = http.get(&url).send().await?;
    let answer: Answer<'_> = response.error_for_status()?.json(&mut buffer).await?;
    println!("2. request number {} of {}, over {} connection", answer.number, answer.path, server.connections());
    drop(response);
    println!("   {:?}, {}", pool.counts(), watch.lap());

    // The blocking face: the same, without await.
    let number = ask_blocking(&url, &tls)?;
    println!("3. request number {number} with the blocking face, over {} connections", server.connections());
    println!("   a new connection, verified again, {}", watch.lap());

    // What must not work, and does not. Somebody looks on, who can tell the names.
    let witness = Witness::default();
    let tls = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors)).observer(&witness);
    let http = Session::new(&pool, &tls);
    let mut seen = || println!("   {}, {}", witness.0.borrow(), watch.lap());
    let served = server.requests();
    let stranger = Authority::new("Another Root");
    let der = stranger.der();
    let strangers = [trust_anchor_from_der(&der).expect("a root certificate")];
    let distrustful = TlsContext::new(host::Random, host::Date).roots(Roots::only(&strangers)).observer(&witness);
    let refused = Session::new(&pool, &distrustful).get(&url).send().await;
    println!("4. the wrong root is refused:          {}", refused.expect_err("refused"));
    seen();
    println!("   and this client trusts Another Root alone");

    let other_name = format!("https://127.0.0.1:{}/now", server.port);
    let refused = http.get(&other_name).send().await;
    println!("5. the wrong name is refused:          {}", refused.expect_err("refused"));
    seen();
    println!("   and this client asked for 127.0.0.1");

    let expired = Server::start(&authority, "localhost", Validity::Expired);
    let refused = http.get(&format!("https://localhost:{}/now", expired.port)).send().await;
    println!("6. an expired certificate is refused:  {}", refused.expect_err("refused"));
    seen();

    let unverified = Session::plain(&pool).get(&url).send().await;
    println!("7. https without TLS is refused:       {}", unverified.expect_err("refused"));

    let arrived = server.requests() - served + expired.requests();
    println!("   of these four requests {arrived} reached a server");
    assert_eq!(arrived, 0, "nothing is sent to a server that is not verified");
    print!("{NEXT}");
    Ok(())
}

const NEXT: &str = "
what to try next:
  cargo run --example quickstart -- https://example.com/            a real server, by Mozilla's roots
  cargo run --example request -- --explain example.com              what a device needs to talk to it
  cargo run --example requests_tour                                 forms, files, streams, retries
  cargo run --example sockets                                       TCP, UDP and DNS, beside CircuitPython's lines
  docs/start.md                                                     a project of your own, for a desk or a board
";

fn ask_blocking<R, T>(url: &str, tls: &TlsContext<'_, R, T>) -> Result<u32, Error>
where
    R: socketpool::tls::Random,
    T: socketpool::tls::TimeSource,
{
    let (mut network, mut memory) = (host::Network::new(), Resources::<1, 1>::new());
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let http = blocking::Session::new(&pool, tls);
    let mut buffer = [0; 256];
    let answer: Answer<'_> = http.get(url).send()?.error_for_status()?.json(&mut buffer)?;
    Ok(answer.number)
}
