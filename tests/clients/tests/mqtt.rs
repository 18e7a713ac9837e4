//! minimq, which takes any connection, with connections of `pool::Connector`.

use std::net::SocketAddr;

use clients::{Broker, Stop, device};
use embassy_time::{Duration, with_timeout};
use embedded_nal_async::{AddrType, Dns, TcpConnect};
use minimq::{Buffers, ConfigBuilder, Connection, Publication, QoS, Session, TopicFilter};
use socketpool::{
    Error, ErrorKind, Phase,
    tls::{TlsError, verify::CertificateError},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// What a device does: it knows nothing of the pool.
async fn connect<'a, 'b, N: TcpConnect + Dns>(
    network: &'a N,
    session: &'a mut Session<'b>,
    port: u16,
) -> Result<Connection<'a, 'b, N::Connection<'a>>, <N as TcpConnect>::Error> {
    let address = network.get_host_by_name("localhost", AddrType::IPv4).await.expect("localhost has an address");
    let connection = network.connect(SocketAddr::new(address, port)).await?;
    Ok(session.connect(connection).await.expect("the broker takes us"))
}

/// Subscribes, publishes, and receives what it published: of these sizes.
async fn exchange<C: minimq::Io>(connection: &mut Connection<'_, '_, C>, sizes: &[usize]) {
    let subscribed = connection.subscribe(&[TopicFilter::new("plants/#")], &[]).await.unwrap();
    while connection.is_pending(&subscribed) {
        connection.poll().await.unwrap();
    }
    for size in sizes {
        let payload: Vec<u8> = (0..*size).map(|at| (at * at % 251) as u8).collect();
        let publication = Publication::bytes("plants/fern", &payload).qos(QoS::AtLeastOnce);
        let published = connection.publish(publication).await.unwrap().expect("it has to be acknowledged");
        let message = connection.recv().await.unwrap();
        assert_eq!((message.topic(), message.payload()), ("plants/fern", &payload[..]));
        while connection.is_pending(&published) {
            connection.poll().await.unwrap();
        }
    }
}

macro_rules! session {
    ($session:ident) => {
        let (mut rx, mut tx) = (vec![0; 48 * 1024], vec![0; 48 * 1024]);
        let config = ConfigBuilder::new(Buffers::new(&mut rx, &mut tx)).client_id("device").unwrap();
        let mut $session = Session::new(config.keepalive_interval(30));
    };
}

#[test]
fn a_broker_that_ends_and_comes_back() {
    let mut broker = Broker::start("mqtt");
    device!(asynchronous, "root", |pool, tls| {
        let connector = pool.connector(&tls, "localhost");
        session!(session);
        let all = async {
            for stop in [Stop::Orderly, Stop::Crash] {
                let mut connection = connect(&connector, &mut session, broker.port).await.unwrap();
                exchange(&mut connection, &[0, 1, 100, 40_000]).await;
                assert_eq!(pool.counts().in_use, 1);
                broker.stop(stop);
                connection.recv().await.expect_err("the broker is gone");
                drop(connection);
                assert_eq!(pool.counts().free, 2, "{stop:?}");

                let refused = connect(&connector, &mut session, broker.port).await.err().expect("nobody is there");
                assert_eq!(refused.phase(), Phase::Connect);
                assert_eq!(pool.counts().free, 2, "{stop:?}");
                broker.start_again();
            }
            let mut connection = connect(&connector, &mut session, broker.port).await.unwrap();
            exchange(&mut connection, &[5]).await;
            connection.disconnect().await.unwrap();
        };
        with_timeout(PATIENCE, all).await.expect("it takes no minute");
        assert_eq!(pool.counts().free, 2);
    });
    assert_eq!(broker.logged("New client connected"), 3);
}

#[test]
fn whoever_is_not_that_broker_hears_no_mqtt() {
    let broker = Broker::start("mqtt-refused");
    let attempt = |root, host| {
        device!(asynchronous, root, |pool, tls| {
            session!(session);
            let connector = pool.connector(&tls, host);
            let attempt = with_timeout(PATIENCE, connect(&connector, &mut session, broker.port)).await;
            let refused = attempt.expect("it takes no minute").err();
            assert_eq!(pool.counts().free, 2);
            refused
        })
    };
    let refused = |error| Some(Error::new(Phase::Handshake, ErrorKind::Tls(TlsError::Certificate(error))));
    assert_eq!(attempt("stranger", "localhost"), refused(CertificateError::UnknownIssuer));
    assert_eq!(attempt("root", "other.example"), refused(CertificateError::NameMismatch));
    // The broker logs every client that says CONNECT, with its name.
    assert_eq!(broker.logged("device"), 0);
    assert_eq!(attempt("root", "localhost"), None);
    assert_eq!(broker.logged("New client connected"), 1);
    assert!(broker.logged("device") > 0);
}

/// What README.md shows, line by line.
#[test]
fn the_example_of_the_readme() {
    let (host, broker) = ("localhost", Broker::start("mqtt-readme"));
    let port = broker.port;
    let (mut rx, mut tx) = ([0; 512], [0; 512]);
    let shown = device!(asynchronous, "root", |pool, tls| {
        let mut run = async || -> Result<(String, Vec<u8>), Box<dyn std::error::Error>> {
            let network = pool.connector(&tls, host); // connections to this host only, whatever the address
            let address = network.get_host_by_name(host, AddrType::Either).await?;
            let connection = network.connect(SocketAddr::new(address, port)).await?; // it has proven to be `host`

            let mut session = Session::new(ConfigBuilder::new(Buffers::new(&mut rx, &mut tx)).client_id("fern")?);
            let mut broker = session.connect(connection).await?;
            broker.subscribe(&[TopicFilter::new("plants/fern/#")], &[]).await?;
            broker.publish(Publication::text("plants/fern/celsius", "12.5")).await?;
            let message = broker.recv().await?;

            Ok((message.topic().to_owned(), message.payload().to_vec()))
        };
        with_timeout(PATIENCE, run()).await.expect("it takes no minute").unwrap()
    });
    assert_eq!(shown, ("plants/fern/celsius".to_owned(), b"12.5".to_vec()));

    let trimmed = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let readme = include_str!("../../../README.md");
    let (_, example) = readme.split_once("```rust,ignore\n").expect("it has this example");
    let (example, _) = example.split_once("```").expect("it ends");
    assert!(trimmed(include_str!("mqtt.rs")).contains(&trimmed(example)), "these lines and README.md differ");
}
