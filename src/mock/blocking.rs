//! The scripted network under the blocking face.

use core::net::{IpAddr, SocketAddr};

use embedded_io::{ErrorKind, Read, Write};

use super::{Door, Line, Mailbox, MockTls, Network, Script};
use crate::{
    blocking::{
        Socket,
        stack::{
            Connect, Connection, DatagramSocket, Datagrams, Family, Listen, Listener, Local, Resolve, ResolveError,
        },
    },
    error::Result as PoolResult,
    sync::RawMutex,
    time::{Deadline, Instant},
    traits::{TlsContext, TlsId},
};

impl Script<'_> {
    /// Somebody waits for a peer that is silent: it is the time of the deadline.
    fn out_of_patience(&self) -> ErrorKind {
        let at = self.deadline.get().instant();
        let at = at.expect("the program waits for ever: a peer of the script is silent, and there is no deadline");
        self.now.set(self.now.get().max(at));
        ErrorKind::TimedOut
    }
}

/// A wait for a silent peer ends at once, at the deadline that was set.
///
/// # Panics
/// When a peer is silent and no deadline was set: the program would wait for ever.
impl Connect for Network<'_> {
    type Connection<'a>
        = Line<'a>
    where
        Self: 'a;

    fn set_deadline(&self, deadline: Deadline) {
        self.script.deadline.set(deadline);
    }

    fn wait_until(&self, at: Instant) {
        self.script.now.set(self.script.now.get().max(at));
    }

    fn connect(&self, remote: SocketAddr) -> Result<Line<'_>, ErrorKind> {
        self.script.connect(remote).unwrap_or_else(|| Err(self.script.out_of_patience()))
    }
}

impl Resolve for Network<'_> {
    fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        self.script.resolve_one(host, family)
    }

    fn resolve_all(&self, host: &str, family: Family, out: &mut [IpAddr]) -> Result<usize, ResolveError> {
        self.script.resolve(host, family, out)
    }
}

impl Datagrams for Network<'_> {
    type Socket<'a>
        = Mailbox<'a>
    where
        Self: 'a;

    fn bind(&self, _: Local) -> Result<Mailbox<'_>, ErrorKind> {
        Ok(self.script.bind())
    }
}

impl DatagramSocket for Mailbox<'_> {
    fn family(&self) -> Family {
        Family::Any
    }

    fn send_to(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), ErrorKind> {
        Mailbox::send_to(self, remote, datagram)
    }

    fn recv_from(&mut self, out: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind> {
        Mailbox::recv_from(self, out).unwrap_or_else(|| Err(self.script.out_of_patience()))
    }
}

impl Read for Line<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match Line::read(self, out) {
                Some(outcome) => return outcome,
                // A peer that is only delayed, and goes on in time.
                None if self
                    .due
                    .is_some_and(|due| self.script.deadline.get().instant().is_none_or(|end| due < end)) => {}
                None => return Err(self.script.out_of_patience()),
            }
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        Line::write(self, bytes).unwrap_or_else(|| Err(self.script.out_of_patience()))
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Connection for Line<'_> {
    fn shutdown(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }

    fn close_write(&mut self) -> Result<(), ErrorKind> {
        self.write_ended = true;
        Ok(())
    }
}

impl Listen for Network<'_> {
    type Listener<'a>
        = Door<'a>
    where
        Self: 'a;

    fn listen(&self, local: Local, _: usize, _: bool) -> Result<Door<'_>, ErrorKind> {
        Ok(self.script.listen(local))
    }
}

impl<'a> Listener for Door<'a> {
    type Connection = Line<'a>;

    fn accept(&mut self) -> Result<(Line<'a>, SocketAddr), ErrorKind> {
        Door::accept(self, false).unwrap_or_else(|| Err(self.script.out_of_patience()))
    }

    fn local_addr(&self) -> Result<SocketAddr, ErrorKind> {
        Ok(Door::local_addr(self))
    }
}

impl<'s, const N: usize, R: RawMutex> TlsContext<Socket<'_, 's, Network<'s>, N, R>> for MockTls {
    fn id(&self) -> TlsId {
        TlsId([0; 16])
    }

    async fn connect(&self, socket: &mut Socket<'_, 's, Network<'s>, N, R>, host: &str, port: u16) -> PoolResult<()> {
        socket.connect(host, port)
    }
}
