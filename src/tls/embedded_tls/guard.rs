//! The guard between the engine and the wire: it lets pass only the records that TLS 1.3 allows at that moment, of
//! lengths it allows, and only a ServerHello that answers what we offered.
//!
//! ```text
//!   Hello ──ServerHello──▶ Flight ──server proven──▶ Data
//!   type 22: one ServerHello   type 23 only           type 23 only
//!   type 21: alert, reported
//!   type 20: dropped (at most two, before Data)
//! ```
//!
//! [`Guard`] does no I/O: it says where the next bytes go and judges them. A record reaches the engine whole or not at
//! all: its header is collected here, its body in the engine's own buffer, and the engine is told of it only when the
//! last byte is there. So a read may be dropped or time out between any two bytes, and the next read goes on where it
//! stopped.

use core::cell::Cell;

use embedded_io_async::ErrorKind;
use sha2::{Digest, Sha256};

use crate::tls::{Alpn, TlsError, Unsupported};

/// Bytes of a record's header: type, version, length (RFC 8446 §5.1).
pub(super) const HEADER: usize = 5;
/// The longest encrypted record: 2^14 + 256 bytes (RFC 8446 §5.2).
const LONGEST: usize = 16_640;
/// The shortest: one byte of content type and 16 of tag.
const SHORTEST: usize = 17;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// How far the connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The ServerHello is awaited.
    Hello,
    /// The rest of the server's flight, encrypted.
    Flight,
    /// The handshake is over and the server proven.
    Data,
}

/// The most records that may come before one of them has data in it: tickets, empty records. A peer that sends
/// nothing else would keep a reader busy for ever.
const IDLE_RECORDS: u8 = 32;

/// The moment of a record, which the guard marks for the cipher in the version field of the headers that the engine
/// sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// The first encrypted record of the server's flight.
    FlightFirst,
    /// The same, where we offered protocols (ALPN).
    FlightFirstAlpn,
    /// The second, where the first brought no certificate.
    FlightSecond,
    /// Any after that.
    Flight,
    /// The handshake is over.
    AfterHandshake,
}

impl Moment {
    const ALL: [Self; 5] =
        [Self::FlightFirst, Self::FlightFirstAlpn, Self::FlightSecond, Self::Flight, Self::AfterHandshake];

    /// No version of TLS has this number.
    const fn mark(self) -> u8 {
        match self {
            Self::FlightFirst => 0xf0,
            Self::FlightSecond => 0xf1,
            Self::Flight => 0xf2,
            Self::AfterHandshake => 0xf3,
            Self::FlightFirstAlpn => 0xf4,
        }
    }

    /// The moment in a header that the guard marked.
    pub(super) fn of_mark(mark: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|moment| moment.mark() == mark)
    }
}

/// What the guard and the session that owns it tell each other across the engine between them.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) stage: Cell<Stage>,
    /// Why the guard refused.
    pub(super) refusal: Refusal,
    /// The transport ended.
    pub(super) ended: Cell<bool>,
    /// Records that passed since the session last began to read.
    pub(super) records: Cell<u8>,
    /// The engine is being closed, and must not wait for its bytes to leave.
    pub(super) closing: Cell<bool>,
    /// A pre-shared key was offered, and has to be taken.
    pub(super) psk: Cell<bool>,
    /// The protocols of which one may be chosen.
    pub(super) offered: Cell<Offered>,
    /// How far the server's proof has come.
    pub(super) proven: Cell<Proven>,
}

/// How far the server's [proof](super::proof) has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proven {
    Nothing,
    /// A certificate was shown, and was not refused.
    Certificate,
    /// All that is asked for before `Finished`.
    Whole,
}

/// The protocols that were offered (ALPN), each as the first bytes of its SHA-256; zeros where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offered([[u8; 8]; Alpn::MAX_COUNT]);

impl Offered {
    pub(super) const NOTHING: Self = Self([[0; 8]; Alpn::MAX_COUNT]);
    /// Bytes that the guard puts behind a record.
    const LEN: usize = 8 * Alpn::MAX_COUNT;

