//! Records (RFC 8446 §5): what comes is opened in place and put together, what goes is sealed in place.
//!
//! ```text
//!   rx:  ...│ plain: a message, whole or in part, or data │ gap │ raw: records as they came │ room ...
//!   tx:  sent │ sealed: to be sent │ open: the record that `write` fills ... │ kept free for one alert
//! ```

use core::{fmt, ops::Range};

use super::{
    alert,
    schedule::{Secret, expand_label, wipe},
    suite::{CipherSuite, MAX_KEY_LEN, TAG_LEN},
};
use crate::tls::TlsError;

pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const APPLICATION_DATA: u8 = 23;

/// Type, version and length (RFC 8446 §5.1).
pub(crate) const HEADER_LEN: usize = 5;
/// The longest content of an unprotected record.
const MAX_PLAIN_LEN: usize = 1 << 14;
/// The longest content of a protected record with its type and padding (RFC 8446 §5.4).
pub(crate) const MAX_INNER_LEN: usize = MAX_PLAIN_LEN.saturating_add(1);
/// What a protected record is longer than its content: header, type and tag.
pub(crate) const OVERHEAD: usize = HEADER_LEN.saturating_add(1).saturating_add(TAG_LEN);
/// The shortest `rx` that works: no smaller limit may be offered (RFC 8449 §4).
pub(crate) const MIN_RX: usize = 64usize.saturating_add(OVERHEAD).saturating_sub(1);
/// What is kept free in `tx`, so that a connection that fails can always say why.
const ALERT_ROOM: usize = OVERHEAD.saturating_add(alert::LEN);

/// Key, IV and sequence number of one direction (RFC 8446 §5.3, §7.3); overwritten when dropped.
pub(crate) struct Keys {
    key: [u8; MAX_KEY_LEN],
    iv: [u8; 12],
    sequence: u64,
}

impl Keys {
    pub(crate) const NONE: Self = Self { key: [0; MAX_KEY_LEN], iv: [0; 12], sequence: 0 };

    /// The keys that belong to a traffic secret.
    pub(crate) fn of(suite: &dyn CipherSuite, secret: &Secret) -> Self {
        let mut keys = Self::NONE;
        let key = keys.key.get_mut(..suite.key_len()).unwrap_or_default();
        expand_label(suite.hash(), secret, "key", &[], key);
        expand_label(suite.hash(), secret, "iv", &[], &mut keys.iv);
        keys
    }

    /// How many records they have protected.
    pub(crate) const fn used(&self) -> u64 {
        self.sequence
    }

    /// The nonce of the next record.
    fn nonce(&mut self) -> Result<[u8; 12], TlsError> {
        let mut nonce = self.iv;
        for (place, byte) in nonce.iter_mut().rev().zip(self.sequence.to_le_bytes()) {
            *place ^= byte;
        }
        self.sequence = self.sequence.checked_add(1).ok_or(TlsError::Engine)?;
        Ok(nonce)
    }

    fn key(&self, suite: &dyn CipherSuite) -> &[u8] {
        self.key.get(..suite.key_len()).unwrap_or_default()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        wipe(&mut self.key);
        wipe(&mut self.iv);
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

/// What a record was. Its content is in [`Incoming::plain`] where it lasts longer than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    ChangeCipherSpec,
    /// An alert with this description.
    Alert(u8),
    /// Part of a message, or messages.
    Handshake,
    /// Data of the application: so many bytes.
    Data(usize),
}

/// What of `rx` is what.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// Opened, and not consumed yet.
    pub(crate) plain: Range<usize>,
    /// As it came.
    raw: Range<usize>,
    /// `plain` is data of the application, not handshake messages.
    is_data: bool,
}

impl Incoming {
    pub(crate) const EMPTY: Self = Self { plain: 0..0, raw: 0..0, is_data: false };

    /// The data of the application that was not consumed yet.
    pub(crate) fn data(&self) -> Range<usize> {
        if self.is_data { self.plain.clone() } else { 0..0 }
    }

    /// `len` bytes of `plain` were consumed.
    pub(crate) fn consume(&mut self, len: usize) {
        self.plain.start = self.plain.start.saturating_add(len).min(self.plain.end);
    }

