//! Names.

use core::{
    future::poll_fn,
    net::IpAddr,
    task::{Poll, Waker},
};
use std::{
    borrow::ToOwned,
    sync::{Arc, Mutex, PoisonError},
    thread,
    vec::Vec,
};

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType};

use super::{Network, wait::woken};
use crate::stack::{Family, Resolve, ResolveError};

type Answer = Result<Vec<IpAddr>, LookupErrorKind>;

/// What a query came to, and who waits for it.
#[derive(Default)]
struct Query {
    answer: Option<Answer>,
    waker: Option<Waker>,
}

impl Resolve for Network {
    async fn resolve(&self, host: &str, family: Family) -> Result<IpAddr, ResolveError> {
        let mut one = [IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED)];
        self.resolve_all(host, family, &mut one).await?;
        Ok(one[0])
    }

    async fn resolve_all(&self, host: &str, family: Family, out: &mut [IpAddr]) -> Result<usize, ResolveError> {
        match woken(ask(host)).await {
            Ok(found) => {
                let of = |family: Family| found.iter().copied().filter(move |address| family.has(*address));
                let wanted: Vec<IpAddr> = match family {
                    Family::Any => of(Family::Ipv4).chain(of(Family::Ipv6)).collect(),
                    family => of(family).collect(),
                };
                out.iter_mut().zip(&wanted).for_each(|(place, address)| *place = *address);
                if wanted.is_empty() { Err(ResolveError::NoSuchName) } else { Ok(wanted.len().min(out.len())) }
            }
            Err(LookupErrorKind::NoName | LookupErrorKind::NoData) => Err(ResolveError::NoSuchName),
            Err(_) => Err(ResolveError::NoAnswer),
        }
    }
}

/// `getaddrinfo` waits, so it does that on a thread of its own.
async fn ask(host: &str) -> Answer {
    let (host, query) = (host.to_owned(), Arc::<Mutex<Query>>::default());
    let asker = query.clone();
    let asked = thread::Builder::new().name("socketpool: name".to_owned()).spawn(move || {
        let answer = look_up(&host);
        let mut query = asker.lock().unwrap_or_else(PoisonError::into_inner);
        query.answer = Some(answer);
        let waker = query.waker.take();
        drop(query);
        if let Some(waker) = waker {
            waker.wake();
        }
    });
    if asked.is_err() {
        return Err(LookupErrorKind::Memory);
    }
    poll_fn(|context| {
        let mut query = query.lock().unwrap_or_else(PoisonError::into_inner);
        match query.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                query.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    })
    .await
}

/// Each address once, in the order in which the system would try them.
fn look_up(host: &str) -> Answer {
    let streams = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    match dns_lookup::getaddrinfo(Some(host), None, Some(streams)) {
        Ok(found) => Ok(found.flatten().map(|info| info.sockaddr.ip()).collect()),
        Err(error) => Err(error.kind()),
    }
}