    pub(super) fn new(alpn: Option<Alpn<'_>>) -> Self {
        let mut offered = Self::NOTHING;
        for (place, name) in offered.0.iter_mut().zip(alpn.map_or(&[][..], |alpn| alpn.0)) {
            *place = Self::digest(name);
        }
        offered
    }

    /// What the guard put behind the record, if that is what it does at this moment, and the record before it.
    pub(super) fn split(bytes: &mut [u8], moment: Moment) -> Option<(&mut [u8], Self)> {
        if moment != Moment::FlightFirstAlpn {
            return Some((bytes, Self::NOTHING));
        }
        let (record, offered) = bytes.split_last_chunk_mut::<{ Self::LEN }>()?;
        let mut names = Self::NOTHING;
        names.0.as_flattened_mut().copy_from_slice(offered);
        Some((record, names))
    }

    pub(super) fn any(&self) -> bool {
        *self != Self::NOTHING
    }

    pub(super) fn contains(&self, name: &[u8]) -> bool {
        self.0.contains(&Self::digest(name))
    }

    fn digest(name: &[u8]) -> [u8; 8] {
        let mut first = [0; 8];
        first.copy_from_slice(&Sha256::digest(name)[..8]);
        first
    }
}

/// A `Cell` with an `Option`, but for one thing: when there is nothing in it, it is all zeros. This is part of `Resources`, and
/// a static of zeros takes no flash.
#[derive(Debug)]
pub(super) struct Refusal(Cell<Verdict>);

#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Verdict {
    None,
    Refused(TlsError),
}

impl Refusal {
    pub(super) fn get(&self) -> Option<TlsError> {
        match self.0.get() {
            Verdict::None => None,
            Verdict::Refused(error) => Some(error),
        }
    }

    pub(super) fn set(&self, refusal: Option<TlsError>) {
        self.0.set(refusal.map_or(Verdict::None, Verdict::Refused));
    }

    pub(super) fn take(&self) -> Option<TlsError> {
        let refusal = self.get();
        self.set(None);
        refusal
    }
}

impl Shared {
    pub(super) const fn new() -> Self {
        Self {
            stage: Cell::new(Stage::Hello),
            refusal: Refusal(Cell::new(Verdict::None)),
            ended: Cell::new(false),
            records: Cell::new(0),
            closing: Cell::new(false),
            psk: Cell::new(false),
            offered: Cell::new(Offered::NOTHING),
            proven: Cell::new(Proven::Nothing),
        }
    }
}

/// The reading side, without I/O. See the [module](self).
#[derive(Debug)]
pub(super) struct Guard<'m> {
    shared: &'m Shared,
    header: [u8; HEADER],
    /// Bytes of the header that have arrived.
    header_len: usize,
    /// Bytes of the body that have arrived.
    body_len: usize,
    change_cipher_specs: u8,
    /// Encrypted records that have passed, counted to two.
    encrypted: u8,
    dropped: [u8; 1],
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Read from the wire into [`Guard::target`], then call [`Guard::received`].
    Read,
    /// This many bytes are ready in the engine's buffer.
    Ready(usize),
}

impl<'m> Guard<'m> {
    pub(super) const fn new(shared: &'m Shared) -> Self {
        Self {
            shared,
            header: [0; HEADER],
            header_len: 0,
            body_len: 0,
            change_cipher_specs: 0,
            encrypted: 0,
            dropped: [0],
        }
    }

    fn length(&self) -> usize {
        usize::from(u16::from_be_bytes([self.header[3], self.header[4]]))
    }

    fn moment(&self) -> Moment {
        match (self.shared.stage.get(), self.encrypted) {
            (Stage::Data, _) => Moment::AfterHandshake,
            (_, 0) if self.shared.offered.get().any() => Moment::FlightFirstAlpn,
            (_, 0) => Moment::FlightFirst,
            (_, 1) if self.shared.proven.get() == Proven::Nothing => Moment::FlightSecond,
            _ => Moment::Flight,
        }
    }

    /// Bytes for the [suite](super::suite) behind the record.
    fn appendix(&self) -> usize {
        let has_one = self.header[0] == APPLICATION_DATA && self.moment() == Moment::FlightFirstAlpn;
        if has_one { Offered::LEN } else { 0 }
    }

