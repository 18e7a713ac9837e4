//! The wire in the words of edge-nal.

use core::{hint::black_box, net::SocketAddr};

use edge_nal::{Close, Readable, TcpConnect, TcpShutdown, TcpSplit};
use embedded_io_async::ErrorKind;

use super::{Line, Wire};

impl TcpConnect for Wire {
    type Error = ErrorKind;
    type Socket<'a> = Line;

    async fn connect(&self, remote: SocketAddr) -> Result<Line, ErrorKind> {
        black_box(remote);
        black_box(Ok(Line))
    }
}

impl Readable for Line {
    async fn readable(&mut self) -> Result<(), ErrorKind> {
        black_box(Ok(()))
    }
}

impl TcpShutdown for Line {
    async fn close(&mut self, _: Close) -> Result<(), ErrorKind> {
        black_box(Ok(()))
    }

    async fn abort(&mut self) -> Result<(), ErrorKind> {
        black_box(Ok(()))
    }
}

impl TcpSplit for Line {
    type Read<'a> = Line;
    type Write<'a> = Line;

    fn split(&mut self) -> (Line, Line) {
        (Line, Line)
    }
}
