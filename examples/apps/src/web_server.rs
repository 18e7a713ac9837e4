//! A small JSON page for browsers.

use core::fmt::Write as _;

use heapless::String;
use serde::Serialize;
use socketpool::{
    Result, Socket, SocketPool,
    pool::Listener,
    stack::{Listen, Stack},
    time::Deadline,
    traits,
};

use crate::{Schedule, Tally};

/// The most bytes of a request that are looked at.
const REQUEST: usize = 1024;

/// What the page says.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Status<'a> {
    /// Which device this is.
    pub device: &'a str,
    /// Since it started.
    pub uptime_seconds: u64,
    /// Requests answered before this one.
    pub answered: u32,
}

/// Answers whoever connects to `port`, one client after the other; each has the time of one request to ask.
///
/// A round is one client. One that asks nothing sensible or hangs up is a line on the log and no more: nobody else has to
/// wait for that. Only a port that cannot be listened to is tried again later and later.
pub async fn run<'s, S, const N: usize>(
    pool: &SocketPool<'s, S, N>,
    port: u16,
    device: &str,
    schedule: Schedule<'_>,
) -> Tally
where
    S: Stack + Listen + 's,
{
    let timer = traits::SocketPool::timer(pool);
    let (mut listening, mut answered) = (None, 0_u32);
    let round = async || -> Result<()> {
        let listener = match &mut listening {
            Some(listener) => listener,
            none => none.insert(listen(pool, port).await?),
        };
        let (mut client, address) = listener.accept().await?;
        client.set_deadline(Deadline::within(timer, Some(schedule.patience())));
        let page = Status { device, uptime_seconds: timer.now().as_millis() / 1000, answered };
        match serve(client, &page).await {
            Ok(status) => {
                answered = answered.wrapping_add(1);
                info!("web_server: status {} for port {}", status, address.port());
            }
            Err(error) => warning!("web_server: a client failed: {}", error),
        }
        Ok(())
    };
    schedule.run("web_server", timer, round).await
}

async fn listen<'p, 's, S, const N: usize>(pool: &'p SocketPool<'s, S, N>, port: u16) -> Result<Listener<'p, 's, S, N>>
where
    S: Stack + Listen + 's,
{
    let mut socket = pool.socket().await?;
    socket.bind("", port)?;
    let mut listener = socket.listen(2).await?;
    listener.set_timeout(None);
    info!("web_server: listening on port {}", port);
    Ok(listener)
}

/// Reads one request and answers it. The status that was answered.
async fn serve<'s, S: Stack + 's, const N: usize>(mut client: Socket<'_, 's, S, N>, page: &Status<'_>) -> Result<u16> {
    let (mut request, mut len) = ([0; REQUEST], 0);
    let is_whole = loop {
        if request[..len].windows(4).any(|four| four == b"\r\n\r\n") {
            break true;
        }
        match client.recv_into(&mut request[len..]).await? {
            0 => break false,
            count => len += count,
        }
    };
    let (status, reason) = if is_whole { judge(&request[..len]) } else { (400, "Bad Request") };
    let mut body = [0; 128];
    let len = if status == 200 { serde_json_core::to_slice(page, &mut body).unwrap_or(0) } else { 0 };
    let mut head = String::<160>::new();
    let _ = write!(
        head,
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n"
    );
    client.send_all(head.as_bytes()).await?;
    client.send_all(&body[..len]).await?;
    client.close().await?;
    Ok(status)
}

/// What to answer to this request.
fn judge(request: &[u8]) -> (u16, &'static str) {
    match request.split(|byte| *byte == b'\r').next().unwrap_or_default() {
        b"GET / HTTP/1.1" | b"GET / HTTP/1.0" => (200, "OK"),
        line if line.starts_with(b"GET /") => (404, "Not Found"),
        _ => (501, "Not Implemented"),
    }
}
