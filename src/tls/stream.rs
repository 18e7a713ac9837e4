//! TLS over any stream of bytes: our engine, driven.

use core::{fmt, future::poll_fn, ops::Range, task::Poll};

use embedded_io_async::{BufRead, Error as _, ErrorKind as Io, ErrorType, Read, Write};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use zeroize::Zeroize;

use super::{
    Alpn, Random, TimeSource, TlsContext, TlsError,
    context::Peer,
    engine::{Buffers, Chain, ClientAuth, Config, Crypto, Environment, Next, Progress, PskOffer, Session},
    random::Watch,
    verify::{
        self, CertificateError, ChainCheck, LeafKey, MAX_ALGORITHMS, MAX_CERTIFICATES, VerifyPolicy,
        verify_handshake_signature,
    },
};
use crate::time::poll_once;

/// TLS 1.3 over any stream `IO` that implements embedded-io-async's `Read` and `Write`: a TCP connection, a modem, a pipe.
///
/// It reads and writes only between a successful [`connect`](Self::connect) and the end of each direction, and it reads
/// nothing but what a verified server sent. `'m` is the lifetime of the record buffers, which are overwritten when the
/// stream is dropped:
///
/// - `rx`: 16,406 bytes take whatever a server may send. With fewer, the server is asked for shorter records (RFC 8449);
///   one that does not comply is [`TlsError::RxTooSmall`], and so is a certificate chain that does not fit.
/// - `tx`: at least 512 bytes; what is sent leaves in records of at most 46 bytes less.
///
/// Writes are collected until `tx` is full or [`flush`](Write::flush) is called. The last bytes of a handshake wait for
/// that too, so that they leave in one packet with the first request; a read sends them as well.
///
/// # Cancel safety
/// Every read, write, flush and close may be dropped at any await: nothing is lost, and the next call goes on where it
/// stopped. A write that was dropped has taken no bytes. A [`connect`](Self::connect) that was dropped is over.
///
/// # Examples
/// ```no_run
/// # use socketpool::tls::{Now, Random, TimeSource, TlsContext, TlsStream, TlsStreamError, engine::Crypto};
/// # use embedded_io_async::{Read, Write};
/// # async fn example<IO: Read + Write, R: Random, T: TimeSource>(
/// #     tcp: IO, context: &TlsContext<'static, R, T>,
/// # ) -> Result<(), TlsStreamError> {
/// let (mut rx, mut tx) = ([0; 16_406], [0; 1_536]); // better in a static
/// let mut stream = TlsStream::new(tcp, &mut rx, &mut tx, &Crypto::DEFAULT);
/// stream.connect(context, "example.com").await?;
/// stream.write(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").await?;
/// stream.flush().await?;
/// # Ok(())
/// # }
/// ```
pub struct TlsStream<'m, IO> {
    io: IO,
    session: Session<'m>,
    memory: Memory<'m>,
    alpn: Option<&'m [u8]>,
}

/// Record buffers, overwritten when they are given back.
struct Memory<'m> {
    rx: &'m mut [u8],
    tx: &'m mut [u8],
}

impl Memory<'_> {
    const fn lend(&mut self) -> Buffers<'_> {
        Buffers { rx: self.rx, tx: self.tx }
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        self.rx.zeroize();
        self.tx.zeroize();
    }
}

/// What a TLS connection agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TlsInfo {
    /// The cipher suite, by its name at IANA. The version is TLS 1.3, always.
    pub suite: &'static str,
    /// The group of the key exchange, by its name at IANA.
    pub group: &'static str,
    /// A ticket of an earlier connection made the handshake short.
    pub is_resumed: bool,
}

/// Why a TLS stream failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TlsStreamError {
    /// TLS failed, or the server did not prove who it is. This is final.
    Tls(TlsError),
    /// The stream below reported this.
    Io(Io),
}

impl From<TlsError> for TlsStreamError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl fmt::Display for TlsStreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::Io(kind) => write!(f, "the stream below TLS reported {kind:?}"),
        }
    }
}

impl core::error::Error for TlsStreamError {}

impl embedded_io_async::Error for TlsStreamError {
    fn kind(&self) -> Io {
        match self {
            Self::Tls(TlsError::Truncated) => Io::ConnectionReset,
            Self::Tls(TlsError::Closed) => Io::BrokenPipe,
            Self::Tls(_) => Io::InvalidData,
            Self::Io(kind) => *kind,
        }
    }
}

impl<'m, IO: Read + Write> TlsStream<'m, IO> {
    /// A stream over `io` that has shaken no hands yet.
    pub fn new(io: IO, rx: &'m mut [u8], tx: &'m mut [u8], crypto: &'m Crypto<'m>) -> Self {
        Self { io, session: Session::new(crypto), memory: Memory { rx, tx }, alpn: None }
    }

