//! Tickets of earlier connections, kept so that the next handshake with the same server is short (RFC 8446 §2.2).
//!
//! A server that was verified can give the client a ticket. With it the next handshake needs no certificates and no
//! signature: both sides prove that they know a key of the earlier connection, besides a new Diffie-Hellman exchange
//! (`psk_dhe_ke`, so what was said stays secret if that key is lost). That takes a Cortex-M0+ 26 million instructions, where
//! a chain of three certificates with P-256 takes 91.
//!
//! [`Sessions`] keeps tickets in RAM, in a static of yours; for flash or another memory implement [`SessionStore`].
//! [`TlsContext::sessions`](super::TlsContext::sessions) says which one a context uses;
//! [`TlsInfo::is_resumed`](super::TlsInfo::is_resumed) tells whether a handshake was short.
//!
//! # Examples
//! ```
//! use socketpool::tls::{Now, Sessions, TlsContext};
//!
//! static SESSIONS: Sessions<4> = Sessions::new(); // tickets of four servers, 2.4 KB
//!
//! # let (rng, clock) = (|bytes: &mut [u8]| bytes.fill(4), || Now::Unknown);
//! let tls = TlsContext::new(rng, clock).sessions(&SESSIONS);
//! ```
//!
//! A device that sleeps without power for its RAM writes them out before, and reads them back after:
//! ```
//! use socketpool::tls::{Sessions, SessionsError};
//!
//! # static SESSIONS: Sessions<4> = Sessions::new();
//! let mut kept = [0; Sessions::<4>::MAX_STORED_LEN]; // in memory that outlives the sleep
//! let len = SESSIONS.write_to(&mut kept)?;
//! // … deep sleep …
//! if let Err(error) = SESSIONS.read_from(&kept[..len]) {
//!     // Nothing was read: the next handshakes are full ones.
//! #   panic!("{error}");
//! }
//! # Ok::<(), SessionsError>(())
//! ```
//!
//! # When a ticket is used
//! Once: it is taken out of the store when it is offered (RFC 8446 §C.4). A server that does not take it goes on with a
//! full handshake on the same connection, and its certificate is verified as ever.
//!
//! A ticket is found again only under its [`SessionKey`]: the same host name or address, the same port, and a context that
//! trusts, verifies, shows and offers the same: roots, pins, revocation lists, the rest of the
//! [policy](super::VerifyPolicy), algorithms, floor, client certificate, ALPN, and this crate's version. Whoever changes
//! one of them starts with full handshakes. Contexts that differ may so share a store. Algorithms are told apart by their
//! identifiers: a program that verifies with two implementations of one algorithm, and trusts one of them less, needs a
//! store for each. Of Mozilla's roots the last 32 bytes of every key go in.
//!
//! A ticket is used until the first of these has passed:
//! - the lifetime that the server gave it;
//! - seven days since the last handshake with certificates. Tickets that come in resumed connections inherit that time, so
//!   that the chain is verified (with its revocation) at least every seven days;
//! - the end of the server's certificate (`notAfter`).
//!
//! That needs a date. Where it is unknown, which only [`TimePolicy::FloorOnly`](super::verify::TimePolicy::FloorOnly)
//! allows, tickets are neither used nor kept, and none is used that seems to come from the future. A clock that says
//! [`Now::AtLeast`](super::Now::AtLeast) is believed, as it is for certificates; one that is late lets a ticket be used for
//! as much longer.
//!
//! One ticket is kept of each connection, and one for each key: the newest. Tickets longer than
//! [`MAX_TICKET_LEN`](SavedSession::MAX_TICKET_LEN) are not kept. With a [`Psk`](super::Psk) there are none.
//!
//! # What is secret
//! Whoever reads a store can pose as each of its servers to this device, and as the device to each of them, as long as the
//! tickets last; whoever writes to it can pose as any server. RAM that others cannot read needs no more. What is written to
//! flash is neither encrypted nor authenticated by this crate: [`write_to`](Sessions::write_to) adds a checksum that finds
//! accidents, not attackers. Keep it where the device's private key would be kept, or seal it with a key of yours.
//!
//! A ticket that was written out and is used afterwards is offered a second time when the old copy is read back. That lets
//! an observer see that it is the same device, and may cost a full handshake; nothing else. Erase the copy when it was read.
//!
//! # Not supported
//! Early data (0-RTT), `psk_ke`, several tickets for one server at a time.