    fn is_dropped(&self) -> bool {
        self.header[0] == CHANGE_CIPHER_SPEC
    }

    /// Tells the session why, and the engine only that.
    fn refuse(&self, refusal: TlsError) -> ErrorKind {
        self.shared.refusal.set(Some(refusal));
        ErrorKind::InvalidData
    }

    /// The server's flight is under way, so what we flush is the end of the handshake.
    pub(super) fn is_in_flight(&self) -> bool {
        self.shared.stage.get() == Stage::Flight
    }

    pub(super) fn is_closing(&self) -> bool {
        self.shared.closing.get()
    }

    /// Once something was refused, by the guard or the [proof](super::proof), nothing more is said; and after the
    /// ServerHello nothing before the server's proof is whole. The engine writes its part of the handshake only when it
    /// has checked the server's Finished.
    pub(super) fn may_write(&self) -> Result<(), ErrorKind> {
        if self.shared.refusal.get().is_some() {
            return Err(ErrorKind::InvalidData);
        }
        if self.shared.stage.get() == Stage::Flight && self.shared.proven.get() != Proven::Whole {
            return Err(self.refuse(TlsError::NotAuthenticated));
        }
        Ok(())
    }

    /// The engine asks for `out`: the five bytes of a header, or the whole body of the record whose header it got last.
    /// No record has a body of five bytes, so the length tells which; a read that was given up asks for the header
    /// again.
    pub(super) fn step(&mut self, out: &mut [u8]) -> Result<Step, ErrorKind> {
        if self.header_len < HEADER || self.is_dropped() {
            return Ok(Step::Read);
        }
        let (length, appendix) = (self.length(), self.appendix());
        if out.len() == HEADER {
            out.copy_from_slice(&self.header);
            if self.header[0] == APPLICATION_DATA {
                out[2] = self.moment().mark();
                let [.., high, low] = (length + appendix).to_be_bytes();
                (out[3], out[4]) = (high, low);
            }
            return Ok(Step::Ready(HEADER));
        }
        if out.len() != length + appendix {
            return Err(self.refuse(TlsError::Engine));
        }
        if self.body_len < length {
            return Ok(Step::Read);
        }
        let (body, behind) = out.split_at_mut(length);
        self.judge_body(body).map_err(|refusal| self.refuse(refusal))?;
        if appendix > 0 {
            behind.copy_from_slice(self.shared.offered.get().0.as_flattened());
        }
        if self.shared.records.replace(self.shared.records.get().saturating_add(1)) >= IDLE_RECORDS {
            return Err(self.refuse(TlsError::UnexpectedMessage));
        }
        self.header_len = 0;
        self.body_len = 0;
        Ok(Step::Ready(out.len()))
    }

    /// Where the next bytes go; never empty after [`Step::Read`].
    pub(super) fn target<'a>(&'a mut self, out: &'a mut [u8]) -> &'a mut [u8] {
        if self.header_len < HEADER {
            &mut self.header[self.header_len..]
        } else if self.is_dropped() {
            &mut self.dropped
        } else {
            let length = self.length();
            out.get_mut(self.body_len..length).unwrap_or_default()
        }
    }

    /// This many bytes arrived in the target; 0 is the end of the stream.
    pub(super) fn received(&mut self, count: usize) -> Result<(), ErrorKind> {
        if count == 0 {
            self.shared.ended.set(true);
            return Err(ErrorKind::ConnectionAborted);
        }
        if self.header_len < HEADER {
            self.header_len = HEADER.min(self.header_len + count);
            if self.header_len == HEADER {
                self.judge_header().map_err(|refusal| self.refuse(refusal))?;
            }
        } else if self.is_dropped() {
            self.header_len = 0;
            if self.dropped != [1] {
                return Err(self.refuse(TlsError::UnexpectedMessage));
            }
        } else {
            self.body_len += count;
        }
        Ok(())
    }

