//! The three abstractions an application can be generic over, and others can fill: a pool of sockets, a socket, and a
//! TLS context.
//!
//! They bear the names of the types that fill them here, the way a chip's `I2c` fills a trait called `I2c`:
//! [`crate::SocketPool`] over any [stack](crate::stack), its [`crate::Socket`], and `tls::TlsContext`, or
//! [`StackTls`](crate::pool::StackTls) over a modem that does TLS on board. [`Session`](crate::requests::Session) and
//! [`ConnectionManager`](crate::ConnectionManager) work with whatever fills them. The blocking face uses the same three,
//! over a pool whose timer is a [`BlockingTimer`](crate::time::BlockingTimer).
//!
//! # Examples
//!
//! An application that runs on any pool and any TLS:
//!
//! ```
//! use socketpool::{Error, requests::Session, traits};
//!
//! async fn temperature<'p, P, T>(pool: &'p P, tls: &'p T, buffer: &mut [u8]) -> Result<f32, Error>
//! where
//!     P: traits::SocketPool,
//!     T: traits::TlsContext<P::Socket<'p>>,
//! {
//!     let http = Session::new(pool, tls);
//!     http.get("https://api.example.com/temperature").send().await?.json(buffer).await
//! }
//! ```

use core::{net::SocketAddr, ops::DerefMut};

use embedded_io_async::{Read, Write};

use crate::{
    error::{Error, ErrorKind, Phase, Policy, Result},
    time::{Deadline, Timer},
};

/// A bounded number of sockets over one network, and the memory that exchanges over them need.
///
/// Every socket and every buffer goes back when it is dropped, whatever happened to it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pool of sockets",
    label = "not a `socketpool::traits::SocketPool`",
    note = "give a reference to a `socketpool::SocketPool`; its network has to be a `socketpool::stack::Stack`"
)]
pub trait SocketPool {
    /// A socket of this pool; its slot is free again when it is dropped.
    type Socket<'p>: Socket
    where
        Self: 'p;

    /// Memory for one exchange: a request is staged in it, the head of the response received into it.
    type Buffer<'p>: DerefMut<Target = [u8]>
    where
        Self: 'p;

    /// The right to one connection, before it is known which. A pool that keeps no connections can use its sockets.
    type Reserved<'p>
    where
        Self: 'p;

    /// The timer that deadlines are measured with.
    type Timer: Timer;

    /// The timer that deadlines are measured with.
    fn timer(&self) -> &Self::Timer;

    /// Takes all that is needed for a connection, together: what `need` says, and the right to a socket. When something of
    /// it is in use it may wait until `deadline`; it holds nothing while it waits. Nothing is connected yet.
    ///
    /// The second value is the memory, if `need` asks for it.
    ///
    /// # Errors
    /// [`ErrorKind::Exhausted`] with what there is none of.
    ///
    /// # Cancel safety
    /// Dropping the future takes nothing.
    async fn reserve(&self, need: Need, deadline: Deadline) -> Result<(Self::Reserved<'_>, Option<Self::Buffer<'_>>)>;

    /// A socket in the place that was reserved: an idle connection that was [kept](Socket::keep) under this key and is
    /// still good, and `true`; or else a socket that is not connected, and `false`. A pool that keeps nothing always gives
    /// the latter.
    ///
    /// # Cancel safety
    /// Dropping the future frees the place.
    async fn socket_in<'p>(&'p self, place: Self::Reserved<'p>, key: Option<Key<'_>>) -> (Self::Socket<'p>, bool);

    /// A socket that is not connected.
    ///
    /// # Errors
    /// As for [`reserve`](Self::reserve).
    ///
    /// # Cancel safety
    /// Dropping the future takes nothing.
    async fn socket(&self, deadline: Deadline) -> Result<Self::Socket<'_>> {
        let (place, _) = self.reserve(Need::default(), deadline).await?;
        Ok(self.socket_in(place, None).await.0)
    }
}

/// What a connection needs of a pool beside its socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Need {
    /// A TLS session of the pool: what [`TlsContext::takes_session`] says. A kept connection brings its own.
    pub tls_session: bool,
    /// Memory for one exchange.
    pub buffer: bool,
    /// Whether the caller has memory for an exchange already, and so keeps others waiting for it.
    pub has_buffer: bool,
}

/// A stream socket. What it reads and writes is the application's data, whether TLS lies below or not.
///
/// `read` returns `Ok(0)` only when the peer ended the stream in order; an end that may be an attack (TLS without
/// `close_notify`) is [`ErrorKind::Truncated`].
pub trait Socket: Read<Error = Error> + Write<Error = Error> + Sized {
    /// By when everything must be done that is asked of this socket from now on.
    fn set_deadline(&mut self, deadline: Deadline);

