//! A socket: one slot of the pool in somebody's hands.

use core::{
    net::{IpAddr, SocketAddr},
    pin::pin,
    time::Duration,
};

use embedded_io_async::{BufRead, ErrorType, Read, ReadReady, Write};

use super::{
    Buffer, Key, LINGER, NO_ANSWER, PoolLease, ROOM, Resting, SocketPool, Stream, Timeout,
    ahead::{ReadAhead, copy},
    local_host, may_try_another,
    stream::UNSUPPORTED,
    timeout::Patience,
};
use crate::{
    error::{Error, ErrorKind, Limit, Phase, Result, SendAllError},
    stack::{Connect, ConnectTls, ConnectTlsError, Connection as _, Family, Local, SocketOption, Stack, TlsServer},
    sync::{NoopRawMutex, RawMutex},
    time::{Deadline, poll_once},
    traits,
};

/// A socket of a [`SocketPool`]; its slot is free again when it is dropped. CircuitPython's `socketpool.Socket`.
///
/// It is also an embedded-io-async `Read`, `BufRead`, `ReadReady` and `Write`. After
/// [`TlsContext::wrap_socket`](crate::tls::TlsContext::wrap_socket) all of this speaks TLS.
///
/// # Time-outs
/// What [`set_timeout`](Self::set_timeout) means, operation by operation; the same on both faces and over every stack:
///
/// | operation | `None` | `0` | some time |
/// |---|---|---|---|
/// | [`recv_into`](Self::recv_into), nothing there | waits | `WouldBlock` | `Timeout`, nothing lost |
/// | `recv_into`, the peer has ended the stream | 0 | 0 | 0 |
/// | [`Listener::accept`](super::Listener::accept), nobody there | waits | `WouldBlock` | `Timeout`, nobody lost |
/// | [`connect`](Self::connect) | waits | `WouldBlock` | `Timeout`; the attempt is over |
/// | [`send`](Self::send), no room | waits | `WouldBlock` | `Timeout`, nothing sent |
/// | [`send_all`](Self::send_all), no room | waits | `WouldBlock`, and how much was sent | `Timeout`, and how much was sent |
///
/// # Cancel safety
/// Every method says what is left when its future is dropped. The same holds over TLS: what was taken to be sent and has
/// not left goes out first at the next send, flush or receive; a record that was received in part is gone on with.
pub struct Socket<'p, 's, S: Connect, const N: usize, R: RawMutex = NoopRawMutex> {
    pub(super) pool: &'p SocketPool<'s, S, N, R>,
    /// What was read ahead; in memory of the pool, lent when it is first needed.
    pub(super) ahead: Option<ReadAhead<Buffer<'p, 's, N, R>>>,
    pub(super) lease: PoolLease<'p, 's, S, N, R>,
    pub(super) timeout: Timeout,
    /// Where [`bind`](Self::bind) wants it.
    pub(super) local: Option<Local>,
    pub(super) reuse_address: bool,
    /// Nobody knows how much was sent, because something failed or a `send_all` was dropped: never to be kept, nothing more
    /// is sent.
    pub(super) torn: bool,
    /// A read of the [half that reads](super::ReadHalf) failed, and was the last.
    pub(super) read_torn: bool,
    /// We want to read no more.
    pub(super) read_ended: bool,
    /// We said that we write no more.
    pub(super) write_ended: bool,
    /// A direction was ended, or may have been, or both were split: never to be kept.
    pub(super) not_kept: bool,
}

/// Which direction of a connection. CircuitPython has no `shutdown`; POSIX calls them `SHUT_RD`, `SHUT_WR`, `SHUT_RDWR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Shutdown {
    /// From the peer to us. The peer is not told: TCP has no word for it.
    Read,
    /// From us to the peer, who reads the end of the stream.
    Write,
    /// Both.
    Both,
}