    /// Performs the handshake: the server proves that it is `server_name`, a DNS name or an IP address, by the rules of
    /// `context`.
    ///
    /// # Errors
    /// [`TlsStreamError`]; every one is final. Nothing of the application's was sent.
    ///
    /// # Cancel safety
    /// Not to be gone on with: every later call fails then.
    pub async fn connect<R: Random, T: TimeSource>(
        &mut self,
        context: &TlsContext<'m, R, T>,
        server_name: &str,
    ) -> Result<(), TlsStreamError> {
        let peer = Peer::parse(server_name)?;
        let offer = context.offer();
        let certificate = offer.identity.map(|identity| [identity.certificate]);
        let alpn = offer.alpn.map_or(&[][..], |Alpn(names)| names);
        // What both the policy and the program name.
        let named = self.session.crypto().signatures;
        let is_named = |algorithm: &&&dyn SignatureVerificationAlgorithm| {
            named.iter().any(|named| {
                named.public_key_alg_id() == algorithm.public_key_alg_id()
                    && named.signature_alg_id() == algorithm.signature_alg_id()
            })
        };
        let algorithms = context.verify_policy().signature_algorithms().iter().filter(is_named).copied();
        let algorithms: heapless::Vec<_, MAX_ALGORITHMS> = algorithms.take(MAX_ALGORITHMS).collect();
        let mut proof = Proof::new(context, &peer, &algorithms)?;
        let config = Config {
            server_name: peer.sni,
            alpn,
            psk: offer.psk.map(PskOffer::External),
            identity: offer
                .identity
                .zip(certificate.as_ref())
                .map(|(identity, certificate)| ClientAuth { chain: certificate, signer: identity.signer }),
            signatures: proof.policy.signature_algorithms(),
            wants_tickets: false,
            compatible: true,
        };
        if !self.session.is_new() {
            return Err(TlsError::NotAuthenticated.into());
        }
        loop {
            match self.session.handshake(&mut self.memory.lend(), &config, &mut proof) {
                Ok(Next::Ready) => break,
                next => self.turn(next).await?,
            };
        }
        self.alpn = self.session.alpn().and_then(|chosen| alpn.get(chosen).copied());
        Ok(())
    }

    /// Does what the session wants, unless that is for the caller to see.
    async fn turn(&mut self, next: Result<Next, TlsError>) -> Result<Option<Range<usize>>, TlsStreamError> {
        match next {
            Ok(Next::Data(range)) => return Ok(Some(range)),
            Ok(Next::Closed) => return Ok(Some(0..0)),
            Ok(Next::Send(range)) => self.send(range).await?,
            Ok(Next::Receive(range)) => {
                let room = self.memory.rx.get_mut(range).unwrap_or_default();
                match self.io.read(room).await.map_err(|error| TlsStreamError::Io(error.kind()))? {
                    0 => return Err(self.session.ended(&mut self.memory.lend()).into()),
                    received => self.session.received(received, &self.memory.lend()),
                }
            }
            Ok(Next::Yield) => rest().await,
            Ok(Next::Ready | Next::Ticket(_)) => {}
            Err(error) => {
                self.say_why();
                return Err(error.into());
            }
        }
        Ok(None)
    }

    /// Sends some of `tx`.
    async fn send(&mut self, range: Range<usize>) -> Result<(), TlsStreamError> {
        let bytes = self.memory.tx.get(range).unwrap_or_default();
        match self.io.write(bytes).await.map_err(|error| TlsStreamError::Io(error.kind()))? {
            0 => Err(TlsStreamError::Io(Io::WriteZero)),
            sent => {
                self.session.sent(sent);
                Ok(())
            }
        }
    }

    /// Sends the alert that a failed session has pending, if the stream takes it at once: nothing waits for that.
    fn say_why(&mut self) {
        while let Some(range) = self.session.pending() {
            let bytes = self.memory.tx.get(range).unwrap_or_default();
            match poll_once(self.io.write(bytes)) {
                Some(Ok(sent @ 1..)) => self.session.sent(sent),
                _ => return,
            }
        }
        _ = poll_once(self.io.flush());
    }

    /// The data that came, received first if there is none; empty at the end.
    async fn fill(&mut self) -> Result<Range<usize>, TlsStreamError> {
        loop {
            let next = self.session.next(&mut self.memory.lend());
            if let Some(range) = self.turn(next).await? {
                return Ok(range);
            }
        }
    }

    /// Sends everything that was written.
    async fn send_all(&mut self) -> Result<(), TlsStreamError> {
        loop {
            if let Err(error) = self.session.flush(&mut self.memory.lend()) {
                self.say_why();
                return Err(error.into());
            }
            match self.session.pending() {
                Some(range) => self.send(range).await?,
                None if self.session.is_flushed() => return Ok(()),
                None => {}
            }
        }
    }