    /// Resolves `host` and opens a TCP connection to it.
    ///
    /// # Errors
    /// With phase `Resolve` or `Connect`.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt; the socket can be dropped or connected again.
    async fn connect(&mut self, host: &str, port: u16) -> Result<()>;

    /// Opens a TCP connection to an address.
    ///
    /// # Errors
    /// With phase `Connect`.
    ///
    /// # Cancel safety
    /// As for [`connect`](Self::connect).
    async fn connect_addr(&mut self, remote: SocketAddr) -> Result<()>;

    /// Gives the connection back to the pool, open, to be found again under `key`. One that cannot be used again (an
    /// operation on it was dropped half-way or failed) is closed instead. A pool that keeps nothing closes it.
    fn keep(self, key: Key<'_>) {
        let _ = key;
    }

    /// Closes in order: what was written is flushed, TLS says `close_notify`, TCP its FIN. Dropping a socket closes
    /// it too, but can wait for nothing.
    ///
    /// # Errors
    /// If the peer could not be told. The slot is free in any case.
    async fn close(self) -> Result<()>;
}

/// Instead of a TLS context: an `https` URL is refused, and nothing is sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTls;

impl<S> TlsContext<S> for NoTls {
    fn id(&self) -> TlsId {
        TlsId([0; 16])
    }

    fn takes_session(&self) -> bool {
        false
    }

    async fn connect(&self, _: &mut S, _: &str, _: u16) -> Result<()> {
        Err(NO_TLS)
    }

    async fn connect_addr(&self, _: &mut S, _: &str, _: SocketAddr) -> Result<()> {
        Err(NO_TLS)
    }
}

/// What refuses an `https` URL without a context.
const NO_TLS: Error = Error::new(Phase::Setup, ErrorKind::Policy(Policy::NoTlsContext));

/// What makes a socket of type `S` a verified TLS connection.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make connections of `{S}` verified ones",
    label = "not a `socketpool::traits::TlsContext` for these sockets",
    note = "a `socketpool::tls::TlsContext` does, if its random numbers are a `tls::Random` and its clock is \
            a `tls::TimeSource`; in a generic function write `T: TlsContext<P::Socket<'p>>`"
)]
pub trait TlsContext<S> {
    /// Which context this is. A kept connection is only ever found again under the context that verified it.
    fn id(&self) -> TlsId;

    /// Whether each connection takes a TLS session of the pool. Not so where TLS is not of the pool's making: on board of a
    /// modem, for example.
    fn takes_session(&self) -> bool;

    /// Connects `socket` to `host` with TLS, and verifies that it is `host` that answers.
    ///
    /// A TLS stack in software connects the socket and performs the handshake over it. A network that has TLS itself, a
    /// modem for example, opens the connection with TLS: it implements [`ConnectTls`](crate::stack::ConnectTls), and
    /// [`StackTls`](crate::pool::StackTls) is its context.
    ///
    /// # Errors
    /// With phase `Resolve`, `Connect` or `Handshake`. Not one byte of the application's was sent then.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt; the socket must be dropped after that.
    async fn connect(&self, socket: &mut S, host: &str, port: u16) -> Result<()>;

    /// The same, where the address of `host` is known already. It is only an address: the peer there has to prove that it
    /// is `host`.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    ///
    /// # Cancel safety
    /// As for [`connect`](Self::connect).
    async fn connect_addr(&self, socket: &mut S, host: &str, remote: SocketAddr) -> Result<()>;
}

/// Under what a kept connection is found again: it is only reused for the same host, port and session, with TLS only
/// by the context that verified it, and never with TLS for a request without or the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'k> {
    /// The host as the URL names it, lower case.
    pub host: &'k str,
    /// The port.
    pub port: u16,
    /// Sessions with different numbers do not share connections. CircuitPython's `session_id`.
    pub session_id: u32,
    /// The TLS context, or `None` for plain TCP.
    pub tls: Option<TlsId>,
}

/// Which TLS context verified a connection: one configuration of one context. Two contexts that trust, verify or show
/// anything differently must have different ones, or one would be given the connections of the other.
///
/// That of a `tls::TlsContext` is made of all it is, a pre-shared key among it, so `Debug` does not print it. For a TLS of
/// your own with one configuration, any constant will do.
// Aligned, so that it is copied and compared by words.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(align(4))]
pub struct TlsId(pub [u8; 16]);

impl core::fmt::Debug for TlsId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TlsId(..)")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for TlsId {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "TlsId(..)");
    }
}