    /// Which records may come when, and how long they may be (RFC 8446 §5).
    fn judge_header(&mut self) -> Result<(), TlsError> {
        let [kind, major, minor, ..] = self.header;
        let length = self.length();
        let stage = self.shared.stage.get();
        if major != 3 && stage == Stage::Hello {
            return Err(TlsError::NotTls);
        }
        // A server that does not know TLS 1.3 says so in a record of its own version.
        if major != 3 || minor != 3 && stage != Stage::Hello {
            return Err(TlsError::UnexpectedMessage);
        }
        match (kind, stage) {
            (APPLICATION_DATA, Stage::Flight | Stage::Data) => match length {
                0..SHORTEST => Err(TlsError::UnexpectedMessage),
                // With less room than that behind it, a record has more in it than it may have.
                SHORTEST..=LONGEST if length + self.appendix() <= LONGEST => Ok(()),
                _ => Err(TlsError::RecordOverflow),
            },
            (HANDSHAKE, Stage::Hello) => match length {
                // A body of HEADER bytes could not be told from a header, and no ServerHello is so short.
                0..=HEADER => Err(TlsError::Decode),
                6..=16_384 => Ok(()),
                _ => Err(TlsError::RecordOverflow),
            },
            (ALERT, Stage::Hello) if length == 2 => Ok(()),
            (CHANGE_CIPHER_SPEC, Stage::Hello | Stage::Flight) if length == 1 && self.change_cipher_specs < 2 => {
                self.change_cipher_specs += 1;
                Ok(())
            }
            _ => Err(TlsError::UnexpectedMessage),
        }
    }

    /// What comes in the clear is read here, too, before the engine sees it.
    fn judge_body(&mut self, body: &[u8]) -> Result<(), TlsError> {
        match self.header[0] {
            ALERT => Err(TlsError::PeerAlert(body.get(1).copied())),
            HANDSHAKE => {
                judge_server_hello(body, self.shared.psk.get())?;
                self.shared.stage.set(Stage::Flight);
                Ok(())
            }
            _ => {
                self.encrypted = self.encrypted.saturating_add(1).min(2);
                Ok(())
            }
        }
    }
}

/// A cursor over a message.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], TlsError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(TlsError::Decode)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn number(&mut self, bytes: usize) -> Result<usize, TlsError> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// What stands behind its length in so many bytes.
    pub(super) fn vector(&mut self, length_bytes: usize) -> Result<&'a [u8], TlsError> {
        let length = self.number(length_bytes)?;
        self.take(length)
    }
}