impl<'p, 's, S: Stack + 's, const N: usize, R: RawMutex> Socket<'p, 's, S, N, R> {
    pub(super) fn new(pool: &'p SocketPool<'s, S, N, R>, lease: PoolLease<'p, 's, S, N, R>) -> Self {
        Self {
            pool,
            ahead: None,
            lease,
            timeout: Timeout::Each(None),
            local: None,
            reuse_address: false,
            torn: false,
            read_torn: false,
            read_ended: false,
            write_ended: false,
            not_kept: false,
        }
    }

    /// How long each operation may take from now on; for ever with `None`, which is the default. With no time at all it
    /// does what it can without waiting. The [table](Self#time-outs) says what happens then.
    #[doc(alias = "settimeout", alias = "setblocking")]
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = Timeout::Each(timeout);
    }

    /// By when everything must be done from now on.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.timeout = Timeout::Until(deadline);
    }

    /// Resolves `host` and opens a TCP connection to it. A connection that was open is closed.
    ///
    /// A name with several addresses is tried at one after the other, at four at most, each for a fair share of the time that
    /// is left and ten seconds at most; the last for all that is left. When every IPv4 address has failed before that, the
    /// name is asked for its IPv6 addresses, and they are tried (what RFC 8305 does, one after the other).
    ///
    /// # Errors
    /// With phase `Resolve` or `Connect`: that of the last address of the first family; the attempt is over then, and the
    /// socket can be connected again.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt.
    pub fn connect(&mut self, host: &str, port: u16) -> impl Future<Output = Result<()>> {
        async move {
            let patience = self.patience();
            self.disconnect();
            let (mut family, mut failure) = (Family::Any, NO_ANSWER);
            loop {
                let mut room = ROOM;
                let found = match self.pool.find(host, family, patience, &mut room).await {
                    Ok(found) => room.get(..found).unwrap_or(&room),
                    Err(unresolved) if family == Family::Any => return Err(unresolved),
                    Err(_) => return Err(failure),
                };
                let mut left = found.len();
                for address in found {
                    let share = patience.share(self.pool.network, left);
                    left -= 1;
                    if !family.has(*address) {
                        continue; // not every stack heeds it
                    }
                    let Err(error) = self.open(SocketAddr::new(*address, port), share).await else { return Ok(()) };
                    if family == Family::Any {
                        failure = error;
                    }
                    if !may_try_another(error) {
                        return Err(failure);
                    }
                }
                if family != Family::Any || found.iter().any(IpAddr::is_ipv6) {
                    return Err(failure);
                }
                family = Family::Ipv6;
            }
        }
    }

    /// The same, to an address: one of [`getaddrinfo`](SocketPool::getaddrinfo).
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    ///
    /// # Cancel safety
    /// As for [`connect`](Self::connect).
    pub fn connect_addr(&mut self, remote: SocketAddr) -> impl Future<Output = Result<()>> {
        async move {
            self.disconnect();
            self.open(remote, self.patience()).await
        }
    }

    fn open(&mut self, remote: SocketAddr, patience: Patience) -> impl Future<Output = Result<()>> {
        async move {
            let network = self.pool.network;
            let connected = match self.local {
                Some(_) => Err(UNSUPPORTED),
                None => patience.limit(network, pin!(network.connect(remote))).await,
            };
            let connection = connected.map_err(|kind| Error::new(Phase::Connect, kind))?;
            self.put(connection, Some(remote));
            Ok(())
        }
    }

    /// Opens a connection with the stack's own TLS.
    pub(super) fn open_tls(&mut self, server: TlsServer<'_>) -> impl Future<Output = Result<()>>
    where
        S: ConnectTls,
    {
        async move {
            self.disconnect();
            let (patience, network) = (self.patience(), self.pool.network);
            let mut outcome = Err(ConnectTlsError::Handshake(embedded_io_async::ErrorKind::Other));
            let connected = async {
                outcome = network.connect_tls(server).await;
                Ok::<_, ErrorKind>(())
            };
            patience.limit(network, pin!(connected)).await.map_err(|kind| Error::new(Phase::Connect, kind))?;
            self.put(outcome?, server.address.map(|address| SocketAddr::new(address, server.port)));
            Ok(())
        }
    }

    /// Closes what was open, without waiting.
    pub(super) fn disconnect(&mut self) {
        self.lease.disconnect();
        self.ahead = None;
    }

    /// Puts a connection into the slot. What is flushed is to leave at once: a request after the end of a handshake, or its body
    /// after its head, would wait for the peer to acknowledge what came before, which it puts off for 40 ms and more
    /// (RFC 9293 §3.7.4 and §3.8.6.3).
    pub(super) fn put(&mut self, mut connection: S::Connection<'s>, peer: Option<SocketAddr>) {
        let _ = connection.set_option(SocketOption::NoDelay(true));
        self.lease.connect(Stream::Plain(connection), peer);
        (self.torn, self.read_torn, self.not_kept) = (false, false, false);
        (self.read_ended, self.write_ended) = (false, false);
    }

    /// Says where to [listen](Self::listen): on this port, any free one for 0, of the local address `host`, or of all of
    /// them for `""`. Nothing is asked of the network yet.
    ///
    /// # Errors
    /// With phase `Listen`: [`ErrorKind::HostName`] if `host` is neither empty nor an address literal.
    pub fn bind(&mut self, host: &str, port: u16) -> Result<()> {
        self.local = Some(local_host(host, port)?);
        Ok(())
    }

    /// Sets an option. [`ReuseAddress`](SocketOption::ReuseAddress) is for a socket that will [listen](Self::listen); the
    /// others are for one that is connected, before TLS wraps it.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`], or `Unsupported`, as [`ErrorKind::Io`], if the stack does not have
    /// the option.
    #[doc(alias = "setsockopt")]
    pub fn set_option(&mut self, option: SocketOption) -> Result<()> {
        if let SocketOption::ReuseAddress(reuse) = option {
            self.reuse_address = reuse;
            return Ok(());
        }
        let stream = self.lease.connection().as_mut().ok_or(ErrorKind::NotConnected);
        stream.and_then(|stream| stream.set_option(option)).map_err(|kind| Error::new(Phase::Setup, kind))
    }

    /// Whom it is connected with.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`].
    #[doc(alias = "getpeername")]
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.lease.peer().ok_or(Error::new(Phase::Setup, ErrorKind::NotConnected))
    }

    /// Our address and port on its connection.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`], or `Unsupported`, as [`ErrorKind::Io`], if the stack does not tell.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&mut self) -> Result<SocketAddr> {
        let stream = self.lease.connection().as_mut().ok_or(ErrorKind::NotConnected);
        stream.and_then(|stream| stream.local_addr()).map_err(|kind| Error::new(Phase::Setup, kind))
    }

    /// Sends some of `bytes`, and says how many. They may wait in a buffer until [`flush`](Write::flush).
    ///
    /// # Errors
    /// With phase `Send`. After [`ErrorKind::Timeout`] or [`ErrorKind::WouldBlock`] none of `bytes` was taken, and it can be
    /// tried again; after any other, close the socket.
    ///
    /// # Cancel safety
    /// Dropping the future takes none of `bytes`.
    pub fn send(&mut self, bytes: &[u8]) -> impl Future<Output = Result<usize>> {
        async move { self.exclusive(false, async |stream| stream.write(bytes).await).await }
    }

    /// Sends all of `bytes`, and flushes them onto the wire.
    ///
    /// # Errors
    /// With phase `Send`, and how many bytes were sent before, or over TLS taken: after a time-out go on with the others.
    /// As for [`send`](Self::send).
    ///
    /// # Cancel safety
    /// After dropping the future it is unknown how many bytes were sent: the socket sends nothing more. Where futures are
    /// dropped, use [`send`](Self::send), which tells.
    #[doc(alias = "sendall")]
    pub async fn send_all(&mut self, bytes: &[u8]) -> Result<(), SendAllError> {
        let mut sent = 0;
        let work = async |stream: &mut Resting<'s, S, R>| {
            while let Some(rest @ [_, ..]) = bytes.get(sent..) {
                sent += stream.write(rest).await?;
            }
            stream.flush().await
        };
        self.exclusive(true, work).await.map_err(|error| SendAllError { sent, error })
    }

    /// Receives at least one byte and says how many; 0 when the peer has ended the stream (or `buffer` is empty).
    ///
    /// # Errors
    /// With phase `Receive`. [`ErrorKind::Timeout`] and [`ErrorKind::WouldBlock`] lose nothing: call again. Any other closes
    /// the connection; it is not followed by an end of the stream that could be taken for an orderly one.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    #[doc(alias = "recv")]
    pub fn recv_into(&mut self, buffer: &mut [u8]) -> impl Future<Output = Result<usize>> {
        async move {
            if let Some(ahead) = self.ahead.as_mut().filter(|ahead| !ahead.is_empty()) {
                return Ok(ahead.take_into(buffer));
            }
            if self.read_ended || buffer.is_empty() {
                return Ok(0);
            }
            if self.read_torn {
                return Err(NOT_CONNECTED);
            }
            let patience = self.patience();
            let stream = self.lease.connection().as_mut().ok_or(NOT_CONNECTED)?;
            let received = patience.limit(self.pool.network, pin!(stream.read(buffer))).await;
            self.note(received)
        }
    }

    /// What arrived, without taking it: copies some of it, and says how much; 0 when the peer has ended the stream. Takes
    /// an exchange buffer of the pool to keep it in, for as long as there is this socket.
    ///
    /// # Errors
    /// As for [`recv_into`](Self::recv_into), and with phase `Receive` [`ErrorKind::Exhausted`] if every exchange buffer is
    /// in use, [`ErrorKind::TooLarge`] if they have no room.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    #[doc(alias = "MSG_PEEK")]
    pub async fn peek(&mut self, buffer: &mut [u8]) -> Result<usize> {
        Ok(copy(self.fill_buf().await?, buffer))
    }

    /// Ends one direction, or both. A socket that was asked to is closed, not kept.
    ///
    /// The end of our direction is a FIN, and over TLS `close_notify` on a TCP connection that stays open (RFC 8446 §6.1):
    /// that works over every stack. Receiving goes on until the peer ends its own direction. The other way round, a socket
    /// that has received the peer's end can still send.
    ///
    /// # Errors
    /// With phase `Close`: [`ErrorKind::NotConnected`], also where an unknown part of what was to be sent has left: an
    /// orderly end behind it would be a lie; `Unsupported`, as [`ErrorKind::Io`], if the stack can only close both sides.
    ///
    /// # Cancel safety
    /// After dropping the future it is unknown whether the peer was told; over TLS, call it again to go on.
    pub async fn shutdown(&mut self, direction: Shutdown) -> Result<()> {
        let patience = self.patience();
        let error = |kind| Error::new(Phase::Close, kind);
        let stream = self.lease.connection().as_mut().ok_or(error(ErrorKind::NotConnected))?;
        self.not_kept = true;
        if direction != Shutdown::Read && !self.write_ended {
            if self.torn {
                return Err(error(ErrorKind::NotConnected));
            }
            let told = patience.limit(self.pool.network, pin!(stream.close_write())).await;
            told.map_err(error)?;
            self.write_ended = true;
        }
        self.read_ended |= direction != Shutdown::Write;
        Ok(())
    }

    /// Closes in order: sends what was written, `close_notify` under TLS, and a FIN where the stack can; waits for
    /// that a second at most. The slot is free afterwards in any case.
    ///
    /// # Errors
    /// With phase `Close`, if the peer could not be told.
    pub async fn close(mut self) -> Result<()> {
        self.shut_down().await
    }

    /// What [`close`](Self::close) does, with the slot kept.
    pub(super) fn shut_down(&mut self) -> impl Future<Output = Result<()>> {
        async move {
            let network = self.pool.network;
            let linger = Deadline::at(network.now().after(LINGER));
            let outcome = match self.lease.connection() {
                Some(stream) if !self.torn => linger.limit(network, pin!(stream.shutdown())).await,
                _ => Some(Ok(())),
            };
            self.disconnect();
            outcome.unwrap_or(Err(ErrorKind::Timeout)).map_err(|kind| Error::new(Phase::Close, kind))
        }
    }

    /// Closes in order what was idle in the slot.
    pub(super) fn vacate(&mut self) -> impl Future<Output = ()> {
        async move {
            self.lease.evict();
            if self.lease.connection().is_some() {
                debug!("pool: closing the longest idle connection for its slot");
                let _ = self.shut_down().await;
            }
        }
    }

    /// The slot, with nothing in it.
    pub(super) fn into_slot(mut self) -> PoolLease<'p, 's, S, N, R> {
        self.disconnect();
        self.lease
    }

    /// The slot's content, for the TLS context that wraps it.
    #[cfg(feature = "tls")]
    pub(super) fn stream(&mut self) -> &mut Option<Resting<'s, S, R>> {
        self.lease.connection()
    }

    /// The stack, for the verbs that wait.
    #[cfg(feature = "blocking")]
    pub(crate) fn timer(&self) -> &'s S {
        self.pool.network
    }

    pub(super) fn patience(&self) -> Patience {
        self.timeout.begin(self.pool.network)
    }

    /// What became of a read. One that failed was the last: some stacks would report the end of the stream after it.
    fn note(&mut self, received: Result<usize, ErrorKind>) -> Result<usize> {
        if received.is_err_and(|kind| !matches!(kind, ErrorKind::Timeout | ErrorKind::WouldBlock)) {
            self.disconnect();
        }
        received.map_err(|kind| Error::new(Phase::Receive, kind))
    }

    /// Sends something. If that fails, but for the time running out, the connection is torn; also if it is dropped half-way
    /// and that is `fragile`.
    fn exclusive<T>(
        &mut self,
        fragile: bool,
        work: impl AsyncFnOnce(&mut Resting<'s, S, R>) -> Result<T, ErrorKind>,
    ) -> impl Future<Output = Result<T>> {
        async move {
            let patience = self.patience();
            let error = |kind| Error::new(Phase::Send, kind);
            let stream = self.lease.connection().as_mut().ok_or(error(ErrorKind::NotConnected))?;
            if self.write_ended {
                return Err(error(ErrorKind::Io(embedded_io_async::ErrorKind::BrokenPipe)));
            }
            if self.torn {
                return Err(error(ErrorKind::NotConnected));
            }
            self.torn = fragile;
            let outcome = patience.limit(self.pool.network, pin!(work(stream))).await;
            self.torn = outcome.as_ref().is_err_and(|kind| !patience.ran_out(self.pool.network, *kind));
            outcome.map_err(error)
        }
    }
}

