//! The context that believes anybody: it connects where a verifying one refuses, and shares no connection with it.
#![cfg(all(feature = "dangerous-unverified-tls", feature = "requests", feature = "blocking"))]

use socketpool::{
    ErrorKind, Resources, SocketPool, blocking,
    requests::Session,
    tls::{TlsContext, dangerous::UnverifiedTlsContext},
};

use crate::support::{
    self,
    server::{Authority, Server, Validity},
};

#[test]
fn it_believes_a_stranger_and_keeps_that_to_itself() {
    let server = Server::start(&Authority::new("Stranger"), "other.example", Validity::Expired);
    let url = format!("https://localhost:{}/", server.port);
    let unverified = UnverifiedTlsContext::new(support::random);

    let (mut network, mut memory) = (support::network(), Resources::<2, 2>::new());
    let pool = SocketPool::new(&mut network, &mut memory);
    async_io::block_on(async {
        let mut buffer = [0; 256];
        let mut response = Session::new(&pool, &unverified).get(&url).send().await.expect("anybody will do");
        response.content(&mut buffer).await.expect("a body");
        drop(response);
        assert_eq!(pool.counts().idle, 1);
        // The connection that is kept now is not for those who verify.
        let verified = TlsContext::new(support::random, support::date);
        let error = Session::new(&pool, &verified).get(&url).send().await.expect_err("refused");
        assert!(matches!(error.kind(), ErrorKind::Tls(_)), "{error}");
    });
    assert_eq!((server.connections(), server.requests()), (2, 1));

    let (mut network, mut memory) = (support::network(), Resources::<1, 1>::new());
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let mut response = blocking::Session::new(&pool, &unverified).get(&url).send().expect("anybody will do");
    assert!(response.text(&mut [0; 256]).is_ok());
}
