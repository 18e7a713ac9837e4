//! TLS sessions with few bytes to receive in ([`SmallResources`]): against a server of ours that limits its records, or does
//! not, or says one thing and does the other (RFC 8449). Through both faces.
#![cfg(all(feature = "tls", feature = "requests", feature = "blocking"))]

use std::time::Duration;

use socketpool::{
    Error, ErrorKind, Phase, Resources, SmallResources, SocketPool, blocking,
    requests::Session,
    tls::{Roots, TlsContext, TlsError, roots::trust_anchor_from_der},
};

use crate::support::{
    self,
    tls_server::{script::*, server::Server},
};

const RECORD_SIZE_LIMIT: u16 = 28;
const PATIENCE: Option<Duration> = Some(Duration::from_secs(5));

/// A body, or why there is none.
type Body = Result<Vec<u8>, Error>;

/// Fetches from these ports, one after the other, over a pool with this memory, on both faces.
macro_rules! fetch {
    ($memory:expr, $ports:expr) => {{
        let anchors = [trust_anchor_from_der(WORLD.root.der()).unwrap()];
        let tls = TlsContext::new(support::random, support::date).crypto(&CRYPTO).roots(Roots::only(&anchors));
        let [first, second]: [Vec<u16>; 2] = $ports;
        let url = |port: &u16| format!("https://localhost:{port}/");
        let asynchronous: Vec<Body> = async_io::block_on(async {
            let (mut network, mut memory) = (support::network(), Box::new($memory));
            let pool = SocketPool::new(&mut network, &mut memory);
            let http = Session::new(&pool, &tls);
            let (mut bodies, mut buffer) = (vec![], vec![0; 70_000]);
            for port in &first {
                let once = async {
                    let mut response = http.get(&url(port)).timeout(PATIENCE).send().await?;
                    response.content(&mut buffer).await.map(|body| body.to_vec())
                };
                bodies.push(once.await);
            }
            bodies
        });
        let (mut network, mut memory) = (support::network(), Box::new($memory));
        let pool = blocking::SocketPool::new(&mut network, &mut memory);
        let http = blocking::Session::new(&pool, &tls);
        let mut buffer = vec![0; 70_000];
        let mut once = |port: &u16| {
            let mut response = http.get(&url(port)).timeout(PATIENCE).send()?;
            response.content(&mut buffer).map(|body| body.to_vec())
        };
        let blocking: Vec<Body> = second.iter().map(|port| once(port)).collect();
        assert_eq!(asynchronous, blocking, "one outcome on both faces");
        asynchronous
    }};
}

/// The flight of a server that says it limits its records, perhaps.
fn flight_that(limits: bool) -> Vec<Message> {
    let [_, certificate, verify, finished] = good_flight();
    let extensions: &[(u16, &[u8])] = &[(RECORD_SIZE_LIMIT, &[0x40, 0x01])];
    vec![encrypted_extensions(if limits { extensions } else { &[] }), certificate, verify, finished]
}

/// A response with this body, in records of so much content.
fn response_in_records(body: &[u8], len: usize) -> Vec<Record> {
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat().chunks(len).map(data).chain([close_notify()]).collect()
}

fn servers(script: &Script, count: usize) -> [Vec<Server>; 2] {
    [0, 0].map(|_| (0..count).map(|_| Server::start(script.clone())).collect())
}

fn ports(servers: &[Vec<Server>; 2]) -> [Vec<u16>; 2] {
    [0, 1].map(|face: usize| servers[face].iter().map(|server| server.port).collect())
}

/// All of them are this one.
fn assert_right(bodies: &[Body], content: &[u8]) {
    for body in bodies {
        assert!(body.as_ref().unwrap() == content);
    }
}

fn body(len: usize) -> Vec<u8> {
    (0..len).map(|number| (number % 251) as u8).collect()
}

/// Records as long as was agreed on, with the handshake in one record or in many, and tickets and data right behind it. The
/// second connection shakes hands in the buffer of the first.
#[test]
fn a_server_that_limits_its_records() {
    let content = body(50_000);
    let whole = || vec![Step::Send(sealed(flight_that(true)))];
    let each = || flight_that(true).into_iter().map(|message| Step::Send(sealed([message]))).collect::<Vec<_>>();
    let split = |at| vec![Step::Split(flight_that(true), at)];
    for flight in [whole(), each(), split(1), split(100), split(400)] {
        // With what the server may say before it has heard the end of the handshake, and after.
        for early in [false, true] {
            let mut script = [vec![hello()], flight.clone()].concat();
            let tickets = (0..4).map(|_| Step::Send(sealed([ticket()])));
            if early {
                script.extend(tickets);
                script.extend([Step::ReadFinished, Step::ReadRequest]);
            } else {
                script.push(Step::ReadFinished);
                script.extend(tickets);
                script.push(Step::ReadRequest);
            }
            // 4,096 bytes are a header, this content, its type and a tag.
            script.extend(response_in_records(&content, 4_074).into_iter().map(Step::Send));
            script.push(Step::Close);
            let servers = servers(&script, 2);
            let bodies = fetch!(SmallResources::<1, 1>::new(), ports(&servers));
            assert_right(&bodies, &content);
        }
    }
}