    /// Ends our direction: what was written is sent, then `close_notify`. Reading goes on until the peer ends its own
    /// direction (RFC 8446 §6.1). The stream below stays as it is.
    ///
    /// # Errors
    /// What ended the session before, and what the stream below reports.
    ///
    /// # Cancel safety
    /// Call it again to go on.
    pub async fn close(&mut self) -> Result<(), TlsStreamError> {
        self.session.close(&mut self.memory.lend())?;
        self.send_all().await?;
        self.io.flush().await.map_err(|error| TlsStreamError::Io(error.kind()))
    }

    /// The protocol that the server chose of those the context offered ([ALPN](Alpn)).
    #[must_use]
    pub const fn alpn(&self) -> Option<&'m [u8]> {
        self.alpn
    }

    /// What was agreed on; `None` before [`connect`](Self::connect) succeeded.
    #[must_use]
    pub fn info(&self) -> Option<TlsInfo> {
        let (suite, group) = self.session.agreed()?;
        Some(TlsInfo { suite: suite.name(), group: group.name(), is_resumed: self.session.is_resumed() })
    }

    /// The stream below. What is read or written there directly is lost to TLS: this is for its options.
    pub const fn get_mut(&mut self) -> &mut IO {
        &mut self.io
    }

    /// Gives the stream below back. The peer is told nothing: [`close`](Self::close) first.
    pub fn into_inner(self) -> IO {
        self.io
    }
}

impl<IO> fmt::Debug for TlsStream<'_, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("session", &self.session).finish_non_exhaustive()
    }
}

impl<IO> ErrorType for TlsStream<'_, IO> {
    type Error = TlsStreamError;
}

impl<IO: Read + Write> Read for TlsStream<'_, IO> {
    /// Reads what came; 0 at the end, which is [`TlsError::Truncated`] if the peer did not say so.
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, TlsStreamError> {
        if out.is_empty() {
            return Ok(0);
        }
        let range = self.fill().await?;
        let data = self.memory.rx.get(range).unwrap_or_default();
        let len = data.len().min(out.len());
        if let (Some(place), Some(data)) = (out.get_mut(..len), data.get(..len)) {
            place.copy_from_slice(data);
        }
        self.session.consume(len);
        Ok(len)
    }
}

impl<IO: Read + Write> BufRead for TlsStream<'_, IO> {
    async fn fill_buf(&mut self) -> Result<&[u8], TlsStreamError> {
        let range = self.fill().await?;
        Ok(self.memory.rx.get(range).unwrap_or_default())
    }

    fn consume(&mut self, len: usize) {
        self.session.consume(len);
    }
}

impl<IO: Read + Write> Write for TlsStream<'_, IO> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TlsStreamError> {
        loop {
            let taken = self.session.encrypt(&mut self.memory.lend(), bytes)?;
            if taken > 0 || bytes.is_empty() {
                return Ok(taken);
            }
            self.send_all().await?;
        }
    }

    async fn flush(&mut self) -> Result<(), TlsStreamError> {
        self.send_all().await?;
        self.io.flush().await.map_err(|error| TlsStreamError::Io(error.kind()))
    }
}

/// Lets others work.
async fn rest() {
    let mut rested = false;
    poll_fn(|context| {
        if core::mem::replace(&mut rested, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What a handshake needs of a context: random bytes, and a verdict on the server.
struct Proof<'x, 'c, R, T> {
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
    fn new(
        context: &'x TlsContext<'c, R, T>,
        peer: &'x Peer<'x>,
        algorithms: &'x [&'x dyn SignatureVerificationAlgorithm],
    ) -> Result<Self, TlsError> {
        let needs_no_date = context.offer().psk.is_some() || context.believes_anybody();
        let (now, policy) = match needs_no_date {
            true => (UnixTime::since_unix_epoch(core::time::Duration::ZERO), *context.verify_policy()),
            false => context.date_and_policy()?,
        };
        let policy = policy.algorithms(algorithms);
        Ok(Self { context, peer, now, policy, watch: Watch::default(), check: ChainCheck::new(), leaf: None })
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
        let step = self.check.step(&chain, &self.peer.name, self.now, &self.policy).map_err(TlsError::Certificate)?;
        let verify::Progress::Done(verified) = step else { return Ok(Progress::Again) };
        self.leaf = Some(verified.leaf_key().map_err(TlsError::Certificate)?);
        Ok(Progress::Done)
    }

    fn signature(&mut self, scheme: u16, transcript_hash: &[u8], signature: &[u8]) -> Result<(), TlsError> {
        if self.context.believes_anybody() {
            return Ok(());
        }
        let leaf = self.leaf.take().ok_or(TlsError::NotAuthenticated)?;
        let algorithms = self.policy.signature_algorithms();
        verify_handshake_signature(&leaf, algorithms, scheme, transcript_hash, signature).map_err(TlsError::Certificate)
    }
}
