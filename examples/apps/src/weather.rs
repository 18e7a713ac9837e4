//! JSON over verified HTTPS, twice on one connection.

use serde::Deserialize;
use socketpool::{
    Result,
    requests::Session,
    traits::{SocketPool, TlsContext},
};

use crate::{Schedule, Tally};

/// What the server says.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Weather {
    /// Outside, in the shade.
    pub celsius: f32,
}

/// Asks `url` for the weather of two cities. The second answer comes over the connection of the first.
pub async fn run<'p, P, T>(pool: &'p P, tls: &'p T, url: &str, schedule: Schedule<'_>) -> Tally
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
{
    let http = schedule.session(pool, tls);
    let round = async || -> Result<()> {
        for city in ["Utrecht", "Den Haag"] {
            let weather = fetch(&http, url, city).await?;
            info!("weather: {} has {} degrees", city, weather.celsius);
        }
        Ok(())
    };
    schedule.run("weather", pool.timer(), round).await
}

async fn fetch<'p, P, T>(http: &Session<'p, P, T>, url: &str, city: &str) -> Result<Weather>
where
    P: SocketPool,
    T: TlsContext<P::Socket<'p>>,
{
    let mut buffer = [0; 256];
    http.get(url).query("city", city).send().await?.error_for_status()?.json(&mut buffer).await
}
