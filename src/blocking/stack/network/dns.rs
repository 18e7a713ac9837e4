//! `Dns`: addresses of names.

use core::net::IpAddr;

use embedded_io_async::ErrorKind;
use embedded_nal::{AddrType, Dns, TcpClientStack};

use super::Network;
use crate::{
    stack::{Family, Resolve, ResolveError},
    time::Clock,
};

/// A question that we gave up while the stack goes on with it.
pub(super) type GivenUp = (heapless::String<MAX_NAME>, AddrType);

/// The longest host name, in bytes (RFC 1035 §2.3.4, without the length bytes at both ends).
const MAX_NAME: usize = 253;

/// The address families are asked for one after the other: some stacks give up on `Either` after the first. An address of
/// another family than the one that was asked for is no answer.
impl<S: TcpClientStack + Dns, C: Clock, I: Fn(&mut S)> Resolve for Network<S, C, I> {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        for (other, asked) in [(Family::Ipv6, AddrType::IPv4), (Family::Ipv4, AddrType::IPv6)] {
            if family == other {
                continue;
            }
            match self.ask(host, &asked) {
                Ok(address) => return Ok(address),
                Err(ErrorKind::TimedOut) => break,
                Err(_) => {}
            }
        }
        Err(ResolveError::NoAnswer)
    }
}

impl<S: TcpClientStack + Dns, C: Clock, I: Fn(&mut S)> Network<S, C, I> {
    /// Asks one question. A stack has room for few of them, and embedded-nal has no word for giving one up: one that we
    /// did give up is asked to its end before there is another, so that names without a response never fill that room.
    fn ask(&self, host: &str, family: &AddrType) -> Result<IpAddr, ErrorKind> {
        let ask = |host: &str, family: &AddrType| {
            self.wait(|stack| {
                stack.get_host_by_name(host, family.clone()).map_err(|error| error.map(|_| ErrorKind::Other))
            })
        };
        let mut given_up = self.given_up.try_borrow_mut().map_err(|_| ErrorKind::Other)?;
        if let Some((name, asked)) = &*given_up
            && (name.as_str(), asked) != (host, family)
            && ask(name, asked) == Err(ErrorKind::TimedOut)
        {
            return Err(ErrorKind::TimedOut);
        }
        let answer = ask(host, family);
        let is_given_up = answer == Err(ErrorKind::TimedOut);
        *given_up = host.try_into().ok().filter(|_| is_given_up).map(|name| (name, family.clone()));
        let address = answer?;
        if address.is_ipv6() == (*family == AddrType::IPv6) { Ok(address) } else { Err(ErrorKind::Other) }
    }
}
