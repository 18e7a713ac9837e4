//! The cipher suite: AES-128-GCM with SHA-256, and a look at every record after it was decrypted.
//!
//! The [guard](super::guard) sees records as they come off the wire, encrypted. This is its other half: what is inside
//! must be of a kind that may come at that moment; handshake messages must be whole, in order, of exactly the length that
//! they say, and answer only what we offered. The guard marks the [moment](Moment) in the record's header, which is the
//! cipher's associated data, and puts the [protocols](Offered) that were offered behind the record.
//!
//! # What the engine gets to see
//! In the handshake, the server's messages as they came; or, in place of a record that is refused, a [note](write_note)
//! that says why, in the form of a message that reaches the [proof](super::proof) and that no server can send. After the
//! handshake, records of data only, each with a last byte that says what it is: so alerts, with their numbers, reach
//! [`unpack`] through an engine that has no words for them.

use aes_gcm::{
    Aes128Gcm,
    aead::{
        AeadCore, AeadInPlace, Buffer, Error, KeyInit, KeySizeUser, Nonce, Tag,
        consts::{U0, U12, U16},
        generic_array::GenericArray,
    },
};
use embedded_tls::{Aes128GcmSha256, CertificateVerifyRef, SignatureScheme, TlsCipherSuite};

use super::guard::{Fields, Moment, Offered};
use crate::tls::{TlsError, Unsupported};

/// TLS_AES_128_GCM_SHA256 (RFC 8446 §B.4), checked.
pub(super) struct Suite;

impl TlsCipherSuite for Suite {
    const CODE_POINT: u16 = Aes128GcmSha256::CODE_POINT;
    type Cipher = CheckedAes128Gcm;
    type KeyLen = U16;
    type IvLen = U12;
    type Hash = <Aes128GcmSha256 as TlsCipherSuite>::Hash;
    type LabelBufferSize = <Aes128GcmSha256 as TlsCipherSuite>::LabelBufferSize;
}

/// AES-128-GCM whose decrypted records are judged before the engine sees them.
pub(super) struct CheckedAes128Gcm(Aes128Gcm);

impl KeySizeUser for CheckedAes128Gcm {
    type KeySize = U16;
}

impl KeyInit for CheckedAes128Gcm {
    fn new(key: &GenericArray<u8, U16>) -> Self {
        Self(Aes128Gcm::new(key))
    }
}

impl AeadCore for CheckedAes128Gcm {
    type NonceSize = U12;
    type TagSize = U16;
    type CiphertextOverhead = U0;
}

/// Bytes of the tag at the end of an encrypted record (RFC 8446 §5.2, RFC 5116 §5.1).
const TAG: usize = 16;

impl AeadInPlace for CheckedAes128Gcm {
    fn encrypt_in_place_detached(
        &self,
        nonce: &Nonce<Self>,
        header: &[u8],
        buffer: &mut [u8],
    ) -> Result<Tag<Self>, Error> {
        self.0.encrypt_in_place_detached(nonce, header, buffer)
    }

    /// What stands in the place of the tag is free once that was checked: a record always has room for what is put in
    /// its place.
    fn decrypt_in_place(&self, nonce: &Nonce<Self>, header: &[u8], buffer: &mut dyn Buffer) -> Result<(), Error> {
        let &[kind, major, mark, ..] = header else { return Err(Error) };
        let moment = Moment::of_mark(mark).ok_or(Error)?;
        let (record, offered) = Offered::split(buffer.as_mut(), moment).ok_or(Error)?;
        let [.., high, low] = record.len().to_be_bytes();
        let (plaintext, tag) = record.split_last_chunk_mut::<TAG>().ok_or(Error)?;
        let tag = Tag::<Self>::from_slice(tag);
        self.0.decrypt_in_place_detached(nonce, &[kind, major, 3, high, low], plaintext, tag)?;
        let verdict = judge(plaintext, moment, &offered);
        let len = match (moment, verdict) {
            (Moment::AfterHandshake, verdict) => pack(record, verdict),
            (_, Ok(_)) => Some(plaintext.len()),
            (_, Err(refusal)) => write_note(record, refusal),
        };
        buffer.truncate(len.ok_or(Error)?);
        Ok(())
    }

    fn decrypt_in_place_detached(&self, _: &Nonce<Self>, _: &[u8], _: &mut [u8], _: &Tag<Self>) -> Result<(), Error> {
        Err(Error) // nothing is decrypted without being judged
    }
}