    /// The handshake message that comes next, as far as it is there.
    pub(crate) fn handshake<'r>(&self, rx: &'r [u8]) -> &'r [u8] {
        if self.is_data { &[] } else { rx.get(self.plain.clone()).unwrap_or_default() }
    }

    /// Room for what is received next: never empty, and with `one_record` for no more than the rest of a record, or of its
    /// header.
    ///
    /// # Errors
    /// [`TlsError::RxTooSmall`] if a message and the record that it goes on in do not fit together.
    pub(crate) fn room(&mut self, rx: &mut [u8], one_record: bool) -> Result<Range<usize>, TlsError> {
        if self.plain.is_empty() {
            self.plain = 0..0;
        }
        let needed = match self.header(rx) {
            Some((_, len)) => HEADER_LEN.saturating_add(len),
            None => HEADER_LEN,
        };
        if self.raw.start.saturating_add(needed) > rx.len() || self.raw.is_empty() {
            self.compact(rx);
        }
        match self.raw.start.saturating_add(needed) {
            end if end <= rx.len() => Ok(self.raw.end..if one_record { end } else { rx.len() }),
            needed => Err(TlsError::RxTooSmall { needed }),
        }
    }

    /// `len` bytes were received into the room.
    pub(crate) fn received(&mut self, len: usize, rx: &[u8]) {
        self.raw.end = self.raw.end.saturating_add(len).min(rx.len());
    }

    fn header(&self, rx: &[u8]) -> Option<(u8, usize)> {
        let [kind, _, _, high, low] = *rx.get(self.raw.clone())?.first_chunk()?;
        Some((kind, usize::from(u16::from_be_bytes([high, low]))))
    }

    /// Moves what is there to the front.
    fn compact(&mut self, rx: &mut [u8]) {
        let to_front = |rx: &mut [u8], range: &mut Range<usize>, at: usize| {
            if range.start >= range.end {
                *range = at..at;
            } else if range.end <= rx.len() && at <= range.start {
                rx.copy_within(range.clone(), at);
                *range = at..at.saturating_add(range.len());
            }
        };
        to_front(rx, &mut self.plain, 0);
        to_front(rx, &mut self.raw, self.plain.end);
    }

    /// Opens the next record, if all of it is there.
    ///
    /// `limit` is the longest content with its type that the peer may send us.
    ///
    /// # Errors
    /// Everything that RFC 8446 §5 forbids.
    pub(crate) fn take(
        &mut self,
        rx: &mut [u8],
        mut protection: Option<(&dyn CipherSuite, &mut Keys)>,
        limit: usize,
        is_open: bool,
    ) -> Result<Option<Record>, TlsError> {
        let Some((kind, len)) = self.header(rx) else { return Ok(None) };
        let is_protected = protection.is_some();
        if !is_protected && rx.get(self.raw.start.saturating_add(1)).is_some_and(|major| *major != 3) {
            return Err(TlsError::NotTls);
        }
        match kind {
            CHANGE_CIPHER_SPEC if !is_open => {
                protection = None;
                if len != 1 {
                    return Err(TlsError::UnexpectedMessage);
                }
            }
            ALERT | HANDSHAKE if !is_protected => match len {
                0 => return Err(TlsError::UnexpectedMessage),
                1..=MAX_PLAIN_LEN => {}
                _ => return Err(TlsError::RecordOverflow),
            },
            APPLICATION_DATA if is_protected => {
                if len <= TAG_LEN {
                    return Err(TlsError::BadRecordMac);
                }
                if len > limit.saturating_add(TAG_LEN) {
                    return Err(TlsError::RecordOverflow);
                }
            }
            _ => return Err(TlsError::UnexpectedMessage),
        }
        let whole = HEADER_LEN.saturating_add(len);
        let needed = self.plain.len().saturating_add(whole);
        if needed > rx.len() {
            return Err(TlsError::RxTooSmall { needed });
        }
        if self.raw.len() < whole {
            return Ok(None);
        }
        let end = self.raw.start.saturating_add(whole);
        let record = rx.get_mut(self.raw.start..end).ok_or(TlsError::Engine)?;
        let (header, body) = record.split_first_chunk_mut::<HEADER_LEN>().ok_or(TlsError::Engine)?;
        let (kind, content_len) = match protection {
            Some((suite, keys)) => open(suite, keys, header, body)?,
            None => (kind, len),
        };
        let content_start = self.raw.start.saturating_add(HEADER_LEN);
        let content = content_start..content_start.saturating_add(content_len);
        let bytes = rx.get(content.clone()).ok_or(TlsError::Engine)?;
        // Nothing may come inside of a message that is split (RFC 8446 §5.1), but what ends the connection anyhow.
        let is_split = !self.plain.is_empty();
        let record = match (kind, bytes) {
            (ALERT, [_, alert::CLOSE_NOTIFY | alert::USER_CANCELED]) if is_split => {
                return Err(TlsError::UnexpectedMessage);
            }
            (ALERT, [_, number]) => Record::Alert(*number),
            (ALERT, [_, ..]) => return Err(TlsError::Decode),
            (CHANGE_CIPHER_SPEC, [1]) if !is_split => Record::ChangeCipherSpec,
            (HANDSHAKE, [_, ..]) => {
                if is_split {
                    rx.copy_within(content, self.plain.end);
                    self.plain.end = self.plain.end.saturating_add(content_len);
                } else {
                    self.plain = content;
                }
                self.is_data = false;
                Record::Handshake
            }
            (APPLICATION_DATA, _) if is_open && !is_split => {
                self.plain = content;
                self.is_data = true;
                Record::Data(content_len)
            }
            _ => return Err(TlsError::UnexpectedMessage),
        };
        self.raw.start = end;
        Ok(Some(record))
    }
}

