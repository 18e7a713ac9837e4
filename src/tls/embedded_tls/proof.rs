//! What the server has proven so far.

use core::time::Duration;

use embedded_tls::{
    Certificate, CertificateEntryRef, CertificateRef, CertificateVerifyRef, CryptoProvider, SignatureScheme,
    TlsError as EngineError, TlsVerifier,
};
use p256::ecdsa::signature::{Error as SignatureError, SignerMut};
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};

use super::{
    guard::{Offered, Proven, Shared},
    suite::{Suite, read_note},
};
use crate::tls::{
    Random, TimeSource, TlsContext, TlsError,
    identity::{self, MAX_SIGNATURE_LEN, Signer},
    info::Observe,
    offer::Peer,
    random::Watch,
    verify::{CertificateError, ChainCheck, LeafKey, Progress, VerifyPolicy, verify_handshake_signature},
};

/// The most certificates a server may send. The engine takes no more.
const LONGEST_CHAIN: usize = 16;

/// What the engine asks us for during one handshake: random bytes, and a verdict on what the server shows.
pub(super) struct Provider<'x, 'c, R, T> {
    context: &'x TlsContext<'c, R, T>,
    shared: &'x Shared,
    watch: Watch,
    proof: Proof<'x, 'c>,
}

/// The server has to show a chain, and then a signature, each exactly once.
struct Proof<'x, 'c> {
    shared: &'x Shared,
    policy: VerifyPolicy<'c>,
    observer: Option<&'c dyn Observe>,
    peer: &'x Peer<'x>,
    now: UnixTime,
    /// The context is of the kind that takes whatever is shown for true.
    believes_anybody: bool,
    shown: Shown,
}

#[expect(clippy::large_enum_variant, reason = "there is one of these, on the handshake's own frame")]
enum Shown {
    Nothing,
    /// Nothing, and nothing may be: the server has to know our key, or its `Finished` does not fit.
    SharedKey,
    /// A chain that leads to a root, for the right name, at the right time. Its key, and what was said until then.
    Chain {
        leaf: LeafKey,
        transcript: Sha256,
    },
    /// Certificates that nobody looked at.
    Believed,
    /// And a signature over the handshake by the key of that chain.
    Signature,
    /// Something that was refused, or out of order.
    Wrong(TlsError),
}

impl<'x, 'c, R: Random, T: TimeSource> Provider<'x, 'c, R, T> {
    /// # Errors
    /// [`TlsError::TimeUnknown`]: without a date no certificate proves anything, so the handshake need not begin.
    pub(super) fn new(
        context: &'x TlsContext<'c, R, T>,
        peer: &'x Peer<'x>,
        shared: &'x Shared,
    ) -> Result<Self, TlsError> {
        let psk = context.offer().psk.is_some();
        let believes_anybody = context.believes_anybody();
        shared.psk.set(psk);
        shared.offered.set(Offered::new(context.offer().alpn));
        let no_date = (UnixTime::since_unix_epoch(Duration::ZERO), context.verify_policy());
        let ((now, policy), shown) = if psk {
            (no_date, Shown::SharedKey)
        } else if believes_anybody {
            (no_date, Shown::Nothing)
        } else {
            (context.date_and_policy()?, Shown::Nothing)
        };
        let observer = context.observed_by();
        let proof = Proof { shared, policy, observer, peer, now, believes_anybody, shown };
        shared.proven.set(proof.proven());
        Ok(Self { context, shared, watch: Watch::default(), proof })
    }

    /// Why the server was refused, if it was.
    pub(super) fn failure(&self) -> Option<TlsError> {
        match self.proof.shown {
            Shown::Wrong(error) => Some(error),
            _ => None,
        }
    }

    /// The verdict when the engine says that the handshake is over.
    pub(super) fn finish(self) -> Result<(), TlsError> {
        match self.proof.shown {
            Shown::Signature | Shown::SharedKey => Ok(()),
            Shown::Wrong(error) => Err(error),
            Shown::Nothing | Shown::Believed | Shown::Chain { .. } => Err(TlsError::NotAuthenticated),
        }
    }
}

