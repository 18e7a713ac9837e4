//! socketpool, both faces.

use socketpool::{
    Resources, SocketPool, blocking,
    requests::Session,
    stack::Network,
    tls::{Roots, TlsContext},
    traits,
};

use super::forever;
use crate::{
    alternate::Client,
    cases::{Case, READING, ROOM, Receipt, URL, Work},
    line::{Loopback, Memory, block_on},
    stacks::{AsyncStack, BlockingStack, HostClock},
    tls::{Target, date, random},
};

pub const ASYNC: &str = "async";
pub const BLOCKING: &str = "blocking";

/// Reads a body of any length.
async fn get<'p, P, T>(http: &Session<'p, P, T>, url: &str) -> usize
where
    P: traits::SocketPool,
    T: traits::TlsContext<P::Socket<'p>>,
{
    let mut response = http.get(url).send().await.expect("an answer");
    let (mut room, mut len) = ([0; ROOM], 0);
    loop {
        match response.read(&mut room).await.expect("a body") {
            0 => return len,
            count => len += count,
        }
    }
}

fn get_blocking<'p, P, T>(http: &blocking::Session<'p, P, T>, url: &str) -> usize
where
    P: traits::SocketPool<Timer: socketpool::time::BlockingTimer>,
    T: traits::TlsContext<P::Socket<'p>>,
{
    let mut response = http.get(url).send().expect("an answer");
    let (mut room, mut len) = ([0; ROOM], 0);
    loop {
        match response.read(&mut room).expect("a body") {
            0 => return len,
            count => len += count,
        }
    }
}

type AsyncNetwork<P> = Network<AsyncStack<P>, AsyncStack<P>, HostClock>;

fn network<P: crate::line::Place>(place: P) -> AsyncNetwork<P> {
    Network::new(AsyncStack(place.clone()), AsyncStack(place), HostClock)
}

pub fn asynchronous(case: &Case) -> Client {
    let pool = forever(SocketPool::new(forever(network(Memory::new(case))), forever(Resources::<1>::new())));
    let http = Session::plain(&*pool);
    let work = case.work;
    Client::new(ASYNC, move || match work {
        Work::Get => block_on(get(&http, URL)),
        Work::PostJson => block_on(async {
            let mut response = http.post(URL).json(&READING).send().await.expect("an answer");
            let receipt: Receipt = response.json(&mut [0; ROOM]).await.expect("a receipt");
            assert!(receipt.accepted && receipt.id == 4711);
            0
        }),
    })
}

pub fn blocking(case: &Case) -> Client {
    let stack = forever(BlockingStack(Memory::new(case)));
    let pool = forever(blocking::SocketPool::new(stack, forever(Resources::<1>::new())));
    let http = blocking::Session::plain(&*pool);
    let work = case.work;
    Client::new(BLOCKING, move || match work {
        Work::Get => get_blocking(&http, URL),
        Work::PostJson => {
            let mut response = http.post(URL).json(&READING).send().expect("an answer");
            let receipt: Receipt = response.json(&mut [0; ROOM]).expect("a receipt");
            assert!(receipt.accepted && receipt.id == 4711);
            0
        }
    })
}

pub fn asynchronous_tls(target: &'static Target) -> Client {
    let network = forever(network(Loopback));
    let memory = forever(Resources::<1, 1>::new());
    let tls = forever(TlsContext::new(random, date).roots(Roots::only(&target.anchors)));
    if target.keeps {
        let pool = forever(SocketPool::new(network, memory));
        let http = Session::new(&*pool, &*tls);
        return Client::new(ASYNC, move || block_on(get(&http, &target.url)));
    }
    Client::new(ASYNC, move || {
        let pool = SocketPool::new(network, memory);
        block_on(get(&Session::new(&pool, tls), &target.url))
    })
}

pub fn blocking_tls(target: &'static Target) -> Client {
    let stack = forever(BlockingStack(Loopback));
    let memory = forever(Resources::<1, 1>::new());
    let tls = forever(TlsContext::new(random, date).roots(Roots::only(&target.anchors)));
    if target.keeps {
        let pool = forever(blocking::SocketPool::new(stack, memory));
        let http = blocking::Session::new(&*pool, &*tls);
        return Client::new(BLOCKING, move || get_blocking(&http, &target.url));
    }
    Client::new(BLOCKING, move || {
        let pool = blocking::SocketPool::new(stack, memory);
        get_blocking(&blocking::Session::new(&pool, tls), &target.url)
    })
}
