//! What a handshake costs.

use core::net::SocketAddr;

use socketpool::{
    Result,
    traits::{TlsContext, TlsId},
};

/// A TLS context that says on the log how many instructions each connection took: name, TCP, handshake, verification.
#[derive(Debug)]
pub struct Measured<T>(pub T);

impl<S, T: TlsContext<S>> TlsContext<S> for Measured<T> {
    fn id(&self) -> TlsId {
        self.0.id()
    }

    fn takes_session(&self) -> bool {
        self.0.takes_session()
    }

    async fn connect(&self, socket: &mut S, host: &str, port: u16) -> Result<()> {
        let before = qemu_board::instructions();
        let outcome = self.0.connect(socket, host, port).await;
        say(before, &outcome);
        outcome
    }

    async fn connect_addr(&self, socket: &mut S, host: &str, remote: SocketAddr) -> Result<()> {
        let before = qemu_board::instructions();
        let outcome = self.0.connect_addr(socket, host, remote).await;
        say(before, &outcome);
        outcome
    }
}

fn say(before: u64, outcome: &Result<()>) {
    if outcome.is_ok() {
        log::info!("handshake: {} instructions", qemu_board::instructions() - before);
    }
}
