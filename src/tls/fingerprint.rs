//! Which context a context is, so that the pool never hands a connection that one of them verified to another, and no
//! ticket is used under another.
//!
//! It is the SHA-256, cut to 128 bits, of all that a context trusts, verifies, shows and offers, and of a number that the
//! program counts up. The number alone tells contexts apart, also two of equal content at one address, one after the other,
//! and two whose clock or signature algorithms differ, which have no content to look at. It is counted without a lock:
//! where a processor cannot count in one step (no compare-and-swap: Cortex-M0+), two cores that count at the same moment
//! can get the same number. Then the content tells the contexts apart. No random numbers are in it: a generator that is
//! cloned, seeded alike or dead changes nothing.
//!
//! Every structure is taken apart field by field here, without `..`: one that gets a new field does not compile until the
//! field is part of the identity. Everything of variable length goes in with its length, so that no two contents are one.
//!
//! Tickets last longer than the program and have no number: their [key](super::SessionKey) is made of the server's name and
//! port and of the content, without addresses.
//!
//! It costs one block of SHA-256 for each 64 bytes, once in the life of a context, and once per handshake where tickets are
//! kept. Mozilla's roots, 57 KB that are always the same in one program, go in by their name; in the key of a ticket, by the
//! last 32 bytes of each of their keys.

use core::sync::atomic::{AtomicUsize, Ordering};

use rustls_pki_types::{IpAddr, ServerName, SignatureVerificationAlgorithm, UnixTime};
use sha2::{Digest, Sha256};

use super::{
    Alpn, Identity, Psk, Roots,
    engine::Crypto,
    offer::Offer,
    pin::{Pin, PinMode},
    roots::TrustAnchor,
    verify::{RevocationPolicy, TimePolicy, VerifyPolicy},
};
use crate::traits::TlsId;

/// The next number.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Collects what a context is.
pub(super) struct Fingerprint {
    hash: Sha256,
    /// What holds in this run of the program only is left out: numbers of contexts and addresses.
    is_lasting: bool,
}

impl Fingerprint {
    /// Of the context with this [`number`].
    pub(super) fn new(number: usize, believes_anybody: bool) -> Self {
        let mut fingerprint = Self { hash: Sha256::new(), is_lasting: false };
        fingerprint.number(number);
        fingerprint.number(believes_anybody.into());
        fingerprint
    }

    /// Of a server, and a context that verifies it: the same after a restart, and another with another version of this
    /// crate, whose rules may be stricter.
    pub(super) fn of_ticket(name: &ServerName<'_>, port: u16) -> Self {
        let mut fingerprint = Self { hash: Sha256::new(), is_lasting: true };
        fingerprint.bytes(concat!("ticket ", env!("CARGO_PKG_VERSION")).as_bytes());
        match name {
            ServerName::DnsName(name) => {
                fingerprint.number(name.as_ref().len());
                name.as_ref().bytes().for_each(|byte| fingerprint.hash.update([byte.to_ascii_lowercase()]));
            }
            ServerName::IpAddress(IpAddr::V4(address)) => fingerprint.bytes(address.as_ref()),
            ServerName::IpAddress(IpAddr::V6(address)) => fingerprint.bytes(address.as_ref()),
            // There is no other.
            _ => {}
        }
        fingerprint.number(port.into());
        fingerprint
    }

    pub(super) fn finish(self) -> TlsId {
        let mut id = [0; 16];
        id.iter_mut().zip(self.hash.finalize()).for_each(|(byte, of_hash)| *byte = of_hash);
        TlsId(id)
    }

    pub(super) fn policy(mut self, policy: &VerifyPolicy<'_>) -> Self {
        let VerifyPolicy { roots, algorithms, max_work, max_intermediates, pins, pin_mode, crls, revocation, time } =
            *policy;
        self.roots(roots);
        self.list(algorithms.as_slice(), |this, algorithms| this.list(algorithms, |this, it| this.algorithm(*it)));
        self.number(max_work.into());
        self.number(max_intermediates.into());
        self.list(pins, Self::pin);
        self.number(match pin_mode {
            PinMode::BesidesChain => 0,
            PinMode::InsteadOfChain => 1,
        });
        self.list(crls, |this, crl| this.bytes(crl.der()));
        self.number(match revocation {
            RevocationPolicy::IfListed => 0,
            RevocationPolicy::Required => 1,
        });
        self.number(match time {
            TimePolicy::Strict => 0,
            TimePolicy::FloorOnly => 1,
        });
        self
    }

    /// By their code points, and by where they are, as the signature algorithms.
    pub(super) fn crypto(mut self, crypto: &Crypto) -> Self {
        let Crypto { suites, groups, signatures } = *crypto;
        self.list(suites, |this, suite| {
            this.number(suite.code().into());
            this.address(core::ptr::from_ref(*suite).addr());
        });
        self.list(groups, |this, group| {
            this.number(group.code().into());
            this.address(core::ptr::from_ref(*group).addr());
        });
        self.list(signatures, |this, algorithm| this.algorithm(*algorithm));
        self
    }

    pub(super) fn floor(mut self, floor: UnixTime) -> Self {
        self.bytes(&floor.as_secs().to_be_bytes());
        self
    }

