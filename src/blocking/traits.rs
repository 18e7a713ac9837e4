//! The blocking twins of the three [abstractions](crate::traits): a pool of sockets, a socket, and a TLS context.
//!
//! # Examples
//!
//! A driver that asks any pool, over any TLS, for one line:
//!
//! ```
//! use socketpool::{Error, blocking::{ConnectionManager, traits}, time::Deadline};
//! use embedded_io::{Read as _, Write as _};
//!
//! fn ask<'p, P, T>(pool: &'p P, tls: &T, line: &mut [u8]) -> Result<usize, Error>
//! where
//!     P: traits::SocketPool,
//!     T: traits::TlsContext<P::Socket<'p>>,
//! {
//!     let mut leased = ConnectionManager::new(pool).new_socket("example.com", 7, Some(tls), Deadline::NEVER)?;
//!     leased.socket.write_all(b"?\n")?;
//!     leased.socket.flush()?;
//!     leased.socket.read(line)
//! }
//! ```

use core::{net::SocketAddr, ops::DerefMut};

use embedded_io::{Read, Write};

pub use crate::traits::{Need, TlsId};
use crate::{
    error::{Error, Result},
    pool::Key,
    time::{Clock, Deadline, Instant},
};

/// A bounded number of sockets over one network, and the memory that exchanges over them need. The blocking twin of
/// [`SocketPool`](crate::traits::SocketPool).
///
/// Every socket and every buffer goes back when it is dropped, whatever happened to it.
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

    /// The clock that deadlines are measured with.
    type Clock: Clock;

    /// The clock that deadlines are measured with.
    fn clock(&self) -> &Self::Clock;

    /// Waits until `at`; at once if it has passed. Unless a pool knows a better way, it looks at its clock until then.
    fn wait_until(&self, at: Instant) {
        while self.clock().now() < at {
            core::hint::spin_loop();
        }
    }

    /// Takes all that is needed for a connection, together: what `need` says, and the right to a socket. When something of
    /// it is in use a pool that is shared between threads may wait until `deadline`; it holds nothing while it waits.
    /// Nothing is connected yet.
    ///
    /// The second value is the memory, if `need` asks for it.
    ///
    /// # Errors
    /// [`ErrorKind::Exhausted`](crate::ErrorKind::Exhausted) with what there is none of.
    fn reserve(&self, need: Need, deadline: Deadline) -> Result<(Self::Reserved<'_>, Option<Self::Buffer<'_>>)>;

    /// A socket in the place that was reserved: an idle connection that was [kept](Socket::keep) under this key and is
    /// still good, and `true`; or else a socket that is not connected, and `false`. A pool that keeps nothing always gives
    /// the latter.
    fn socket_in<'p>(&'p self, place: Self::Reserved<'p>, key: Option<Key<'_>>) -> (Self::Socket<'p>, bool);

    /// A socket that is not connected.
    ///
    /// # Errors
    /// As for [`reserve`](Self::reserve).
    fn socket(&self, deadline: Deadline) -> Result<Self::Socket<'_>> {
        let (place, _) = self.reserve(Need::default(), deadline)?;
        Ok(self.socket_in(place, None).0)
    }
}

/// A stream socket. What it reads and writes is the application's data, whether TLS lies below or not. The blocking
/// twin of [`Socket`](crate::traits::Socket).
///
/// `read` returns `Ok(0)` only when the peer ended the stream in order; an end that may be an attack (TLS without
/// `close_notify`) is [`ErrorKind::Truncated`](crate::ErrorKind::Truncated).
pub trait Socket: Read<Error = Error> + Write<Error = Error> + Sized {
    /// By when everything must be done that is asked of this socket from now on.
    fn set_deadline(&mut self, deadline: Deadline);

    /// Resolves `host` and opens a TCP connection to it.
    ///
    /// # Errors
    /// With phase `Resolve` or `Connect`; the socket can be connected again.
    fn connect(&mut self, host: &str, port: u16) -> Result<()>;

    /// Opens a TCP connection to an address.
    ///
    /// # Errors
    /// With phase `Connect`; the socket can be connected again.
    fn connect_addr(&mut self, remote: SocketAddr) -> Result<()>;

    /// Gives the connection back to the pool, open, to be found again under `key`. One that cannot be used again (an
    /// operation on it failed) is closed instead. A pool that keeps nothing closes it.
    fn keep(self, key: Key<'_>) {
        let _ = key;
    }

    /// Closes in order: what was written is flushed, TLS says `close_notify`, TCP its FIN. Dropping a socket closes
    /// it too, but waits for nothing.
    ///
    /// # Errors
    /// If the peer could not be told. The slot is free in any case.
    fn close(self) -> Result<()>;
}

/// What makes a socket of type `S` a verified TLS connection. The blocking twin of
/// [`TlsContext`](crate::traits::TlsContext).
pub trait TlsContext<S> {
    /// Which context this is. A kept connection is only ever found again under the context that verified it.
    fn id(&self) -> TlsId;

    /// Whether each connection takes a TLS session of the pool. Not so where TLS is not of the pool's making: on board of a
    /// modem, for example.
    fn takes_session(&self) -> bool {
        false
    }

    /// Connects `socket` to `host` with TLS, and verifies that it is `host` that answers.
    ///
    /// A TLS stack in software connects the socket and performs the handshake over it; a modem with TLS on board
    /// is told to open the connection with TLS.
    ///
    /// # Errors
    /// With phase `Resolve`, `Connect` or `Handshake`. Not one byte of the application's was sent then.
    fn connect(&self, socket: &mut S, host: &str, port: u16) -> Result<()>;

    /// The same, where the address of `host` is known already. It is only an address: who answers there has to prove that it
    /// is `host`.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    fn connect_addr(&self, socket: &mut S, host: &str, remote: SocketAddr) -> Result<()> {
        self.connect(socket, host, remote.port())
    }
}
