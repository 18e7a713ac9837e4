//! Setting a clock from two time servers, blocking.

use core::net::SocketAddr;

use rustls_pki_types::UnixTime;

use super::{
    SocketPool, UdpSocket,
    stack::{Datagrams, Stack},
};
use crate::{
    error::{Error, ErrorKind, Phase, Result},
    pool::{
        Patience,
        sync::{PATIENCE, PAUSES, Sample, Server, agreed, different, judge, new_request},
    },
    sntp,
    sync::RawMutex,
    time::{Clock, Deadline},
    tls::{Random, time::WallClock},
};

impl<'s, S: Stack + Datagrams + 's, const N: usize, R: RawMutex> SocketPool<'s, S, N, R> {
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
    /// sent then; `Receive`: [`ErrorKind::Timeout`] if one of them did not answer, [`ErrorKind::Sntp`] for an answer that
    /// cannot be used, or two that do not agree.
    #[doc(alias = "NTP")]
    pub fn sync_time<C: Clock>(
        &self,
        clock: &WallClock<C>,
        servers: [&str; 2],
        random: &mut impl Random,
    ) -> Result<UnixTime> {
        self.sync_time_until(clock, servers, random, Deadline::within(self.network, Some(PATIENCE)))
    }

    /// The same, until `deadline`. Each server is asked three times within eight seconds at most.
    ///
    /// # Errors
    /// As for [`sync_time`](Self::sync_time).
    pub fn sync_time_until<C: Clock>(
        &self,
        clock: &WallClock<C>,
        [first, second]: [&str; 2],
        random: &mut impl Random,
        deadline: Deadline,
    ) -> Result<UnixTime> {
        let mut socket = self.udp_socket()?;
        socket.set_deadline(deadline);
        let (first, second) = (Server::parse(first)?, Server::parse(second)?);
        let first = self.ask(&mut socket, first, None, random, deadline)?;
        let second = self.ask(&mut socket, second, Some(first.server), random, deadline)?;
        agreed(first, second, self.network.now(), clock)
    }

    fn ask(
        &self,
        socket: &mut UdpSocket<'_, 's, S, N, R>,
        server: Server<'_>,
        other: Option<SocketAddr>,
        random: &mut impl Random,
        deadline: Deadline,
    ) -> Result<Sample> {
        let server = different(socket.resolve(server.host, server.port, Patience::Until(deadline))?, other)?;
        for pause in PAUSES {
            let request = new_request(random)?;
            socket.set_deadline(deadline);
            socket.send_to_addr(&request.packet(), server)?;
            socket.set_deadline(deadline.or_within(self.network, pause));
            loop {
                let mut packet = [0; sntp::PACKET_LEN];
                match socket.recv_from_into(&mut packet) {
                    Err(error) if error.is_timeout() => break,
                    Err(error) => return Err(error),
                    Ok((size, sender)) => {
                        let datagram = &packet[..size.min(packet.len())];
                        if let Some(sample) = judge(&request, datagram, sender, server, self.network.now())? {
                            return Ok(sample);
                        }
                    }
                }
            }
            if deadline.has_passed(self.network) {
                break;
            }
        }
        Err(Error::new(Phase::Receive, ErrorKind::Timeout))
    }
}
