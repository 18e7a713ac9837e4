//! What every program here needs and none is measured for: a start, an executor, and a network with nothing at its other
//! end.
//!
//! The network is opaque to the optimizer. What could happen on a real one can happen here, so that nothing of an
//! exchange is left out.
#![no_std]

#[cfg(feature = "edge-http")]
mod edge;
#[cfg(feature = "both")]
mod nonblocking;
#[cfg(feature = "http")]
mod stack;

use core::{
    future::Future,
    hint::{black_box, spin_loop},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    panic::PanicInfo,
    pin::pin,
    task::{Context, Poll, Waker},
};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use embedded_nal_async::{AddrType, Dns, TcpConnect};

#[cfg(feature = "both")]
pub use self::nonblocking::blocking_network;
#[cfg(feature = "http")]
pub use self::stack::network;

/// Makes a program of a future that ends in a `Result`.
#[macro_export]
macro_rules! program {
    ($work:expr) => {
        #[unsafe(no_mangle)]
        extern "C" fn _start() -> ! {
            core::hint::black_box($crate::block_on($work).is_ok());
            loop {
                core::hint::spin_loop();
            }
        }
    };
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        spin_loop();
    }
}

/// Runs a future to its end.
pub fn block_on<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = work.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// Random numbers; a real program asks the chip's generator.
pub fn random(bytes: &mut [u8]) {
    bytes.fill_with(|| black_box(4));
}

/// An address with nothing at it.
pub const fn address() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 80)
}

/// A network with nothing at its other end.
#[derive(Debug)]
pub struct Wire;

impl TcpConnect for Wire {
    type Error = ErrorKind;
    type Connection<'a> = Line;

    async fn connect<'a>(&'a self, remote: SocketAddr) -> Result<Line, ErrorKind> {
        black_box(remote);
        black_box(Ok(Line))
    }
}

impl Dns for Wire {
    type Error = ErrorKind;

    async fn get_host_by_name(&self, host: &str, _: AddrType) -> Result<IpAddr, ErrorKind> {
        black_box(host);
        black_box(Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)))
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, ErrorKind> {
        Err(ErrorKind::Unsupported)
    }
}

/// A connection to nobody.
#[derive(Debug)]
pub struct Line;

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Read for Line {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        black_box(Ok(black_box(out).len()))
    }
}

impl Write for Line {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        black_box(Ok(black_box(bytes).len()))
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        black_box(Ok(()))
    }
}
