//! What `requests` can do, a few lines each, against a server in this process: `cargo run --example requests_tour`.
//!
//! The first part sends, the second reads. The last shows that the blocking face is the same without `await`.

mod support;

use serde::{Deserialize, Serialize};
use socketpool::{
    Error, ErrorKind, Resources, SocketPool, blocking, host,
    requests::{Inflate, Session},
    tls::{Random, Roots, TimeSource, TlsContext, roots::trust_anchor_from_der},
};
use support::server::{Authority, Server, Validity};

#[derive(Debug, Deserialize, Serialize, PartialEq)]
struct Weather<'b> {
    city: &'b str,
    celsius: f32,
}

fn main() -> Result<(), Error> {
    let authority = Authority::new("Tour Root");
    let server = Server::with_config(authority.server_config("localhost", Validity::Now), Some(answer));
    let url = |path: &str| format!("https://localhost:{}{path}", server.port);
    let der = authority.der();
    let anchors = [trust_anchor_from_der(&der).expect("a root certificate")];
    let tls = TlsContext::new(host::Random, host::Date).roots(Roots::only(&anchors));

    host::block_on(async {
        let (mut network, mut memory) = (host::Network::new(), Resources::<2, 2>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let http = Session::new(&pool, &tls);
        sending(&http, url).await?;
        reading(&http, url).await
    })?;
    println!("{} requests over {} connections", server.requests(), server.connections());
    without_await(&tls, url)
}

/// What a request can carry. The server answers with what it was asked.
async fn sending<'p, P, T>(http: &Session<'p, P, T>, url: impl Fn(&str) -> String) -> Result<(), Error>
where
    P: socketpool::traits::SocketPool,
    T: socketpool::traits::TlsContext<P::Socket<'p>>,
{
    let mut buffer = [0; 1024];

    step("query and fields");
    let echo = url("/echo");
    let request = http.get(&echo).query("city", "Den Haag").header("X-One", "1");
    show(request.send().await?.text(&mut buffer).await?);

    step("JSON");
    let weather = Weather { city: "Utrecht", celsius: 12.5 };
    show(http.post(&url("/echo")).json(&weather).send().await?.text(&mut buffer).await?);

    step("a form");
    let form = [("name", "Ada L."), ("sum", "1+1=2")];
    show(http.post(&url("/echo")).form(&form).send().await?.text(&mut buffer).await?);

    step("bytes of a type of their own");
    let request = http.put(&echo).header("Content-Type", "text/csv").body(b"a,b\n1,2\n");
    show(request.send().await?.text(&mut buffer).await?);

    step("Basic and Bearer authentication");
    show(http.get(&url("/echo")).basic_auth("user", "pass word").send().await?.text(&mut buffer).await?);
    show(http.get(&url("/echo")).bearer("t0ken").send().await?.text(&mut buffer).await?);
    Ok(())
}

