//! The TLS context: whom to trust, what time it is, and where randomness comes from.

use core::{
    cell::{Cell, RefCell},
    time::Duration,
};

use rustls_pki_types::UnixTime;

use super::{
    Alpn, Identity, Psk, RELEASE_DATE, Random, RandomError, Roots, TimeSource, TlsError,
    engine::Crypto,
    fingerprint::{self, Fingerprint},
    info::{Observe, TlsObserver},
    offer::{Offer, Peer},
    random::Watch,
    sessions::{Resume, SessionKey, SessionStore, Trust},
    verify::{TimePolicy, VerifyPolicy},
};
use crate::traits::TlsId;

/// Verifies servers. CircuitPython's `ssl.SSLContext`, as `ssl.create_default_context()` makes it: with Mozilla's
/// roots, and every certificate chain, host name and date checked. There is no way to turn that off.
///
/// One context serves any number of connections. What TLS 1.3 with this crate is, and what not, is on the page of the
/// [module](super).
///
/// # Examples
///
/// ```
/// use rustls_pki_types::UnixTime;
/// use socketpool::tls::{Now, TlsContext};
/// # use core::time::Duration;
/// # let mut trng = [7u8; 4096].into_iter();
/// # let rtc = || 1_800_000_000;
///
/// let rng = |bytes: &mut [u8]| bytes.fill_with(|| trng.next().unwrap()); // your chip's true random numbers
/// let clock = || Now::Trusted(UnixTime::since_unix_epoch(Duration::from_secs(rtc()))); // and its date
/// let tls = TlsContext::new(rng, clock);
/// ```
#[doc(alias = "SSLContext", alias = "create_default_context")]
pub struct TlsContext<'c, R, T> {
    random: RefCell<R>,
    clock: T,
    crypto: &'static Crypto,
    policy: VerifyPolicy<'c>,
    floor: UnixTime,
    offer: Offer<'c>,
    sessions: Option<&'static dyn Resume>,
    observer: Option<&'c dyn Observe>,
    /// Which context this is, once somebody has asked.
    id: Cell<Option<TlsId>>,
    #[cfg(feature = "dangerous-unverified-tls")]
    believes_anybody: bool,
}

impl<'c, R: Random, T: TimeSource> TlsContext<'c, R, T> {
    /// Trusts Mozilla's roots; takes the date from `clock` and every secret from `random`.
    #[must_use]
    #[inline(always)]
    #[doc(alias = "set_default_verify_paths")]
    pub fn new(random: R, clock: T) -> Self {
        Self {
            random: RefCell::new(random),
            clock,
            crypto: &Crypto::DEFAULT,
            policy: VerifyPolicy::new(Roots::MOZILLA),
            floor: UnixTime::since_unix_epoch(Duration::from_secs(RELEASE_DATE)),
            offer: Offer::default(),
            sessions: None,
            observer: None,
            id: Cell::new(None),
            #[cfg(feature = "dangerous-unverified-tls")]
            believes_anybody: false,
        }
    }

    /// Trusts these roots: your own instead of Mozilla's, or besides them.
    #[must_use]
    #[inline(always)]
    #[doc(alias = "load_verify_locations")]
    pub fn roots(mut self, roots: Roots<'c>) -> Self {
        self.policy.roots = roots;
        self.id = Cell::new(None);
        self
    }

    /// Uses these algorithms, and links no others: [`Crypto::DEFAULT`] unless you say otherwise, [`Crypto::SMALL`] to save
    /// flash, or a list of your own, with the engines of your chip in it.
    ///
    /// A [policy](Self::policy) that names signature algorithms has its own instead of these.
    ///
    /// # Examples
    /// ```
    /// use socketpool::tls::{Now, TlsContext, engine::Crypto};
    ///
    /// # let (rng, clock) = (|bytes: &mut [u8]| bytes.fill(4), || Now::Unknown);
    /// let tls = TlsContext::new(rng, clock).crypto(&Crypto::SMALL);
    /// ```
    #[must_use]
    #[inline(always)]
    pub fn crypto(mut self, crypto: &'static Crypto) -> Self {
        self.crypto = crypto;
        self.id = Cell::new(None);
        self
    }

    /// Verifies by these rules.
    #[must_use]
    pub fn policy(mut self, policy: VerifyPolicy<'c>) -> Self {
        self.policy = policy;
        self.id = Cell::new(None);
        self
    }

    /// Takes no date before this one for the truth; [`RELEASE_DATE`] unless you say otherwise. Your firmware's build date
    /// is better. An earlier one is for tests, whose certificates are of that time.
    #[must_use]
    pub fn floor(mut self, floor: UnixTime) -> Self {
        self.floor = floor;
        self.id = Cell::new(None);
        self
    }

    /// Shows this certificate to servers that ask for one (mutual TLS). Others do not see it.
    #[must_use]
    #[doc(alias = "load_cert_chain")]
    pub fn identity(mut self, identity: Identity<'c>) -> Self {
        self.offer.identity = Some(identity);
        self.id = Cell::new(None);
        self
    }

    /// Accepts only servers that know this key, instead of certificates: roots, [policy](Self::policy),
    /// [identity](Self::identity) and date play no part then.
    #[must_use]
    pub fn psk(mut self, psk: Psk<'c>) -> Self {
        self.offer.psk = Some(psk);
        self.id = Cell::new(None);
        self
    }