/// The last byte of a record after the handshake, for [`unpack`].
const IS_DATA: u8 = 0;
const IS_REFUSED: u8 = 1;

/// Makes a record of the application's data of what was judged: the data if it is that, nothing if it is something to
/// pass over, or the reason of a refusal. Says how long it is now.
fn pack(record: &mut [u8], verdict: Result<Content, TlsError>) -> Option<usize> {
    let (len, last) = match verdict {
        Ok(Content::Data(len)) => (len, IS_DATA),
        Ok(Content::Other) => (0, IS_DATA),
        Err(refusal) => {
            record.get_mut(..2)?.copy_from_slice(&code(refusal));
            (2, IS_REFUSED)
        }
    };
    record.get_mut(len..len + 2)?.copy_from_slice(&[last, APPLICATION_DATA]);
    Some(len + 2)
}

/// What is left of a record after the handshake.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unpacked<'a> {
    /// Bytes of the application's, at least one.
    Data(&'a [u8]),
    /// Nothing for the application, or nothing more: the record is done with.
    Nothing,
    Refused(TlsError),
}

/// Looks into a record as [`pack`] left it.
pub(super) fn unpack(record: &[u8]) -> Unpacked<'_> {
    match record {
        [IS_DATA] => Unpacked::Nothing,
        [data @ .., IS_DATA] => Unpacked::Data(data),
        [kind, number, IS_REFUSED] => Unpacked::Refused(of_code(*kind, *number)),
        _ => Unpacked::Refused(TlsError::Engine),
    }
}

/// The scheme of a note, and its code point: one that nobody may sign with.
const NOTE: SignatureScheme = SignatureScheme::RsaPkcs1Sha1;
const NOTE_CODE_POINT: u16 = 0x0201;

/// Puts a note into the place of a record of the handshake: a CertificateVerify, because the proof gets to see that,
/// with the reason of the refusal for a signature. [`judge_body`] keeps the like of it from coming from a server.
fn write_note(record: &mut [u8], refusal: TlsError) -> Option<usize> {
    let ([scheme_high, scheme_low], [kind, number]) = (NOTE_CODE_POINT.to_be_bytes(), code(refusal));
    let note = [CERTIFICATE_VERIFY, 0, 0, 6, scheme_high, scheme_low, 0, 2, kind, number, HANDSHAKE];
    record.get_mut(..note.len())?.copy_from_slice(&note);
    Some(note.len())
}

/// The refusal in a CertificateVerify that is a note.
pub(super) fn read_note(verify: &CertificateVerifyRef<'_>) -> Option<TlsError> {
    match (verify.signature_scheme, verify.signature) {
        (NOTE, &[kind, number]) => Some(of_code(kind, number)),
        _ => None,
    }
}

/// A refusal of this file's in two bytes.
const fn code(refusal: TlsError) -> [u8; 2] {
    match refusal {
        TlsError::PeerAlert(Some(number)) => [0, number],
        TlsError::UnexpectedMessage => [1, 0],
        TlsError::Decode => [2, 0],
        TlsError::IllegalParameter => [3, 0],
        TlsError::RecordOverflow => [4, 0],
        TlsError::Unsupported(_) => [5, 0],
        _ => [255, 0],
    }
}

const fn of_code(kind: u8, number: u8) -> TlsError {
    match kind {
        0 => TlsError::PeerAlert(Some(number)),
        1 => TlsError::UnexpectedMessage,
        2 => TlsError::Decode,
        3 => TlsError::IllegalParameter,
        4 => TlsError::RecordOverflow,
        5 => TlsError::Unsupported(Unsupported::Message),
        _ => TlsError::Engine,
    }
}

/// The peer has ended its side in order, after the handshake.
pub(super) const CLOSE_NOTIFY: TlsError = TlsError::PeerAlert(Some(0));
/// The description of the alert `user_canceled`. After the handshake it says nothing that the `close_notify` behind it
/// does not say (RFC 8446 §6.1).
const USER_CANCELED: u8 = 90;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

const NEW_SESSION_TICKET: u8 = 4;
const ENCRYPTED_EXTENSIONS: u8 = 8;
const CERTIFICATE: u8 = 11;
const CERTIFICATE_REQUEST: u8 = 13;
const CERTIFICATE_VERIFY: u8 = 15;
const FINISHED: u8 = 20;
const KEY_UPDATE: u8 = 24;