/// What can be done with a response.
async fn reading<'p, P, T>(http: &Session<'p, P, T>, url: impl Fn(&str) -> String) -> Result<(), Error>
where
    P: socketpool::traits::SocketPool,
    T: socketpool::traits::TlsContext<P::Socket<'p>>,
{
    let mut buffer = [0; 256];

    step("status, fields, JSON into a struct that borrows from the buffer");
    let mut response = http.get(&url("/weather")).send().await?;
    println!("  {} {}, {:?} bytes", response.status(), response.reason(), response.content_length());
    println!("  {:?}", response.error_for_status()?.json::<Weather<'_>>(&mut buffer).await?);
    drop(response); // read to its end: the connection stays warm

    step("an error status is a response, until you ask");
    let mut response = http.get(&url("/lost")).send().await?;
    println!("  {}, {}", response.status(), response.error_for_status().expect_err("a 404"));
    drop(response);

    step("redirects");
    let response = http.get(&url("/moved")).send().await?;
    println!("  {} after {} redirect", response.url(), response.redirects());
    drop(response);
    let response = http.get(&url("/moved")).max_redirects(None).send().await?;
    println!("  not followed: {} to {}", response.status(), response.header("location").unwrap_or("nowhere"));
    drop(response);

    step("a body of any size, piece by piece");
    let mut response = http.get(&url("/lines")).send().await?;
    let (mut few, mut len) = ([0; 16], 0);
    loop {
        match response.read(&mut few).await? {
            0 => break,
            count => len += count,
        }
    }
    println!("  {len} bytes through {}", few.len());
    drop(response);

    step("lines");
    let mut response = http.get(&url("/lines")).send().await?;
    let mut lines = response.lines(&mut buffer);
    while let Some(line) = lines.read_line().await? {
        println!("  {line}");
    }
    drop(response);

    step("server-sent events");
    let mut response = http.get(&url("/events")).header("Accept", "text/event-stream").send().await?;
    let mut events = response.events(&mut buffer);
    while let Some(event) = events.next_event().await? {
        println!("  {} {:?}, id {:?}", event.event, event.data, event.id);
    }
    drop(response);

    step("a JSON array larger than the memory, element by element");
    let mut response = http.get(&url("/array")).send().await?;
    let (size, mut warmest, mut count) = (response.content_length(), f32::MIN, 0);
    let mut elements = response.json_elements(&mut buffer);
    while let Some(weather) = elements.next_element::<Weather<'_>>().await? {
        (warmest, count) = (weather.celsius.max(warmest), count + 1);
    }
    println!("  {count} elements, the warmest {warmest}, {size:?} bytes through {}", buffer.len());
    drop(response);

    step("text in Latin-1");
    let mut response = http.get(&url("/latin1")).send().await?;
    println!("  charset {:?}", response.charset());
    println!("  {}", response.text_latin1(&mut buffer).await?);
    drop(response);

    step("a compressed body; the window lies where you want it");
    let mut inflate = Box::new(Inflate::<4096>::new());
    let mut response = http.get(&url("/compressed")).accept_compressed().send().await?;
    let size = response.content_length();
    let mut decoded = response.decoded(&mut inflate)?;
    let (mut lines, mut count) = (decoded.lines(&mut buffer), 0);
    while lines.read_line().await?.is_some() {
        count += 1;
    }
    println!("  {count} lines in {size:?} bytes");
    drop(response);

    step("trailers, which come behind the body");
    let mut response = http.get(&url("/trailers")).send().await?;
    response.text(&mut buffer).await?;
    println!("  checksum {:?}", response.trailer("checksum"));
    drop(response);

    step("what does not fit says what it takes");
    let mut response = http.get(&url("/weather")).send().await?;
    let mut small = [0; 8];
    let error = response.text(&mut small).await.expect_err("too small");
    assert!(matches!(error.kind(), ErrorKind::TooLarge { need: Some(_), .. }));
    println!("  {error}");
    println!("  and nothing is lost: {}", response.text(&mut buffer).await?);
    drop(response);

    step("a body that is not wanted, thrown away up to a limit so that the connection can serve again");
    let mut response = http.get(&url("/array")).send().await?;
    println!("  at the end: {}", response.drain(100_000).await?);
    Ok(())
}

/// The same without `await`.
fn without_await<R: Random, T: TimeSource>(
    tls: &TlsContext<'_, R, T>,
    url: impl Fn(&str) -> String,
) -> Result<(), Error> {
    step("the blocking face");
    let (mut network, mut memory) = (host::Network::new(), Resources::<1, 1>::new());
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let http = blocking::Session::new(&pool, tls);
    let mut buffer = [0; 256];
    let mut response = http.get(&url("/events")).send()?;
    let mut events = response.events(&mut buffer);
    while let Some(event) = events.next_event()? {
        println!("  {} {:?}, id {:?}", event.event, event.data, event.id);
    }
    Ok(())
}

fn step(what: &str) {
    println!("\n{what}");
}

/// What the server was asked, indented.
fn show(request: &str) {
    for line in request.lines().filter(|line| !line.is_empty()) {
        println!("  {line}");
    }
}

/// The server's side of the tour.
fn answer(request: &str) -> Vec<u8> {
    let path = request.split([' ', '?']).nth(1).unwrap_or("/");
    let respond = |status: &str, field: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\n{field}\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    match path {
        "/echo" => respond("200 OK", "Content-Type: text/plain", request.as_bytes()),
        "/weather" => respond("200 OK", "Content-Type: application/json", b"{\"city\":\"Utrecht\",\"celsius\":12.5}"),
        "/moved" => respond("302 Found", "Location: /weather", b""),
        "/lines" => respond("200 OK", "Content-Type: text/plain", b"the first line\r\nthe second\nand the last"),
        "/events" => respond(
            "200 OK",
            "Content-Type: text/event-stream",
            b": welcome\n\ndata: it rains\nid: 1\n\nevent: warning\ndata: it pours,\ndata: stay inside\nid: 2\n\n",
        ),
        "/array" => {
            let weather = |day| format!("{{\"city\":\"day {day}\",\"celsius\":{}.5}}", day * 7 % 31);
            let days: Vec<_> = (0..1000).map(weather).collect();
            respond("200 OK", "Content-Type: application/json", format!("[{}]", days.join(", ")).as_bytes())
        }
        "/latin1" => respond("200 OK", "Content-Type: text/plain; charset=ISO-8859-1", b"caf\xE9 cr\xE8me, 20 \xB0C"),
        "/compressed" => {
            let body = miniz_oxide::deflate::compress_to_vec_zlib(&b"the same line again\n".repeat(1000), 9);
            respond("200 OK", "Content-Encoding: deflate", &body)
        }
        "/trailers" => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nChecksum: 1234\r\n\r\n".to_vec()
        }
        _ => respond("404 Not Found", "Content-Type: text/plain", b"lost"),
    }
}
