//! Readings over a WebSocket (RFC 6455) on a verified TLS connection, with edge-ws.

use edge_http::ws::{MAX_BASE64_KEY_LEN, MAX_BASE64_KEY_RESPONSE_LEN, is_upgrade_accepted, upgrade_request_headers};
use edge_ws::{FrameType, io};
use embedded_io_async::ErrorKind::InvalidData;
use socketpool::http::{HeadDecoder, HeadStep, HeadWriter, Method};
use socketpool::traits::{Need, Socket, SocketPool, TlsContext};
use socketpool::{Error, ErrorKind, Phase, Result, time::Deadline};

use crate::{Schedule, Tally};

/// Sends what the sensor says to `wss://host:port/path`, and logs the answer; each round is a connection of its own. The
/// key of a request and the masks of what is sent are made of `random`.
pub async fn run<'p, P: SocketPool, T: TlsContext<P::Socket<'p>>>(
    pool: &'p P,
    tls: &'p T,
    (host, port, path): (&str, u16, &str),
    random: &dyn Fn() -> u32,
    mut sensor: impl FnMut() -> f32,
    schedule: Schedule<'_>,
) -> Tally {
    let round = async || -> Result<()> {
        let deadline = Deadline::within(pool.timer(), Some(schedule.patience()));
        let (place, _) = pool.reserve(Need { tls_session: tls.takes_session(), ..Need::default() }, deadline).await?;
        let (mut socket, _) = pool.socket_in(place, None).await;
        socket.set_deadline(deadline);
        tls.connect(&mut socket, host, port).await?;
        upgrade(&mut socket, host, path, [random(), random(), random(), random()]).await?;
        let (mut text, mut buffer, mut len) = ([0; 32], [0; 256], 0);
        let size = serde_json_core::to_slice(&sensor(), &mut text).unwrap_or(0);
        send(&mut socket, FrameType::Text(false), random(), &text[..size]).await?;
        loop {
            let (kind, count) = io::recv(&mut socket, &mut buffer[len..]).await.map_err(failed)?;
            match kind {
                FrameType::Ping => send(&mut socket, FrameType::Pong, random(), &buffer[len..len + count]).await?,
                FrameType::Pong => {}
                FrameType::Close => return Err(Error::new(Phase::Receive, ErrorKind::Truncated)),
                _ if kind.is_final() => break len += count,
                _ => len += count,
            }
        }
        info!("websocket: {}", core::str::from_utf8(&buffer[..len]).map_err(|_| failed(edge_ws::Error::Invalid))?);
        send(&mut socket, FrameType::Close, random(), &[3, 232]).await?; // 1000: done
        socket.close().await
    };
    schedule.run("websocket", pool.timer(), round).await
}

/// Asks for a WebSocket. The response is read byte by byte, because the first frame may follow it.
async fn upgrade(socket: &mut impl Socket, host: &str, path: &str, random: [u32; 4]) -> Result<()> {
    let (mut nonce, mut head, mut key, mut len) = ([0; 16], [0; 1024], [0; MAX_BASE64_KEY_LEN], 0);
    nonce.as_chunks_mut().0.iter_mut().zip(random).for_each(|(four, number)| *four = number.to_be_bytes());
    let mut request = HeadWriter::new(&mut head, Method::Get, path);
    for (name, value) in upgrade_request_headers(Some(host), None, None, &nonce, &mut key) {
        if !matches!(name, "" | "Content-Length") {
            request.field(name, value.as_bytes());
        }
    }
    let size = request.finish().map_err(|error| Error::new(Phase::Setup, ErrorKind::Encode(error)))?;
    socket.write_all(&head[..size]).await?;
    socket.flush().await?;
    let mut decoder = HeadDecoder::new(Method::Get);
    let malformed = |error| Error::new(Phase::Head, ErrorKind::Malformed(error));
    let head_of = loop {
        let room = head.get_mut(len..).and_then(|rest| rest.first_chunk_mut::<1>());
        len += match socket.read(room.ok_or(failed(edge_ws::Error::BufferOverflow))?).await? {
            0 => return Err(malformed(decoder.end_of_stream())),
            count => count,
        };
        match decoder.advance(&mut head[..len]).map_err(malformed)? {
            HeadStep::NeedMore => {}
            HeadStep::Interim { .. } => len = 0,
            HeadStep::Complete(response) => break response,
        }
    };
    let fields = head_of.fields(&head).into_iter();
    let fields = fields.filter_map(|(name, value)| Some((name, core::str::from_utf8(value).ok()?)));
    if is_upgrade_accepted(head_of.status.as_u16(), fields, &nonce, &mut [0; MAX_BASE64_KEY_RESPONSE_LEN]) {
        return Ok(());
    }
    Err(Error::new(Phase::Head, ErrorKind::Status(head_of.status)))
}

async fn send(socket: &mut impl Socket, kind: FrameType, mask: u32, bytes: &[u8]) -> Result<()> {
    io::send(&mut *socket, kind, Some(mask), bytes).await.map_err(failed)?;
    socket.flush().await
}

fn failed(error: edge_ws::Error<Error>) -> Error {
    if let edge_ws::Error::Io(error) = error { error } else { Error::new(Phase::Receive, ErrorKind::Io(InvalidData)) }
}