    /// Offers to speak these protocols inside TLS.
    #[must_use]
    #[doc(alias = "set_alpn_protocols")]
    pub fn alpn(mut self, alpn: Alpn<'c>) -> Self {
        self.offer.alpn = Some(alpn);
        self.id = Cell::new(None);
        self
    }

    /// Keeps tickets of servers that were verified in this store, and offers them when it connects again: such a handshake
    /// is short (RFC 8446 §2.2). A server that does not take its ticket is verified in full, on the same connection.
    ///
    /// Contexts can share a store: a ticket is only ever used for the same server under the same trust. The page of
    /// [`sessions`](super::sessions) tells when, and how a store outlives a deep sleep. With a [key](Self::psk) of your own
    /// there are no tickets.
    ///
    /// # Examples
    /// ```
    /// use socketpool::tls::{Now, Sessions, TlsContext};
    ///
    /// static SESSIONS: Sessions<4> = Sessions::new();
    ///
    /// # let (rng, clock) = (|bytes: &mut [u8]| bytes.fill(4), || Now::Unknown);
    /// let tls = TlsContext::new(rng, clock).sessions(&SESSIONS);
    /// ```
    #[must_use]
    #[inline(always)]
    pub fn sessions<S: SessionStore>(mut self, store: &'static S) -> Self {
        self.sessions = Some(store);
        self
    }

    /// Has this object see the certificates of every server, and the verdict on them: [`TlsObserver`].
    #[must_use]
    #[inline(always)]
    pub fn observer<O: TlsObserver>(mut self, observer: &'c O) -> Self {
        self.observer = Some(observer);
        self
    }

    /// For [`UnverifiedTlsContext`](super::dangerous::UnverifiedTlsContext), which lets nobody have it.
    #[cfg(feature = "dangerous-unverified-tls")]
    pub(super) fn believing_anybody(mut self) -> Self {
        self.believes_anybody = true;
        self.id = Cell::new(None);
        self
    }
}

impl<'c, R, T> TlsContext<'c, R, T> {
    /// Which context this is: drawn from no generator, but made of all that it trusts, verifies and shows, and of a number
    /// that no other context has.
    pub(crate) fn id(&self) -> TlsId {
        let id = self.id.get().unwrap_or_else(|| {
            let new = Fingerprint::new(fingerprint::number(), self.believes_anybody());
            new.crypto(self.crypto).policy(&self.policy).floor(self.floor).offer(&self.offer).finish()
        });
        self.id.set(Some(id));
        id
    }

    /// Whether a server need not prove who it is.
    pub(crate) fn believes_anybody(&self) -> bool {
        #[cfg(feature = "dangerous-unverified-tls")]
        return self.believes_anybody;
        #[cfg(not(feature = "dangerous-unverified-tls"))]
        false
    }

    /// The policy, which names its signature algorithms.
    pub(crate) fn verify_policy(&self) -> VerifyPolicy<'c> {
        self.policy.or_algorithms(self.crypto.signatures)
    }

    pub(crate) fn algorithms(&self) -> &'static Crypto {
        self.crypto
    }

    pub(crate) fn observed_by(&self) -> Option<&'c dyn Observe> {
        self.observer
    }

    pub(crate) fn offer(&self) -> &Offer<'c> {
        &self.offer
    }

    /// The store of tickets, and under what those of `peer` are. None where certificates are not what proves a server.
    pub(crate) fn resumption(&self, peer: &Peer<'_>, port: u16) -> Option<(&'static dyn Resume, SessionKey)> {
        let store = self.sessions.filter(|_| self.offer.psk.is_none() && !self.believes_anybody())?;
        let trust =
            Trust { peer, port, crypto: self.crypto, policy: &self.policy, floor: self.floor, offer: &self.offer };
        Some((store, store.key(&trust)))
    }
}

impl<'c, R, T: TimeSource> TlsContext<'c, R, T> {
    /// The date to check certificates against, and the policy to check them by.
    ///
    /// # Errors
    /// [`TlsError::TimeUnknown`].
    pub(crate) fn date_and_policy(&self) -> Result<(UnixTime, VerifyPolicy<'c>), TlsError> {
        let (date, time) = self.clock.now().judged(self.policy.time, self.floor).ok_or(TlsError::TimeUnknown)?;
        Ok((date, self.verify_policy().time(time)))
    }

    /// Whether a date judged like this is one that the clock said, and not the floor.
    pub(crate) fn is_known(&self, date: UnixTime, judged: &VerifyPolicy<'_>) -> bool {
        judged.time == TimePolicy::Strict || date > self.floor
    }
}

impl<R: Random, T> TlsContext<'_, R, T> {
    /// A draw of one handshake, which `watch` looks at.
    pub(crate) fn fill_random(&self, watch: &mut Watch, bytes: &mut [u8]) -> Result<(), RandomError> {
        watch.fill(&mut *self.random.borrow_mut(), bytes)
    }
}

impl<R, T> core::fmt::Debug for TlsContext<'_, R, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TlsContext").field("policy", &self.policy).field("offer", &self.offer).finish_non_exhaustive()
    }
}
