//! TCP connections: sockets of the stack in use.

use core::{future::Future, net::SocketAddr, pin::pin, task::Context, time::Duration};

use embassy_net::{
    IpEndpoint, IpListenEndpoint,
    tcp::{ConnectError, State, TcpReader, TcpSocket, TcpWriter},
};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use super::{address::socket_addr, seat::Seat};
use crate::{
    cell::{Loan, Place},
    stack::{Connection, SocketOption, Split},
    time::{Deadline, EmbassyTimer, poll_once},
};

/// For how long the peer of a connection that no socket holds any more may be silent, until it is given up.
const LINGER: embassy_time::Duration = embassy_time::Duration::from_secs(10);

/// How long a client that is not accepted yet may be silent until it is let go.
const SILENCE: embassy_time::Duration = embassy_time::Duration::from_secs(10);

/// How often a peer that a task waits for is asked whether it is still there, and for its window.
const ASK: embassy_time::Duration = embassy_time::Duration::from_secs(3);

/// How long a task that needs a socket waits for one that is still sending its last, at most.
const PATIENCE: Duration = Duration::from_millis(100);

/// An open connection of a [`Network`](super::Network).
///
/// Dropped after [`shutdown`](Connection::shutdown), or when the last that was done is to read, it ends with a FIN and
/// goes on in the background until everything is delivered. If the last was to write, or if there is something that was
/// not read, the peer receives a RST, and does not take what it has for the whole.
pub struct NetworkConnection<'a, 'd> {
    socket: Loan<'a, TcpSocket<'d>>,
    seats: &'a [Seat],
    /// Our side of the stream has ended.
    ended: bool,
    /// The writer has said that this was all, or has read a response.
    complete: bool,
    /// How often a silent peer is asked.
    keep_alive: Option<embassy_time::Duration>,
}

/// A socket of the stack that is not in use: one that is done with its last connection, or else one that is not, as soon as it is or
/// has taken too long.
pub(super) async fn free<'a, 'd>(
    places: &'a [Place<TcpSocket<'d>>],
    seats: &'a [Seat],
) -> Option<NetworkConnection<'a, 'd>> {
    if let Some(connection) = finished(places, seats) {
        return Some(connection);
    }
    let mut connection = NetworkConnection::new(places.iter().find_map(Place::lend)?, seats);
    connection.complete = true; // should no task wait for it, it goes on as before
    let patience = Deadline::within(&EmbassyTimer, Some(PATIENCE));
    let _ = patience.limit(&EmbassyTimer, connection.socket.flush()).await;
    connection.socket.abort();
    connection.complete = false;
    Some(connection)
}

/// A socket of the stack that is not in use, and that is done with its last connection.
pub(super) fn finished<'a, 'd>(
    places: &'a [Place<TcpSocket<'d>>],
    seats: &'a [Seat],
) -> Option<NetworkConnection<'a, 'd>> {
    let mut unheld = places.iter().filter_map(Place::lend);
    let socket = unheld.find_map(|mut socket| {
        // A peer that goes on sending to a closed socket is told so.
        if !is_done(&socket) && socket.recv_queue() > 0 {
            socket.abort();
        }
        is_done(&socket).then_some(socket)
    })?;
    Some(NetworkConnection::new(socket, seats))
}

