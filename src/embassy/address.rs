//! Addresses of embassy-net, and ours.

use core::net::{IpAddr, SocketAddr};

use embassy_net::{IpAddress, IpEndpoint};
use embedded_io_async::ErrorKind;

/// An address in embassy-net's words, if the stack was built with its family.
pub(super) fn address(address: IpAddr) -> Result<IpAddress, ErrorKind> {
    match address {
        IpAddr::V4(address) => Ok(IpAddress::Ipv4(address)),
        #[cfg(feature = "embassy-net-ipv6")]
        IpAddr::V6(address) => Ok(IpAddress::Ipv6(address)),
        #[cfg(not(feature = "embassy-net-ipv6"))]
        IpAddr::V6(_) => Err(ErrorKind::AddrNotAvailable),
    }
}

pub(super) fn endpoint(remote: SocketAddr) -> Result<IpEndpoint, ErrorKind> {
    Ok(IpEndpoint::new(address(remote.ip())?, remote.port()))
}

pub(super) fn socket_addr(endpoint: IpEndpoint) -> SocketAddr {
    SocketAddr::new(endpoint.addr.into(), endpoint.port)
}
