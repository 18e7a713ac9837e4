//! The blocking face: the same pool, sockets, TLS and requests over an embedded-nal stack, with no executor.
//!
//! Everything here has the name, the errors and the behaviour of its twin at the root of the crate, minus `.await`.
//! [`Resources`](crate::Resources), [`Key`](crate::pool::Key), [`TlsContext`](crate::tls::TlsContext) and
//! [`Error`](crate::Error) are not twins but the very same types.
//!
//! A blocking program does one thing at a time, so the deadline is a property of the network, not of a future: before
//! each operation the socket tells the [stack](crate::time::Timer::set_deadline) by when it must be over.
//!
//! ```text
//!     socket            stack                  embedded-nal
//!     recv_into ──▶ set_deadline, read ──▶ receive? ──▶ data, end, failure: done
//!                                             ▲   │ WouldBlock
//!                                             │   ▼
//!                                          idle hook ◀── deadline not passed
//! ```
//!
//! Two things are guaranteed here as there: a slot comes back on every path, and every wait ends at its deadline (but
//! for stacks that wait inside one call; [`stack::Network`] has the list).
//!
//! # Examples
//!
//! ```
//! use core::time::Duration;
//! use socketpool::{Resources, blocking::SocketPool, mock::{Peer, Script, Step}};
//!
//! let steps = [Step::Receive(b"Hello"), Step::Send(b"Hello, world")];
//! let peers = [Peer::new("echo.example", 7, &steps)];
//! let script = Script::new(&peers);
//!
//! let (mut network, mut memory) = (script.network(), Resources::<2>::new());
//! let pool = SocketPool::new(&mut network, &mut memory);
//! let mut socket = pool.socket()?;
//! socket.set_timeout(Some(Duration::from_secs(10)));
//! socket.connect("echo.example", 7)?;
//! socket.send_all(b"Hello")?;
//! let mut buffer = [0; 128];
//! let received = socket.recv_into(&mut buffer)?;
//! assert_eq!(&buffer[..received], b"Hello, world");
//! socket.close()?;
//! # Ok::<_, socketpool::Error>(())
//! ```
//!
//! # Not supported
//! What the [pool](crate::pool) at the root does not support either; waiting for a free slot, or for several sockets at
//! once; the two directions of a connection in two hands.

mod connector;
mod listener;
mod manager;
mod pool;
#[cfg(feature = "requests")]
mod requests;
mod socket;
pub mod stack;
mod stack_tls;
#[cfg(feature = "tls")]
mod sync;
#[cfg(feature = "tls")]
mod tls;
mod udp;

/// The crate whose `Read` and `Write` blocking sockets have, in the version that fits.
#[doc(no_inline)]
pub use embedded_io;
/// The crate whose `TcpClientStack` and `Dns` make a [`stack::Network`], in the version that fits.
#[doc(no_inline)]
pub use embedded_nal;

#[cfg(feature = "gzip")]
pub use self::requests::Decoded;
#[cfg(feature = "json")]
pub use self::requests::JsonElements;
#[cfg(feature = "requests")]
pub use self::requests::{Events, Lines, Response, Session, Source, Waits};
pub use self::{
    connector::Connector,
    listener::Listener,
    manager::ConnectionManager,
    pool::SocketPool,
    socket::Socket,
    stack::{Network, ZeroRead},
    udp::UdpSocket,
};
pub use crate::traits;