use core::{cell::RefCell, fmt};

use embassy_sync::blocking_mutex::Mutex;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::{
    engine::{Crypto, PskOffer, Ticket},
    fingerprint::Fingerprint,
    offer::{Offer, Peer},
    verify::VerifyPolicy,
};
use crate::sync::{CriticalSectionRawMutex, RawMutex};

/// The longest that a chain need not be verified again, in seconds (RFC 8446 §4.6.1: the longest life of a ticket).
const WEEK: u32 = 604_800;

/// Under what a ticket is found again: the server's name and port, and all that the context trusts, verifies, shows and
/// offers, as 128 bits of a SHA-256. The same after a restart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionKey(pub [u8; 16]);

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

/// A ticket with its key and its dates, as the bytes that a [`SessionStore`] keeps. They are secret.
#[derive(Clone, Copy)]
pub struct SavedSession<'a> {
    head: &'a [u8],
    key: &'a [u8],
    ticket: &'a [u8],
}

impl SavedSession<'_> {
    /// The longest ticket that is kept, in bytes. Those of common servers have 32 to 300.
    pub const MAX_TICKET_LEN: usize = 512;
    /// The most bytes one can have.
    pub const MAX_LEN: usize = HEAD_LEN + 48 + Self::MAX_TICKET_LEN;

    /// How many bytes it has: at most [`MAX_LEN`](Self::MAX_LEN), never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub const fn len(&self) -> usize {
        self.head.len() + self.key.len() + self.ticket.len()
    }

    /// Copies it to the front of `out`, and gives its length; `None`, and nothing is written, if it does not fit.
    pub fn write_to(&self, out: &mut [u8]) -> Option<usize> {
        let mut rest = out.get_mut(..self.len())?;
        for part in [self.head, self.key, self.ticket] {
            let (place, behind) = rest.split_at_mut_checked(part.len())?;
            place.copy_from_slice(part);
            rest = behind;
        }
        Some(self.len())
    }
}

impl fmt::Debug for SavedSession<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedSession").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Keeps tickets for a [`TlsContext`](super::TlsContext::sessions): [`Sessions`] in RAM, or one of your own.
///
/// It may forget whatever it likes whenever it likes: a handshake without a ticket is a full one. It is called within a
/// handshake or a read and should not take long; one that writes to flash had better keep `put` in RAM and write later.
/// What it keeps is [secret](self).
///
/// # Examples
/// Room for one:
/// ```
/// use std::sync::Mutex;
/// use socketpool::tls::{SavedSession, SessionKey, SessionStore};
///
/// struct One(Mutex<Option<(SessionKey, Vec<u8>)>>);
///
/// impl SessionStore for One {
///     fn put(&self, key: &SessionKey, session: SavedSession<'_>) {
///         let mut bytes = vec![0; session.len()];
///         session.write_to(&mut bytes);
///         *self.0.lock().unwrap() = Some((*key, bytes));
///     }
///
///     fn take(&self, key: &SessionKey, into: &mut [u8]) -> Option<usize> {
///         let (_, bytes) = self.0.lock().unwrap().take_if(|(kept, _)| kept == key)?;
///         into.get_mut(..bytes.len())?.copy_from_slice(&bytes);
///         Some(bytes.len())
///     }
/// }
/// ```
pub trait SessionStore: Sync {
    /// Keeps this session under this key, in place of any other of that key: it is newer.
    fn put(&self, key: &SessionKey, session: SavedSession<'_>);

    /// Copies the session of this key to the front of `into`, forgets it, and gives its length; `None` if there is none.
    /// What was given once must not be given again: a ticket is used once.
    fn take(&self, key: &SessionKey, into: &mut [u8]) -> Option<usize>;
}

/// Tickets of up to `N` servers, in RAM: about 600 bytes for each. The oldest makes room for a new one.
///
/// It is for a static. Every ticket is overwritten when it is used, replaced or dropped. What guards it is `R`, by default
/// a critical section, held while one ticket is copied, or all of them to be written out; the program has to have an
/// implementation of the critical-section crate, as chip support brings it. The [module page](self) tells when tickets are
/// used, and what of this is secret.
///
/// A program that uses it takes 1.6 KB more flash on a Cortex-M0+ than one that does not.
pub struct Sessions<const N: usize, R: RawMutex = CriticalSectionRawMutex>(Mutex<R, RefCell<Entries<N>>>);

struct Entries<const N: usize> {
    entries: [Entry; N],
    /// The number of the last entry that was put.
    last: u32,
}

struct Entry {
    /// Entries are numbered as they come; 0 is none.
    number: u32,
    key: SessionKey,
    len: u16,
    bytes: [u8; SavedSession::MAX_LEN],
}

impl Entry {
    const EMPTY: Self = Self { number: 0, key: SessionKey([0; 16]), len: 0, bytes: [0; SavedSession::MAX_LEN] };

