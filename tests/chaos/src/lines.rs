//! Lines that lose, double and reorder frames, below a real TCP: embassy-net with the async face, smoltcp-nal with the
//! blocking one. Time is simulated.

use std::{collections::BTreeMap, thread, time::Duration};

use embedded_io_async::{Read as _, Write as _};
use socketpool::{
    Error, Resources, SocketPool, blocking,
    pool::Counts,
    requests::Session,
    stack::{Connection as _, Family, Listen as _, Listener as _, Local},
    time::Deadline,
};

use crate::{
    Figures,
    embassy::{self, Cable, Net, Pair},
    smoltcp_nal::{self, Bad, PAGE},
};

/// Of a thousand exchanges at that loss in percent, at least so many are right. The rest are named errors: half a
/// minute is over before TCP, which doubles its pauses, has tried often enough, or the server has given up.
const EMBASSY: [(u64, usize); 5] = [(0, 1000), (5, 998), (10, 998), (20, 973), (30, 877)];
const SMOLTCP: [(u64, usize); 5] = [(0, 1000), (5, 1000), (10, 1000), (20, 984), (30, 878)];

const TIMEOUT: Duration = Duration::from_secs(30);
const LONG_BODY: usize = 1000;

/// What came of the exchanges on one line.
#[derive(Debug, Default)]
struct Ends {
    right: usize,
    wrong: usize,
    errors: BTreeMap<String, usize>,
}

impl Ends {
    fn count(&mut self, outcome: Result<bool, Error>) {
        match outcome {
            Ok(true) => self.right += 1,
            Ok(false) => self.wrong += 1,
            Err(error) => *self.errors.entry(error.to_string()).or_default() += 1,
        }
    }
}

/// All lines, so many exchanges on each.
pub fn all(exchanges: usize, figures: &mut Figures) {
    let lines = EMBASSY.map(|line| (true, line)).into_iter().chain(SMOLTCP.map(|line| (false, line)));
    for (is_embassy, (loss, least)) in lines {
        // Each thread has a time of its own.
        let work =
            thread::spawn(
                move || if is_embassy { over_embassy(loss, exchanges) } else { over_smoltcp(loss, exchanges) },
            );
        let name = if is_embassy { "embassy-net, async" } else { "smoltcp-nal, blocking" };
        let (ends, counts) = work.join().expect("no panic");
        println!("  {name}, {loss:>2} % lost: {} of {exchanges} right; {:?}", ends.right, ends.errors);
        figures.runs += 1;
        figures.requests += exchanges as u64;
        if ends.wrong > 0 {
            figures.wrong(format!("{name}, {loss} %: {} wrong responses", ends.wrong));
        }
        if counts.in_use > 0 || counts.free_buffers != 2 {
            figures.wrong(format!("{name}, {loss} %: lost: {counts:?}"));
        }
        // A sample of a hundred scatters.
        let scatter = if exchanges < 1000 { exchanges / 20 } else { 0 };
        if ends.right + scatter < least * exchanges / 1000 {
            figures.wrong(format!("{name}, {loss} %: {} right, of 1000 it was {least}", ends.right));
        }
    }
}

/// A server that keeps connections.
async fn serve(network: &Net) {
    let at = Local { address: None, family: Family::Ipv4, port: 80 };
    let mut listener = network.listen(at, 2, false).await.expect("a listener");
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {LONG_BODY}\r\n\r\n{}", "x".repeat(LONG_BODY));
    let patience = |seconds| Deadline::within(network, Some(Duration::from_secs(seconds)));
    loop {
        let Ok((mut client, _)) = listener.accept().await else { continue };
        let mut heard = Vec::new();
        let mut buffer = [0; 512];
        let conversation = async {
            // A client that has gone, and whose reset was lost, is not waited for.
            while let Some(Ok(count @ 1..)) = patience(5).limit(network, client.read(&mut buffer)).await {
                heard.extend(&buffer[..count]);
                if heard.ends_with(b"\r\n\r\n") {
                    heard.clear();
                    client.write_all(response.as_bytes()).await?;
                    client.flush().await?;
                }
            }
            client.shutdown().await
        };
        let _ = patience(60).limit(network, conversation).await;
    }
}

fn over_embassy(loss: u64, exchanges: usize) -> (Ends, Counts) {
    let cable = Cable { loss, twice: loss, jitter: embassy_time::Duration::from_millis(20), seed: loss, ..Cable::GOOD };
    let cable = if loss == 0 { Cable::GOOD } else { cable };
    let Pair { mut client, server, mut background, .. } = embassy::pair(cable);
    let server: &'static Net = Box::leak(Box::new(server));
    background.spawn(serve(server));
    let mut memory = Resources::<2>::new();
    let pool = SocketPool::new(&mut client, &mut memory);
    let http = Session::plain(&pool).timeout(Some(TIMEOUT));
    let mut ends = Ends::default();
    background.run(async {
        for _ in 0..exchanges {
            let exchange = async {
                let mut room = [0; LONG_BODY + 1];
                let mut response = http.get("http://10.0.0.2/").send().await?;
                Ok(response.content(&mut room).await? == [b'x'; LONG_BODY])
            };
            ends.count(exchange.await);
        }
    });
    (ends, pool.counts())
}

fn over_smoltcp(loss: u64, exchanges: usize) -> (Ends, Counts) {
    let (lab, mut network) = smoltcp_nal::lab();
    lab.is_bad(Bad { loss, twice: loss, early: loss, seed: loss + 1 });
    let mut memory = Resources::<2>::new();
    let pool = blocking::SocketPool::new(&mut network, &mut memory);
    let http = blocking::Session::plain(&pool).timeout(Some(TIMEOUT));
    let mut ends = Ends::default();
    for _ in 0..exchanges {
        let exchange = || {
            let mut room = [0; 64];
            let mut response = http.get("http://peer.example/page").send()?;
            Ok(response.content(&mut room)? == PAGE.as_bytes())
        };
        ends.count(exchange());
    }
    (ends, pool.counts())
}
