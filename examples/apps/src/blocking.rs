//! The weather once more, for programs without an executor: the same words without `.await`.

use socketpool::{
    Result,
    blocking::Session,
    time::BlockingTimer,
    traits::{SocketPool, TlsContext},
};

use crate::{Schedule, Tally, weather::Weather};

/// As [`weather::run`](crate::weather::run).
pub fn weather<'p, P, T>(pool: &'p P, tls: &'p T, url: &str, schedule: Schedule<'_>) -> Tally
where
    P: SocketPool<Timer: BlockingTimer>,
    T: TlsContext<P::Socket<'p>>,
{
    let http = Session::new(pool, tls).timeout(Some(schedule.patience()));
    let round = || {
        for city in ["Utrecht", "Den Haag"] {
            let weather = fetch(&http, url, city)?;
            info!("weather: {} has {} degrees", city, weather.celsius);
        }
        Ok(())
    };
    schedule.run_blocking("weather", pool, round)
}

fn fetch<'p, P, T>(http: &Session<'p, P, T>, url: &str, city: &str) -> Result<Weather>
where
    P: SocketPool<Timer: BlockingTimer>,
    T: TlsContext<P::Socket<'p>>,
{
    let mut buffer = [0; 256];
    http.get(url).query("city", city).send()?.error_for_status()?.json(&mut buffer)
}
