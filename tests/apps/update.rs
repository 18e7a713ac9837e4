//! `update`: an image arrives whole, or the old one stays.

use std::{env, fs, process};

use sha2::{Digest, Sha256};
use socketpool_apps::update::{
    self, HEAD, Offer, RamFlash, Slot, Source, key,
    nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash},
};

use super::{
    ASKED, Authority, Duration, MockTls, Peer, Resources, Roots, Schedule, Script, Server, SocketPool, Step, Tally,
    TlsContext, URL, Validity, block_on, logged, rounds, support, tally, trust_anchor_from_der,
};
use crate::support::flash::FileSlot;

const SECRET: [u8; 32] = [7; 32];
const VERSION: u32 = 5;
const TAG: &str = "\"a strong one\"";

/// A flash of three sectors with an image in none of them, and what became of it.
struct Board {
    flash: Worn,
    kept: u32,
    /// How often the slot was started, and what was in it then.
    booted: Vec<Vec<u8>>,
    boot: Result<(), NorFlashErrorKind>,
}

/// A flash that may lose bits, or refuse to be written.
struct Worn {
    ram: RamFlash<12288>,
    erased: u32,
    loses: Option<usize>,
    refuses: bool,
}

impl Board {
    fn new() -> Self {
        let flash = Worn { ram: RamFlash::new(), erased: 0, loses: None, refuses: false };
        Self { flash, kept: 0, booted: Vec::new(), boot: Ok(()) }
    }
}

impl Slot for Board {
    type Flash<'a> = &'a mut Worn;

    fn flash(&mut self) -> Result<&mut Worn, NorFlashErrorKind> {
        Ok(&mut self.flash)
    }

    fn keep(&mut self) -> Result<(), NorFlashErrorKind> {
        self.kept += 1;
        Ok(())
    }

    fn boot(&mut self) -> Result<(), NorFlashErrorKind> {
        self.boot?;
        self.booted.push(self.flash.ram.0.to_vec());
        Ok(())
    }
}

impl ErrorType for Worn {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Worn {
    const READ_SIZE: usize = 1;

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        self.ram.read(at, bytes)
    }

    fn capacity(&self) -> usize {
        self.ram.capacity()
    }
}

impl NorFlash for Worn {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        self.erased += (to - from) / 4096;
        self.ram.erase(from, to)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        if self.refuses {
            return Err(NorFlashErrorKind::Other);
        }
        self.ram.write(at, bytes)?;
        if let Some(lost) = self.loses {
            self.ram.0[lost] &= 0xFE;
        }
        Ok(())
    }
}

/// So many bytes that differ from page to page and from sector to sector.
fn image(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * at % 251) as u8).collect()
}

fn offer(version: u32, image: &[u8]) -> Offer {
    Offer { version, len: image.len() as u32, hash: Sha256::digest(image).into() }
}

/// The file that a server has for this image.
fn file(version: u32, image: &[u8]) -> Vec<u8> {
    [&offer(version, image).signed(&SECRET), image].concat()
}

/// All of the file.
fn whole(file: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nETag: {TAG}\r\nContent-Length: {}\r\n\r\n", file.len());
    [head.as_bytes(), file].concat()
}

/// The rest of the file from `first` on, with the fields that say so.
fn rest(file: &[u8], first: usize) -> Vec<u8> {
    part(&format!("bytes {first}-{}/{}", file.len() - 1, file.len()), TAG, &file[first..])
}