/// The longest content of a record with its type and padding (RFC 8446 §5.4).
const LONGEST: usize = 16_385;

/// What was found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// So many bytes of the application's.
    Data(usize),
    /// Handshake messages, or an alert that is passed over.
    Other,
}

/// Judges a decrypted record: its content, one byte of type, and zeros (RFC 8446 §5.2).
fn judge(plaintext: &[u8], moment: Moment, offered: &Offered) -> Result<Content, TlsError> {
    if plaintext.len() > LONGEST {
        return Err(TlsError::RecordOverflow);
    }
    let end = plaintext.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let after_handshake = moment == Moment::AfterHandshake;
    match plaintext.get(..end).and_then(<[u8]>::split_last) {
        Some((&HANDSHAKE, content)) => judge_messages(content, moment, offered).map(|()| Content::Other),
        Some((&ALERT, [_, USER_CANCELED])) if after_handshake => Ok(Content::Other),
        Some((&ALERT, [_, number])) => Err(TlsError::PeerAlert(Some(*number))),
        Some((&APPLICATION_DATA, content)) if after_handshake => Ok(Content::Data(content.len())),
        _ => Err(TlsError::UnexpectedMessage),
    }
}

/// Judges the handshake messages of one record: whole, of types that a server sends at that time, in their order, and
/// each of exactly the length that it says.
fn judge_messages(content: &[u8], moment: Moment, offered: &Offered) -> Result<(), TlsError> {
    let mut fields = Fields(content);
    if content.is_empty() {
        return Err(TlsError::UnexpectedMessage);
    }
    // The flight begins with EncryptedExtensions; a CertificateRequest comes right behind (RFC 8446 §4.3, §4.4).
    let mut last = match moment {
        Moment::FlightFirst | Moment::FlightFirstAlpn => None,
        Moment::FlightSecond => Some(ENCRYPTED_EXTENSIONS),
        Moment::Flight | Moment::AfterHandshake => Some(CERTIFICATE_REQUEST),
    };
    while let [kind, length @ ..] = fields.0 {
        let may_come = match (last, *kind) {
            (_, NEW_SESSION_TICKET) => moment == Moment::AfterHandshake,
            (_, KEY_UPDATE) if moment == Moment::AfterHandshake => {
                return Err(TlsError::Unsupported(Unsupported::Message));
            }
            _ if moment == Moment::AfterHandshake => false,
            (None, ENCRYPTED_EXTENSIONS) | (Some(ENCRYPTED_EXTENSIONS), CERTIFICATE_REQUEST) => true,
            // The numbers of these happen to be in order.
            (Some(last), CERTIFICATE) => last == ENCRYPTED_EXTENSIONS || last == CERTIFICATE_REQUEST,
            (Some(last), kind @ (CERTIFICATE_VERIFY | FINISHED)) => last < kind,
            _ => false,
        };
        if !may_come {
            // Perhaps the rest of a message that began in the record before.
            return Err(TlsError::UnexpectedMessage);
        }
        last = Some(*kind);
        let mut message = Fields(length);
        let Ok(body) = message.vector(3) else { return Err(TlsError::Unsupported(Unsupported::Message)) };
        judge_body(*kind, Fields(body), offered)?;
        fields = message;
    }
    Ok(())
}

