//! Firmware that arrives whole: what the app does, shown over files; and the author's tool.
//!
//! ```sh
//! cargo run --bin update                                  # a server that cuts, and one that lies
//! cargo run --bin update -- key FILE                      # makes a secret key, and prints its public key
//! cargo run --bin update -- sign FILE VERSION IMAGE       # writes IMAGE.update, for the server
//! ```

use std::{env, error::Error, fs, path::Path, process, time::Duration};

use desk::{
    flash::FileSlot,
    log_to_stdout, support,
    support::server::{Authority, Server, Validity},
};
use sha2::{Digest, Sha256};
use socketpool::{
    Resources, SocketPool, host,
    tls::{Roots, TlsContext, roots::trust_anchor_from_der},
};
use socketpool_apps::{
    Schedule,
    update::{self, Offer, Source},
};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let words: Vec<_> = env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] => tour(),
        ["key", file] => make_key(file.as_ref()),
        ["sign", file, version, image] => sign(file.as_ref(), version.parse()?, image.as_ref()),
        _ => Err("usage: update | update key FILE | update sign FILE VERSION IMAGE".into()),
    }
}

/// A key that is there is not overwritten.
fn make_key(file: &Path) -> Outcome {
    if !file.exists() {
        let mut secret = [0; 32];
        support::random(&mut secret);
        fs::write(file, secret)?;
    }
    let secret = fs::read(file)?.try_into().map_err(|_| "not a key: 32 bytes")?;
    println!("{}", Offer::public_key(&secret).map(|byte| format!("{byte:02x}")).concat());
    Ok(())
}

fn sign(key: &Path, version: u32, image: &Path) -> Outcome {
    let secret = fs::read(key)?.try_into().map_err(|_| "not a key: 32 bytes")?;
    let bytes = fs::read(image)?;
    let to = image.with_added_extension("update");
    fs::write(&to, signed(&secret, version, &bytes)?)?;
    println!("{}: version {version}, {} bytes", to.display(), bytes.len());
    Ok(())
}

fn signed(secret: &[u8; 32], version: u32, image: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let offer = Offer { version, len: image.len().try_into()?, hash: Sha256::digest(image).into() };
    Ok([&offer.signed(secret), image].concat())
}

// --- the tour ---------------------------------------------------------------------------------------------------------

const SECRET: [u8; 32] = [7; 32];

fn image() -> Vec<u8> {
    (0..100_000_u64).map(|at| (at * at % 251) as u8).collect()
}

/// Sends 40,000 bytes of what was asked for, and no more.
fn cuts(request: &str) -> Vec<u8> {
    let file = signed(&SECRET, 2, &image()).expect("a small image");
    let first = request.split("Range: bytes=").nth(1).and_then(|range| range.split('-').next());
    let first = first.and_then(|first| first.parse().ok()).unwrap_or(0);
    let (len, last) = (file.len(), file.len() - 1);
    let status = if first == 0 {
        "200 OK".to_owned()
    } else {
        format!("206 Partial Content\r\nContent-Range: bytes {first}-{last}/{len}")
    };
    let head = format!("HTTP/1.1 {status}\r\nETag: \"2\"\r\nContent-Length: {}\r\n\r\n", len - first);
    [head.as_bytes(), &file[first..len.min(first + 40_000)]].concat()
}

/// Sends what its author did not sign.
fn lies(_: &str) -> Vec<u8> {
    let mut file = signed(&SECRET, 3, &image()).expect("a small image");
    file[60_000] ^= 1;
    let head = format!("HTTP/1.1 200 OK\r\nETag: \"3\"\r\nContent-Length: {}\r\n\r\n", file.len());
    [head.as_bytes(), &file].concat()
}

fn tour() -> Outcome {
    log_to_stdout();
    let directory = env::temp_dir().join(format!("update-{}", process::id()));
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("running"), b"version 1")?;
    let mut slot = FileSlot::open(&directory, 128 * 1024)?;

    println!("--- a server that stalls after every 40,000 bytes");
    look(&mut slot, 1, cuts, 3)?;
    assert!(slot.running().starts_with(&image()), "version 2 runs");

    println!("--- a server that lies");
    look(&mut slot, 2, lies, 1)?;
    assert!(slot.running().starts_with(&image()), "version 2 runs still");
    fs::remove_dir_all(&directory)?;
    Ok(())
}

/// Looks for something newer than `version`, so many times.
fn look(slot: &mut FileSlot, version: u32, answer: fn(&str) -> Vec<u8>, rounds: u32) -> Outcome {
    let authority = Authority::new("Root of updates");
    let server = Server::start_with(&authority, "localhost", Validity::Now, Some(answer));
    let root = authority.der();
    let anchors = [trust_anchor_from_der(&root)?];
    let url = format!("https://localhost:{}/firmware", server.port);
    let (mut network, mut memory) = (host::Network::new(), Resources::<1, 1>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    let tls = TlsContext::new(host::Random, host::Date).roots(Roots::only(&anchors));
    let source = Source { url: &url, key: &Offer::public_key(&SECRET), version };
    let schedule = Schedule::every(Duration::ZERO, &|| 0).rounds(rounds).timeout(Duration::from_secs(2));
    host::block_on(update::run(&pool, &tls, source, slot, schedule));
    Ok(())
}
