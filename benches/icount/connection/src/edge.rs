//! What edge-http wants of a connection, most of which it does not use here.

use core::net::SocketAddr;

use edge_nal::{Close, Readable, TcpShutdown, TcpSplit};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use super::{Line, Wire};

impl edge_nal::TcpConnect for Wire {
    type Error = ErrorKind;
    type Socket<'a> = Line;

    async fn connect(&self, _: SocketAddr) -> Result<Line, ErrorKind> {
        Ok(self.line())
    }
}

impl Readable for Line {
    async fn readable(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl TcpShutdown for Line {
    async fn close(&mut self, _: Close) -> Result<(), ErrorKind> {
        Ok(())
    }

    async fn abort(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// A direction of a line, which nothing here asks for.
pub struct Half;

impl ErrorType for Half {
    type Error = ErrorKind;
}

impl Read for Half {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, ErrorKind> {
        Err(ErrorKind::Unsupported)
    }
}

impl Write for Half {
    async fn write(&mut self, _: &[u8]) -> Result<usize, ErrorKind> {
        Err(ErrorKind::Unsupported)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Readable for Half {
    async fn readable(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl TcpSplit for Line {
    type Read<'a> = Half;
    type Write<'a> = Half;

    fn split(&mut self) -> (Half, Half) {
        (Half, Half)
    }
}
