//! Two small servers through the pool, an echo and an HTTP responder, for a few clients at a time:
//! `cargo run --example server`, then `curl http://127.0.0.1:8080/` and `nc 127.0.0.1 7007` in another window.
//!
//! The pool has six slots: one for each listener, and four for clients of both. Whoever comes while every slot is in use
//! waits in line; with the argument `refuse` the connection is closed instead. Two numbers choose other ports.

mod support;

use std::time::Duration;

use embassy_futures::join::{join, join_array};
use embassy_sync::mutex::Mutex;
use socketpool::{
    Error, ErrorKind, Limit, Listener, Phase, Resources, Socket, SocketPool, host, pool::WhenFull, stack::SocketOption,
    sync::NoopRawMutex,
};

const SLOTS: usize = 6;

/// Who serves one client after the other, per listener: more than there are slots, so that a full pool can be seen.
const WORKERS: usize = 5;

type Client<'p, 's> = Socket<'p, 's, host::Network, SLOTS>;

/// A door that workers take turns at.
type Door<'p, 's> = Mutex<NoopRawMutex, Listener<'p, 's, host::Network, SLOTS>>;

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let when_full = if arguments.iter().any(|word| word == "refuse") { WhenFull::Refuse } else { WhenFull::Wait };
    let mut ports = arguments.iter().filter_map(|word| word.parse().ok());
    let (http, echo) = (ports.next().unwrap_or(8080), ports.next().unwrap_or(7007));
    host::block_on(serve(http, echo, when_full))
}

async fn serve(http: u16, echo: u16, when_full: WhenFull) -> Result<(), Error> {
    let (mut network, mut memory) = (host::Network::new(), Resources::<SLOTS>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let http = Mutex::new(listen(&pool, "HTTP", http, when_full).await?);
    let echo = Mutex::new(listen(&pool, "echo", echo, when_full).await?);
    // On a board each of these is a task.
    let answering = join_array([(); WORKERS].map(|()| work(&http, answer)));
    let echoing = join_array([(); WORKERS].map(|()| work(&echo, send_back)));
    join(answering, echoing).await;
    Ok(())
}

async fn listen<'p, 's>(
    pool: &'p SocketPool<'s, host::Network, SLOTS>,
    what: &str,
    port: u16,
    when_full: WhenFull,
) -> Result<Listener<'p, 's, host::Network, SLOTS>, Error> {
    let mut socket = pool.socket().await?;
    socket.set_option(SocketOption::ReuseAddress(true))?;
    socket.bind("127.0.0.1", port)?;
    let mut listener = socket.listen(4).await?;
    listener.set_when_full(when_full);
    println!("{what} at {}", listener.local_addr()?);
    Ok(listener)
}

/// One client after the other. What goes wrong with one of them does not end the server.
async fn work<'p, 's>(door: &Door<'p, 's>, serve: impl AsyncFn(&mut Client<'p, 's>) -> Result<(), Error>) {
    loop {
        let accepted = door.lock().await.accept().await;
        let outcome = match accepted {
            Ok((mut client, _)) => {
                client.set_timeout(Some(Duration::from_secs(10)));
                match serve(&mut client).await {
                    Ok(()) => client.close().await,
                    failed => failed,
                }
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            println!("{error}");
        }
    }
}

/// Sends back whatever comes, until the client ends its side.
async fn send_back(client: &mut Client<'_, '_>) -> Result<(), Error> {
    let mut buffer = [0; 128];
    loop {
        match client.recv_into(&mut buffer).await? {
            0 => return Ok(()),
            received => client.send_all(&buffer[..received]).await?,
        }
    }
}

/// Answers one request, whatever it asks for, with the line that asked.
async fn answer(client: &mut Client<'_, '_>) -> Result<(), Error> {
    let (mut head, mut len) = ([0; 1024], 0);
    while !head[..len].windows(4).any(|window| window == b"\r\n\r\n") {
        if len == head.len() {
            let limit = ErrorKind::TooLarge { what: Limit::Request, need: None, have: head.len() };
            client.send_all(b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n").await?;
            return Err(Error::new(Phase::Head, limit));
        }
        match client.recv_into(&mut head[len..]).await? {
            0 => return Err(Error::new(Phase::Head, ErrorKind::Truncated)),
            received => len += received,
        }
    }
    let line = head[..len].split(|byte| *byte == b'\r').next().unwrap_or_default();
    let fields = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        line.len()
    );
    client.send_all(fields.as_bytes()).await?;
    Ok(client.send_all(line).await?)
}
