//! The memory of a pool, in one object of known size.

use crate::{
    cell::Place,
    sync::{NoopRawMutex, RawMutex},
};

#[cfg(feature = "tls")]
pub(crate) use crate::tls::TlsMemory;

/// Without the feature `tls` a TLS session takes no memory, because there is none.
#[cfg(not(feature = "tls"))]
pub(crate) struct TlsMemory;

#[cfg(not(feature = "tls"))]
impl TlsMemory {
    const fn new() -> Self {
        Self
    }
}

/// Bytes of an exchange buffer unless you say otherwise: room for a URL, a request's head and a short body, and after
/// that for the head of the response. Without the feature `requests` there is no use for one.
pub const DEFAULT_HEAD: usize = if cfg!(feature = "requests") { 2048 } else { 0 };

/// The memory of a [`SocketPool`](crate::SocketPool): `SOCKETS` sockets, of which `TLS` can speak TLS at a time, and an
/// exchange buffer of `HEAD` bytes for each socket.
///
/// All of it is shared out in one [line](crate::SocketPool#the-line). A TLS session is taken by each open TLS connection,
/// also by an idle one until it is needed elsewhere. With `TLS` at 0, which is the default, `https` is refused at once.
///
/// Its size is known at compile time: `HEAD` bytes for each socket, and 19,000 bytes at most for each TLS session: 16,406
/// to receive the largest record a server may send (RFC 8446 §5.2), 1,536 to send one, and the state of the session with
/// its keys. Put it in a static (or, on a desk, on the stack).
///
/// `R` says who may share the pool; the page of [`sync`](crate::sync) has more.
///
/// `HEAD` must hold the whole head of a response: servers of the open web send 500 to 4,000 bytes. One that does not
/// fit is refused with [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge).
///
/// # Examples
///
/// ```
/// use socketpool::Resources;
///
/// let mut memory = Resources::<3, 1>::new();
/// assert!(size_of_val(&memory) < 3 * 2048 + 19_000 + 100);
/// ```
pub struct Resources<
    const SOCKETS: usize,
    const TLS: usize = 0,
    const HEAD: usize = DEFAULT_HEAD,
    R: RawMutex = NoopRawMutex,
> {
    pub(crate) buffers: [Place<[u8; HEAD], R>; SOCKETS],
    pub(crate) tls: [Place<TlsMemory, R>; TLS],
}

impl<const SOCKETS: usize, const TLS: usize, const HEAD: usize, R: RawMutex> Resources<SOCKETS, TLS, HEAD, R> {
    /// All of it free.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(SOCKETS > 0, "a pool needs at least one socket") }
        Self { buffers: [const { Place::new([0; HEAD]) }; SOCKETS], tls: [const { Place::new(TlsMemory::new()) }; TLS] }
    }
}

impl<const SOCKETS: usize, const TLS: usize, const HEAD: usize, R: RawMutex> Default
    for Resources<SOCKETS, TLS, HEAD, R>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const SOCKETS: usize, const TLS: usize, const HEAD: usize, R: RawMutex> core::fmt::Debug
    for Resources<SOCKETS, TLS, HEAD, R>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Resources<{SOCKETS}, {TLS}, {HEAD}>")
    }
}