/// Opens a record in place; gives its true type and the length of its content (RFC 8446 §5.2, §5.4).
fn open(
    suite: &dyn CipherSuite,
    keys: &mut Keys,
    header: &[u8; HEADER_LEN],
    body: &mut [u8],
) -> Result<(u8, usize), TlsError> {
    let nonce = keys.nonce()?;
    let (inner, tag) = body.split_last_chunk_mut::<TAG_LEN>().ok_or(TlsError::BadRecordMac)?;
    suite.open(keys.key(suite), &nonce, header, inner, tag).ok_or(TlsError::BadRecordMac)?;
    let last = inner.iter().rposition(|byte| *byte != 0).ok_or(TlsError::UnexpectedMessage)?;
    match inner.get(last).copied() {
        // Only three types may be protected; a ChangeCipherSpec is none of them.
        Some(kind @ (ALERT | HANDSHAKE | APPLICATION_DATA)) => Ok((kind, last)),
        _ => Err(TlsError::UnexpectedMessage),
    }
}

/// What of `tx` is what.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// To be sent.
    sealed: Range<usize>,
    /// The length of the content, so far, of the record that begins where `sealed` ends.
    open: usize,
}

impl Outgoing {
    pub(crate) const EMPTY: Self = Self { sealed: 0..0, open: 0 };
    /// The shortest `tx` that works: a Finished message of the longest hash.
    pub(crate) const MIN_TX: usize = 256;

    pub(crate) fn pending(&self) -> Option<Range<usize>> {
        (!self.sealed.is_empty()).then(|| self.sealed.clone())
    }

    /// `len` of the pending bytes were sent.
    pub(crate) fn sent(&mut self, len: usize) {
        self.sealed.start = self.sealed.start.saturating_add(len).min(self.sealed.end);
        if self.sealed.is_empty() && self.open == 0 {
            self.sealed = 0..0;
        }
    }

    pub(crate) const fn has_open(&self) -> bool {
        self.open > 0
    }

    /// Bytes that a record of ours with type `kind` can still take.
    fn room(&self, tx: &[u8], limit: usize, reserved: usize) -> usize {
        let free = tx.len().saturating_sub(self.sealed.end).saturating_sub(OVERHEAD).saturating_sub(reserved);
        free.min(limit.saturating_sub(1)).saturating_sub(self.open)
    }

