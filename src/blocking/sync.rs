//! Setting a clock from two time servers, blocking.

use rustls_pki_types::UnixTime;

use super::{SocketPool, stack::Stack};
use crate::{
    error::Result,
    stack::Datagrams,
    sync::RawMutex,
    time::{Clock, Deadline, run},
    tls::{Random, time::WallClock},
};

impl<'s, S: Stack + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
    /// Asks two time servers for the date with SNTP, and sets `clock` if they agree. Takes one slot of the pool, and 20
    /// seconds at most; gives the date.
    ///
    /// A server is a host name or address, or `"host:port"` if its port is not 123. Choose two that do not belong to the
    /// same operator; use servers that you may use (`pool.ntp.org` asks vendors of devices for a name of their own).
    /// What the date is worth then, and what not, is on the page of [`tls::time`](crate::tls::time).
    ///
    /// # Errors
    /// The clock is as it was then. With phase `Setup`: no free slot; `Resolve`; `Connect`: no UDP socket;
    /// `Send`, also with [`TlsError::Random`](crate::tls::TlsError::Random) if `random` fails or stands still, and nothing was
    /// sent then; `Receive`: [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) if one of them did not reply, [`ErrorKind::Sntp`](crate::ErrorKind::Sntp) for a reply that
    /// cannot be used, or two that do not agree.
    #[doc(alias = "NTP")]
    pub fn sync_time<C: Clock>(
        &self,
        clock: &WallClock<C>,
        servers: [&str; 2],
        random: &mut impl Random,
    ) -> Result<UnixTime>
    where
        S: Datagrams,
    {
        run(self.network(), self.0.sync_time(clock, servers, random))
    }

    /// The same, until `deadline`. Each server is asked three times within eight seconds at most.
    ///
    /// # Errors
    /// As for [`sync_time`](Self::sync_time).
    pub fn sync_time_until<C: Clock>(
        &self,
        clock: &WallClock<C>,
        servers: [&str; 2],
        random: &mut impl Random,
        deadline: Deadline,
    ) -> Result<UnixTime>
    where
        S: Datagrams,
    {
        run(self.network(), self.0.sync_time_until(clock, servers, random, deadline))
    }
}