/// Gives up the RSTs that waited when this was called before, and still do: the host is not there, and no task that connects
/// to another is to wait for it.
pub(super) fn give_up_waiting<const TCP: usize>(places: &[Place<TcpSocket<'_>>; TCP], waited: &mut [bool; TCP]) {
    for (place, waited) in places.iter().zip(waited) {
        let unsent = place.lend().filter(|socket| socket.state() == State::Closed && !is_done(socket));
        let is_waiting = unsent.is_some();
        if let Some(mut socket) = unsent.filter(|_| *waited) {
            forget(&mut socket);
        }
        *waited = is_waiting;
    }
}

/// Ends a connection at once and without a RST. A peer that says anything all the same gets one from the stack (RFC 9293
/// §3.10.7.1).
fn forget(socket: &mut TcpSocket<'_>) {
    socket.abort();
    if let Some(local) = socket.local_endpoint() {
        // To listen is to forget who the peer was.
        let _ = poll_once(socket.accept(local));
        socket.close();
    }
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

impl<'a, 'd> NetworkConnection<'a, 'd> {
    fn new(mut socket: Loan<'a, TcpSocket<'d>>, seats: &'a [Seat]) -> Self {
        socket.set_timeout(None);
        socket.set_keep_alive(None);
        socket.set_nagle_enabled(false);
        Self { socket, seats, ended: false, complete: false, keep_alive: None }
    }

    pub(super) async fn connect(&mut self, remote: IpEndpoint) -> Result<(), ErrorKind> {
        self.socket.connect(remote).await.map_err(|error| match error {
            ConnectError::ConnectionReset => ErrorKind::ConnectionRefused,
            ConnectError::TimedOut => ErrorKind::TimedOut,
            ConnectError::NoRoute => ErrorKind::AddrNotAvailable,
            ConnectError::InvalidState => ErrorKind::Other,
        })
    }

    /// Begins to listen: [`accepted`](Self::accepted) must follow before another task has the connection.
    pub(super) fn listen(&mut self, local: IpListenEndpoint) {
        self.socket.set_timeout(Some(SILENCE));
        self.socket.set_keep_alive(Some(ASK));
        // The first poll puts the socket into LISTEN, where it stays.
        let _ = poll_once(self.socket.accept(local));
    }

    /// Begins to be a connection like any other: where to.
    pub(super) fn accepted(&mut self) -> Option<SocketAddr> {
        self.socket.set_timeout(None);
        self.socket.set_keep_alive(None);
        self.socket.remote_endpoint().map(socket_addr)
    }

    pub(super) fn state(&self) -> State {
        self.socket.state()
    }

    /// Wakes this task when the state changes; for a socket that cannot send yet.
    pub(super) fn wake_on_change(&self, context: &mut Context<'_>) {
        let _ = pin!(self.socket.wait_write_ready()).poll(context);
    }

    /// Waits until the peer takes or acknowledges something, and asks it meanwhile: what it said of its window may have got
    /// lost, or been overtaken by something older (RFC 9293 §3.8.6.1).
    async fn insist<T>(&mut self, mut work: impl AsyncFnMut(&mut TcpSocket<'d>) -> T) -> T {
        if let Some(output) = poll_once(work(&mut self.socket)) {
            return output;
        }
        self.socket.set_keep_alive(Some(ASK));
        let asking = Asking(self);
        work(&mut asking.0.socket).await
    }

    fn write_error(&self) -> ErrorKind {
        if self.ended { ErrorKind::BrokenPipe } else { ErrorKind::ConnectionReset }
    }
}

/// A connection whose peer is asked. Dropped, also by one who does not wait any longer, it is asked as the user wants it.
struct Asking<'b, 'a, 'd>(&'b mut NetworkConnection<'a, 'd>);

impl Drop for Asking<'_, '_, '_> {
    fn drop(&mut self) {
        self.0.socket.set_keep_alive(self.0.keep_alive);
    }
}

impl Drop for NetworkConnection<'_, '_> {
    fn drop(&mut self) {
        if self.complete && self.socket.recv_queue() == 0 {
            self.socket.set_timeout(Some(LINGER));
            self.socket.close();
        } else if self.socket.state() == State::SynSent {
            // There was no response, and a RST might wait for ever for a host that is not there.
            forget(&mut self.socket);
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
        let count = self.socket.read(out).await.map_err(|_| ErrorKind::ConnectionReset)?;
        self.complete |= !out.is_empty();
        Ok(count)
    }
}

impl Write for NetworkConnection<'_, '_> {
    /// No bytes are written here: the stack would wait for room.
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.complete = false;
        self.insist(async |socket| socket.write(bytes).await).await.map_err(|_| self.write_error())
    }

    /// Waits until the peer has acknowledged everything.
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        let _ = self.insist(async |socket| socket.flush().await).await;
        if self.socket.send_queue() == 0 { Ok(()) } else { Err(ErrorKind::ConnectionReset) }
    }
}

impl Connection for NetworkConnection<'_, '_> {
    async fn shutdown(&mut self) -> Result<(), ErrorKind> {
        self.complete = true;
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
            // Less would be a flood.
            SocketOption::KeepAlive(Some(interval)) if interval < Duration::from_secs(1) => {
                return Err(ErrorKind::InvalidInput);
            }
            SocketOption::KeepAlive(interval) => {
                self.keep_alive = interval.map(duration);
                self.socket.set_keep_alive(self.keep_alive);
            }
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
        self.complete = false;
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

impl core::fmt::Debug for NetworkReader<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkReader").finish_non_exhaustive()
    }
}

impl core::fmt::Debug for NetworkWriter<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkWriter").finish_non_exhaustive()
    }
}

impl core::fmt::Debug for NetworkConnection<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NetworkConnection").field("state", &self.socket.state()).finish_non_exhaustive()
    }
}