/// What a read of a socket without a connection reports.
pub(crate) const NOT_CONNECTED: Error = Error::new(Phase::Receive, ErrorKind::NotConnected);

/// What reading ahead reports when exchange buffers have no bytes.
pub(crate) const NO_ROOM_AHEAD: Error =
    Error::new(Phase::Receive, ErrorKind::TooLarge { what: Limit::ReadAhead, need: Some(1), have: 0 });

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> traits::Socket for Socket<'_, 's, S, N, R> {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.set_deadline(deadline);
    }

    fn connect(&mut self, host: &str, port: u16) -> impl Future<Output = Result<()>> {
        self.connect(host, port)
    }

    fn connect_addr(&mut self, remote: SocketAddr) -> impl Future<Output = Result<()>> {
        self.connect_addr(remote)
    }

    fn keep(self, key: Key<'_>) {
        let has_unread = self.ahead.is_some_and(|ahead| !ahead.is_empty());
        if !(self.torn || self.not_kept || has_unread) {
            self.lease.rest(key, self.pool.network.now());
        }
    }

    fn close(self) -> impl Future<Output = Result<()>> {
        self.close()
    }
}

impl<'s, S: Connect + 's, const N: usize, R: RawMutex> ErrorType for Socket<'_, 's, S, N, R> {
    type Error = Error;
}