/// Judges the body of a handshake message: its lengths add up, and its extensions answer what we offered.
fn judge_body(kind: u8, mut body: Fields<'_>, offered: &Offered) -> Result<(), TlsError> {
    const SERVER_NAME: usize = 0;
    const SUPPORTED_GROUPS: usize = 10;
    const SIGNATURE_ALGORITHMS: usize = 13;
    const ALPN: usize = 16;
    const EARLY_DATA: usize = 42;
    match kind {
        ENCRYPTED_EXTENSIONS => judge_extensions(&mut body, |kind, data| match kind {
            SERVER_NAME if !data.is_empty() => Err(TlsError::Decode),
            SERVER_NAME | SUPPORTED_GROUPS => Ok(()),
            ALPN if offered.any() => judge_protocol(data, offered),
            _ => Err(TlsError::IllegalParameter),
        })?,
        CERTIFICATE_REQUEST => {
            let mut algorithms = false;
            let context = body.vector(1)?;
            judge_extensions(&mut body, |kind, _| {
                algorithms |= kind == SIGNATURE_ALGORITHMS;
                in_its_message(kind, &[5, SIGNATURE_ALGORITHMS, 18, 27, 47, 48, 50])
            })?;
            // A context is for requests after the handshake (RFC 8446 §4.3.2).
            if !context.is_empty() || !algorithms {
                return Err(TlsError::IllegalParameter);
            }
        }
        CERTIFICATE => {
            let context = body.vector(1)?;
            let mut entries = Fields(body.vector(3)?);
            while !entries.0.is_empty() {
                entries.vector(3)?;
                judge_extensions(&mut entries, |_, _| Err(TlsError::IllegalParameter))?;
            }
            if !context.is_empty() {
                return Err(TlsError::IllegalParameter);
            }
        }
        CERTIFICATE_VERIFY => {
            let scheme = body.number(2)?;
            let signature = body.vector(2)?;
            if scheme == usize::from(NOTE_CODE_POINT) && signature.len() == 2 {
                return Err(TlsError::Decode); // it would look like a note
            }
        }
        FINISHED => _ = body.take(32)?,
        NEW_SESSION_TICKET => {
            body.take(8)?;
            body.vector(1)?;
            if body.vector(2)?.is_empty() {
                return Err(TlsError::Decode); // ticket<1..2^16-1> (RFC 8446 §4.6.1)
            }
            judge_extensions(&mut body, |kind, _| in_its_message(kind, &[EARLY_DATA]))?;
        }
        _ => return Err(TlsError::UnexpectedMessage),
    }
    if body.0.is_empty() { Ok(()) } else { Err(TlsError::Decode) }
}

/// An extension that TLS 1.3 knows comes in the messages it is for only; others are to be ignored (RFC 8446 §4.2).
fn in_its_message(kind: usize, at_home: &[usize]) -> Result<(), TlsError> {
    const KNOWN: [usize; 23] =
        [0, 1, 5, 10, 13, 14, 15, 16, 18, 19, 20, 21, 27, 41, 42, 43, 44, 45, 47, 48, 49, 50, 51];
    if at_home.contains(&kind) || !KNOWN.contains(&kind) { Ok(()) } else { Err(TlsError::IllegalParameter) }
}

/// The server's choice of protocol: a list of one name, which we offered (RFC 7301 §3.1, §3.2).
fn judge_protocol(data: &[u8], offered: &Offered) -> Result<(), TlsError> {
    let mut data = Fields(data);
    let mut list = Fields(data.vector(2)?);
    let name = list.vector(1)?;
    if name.is_empty() || !list.0.is_empty() || !data.0.is_empty() {
        return Err(TlsError::Decode);
    }
    if offered.contains(name) { Ok(()) } else { Err(TlsError::IllegalParameter) }
}