impl Proof<'_, '_> {
    fn judge_chain(&self, entries: &[CertificateEntryRef<'_>]) -> Result<LeafKey, TlsError> {
        let mut chain = [const { CertificateDer::from_slice(&[]) }; LONGEST_CHAIN];
        for (place, entry) in chain.iter_mut().zip(entries) {
            let CertificateEntryRef::X509(der) = entry else {
                return Err(TlsError::Certificate(CertificateError::Malformed));
            };
            *place = CertificateDer::from_slice(der);
        }
        let chain = &chain[..entries.len().min(LONGEST_CHAIN)];
        let mut check = ChainCheck::new();
        loop {
            let (name, now, policy) = (&self.peer.name, self.now, &self.policy);
            let step = match self.observer {
                None => check.step_named(chain, name, now, policy),
                Some(observer) => observer.step(&mut check, chain, name, now, policy),
            };
            if let Progress::Done(verified) = step.map_err(TlsError::Certificate)? {
                return verified.leaf_key().map_err(TlsError::Certificate);
            }
        }
    }

    fn judge_signature(
        &self,
        leaf: &LeafKey,
        transcript: Sha256,
        verify: &CertificateVerifyRef<'_>,
    ) -> Result<(), TlsError> {
        let scheme = code_point(verify.signature_scheme);
        let algorithms = self.policy.named();
        verify_handshake_signature(leaf, algorithms, scheme, &transcript.finalize(), verify.signature)
            .map_err(TlsError::Certificate)
    }

    fn proven(&self) -> Proven {
        match self.shown {
            Shown::Nothing | Shown::Wrong(_) => Proven::Nothing,
            Shown::Believed | Shown::Chain { .. } => Proven::Certificate,
            Shown::Signature | Shown::SharedKey => Proven::Whole,
        }
    }

    /// Notes a step; tells the guard how far this is, and the engine whether to go on.
    fn note(&mut self, step: Result<Shown, TlsError>) -> Result<(), EngineError> {
        let step = step.unwrap_or_else(Shown::Wrong);
        self.shown = step;
        self.shared.proven.set(self.proven());
        if let Shown::Wrong(_) = self.shown { Err(EngineError::InvalidCertificate) } else { Ok(()) }
    }
}

impl TlsVerifier<Suite> for Proof<'_, '_> {
    fn set_hostname_verification(&mut self, _: &str) -> Result<(), EngineError> {
        Ok(()) // `peer` has it already, and an address as well
    }

    fn verify_certificate(&mut self, transcript: &Sha256, certificate: CertificateRef<'_>) -> Result<(), EngineError> {
        let step = match self.shown {
            Shown::Nothing if self.believes_anybody => Ok(Shown::Believed),
            Shown::Nothing => {
                self.judge_chain(&certificate.entries).map(|leaf| Shown::Chain { leaf, transcript: transcript.clone() })
            }
            Shown::Wrong(error) => Err(error),
            _ => Err(TlsError::UnexpectedMessage),
        };
        self.note(step)
    }

    fn verify_signature(&mut self, verify: CertificateVerifyRef<'_>) -> Result<(), EngineError> {
        if let Some(refusal) = read_note(&verify) {
            return self.note(Err(refusal));
        }
        let step = match &self.shown {
            Shown::Chain { leaf, transcript } => {
                self.judge_signature(leaf, transcript.clone(), &verify).map(|()| Shown::Signature)
            }
            Shown::Believed => Ok(Shown::Signature),
            Shown::Wrong(error) => Err(*error),
            _ => Err(TlsError::UnexpectedMessage),
        };
        self.note(step)
    }
}

impl<R: Random, T> CryptoProvider for Provider<'_, '_, R, T> {
    type CipherSuite = Suite;
    type Signature = Signature;

