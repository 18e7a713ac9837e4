//! The date, without which no certificate can be checked.

use rustls_pki_types::UnixTime;
use socketpool::{
    Result, SocketPool,
    stack::{Datagrams, Stack},
    time::Clock,
    tls::{Random, WallClock},
    traits,
};

use crate::{Schedule, Tally};

/// Asks two time servers for the date, sets `clock`, and uses it: `tls`, which has the same clock, can connect to `url`.
pub async fn run<'p, 's, S, T, C, const N: usize>(
    pool: &'p SocketPool<'s, S, N>,
    tls: &'p T,
    clock: &WallClock<C>,
    servers: [&str; 2],
    url: &str,
    random: &mut impl Random,
    schedule: Schedule<'_>,
) -> Tally
where
    S: Stack + Datagrams + 's,
    T: traits::TlsContext<<SocketPool<'s, S, N> as traits::SocketPool>::Socket<'p>>,
    C: Clock,
{
    let http = schedule.session(pool, tls);
    let round = async || -> Result<()> {
        let date = Date::from(pool.sync_time(clock, servers, random).await?);
        info!(
            "clock: {}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
            date.year, date.month, date.day, date.hour, date.minute, date.second
        );
        let status = http.head(url).send().await?.status().as_u16();
        info!("clock: certificates can be checked; status {} from a server that proved who it is", status);
        Ok(())
    };
    schedule.run("clock", traits::SocketPool::timer(pool), round).await
}

/// A date of the Gregorian calendar and the time of day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// After Christ.
    pub year: u64,
    /// 1 is January.
    pub month: u64,
    /// From 1 on.
    pub day: u64,
    /// 0 to 23.
    pub hour: u64,
    /// 0 to 59.
    pub minute: u64,
    /// 0 to 59.
    pub second: u64,
}

impl From<UnixTime> for Date {
    fn from(time: UnixTime) -> Self {
        let seconds = time.as_secs();
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        // Years from March on, so that the leap day is the last of its year; 400 of them always have as many days.
        let days = seconds / 86_400 + 719_468;
        let (era, days) = (days / 146_097, days % 146_097);
        let year = (days - days / 1460 + days / 36_524 - days / 146_096) / 365;
        let days = days - (365 * year + year / 4 - year / 100);
        let month = (5 * days + 2) / 153;
        let day = days - (153 * month + 2) / 5 + 1;
        let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
        Self { year: era * 400 + year, month, day, hour, minute, second }
    }
}
