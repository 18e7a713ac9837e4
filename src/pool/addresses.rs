//! The addresses of a name that are tried one after the other (what RFC 8305 does, one after the other). Knows no I/O, so both
//! faces use it.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::{
    error::{Error, ErrorKind, Phase, Result},
    stack::Family,
};

/// How many addresses of a name are tried, of each family.
const ADDRESSES: usize = 4;

/// Room for them.
pub(crate) const ROOM: [IpAddr; ADDRESSES] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED); ADDRESSES];

pub(crate) const fn unresolved(kind: ErrorKind) -> Error {
    Error::new(Phase::Resolve, kind)
}

pub(crate) const NO_ANSWER: Error = unresolved(ErrorKind::NoAnswer);

/// A host that is an address literal has this one address, if it is of the family.
pub(crate) fn literal(literal: IpAddr, family: Family, out: &mut [IpAddr]) -> Result<usize> {
    match out.first_mut() {
        Some(place) if family.has(literal) => *place = literal,
        _ => return Err(unresolved(ErrorKind::NoSuchName)),
    }
    Ok(1)
}

/// The one address that was asked for, with a port: not every stack heeds the family.
pub(crate) fn only(address: IpAddr, found: usize, family: Family, port: u16) -> Result<SocketAddr> {
    if found > 0 && family.has(address) { Ok(SocketAddr::new(address, port)) } else { Err(NO_ANSWER) }
}

/// Whether another address may do better after this failure to connect: not if it is not the address's.
pub(crate) const fn may_try_another(failure: Error) -> bool {
    use embedded_io_async::ErrorKind::{OutOfMemory, Unsupported};
    !matches!(failure.kind(), ErrorKind::WouldBlock | ErrorKind::Io(OutOfMemory | Unsupported))
}