    fn rng(&mut self) -> impl embedded_tls::CryptoRngCore {
        EngineRandom { context: self.context, shared: self.shared, watch: &mut self.watch }
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Suite>, EngineError> {
        Ok(&mut self.proof)
    }

    /// Asked for if the server asks. Nobody gets to see who we are before the proof is whole. A server that is known by
    /// a key may not ask (RFC 8446 §4.3.2).
    fn client_cert(&mut self) -> Option<Certificate<impl AsRef<[u8]>>> {
        let refusal = match self.proof.shown {
            Shown::Signature => {
                return self.context.offer().identity.map(|identity| Certificate::X509(identity.certificate));
            }
            Shown::SharedKey => TlsError::UnexpectedMessage,
            _ => TlsError::NotAuthenticated,
        };
        self.shared.refusal.set(Some(refusal));
        None
    }

    fn signer(&mut self) -> Result<(impl SignerMut<Signature>, SignatureScheme), EngineError> {
        let identity = match self.proof.shown {
            Shown::Signature => self.context.offer().identity,
            _ => None,
        };
        let identity = identity.ok_or(EngineError::InvalidPrivateKey)?;
        let scheme = match identity.signer.scheme() {
            identity::SignatureScheme::EcdsaSecp256r1Sha256 => SignatureScheme::EcdsaSecp256r1Sha256,
            identity::SignatureScheme::Ed25519 => SignatureScheme::Ed25519,
        };
        Ok((EngineSigner { signer: identity.signer, shared: self.shared }, scheme))
    }
}

/// A signature of ours, as the engine wants it.
pub(super) struct Signature {
    bytes: [u8; MAX_SIGNATURE_LEN],
    len: usize,
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The identity's signer, as the engine wants it: it cannot fail, but once it did, nothing more is sent.
struct EngineSigner<'x> {
    signer: &'x dyn Signer,
    shared: &'x Shared,
}

impl SignerMut<Signature> for EngineSigner<'_> {
    fn try_sign(&mut self, message: &[u8]) -> Result<Signature, SignatureError> {
        let mut bytes = [0; MAX_SIGNATURE_LEN];
        let len = match self.signer.sign(message, &mut bytes) {
            Ok(len @ 1..=MAX_SIGNATURE_LEN) => len,
            _ => {
                self.shared.refusal.set(Some(TlsError::SignFailed));
                0
            }
        };
        Ok(Signature { bytes, len })
    }
}

/// The context's random bytes, as the engine wants them: it cannot be told that there are none, and draws until it has a key.
/// Once the generator failed or stands still it gets bytes that make one, and nothing is sent.
struct EngineRandom<'y, 'c, R, T> {
    context: &'y TlsContext<'c, R, T>,
    shared: &'y Shared,
    watch: &'y mut Watch,
}

impl<R: Random, T> rand_core::RngCore for EngineRandom<'_, '_, R, T> {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        if self.context.fill_random(self.watch, bytes).is_err() {
            self.shared.refusal.set(Some(TlsError::Random));
            bytes.fill(1); // not zero, and below the order of every group
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl<R: Random, T> rand_core::CryptoRng for EngineRandom<'_, '_, R, T> {}

/// The code points of RFC 8446 §4.2.3. One that the engine knows and we do not offer becomes 0, which nobody has.
fn code_point(scheme: SignatureScheme) -> u16 {
    match scheme {
        SignatureScheme::EcdsaSecp256r1Sha256 => 0x0403,
        SignatureScheme::EcdsaSecp384r1Sha384 => 0x0503,
        SignatureScheme::EcdsaSecp521r1Sha512 => 0x0603,
        SignatureScheme::RsaPssRsaeSha256 => 0x0804,
        SignatureScheme::RsaPssRsaeSha384 => 0x0805,
        SignatureScheme::RsaPssRsaeSha512 => 0x0806,
        SignatureScheme::Ed25519 => 0x0807,
        SignatureScheme::RsaPkcs1Sha1 => 0x0201,
        SignatureScheme::EcdsaSha1 => 0x0203,
        SignatureScheme::RsaPkcs1Sha256 => 0x0401,
        SignatureScheme::RsaPkcs1Sha384 => 0x0501,
        SignatureScheme::RsaPkcs1Sha512 => 0x0601,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{Psk, embedded_tls::guard::Guard};
    use embedded_tls::SignatureScheme as Scheme;

    /// With a shared key, a certificate and a request for one are refused; without anything of the kind, the key is proof
    /// enough, and no date is needed.
    #[test]
    fn with_a_shared_key_there_are_no_certificates() {
        let psk = Psk::new(b"device", &[7; 32]).unwrap();
        let context = TlsContext::new(|bytes: &mut [u8]| bytes.fill(1), || crate::tls::Now::Unknown).psk(psk);
        let peer = Peer::parse("localhost").unwrap();
        let provider = |shared| Provider::new(&context, &peer, shared).unwrap();

        let shared = Shared::new();
        assert_eq!(provider(&shared).finish(), Ok(()));
        assert!(shared.psk.get());

        let unexpected = TlsError::UnexpectedMessage;
        let mut shown = provider(&shared);
        let certificate = CertificateRef::with_context(&[]);
        shown.verifier().unwrap().verify_certificate(&Sha256::new(), certificate).unwrap_err();
        assert_eq!((shown.failure(), shown.finish()), (Some(unexpected), Err(unexpected)));

        let mut signed = provider(&shared);
        let verify = CertificateVerifyRef { signature_scheme: Scheme::Ed25519, signature: &[0; 64] };
        signed.verifier().unwrap().verify_signature(verify).unwrap_err();
        assert_eq!(signed.finish(), Err(unexpected));

        assert_eq!(Guard::new(&shared).may_write(), Ok(()));
        assert!(provider(&shared).client_cert().is_none());
        assert_eq!(shared.refusal.get(), Some(TlsError::UnexpectedMessage));
        assert!(Guard::new(&shared).may_write().is_err());
    }
}
