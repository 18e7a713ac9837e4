//! What the server has proven so far.

use embedded_tls::{
    CertificateEntryRef, CertificateRef, CertificateVerifyRef, CryptoProvider, SignatureScheme,
    TlsError as EngineError, TlsVerifier,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};

use super::suite::Suite;
use crate::{
    error::ErrorKind,
    tls::{
        Random, TimeSource, TlsContext, TlsError,
        context::Peer,
        verify::{CertificateError, LeafKey, VerifyPolicy, verify_handshake_signature, verify_server_chain},
    },
};

/// The most certificates a server may send. The engine takes no more.
const LONGEST_CHAIN: usize = 16;

/// What the engine asks us for during one handshake: random bytes, and a verdict on what the server shows.
pub(super) struct Provider<'x, 'c, R, T> {
    context: &'x TlsContext<'c, R, T>,
    proof: Proof<'x, 'c>,
}

/// The server has to show a chain, and then a signature, each exactly once.
struct Proof<'x, 'c> {
    policy: VerifyPolicy<'c>,
    peer: &'x Peer<'x>,
    now: UnixTime,
    shown: Shown,
}

#[expect(clippy::large_enum_variant, reason = "there is one of these, on the handshake's own frame")]
enum Shown {
    Nothing,
    /// A chain that leads to a root, for the right name, at the right time. Its key, and what was said until then.
    Chain {
        leaf: LeafKey,
        transcript: Sha256,
    },
    /// And a signature over the handshake by the key of that chain.
    Signature,
    /// Something that was refused, or out of order.
    Wrong(TlsError),
}

impl<'x, 'c, R: Random, T: TimeSource> Provider<'x, 'c, R, T> {
    /// # Errors
    /// [`TlsError::TimeUnknown`]: without a date no proof is possible, so the handshake need not begin.
    pub(super) fn new(context: &'x TlsContext<'c, R, T>, peer: &'x Peer<'x>) -> Result<Self, ErrorKind> {
        let (now, policy) = context.date_and_policy().map_err(ErrorKind::Tls)?;
        Ok(Self { context, proof: Proof { policy, peer, now, shown: Shown::Nothing } })
    }

    /// Why the server was refused, if it was.
    pub(super) fn failure(&self) -> Option<ErrorKind> {
        match self.proof.shown {
            Shown::Wrong(error) => Some(ErrorKind::Tls(error)),
            _ => None,
        }
    }

    /// The verdict when the engine says that the handshake is over.
    pub(super) fn finish(self) -> Result<(), ErrorKind> {
        match self.proof.shown {
            Shown::Signature => Ok(()),
            Shown::Wrong(error) => Err(ErrorKind::Tls(error)),
            Shown::Nothing | Shown::Chain { .. } => Err(ErrorKind::Tls(TlsError::NotAuthenticated)),
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
        let verified = verify_server_chain(chain, &self.peer.name, self.now, &self.policy);
        verified.and_then(|verified| verified.leaf_key()).map_err(TlsError::Certificate)
    }

    fn judge_signature(
        &self,
        leaf: &LeafKey,
        transcript: Sha256,
        verify: &CertificateVerifyRef<'_>,
    ) -> Result<(), TlsError> {
        let scheme = code_point(verify.signature_scheme);
        let algorithms = self.policy.signature_algorithms();
        verify_handshake_signature(leaf, algorithms, scheme, &transcript.finalize(), verify.signature)
            .map_err(TlsError::Certificate)
    }

    /// Notes a step; tells the engine whether to go on.
    fn note(&mut self, step: Result<Shown, TlsError>) -> Result<(), EngineError> {
        let step = step.unwrap_or_else(Shown::Wrong);
        self.shown = step;
        if let Shown::Wrong(_) = self.shown { Err(EngineError::InvalidCertificate) } else { Ok(()) }
    }
}

impl TlsVerifier<Suite> for Proof<'_, '_> {
    fn set_hostname_verification(&mut self, _: &str) -> Result<(), EngineError> {
        Ok(()) // `peer` has it already, and an address as well
    }

    fn verify_certificate(&mut self, transcript: &Sha256, certificate: CertificateRef<'_>) -> Result<(), EngineError> {
        let step = match self.shown {
            Shown::Nothing => {
                self.judge_chain(&certificate.entries).map(|leaf| Shown::Chain { leaf, transcript: transcript.clone() })
            }
            Shown::Wrong(error) => Err(error),
            _ => Err(TlsError::UnexpectedMessage),
        };
        self.note(step)
    }

    fn verify_signature(&mut self, verify: CertificateVerifyRef<'_>) -> Result<(), EngineError> {
        let step = match &self.shown {
            Shown::Chain { leaf, transcript } => {
                self.judge_signature(leaf, transcript.clone(), &verify).map(|()| Shown::Signature)
            }
            Shown::Wrong(error) => Err(*error),
            _ => Err(TlsError::UnexpectedMessage),
        };
        self.note(step)
    }
}

impl<R: Random, T> CryptoProvider for Provider<'_, '_, R, T> {
    type CipherSuite = Suite;
    type Signature = [u8; 0];

    fn rng(&mut self) -> impl embedded_tls::CryptoRngCore {
        EngineRandom(self.context)
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Suite>, EngineError> {
        Ok(&mut self.proof)
    }
}

/// The context's random bytes, as the engine wants them.
struct EngineRandom<'x, 'c, R, T>(&'x TlsContext<'c, R, T>);

impl<R: Random, T> rand_core::RngCore for EngineRandom<'_, '_, R, T> {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_random(bytes);
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
        SignatureScheme::RsaPkcs1Sha256 => 0x0401,
        SignatureScheme::RsaPkcs1Sha384 => 0x0501,
        SignatureScheme::RsaPkcs1Sha512 => 0x0601,
        _ => 0,
    }
}