    fn is(&self, key: &SessionKey) -> bool {
        self.number != 0 && self.key == *key
    }

    fn session(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.number = 0;
        self.key.0.zeroize();
        self.len = 0;
        self.bytes.zeroize();
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.clear();
    }
}

impl<const N: usize> Entries<N> {
    /// The place for a session of this key: its own, or a free one, or the oldest. Empty.
    fn place(&mut self, key: &SessionKey) -> Option<&mut Entry> {
        let entry = self.entries.iter_mut().min_by_key(|entry| (!entry.is(key), entry.number))?;
        entry.clear();
        self.last = self.last.wrapping_add(1).max(1);
        (entry.number, entry.key) = (self.last, *key);
        Some(entry)
    }

    /// All, the oldest first.
    fn in_order(&self) -> impl Iterator<Item = &Entry> {
        let after = |number: u32| {
            self.entries.iter().filter(move |entry| entry.number > number).min_by_key(|entry| entry.number)
        };
        core::iter::successors(after(0), move |entry| after(entry.number))
    }
}

/// What [`Sessions::write_to`] begins with: a name, and the version of the format.
const MAGIC: [u8; 4] = *b"SPT\x01";
/// Before the sessions: name, version, how many there are.
const STORE_HEAD_LEN: usize = MAGIC.len() + 1;
/// Before each of them: key and length.
const ENTRY_HEAD_LEN: usize = 16 + 2;
/// Behind them: half a SHA-256 of what stands before.
const CHECKSUM_LEN: usize = 16;

impl<const N: usize, R: RawMutex> Sessions<N, R> {
    /// The most bytes that [`write_to`](Self::write_to) writes.
    pub const MAX_STORED_LEN: usize = STORE_HEAD_LEN + N * (ENTRY_HEAD_LEN + SavedSession::MAX_LEN) + CHECKSUM_LEN;

    /// Empty. `N` is 1 to 255.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N > 0 && N < 256, "room for 1 to 255 tickets") };
        Self(Mutex::new(RefCell::new(Entries { entries: [Entry::EMPTY; N], last: 0 })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Entries<N>) -> T) -> T {
        self.0.lock(|entries| work(&mut entries.borrow_mut()))
    }

    /// How many tickets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.with(|entries| entries.in_order().count())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all tickets: the next handshakes are full ones.
    pub fn clear(&self) {
        self.with(|entries| entries.entries.iter_mut().for_each(Entry::clear));
    }

