//! A blocking socket: one slot of the pool in use.

use core::{net::SocketAddr, time::Duration};

use embedded_io::{BufRead, ErrorType, Read, ReadReady, Write};
use embedded_io_async::{BufRead as _, Write as _};

use super::stack::Stack;
use crate::{
    error::{Error, Result, SendAllError},
    pool::{self, Key, Shutdown},
    stack::{Connect, SocketOption},
    sync::{NoopRawMutex, RawMutex},
    time::{Deadline, run},
    traits,
};

/// A socket of a [`SocketPool`](super::SocketPool); its slot is free again when it is dropped. CircuitPython's `socketpool.Socket`; the
/// blocking twin of [`Socket`](crate::Socket).
///
/// It is also an embedded-io `Read`, `BufRead`, `ReadReady` and `Write`. After `TlsContext::wrap_socket_blocking` all of
/// this speaks TLS.
///
/// # Time-outs
/// What [`set_timeout`](Self::set_timeout) means, operation by operation; the same on both faces and over every stack:
///
/// | operation | `None` | `0` | some time |
/// |---|---|---|---|
/// | [`recv_into`](Self::recv_into), nothing there | waits | `WouldBlock` | `Timeout`, nothing lost |
/// | `recv_into`, the peer has ended the stream | 0 | 0 | 0 |
/// | [`Listener::accept`](super::Listener::accept), no client | waits | `WouldBlock` | `Timeout`, no client lost |
/// | [`connect`](Self::connect) | waits | `WouldBlock` | `Timeout`; the attempt is over |
/// | [`send`](Self::send), no room | waits | `WouldBlock` | `Timeout`, nothing sent |
/// | [`send_all`](Self::send_all), no room | waits | `WouldBlock`, and how much was sent | `Timeout`, and how much was sent |
pub struct Socket<'p, 's, S: Connect, const N: usize, R: RawMutex = NoopRawMutex>(
    pub(super) pool::Socket<'p, 's, S, N, R>,
);

impl<'p, 's, S: Stack + 's, const N: usize, R: RawMutex> Socket<'p, 's, S, N, R> {
    /// Does what the socket does, to its end.
    fn run<'a, W: Future + 'a>(
        &'a mut self,
        verb: impl FnOnce(&'a mut pool::Socket<'p, 's, S, N, R>) -> W,
    ) -> W::Output {
        run(self.0.timer(), verb(&mut self.0))
    }

    /// How long each operation may take from now on; for ever with `None`, which is the default. With no time at all it
    /// does what it can without waiting. The [table](Self#time-outs) says what happens then.
    #[doc(alias = "settimeout", alias = "setblocking")]
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.0.set_timeout(timeout);
    }

    /// By when everything must be done from now on.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.0.set_deadline(deadline);
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
    pub fn connect(&mut self, host: &str, port: u16) -> Result<()> {
        self.run(|socket| socket.connect(host, port))
    }

    /// The same, to an address: one of [`getaddrinfo`](super::SocketPool::getaddrinfo).
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub fn connect_addr(&mut self, remote: SocketAddr) -> Result<()> {
        self.run(|socket| socket.connect_addr(remote))
    }

    /// Says where to [listen](Self::listen): on this port, any free one for 0, of the local address `host`, or of all of
    /// them for `""`. Nothing is asked of the network yet.
    ///
    /// # Errors
    /// With phase `Listen`: [`ErrorKind::HostName`](crate::ErrorKind::HostName) if `host` is neither empty nor an address literal.
    pub fn bind(&mut self, host: &str, port: u16) -> Result<()> {
        self.0.bind(host, port)
    }

    /// Sets an option. [`ReuseAddress`](SocketOption::ReuseAddress) is for a socket that will [listen](Self::listen); the
    /// others are for one that is connected, before TLS wraps it.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected), or `Unsupported`, as [`ErrorKind::Io`](crate::ErrorKind::Io), if the stack does not have
    /// the option.
    #[doc(alias = "setsockopt")]
    pub fn set_option(&mut self, option: SocketOption) -> Result<()> {
        self.0.set_option(option)
    }

    /// The address of its peer.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected).
    #[doc(alias = "getpeername")]
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// Our address and port on its connection.
    ///
    /// # Errors
    /// With phase `Setup`: [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected), or `Unsupported`, as [`ErrorKind::Io`](crate::ErrorKind::Io), if the stack does not tell.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&mut self) -> Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Sends some of `bytes`, and says how many. They may wait in a buffer until [`flush`](Write::flush).
    ///
    /// # Errors
    /// With phase `Send`. After [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) or [`ErrorKind::WouldBlock`](crate::ErrorKind::WouldBlock) none of
    /// `bytes` was taken, and it can be tried again; after any other, close the socket.
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize> {
        self.run(|socket| socket.send(bytes))
    }

    /// Sends all of `bytes`, and flushes them onto the wire.
    ///
    /// # Errors
    /// With phase `Send`, and how many bytes were sent before, or over TLS taken: after a time-out go on with the others.
    /// As for [`send`](Self::send).
    #[doc(alias = "sendall")]
    pub fn send_all(&mut self, bytes: &[u8]) -> Result<(), SendAllError> {
        self.run(|socket| socket.send_all(bytes))
    }

    /// Receives at least one byte and says how many; 0 when the peer has ended the stream (or `buffer` is empty).
    ///
    /// # Errors
    /// With phase `Receive`. [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) and [`ErrorKind::WouldBlock`](crate::ErrorKind::WouldBlock) lose nothing: call again. Any other closes
    /// the connection; it is not followed by an end of the stream that could be taken for an orderly one.
    #[doc(alias = "recv")]
    pub fn recv_into(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.run(|socket| socket.recv_into(buffer))
    }

    /// What arrived, without taking it: copies some of it, and says how much; 0 when the peer has ended the stream. Takes
    /// an exchange buffer of the pool to keep it in, for as long as there is this socket.
    ///
    /// # Errors
    /// As for [`recv_into`](Self::recv_into), and with phase `Receive` [`ErrorKind::Exhausted`](crate::ErrorKind::Exhausted) if every exchange buffer is
    /// in use, [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if they have no room.
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.run(|socket| socket.peek(buffer))
    }

    /// Ends one direction, or both. A socket that was asked to is closed, not kept.
    ///
    /// The end of our direction is a FIN, and over TLS `close_notify` on a TCP connection that stays open (RFC 8446 §6.1):
    /// that works over every stack. Receiving goes on until the peer ends its own direction. The other way round, a socket
    /// that has received the peer's end can still send.
    ///
    /// # Errors
    /// With phase `Close`: [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected), also where an unknown part of what was to be sent has left: an
    /// orderly end behind it would be a lie; `Unsupported`, as [`ErrorKind::Io`](crate::ErrorKind::Io), if the stack can only close both sides.
    pub fn shutdown(&mut self, direction: Shutdown) -> Result<()> {
        self.run(|socket| socket.shutdown(direction))
    }

    /// Closes in order: sends what was written, `close_notify` under TLS, and a FIN where the stack can; waits for
    /// that a second at most. The slot is free afterwards in any case.
    ///
    /// # Errors
    /// With phase `Close`, if the peer could not be told.
    pub fn close(self) -> Result<()> {
        run(self.0.timer(), self.0.close())
    }
}

