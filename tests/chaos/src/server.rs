//! An HTTP server with no I/O, in the clear or under rustls, which knows what it was asked.
//!
//! `/len/N?id=I` and `/chunked/N?id=I` have a body of N bytes that follow from I; so each response says whose it is.

use std::{
    cell::RefCell,
    collections::HashMap,
    io::{Read as _, Write as _},
    rc::Rc,
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::{ServerConfig, ServerConnection};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::chance::Chance;

pub const HOST: &str = "host.example";

/// The bytes of a body.
pub fn body(id: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Chance::new(id + 1).fill(&mut bytes);
    bytes
}

/// What the servers of one world have seen.
#[derive(Debug, Default)]
pub struct Log {
    /// Requests that were read to their end, and answered.
    pub requests: u64,
    /// How often each of them came, by whether it came under TLS, and its number.
    pub seen: HashMap<(bool, u64), u64>,
    /// What was no request.
    pub refused: u64,
    /// Handshakes that came to their end.
    pub handshakes: u64,
}

/// One end of one connection.
pub trait Service {
    /// Takes what arrived, and appends what it says to that.
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>);
    /// Whether it has closed, behind what it said.
    fn has_closed(&self) -> bool;
}

/// HTTP/1.1, as far as the clients of these tests speak it.
#[derive(Default)]
pub struct Http {
    log: Rc<RefCell<Log>>,
    heard: Vec<u8>,
    is_tls: bool,
    closed: bool,
}

impl Http {
    pub fn new(log: &Rc<RefCell<Log>>, is_tls: bool) -> Self {
        Self { log: log.clone(), is_tls, ..Self::default() }
    }

    fn refuse(&mut self, out: &mut Vec<u8>) {
        self.log.borrow_mut().refused += 1;
        self.closed = true;
        out.extend(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
}

impl Service for Http {
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.closed {
            return;
        }
        self.heard.extend(bytes);
        while let Some(end) = self.heard.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&self.heard[..end]).into_owned();
            let field = |name: &str| {
                head.split("\r\n").skip(1).find_map(|line| {
                    let (this, value) = line.split_once(':')?;
                    this.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
                })
            };
            let len = match field("content-length").map(|value| value.parse::<usize>()) {
                None => 0,
                Some(Ok(len @ ..100_000)) => len,
                Some(_) => return self.refuse(out),
            };
            if self.heard.len() < end + 4 + len {
                return;
            }
            let mut line = head.split("\r\n").next().unwrap_or_default().split(' ');
            let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
            let Some((is_chunked, size, id)) = asked(target) else { return self.refuse(out) };
            if field("host").as_deref() != Some(HOST) || !["GET", "POST"].contains(&method) {
                return self.refuse(out);
            }
            let mut log = self.log.borrow_mut();
            log.requests += 1;
            *log.seen.entry((self.is_tls, id)).or_default() += 1;
            drop(log);
            self.heard.drain(..end + 4 + len);
            let body = body(id, size);
            if is_chunked {
                out.extend(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(37) {
                    write!(out, "{:x}\r\n", chunk.len()).expect("memory");
                    out.extend(chunk);
                    out.extend(b"\r\n");
                }
                out.extend(b"0\r\n\r\n");
            } else {
                write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").expect("memory");
                out.extend(body);
            }
        }
        if self.heard.len() > 10_000 {
            self.refuse(out);
        }
    }

    fn has_closed(&self) -> bool {
        self.closed
    }
}

fn asked(target: &str) -> Option<(bool, usize, u64)> {
    let (path, id) = target.split_once("?id=")?;
    let (is_chunked, size) = match path.strip_prefix("/len/") {
        Some(size) => (false, size),
        None => (true, path.strip_prefix("/chunked/")?),
    };
    let size = size.parse().ok().filter(|size| *size < 100_000)?;
    Some((is_chunked, size, id.parse().ok().filter(|id| *id < u64::MAX)?))
}

/// An identity that verifies below `root`.
pub struct Identity {
    pub root: CertificateDer<'static>,
    pub config: Arc<ServerConfig>,
}

impl Identity {
    /// With keys of P-256, for [`HOST`] and localhost.
    ///
    /// # Panics
    /// If rcgen and rustls do not fit.
    pub fn new() -> Self {
        let params = |name: &str| {
            let mut params = CertificateParams::new(vec![]).expect("no names");
            params.distinguished_name.push(DnType::CommonName, name);
            params.not_before = rcgen::date_time_ymd(2024, 1, 1);
            params.not_after = rcgen::date_time_ymd(2060, 1, 1);
            params.use_authority_key_identifier_extension = true;
            params
        };
        let mut authority = params("Chaos Root");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("a root");
        let key = KeyPair::generate().expect("a key");
        let mut server = params(HOST);
        server.subject_alt_names =
            [HOST, "localhost"].map(|name| rcgen::SanType::DnsName(name.try_into().expect("a name"))).to_vec();
        let leaf = server.signed_by(&key, &root).expect("a certificate");
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], private)
            .expect("a usable certificate");
        Self { root: root.der().clone(), config: Arc::new(config) }
    }
}

/// HTTP under TLS.
pub struct Https {
    tls: ServerConnection,
    http: Http,
    log: Rc<RefCell<Log>>,
    was_shaking: bool,
    failed: bool,
}

impl Https {
    /// # Panics
    /// If the configuration is none.
    pub fn new(config: &Arc<ServerConfig>, log: &Rc<RefCell<Log>>) -> Self {
        Self {
            tls: ServerConnection::new(config.clone()).expect("a server"),
            http: Http::new(log, true),
            log: log.clone(),
            was_shaking: true,
            failed: false,
        }
    }

    fn say(&mut self, out: &mut Vec<u8>) {
        while self.tls.wants_write() {
            self.tls.write_tls(out).expect("memory");
        }
    }
}

impl Service for Https {
    fn take(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() && !self.failed {
            let read = self.tls.read_tls(&mut bytes);
            let processed = self.tls.process_new_packets();
            if read.is_err() || processed.is_err() {
                self.failed = true;
            }
            if self.was_shaking && !self.tls.is_handshaking() {
                self.was_shaking = false;
                self.log.borrow_mut().handshakes += 1;
            }
            let (mut heard, mut said) = ([0; 4096], Vec::new());
            while let Ok(count @ 1..) = self.tls.reader().read(&mut heard) {
                self.http.take(&heard[..count], &mut said);
            }
            self.failed |= self.tls.writer().write_all(&said).is_err();
            if self.http.has_closed() {
                self.tls.send_close_notify();
            }
            self.say(out);
        }
    }

    fn has_closed(&self) -> bool {
        self.failed || self.http.has_closed()
    }
}