    /// Writes all tickets to the front of `out`, to be [read back](Self::read_from) after a restart, and gives how many
    /// bytes that took: 21 without any, at most [`MAX_STORED_LEN`](Self::MAX_STORED_LEN). They stay in the store too.
    ///
    /// The bytes are [secret](self) and not encrypted.
    ///
    /// # Errors
    /// [`SessionsError::BufferTooSmall`]; nothing was written then.
    pub fn write_to(&self, out: &mut [u8]) -> Result<usize, SessionsError> {
        self.with(|entries| {
            let len_of = |entry: &Entry| ENTRY_HEAD_LEN + entry.session().len();
            let needed = STORE_HEAD_LEN + entries.in_order().map(len_of).sum::<usize>() + CHECKSUM_LEN;
            let out = out.get_mut(..needed).ok_or(SessionsError::BufferTooSmall { needed })?;
            let (content, checksum) = out.split_at_mut(needed - CHECKSUM_LEN);
            let mut rest = &mut content[..];
            let mut add = |part: &[u8]| {
                if let Some((place, behind)) = core::mem::take(&mut rest).split_at_mut_checked(part.len()) {
                    place.copy_from_slice(part);
                    rest = behind;
                }
            };
            add(&MAGIC);
            add(&[entries.in_order().count() as u8]);
            for entry in entries.in_order() {
                add(&entry.key.0);
                add(&entry.len.to_be_bytes());
                add(entry.session());
            }
            checksum.copy_from_slice(&checksum_of(content));
            Ok(needed)
        })
    }

    /// Takes back what [`write_to`](Self::write_to) wrote, in place of what is there. If there are more than `N`, the
    /// newest are kept. Which of them may still be used is decided when one is asked for.
    ///
    /// # Errors
    /// [`SessionsError::Version`] and [`SessionsError::Malformed`]; nothing was changed then.
    pub fn read_from(&self, bytes: &[u8]) -> Result<(), SessionsError> {
        let stored = Stored::check(bytes)?;
        self.with(|entries| {
            entries.entries.iter_mut().for_each(Entry::clear);
            stored.for_each(|(key, session)| {
                if let Some(entry) = entries.place(&key) {
                    entry.len = session.len() as u16;
                    entry.bytes.iter_mut().zip(session).for_each(|(place, byte)| *place = *byte);
                }
            });
        });
        Ok(())
    }
}

impl<const N: usize, R: RawMutex> SessionStore for Sessions<N, R>
where
    Self: Sync,
{
    fn put(&self, key: &SessionKey, session: SavedSession<'_>) {
        self.with(|entries| {
            if let Some(entry) = entries.place(key) {
                match session.write_to(&mut entry.bytes) {
                    Some(len) => entry.len = len as u16,
                    None => entry.clear(),
                }
            }
        });
    }

    fn take(&self, key: &SessionKey, into: &mut [u8]) -> Option<usize> {
        self.with(|entries| {
            let entry = entries.entries.iter_mut().find(|entry| entry.is(key))?;
            let session = entry.session();
            let len = session.len();
            let place = into.get_mut(..len);
            let is_taken = place.is_some();
            if let Some(place) = place {
                place.copy_from_slice(session);
            }
            entry.clear();
            is_taken.then_some(len)
        })
    }
}

impl<const N: usize, R: RawMutex> Default for Sessions<N, R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, R: RawMutex> fmt::Debug for Sessions<N, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("len", &self.len()).finish_non_exhaustive()
    }
}

fn checksum_of(content: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut checksum = [0; CHECKSUM_LEN];
    checksum.iter_mut().zip(Sha256::digest(content)).for_each(|(place, byte)| *place = byte);
    checksum
}

/// Sessions as they were written out.
#[derive(Clone)]
struct Stored<'b>(&'b [u8]);