/// The certificates are received in the buffer that all handshakes share, however short the session's own is.
#[test]
fn a_chain_that_the_session_has_no_room_for() {
    let content = body(5_000);
    let script = |len: usize| {
        let mut flight = flight_that(true);
        flight[1] = certificate_with(&[], &[(&WORLD.p256.certificate, &[]), (WORLD.root.der(), &[])]);
        let mut script = vec![hello(), Step::Split(flight, len), Step::ReadFinished, Step::ReadRequest];
        script.extend(response_in_records(&content, len).into_iter().map(Step::Send));
        script.push(Step::Close);
        script
    };
    let served = servers(&script(490), 2);
    let bodies = fetch!(Resources::<1, 1, 2048, socketpool::sync::NoopRawMutex, 512, 1>::new(), ports(&served));
    assert_right(&bodies, &content);

    // Without that buffer it is too small, and says so.
    let served = servers(&script(490), 1);
    let bodies = fetch!(Resources::<1, 1, 2048, socketpool::sync::NoopRawMutex, 512, 0>::new(), ports(&served));
    let error = bodies[0].as_ref().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Tls(TlsError::RxTooSmall { needed: 513.. })), "{error}");
    assert_eq!(error.phase(), Phase::Handshake);

    // Where the chain fits, it is not needed.
    let served = servers(&script(900), 2);
    let bodies = fetch!(Resources::<1, 1, 2048, socketpool::sync::NoopRawMutex, 4096, 0>::new(), ports(&served));
    assert_right(&bodies, &content);
}

/// A server that does not say that it limits its records is refused, before anything is sent; and one that says so and does
/// not, when it does not.
#[test]
fn a_server_that_does_not_limit_its_records() {
    let mut script = vec![hello(), Step::Send(sealed(flight_that(false)))];
    script.extend(conversation([data(ANSWER)]));
    let refusing = servers(&script, 2);
    let bodies = fetch!(SmallResources::<1, 1>::new(), ports(&refusing));
    let refused = Error::new(Phase::Handshake, ErrorKind::Tls(TlsError::NoRecordSizeLimit));
    assert_eq!(bodies, [Err(refused), Err(refused)]);
    assert!(refused.to_string().contains("TLS sessions of full size"), "{refused}");
    for server in refusing.iter().flatten() {
        let report = server.report();
        assert!(report.only_alerts() && report.request.is_empty());
    }
    // A pool with sessions of full size does not mind.
    let served = servers(&script, 1);
    assert_eq!(fetch!(Resources::<1, 1>::new(), ports(&served)), [Ok(BODY.to_vec())]);

    let mut script = vec![hello(), Step::Send(sealed(flight_that(true))), Step::ReadFinished, Step::ReadRequest];
    script.extend(response_in_records(&body(9_000), 4_075).into_iter().map(Step::Send));
    script.push(Step::Close);
    let lying = servers(&script, 1);
    let bodies = fetch!(SmallResources::<1, 1>::new(), ports(&lying));
    let error = bodies[0].as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls(TlsError::RecordOverflow));
}

/// A session that is idle or in use does not keep the buffer in which all shake hands.
#[test]
fn a_session_in_use_lets_others_shake_hands() {
    let script = || {
        let mut script = vec![hello(), Step::Send(sealed(flight_that(true))), Step::ReadFinished, Step::ReadRequest];
        script.extend([Step::Send(data(b"hello")), Step::ReadRequest, Step::Send(data(b"hello"))]);
        script
    };
    let servers = [0; 3].map(|_| Server::start(script()));
    let anchors = [trust_anchor_from_der(WORLD.root.der()).unwrap()];
    let tls = TlsContext::new(support::random, support::date).crypto(&CRYPTO).roots(Roots::only(&anchors));
    let (mut network, mut memory) = (support::network(), Box::new(SmallResources::<3, 3>::new()));
    let pool = SocketPool::new(&mut network, &mut memory);
    async_io::block_on(async {
        let connected = async |port| {
            let mut socket = pool.socket().await.unwrap();
            socket.set_timeout(PATIENCE);
            socket.connect("localhost", port).await.unwrap();
            tls.wrap_socket(&mut socket, "localhost").await.unwrap();
            socket
        };
        // At the same time, then while they are open.
        let first = connected(servers[0].port);
        let second = connected(servers[1].port);
        let (first, second) = embassy_futures::join::join(first, second).await;
        let third = connected(servers[2].port).await;
        let mut sockets = [first, second, third];
        for _ in 0..2 {
            for socket in &mut sockets {
                socket.send_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
                let mut answer = [0; 5];
                embedded_io_async::Read::read_exact(socket, &mut answer).await.unwrap();
                assert_eq!(&answer, b"hello");
            }
        }
    });
}

/// What RAM a session costs.
#[test]
fn sizes() {
    let small = size_of::<SmallResources<1, 2>>() - size_of::<SmallResources<1, 1>>();
    let large = size_of::<Resources<1, 2>>() - size_of::<Resources<1, 1>>();
    assert!(small < 6_600 && large < 19_000, "{small} {large}");
    assert!(size_of::<SmallResources<2, 2>>() < size_of::<Resources<2, 2>>());
}
