//! From power-up to a network that a pool can use.

use core::{net::Ipv4Addr, time::Duration};

use embassy_futures::select::{Either, select};
use embassy_net::{
    Config, Ipv4Cidr, StackResources, StaticConfigV4,
    dns::DnsSocket,
    tcp::client::{TcpClient, TcpClientState},
};
use rustls_pki_types::{TrustAnchor, UnixTime};
use socketpool::{
    stack::Network,
    time::{Clock, Instant, Timer},
    tls::{Now, Roots, TlsContext, WallClock, roots::trust_anchor_from_der},
};
use socketpool_apps::{Schedule, Tally};
use static_cell::{ConstStaticCell, StaticCell};

use crate::{Measured, Settings, nic::Ethernet};

const SOCKETS: usize = 3;
const TX: usize = 2048;
const RX: usize = 8192;

/// What a pool is made of here.
pub type Wire = Network<TcpClient<'static, SOCKETS, TX, RX>, DnsSocket<'static>, Time>;

/// The time of embassy.
#[derive(Debug, Clone, Copy)]
pub struct Time;

impl Clock for Time {
    fn now(&self) -> Instant {
        Instant::from_millis(embassy_time::Instant::now().as_millis())
    }
}

impl Timer for Time {
    async fn wait_until(&self, at: Instant) {
        embassy_time::Timer::at(embassy_time::Instant::from_millis(at.as_millis())).await;
    }
}

/// What an app gets besides the network.
pub struct Device {
    /// What this boot is to do.
    pub settings: Settings,
    /// Knows the date if the settings said it.
    pub clock: WallClock<Time>,
    roots: &'static [TrustAnchor<'static>],
}

impl Device {
    /// Trusts Mozilla's roots, and the one of the settings.
    pub fn tls(&self) -> Measured<TlsContext<'static, fn(&mut [u8]), &WallClock<Time>>> {
        let random: fn(&mut [u8]) = qemu_board::random;
        Measured(TlsContext::new(random, &self.clock).roots(Roots::mozilla_and(self.roots)))
    }

    /// As often as the settings say, without long pauses.
    pub fn schedule(&self) -> Schedule<'static> {
        Schedule::every(Duration::from_millis(10), &random_u32)
            .timeout(self.settings.timeout)
            .rounds(self.settings.rounds)
    }
}

/// A random number.
fn random_u32() -> u32 {
    let mut bytes = [0; 4];
    qemu_board::random(&mut bytes);
    u32::from_le_bytes(bytes)
}

/// Starts the board and its network, does the work, says what it cost, and switches off.
pub fn run(app: impl AsyncFnOnce(Wire, Device) -> Tally) -> ! {
    qemu_board::init();
    let settings = Settings::from_command_line();
    static NIC: StaticCell<Ethernet<Card>> = StaticCell::new();
    static RESOURCES: StaticCell<StackResources<{ SOCKETS + 2 }>> = StaticCell::new();
    static CLIENT: StaticCell<TcpClientState<SOCKETS, TX, RX>> = StaticCell::new();

    let mut seed = [0; 8];
    qemu_board::random(&mut seed);
    let (stack, mut runner) = embassy_net::new(
        NIC.init_with(|| Ethernet::new(card())),
        address(settings.dns),
        RESOURCES.init_with(StackResources::new),
        u64::from_le_bytes(seed),
    );
    let network =
        Network::new(TcpClient::new(stack, CLIENT.init_with(TcpClientState::new)), DnsSocket::new(stack), Time);
    let clock = WallClock::new(Time);
    if let Some(date) = settings.date {
        clock.set(Now::Trusted(UnixTime::since_unix_epoch(Duration::from_secs(date))));
    }
    let roots = roots(&settings);
    let device = Device { settings, clock, roots };
    match qemu_board::block_on(select(runner.run(), app(network, device))) {
        Either::First(never) => never,
        Either::Second(tally) => {
            log::info!("instructions: {}", qemu_board::instructions());
            log::info!("stack: {} bytes", qemu_board::stack_used());
            log::info!("rounds: {} done, {} failed", tally.done, tally.failed);
            qemu_board::exit(0)
        }
    }
}

/// The board's address in QEMU's user network, where 10.0.2.2 is the machine that runs it.
fn address(dns: Ipv4Addr) -> Config {
    Config::ipv4_static(StaticConfigV4 {
        address: Ipv4Cidr::new(Ipv4Addr::new(10, 0, 2, 15), 24),
        gateway: Some(Ipv4Addr::new(10, 0, 2, 2)),
        dns_servers: heapless::Vec::from_slice(&[dns]).expect("room for one"),
    })
}

fn roots(settings: &Settings) -> &'static [TrustAnchor<'static>] {
    static DER: ConstStaticCell<[u8; 2048]> = ConstStaticCell::new([0; 2048]);
    static ROOT: StaticCell<[TrustAnchor<'static>; 1]> = StaticCell::new();
    let Some(file) = settings.root() else { return &[] };
    let der = qemu_board::read_file(file, DER.take());
    ROOT.init([trust_anchor_from_der(der).expect("a root certificate")])
}

#[cfg(target_arch = "arm")]
type Card = crate::lan9118::Lan9118;
#[cfg(target_arch = "arm")]
fn card() -> Card {
    Card::new()
}

#[cfg(target_arch = "riscv32")]
type Card = crate::virtio::Virtio;
#[cfg(target_arch = "riscv32")]
fn card() -> Card {
    use crate::virtio::{NO_FRAMES, Virtio};
    static FRAMES: ConstStaticCell<crate::virtio::Frames> = ConstStaticCell::new(NO_FRAMES);
    Virtio::new(FRAMES.take())
}