impl<'b> Stored<'b> {
    /// Checks all of it.
    fn check(bytes: &'b [u8]) -> Result<Self, SessionsError> {
        let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(SessionsError::Malformed)?;
        let (magic, rest) = content.split_first_chunk::<4>().ok_or(SessionsError::Malformed)?;
        if magic[..3] != MAGIC[..3] || checksum_of(content) != *checksum {
            return Err(SessionsError::Malformed);
        }
        if magic[3] != MAGIC[3] {
            return Err(SessionsError::Version { version: magic[3] });
        }
        let (count, entries) = rest.split_first().ok_or(SessionsError::Malformed)?;
        let mut stored = Self(entries);
        let all = stored.by_ref().take(usize::from(*count));
        let is_whole = all.filter(|(_, session)| Saved::parse(session).is_some()).count() == usize::from(*count);
        if is_whole && stored.0.is_empty() { Ok(Self(entries)) } else { Err(SessionsError::Malformed) }
    }
}

impl<'b> Iterator for Stored<'b> {
    type Item = (SessionKey, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, rest) = self.0.split_first_chunk::<16>()?;
        let (len, rest) = rest.split_first_chunk::<2>()?;
        let (session, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        self.0 = rest;
        Some((SessionKey(*key), session))
    }
}

/// Why tickets could not be written out or read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SessionsError {
    /// The buffer to write to has to have so many bytes.
    BufferTooSmall {
        /// The bytes it needs.
        needed: usize,
    },
    /// Written by another version of this crate, in a format that this one does not know.
    Version {
        /// The version of the format.
        version: u8,
    },
    /// Not what was written: cut, changed, or something else altogether.
    Malformed,
}

impl fmt::Display for SessionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall { needed } => write!(f, "tickets need a buffer of {needed} bytes"),
            Self::Version { version } => write!(f, "tickets are stored in format {version}, this is {}", MAGIC[3]),
            Self::Malformed => f.write_str("stored tickets are damaged"),
        }
    }
}

impl core::error::Error for SessionsError {}

/// Version, length of the key, and four numbers.
const HEAD_LEN: usize = 2 + 4 * 4;
const SAVED_VERSION: u8 = 1;

/// A saved session, read. Dates are in seconds since 1970.
#[derive(Clone, Copy)]
struct Saved<'b> {
    received: u32,
    /// Until when it may be used.
    expires: u32,
    /// Until when nobody need be verified again.
    until: u32,
    age_add: u32,
    key: &'b [u8],
    ticket: &'b [u8],
}

impl<'b> Saved<'b> {
    fn parse(bytes: &'b [u8]) -> Option<Self> {
        let (&[version, key_len], rest) = bytes.split_first_chunk::<2>()?;
        let (numbers, rest) = rest.split_first_chunk::<16>()?;
        let [received, expires, until, age_add] =
            core::array::from_fn(|at| numbers.as_chunks::<4>().0.get(at).map_or(0, |bytes| u32::from_be_bytes(*bytes)));
        let (key, ticket) = rest.split_at_checked(usize::from(key_len))?;
        let is_known = version == SAVED_VERSION && matches!(key_len, 32 | 48);
        (is_known && (1..=SavedSession::MAX_TICKET_LEN).contains(&ticket.len())).then_some(Self {
            received,
            expires,
            until,
            age_add,
            key,
            ticket,
        })
    }
}

/// What a store is asked by a connection. The code of this is linked only where a store is.
pub(crate) trait Resume: Sync {
    /// The key of a server under a context.
    fn key(&self, trust: &Trust<'_>) -> SessionKey;

    /// Takes the ticket of `key`, if it may be used at `now`, and puts it at the very end of `rx`. Gives its length there,
    /// and until when the server need not be verified again.
    fn offer(&self, key: &SessionKey, now: u32, crypto: &Crypto, rx: &mut [u8]) -> Option<(usize, u32)>;

    /// What the end of `rx` says.
    fn read<'b>(&self, saved: &'b [u8], now: u32, crypto: &Crypto) -> Option<PskOffer<'b>>;