/// As a socket for code that both faces share.
impl<'s, S: Stack + 's, const N: usize, R: RawMutex> traits::Socket for Socket<'_, 's, S, N, R> {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.0.set_deadline(deadline);
    }

    fn connect(&mut self, host: &str, port: u16) -> impl Future<Output = Result<()>> {
        self.0.connect(host, port)
    }

    fn connect_addr(&mut self, remote: SocketAddr) -> impl Future<Output = Result<()>> {
        self.0.connect_addr(remote)
    }

    fn keep(self, key: Key<'_>) {
        self.0.keep(key);
    }

    fn close(self) -> impl Future<Output = Result<()>> {
        self.0.close()
    }
}

/// As a socket for code that both faces share.
impl<'s, S: Stack + 's, const N: usize, R: RawMutex> embedded_io_async::Read for Socket<'_, 's, S, N, R> {
    fn read(&mut self, buffer: &mut [u8]) -> impl Future<Output = Result<usize>> {
        self.0.recv_into(buffer)
    }
}

/// As a socket for code that both faces share.
impl<'s, S: Stack + 's, const N: usize, R: RawMutex> embedded_io_async::Write for Socket<'_, 's, S, N, R> {
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<usize>> {
        self.0.send(bytes)
    }

    fn flush(&mut self) -> impl Future<Output = Result<()>> {
        self.0.flush()
    }
}

impl<'s, S: Connect + 's, const N: usize, R: RawMutex> ErrorType for Socket<'_, 's, S, N, R> {
    type Error = Error;
}

/// [`recv_into`](Socket::recv_into) under its embedded-io name.
impl<'s, S: Stack + 's, const N: usize, R: RawMutex> Read for Socket<'_, 's, S, N, R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.recv_into(buffer)
    }
}

/// Reads ahead into an exchange buffer of the pool, which the socket keeps from then on. Errors as for
/// [`peek`](Socket::peek).
impl<'s, S: Stack + 's, const N: usize, R: RawMutex> BufRead for Socket<'_, 's, S, N, R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        self.run(|socket| socket.fill_buf())
    }

    fn consume(&mut self, len: usize) {
        self.0.consume(len);
    }
}

/// Whether a read would not have to wait: there are bytes, or the stream has ended. Reads ahead to find out, so takes an
/// exchange buffer of the pool as [`peek`](Socket::peek) does.
impl<'s, S: Stack + 's, const N: usize, R: RawMutex> ReadReady for Socket<'_, 's, S, N, R> {
    fn read_ready(&mut self) -> Result<bool> {
        embedded_io_async::ReadReady::read_ready(&mut self.0)
    }
}

/// [`send`](Socket::send) under its embedded-io name.
impl<'s, S: Stack + 's, const N: usize, R: RawMutex> Write for Socket<'_, 's, S, N, R> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.send(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.run(|socket| socket.flush())
    }
}

impl<'s, S: Connect + 's, const N: usize, R: RawMutex> core::fmt::Debug for Socket<'_, 's, S, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}
