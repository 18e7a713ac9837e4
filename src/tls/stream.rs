//! TLS over any stream of bytes: our engine, driven.

use core::fmt;

use embedded_io_async::{BufRead, ErrorType, Read, Write};
use zeroize::Zeroize;

use super::{
    Alpn, Random, TimeSource, TlsContext, TlsInfo, TlsStreamError,
    driver::{Driver, Memory},
    engine::{Buffers, Session},
};

/// TLS 1.3 over any stream `IO` that implements embedded-io-async's `Read` and `Write`: a TCP connection, a modem, a pipe.
///
/// It reads and writes only between a successful [`connect`](Self::connect) and the end of each direction, and it reads
/// nothing but what a verified server sent. `'m` is the lifetime of the record buffers, which are overwritten when the
/// stream is dropped:
///
/// - `rx`: 16,406 bytes take whatever a server may send. With fewer, the server is asked for shorter records (RFC 8449);
///   one that does not comply is [`TlsError::RxTooSmall`](super::TlsError::RxTooSmall), and so is a certificate chain that does not fit.
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
/// # use socketpool::tls::{Random, TimeSource, TlsContext, TlsStream, TlsStreamError};
/// # use embedded_io_async::{Read, Write};
/// # async fn example<IO: Read + Write, R: Random, T: TimeSource>(
/// #     tcp: IO, context: &TlsContext<'static, R, T>,
/// # ) -> Result<(), TlsStreamError> {
/// let (mut rx, mut tx) = ([0; 16_406], [0; 1_536]); // better in a static
/// let mut stream = TlsStream::new(tcp, &mut rx, &mut tx);
/// stream.connect(context, "example.com").await?;
/// stream.write(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").await?;
/// stream.flush().await?;
/// # Ok(())
/// # }
/// ```
pub struct TlsStream<'m, IO> {
    driver: Driver<IO, Own<'m>>,
    alpn: Option<&'m [u8]>,
}

/// A session with record buffers of the caller's.
struct Own<'m> {
    session: Session,
    rx: &'m mut [u8],
    tx: &'m mut [u8],
}

impl Memory for Own<'_> {
    fn session(&self) -> &Session {
        &self.session
    }

    fn lend(&mut self) -> (&mut Session, Buffers<'_>) {
        (&mut self.session, Buffers { rx: self.rx, tx: self.tx })
    }

    fn begin_handshake(&mut self) -> Option<usize> {
        Some(self.rx.len())
    }

    fn end_handshake(&mut self) {}
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        self.rx.zeroize();
        self.tx.zeroize();
    }
}

impl<'m, IO: Read + Write> TlsStream<'m, IO> {
    /// A stream over `io` that has shaken no hands yet.
    pub const fn new(io: IO, rx: &'m mut [u8], tx: &'m mut [u8]) -> Self {
        Self { driver: Driver::new(io, Own { session: Session::new(), rx, tx }), alpn: None }
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
        self.connect_port(context, server_name, 0).await
    }

    /// The same, where the port is known that `io` is connected to. It plays no part but that
    /// [tickets](super::sessions) are only used for the same port; those of [`connect`](Self::connect) have none.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    ///
    /// # Cancel safety
    /// As for [`connect`](Self::connect).
    pub async fn connect_port<R: Random, T: TimeSource>(
        &mut self,
        context: &TlsContext<'m, R, T>,
        server_name: &str,
        port: u16,
    ) -> Result<(), TlsStreamError> {
        self.driver.connect(context, server_name, port).await?;
        let offered = context.offer().alpn.map_or(&[][..], |Alpn(names)| names);
        self.alpn = self.driver.session().alpn().and_then(|chosen| offered.get(chosen).copied());
        Ok(())
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
        self.driver.close().await?;
        self.driver.flush().await
    }

    /// The protocol that the server chose of those the context offered ([ALPN](Alpn)).
    #[must_use]
    pub const fn alpn(&self) -> Option<&'m [u8]> {
        self.alpn
    }

    /// What was agreed on; `None` before [`connect`](Self::connect) succeeded.
    #[must_use]
    pub fn info(&self) -> Option<TlsInfo> {
        self.driver.info()
    }

    /// The stream below. What is read or written there directly is lost to TLS: this is for its options.
    pub const fn get_mut(&mut self) -> &mut IO {
        self.driver.io()
    }

    /// Gives the stream below back. The peer is told nothing: [`close`](Self::close) first.
    pub fn into_inner(self) -> IO {
        self.driver.into_io()
    }
}

impl<IO> fmt::Debug for TlsStream<'_, IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("alpn", &self.alpn).finish_non_exhaustive()
    }
}

impl<IO> ErrorType for TlsStream<'_, IO> {
    type Error = TlsStreamError;
}

impl<IO: Read + Write> Read for TlsStream<'_, IO> {
    /// Reads what came; 0 at the end, which is [`TlsError::Truncated`](super::TlsError::Truncated) if the peer did not say so.
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, TlsStreamError> {
        self.driver.read(out).await
    }
}

impl<IO: Read + Write> BufRead for TlsStream<'_, IO> {
    async fn fill_buf(&mut self) -> Result<&[u8], TlsStreamError> {
        let range = self.driver.fill().await?;
        Ok(self.driver.data(range))
    }

    fn consume(&mut self, len: usize) {
        self.driver.consume(len);
    }
}

impl<IO: Read + Write> Write for TlsStream<'_, IO> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TlsStreamError> {
        self.driver.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), TlsStreamError> {
        self.driver.flush().await
    }
}
