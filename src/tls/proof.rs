//! What a handshake needs of a context: random bytes, and a verdict on the server.

use core::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};

use super::{
    Alpn, Random, TimeSource, TlsContext, TlsError,
    context::Peer,
    engine::{Chain, ClientAuth, Config, Environment, Progress, PskOffer},
    random::Watch,
    verify::{self, CertificateError, ChainCheck, LeafKey, MAX_CERTIFICATES, VerifyPolicy, verify_handshake_signature},
};

/// The random numbers of a context, and its judgement of one server.
pub(super) struct Proof<'x, 'c, R, T> {
    context: &'x TlsContext<'c, R, T>,
    peer: &'x Peer<'x>,
    now: UnixTime,
    policy: VerifyPolicy<'x>,
    watch: Watch,
    check: ChainCheck,
    /// The key of the chain that was verified.
    leaf: Option<LeafKey>,
}

impl<'x, 'c: 'x, R: Random, T: TimeSource> Proof<'x, 'c, R, T> {
    /// # Errors
    /// [`TlsError::TimeUnknown`]: without a date no certificate proves anything, so the handshake need not begin.
    pub(super) fn new(context: &'x TlsContext<'c, R, T>, peer: &'x Peer<'x>) -> Result<Self, TlsError> {
        let needs_no_date = context.offer().psk.is_some() || context.believes_anybody();
        let (now, policy) = match needs_no_date {
            true => (UnixTime::since_unix_epoch(Duration::ZERO), context.verify_policy()),
            false => context.date_and_policy()?,
        };
        Ok(Self { context, peer, now, policy, watch: Watch::default(), check: ChainCheck::new(), leaf: None })
    }

    /// What the handshake offers; `certificate` is that of the context's identity.
    pub(super) fn config(&self, certificate: &'x [&'x [u8]]) -> Config<'x> {
        let offer = self.context.offer();
        Config {
            crypto: self.context.algorithms(),
            server_name: self.peer.sni,
            alpn: offer.alpn.map_or(&[], |Alpn(names)| names),
            psk: offer.psk.map(PskOffer::External),
            identity: offer.identity.map(|identity| ClientAuth { chain: certificate, signer: identity.signer }),
            signatures: self.policy.named(),
            wants_tickets: false,
            compatible: true,
        }
    }
}

impl<R: Random, T: TimeSource> Environment for Proof<'_, '_, R, T> {
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), TlsError> {
        self.context.fill_random(&mut self.watch, bytes).map_err(|_| TlsError::Random)
    }

    fn chain(&mut self, sent: Chain<'_>) -> Result<Progress, TlsError> {
        if self.context.believes_anybody() {
            return Ok(Progress::Done);
        }
        let mut chain = heapless::Vec::<_, MAX_CERTIFICATES>::new();
        for certificate in sent {
            let count = u8::try_from(sent.count()).unwrap_or(u8::MAX);
            let too_many = TlsError::Certificate(CertificateError::TooManyCertificates { count });
            chain.push(CertificateDer::from_slice(certificate)).map_err(|_| too_many)?;
        }
        let step =
            self.check.step_named(&chain, &self.peer.name, self.now, &self.policy).map_err(TlsError::Certificate)?;
        let verify::Progress::Done(verified) = step else { return Ok(Progress::Again) };
        self.leaf = Some(verified.leaf_key().map_err(TlsError::Certificate)?);
        Ok(Progress::Done)
    }

    fn signature(&mut self, scheme: u16, transcript_hash: &[u8], signature: &[u8]) -> Result<(), TlsError> {
        if self.context.believes_anybody() {
            return Ok(());
        }
        let leaf = self.leaf.take().ok_or(TlsError::NotAuthenticated)?;
        let algorithms = self.policy.named();
        verify_handshake_signature(&leaf, algorithms, scheme, transcript_hash, signature).map_err(TlsError::Certificate)
    }
}