/// SHA-256 of "HelloRetryRequest", which stands for the random in one (RFC 8446 §4.1.3).
const HELLO_RETRY_REQUEST: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// A ServerHello, alone in its record, that answers what we offered: TLS 1.3, TLS_AES_128_GCM_SHA256, a key share of
/// P-256, no session id, no extension twice or unasked, and the pre-shared key if one was offered (RFC 8446 §4.1.3, §4.2.11).
fn judge_server_hello(record: &[u8], psk_offered: bool) -> Result<(), TlsError> {
    const SERVER_HELLO: usize = 2;
    const PRE_SHARED_KEY: usize = 41;
    const SUPPORTED_VERSIONS: usize = 43;
    const KEY_SHARE: usize = 51;

    let mut message = Fields(record);
    if message.number(1)? != SERVER_HELLO {
        return Err(TlsError::UnexpectedMessage);
    }
    let length = message.number(3)?;
    if length > message.0.len() {
        return Err(TlsError::Unsupported(Unsupported::Message));
    }
    if length < message.0.len() {
        return Err(TlsError::UnexpectedMessage);
    }
    let legacy_version = message.number(2)?;
    let random = message.take(32)?;
    let session_id = message.number(1)?;
    message.take(session_id)?;
    let suite = message.number(2)?;
    let compression = message.number(1)?;
    if message.0.is_empty() {
        return Err(TlsError::ProtocolVersion); // TLS 1.2 and before may send no extensions
    }
    let extensions = message.number(2)?;
    if extensions != message.0.len() {
        return Err(TlsError::Decode);
    }
    let (mut versions, mut share, mut psk, mut unasked) = (None, None, None, false);
    while !message.0.is_empty() {
        let kind = message.number(2)?;
        let length = message.number(2)?;
        let body = message.take(length)?;
        let seen = match kind {
            SUPPORTED_VERSIONS => versions.replace(body).is_some(),
            KEY_SHARE => share.replace(body).is_some(),
            PRE_SHARED_KEY if psk_offered => psk.replace(body).is_some(),
            _ => true,
        };
        unasked |= seen;
    }
    if legacy_version != 0x0303 || versions != Some(&[3, 4]) {
        return Err(TlsError::ProtocolVersion);
    }
    if random == HELLO_RETRY_REQUEST {
        return Err(TlsError::Unsupported(Unsupported::HelloRetryRequest));
    }
    let p256 = matches!(share, Some([0, 23, 0, 65, point @ ..]) if point.len() == 65);
    if unasked || session_id != 0 || suite != 0x1301 || compression != 0 || !p256 {
        return Err(TlsError::IllegalParameter);
    }
    match psk {
        None if psk_offered => Err(TlsError::PskRefused),
        // The first identity is the only one.
        None | Some([0, 0]) => Ok(()),
        Some(_) => Err(TlsError::IllegalParameter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    fn extension(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[0, kind, 0, body.len() as u8], body].concat()
    }

    fn share(group: u8) -> Vec<u8> {
        extension(51, &[&[0, group, 0, 65, 4][..], &[7; 64]].concat())
    }

    fn hello(session_id: &[u8], suite: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
        let extensions = extensions.concat();
        let mut body = vec![3, 3];
        body.extend([9; 32]);
        body.push(session_id.len() as u8);
        body.extend(session_id);
        body.extend(suite.to_be_bytes());
        body.push(0);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        [&[2, 0, 0, body.len() as u8][..], &body].concat()
    }

    fn good_hello() -> Vec<u8> {
        hello(&[], 0x1301, &[extension(43, &[3, 4]), share(23)])
    }

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 3, 3, (body.len() >> 8) as u8, body.len() as u8][..], body].concat()
    }

    /// Feeds `wire` in pieces and reads as an engine does; gives the records it got.
    fn run(stage: Stage, wire: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, TlsError> {
        let shared = Shared::new();
        shared.stage.set(stage);
        run_with(&shared, wire, piece)
    }

    fn run_with(shared: &Shared, mut wire: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, TlsError> {
        let mut guard = Guard::new(shared);
        let mut records = Vec::new();
        let mut wanted = HEADER;
        let mut header = [0; HEADER];
        let mut body = Vec::new();
        loop {
            let out: &mut [u8] = if wanted == HEADER { &mut header } else { &mut body };
            match guard.step(out).map_err(|_| shared.refusal.take().expect("a reason"))? {
                Step::Ready(HEADER) => {
                    wanted = usize::from(u16::from_be_bytes([header[3], header[4]]));
                    body.resize(wanted, 0);
                }
                Step::Ready(_) => {
                    records.push([&header[..], &body].concat());
                    wanted = HEADER;
                }
                Step::Read => {
                    let target = guard.target(out);
                    let count = piece.min(target.len()).min(wire.len());
                    assert!(!target.is_empty());
                    if count == 0 {
                        return Ok(records);
                    }
                    target[..count].copy_from_slice(&wire[..count]);
                    wire = &wire[count..];
                    guard.received(count).map_err(|_| shared.refusal.take().expect("a reason"))?;
                    // Every read is given up once: the engine asks for the header again.
                    wanted = HEADER;
                }
            }
        }
    }

    #[test]
    fn a_handshake_in_pieces_of_any_size() {
        let hello = record(22, &good_hello());
        let flight = record(23, &[5; 40]);
        let wire = [&hello[..], &record(20, &[1]), &flight].concat();
        for piece in [1, 2, 5, 1000] {
            let expected = vec![hello.clone(), marked(&flight, Moment::FlightFirst)];
            assert_eq!(run(Stage::Hello, &wire, piece), Ok(expected), "piece {piece}");
        }
    }

    fn marked(record: &[u8], moment: Moment) -> Vec<u8> {
        [&record[..2], &[moment.mark()], &record[3..]].concat()
    }

    #[test]
    fn records_are_marked_with_their_moment() {
        let record = record(23, &[1; 17]);
        let flight = [Moment::FlightFirst, Moment::FlightSecond, Moment::Flight, Moment::Flight];
        assert_eq!(run(Stage::Flight, &record.repeat(4), 3), Ok(flight.map(|moment| marked(&record, moment)).into()));
        assert_eq!(run(Stage::Data, &record, 3), Ok(vec![marked(&record, Moment::AfterHandshake)]));
        for moment in Moment::ALL {
            assert_eq!(Moment::of_mark(moment.mark()), Some(moment));
        }
        assert_eq!(Moment::of_mark(3), None);
    }

    /// The protocols that were offered go behind the first encrypted record, which looks longer by so much.
    #[test]
    fn the_first_record_has_the_offer_behind_it() {
        let names: &[&[u8]] = &[b"http/1.1", b"x"];
        let offered = Offered::new(Some(Alpn::new(names).unwrap()));
        assert!(offered.any() && offered.contains(b"x") && !offered.contains(b"") && !offered.contains(b"http/1.0"));
        assert!(!Offered::NOTHING.any());
        for piece in [1, 7, 1000] {
            let shared = Shared::new();
            shared.stage.set(Stage::Flight);
            shared.offered.set(offered);
            let wire = [record(23, &[1; 40]), record(23, &[2; 40])].concat();
            let records = run_with(&shared, &wire, piece).unwrap();
            let [first, second] = &records[..] else { panic!("{records:?}") };
            assert_eq!(first[..HEADER], [23, 3, Moment::FlightFirstAlpn.mark(), 0, 40 + Offered::LEN as u8]);
            let mut body = first[HEADER..].to_vec();
            let (bytes, behind) = Offered::split(&mut body, Moment::FlightFirstAlpn).unwrap();
            assert_eq!((&bytes[..], behind), (&[1; 40][..], offered));
            assert_eq!(*second, marked(&record(23, &[2; 40]), Moment::FlightSecond));
        }
        // With the offer behind it, a record still fits the engine's buffer.
        let most = LONGEST - Offered::LEN;
        for (length, verdict) in [(most, Ok(1)), (most + 1, Err(TlsError::RecordOverflow))] {
            let shared = Shared::new();
            shared.stage.set(Stage::Flight);
            shared.offered.set(offered);
            let records = run_with(&shared, &record(23, &vec![0; length]), 9000);
            assert_eq!(records.map(|records| records.len()), verdict);
        }
    }

    /// After the ServerHello nothing is written before the proof is whole, and nothing after a refusal.
    #[test]
    fn nothing_is_written_before_the_proof() {
        for (stage, proven, may) in [
            (Stage::Hello, Proven::Nothing, true),
            (Stage::Flight, Proven::Nothing, false),
            (Stage::Flight, Proven::Certificate, false),
            (Stage::Flight, Proven::Whole, true),
            (Stage::Data, Proven::Whole, true),
        ] {
            let shared = Shared::new();
            shared.stage.set(stage);
            shared.proven.set(proven);
            let guard = Guard::new(&shared);
            assert_eq!(guard.may_write().is_ok(), may, "{stage:?} {proven:?}");
            assert_eq!(shared.refusal.get(), (!may).then_some(TlsError::NotAuthenticated));
            shared.refusal.set(Some(TlsError::Decode));
            assert!(guard.may_write().is_err());
        }
    }

    #[test]
    fn records_without_data_are_not_read_for_ever() {
        let record = record(23, &[1; 17]);
        let most = usize::from(IDLE_RECORDS);
        assert_eq!(run(Stage::Data, &record.repeat(most), 100).map(|records| records.len()), Ok(most));
        assert_eq!(run(Stage::Data, &record.repeat(most + 1), 100), Err(TlsError::UnexpectedMessage));
    }

    #[test]
    fn what_may_not_come_at_that_moment_is_refused() {
        for other in [&b"HTTP/1.1 400 Bad Request"[..], b"SSH-2.0-x", b"220 mail", &[0; 9], &[22, 2, 0, 0, 9]] {
            assert_eq!(run(Stage::Hello, other, 3), Err(TlsError::NotTls), "{other:?}");
            assert_eq!(run(Stage::Flight, other, 3), Err(TlsError::UnexpectedMessage), "{other:?}");
        }
        let unexpected = [
            (Stage::Hello, record(23, &[0; 40])),
            (Stage::Hello, record(20, &[2])),
            (Stage::Flight, record(22, &good_hello())),
            (Stage::Flight, record(21, &[2, 40])),
            (Stage::Flight, record(23, &[0; 16])),
            (Stage::Flight, record(20, &[1]).repeat(3)),
            (Stage::Data, record(20, &[1])),
            (Stage::Data, record(21, &[1, 0])),
            (Stage::Data, record(22, &good_hello())),
            (Stage::Data, record(23, &[])),
            (Stage::Data, record(24, &[0; 40])),
            (Stage::Data, vec![23, 3, 1, 0, 40]),
        ];
        for (stage, wire) in unexpected {
            assert_eq!(run(stage, &wire, 4), Err(TlsError::UnexpectedMessage), "{stage:?} {wire:?}");
        }
        assert_eq!(run(Stage::Data, &record(23, &[0; 16_641]), 9000), Err(TlsError::RecordOverflow));
        assert_eq!(run(Stage::Hello, &record(22, &[0; 16_385]), 9000), Err(TlsError::RecordOverflow));
        assert_eq!(run(Stage::Hello, &record(21, &[2, 70]), 9), Err(TlsError::PeerAlert(Some(70))));
        let of_tls_1_0 = [21, 3, 1, 0, 2, 2, 70];
        assert_eq!(run(Stage::Hello, &of_tls_1_0, 9), Err(TlsError::PeerAlert(Some(70))));
    }

    #[test]
    fn a_server_hello_must_answer_what_we_offered() {
        let version = || extension(43, &[3, 4]);
        let mut retry = good_hello();
        retry[6..38].copy_from_slice(&HELLO_RETRY_REQUEST);
        let mut longer = good_hello();
        longer[3] += 1;
        let refused = [
            (hello(&[], 0x1301, &[share(23)]), TlsError::ProtocolVersion),
            (hello(&[], 0x1301, &[extension(43, &[3, 3]), share(23)]), TlsError::ProtocolVersion),
            (hello(&[1; 32], 0x1301, &[version(), share(23)]), TlsError::IllegalParameter),
            (hello(&[], 0x1302, &[version(), share(23)]), TlsError::IllegalParameter),
            (hello(&[], 0x1301, &[version()]), TlsError::IllegalParameter),
            (hello(&[], 0x1301, &[version(), share(29)]), TlsError::IllegalParameter),
            (hello(&[], 0x1301, &[version(), share(23), share(23)]), TlsError::IllegalParameter),
            (hello(&[], 0x1301, &[version(), share(23), extension(41, &[0, 0])]), TlsError::IllegalParameter),
            (retry, TlsError::Unsupported(Unsupported::HelloRetryRequest)),
            (longer, TlsError::Unsupported(Unsupported::Message)),
            ([good_hello(), vec![8, 0, 0, 0]].concat(), TlsError::UnexpectedMessage),
            (vec![11, 0, 0, 2, 0, 0], TlsError::UnexpectedMessage),
        ];
        for (body, reason) in refused {
            assert_eq!(run(Stage::Hello, &record(22, &body), 1000), Err(reason), "{body:?}");
        }
        let psk = |selected: &[u8]| hello(&[], 0x1301, &[version(), share(23), extension(41, selected)]);
        let twice = hello(&[], 0x1301, &[version(), extension(41, &[0, 0]), extension(41, &[0, 0]), share(23)]);
        for (body, verdict) in [
            (psk(&[0, 0]), Ok(1)),
            (psk(&[0, 1]), Err(TlsError::IllegalParameter)),
            (psk(&[0]), Err(TlsError::IllegalParameter)),
            (psk(&[]), Err(TlsError::IllegalParameter)),
            (twice, Err(TlsError::IllegalParameter)),
            (good_hello(), Err(TlsError::PskRefused)),
        ] {
            let shared = Shared::new();
            shared.psk.set(true);
            let records = run_with(&shared, &record(22, &body), 1000);
            assert_eq!(records.map(|records| records.len()), verdict, "{body:?}");
        }
        // Cut anywhere, it is refused for some reason, and never read past its end.
        let whole = good_hello();
        for cut in 6..whole.len() {
            assert!(run(Stage::Hello, &record(22, &whole[..cut]), 1000).is_err(), "cut at {cut}");
        }
    }
}
