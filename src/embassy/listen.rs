//! Listening: several sockets of the stack in LISTEN on one port.

use core::{
    future::poll_fn,
    net::SocketAddr,
    task::{Context, Poll},
};

use embassy_net::{
    IpListenEndpoint,
    tcp::{State, TcpSocket},
};
use embedded_io_async::ErrorKind;
use heapless::Vec;

use super::{
    Network,
    address::address,
    seat::Seat,
    tcp::{NetworkConnection, finished, free},
};
use crate::{
    cell::Place,
    stack::{Listen, Listener, Local},
};

/// A listening socket of a [`Network`].
///
/// It holds up to `backlog` sockets of the stack, each for one client; an accepted client takes its socket along, and a
/// free one takes its place. When there is none, [`accept`](Listener::accept) waits for one, and new clients are
/// refused by the stack if no other socket is listening.
pub struct NetworkListener<'a, 'd, const TCP: usize> {
    places: &'a [Place<TcpSocket<'d>>; TCP],
    seats: &'a [Seat; TCP],
    seat: &'a Seat,
    local: Local,
    endpoint: IpListenEndpoint,
    backlog: usize,
    waiting: Vec<NetworkConnection<'a, 'd>, TCP>,
}

/// What a listener found.
enum Event {
    /// This one of its sockets has a client.
    Client(usize),
    /// The client of this one has given up.
    Spent(usize),
    /// There is a free socket to listen with.
    Free,
}

impl<'d, const TCP: usize, const UDP: usize> Listen for Network<'d, TCP, UDP> {
    type Listener<'a>
        = NetworkListener<'a, 'd, TCP>
    where
        Self: 'a;

    /// `reuse` has no effect: a connection in TIME-WAIT does not keep the port.
    async fn listen(&self, local: Local, backlog: usize, _reuse: bool) -> Result<Self::Listener<'_>, ErrorKind> {
        if !self.is_local(local) {
            return Err(ErrorKind::AddrNotAvailable);
        }
        let is_taken = |port| self.seats.iter().any(|seat| seat.port.get() == port);
        let port = match local.port {
            0 => (49152..=u16::MAX).find(|&port| !is_taken(port)).ok_or(ErrorKind::AddrInUse)?,
            port if is_taken(port) => return Err(ErrorKind::AddrInUse),
            port => port,
        };
        let seat = self.seats.iter().find(|seat| seat.port.get() == 0).ok_or(ErrorKind::OutOfMemory)?;
        let address = local.address.map(address).transpose()?;
        seat.port.set(port);
        let mut listener = NetworkListener {
            places: &self.tcp,
            seats: &self.seats,
            seat,
            local: Local { port, ..local },
            endpoint: IpListenEndpoint { addr: address, port },
            backlog: backlog.clamp(1, TCP),
            waiting: Vec::new(),
        };
        listener.fill_one().await;
        if listener.waiting.is_empty() { Err(ErrorKind::OutOfMemory) } else { Ok(listener) }
    }
}

impl<'a, 'd, const TCP: usize> NetworkListener<'a, 'd, TCP> {
    /// Listens with as many sockets as are free and finished with their last connection, up to the backlog.
    fn fill(&mut self) {
        while self.waiting.len() < self.backlog {
            let Some(socket) = finished(self.places, self.seats) else { return };
            self.add(socket);
        }
    }

    /// The same, and with one at least, unless every socket is in use.
    async fn fill_one(&mut self) {
        self.fill();
        if self.waiting.is_empty()
            && let Some(socket) = free(self.places, self.seats).await
        {
            self.add(socket);
        }
    }

    fn add(&mut self, mut socket: NetworkConnection<'a, 'd>) {
        socket.listen(self.endpoint);
        let _ = self.waiting.push(socket);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        for (index, connection) in self.waiting.iter().enumerate() {
            match connection.state() {
                State::Listen | State::SynSent | State::SynReceived => connection.wake_on_change(context),
                State::Established | State::CloseWait => return Poll::Ready(Event::Client(index)),
                _ => return Poll::Ready(Event::Spent(index)),
            }
        }
        if self.waiting.is_empty() {
            if self.places.iter().any(|place| place.lend().is_some()) {
                return Poll::Ready(Event::Free);
            }
            self.seat.waker.set(Some(context.waker().clone()));
        }
        Poll::Pending
    }
}

impl<'a, 'd, const TCP: usize> Listener for NetworkListener<'a, 'd, TCP> {
    type Connection = NetworkConnection<'a, 'd>;

    async fn accept(&mut self) -> Result<(Self::Connection, SocketAddr), ErrorKind> {
        loop {
            self.fill();
            match poll_fn(|context| self.poll(context)).await {
                Event::Client(index) => {
                    let mut client = self.waiting.remove(index);
                    self.fill();
                    if let Some(remote) = client.accepted()
                        && self.local.family.has(remote.ip())
                    {
                        return Ok((client, remote));
                    }
                }
                Event::Spent(index) => drop(self.waiting.remove(index)),
                Event::Free => self.fill_one().await,
            }
        }
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        Ok(self.local.to_addr())
    }
}

impl<const TCP: usize> Drop for NetworkListener<'_, '_, TCP> {
    fn drop(&mut self) {
        self.seat.port.set(0);
    }
}

impl<const TCP: usize> core::fmt::Debug for NetworkListener<'_, '_, TCP> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkListener").field("local", &self.local).finish_non_exhaustive()
    }
}