    /// How much content a new record can have; nothing while a record is open.
    pub(crate) fn room_for_content(&self, tx: &[u8], limit: usize) -> usize {
        if self.open > 0 { 0 } else { self.room(tx, limit, ALERT_ROOM) }
    }

    /// Takes data of the application into the open record: as much as fits.
    pub(crate) fn fill(&mut self, tx: &mut [u8], bytes: &[u8], limit: usize) -> usize {
        let len = self.room(tx, limit, ALERT_ROOM).min(bytes.len());
        let start = self.sealed.end.saturating_add(HEADER_LEN).saturating_add(self.open);
        if let (Some(place), Some(bytes)) = (tx.get_mut(start..start.saturating_add(len)), bytes.get(..len)) {
            place.copy_from_slice(bytes);
        }
        self.open = self.open.saturating_add(len);
        len
    }

    /// Protects the open record.
    pub(crate) fn seal(&mut self, tx: &mut [u8], suite: &dyn CipherSuite, keys: &mut Keys) -> Result<(), TlsError> {
        let len = core::mem::take(&mut self.open);
        if len == 0 {
            return Ok(());
        }
        self.append_written(tx, APPLICATION_DATA, len, Some((suite, keys)))
    }

    /// Forgets what was written and not protected yet.
    pub(crate) fn discard(&mut self) {
        self.open = 0;
    }

    /// Adds a record, protected if there are keys. No record may be open.
    ///
    /// # Errors
    /// [`TlsError::TxTooSmall`].
    pub(crate) fn append(
        &mut self,
        tx: &mut [u8],
        kind: u8,
        content: &[u8],
        protection: Option<(&dyn CipherSuite, &mut Keys)>,
    ) -> Result<(), TlsError> {
        let needed = self.sealed.end.saturating_add(OVERHEAD).saturating_add(content.len());
        let place = self.place(tx).get_mut(..content.len()).ok_or(TlsError::TxTooSmall { needed })?;
        place.copy_from_slice(content);
        self.append_written(tx, kind, content.len(), protection)
    }

    /// Where the content goes of the next record that [`append_written`](Self::append_written) adds.
    pub(crate) fn place<'t>(&self, tx: &'t mut [u8]) -> &'t mut [u8] {
        tx.get_mut(self.sealed.end.saturating_add(HEADER_LEN)..).unwrap_or_default()
    }

    /// Adds a record whose content is in its place already.
    pub(crate) fn append_written(
        &mut self,
        tx: &mut [u8],
        kind: u8,
        len: usize,
        protection: Option<(&dyn CipherSuite, &mut Keys)>,
    ) -> Result<(), TlsError> {
        let Some((suite, keys)) = protection else {
            let header = tx.get_mut(self.sealed.end..).and_then(<[u8]>::first_chunk_mut).ok_or(TlsError::Engine)?;
            *header = header_of(kind, len);
            self.sealed.end = self.sealed.end.saturating_add(HEADER_LEN).saturating_add(len);
            return Ok(());
        };
        let end = self.sealed.end.saturating_add(OVERHEAD).saturating_add(len);
        let record = tx.get_mut(self.sealed.end..end).ok_or(TlsError::TxTooSmall { needed: end })?;
        let (header, body) = record.split_first_chunk_mut::<HEADER_LEN>().ok_or(TlsError::Engine)?;
        *header = header_of(APPLICATION_DATA, body.len());
        let (inner, tag) = body.split_last_chunk_mut::<TAG_LEN>().ok_or(TlsError::Engine)?;
        *inner.last_mut().ok_or(TlsError::Engine)? = kind;
        let nonce = keys.nonce()?;
        *tag = suite.seal(keys.key(suite), &nonce, header, inner).ok_or(TlsError::Engine)?;
        self.sealed.end = end;
        Ok(())
    }

    /// Where the next record begins.
    pub(crate) const fn end(&self) -> usize {
        self.sealed.end
    }
}

/// The header of a record of ours (RFC 8446 §5.1).
fn header_of(kind: u8, len: usize) -> [u8; HEADER_LEN] {
    let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    [kind, 3, 3, high, low]
}
