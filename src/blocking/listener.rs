//! A blocking listening socket: it takes one slot itself, and one for each client that it accepts.

use core::{net::SocketAddr, time::Duration};

use super::{
    Socket, SocketPool,
    pool::{DO_NOT_WAIT, PoolLease},
    stack::{Connect, Listen, Listener as _, Stack},
};
use crate::{
    error::{Error, Phase, Result},
    pool::{Patience, Timeout, WhenFull},
    sync::{NoopRawMutex, RawMutex},
    time::Deadline,
};

/// A listening socket of a [`SocketPool`], made by [`Socket::listen`]; its slot is free again when it is dropped.
///
/// # When the pool is full
/// A client is accepted by the network stack first. If there is no slot for it, [`accept`](Self::accept) says so and it
/// waits in the listener, one client at a time, and those after it in the stack's backlog: the next `accept` goes on with
/// the same client. With [`WhenFull::Refuse`] it is closed.
///
/// The blocking twin of [`Listener`](crate::Listener).
pub struct Listener<'p, 's, S: Listen, const N: usize, R: RawMutex = NoopRawMutex> {
    listener: S::Listener<'s>,
    /// Accepted, but there was no slot yet.
    waiting: Option<(S::Connection<'s>, SocketAddr)>,
    pool: &'p SocketPool<'s, S, N, R>,
    _slot: PoolLease<'p, 's, S, N, R>,
    timeout: Timeout,
    when_full: WhenFull,
}

impl<'p, 's, S: Stack + Listen + 's, const N: usize, R: RawMutex> Listener<'p, 's, S, N, R> {
    pub(super) fn new(
        pool: &'p SocketPool<'s, S, N, R>,
        slot: PoolLease<'p, 's, S, N, R>,
        listener: S::Listener<'s>,
        timeout: Timeout,
    ) -> Self {
        Self { listener, waiting: None, pool, _slot: slot, timeout, when_full: WhenFull::Wait }
    }

    /// How long each [`accept`](Self::accept) may take from now on; for ever with `None`. As for
    /// [`Socket::set_timeout`], whose setting it has at first.
    #[doc(alias = "settimeout")]
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = Timeout::Each(timeout);
    }

    /// By when everything must be done from now on.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.timeout = Timeout::Until(deadline);
    }

    /// What becomes of a client for whom the pool has no slot: it waits, unless you say otherwise.
    pub fn set_when_full(&mut self, when_full: WhenFull) {
        self.when_full = when_full;
    }

    /// The next client, and its address. Its socket has no time-out, whatever the listener's is.
    ///
    /// # Errors
    /// With phase `Listen`: [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) or [`ErrorKind::WouldBlock`](crate::ErrorKind::WouldBlock) when nobody came;
    /// [`ErrorKind::Exhausted`](crate::ErrorKind::Exhausted) when somebody came and there is no slot. The listener goes on listening.
    pub fn accept(&mut self) -> Result<(Socket<'p, 's, S, N, R>, SocketAddr)> {
        let error = |kind| Error::new(Phase::Listen, kind);
        let patience = self.timeout.begin(self.pool.network);
        loop {
            if self.waiting.is_none() {
                let arrived = self.pool.wait(patience, || Ok(self.listener.accept()?));
                self.waiting = Some(arrived.map_err(error)?);
            }
            let mut socket = match self.slot(patience) {
                Ok(socket) => socket,
                Err(_) if self.when_full == WhenFull::Refuse => {
                    debug!("pool: a client is refused, every slot is in use");
                    self.waiting = None;
                    continue;
                }
                Err(full) => return Err(full.in_phase(Phase::Listen)),
            };
            if let Some((connection, remote)) = self.waiting.take() {
                socket.put(connection, remote);
                return Ok((socket, remote));
            }
        }
    }

    fn slot(&self, patience: Patience) -> Result<Socket<'p, 's, S, N, R>> {
        match patience {
            Patience::Until(deadline) if self.when_full == WhenFull::Wait => self.pool.socket_until(deadline),
            _ => self.pool.socket_until(DO_NOT_WAIT),
        }
    }

    /// Where it listens; with the port that the stack picked.
    ///
    /// # Errors
    /// With phase `Setup`: `Unsupported`, as [`ErrorKind::Io`](crate::ErrorKind::Io), if the stack does not tell.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr().map_err(|kind| Error::new(Phase::Setup, kind.into()))
    }
}

impl<'s, S: Connect + Listen + 's, const N: usize, R: RawMutex> core::fmt::Debug for Listener<'_, 's, S, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Listener")
            .field("waiting", &self.waiting.is_some())
            .field("timeout", &self.timeout)
            .field("when_full", &self.when_full)
            .finish_non_exhaustive()
    }
}
