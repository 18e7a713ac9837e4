//! What a handshake needs of a context: random bytes, and a verdict on the server.

use core::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};

use super::{
    Alpn, Random, TimeSource, TlsContext, TlsError,
    engine::{Chain, ClientAuth, Config, Environment, Progress, PskOffer},
    offer::Peer,
    random::Watch,
    sessions::{self, Keeper, Resume, SessionKey, seconds},
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
    resumption: Option<Resumption>,
}

/// Where tickets of this server are, and for how long it need not be verified again.
struct Resumption {
    store: &'static dyn Resume,
    key: SessionKey,
    until: u32,
}

impl<'x, 'c: 'x, R: Random, T: TimeSource> Proof<'x, 'c, R, T> {
    /// # Errors
    /// [`TlsError::TimeUnknown`]: without a date no certificate proves anything, so the handshake need not begin.
    pub(super) fn new(context: &'x TlsContext<'c, R, T>, peer: &'x Peer<'x>, port: u16) -> Result<Self, TlsError> {
        let needs_no_date = context.offer().psk.is_some() || context.believes_anybody();
        let (now, policy) = match needs_no_date {
            true => (UnixTime::since_unix_epoch(Duration::ZERO), context.verify_policy()),
            false => context.date_and_policy()?,
        };
        // The age of a ticket counts, so there are none without a date.
        let resumption = context.resumption(peer, port).filter(|_| context.is_known(now, &policy));
        let resumption = resumption.map(|(store, key)| Resumption { store, key, until: 0 });
        let (watch, check) = (Watch::default(), ChainCheck::new());
        Ok(Self { context, peer, now, policy, watch, check, leaf: None, resumption })
    }

    /// Takes the ticket of this server out of the store, if there is one that may be used, and puts it at the very end of
    /// `rx`. Gives its length there.
    pub(super) fn take_ticket(&mut self, rx: &mut [u8]) -> usize {
        let now = seconds(self.now.as_secs());
        let offered = self.resumption.as_mut().and_then(|resumption| {
            let (len, until) = resumption.store.offer(&resumption.key, now, self.context.algorithms(), rx)?;
            resumption.until = until;
            Some(len)
        });
        offered.unwrap_or(0)
    }

    /// What keeps the tickets of the session, now that the server is proven.
    pub(super) fn keeper(&self) -> Option<Keeper> {
        let Resumption { store, key, until } = *self.resumption.as_ref()?;
        Some(Keeper { store, key, received: seconds(self.now.as_secs()), until })
    }

    /// What the handshake offers; `certificate` is that of the context's identity, `ticket` what
    /// [`take_ticket`](Self::take_ticket) gave, as long as it is there.
    pub(super) fn config<'y>(&self, certificate: &'y [&'y [u8]], ticket: &'y [u8]) -> Config<'y>
    where
        'x: 'y,
    {
        let offer = self.context.offer();
        let saved = self.resumption.as_ref().filter(|_| !ticket.is_empty());
        let saved = saved.and_then(|resumption| {
            resumption.store.read(ticket, seconds(self.now.as_secs()), self.context.algorithms())
        });
        Config {
            crypto: self.context.algorithms(),
            server_name: self.peer.sni,
            alpn: offer.alpn.map_or(&[], |Alpn(names)| names),
            psk: offer.psk.map(PskOffer::External).or(saved),
            identity: offer.identity.map(|identity| ClientAuth { chain: certificate, signer: identity.signer }),
            signatures: self.policy.named(),
            rx_to_come: ticket.len(),
            wants_tickets: self.resumption.is_some(),
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
        let (check, name) = (&mut self.check, &self.peer.name);
        let step = match self.context.observed_by() {
            None => check.step_named(&chain, name, self.now, &self.policy),
            Some(observer) => observer.step(check, &chain, name, self.now, &self.policy),
        };
        let verify::Progress::Done(verified) = step.map_err(TlsError::Certificate)? else { return Ok(Progress::Again) };
        self.leaf = Some(verified.leaf_key().map_err(TlsError::Certificate)?);
        if let Some(resumption) = &mut self.resumption {
            let not_after = chain.first().and_then(verify::not_after).unwrap_or(0);
            resumption.until = sessions::until(seconds(self.now.as_secs()), not_after);
        }
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
