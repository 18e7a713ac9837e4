//! The addresses of a name that are tried one after the other (what RFC 8305 does, one after the other). Knows no I/O, so both
//! faces use it.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::unresolved;
use crate::{
    error::{Error, ErrorKind, Result},
    stack::Family,
};

/// How many addresses of a name are tried, of each family.
pub(crate) const ADDRESSES: usize = 4;

/// Addresses of one name, in the order in which they are tried.
pub(crate) type Addresses = heapless::Vec<IpAddr, ADDRESSES>;

/// Room for so many addresses.
pub(crate) fn room_for(most: usize) -> Addresses {
    core::iter::repeat_n(IpAddr::V4(Ipv4Addr::UNSPECIFIED), most.min(ADDRESSES)).collect()
}

/// Keeps those of this family among the first `found`: not every stack heeds it.
pub(crate) fn keep(addresses: &mut Addresses, found: usize, family: Family, none: ErrorKind) -> Result<()> {
    addresses.truncate(found);
    addresses.retain(|address| family.has(*address));
    if addresses.is_empty() { Err(unresolved(none)) } else { Ok(()) }
}

/// The first of them, with a port.
pub(crate) fn first(addresses: &[IpAddr], port: u16) -> Result<SocketAddr> {
    addresses.first().map(|address| SocketAddr::new(*address, port)).ok_or(unresolved(ErrorKind::NoAnswer))
}

/// Whether another address may do better after this failure to connect: not if it is not the address's.
pub(crate) const fn may_try_another(failure: Error) -> bool {
    use embedded_io_async::ErrorKind::{OutOfMemory, Unsupported};
    !matches!(failure.kind(), ErrorKind::WouldBlock | ErrorKind::Io(OutOfMemory | Unsupported))
}
