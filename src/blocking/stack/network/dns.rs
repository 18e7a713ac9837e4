//! `Dns`: addresses of names.

use core::net::IpAddr;

use embedded_io::ErrorKind;
use embedded_nal::{AddrType, Dns, TcpClientStack};

use super::Network;
use crate::{
    blocking::stack::{Family, Resolve, ResolveError},
    time::Clock,
};

/// The address families are asked for one after the other: some stacks give up on `Either` after the first. An address of
/// another family than the one that was asked for is no answer.
impl<S: TcpClientStack + Dns, C: Clock, I: Fn(&mut S)> Resolve for Network<S, C, I> {
    fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        let ask = |family: AddrType| {
            let address = self.wait(|stack| {
                stack.get_host_by_name(host, family.clone()).map_err(|error| error.map(|_| ErrorKind::Other))
            })?;
            let is_asked_for = address.is_ipv6() == (family == AddrType::IPv6);
            if is_asked_for { Ok(address) } else { Err(ErrorKind::Other) }
        };
        let answer = match family {
            Family::Ipv4 => ask(AddrType::IPv4),
            Family::Ipv6 => ask(AddrType::IPv6),
            Family::Any => match ask(AddrType::IPv4) {
                Err(kind) if kind != ErrorKind::TimedOut => ask(AddrType::IPv6),
                answer => answer,
            },
        };
        answer.map_err(|_| ResolveError::NoAnswer)
    }
}