    pub(super) fn offer(mut self, offer: &Offer<'_>) -> Self {
        let Offer { identity, psk, alpn } = *offer;
        // The signer is the key of the certificate.
        self.list(identity.as_slice(), |this, Identity { chain, signer: _ }| this.bytes(chain));
        self.list(psk.as_slice(), |this, Psk { identity, key }| {
            this.bytes(identity);
            this.bytes(key);
        });
        self.list(alpn.as_slice(), |this, Alpn(protocols)| this.list(protocols, |this, protocol| this.bytes(protocol)));
        self
    }

    fn roots(&mut self, roots: Roots<'_>) {
        let Roots { mozilla, public, own } = roots;
        // Either all of them or none, unless it is for longer than this program lasts.
        self.number(mozilla.len());
        if self.is_lasting {
            for key in mozilla.iter().map(|anchor| anchor.subject_public_key_info.as_ref()) {
                self.bytes(key.last_chunk::<32>().map_or(key, |last| last));
            }
        }
        self.list(public, Self::anchor);
        self.list(own, Self::anchor);
    }

    fn anchor(&mut self, anchor: &TrustAnchor<'_>) {
        let TrustAnchor { subject, public_key, name_constraints, dates } = *anchor;
        self.bytes(subject);
        self.bytes(public_key);
        self.list(name_constraints.as_slice(), |this, constraints| this.bytes(constraints));
        self.list(dates.as_slice(), |this, (not_before, not_after)| {
            this.bytes(&not_before.to_be_bytes());
            this.bytes(&not_after.to_be_bytes());
        });
    }

    /// By its names, and by where it is: two of one name may be two.
    fn algorithm(&mut self, algorithm: &dyn SignatureVerificationAlgorithm) {
        self.bytes(&algorithm.public_key_alg_id());
        self.bytes(&algorithm.signature_alg_id());
        self.address(core::ptr::from_ref(algorithm).addr());
    }

    fn pin(&mut self, pin: &Pin) {
        let (kind, hash) = match pin {
            Pin::LeafSpki(hash) => (0, hash),
            Pin::AnySpki(hash) => (1, hash),
            Pin::LeafCertificate(hash) => (2, hash),
        };
        self.number(kind);
        self.hash.update(hash);
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.number(items.len());
        items.iter().for_each(|each| item(self, each));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.hash.update(bytes);
    }

    /// The same number on every machine: of 64 bits.
    fn number(&mut self, number: usize) {
        self.hash.update((number as u64).to_be_bytes());
    }

    fn address(&mut self, address: usize) {
        if !self.is_lasting {
            self.number(address);
        }
    }
}

/// A number that no other context has.
pub(super) fn number() -> usize {
    #[cfg(target_has_atomic = "ptr")]
    return NEXT.fetch_add(1, Ordering::Relaxed);
    #[cfg(not(target_has_atomic = "ptr"))]
    {
        let number = NEXT.load(Ordering::Relaxed);
        NEXT.store(number.wrapping_add(1), Ordering::Relaxed);
        number
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::tls::verify::algorithms;

    /// The content alone, under one number: every pair differs, and nothing is taken for a part of its neighbour.
    #[test]
    fn contexts_of_one_number_differ_by_what_they_are() {
        let anchor = |subject, key| TrustAnchor::new(subject, key, None);
        let constrained = TrustAnchor::new(b"ab", b"c", Some(b""));
        let anchors = [[anchor(b"ab", b"c")], [anchor(b"a", b"bc")], [constrained]];
        let (pin, other, any) = ([Pin::LeafSpki([1; 32])], [Pin::LeafSpki([2; 32])], [Pin::AnySpki([1; 32])]);
        let ours = || VerifyPolicy::new(Roots::only(&anchors[0]));
        let policies = [
            ours(),
            ours().roots(Roots::only(&anchors[1])),
            ours().roots(Roots::only(&anchors[2])),
            ours().roots(Roots::public(&anchors[0])),
            ours().roots(Roots::NONE),
            ours().roots(Roots::MOZILLA),
            ours().roots(Roots::mozilla_and(&anchors[0])),
            ours().algorithms(&algorithms::ALL[..1]),
            ours().algorithms(&[]),
            ours().max_work(1),
            ours().max_intermediates(1),
            ours().pins(&pin),
            ours().pins(&other),
            ours().pins(&any),
            ours().pin_mode(PinMode::InsteadOfChain),
            ours().revocation(RevocationPolicy::Required),
            ours().time(TimePolicy::FloorOnly),
        ];
        let psk = |identity, key| Offer { psk: Psk::new(identity, key).ok(), ..Offer::default() };
        let alpn = |names| Offer { alpn: Alpn::new(names).ok(), ..Offer::default() };
        let offers = [
            Offer::default(),
            psk(b"a", &[1; 16]),
            psk(b"a\x01", &[1; 16]),
            psk(b"a", &[1; 17]),
            alpn(&[b"ab", b"c"]),
            alpn(&[b"a", b"bc"]),
        ];
        let mut ids = Vec::new();
        for policy in &policies {
            for offer in &offers {
                for (floor, anybody) in [(1, false), (2, false), (1, true)] {
                    let floor = UnixTime::since_unix_epoch(core::time::Duration::from_secs(floor));
                    let id = || Fingerprint::new(7, anybody).policy(policy).floor(floor).offer(offer).finish();
                    assert!(id() == id(), "one content, one identity");
                    ids.push(id().0);
                }
            }
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        assert_ne!(number(), number());
    }
}