    /// Keeps a ticket that came. `false` if it cannot be kept.
    fn keep(&self, keeper: &Keeper, ticket: &Ticket, identity: &[u8]) -> bool;
}

/// All that a ticket depends on.
pub(crate) struct Trust<'x> {
    pub(crate) peer: &'x Peer<'x>,
    /// 0 if it is not known.
    pub(crate) port: u16,
    pub(crate) crypto: &'x Crypto,
    pub(crate) policy: &'x VerifyPolicy<'x>,
    pub(crate) floor: rustls_pki_types::UnixTime,
    pub(crate) offer: &'x Offer<'x>,
}

impl<S: SessionStore> Resume for S {
    fn key(&self, trust: &Trust<'_>) -> SessionKey {
        let Trust { peer, port, crypto, policy, floor, offer } = *trust;
        SessionKey(
            Fingerprint::of_ticket(&peer.name, port).crypto(crypto).policy(policy).floor(floor).offer(offer).finish().0,
        )
    }

    fn offer(&self, key: &SessionKey, now: u32, crypto: &Crypto, rx: &mut [u8]) -> Option<(usize, u32)> {
        let len = self.take(key, rx)?;
        let until = rx.get(..len).and_then(|saved| {
            self.read(saved, now, crypto)?;
            Some(Saved::parse(saved)?.until)
        });
        let end = rx.len().checked_sub(len)?;
        let is_usable = until.is_some() && end >= len.max(MIN_REST);
        if is_usable {
            rx.copy_within(..len, end);
        }
        rx.get_mut(..len)?.zeroize();
        until.filter(|_| is_usable).map(|until| (len, until))
    }

    fn read<'b>(&self, saved: &'b [u8], now: u32, crypto: &Crypto) -> Option<PskOffer<'b>> {
        let saved = Saved::parse(saved)?;
        if !(saved.received..saved.expires).contains(&now) {
            return None;
        }
        // Of any suite with its hash (RFC 8446 §4.2.11).
        let hash = crypto.suites.iter().map(|suite| suite.hash()).find(|hash| hash.output_len() == saved.key.len())?;
        let age = (now - saved.received).wrapping_mul(1000);
        let obfuscated_age = age.wrapping_add(saved.age_add);
        Some(PskOffer::Ticket { identity: saved.ticket, key: saved.key, hash, obfuscated_age })
    }

    fn keep(&self, keeper: &Keeper, ticket: &Ticket, identity: &[u8]) -> bool {
        let key = ticket.key.as_bytes();
        let expires = keeper.received.saturating_add(ticket.lifetime.min(WEEK)).min(keeper.until);
        if identity.len() > SavedSession::MAX_TICKET_LEN || expires <= keeper.received {
            return false;
        }
        let mut head = [SAVED_VERSION; HEAD_LEN];
        head[1] = key.len() as u8;
        let numbers = [keeper.received, expires, keeper.until, ticket.age_add];
        for (place, number) in head[2..].as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
            *place = number.to_be_bytes();
        }
        self.put(&keeper.key, SavedSession { head: &head, key, ticket: identity });
        true
    }
}

/// A receive buffer that has no more than this besides the ticket is too small for a ServerHello.
const MIN_REST: usize = 512;

/// What a connection knows of the tickets that it may get.
pub(crate) struct Keeper {
    pub(crate) store: &'static dyn Resume,
    pub(crate) key: SessionKey,
    /// The date of the handshake. A ticket that comes later counts as that old too: it is given up the earlier.
    pub(crate) received: u32,
    /// Until when the server need not be verified again.
    pub(crate) until: u32,
}

/// A date in 32 bits, which last until 2106.
pub(crate) fn seconds(date: u64) -> u32 {
    u32::try_from(date).unwrap_or(u32::MAX)
}

/// Until when a server that was verified now need not be verified again.
pub(crate) fn until(now: u32, not_after: u64) -> u32 {
    now.saturating_add(WEEK).min(seconds(not_after))
}
