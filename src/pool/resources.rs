//! The memory of a pool, in one object of known size.

use crate::{
    cell::Place,
    sync::{NoopRawMutex, RawMutex},
};

#[cfg(feature = "tls")]
pub(crate) use crate::tls::{Shared, TlsMemory};

/// Without the feature `tls` a TLS session takes no memory, because there is none.
#[cfg(not(feature = "tls"))]
pub(crate) struct TlsMemory<B>(core::marker::PhantomData<B>);

#[cfg(not(feature = "tls"))]
impl<const RX: usize> TlsMemory<[u8; RX]> {
    const fn new() -> Self {
        Self(core::marker::PhantomData)
    }
}

/// Without the feature `tls`, this too.
#[cfg(not(feature = "tls"))]
pub(crate) type Shared<R> = Place<[u8; 0], R>;

#[cfg(feature = "tls")]
const MAX_RX: usize = crate::tls::MAX_RX;
#[cfg(not(feature = "tls"))]
const MAX_RX: usize = 0;

/// Bytes of an exchange buffer unless you say otherwise: room for a URL, a request's head and a short body, and after
/// that for the head of the response. Without the feature `requests` there is no use for one.
pub const DEFAULT_HEAD: usize = if cfg!(feature = "requests") { 2048 } else { 0 };

/// The memory of a [`SocketPool`](crate::SocketPool): `SOCKETS` sockets, of which `TLS` can speak TLS at a time, and an
/// exchange buffer of `HEAD` bytes for each socket.
///
/// All of it is shared out in one [line](crate::SocketPool#the-line). A TLS session is taken by each open TLS connection,
/// also by an idle one until it is needed elsewhere. With `TLS` at 0, which is the default, `https` is refused at once.
///
/// Its size is known at compile time: `HEAD` bytes for each socket, and 19,000 bytes at most for each TLS session: `RX` to
/// receive records into, 1,536 to send one, and the state of the session with its keys. Put it in a static (or, on a desk,
/// on the stack).
///
/// `RX` is 16,406 unless you say otherwise: the largest record a server may send (RFC 8446 §5.2). Where the servers limit
/// their records, [`SmallResources`] does with less.
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
    const RX: usize = DEFAULT_RX,
    const SHARED: usize = 0,
> {
    pub(crate) buffers: [Place<[u8; HEAD], R>; SOCKETS],
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there is no TLS to lend it to"))]
    pub(crate) tls: [Place<TlsMemory<[u8; RX]>, R>; TLS],
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there is no TLS to lend it to"))]
    pub(crate) shared_rx: [Shared<R>; SHARED],
}

/// [`Resources`] whose TLS sessions have few bytes to receive into, `RX`: 4,096 unless you say otherwise, 512 at least. The
/// largest record that a server may send is asked of nobody then: servers are told to send records that fit (RFC 8449).
///
/// A session takes 2,400 bytes besides. There is one buffer of 16,406 bytes for all of them, in which they shake hands, one
/// after the other, because certificates are received there whole; one that waits for it looks again whenever its task is
/// polled. So two of these sessions take less than two of full size, and each further one takes 6.5 KB instead of 18.8.
///
/// **Only for servers that comply.** One that does not is refused in the handshake, before anything is sent:
/// [`TlsError::NoRecordSizeLimit`](crate::tls::TlsError::NoRecordSizeLimit). GnuTLS, NSS and Mbed TLS 3.6 do; OpenSSL, BoringSSL, Go
/// and rustls do not.
///
/// Where all certificates are known to fit in `RX` bytes, as those of a server of your own may, no buffer for handshakes is
/// needed either: `Resources<SOCKETS, TLS, HEAD, R, RX, 0>`. What does not fit is
/// [`TlsError::RxTooSmall`](crate::tls::TlsError::RxTooSmall) there.
///
/// # Examples
/// ```
/// use socketpool::{SmallResources, SocketPool};
/// # let script = socketpool::mock::Script::new(&[]);
/// # let mut network = script.network();
///
/// let mut memory = SmallResources::<5, 4>::new(); // 5 sockets, 4 TLS sessions at a time
/// # assert!(size_of_val(&memory) < 5 * 2048 + 4 * 6_600 + 16_600);
/// let pool = SocketPool::new(&mut network, &mut memory);
/// ```
pub type SmallResources<
    const SOCKETS: usize,
    const TLS: usize,
    const RX: usize = 4096,
    const HEAD: usize = DEFAULT_HEAD,
    R = NoopRawMutex,
> = Resources<SOCKETS, TLS, HEAD, R, RX, 1>;

/// Bytes to receive records into, of a TLS session, unless you say otherwise: the largest record that a server may send. Without
/// the feature `tls` there is no use for them.
pub const DEFAULT_RX: usize = MAX_RX;

impl<const SOCKETS: usize, const TLS: usize, const HEAD: usize, R: RawMutex, const RX: usize, const SHARED: usize>
    Resources<SOCKETS, TLS, HEAD, R, RX, SHARED>
{
    /// All of it free.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(SOCKETS > 0, "a pool needs at least one socket");
            assert!(RX >= 512 || TLS == 0 || cfg!(not(feature = "tls")), "a TLS session needs 512 bytes to receive in");
            assert!(SHARED <= 1, "one buffer is shared by all handshakes");
        }
        Self {
            buffers: [const { Place::new([0; HEAD]) }; SOCKETS],
            tls: [const { Place::new(TlsMemory::new()) }; TLS],
            shared_rx: [const { Place::new([0; MAX_RX]) }; SHARED],
        }
    }
}

impl<const SOCKETS: usize, const TLS: usize, const HEAD: usize, R: RawMutex, const RX: usize, const SHARED: usize>
    Default for Resources<SOCKETS, TLS, HEAD, R, RX, SHARED>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const SOCKETS: usize, const TLS: usize, const HEAD: usize, R: RawMutex, const RX: usize, const SHARED: usize>
    core::fmt::Debug for Resources<SOCKETS, TLS, HEAD, R, RX, SHARED>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Resources<{SOCKETS}, {TLS}, {HEAD}>")
    }
}
