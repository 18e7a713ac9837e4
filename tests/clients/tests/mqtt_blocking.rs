//! minimq as it was before it was async, which wants an embedded-nal stack, over `blocking::Connector`.

use std::time::{Duration, Instant};

use clients::{Broker, Stop, device};
use embedded_time::{Clock, clock, fraction::Fraction};
use minimq_blocking::{Broker as _, ConfigBuilder, Error as MqttError, Minimq, Publication, QoS, broker::NamedBroker};
use socketpool::{
    Error, ErrorKind, Phase,
    time::Clock as _,
    tls::{TlsError, verify::CertificateError},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// This host's clock, as minimq wants it.
struct Millis;

impl Clock for Millis {
    type T = u32;
    const SCALING_FACTOR: Fraction = Fraction::new(1, 1000);

    fn try_now(&self) -> Result<embedded_time::Instant<Self>, clock::Error> {
        Ok(embedded_time::Instant::new(socketpool::host::Timer.now().as_millis() as u32))
    }
}

/// A client of the broker at `localhost`: found by its name, verified as `$host`.
macro_rules! client {
    ($mqtt:ident, $pool:ident, $tls:ident, $host:expr, $port:expr) => {
        let mut buffer = [0; 4096];
        let mut broker = NamedBroker::<_>::new("localhost", $pool.connector(&$tls, $host)).unwrap();
        broker.set_port($port);
        let config = ConfigBuilder::new(broker, &mut buffer).client_id("device").unwrap();
        let mut $mqtt = Minimq::new($pool.connector(&$tls, $host), Millis, config);
    };
}

/// What came of polling.
#[derive(Debug, Default)]
struct Seen {
    messages: Vec<(String, Vec<u8>)>,
    errors: Vec<MqttError<Error>>,
}

/// Polls until `$done`.
macro_rules! poll_until {
    ($mqtt:ident, $seen:ident, $done:expr) => {
        let start = Instant::now();
        while !$done {
            assert!(start.elapsed() < PATIENCE, "it takes no minute: {:?}", $seen.errors);
            let polled = $mqtt.poll(|_, topic, payload, _| $seen.messages.push((topic.to_owned(), payload.to_owned())));
            $seen.errors.extend(polled.err());
        }
    };
}

fn nobody_is_there(error: &MqttError<Error>) -> bool {
    matches!(error, MqttError::Network(error) if error.phase() == Phase::Connect)
}

#[test]
fn a_broker_that_ends_and_comes_back() {
    let mut broker = Broker::start("mqtt-blocking");
    device!(blocking, "root", |pool, tls| {
        client!(mqtt, pool, tls, "localhost", broker.port);
        for stop in [Some(Stop::Orderly), Some(Stop::Crash), None] {
            let mut seen = Seen::default();
            poll_until!(mqtt, seen, mqtt.client().is_connected());
            // A broker that ended has forgotten the session, and minimq says so.
            seen.errors.retain(|error| !matches!(error, MqttError::SessionReset));
            mqtt.client().subscribe(&["plants/#".into()], &[]).unwrap();
            poll_until!(mqtt, seen, !mqtt.client().subscriptions_pending());
            for payload in [&b"12.5"[..], &[7; 1000]] {
                mqtt.client().publish(Publication::new("plants/fern", payload).qos(QoS::AtLeastOnce)).unwrap();
                poll_until!(mqtt, seen, !seen.messages.is_empty() && !mqtt.client().pending_messages());
                assert_eq!(seen.messages.pop(), Some(("plants/fern".to_owned(), payload.to_owned())));
            }
            assert!(seen.messages.is_empty() && seen.errors.is_empty(), "{seen:?}");
            assert_eq!(pool.counts().in_use, 1);

            let Some(stop) = stop else { break };
            broker.stop(stop);
            poll_until!(mqtt, seen, seen.errors.iter().any(nobody_is_there));
            // It keeps the one socket it has, to try again with.
            assert_eq!(pool.counts().in_use, 1, "{stop:?}: {seen:?}");
            broker.start_again();
        }
        drop(mqtt);
        assert_eq!(pool.counts().free, 2);
    });
    assert_eq!(broker.logged("New client connected"), 3);
}

#[test]
fn whoever_is_not_that_broker_hears_no_mqtt() {
    let broker = Broker::start("mqtt-blocking-refused");
    let attempt = |root, host| {
        device!(blocking, root, |pool, tls| {
            client!(mqtt, pool, tls, host, broker.port);
            let mut seen = Seen::default();
            poll_until!(mqtt, seen, mqtt.client().is_connected() || !seen.errors.is_empty());
            drop(mqtt);
            assert_eq!(pool.counts().free, 2);
            seen.errors.pop().map(|error| match error {
                MqttError::Network(error) => error,
                other => panic!("{other:?}"),
            })
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
