//! The network stack of the board, as the pool wants it.

use embassy_net::{
    Stack,
    dns::DnsSocket,
    tcp::client::{TcpClient, TcpClientState},
};
use socketpool::{
    stack,
    time::{Clock, Instant, Timer},
};
use static_cell::StaticCell;

/// TCP connections at a time.
pub const SOCKETS: usize = 2;

/// embassy-net, for a pool.
pub type Network = stack::Network<TcpClient<'static, SOCKETS, 1024, 2048>, DnsSocket<'static>, Ticks>;

/// The network of the program.
///
/// # Panics
/// The second time.
#[must_use]
pub fn network(stack: Stack<'static>) -> Network {
    static STATE: StaticCell<TcpClientState<SOCKETS, 1024, 2048>> = StaticCell::new();
    stack::Network::new(TcpClient::new(stack, STATE.init_with(TcpClientState::new)), DnsSocket::new(stack), Ticks)
}

/// The time since power-up.
#[derive(Debug, Clone, Copy)]
pub struct Ticks;

impl Clock for Ticks {
    fn now(&self) -> Instant {
        Instant::from_millis(embassy_time::Instant::now().as_millis())
    }
}

impl Timer for Ticks {
    async fn wait_until(&self, at: Instant) {
        embassy_time::Timer::at(embassy_time::Instant::from_millis(at.as_millis())).await;
    }
}
