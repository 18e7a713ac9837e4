//! A blocking listening socket: it takes one slot itself, and one for each client that it accepts.

use core::{net::SocketAddr, time::Duration};

use super::{Socket, stack::Stack};
use crate::{
    error::Result,
    pool::{self, WhenFull},
    stack::Listen,
    sync::{NoopRawMutex, RawMutex},
    time::{Deadline, run},
};

impl<'p, 's, S: Stack + 's, const N: usize, R: RawMutex> Socket<'p, 's, S, N, R> {
    /// Listens for clients where it was [bound](Self::bind), with room for `backlog` of them that are not accepted yet,
    /// as far as the stack can. The listener keeps the slot.
    ///
    /// # Errors
    /// With phase `Listen`; the slot is free then. [`ErrorKind::NotConnected`](crate::ErrorKind::NotConnected) if it was not bound; `AddrInUse`, as
    /// [`ErrorKind::Io`](crate::ErrorKind::Io), if that port is taken.
    pub fn listen(self, backlog: usize) -> Result<Listener<'p, 's, S, N, R>>
    where
        S: Listen,
    {
        run(self.0.timer(), self.0.listen(backlog)).map(Listener)
    }
}

/// A listening socket of a [`SocketPool`](super::SocketPool), made by [`Socket::listen`]; its slot is free again when it is dropped.
///
/// # When the pool is full
/// A client is accepted by the network stack first. If there is no slot for it, [`accept`](Self::accept) says so and it
/// waits in the listener, one client at a time, and those after it in the stack's backlog: the next `accept` goes on with
/// the same client. With [`WhenFull::Refuse`] it is closed.
///
/// The blocking twin of [`Listener`](crate::Listener).
pub struct Listener<'p, 's, S: Listen, const N: usize, R: RawMutex = NoopRawMutex>(
    pub(super) pool::Listener<'p, 's, S, N, R>,
);

impl<'p, 's, S: Stack + Listen + 's, const N: usize, R: RawMutex> Listener<'p, 's, S, N, R> {
    /// How long each [`accept`](Self::accept) may take from now on; for ever with `None`. As for
    /// [`Socket::set_timeout`], whose setting it has at first.
    #[doc(alias = "settimeout")]
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.0.set_timeout(timeout);
    }

    /// By when everything must be done from now on.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.0.set_deadline(deadline);
    }

    /// What becomes of a client when the pool has no slot: it waits, unless you say otherwise.
    pub fn set_when_full(&mut self, when_full: WhenFull) {
        self.0.set_when_full(when_full);
    }

    /// The next client, and its address. Its socket has no time-out, whatever the listener's is.
    ///
    /// # Errors
    /// With phase `Listen`: [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) or [`ErrorKind::WouldBlock`](crate::ErrorKind::WouldBlock) when no client came;
    /// [`ErrorKind::Exhausted`](crate::ErrorKind::Exhausted) when a client came and there is no slot. The listener goes on listening.
    pub fn accept(&mut self) -> Result<(Socket<'p, 's, S, N, R>, SocketAddr)> {
        run(self.0.timer(), self.0.accept()).map(|(socket, remote)| (Socket(socket), remote))
    }

    /// Where it listens; with the port that the stack picked.
    ///
    /// # Errors
    /// With phase `Setup`: `Unsupported`, as [`ErrorKind::Io`](crate::ErrorKind::Io), if the stack does not tell.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl<'s, S: Listen + 's, const N: usize, R: RawMutex> core::fmt::Debug for Listener<'_, 's, S, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}