/// [`recv_into`](Socket::recv_into) under its embedded-io name.
impl<'s, S: Stack + 's, const N: usize, R: RawMutex> Read for Socket<'_, 's, S, N, R> {
    fn read(&mut self, buffer: &mut [u8]) -> impl Future<Output = Result<usize>> {
        self.recv_into(buffer)
    }
}

/// Reads ahead into an exchange buffer of the pool, which the socket keeps from then on. Errors and cancel safety as for
/// [`peek`](Socket::peek).
impl<'s, S: Stack + 's, const N: usize, R: RawMutex> BufRead for Socket<'_, 's, S, N, R> {
    async fn fill_buf(&mut self) -> Result<&[u8]> {
        let patience = self.patience();
        let stream = self.lease.connection().as_mut().ok_or(NOT_CONNECTED)?;
        let ahead = match &mut self.ahead {
            Some(ahead) => ahead,
            none => {
                none.insert(ReadAhead::new(self.pool.lend_buffer().map_err(|error| error.in_phase(Phase::Receive))?))
            }
        };
        if ahead.is_empty() && !self.read_ended {
            if self.read_torn {
                return Err(NOT_CONNECTED);
            }
            if ahead.room().is_empty() {
                return Err(NO_ROOM_AHEAD);
            }
            let received = patience.limit(self.pool.network, pin!(stream.read(ahead.room()))).await;
            let received = self.note(received)?;
            if let Some(ahead) = &mut self.ahead {
                ahead.fill(received);
            }
        }
        Ok(self.ahead.as_ref().map_or(&[], ReadAhead::bytes))
    }