/// Judges a list of extensions one by one; none may come twice.
fn judge_extensions(
    body: &mut Fields<'_>,
    mut judge: impl FnMut(usize, &[u8]) -> Result<(), TlsError>,
) -> Result<(), TlsError> {
    let mut extensions = Fields(body.vector(2)?);
    let mut seen = 0u64;
    while !extensions.0.is_empty() {
        let kind = extensions.number(2)?;
        judge(kind, extensions.vector(2)?)?;
        // All that TLS 1.3 knows have a number below 64.
        let bit = if kind < 64 { 1 << kind } else { 0 };
        if seen & bit != 0 {
            return Err(TlsError::IllegalParameter);
        }
        seen |= bit;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    type Verdict = Result<(), TlsError>;

    const CHANGE_CIPHER_SPEC: u8 = 20;

    fn judge(plaintext: &[u8], moment: Moment) -> Verdict {
        super::judge(plaintext, moment, &Offered::NOTHING).map(|_| ())
    }

    const SPLIT: Verdict = Err(TlsError::Unsupported(Unsupported::Message));
    const UNEXPECTED: Verdict = Err(TlsError::UnexpectedMessage);
    const ILLEGAL: Verdict = Err(TlsError::IllegalParameter);

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 0, 0, body.len() as u8], body].concat()
    }

    /// A whole flight, without its ServerHello.
    fn flight() -> [Vec<u8>; 5] {
        [
            message(ENCRYPTED_EXTENSIONS, &[0, 4, 0, 0, 0, 0]),
            message(CERTIFICATE_REQUEST, &[0, 0, 4, 0, 13, 0, 0]),
            message(CERTIFICATE, &[0, 0, 0, 6, 0, 0, 1, 9, 0, 0]),
            message(CERTIFICATE_VERIFY, &[4, 3, 0, 2, 7, 7]),
            message(FINISHED, &[6; 32]),
        ]
    }

    /// RFC 8446 §4.6.1: `opaque ticket<1..2^16-1>`.
    #[test]
    fn a_ticket_is_not_empty() {
        let empty = message(NEW_SESSION_TICKET, &[0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0]);
        for (ticket, verdict) in [(ticket(), Ok(())), (empty, Err(TlsError::Decode))] {
            assert_eq!(judge(&[&ticket[..], &[HANDSHAKE]].concat(), Moment::AfterHandshake), verdict);
        }
    }

    fn ticket() -> Vec<u8> {
        message(NEW_SESSION_TICKET, &[0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0, 1, 7, 0, 0])
    }

    #[test]
    fn a_protocol_is_chosen_only_if_some_were_offered() {
        use Moment::{FlightFirst, FlightFirstAlpn};
        let extensions = |alpn: &[u8]| {
            let len = alpn.len() as u8;
            let body = [&[0, len + 4, 0, 16, 0, len], alpn].concat();
            [message(ENCRYPTED_EXTENSIONS, &body), vec![HANDSHAKE]].concat()
        };
        let decode: Verdict = Err(TlsError::Decode);
        let names: &[&[u8]] = &[b"h2", b"b"];
        let names = Offered::new(Some(crate::tls::Alpn::new(names).unwrap()));
        let cases: [(&[u8], Moment, Verdict); 12] = [
            (&[0, 3, 2, b'h', b'2'], FlightFirstAlpn, Ok(())),
            (&[0, 2, 1, b'b'], FlightFirstAlpn, Ok(())),
            (&[0, 2, 1, b'h'], FlightFirstAlpn, ILLEGAL),
            (&[0, 3, 2, b'h', b'3'], FlightFirstAlpn, ILLEGAL),
            (&[0, 4, 3, b'h', b'2', 0], FlightFirstAlpn, ILLEGAL),
            (&[0, 2, 1, 0], FlightFirstAlpn, ILLEGAL),
            (&[0, 3, 2, b'h', b'2'], FlightFirst, ILLEGAL),
            (&[0, 4, 1, b'a', 1, b'b'], FlightFirstAlpn, decode),
            (&[0, 1, 0], FlightFirstAlpn, decode),
            (&[0, 0], FlightFirstAlpn, decode),
            (&[0, 2, 1, b'a', 0], FlightFirstAlpn, decode),
            (&[], FlightFirstAlpn, decode),
        ];
        for (alpn, moment, verdict) in cases {
            let offered = if moment == FlightFirst { Offered::NOTHING } else { names };
            let judged = super::judge(&extensions(alpn), moment, &offered).map(|_| ());
            assert_eq!(judged, verdict, "{alpn:?} {moment:?}");
        }
    }

    #[test]
    fn only_what_may_come_at_that_moment() {
        use Moment::{AfterHandshake, Flight, FlightFirst, FlightSecond};
        let [extensions, request, certificate, verify, finished] = flight();
        let in_record = |messages: &[&Vec<u8>]| {
            let mut record: Vec<u8> = messages.iter().flat_map(|message| message.iter().copied()).collect();
            record.extend([HANDSHAKE, 0, 0]);
            record
        };
        type Case<'a> = (&'a [&'a Vec<u8>], Moment, Verdict);
        let handshakes: &[Case<'_>] = &[
            (&[&extensions, &request, &certificate, &verify, &finished], FlightFirst, Ok(())),
            (&[&extensions, &certificate, &verify, &finished], FlightFirst, Ok(())),
            (&[&extensions], FlightFirst, Ok(())),
            (&[&extensions], FlightSecond, UNEXPECTED),
            (&[&extensions, &extensions], FlightFirst, UNEXPECTED),
            (&[&certificate], FlightFirst, UNEXPECTED),
            (&[&request], FlightSecond, Ok(())),
            (&[&request, &certificate], FlightSecond, Ok(())),
            (&[&certificate, &request], FlightSecond, UNEXPECTED),
            (&[&request], Flight, UNEXPECTED),
            (&[&certificate, &certificate], Flight, UNEXPECTED),
            (&[&certificate, &verify, &verify], Flight, UNEXPECTED),
            (&[&verify, &certificate], Flight, UNEXPECTED),
            (&[&finished], Flight, Ok(())),
            (&[&finished, &finished], Flight, UNEXPECTED),
            (&[&finished, &certificate], Flight, UNEXPECTED),
            (&[&finished], AfterHandshake, UNEXPECTED),
            (&[&request], AfterHandshake, UNEXPECTED),
            (&[&ticket()], AfterHandshake, Ok(())),
            (&[&ticket(), &ticket()], AfterHandshake, Ok(())),
            (&[&ticket()], Flight, UNEXPECTED),
            (&[&message(KEY_UPDATE, &[0])], AfterHandshake, SPLIT),
            (&[&message(KEY_UPDATE, &[0])], Flight, UNEXPECTED),
            (&[], Flight, UNEXPECTED),
        ];
        for (messages, moment, verdict) in handshakes {
            assert_eq!(judge(&in_record(messages), *moment), *verdict, "{messages:?} {moment:?}");
        }
        let others: &[(&[u8], Moment, Verdict)] = &[
            (b"data\x17\0\0", AfterHandshake, Ok(())),
            (b"\x17", AfterHandshake, Ok(())),
            (b"data\x17", Flight, UNEXPECTED),
            (&[1, 0, ALERT], AfterHandshake, Err(CLOSE_NOTIFY)),
            (&[1, 0, ALERT], Flight, Err(CLOSE_NOTIFY)),
            (&[2, 116, ALERT], AfterHandshake, Err(TlsError::PeerAlert(Some(116)))),
            (&[1, 90, ALERT], AfterHandshake, Ok(())),
            (&[1, 90, ALERT], Flight, Err(TlsError::PeerAlert(Some(90)))),
            (&[1, ALERT], AfterHandshake, UNEXPECTED),
            (&[0, 0, 0], AfterHandshake, UNEXPECTED),
            (&[1, CHANGE_CIPHER_SPEC], AfterHandshake, UNEXPECTED),
            (&[], AfterHandshake, UNEXPECTED),
        ];
        for (plaintext, moment, verdict) in others {
            assert_eq!(judge(plaintext, *moment), *verdict, "{plaintext:?} {moment:?}");
        }
        let mut long = vec![APPLICATION_DATA; LONGEST];
        assert_eq!(judge(&long, AfterHandshake), Ok(()));
        long.push(0);
        assert_eq!(judge(&long, AfterHandshake), Err(TlsError::RecordOverflow));
    }

    /// What reaches the session through the engine: data as it was, nothing for what is passed over, and every reason.
    #[test]
    fn what_is_packed_is_unpacked() {
        let through = |plaintext: &[u8]| {
            let mut record = [plaintext, &[0xaa; TAG]].concat();
            let verdict = super::judge(plaintext, Moment::AfterHandshake, &Offered::NOTHING);
            let len = pack(&mut record, verdict).unwrap();
            let [content @ .., APPLICATION_DATA] = &record[..len] else { panic!("{record:?}") };
            match unpack(content) {
                Unpacked::Data(data) => Ok(data.to_vec()),
                Unpacked::Nothing => Ok(vec![]),
                Unpacked::Refused(refusal) => Err(refusal),
            }
        };
        assert_eq!(through(b"data\x17"), Ok(b"data".to_vec()));
        assert_eq!(through(b"\0\x01\x01\x17\0\0"), Ok(vec![0, 1, 1]), "data that looks like a refusal");
        assert_eq!(through(&[APPLICATION_DATA]), Ok(vec![]));
        assert_eq!(through(&[1, USER_CANCELED, ALERT]), Ok(vec![]));
        assert_eq!(through(&[&ticket()[..], &[HANDSHAKE]].concat()), Ok(vec![]));
        for number in (0..=255).filter(|number| *number != USER_CANCELED) {
            assert_eq!(through(&[2, number, ALERT]), Err(TlsError::PeerAlert(Some(number))));
        }
        assert_eq!(through(&[0]), Err(TlsError::UnexpectedMessage));
        let mut longest = vec![7; LONGEST - 1];
        longest.push(APPLICATION_DATA);
        assert_eq!(through(&longest).map(|data| data.len()), Ok(LONGEST - 1));
        for refusal in [TlsError::Decode, TlsError::IllegalParameter, TlsError::RecordOverflow, SPLIT.unwrap_err()] {
            let [kind, number] = code(refusal);
            assert_eq!(of_code(kind, number), refusal);
        }
        // What is not of our making is no close.
        for strange in [&[][..], &[1], &[9], &[0, 0, 0, 1], &[0, 2]] {
            assert_eq!(unpack(strange), Unpacked::Refused(TlsError::Engine), "{strange:?}");
        }
    }

    /// A refusal in the handshake is a message that the proof reads, and that no server can send.
    #[test]
    fn a_note_is_of_our_making() {
        let mut record = [0; 1 + TAG];
        let len = write_note(&mut record, TlsError::PeerAlert(Some(116))).unwrap();
        let [note @ .., HANDSHAKE] = &record[..len] else { panic!("{record:?}") };
        let verify = CertificateVerifyRef { signature_scheme: NOTE, signature: &note[8..] };
        assert_eq!(read_note(&verify), Some(TlsError::PeerAlert(Some(116))));
        for moment in [Moment::FlightSecond, Moment::Flight] {
            assert!(judge(&record[..len], moment).is_err(), "{moment:?}");
        }
        assert_eq!(judge(&record[..len], Moment::Flight), Err(TlsError::Decode));
        for (scheme, signature) in [(NOTE, &[0, 116, 1][..]), (SignatureScheme::Ed25519, &[0, 116])] {
            let genuine = CertificateVerifyRef { signature_scheme: scheme, signature };
            assert_eq!(read_note(&genuine), None);
        }
    }

    #[test]
    fn every_message_is_whole_and_exactly_as_long_as_it_says() {
        let moments = [
            Moment::FlightFirst,
            Moment::FlightSecond,
            Moment::FlightSecond,
            Moment::Flight,
            Moment::Flight,
            Moment::AfterHandshake,
        ];
        for (message, moment) in flight().into_iter().chain([ticket()]).zip(moments) {
            let judge = |content: &[u8]| judge(&[content, &[HANDSHAKE]].concat(), moment);
            assert_eq!(judge(&message), Ok(()), "{message:?}");
            for cut in 1..message.len() {
                assert_eq!(judge(&message[..cut]), SPLIT, "{message:?} cut at {cut}");
            }
            for change in [-1, 1] {
                let mut changed = message.clone();
                changed[3] = changed[3].wrapping_add_signed(change);
                changed.resize(message.len().wrapping_add_signed(change.into()), 0);
                assert_eq!(judge(&changed), Err(TlsError::Decode), "{changed:?}");
            }
        }
    }

    #[test]
    fn extensions_answer_what_we_offered() {
        let extension = |kind: u8, data: &[u8]| [&[0, kind, 0, data.len() as u8], data].concat();
        let list = |extensions: &[Vec<u8>]| {
            let bytes = extensions.concat();
            [&[0, bytes.len() as u8], &bytes[..]].concat()
        };
        let cases: &[(&[Vec<u8>], Verdict)] = &[
            (&[], Ok(())),
            (&[extension(0, &[]), extension(10, &[0, 2, 0, 23])], Ok(())),
            (&[extension(0, b"name")], Err(TlsError::Decode)),
            (&[extension(0, &[]), extension(0, &[])], ILLEGAL),
            (&[extension(1, &[1])], ILLEGAL),
            (&[extension(16, &[0, 3, 2, 104, 50])], ILLEGAL),
            (&[vec![0xfe, 0, 0, 0]], ILLEGAL),
        ];
        for (extensions, verdict) in cases {
            let record = [&message(ENCRYPTED_EXTENSIONS, &list(extensions))[..], &[HANDSHAKE]].concat();
            assert_eq!(judge(&record, Moment::FlightFirst), *verdict, "{extensions:?}");
        }
        let requests = [
            (vec![0, 0, 8, 0, 13, 0, 0, 0, 47, 0, 0], Ok(())),
            (vec![0, 0, 8, 0, 13, 0, 0, 0xfe, 0, 0, 0], Ok(())),
            (vec![0, 0, 8, 0, 13, 0, 0, 0, 51, 0, 0], ILLEGAL),
            (vec![0, 0, 0], ILLEGAL),
            (vec![1, 9, 0, 4, 0, 13, 0, 0], ILLEGAL),
        ];
        for (body, verdict) in requests {
            let record = [&message(CERTIFICATE_REQUEST, &body)[..], &[HANDSHAKE]].concat();
            assert_eq!(judge(&record, Moment::FlightSecond), verdict, "{body:?}");
        }
    }
}
