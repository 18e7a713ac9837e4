//! A line for each TLS connection.

use core::net::SocketAddr;

use defmt::info;
use embassy_time::Instant;
use socketpool::{
    Result, Socket,
    stack::Stack,
    sync::RawMutex,
    traits::{TlsContext, TlsId},
};

/// A TLS context that says on the log how a server proved who it is, and how long that took: name, TCP and handshake.
#[derive(Debug)]
pub struct Logged<T>(pub T);

impl<'p, 's, S, T, const N: usize, R> TlsContext<Socket<'p, 's, S, N, R>> for Logged<T>
where
    S: Stack + 's,
    T: TlsContext<Socket<'p, 's, S, N, R>>,
    R: RawMutex,
{
    fn id(&self) -> TlsId {
        self.0.id()
    }

    fn takes_session(&self) -> bool {
        self.0.takes_session()
    }

    async fn connect(&self, socket: &mut Socket<'p, 's, S, N, R>, host: &str, port: u16) -> Result<()> {
        let start = Instant::now();
        self.0.connect(socket, host, port).await?;
        say(socket, start);
        Ok(())
    }

    async fn connect_addr(&self, socket: &mut Socket<'p, 's, S, N, R>, host: &str, remote: SocketAddr) -> Result<()> {
        let start = Instant::now();
        self.0.connect_addr(socket, host, remote).await?;
        say(socket, start);
        Ok(())
    }
}

fn say<'s, S: Stack + 's, const N: usize, R: RawMutex>(socket: &mut Socket<'_, 's, S, N, R>, start: Instant) {
    let how = match socket.tls_info() {
        Some(info) if info.is_resumed => "resumed with a ticket",
        _ => "certificates verified",
    };
    info!("TLS: {}, {} ms", how, start.elapsed().as_millis());
}
