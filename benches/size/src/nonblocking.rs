//! The wire for the blocking face, which waits for a stack that does not.

use core::{
    hint::{black_box, spin_loop},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use embedded_io_async::ErrorKind;
use embedded_nal::{AddrType, Dns, TcpClientStack, TcpError, TcpErrorKind};
use socketpool::blocking::{Network, ZeroRead};

use super::{Line, Wire, stack::Time};

/// A stack for a blocking pool.
pub const fn blocking_network() -> Network<Wire, Time, fn(&mut Wire)> {
    Network::new(Wire, Time, |_| spin_loop(), ZeroRead::Eof)
}

/// What went wrong.
#[derive(Debug)]
pub struct Failed(ErrorKind);

impl TcpError for Failed {
    fn kind(&self) -> TcpErrorKind {
        if black_box(self.0) == ErrorKind::BrokenPipe { TcpErrorKind::PipeClosed } else { TcpErrorKind::Other }
    }
}

impl TcpClientStack for Wire {
    type TcpSocket = Line;
    type Error = Failed;

    fn socket(&mut self) -> Result<Line, Failed> {
        black_box(Ok(Line))
    }

    fn connect(&mut self, _: &mut Line, remote: SocketAddr) -> nb::Result<(), Failed> {
        black_box(remote);
        black_box(Ok(()))
    }

    fn send(&mut self, _: &mut Line, bytes: &[u8]) -> nb::Result<usize, Failed> {
        black_box(Ok(black_box(bytes).len()))
    }

    fn receive(&mut self, _: &mut Line, out: &mut [u8]) -> nb::Result<usize, Failed> {
        black_box(Ok(black_box(out).len()))
    }

    fn close(&mut self, _: Line) -> Result<(), Failed> {
        black_box(Ok(()))
    }
}

impl Dns for Wire {
    type Error = Failed;

    fn get_host_by_name(&mut self, host: &str, _: AddrType) -> nb::Result<IpAddr, Failed> {
        black_box(host);
        black_box(Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)))
    }

    fn get_host_by_address(&mut self, _: IpAddr, _: &mut [u8]) -> nb::Result<usize, Failed> {
        Err(nb::Error::WouldBlock)
    }
}