fn part(range: &str, tag: &str, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: {range}\r\nETag: {tag}\r\nContent-Length: {len}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// What a server sends to each connection, before it ends it.
fn played(responses: &[Vec<u8>], board: &mut Board, rounds: Schedule<'_>) -> (Tally, String, String) {
    let steps: Vec<_> = responses.iter().map(|response| [ASKED, Step::Send(response), Step::Close]).collect();
    let peers: Vec<_> = steps.iter().map(|steps| Peer::new("api.test", 443, steps)).collect();
    let script = Script::new(&peers);
    let public = Offer::public_key(&SECRET);
    let source = Source { url: URL, key: &public, version: VERSION };
    let (tally, log) = over!(script, |pool| update::run(&pool, &MockTls, source, board, rounds));
    (tally, log, String::from_utf8(script.sent().to_vec()).expect("text"))
}

fn refused(why: &str) -> String {
    format!("WARN update failed: refused: {why}; again in 60000 ms\n")
}

#[test]
fn an_image_arrives_and_starts() {
    for len in [1, 255, 256, 257, 4096, 5000, 12288] {
        let (mut board, image) = (Board::new(), image(len));
        let responses = [whole(&file(VERSION + 1, &image)), b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()];
        let (outcome, log, sent) = played(&responses, &mut board, rounds(2));
        assert_eq!(outcome, tally(2, 0), "{log}");
        assert_eq!(board.booted.len(), 1);
        assert_eq!(board.booted[0][..len], image);
        assert!(board.booted[0][len..].iter().all(|byte| *byte == 0xFF), "the rest stays erased");
        assert_eq!((board.kept, board.flash.erased), (2, len.div_ceil(4096) as u32));
        let lines = format!(
            "INFO update: version 6, {len} bytes\nINFO update: version 6 is whole, and starts\n\
             INFO update: there is nothing newer than version 6\n"
        );
        assert_eq!(log, lines);
        let (first, second) = sent.trim_end().split_once("\r\n\r\n").expect("two requests");
        assert!(!first.contains("Range") && !first.contains("If-"), "{first}");
        assert!(second.contains("If-None-Match: \"a strong one\"") && !second.contains("Range"), "{second}");
    }
}

#[test]
fn a_download_goes_on_after_a_cut_at_every_byte() {
    let image = image(270);
    let file = file(VERSION + 1, &image);
    let all = whole(&file);
    let head = all.len() - file.len();
    for cut in 0..all.len() {
        let mut board = Board::new();
        let had = cut.saturating_sub(head);
        let second = if had == 0 { all.clone() } else { rest(&file, had) };
        let (outcome, log, sent) = played(&[all[..cut].to_vec(), second], &mut board, rounds(2));
        assert_eq!(outcome, tally(1, 1), "cut after {cut} bytes: {log}");
        assert_eq!(board.booted.len(), 1, "cut after {cut} bytes: {log}");
        assert_eq!(board.booted[0][..270], image);
        assert_eq!(board.flash.erased, 1, "what is in flash stays there");
        let asked = format!("Range: bytes={had}-\r\n");
        assert_eq!(sent.contains(&asked), had > 0, "cut after {cut} bytes: {sent}");
        assert_eq!(sent.contains("If-Range: \"a strong one\"\r\n"), had > 0, "cut after {cut} bytes: {sent}");
    }
}

#[test]
fn a_download_goes_on_after_every_cut() {
    let image = image(5000);
    let file = file(VERSION + 1, &image);
    let mut responses = vec![whole(&file)[..whole(&[]).len() + 3 + 40].to_vec()]; // within the offer
    for first in (40..file.len()).step_by(97) {
        let mut response = rest(&file, first);
        response.truncate(response.len() - (file.len() - first) + 97.min(file.len() - first));
        responses.push(response);
    }
    let (mut board, count) = (Board::new(), responses.len() as u32);
    let (outcome, log, _) = played(&responses, &mut board, rounds(count));
    assert_eq!(outcome, tally(1, count - 1), "{log}");
    assert_eq!((&board.booted[0][..5000], board.flash.erased), (&image[..], 2));
    assert!(log.contains("INFO update: goes on after 137 bytes\n"), "{log}");
}

#[test]
fn another_file_is_fetched_from_its_beginning() {
    let (old, new) = (image(5000), image(900));
    let mut cut = whole(&file(VERSION + 1, &old));
    cut.truncate(4000);
    let mut board = Board::new();
    // If-Range does not hold: all of the new one (RFC 9110 §13.1.5).
    let (outcome, log, _) = played(&[cut, whole(&file(VERSION + 2, &new))], &mut board, rounds(2));
    assert_eq!(outcome, tally(1, 1), "{log}");
    assert_eq!(board.booted[0][..900], new);
}

#[test]
fn without_a_strong_entity_tag_a_cut_is_a_new_beginning() {
    let image = image(900);
    let long = format!("\"{}\"", "x".repeat(64));
    for tag in ["W/\"weak\"", "bare", long.as_str()] {
        let all = String::from_utf8_lossy(&whole(&[])).replace(TAG, tag).replace(": 0\r\n", ": 1012\r\n");
        let all = [all.as_bytes(), &file(VERSION + 1, &image)].concat();
        let mut board = Board::new();
        let (outcome, log, sent) = played(&[all[..all.len() - 300].to_vec(), all], &mut board, rounds(2));
        assert_eq!(outcome, tally(1, 1), "{tag}: {log}");
        assert_eq!(board.booted[0][..900], image);
        assert!(!sent.contains("Range"), "{tag}: {sent}");
    }
}

#[test]
fn a_server_that_does_not_do_ranges_is_asked_for_all_of_it() {
    let image = image(900);
    let all = whole(&file(VERSION + 1, &image));
    let mut board = Board::new();
    let (outcome, log, _) = played(&[all[..500].to_vec(), all], &mut board, rounds(2));
    assert_eq!((outcome, board.booted.len()), (tally(1, 1), 1), "{log}");
}

#[test]
fn what_is_not_newer_is_not_fetched() {
    for version in [0, VERSION - 1, VERSION] {
        let mut board = Board::new();
        let responses = [whole(&file(version, &image(900))), whole(&file(version, &image(900)))];
        let (outcome, log, sent) = played(&responses, &mut board, rounds(2));
        assert_eq!(outcome, tally(2, 0), "{log}");
        assert_eq!((board.booted.len(), board.flash.erased, board.kept), (0, 0, 2));
        assert_eq!(log, "INFO update: there is nothing newer than version 5\n".repeat(2));
        assert_eq!(sent.matches("If-None-Match").count(), 1, "{sent}");
    }
}

/// What the server says, which bits of flash are lost, and the line that says so. Nothing starts.
#[test]
fn a_lie_leaves_the_old_image() {
    let image = image(900);
    let true_file = file(VERSION + 1, &image);
    let forged = |at: usize| {
        let mut forged = true_file.clone();
        forged[at] ^= 1;
        whole(&forged)
    };
    let by_another = [&offer(VERSION + 1, &image).signed(&[8; 32])[..], &image].concat();
    let chunked = |body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nETag: {TAG}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len());
        [head.as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
    };
    let too_large = self::image(12289);
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("an empty file", whole(&[]), "the file does not begin with an offer"),
        ("less than an offer", whole(&true_file[..HEAD - 1]), "the file does not begin with an offer"),
        ("a page", whole(&[b'<'; 900]), "the file does not begin with an offer"),
        ("another version", forged(11), "the author did not sign this"),
        ("another length", forged(15), "the author did not sign this"),
        ("another hash", forged(16), "the author did not sign this"),
        ("another signature", forged(HEAD - 1), "the author did not sign this"),
        ("another author", whole(&by_another), "the author did not sign this"),
        ("the first byte of the image", forged(HEAD), "what is in flash is not what the author offered"),
        ("the last byte of the image", forged(HEAD + 899), "what is in flash is not what the author offered"),
        (
            "a length that is too small",
            whole(&true_file[..1000]),
            "the server sends more or less than the author offered",
        ),
        (
            "a length that is too large",
            whole(&[&true_file[..], b"x"].concat()),
            "the server sends more or less than the author offered",
        ),
        ("less, in chunks", chunked(&true_file[..1000]), "the server sends more or less than the author offered"),
        (
            "more, in chunks",
            chunked(&[&true_file[..], b"x"].concat()),
            "the server sends more or less than the author offered",
        ),
        ("a part that was not asked for", rest(&true_file, 0), "the server sends a part that was not asked for"),
        ("no room", whole(&file(VERSION + 1, &too_large)), "the image is larger than the slot"),
    ];
    for (what, response, why) in cases {
        let mut board = Board::new();
        let (outcome, log, _) = played(std::slice::from_ref(response), &mut board, rounds(1));
        assert_eq!((outcome, board.booted.len()), (tally(0, 1), 0), "{what}: {log}");
        assert!(log.ends_with(&refused(why)), "{what}: {log}");
        let is_late = why.starts_with("what is in flash") || what.ends_with("in chunks");
        assert_eq!(board.flash.erased > 0, is_late, "{what}: flash is erased for what the author signed alone");
        assert_eq!(board.kept > 0, is_late || why.contains("larger") || what.contains("length that"), "{what}");
        // The truth is taken the next time, from its beginning.
        let (outcome, log, sent) = played(&[response.clone(), whole(&true_file)], &mut board, rounds(2));
        assert_eq!((outcome, board.booted.len()), (tally(1, 1), 1), "{what}: {log}");
        assert_eq!(board.booted[0][..900], image, "{what}");
        assert!(!sent.contains("Range") && !sent.contains("If-"), "{what}: {sent}");
    }
}

