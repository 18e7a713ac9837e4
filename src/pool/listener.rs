//! A listening socket: it takes one slot itself, and one for each client that it accepts.

use core::{net::SocketAddr, pin::pin, time::Duration};

use super::{Need, PoolLease, Socket, SocketPool, Timeout, timeout::Patience};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    stack::{Connect, Listen, Listener as _, Stack},
    sync::{NoopRawMutex, RawMutex},
    time::Deadline,
};

impl<'p, 's, S: Stack + 's, const N: usize, R: RawMutex> Socket<'p, 's, S, N, R> {
    /// Listens for clients where it was [bound](Self::bind), with room for `backlog` of them that are not accepted yet,
    /// as far as the stack can. The listener keeps the slot.
    ///
    /// # Errors
    /// With phase `Listen`; the slot is free then. [`ErrorKind::NotConnected`] if it was not bound; `AddrInUse`, as
    /// [`ErrorKind::Io`], if that port is taken.
    ///
    /// # Cancel safety
    /// Dropping the future frees slot and port.
    pub async fn listen(self, backlog: usize) -> Result<Listener<'p, 's, S, N, R>>
    where
        S: Listen,
    {
        let patience = self.patience();
        let network = self.pool.network;
        let listener = match self.local {
            None => Err(ErrorKind::NotConnected),
            Some(local) => {
                let work = network.listen(local, backlog, self.reuse_address);
                patience.limit(network, pin!(work)).await
            }
        };
        let listener = listener.map_err(|kind| Error::new(Phase::Listen, kind))?;
        let (pool, timeout) = (self.pool, self.timeout);
        Ok(Listener::new(pool, self.into_slot(), listener, timeout))
    }
}

/// A listening socket of a [`SocketPool`], made by [`Socket::listen`]; its slot is free again when it is dropped.
///
/// # When the pool is full
/// A client is accepted by the network stack first. While there is no slot for it, it waits in the listener, one client
/// at a time, and those after it in the stack's backlog; with [`WhenFull::Refuse`] it is closed. Nothing is lost when time
/// runs out meanwhile: the next [`accept`](Self::accept) goes on with the same client.
///
/// # Examples
///
/// ```
/// use socketpool::{Resources, SocketPool};
/// # use socketpool::mock::{Peer, Script, Step, block_on};
/// # let steps = [Step::Send(b"Hello"), Step::Receive(b"Hello")];
/// # let peers = [Peer::client("client.example", 7, &steps)];
/// # let script = Script::new(&peers);
/// # let (mut network, mut memory) = (script.network(), Resources::<3>::new());
/// # block_on(async {
/// let pool = SocketPool::new(&mut network, &mut memory);
/// let mut socket = pool.socket().await?;
/// socket.bind("", 7)?;
/// let mut listener = socket.listen(2).await?;
/// let (mut client, address) = listener.accept().await?;
/// let mut buffer = [0; 128];
/// let received = client.recv_into(&mut buffer).await?;
/// client.send_all(&buffer[..received]).await?;
/// # assert_eq!(script.sent(), b"Hello");
/// # Ok::<_, socketpool::Error>(())
/// # }).unwrap();
/// ```
pub struct Listener<'p, 's, S: Listen, const N: usize, R: RawMutex = NoopRawMutex> {
    listener: S::Listener<'s>,
    /// Accepted, but there was no slot yet.
    waiting: Option<(S::Connection<'s>, SocketAddr)>,
    pool: &'p SocketPool<'s, S, N, R>,
    _slot: PoolLease<'p, 's, S, N, R>,
    timeout: Timeout,
    when_full: WhenFull,
}

/// What becomes of a client when the pool has no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WhenFull {
    /// It waits until there is one.
    #[default]
    Wait,
    /// Its connection is closed.
    Refuse,
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

    /// What becomes of a client when the pool has no slot: it waits, unless you say otherwise.
    pub fn set_when_full(&mut self, when_full: WhenFull) {
        self.when_full = when_full;
    }

    /// The next client, and its address. Its socket has no time-out, whatever the listener's is.
    ///
    /// # Errors
    /// With phase `Listen`: [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) or [`ErrorKind::WouldBlock`](crate::ErrorKind::WouldBlock) when no client came;
    /// [`ErrorKind::Exhausted`](crate::ErrorKind::Exhausted) when a client came and there was no slot in time. The listener goes on listening.
    ///
    /// # Cancel safety
    /// Dropping the future loses no client.
    pub async fn accept(&mut self) -> Result<(Socket<'p, 's, S, N, R>, SocketAddr)> {
        let error = |kind| Error::new(Phase::Listen, kind);
        let patience = self.timeout.begin(self.pool.network);
        loop {
            if self.waiting.is_none() {
                let arrived = patience.limit(self.pool.network, pin!(self.listener.accept())).await;
                self.waiting = Some(arrived.map_err(error)?);
            }
            let mut socket = match self.slot(patience).await {
                Ok(socket) => socket,
                Err(_) if self.when_full == WhenFull::Refuse => {
                    debug!("pool: a client is refused, every slot is in use");
                    self.waiting = None;
                    continue;
                }
                Err(full) => return Err(full.in_phase(Phase::Listen)),
            };
            if let Some((connection, remote)) = self.waiting.take() {
                socket.put(connection, Some(remote));
                return Ok((socket, remote));
            }
        }
    }

    async fn slot(&self, patience: Patience) -> Result<Socket<'p, 's, S, N, R>> {
        match patience {
            Patience::Until(deadline) if self.when_full == WhenFull::Wait => self.pool.socket_until(deadline).await,
            Patience::Until(deadline) => {
                Ok(self.pool.vacated(self.pool.slots.take(Need::SLOT, None)?.slot()?, deadline).await)
            }
            Patience::Nothing => self.pool.try_socket(),
        }
    }

    /// The stack, for the verbs that wait.
    #[cfg(feature = "blocking")]
    pub(crate) fn timer(&self) -> &'s S {
        self.pool.network
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