    fn consume(&mut self, len: usize) {
        if let Some(ahead) = &mut self.ahead {
            ahead.consume(len);
        }
    }
}

/// Whether a read would not have to wait: there are bytes, or the stream has ended. Reads ahead to find out, so takes an
/// exchange buffer of the pool as [`peek`](Socket::peek) does.
impl<'s, S: Stack + 's, const N: usize, R: RawMutex> ReadReady for Socket<'_, 's, S, N, R> {
    fn read_ready(&mut self) -> Result<bool> {
        let timeout = core::mem::replace(&mut self.timeout, Timeout::Each(Some(Duration::ZERO)));
        let ready = poll_once(self.fill_buf()).map(|filled| filled.map(|_| ()));
        self.timeout = timeout;
        match ready {
            None => Ok(false),
            Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Some(outcome) => outcome.map(|()| true),
        }
    }
}

/// [`send`](Socket::send) under its embedded-io name.
impl<'s, S: Stack + 's, const N: usize, R: RawMutex> Write for Socket<'_, 's, S, N, R> {
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<usize>> {
        self.send(bytes)
    }

    /// Sends what was taken and has not left.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: flush again.
    fn flush(&mut self) -> impl Future<Output = Result<()>> {
        async move { self.exclusive(false, async |stream| stream.flush().await).await }
    }
}

impl<'s, S: Connect + 's, const N: usize, R: RawMutex> core::fmt::Debug for Socket<'_, 's, S, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Socket").field("timeout", &self.timeout).field("torn", &self.torn).finish_non_exhaustive()
    }
}
