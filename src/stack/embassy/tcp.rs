//! TCP connections: sockets of the stack in somebody's hands.

use core::{net::SocketAddr, time::Duration};

use embassy_net::{
    IpEndpoint,
    tcp::{ConnectError, State, TcpReader, TcpSocket, TcpWriter},
};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use super::{Seat, socket_addr};
use crate::{
    lending::{Loan, Place},
    stack::{Connection, SocketOption, Split},
    time::{Deadline, EmbassyTimer},
};

/// How long a socket that nobody holds any more goes on sending what was written, at most.
const LINGER: embassy_time::Duration = embassy_time::Duration::from_secs(10);

/// How long somebody who needs a socket waits for one that is still sending its last, at most.
const PATIENCE: Duration = Duration::from_millis(100);

/// An open connection of a [`Network`](super::Network).
///
/// Dropped after [`shutdown`](Connection::shutdown) it goes on in the background, so that nothing which was written is
/// lost; else the peer receives a RST, and does not take what it has for the whole.
pub struct NetworkConnection<'a, 'd> {
    socket: Loan<'a, TcpSocket<'d>>,
    seats: &'a [Seat],
    /// Our side of the stream has ended.
    ended: bool,
    /// Nobody wants to know the peer's side any more.
    shut_down: bool,
}

/// A socket that nobody holds: if possible one that is done with its last connection.
pub(super) async fn free<'a, 'd>(
    places: &'a [Place<TcpSocket<'d>>],
    seats: &'a [Seat],
) -> Option<NetworkConnection<'a, 'd>> {
    let lend = |wanted: fn(&TcpSocket<'d>) -> bool| places.iter().filter_map(Place::lend).find(|socket| wanted(socket));
    let mut socket = lend(is_done).or_else(|| lend(|_| true))?;
    if !is_done(&socket) {
        let patience = Deadline::within(&EmbassyTimer, Some(PATIENCE));
        let _ = patience.limit(&EmbassyTimer, socket.flush()).await;
        socket.abort();
    }
    socket.set_timeout(None);
    socket.set_keep_alive(None);
    socket.set_nagle_enabled(true);
    Some(NetworkConnection { socket, seats, ended: false, shut_down: false })
}

/// Whether there is nothing left that the peer should still get from us.
fn is_done(socket: &TcpSocket<'_>) -> bool {
    match socket.state() {
        State::TimeWait => true,
        // With a remote endpoint there is a RST to be sent.
        State::Closed => socket.remote_endpoint().is_none(),
        _ => false,
    }
}

/// Whether our side of the stream has ended, and the peer or the network has yet something to say.
const fn is_closing(state: State) -> bool {
    matches!(state, State::FinWait1 | State::FinWait2 | State::Closing | State::LastAck | State::TimeWait)
}

impl NetworkConnection<'_, '_> {
    pub(super) async fn connect(&mut self, remote: IpEndpoint) -> Result<(), ErrorKind> {
        self.socket.connect(remote).await.map_err(|error| match error {
            ConnectError::ConnectionReset => ErrorKind::ConnectionRefused,
            ConnectError::TimedOut => ErrorKind::TimedOut,
            ConnectError::NoRoute => ErrorKind::AddrNotAvailable,
            ConnectError::InvalidState => ErrorKind::Other,
        })
    }

    fn write_error(&self) -> ErrorKind {
        if self.ended { ErrorKind::BrokenPipe } else { ErrorKind::ConnectionReset }
    }
}

impl Drop for NetworkConnection<'_, '_> {
    fn drop(&mut self) {
        let goes_on = self.shut_down && is_closing(self.socket.state()) && self.socket.recv_queue() == 0;
        if goes_on {
            self.socket.set_timeout(Some(LINGER));
        } else {
            self.socket.abort();
        }
        for seat in self.seats {
            if let Some(waker) = seat.waker.take() {
                waker.wake();
            }
        }
    }
}

impl ErrorType for NetworkConnection<'_, '_> {
    type Error = ErrorKind;
}

impl Read for NetworkConnection<'_, '_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        self.socket.read(out).await.map_err(|_| ErrorKind::ConnectionReset)
    }
}

impl Write for NetworkConnection<'_, '_> {
    /// No bytes are written here: the stack would wait for room.
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.socket.write(bytes).await.map_err(|_| self.write_error())
    }

    /// Waits until the peer has acknowledged everything.
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        let _ = self.socket.flush().await;
        if self.socket.send_queue() == 0 { Ok(()) } else { Err(ErrorKind::ConnectionReset) }
    }
}

impl Connection for NetworkConnection<'_, '_> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.shut_down = true;
        self.close_write().await
    }

    /// Waits until the peer has acknowledged everything, and the end.
    async fn close_write(&mut self) -> Result<(), ErrorKind> {
        if !self.ended && self.socket.state() == State::Closed {
            return Err(ErrorKind::ConnectionReset);
        }
        self.ended = true;
        self.socket.close();
        self.flush().await
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        self.socket.local_endpoint().map(socket_addr).ok_or(ErrorKind::NotConnected)
    }

    fn set_option(&mut self, option: SocketOption) -> Result<(), ErrorKind> {
        match option {
            SocketOption::NoDelay(on) => self.socket.set_nagle_enabled(!on),
            SocketOption::KeepAlive(interval) => self.socket.set_keep_alive(interval.map(duration)),
            _ => return Err(ErrorKind::Unsupported),
        }
        Ok(())
    }
}

/// The same in the stack's unit, within what it can express.
fn duration(duration: Duration) -> embassy_time::Duration {
    let seconds = duration.as_secs().min(u64::from(u32::MAX));
    embassy_time::Duration::from_secs(seconds) + embassy_time::Duration::from_micros(duration.subsec_micros().into())
}

impl Split for NetworkConnection<'_, '_> {
    type Reader<'b>
        = NetworkReader<'b>
    where
        Self: 'b;
    type Writer<'b>
        = NetworkWriter<'b>
    where
        Self: 'b;

    fn split(&mut self) -> (NetworkReader<'_>, NetworkWriter<'_>) {
        let write_error = self.write_error();
        let (reader, writer) = self.socket.split();
        (NetworkReader(reader), NetworkWriter { writer, write_error })
    }
}

/// The direction from the peer.
pub struct NetworkReader<'b>(TcpReader<'b>);

impl ErrorType for NetworkReader<'_> {
    type Error = ErrorKind;
}

impl Read for NetworkReader<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.read(out).await.map_err(|_| ErrorKind::ConnectionReset)
    }
}

/// The direction to the peer.
pub struct NetworkWriter<'b> {
    writer: TcpWriter<'b>,
    write_error: ErrorKind,
}

impl ErrorType for NetworkWriter<'_> {
    type Error = ErrorKind;
}

impl Write for NetworkWriter<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.writer.write(bytes).await.map_err(|_| self.write_error)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        let _ = self.writer.flush().await;
        if self.writer.send_queue() == 0 { Ok(()) } else { Err(ErrorKind::ConnectionReset) }
    }
}

macro_rules! opaque_debug {
    ($($name:ident),*) => {$(
        impl core::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}
opaque_debug!(NetworkReader, NetworkWriter);

impl core::fmt::Debug for NetworkConnection<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkConnection").field("state", &self.socket.state()).finish_non_exhaustive()
    }
}
