//! Firmware that arrives whole, or not at all.
//!
//! An update is one file: an [`Offer`] of [`HEAD`] bytes, which its author signed, and behind it the image. What runs goes on
//! until all of the image is in the other slot of the flash and what can be read there has the SHA-256 of the offer.
//!
//! ```text
//!            not modified, or not newer
//!          ┌───────────────────────────────┐
//!          ▼                               │
//!   GET ──────▶ offer ──▶ signature ──▶ version ──▶ image ──▶ hash ──▶ start
//!    ▲             │          │                       │         │
//!    │             └──────────┴── refused ◀───────────┼─────────┘
//!    └── Range, If-Range ◀──── the connection ended ◀─┘
//! ```
//!
//! - A download that is cut goes on where it ended (RFC 9110 §14.2), if the server says with a strong entity tag that it
//!   is still the same (§13.1.5); without one, and when there is another file by now, it begins anew.
//! - Nothing is erased before the signature of the offer was checked. Length, range, entity tag and hash are each
//!   compared with what the offer says, and a difference is a [`Refusal`]: the old image stays, and the next try is at the next
//!   regular time, so that a server with a wrong file wears no flash.
//! - An offer that is no newer than what runs is none, whoever signed it: nobody can bring an old fault back.
//! - One key for one kind of device: an offer does not say what it is for.
//!
//! Not here: to go on after a power failure (the download begins anew), and to keep the image secret.

mod download;
mod offer;
mod slot;

use core::fmt;

/// The traits of `embedded-storage` that a slot speaks.
pub use embedded_storage::nor_flash;
use embedded_storage::nor_flash::NorFlashErrorKind;
use socketpool::{
    Error,
    traits::{SocketPool, TlsContext},
};

use self::download::Download;
pub use self::{
    offer::{HEAD, Offer, key},
    slot::{PAGE, RamFlash, Slot},
};
use crate::{Schedule, Tally, schedule::Failure};

/// Where updates come from, and whose they have to be.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file with the newest update.
    pub url: &'a str,
    /// The public key of its author (Ed25519, RFC 8032).
    pub key: &'a [u8; 32],
    /// What runs here.
    pub version: u32,
}

/// Why there was no update this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UpdateError {
    /// It did not arrive. The next try goes on where this one ended.
    Exchange(Error),
    /// It may not be installed.
    Refused(Refusal),
    /// The flash did not do what it should.
    Flash(NorFlashErrorKind),
}

/// What is wrong with an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refusal {
    /// The file does not begin with an offer.
    NoOffer,
    /// The author did not sign the offer.
    Signature,
    /// The image is larger than the slot.
    TooLarge,
    /// The server sends more or less than the author offered.
    Length,
    /// The server sends a part that was not asked for.
    Range,
    /// The server sends a part of another file.
    EntityTag,
    /// What is in flash is not what the author offered.
    Hash,
}

/// Looks at `source` by the schedule, puts a newer image into the slot, and starts it when it is whole.
///
/// What runs now is kept (see [`Slot::keep`]) as soon as it has got a valid offer or "not modified": then it can be
/// updated again.
pub async fn run<'p, P, T>(
    pool: &'p P,
    tls: &'p T,
    source: Source<'_>,
    slot: &mut impl Slot,
    schedule: Schedule<'_>,
) -> Tally
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
{
    let http = schedule.session(pool, tls);
    let (mut source, mut download) = (source, Download::new());
    let round = async || -> Result<(), UpdateError> {
        match download.round(&http, &source, slot).await? {
            Some(offer) => {
                info!("update: version {} is whole, and starts", offer.version);
                if let Err(kind) = slot.boot() {
                    download = Download::new();
                    return Err(UpdateError::Flash(kind));
                }
                source.version = offer.version;
            }
            None => info!("update: there is nothing newer than version {}", source.version),
        }
        Ok(())
    };
    schedule.run("update", pool.timer(), round).await
}

impl Failure for UpdateError {
    fn is_worth_another_try(&self) -> bool {
        matches!(self, Self::Exchange(_))
    }
}

impl From<Error> for UpdateError {
    fn from(error: Error) -> Self {
        Self::Exchange(error)
    }
}

impl From<Refusal> for UpdateError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(error) => error.fmt(f),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Flash(kind) => write!(f, "flash: {kind}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoOffer => "the file does not begin with an offer",
            Self::Signature => "the author did not sign this",
            Self::TooLarge => "the image is larger than the slot",
            Self::Length => "the server sends more or less than the author offered",
            Self::Range => "the server sends a part that was not asked for",
            Self::EntityTag => "the server sends a part of another file",
            Self::Hash => "what is in flash is not what the author offered",
        })
    }
}
