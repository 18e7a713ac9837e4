//! A node that stays connected: MQTT 5 over TLS, with minimq.
//!
//! | topic | who | what |
//! |---|---|---|
//! | `NAME/status` | node, or the broker in its place (the will) | `online`, `offline`; retained |
//! | `NAME/reading` | node | [`Reading`] as JSON, acknowledged (QoS 1) |
//! | `NAME/command` | others | what the node is to do; it is on the log, and handed to the caller |
//!
//! A connection that ends, or a broker that says nothing for a minute, is a line on the log. The node connects again after a
//! wait that grows from failure to failure, says that it is online, subscribes, and sends the reading that was not
//! acknowledged once more: its number tells the others when they have it already.

use core::{fmt, net::SocketAddr, time::Duration};

use embassy_futures::select::{Either, select};
use embedded_nal_async::{AddrType, Dns as _, TcpConnect as _};
use heapless::String;
use minimq::{Buffers, ConfigBuilder, Connection, Io, PubError, Publication, QoS, Session, TopicFilter, Will};
use socketpool::{
    Error, Socket, SocketPool,
    stack::Stack,
    time::{Instant, Timer},
    traits::{self, TlsContext},
};

use crate::{
    Schedule, Tally,
    schedule::{Course, Failure},
    telemetry::Reading,
};

/// After so long without a word between the two, the node asks whether the broker is there.
const KEEPALIVE_IN_SECONDS: u16 = 30;

/// After so long without a word from the broker, the connection is given up.
const SILENCE: Duration = Duration::from_secs(2 * KEEPALIVE_IN_SECONDS as u64);

/// The largest packet in either direction, and what is not acknowledged yet.
const BUFFER: usize = 512;

type Topic = String<64>;

/// Whom to connect to, and as whom.
#[derive(Debug, Clone, Copy)]
pub struct Broker<'a> {
    /// The name that its certificate has.
    pub host: &'a str,
    /// 8883 is the one for TLS.
    pub port: u16,
    /// What this node is called: its client identifier, and what its topics begin with; at most 48 bytes.
    pub name: &'a str,
}

/// Why there is no connection, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MqttError {
    /// The network, or the broker did not prove who it is.
    Network(Error),
    /// The broker refused, or sent what is not MQTT 5.
    Broker,
    /// The broker closed the connection.
    Closed,
    /// A name, a reading or a command is longer than there is room for.
    TooLong,
}

/// Reads the sensor by the schedule, and publishes what it says; a round is a reading that the broker has.
///
/// `command` gets what others publish for this node.
pub async fn run<'p, 's, S, T, const N: usize>(
    pool: &'p SocketPool<'s, S, N>,
    tls: &'p T,
    broker: Broker<'p>,
    mut sensor: impl FnMut() -> f32,
    mut command: impl FnMut(&[u8]),
    schedule: Schedule<'_>,
) -> Tally
where
    S: Stack + 's,
    T: TlsContext<Socket<'p, 's, S, N>>,
{
    let timer = traits::SocketPool::timer(pool);
    let network = pool.connector(tls, broker.host);
    let (mut rx, mut tx) = ([0; BUFFER], [0; BUFFER]);
    let mut course = Course::new(&schedule, "mqtt");
    let (Ok(status), Ok(readings), Ok(commands), Ok(config)) = (
        topic(broker.name, "/status"),
        topic(broker.name, "/reading"),
        topic(broker.name, "/command"),
        ConfigBuilder::new(Buffers::new(&mut rx, &mut tx)).client_id(broker.name),
    ) else {
        course.after(Err(MqttError::TooLong));
        return course.tally();
    };
    let Ok(config) = Will::new(&status, b"offline", &[])
        .and_then(|will| config.will(will.retained().qos(QoS::AtLeastOnce)))
        .map(|config| config.keepalive_interval(KEEPALIVE_IN_SECONDS))
    else {
        course.after(Err(MqttError::TooLong));
        return course.tally();
    };
    let (mut session, mut unsent, mut number) = (Session::new(config), None, 0_u32);
    loop {
        let outcome: Result<(), MqttError> = async {
            let address = network.get_host_by_name(broker.host, AddrType::Either).await?;
            let mut socket = network.connect(SocketAddr::new(address, broker.port)).await?;
            socket.set_timeout(Some(SILENCE));
            let mut connection = session.connect(socket).await?;
            info!("mqtt: connected");
            acknowledged(&mut connection, Publication::bytes(&status, b"online").retain(), &mut command).await?;
            connection.subscribe(&[TopicFilter::new(&commands)], &[]).await?;
            loop {
                let reading = *unsent.get_or_insert_with(|| {
                    number = number.wrapping_add(1);
                    Reading { number, celsius: sensor() }
                });
                let mut text = [0; 64];
                let len = serde_json_core::to_slice(&reading, &mut text).map_err(|_| MqttError::TooLong)?;
                let publication = Publication::bytes(&readings, &text[..len]);
                acknowledged(&mut connection, publication, &mut command).await?;
                info!("mqtt: the broker has reading {}", reading.number);
                unsent = None;
                let Some(pause) = course.after(Ok::<(), MqttError>(())) else {
                    return connection.disconnect().await.map_err(MqttError::from);
                };
                listen(&mut connection, timer, timer.now().after(pause), &mut command).await?;
            }
        }
        .await;
        let Err(error) = outcome else { return course.tally() };
        let Some(pause) = course.after(Err(error)) else { return course.tally() };
        timer.wait_until(timer.now().after(pause)).await;
    }
}