#[test]
fn a_lie_about_a_part_leaves_the_old_image() {
    let (image, had) = (image(900), 700);
    let file = file(VERSION + 1, &image);
    let cut = whole(&file)[..whole(&[]).len() + 3 + had].to_vec();
    let (range, tag, length) = (
        "the server sends a part that was not asked for",
        "the server sends a part of another file",
        "the server sends more or less than the author offered",
    );
    let cases = [
        ("an earlier part", part("bytes 699-1011/1012", TAG, &file[699..]), range),
        ("a later part", part("bytes 701-1011/1012", TAG, &file[701..]), range),
        ("not all of the rest", part("bytes 700-1010/1012", TAG, &file[700..1011]), range),
        ("no range", part("lines 1-2/3", TAG, &file[700..]), range),
        ("a shorter file", part("bytes 700-1010/1011", TAG, &file[700..1011]), length),
        ("a longer file", part("bytes 700-1012/1013", TAG, &[&file[700..], b"x"].concat()), length),
        ("fewer bytes than that", part("bytes 700-1011/1012", TAG, &file[700..1000]), length),
        ("more bytes than that", part("bytes 700-1011/1012", TAG, &[&file[700..], b"x"].concat()), length),
        ("another tag", part("bytes 700-1011/1012", "\"another\"", &file[700..]), tag),
        ("a weak tag", part("bytes 700-1011/1012", "W/\"a strong one\"", &file[700..]), tag),
        (
            "another part under that name",
            part("bytes 700-1011/1012", TAG, &file[600..912]),
            "what is in flash is not what the author offered",
        ),
    ];
    for (what, response, why) in cases {
        let mut board = Board::new();
        let (outcome, log, sent) = played(&[cut.clone(), response, whole(&file)], &mut board, rounds(3));
        assert_eq!(outcome, tally(1, 2), "{what}: {log}");
        assert!(log.contains(&refused(why)), "{what}: {log}");
        assert_eq!(board.booted.len(), 1, "{what}: the truth is taken the next time");
        assert_eq!(board.booted[0][..900], image, "{what}");
        assert_eq!(sent.matches("Range: bytes=700-").count(), 1, "{what}: {sent}");
    }
}

