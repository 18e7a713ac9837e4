//! Setting a clock from two time servers.

use core::{net::SocketAddr, time::Duration};

use rustls_pki_types::UnixTime;

use super::{self as ntp, Request, SntpError};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    pool::{Patience, SocketPool, UdpSocket},
    stack::{Datagrams, Stack},
    sync::RawMutex,
    time::{Clock, Deadline, Instant},
    tls::{
        Random, TlsError,
        random::Watch,
        time::{RELEASE_DATE, WallClock},
    },
};

/// How long asking two servers may take in all, unless a deadline says otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long each request to a server may stay without a reply until the next one, and then no other.
pub(crate) const PAUSES: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(2), Duration::from_secs(4)];

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
    /// `Send`, also with [`TlsError::Random`] if `random` fails or stands still, and nothing was
    /// sent then; `Receive`: [`ErrorKind::Timeout`] if one of them did not reply, [`ErrorKind::Sntp`] for a reply that
    /// cannot be used, or two that do not agree.
    ///
    /// # Cancel safety
    /// Dropping the future frees the slot and leaves the clock as it was.
    #[doc(alias = "NTP")]
    pub async fn sync_time<C: Clock>(
        &self,
        clock: &WallClock<C>,
        servers: [&str; 2],
        random: &mut impl Random,
    ) -> Result<UnixTime>
    where
        S: Datagrams,
    {
        self.sync_time_until(clock, servers, random, Deadline::within(self.network(), Some(PATIENCE))).await
    }

    /// The same, until `deadline`. Each server is asked three times within eight seconds at most.
    ///
    /// # Errors
    /// As for [`sync_time`](Self::sync_time).
    ///
    /// # Cancel safety
    /// As for [`sync_time`](Self::sync_time).
    pub async fn sync_time_until<C: Clock>(
        &self,
        clock: &WallClock<C>,
        [first, second]: [&str; 2],
        random: &mut impl Random,
        deadline: Deadline,
    ) -> Result<UnixTime>
    where
        S: Datagrams,
    {
        let mut socket = self.udp_socket().await?;
        socket.set_deadline(deadline);
        let (first, second) = (Server::parse(first)?, Server::parse(second)?);
        let first = self.ask(&mut socket, first, None, random, deadline).await?;
        let second = self.ask(&mut socket, second, Some(first.server), random, deadline).await?;
        agreed(first, second, self.network().now(), clock)
    }

    async fn ask(
        &self,
        socket: &mut UdpSocket<'_, 's, S, N, R>,
        server: Server<'_>,
        other: Option<SocketAddr>,
        random: &mut impl Random,
        deadline: Deadline,
    ) -> Result<Sample>
    where
        S: Datagrams,
    {
        let server = different(socket.resolve(server.host, server.port, Patience::Until(deadline)).await?, other)?;
        for pause in PAUSES {
            let request = new_request(random)?;
            socket.set_deadline(deadline);
            socket.send_to_addr(&request.packet(), server).await?;
            socket.set_deadline(deadline.or_within(self.network(), pause));
            loop {
                let mut packet = [0; ntp::PACKET_LEN];
                match socket.recv_from_into(&mut packet).await {
                    Err(error) if error.is_timeout() => break,
                    Err(error) => return Err(error),
                    Ok((size, sender)) => {
                        let datagram = &packet[..size.min(packet.len())];
                        if let Some(sample) = judge(&request, datagram, sender, server, self.network().now())? {
                            return Ok(sample);
                        }
                    }
                }
            }
            if deadline.has_passed(self.network()) {
                break;
            }
        }
        Err(Error::new(Phase::Receive, ErrorKind::Timeout))
    }
}

/// A time server, as the caller names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Server<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
}

impl<'a> Server<'a> {
    /// `host`, `host:port`, an address with or without brackets, or an address in brackets with a port.
    pub(crate) fn parse(name: &'a str) -> Result<Self> {
        let (host, port) = match name.rsplit_once(':') {
            Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, Some(port)),
            _ => (name, None),
        };
        let port = port.map_or(Some(ntp::PORT), |port| port.parse().ok());
        port.map(|port| Self { host, port }).ok_or(Error::new(Phase::Resolve, ErrorKind::HostName))
    }
}

/// What one server said, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) server: SocketAddr,
    time: Duration,
    heard: Instant,
}

impl Sample {
    /// What the server would say now.
    fn at(&self, now: Instant) -> Duration {
        self.time + Duration::from_millis(now.as_millis().saturating_sub(self.heard.as_millis()))
    }
}

const fn refused(error: SntpError) -> Error {
    Error::new(Phase::Receive, ErrorKind::Sntp(error))
}

pub(crate) fn new_request(random: &mut impl Random) -> Result<Request> {
    let mut nonce = [0; 8];
    let drawn = Watch::default().fill(random, &mut nonce);
    drawn.map_err(|_| Error::new(Phase::Send, ErrorKind::Tls(TlsError::Random)))?;
    Ok(Request::new(u64::from_be_bytes(nonce)))
}

pub(crate) fn different(server: SocketAddr, other: Option<SocketAddr>) -> Result<SocketAddr> {
    if other.is_some_and(|other| other == server) { Err(refused(SntpError::SameServer)) } else { Ok(server) }
}

/// What a datagram says; nothing if any host could have sent it.
pub(crate) fn judge(
    request: &Request,
    datagram: &[u8],
    sender: SocketAddr,
    server: SocketAddr,
    now: Instant,
) -> Result<Option<Sample>> {
    if (sender.ip(), sender.port()) != (server.ip(), server.port()) {
        return Ok(None);
    }
    match request.read(datagram, RELEASE_DATE) {
        Ok(reply) => Ok(Some(Sample { server, time: reply.time, heard: now })),
        Err(SntpError::Short | SntpError::Origin) => Ok(None),
        Err(error) => Err(refused(error)),
    }
}

/// Sets the clock if the servers agree: to the earlier time, because it has to be at least that late.
pub(crate) fn agreed<C: Clock>(first: Sample, second: Sample, now: Instant, clock: &WallClock<C>) -> Result<UnixTime> {
    let (first, second) = (first.at(now), second.at(now));
    let apart = first.abs_diff(second);
    if apart > ntp::AGREEMENT {
        let seconds = u32::try_from(apart.as_secs()).unwrap_or(u32::MAX);
        return Err(refused(SntpError::Disagreement { seconds }));
    }
    let date = UnixTime::since_unix_epoch(first.min(second));
    clock.raise(date);
    Ok(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_with_or_without_a_port() {
        for (name, wanted) in [
            ("time.example", Some(("time.example", 123))),
            ("time.example:1123", Some(("time.example", 1123))),
            ("10.0.0.1:1", Some(("10.0.0.1", 1))),
            ("2001:db8::1", Some(("2001:db8::1", 123))),
            ("[2001:db8::1]", Some(("[2001:db8::1]", 123))),
            ("[2001:db8::1]:77", Some(("[2001:db8::1]", 77))),
            ("time.example:", None),
            ("time.example:65536", None),
            ("time.example:-1", None),
        ] {
            let parsed = Server::parse(name).ok().map(|server| (server.host, server.port));
            assert_eq!(parsed, wanted, "{name}");
        }
    }
}