fn topic(name: &str, what: &str) -> Result<Topic, MqttError> {
    let mut topic = Topic::try_from(name).map_err(|_| MqttError::TooLong)?;
    topic.push_str(what).map_err(|_| MqttError::TooLong)?;
    Ok(topic)
}

/// Publishes, and waits until the broker says that it has it.
async fn acknowledged<C: Io<Error = Error>>(
    connection: &mut Connection<'_, '_, C>,
    publication: Publication<'_, &[u8]>,
    command: &mut impl FnMut(&[u8]),
) -> Result<(), MqttError> {
    if let Some(sent) = connection.publish(publication.qos(QoS::AtLeastOnce)).await? {
        while connection.is_pending(&sent) {
            hear(connection, command).await?;
        }
    }
    Ok(())
}

/// Takes commands until then, and keeps the connection alive.
async fn listen<C: Io<Error = Error>>(
    connection: &mut Connection<'_, '_, C>,
    timer: &impl Timer,
    until: Instant,
    command: &mut impl FnMut(&[u8]),
) -> Result<(), MqttError> {
    loop {
        match select(timer.wait_until(until), hear(connection, command)).await {
            Either::First(()) => return Ok(()),
            Either::Second(outcome) => outcome?,
        }
    }
}

/// Waits for something to happen.
async fn hear<C: Io<Error = Error>>(
    connection: &mut Connection<'_, '_, C>,
    command: &mut impl FnMut(&[u8]),
) -> Result<(), MqttError> {
    if let Some(message) = connection.poll().await? {
        info!("mqtt: a command of {} bytes", message.payload().len());
        command(message.payload());
    }
    Ok(())
}

impl Failure for MqttError {}

impl From<Error> for MqttError {
    fn from(error: Error) -> Self {
        Self::Network(error)
    }
}

impl From<minimq::Error<Error>> for MqttError {
    fn from(error: minimq::Error<Error>) -> Self {
        match error {
            minimq::Error::Transport(error) => Self::Network(error),
            minimq::Error::Peer(_) => Self::Broker,
            minimq::Error::InvalidRequest | minimq::Error::Resource(_) => Self::TooLong,
            _ => Self::Closed,
        }
    }
}

impl<P> From<PubError<P, Error>> for MqttError {
    fn from(error: PubError<P, Error>) -> Self {
        match error {
            PubError::Session(error) => error.into(),
            PubError::Payload(_) => Self::TooLong,
        }
    }
}

impl fmt::Display for MqttError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => error.fmt(f),
            Self::Broker => f.write_str("the broker refused, or does not speak MQTT 5"),
            Self::Closed => f.write_str("the broker closed the connection"),
            Self::TooLong => f.write_str("longer than there is room for"),
        }
    }
}