#[test]
fn a_refused_status_is_no_update() {
    let gone = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec();
    let none = b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n".to_vec();
    let unasked = b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec();
    for (response, why) in [(gone, "head: the server answered 404"), (none, "head: "), (unasked, "refused: ")] {
        let mut board = Board::new();
        let (outcome, log, _) = played(&[response], &mut board, rounds(1));
        assert_eq!((outcome, board.booted.len(), board.kept), (tally(0, 1), 0, 0), "{log}");
        assert!(log.starts_with(&format!("WARN update failed: {why}")), "{log}");
    }
}

#[test]
fn flash_that_fails_leaves_the_old_image() {
    let all = whole(&file(VERSION + 1, &image(900)));
    let mut board = Board::new();
    board.flash.loses = Some(3);
    let (outcome, log, _) = played(std::slice::from_ref(&all), &mut board, rounds(1));
    assert_eq!((outcome, board.booted.len()), (tally(0, 1), 0), "{log}");
    assert!(log.ends_with(&refused("what is in flash is not what the author offered")), "{log}");

    let mut board = Board::new();
    board.flash.refuses = true;
    let (outcome, log, _) = played(std::slice::from_ref(&all), &mut board, rounds(1));
    assert_eq!((outcome, board.booted.len()), (tally(0, 1), 0), "{log}");
    assert!(log.contains("WARN update failed: flash: "), "{log}");

    // A boot loader that cannot be told: it is tried once more, from the beginning.
    let mut board = Board { boot: Err(NorFlashErrorKind::Other), ..Board::new() };
    let (outcome, log, sent) = played(&[all.clone(), all], &mut board, rounds(2));
    assert_eq!((outcome, board.booted.len()), (tally(0, 2), 0), "{log}");
    assert!(!sent.contains("If-"), "{sent}");
}

