//! TLS over any stream of bytes, without a pool: one request to a server, and what TLS agreed on.
//!
//! ```sh
//! cargo run --example tls_stream -- example.com 443
//! cargo run --example tls_stream -- localhost 8443 --ca root.pem --suites 1302,1301 --groups p256,x25519 --rx 4096
//! ```
//!
//! `--ca FILE` trusts that root instead of Mozilla's; `--suites` and `--groups` offer these, in that order; `--rx N` and
//! `--tx N` are the record buffers; `--psk IDENTITY:HEX` takes no other proof; `--identity CERTIFICATE:KEY` shows a
//! client certificate; `--alpn NAME`; `--repeat N` asks so many times on the one connection.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use rustls_pki_types::UnixTime;
use socketpool::tls::{
    Alpn, Identity, Now, Psk, Roots, TlsContext, TlsError, TlsStream, TlsStreamError,
    engine::{AES_128_GCM_SHA256, AES_256_GCM_SHA384, CHACHA20_POLY1305_SHA256, Crypto, SECP256R1, X25519},
    identity::PrivateKey,
    pem,
    roots::trust_anchor_from_der,
    verify::algorithms,
};

/// A TCP connection of the standard library: its futures are ready at once, because they block.
struct Tcp(TcpStream);

impl ErrorType for Tcp {
    type Error = ErrorKind;
}

impl Read for Tcp {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.read(out).map_err(|error| error.kind().into())
    }
}

impl Write for Tcp {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write(bytes).map_err(|error| error.kind().into())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.0.flush().map_err(|error| error.kind().into())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().ok_or("usage: tls_stream HOST PORT [--ca FILE] ...")?;
    let port: u16 = arguments.next().ok_or("a port")?.parse()?;
    let option = |name: &str| std::env::args().skip_while(|argument| argument != name).nth(1);

    let number = |name: &str, default| option(name).map_or(Ok(default), |text| text.parse::<usize>());
    let (mut rx, mut tx) = (vec![0; number("--rx", 16_406)?], vec![0; number("--tx", 1_536)?]);
    let mut suites = vec![];
    for suite in option("--suites").as_deref().unwrap_or("1303,1301").split(',') {
        suites.push(match suite {
            "1301" => AES_128_GCM_SHA256,
            "1302" => AES_256_GCM_SHA384,
            "1303" => CHACHA20_POLY1305_SHA256,
            _ => return Err("--suites 1301,1302,1303".into()),
        });
    }
    let mut groups = vec![];
    for group in option("--groups").as_deref().unwrap_or("x25519,p256").split(',') {
        groups.push(match group {
            "x25519" => X25519,
            "p256" => SECP256R1,
            _ => return Err("--groups x25519,p256".into()),
        });
    }
    // As long as the program runs: a firmware has a const here.
    let crypto = Crypto { suites: suites.leak(), groups: groups.leak(), signatures: algorithms::ALL };
    let crypto = Box::leak(Box::new(crypto));

    let (mut der, anchors);
    let now = || Now::Trusted(UnixTime::since_unix_epoch(SystemTime::now().duration_since(UNIX_EPOCH).expect("1970")));
    let mut context =
        TlsContext::new(|bytes: &mut [u8]| getrandom::fill(bytes).expect("random bytes"), now).crypto(crypto);
    if let Some(file) = option("--ca") {
        der = vec![0; 8192];
        anchors = [trust_anchor_from_der(pem::decode(&std::fs::read(file)?, pem::CERTIFICATE, &mut der)?)?];
        context = context.roots(Roots::only(&anchors));
    }
    let (mut certificate, key);
    if let Some(files) = option("--identity") {
        let (first, second) = files.split_once(':').ok_or("--identity CERTIFICATE:KEY")?;
        certificate = vec![0; 8192];
        key = PrivateKey::from_pem(&std::fs::read(second)?)?;
        context = context.identity(Identity::from_pem(&std::fs::read(first)?, &mut certificate, &key)?);
    }
    let (identity, secret);
    if let Some(psk) = option("--psk") {
        let (name, hex) = psk.split_once(':').ok_or("--psk IDENTITY:HEX")?;
        identity = name.to_owned();
        let digits = hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16));
        secret = digits.collect::<Result<Vec<u8>, _>>()?;
        context = context.psk(Psk::new(identity.as_bytes(), &secret)?);
    }
    let (protocol, protocols);
    if let Some(name) = option("--alpn") {
        protocol = name;
        protocols = [protocol.as_bytes()];
        context = context.alpn(Alpn::new(&protocols)?);
    }

    let tcp = TcpStream::connect((host.as_str(), port))?;
    tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
    tcp.set_nodelay(true)?;
    let repeat = number("--repeat", 1)?;
    embassy_futures::block_on(async {
        let start = Instant::now();
        let mut stream = TlsStream::new(Tcp(tcp), &mut rx, &mut tx);
        stream.connect(&context, &host).await?;
        let alpn = stream.alpn().map(String::from_utf8_lossy);
        println!("TLS 1.3, {:?}, ALPN {alpn:?}, {:?}", stream.info(), start.elapsed());
        for number in 1..=repeat {
            let last = if number == repeat { "Connection: close\r\n" } else { "" };
            let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{last}\r\n");
            let mut rest = request.as_bytes();
            while !rest.is_empty() {
                let taken = stream.write(rest).await?;
                rest = &rest[taken..];
            }
            stream.flush().await?;
            if number < repeat {
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        let (mut total, mut buffer) = (0, [0; 4096]);
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => break println!("{total} bytes, then close_notify"),
                Ok(len) => {
                    if total == 0 {
                        println!("{}", String::from_utf8_lossy(&buffer[..len]).lines().next().unwrap_or_default());
                    }
                    total += len;
                }
                Err(TlsStreamError::Tls(TlsError::Truncated)) => break println!("{total} bytes, and no close_notify"),
                Err(error) => return Err(error),
            }
        }
        stream.close().await
    })?;
    Ok(())
}
