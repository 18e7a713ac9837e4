//! A server on the loopback interface that plays what a test asks for, and remembers what it was asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a server does about a request.
pub enum Reply {
    /// Sends this and waits for the next request.
    Keep(String),
    /// Sends these bytes and waits for the next request.
    Bytes(Vec<u8>),
    /// Sends this and hangs up.
    Close(String),
    /// Sends this and then nothing more.
    Stall(String),
}

/// A running server; it ends with the process.
pub struct Scripted {
    pub port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub fn plain(reply: fn(&str) -> Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self::start(listener, None, reply)
    }

    pub fn tls(config: ServerConfig, reply: fn(&str) -> Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self::start(listener, Some(Arc::new(config)), reply)
    }

    pub fn start(listener: TcpListener, tls: Option<Arc<ServerConfig>>, reply: fn(&str) -> Reply) -> Self {
        let port = listener.local_addr().expect("bound").port();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = requests.clone();
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let (tls, seen) = (tls.clone(), seen.clone());
                thread::spawn(move || match tls {
                    None => serve(tcp, reply, &seen),
                    Some(config) => {
                        let session = ServerConnection::new(config).expect("a valid configuration");
                        serve(StreamOwned::new(session, tcp), reply, &seen)
                    }
                });
            }
        });
        Self { port, requests }
    }

    /// The requests since the last call.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().expect("not poisoned"))
    }
}

fn serve(stream: impl Read + Write, reply: fn(&str) -> Reply, seen: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = receive(&mut stream) {
        seen.lock().expect("not poisoned").push(request.clone());
        let (text, goes_on) = match reply(&request) {
            Reply::Keep(text) => (text.into_bytes(), true),
            Reply::Bytes(bytes) => (bytes, true),
            Reply::Close(text) => (text.into_bytes(), false),
            Reply::Stall(text) => {
                let _ = stream.get_mut().write_all(text.as_bytes()).and_then(|()| stream.get_mut().flush());
                let _ = stream.read(&mut [0]);
                return;
            }
        };
        let sent = stream.get_mut().write_all(&text).and_then(|()| stream.get_mut().flush());
        if sent.is_err() || !goes_on {
            return;
        }
    }
}

/// One request, with its body; a chunked one is taken out of its chunks.
fn receive(stream: &mut impl BufRead) -> Option<String> {
    let mut request = String::new();
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let line_start = request.len();
        if stream.read_line(&mut request).ok()? == 0 {
            return None;
        }
        match request[line_start..].split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some((name, _)) if name.eq_ignore_ascii_case("transfer-encoding") => is_chunked = true,
            _ if request[line_start..].trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    while is_chunked {
        let mut size = String::new();
        stream.read_line(&mut size).ok()?;
        let mut chunk = vec![0; usize::from_str_radix(size.trim(), 16).ok()? + 2];
        stream.read_exact(&mut chunk).ok()?;
        body.extend_from_slice(chunk.strip_suffix(b"\r\n")?);
        is_chunked = chunk.len() > 2;
    }
    request.push_str(&String::from_utf8(body).ok()?);
    Some(request)
}

/// A port where nobody listens.
pub fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    port
}