#[test]
fn a_key_is_64_hexadecimal_digits() {
    let text = "00ff1234567890abcdefABCDEF00000000000000000000000000000000000001";
    assert_eq!(key(text).map(|key| (key[1], key[31])), Some((0xFF, 1)));
    for bad in ["", "00", &text[1..], "g0ff1234567890abcdefABCDEF00000000000000000000000000000000000001"] {
        assert_eq!(key(bad), None, "{bad}");
    }
}

/// A file of a real server, as its requests ask for it; each connection is cut before the end, but the last.
fn served(request: &str) -> Vec<u8> {
    let file = file(VERSION + 1, &image(100_000));
    let from = request.split("Range: bytes=").nth(1).and_then(|range| range.split('-').next());
    match from.map_or(0, |from| from.parse().expect("a number")) {
        0 => whole(&file)[..40_000].to_vec(),
        first => rest(&file, first),
    }
}

#[test]
fn over_tls_and_a_file_it_goes_on_after_a_time_out() {
    let authority = Authority::new("Root of updates");
    let server = Server::start_with(&authority, "localhost", Validity::Now, Some(served));
    let root = authority.der();
    let anchors = [trust_anchor_from_der(&root).expect("a root")];
    let url = format!("https://localhost:{}/firmware", server.port);
    let directory = env::temp_dir().join(format!("update-{}", process::id()));
    fs::create_dir_all(&directory).expect("a directory");
    fs::write(directory.join("running"), b"the old image").expect("a file");
    let mut slot = FileSlot::open(&directory, 128 * 1024).expect("a file");
    let (outcome, log) = logged(|| {
        let (mut network, mut memory) = (support::network(), Resources::<1, 1>::new());
        let pool = SocketPool::new(&mut network, &mut memory);
        let tls = TlsContext::new(support::random, support::date).roots(Roots::only(&anchors));
        let public = Offer::public_key(&SECRET);
        let source = Source { url: &url, key: &public, version: VERSION };
        let schedule = Schedule::every(Duration::ZERO, &|| 0).rounds(2).timeout(Duration::from_secs(2));
        async_io::block_on(update::run(&pool, &tls, source, &mut slot, schedule))
    });
    let running = slot.running();
    fs::remove_dir_all(&directory).expect("a directory");
    assert_eq!(outcome, tally(1, 1), "{log}");
    assert!(log.contains("WARN update failed: body: the deadline passed"), "{log}");
    assert_eq!(running[..100_000], image(100_000));
}
