//! smoltcp-nal: from power-up to a network that a blocking pool can use. No executor; while it waits the processor sleeps.

use embedded_time::fraction::Fraction;
use smoltcp_nal::{
    NetworkStack,
    smoltcp::{
        iface::{self, Interface, SocketSet, SocketStorage},
        phy::{self, DeviceCapabilities, Medium},
        socket::{dns, tcp},
        time::Instant,
        wire::{EthernetAddress, IpAddress, IpCidr},
    },
};
use socketpool::{
    blocking::stack::{Network, ZeroRead},
    time::EmbassyTimer,
};
use socketpool_apps::Tally;
use static_cell::{ConstStaticCell, StaticCell};

use crate::{
    Device,
    card::{self, Card},
    device::{ADDRESS, GATEWAY, finish, random_u32},
    nic::{Ethernet, FRAME, Nic, Received, ToSend},
};

/// What a blocking pool is made of here.
pub type BlockingWire = Network<Stack, EmbassyTimer, fn(&mut Stack)>;

type Stack = NetworkStack<'static, &'static mut Ethernet<Card>, Milliseconds>;

/// How long the processor may sleep when nothing happens, in nanoseconds: the stack's own timers want to be looked at.
const NAP: u64 = 10_000_000;

/// The same as [`run`](crate::run), with the blocking face.
pub fn run_blocking(app: impl FnOnce(BlockingWire, Device) -> Tally) -> ! {
    static RX: ConstStaticCell<[u8; 8192]> = ConstStaticCell::new([0; 8192]);
    static TX: ConstStaticCell<[u8; 2048]> = ConstStaticCell::new([0; 2048]);
    static SOCKETS: ConstStaticCell<[SocketStorage<'static>; 2]> = ConstStaticCell::new([SocketStorage::EMPTY; 2]);
    static QUERIES: StaticCell<[Option<dns::DnsQuery>; 1]> = StaticCell::new();

    let device = Device::start();
    let mut card = card::start();
    let mut config = iface::Config::new(EthernetAddress(card.mac()).into());
    config.random_seed = u64::from(random_u32()) << 32 | u64::from(random_u32());
    let mut interface = Interface::new(config, &mut card, Instant::ZERO);
    interface.update_ip_addrs(|addresses| {
        addresses.push(IpCidr::new(IpAddress::Ipv4(ADDRESS.0), ADDRESS.1)).expect("room for one");
    });
    interface.routes_mut().add_default_ipv4_route(GATEWAY).expect("room for one");

    let mut sockets = SocketSet::new(&mut SOCKETS.take()[..]);
    let (rx, tx) = (tcp::SocketBuffer::new(&mut RX.take()[..]), tcp::SocketBuffer::new(&mut TX.take()[..]));
    sockets.add(tcp::Socket::new(rx, tx));
    sockets.add(dns::Socket::new(&[IpAddress::Ipv4(device.settings.dns)], &mut QUERIES.init([None])[..]));
    let mut stack = NetworkStack::new(interface, card, sockets, Milliseconds);
    stack.seed_random_port(&random_u32().to_le_bytes());
    let network = Network::new(stack, EmbassyTimer, idle as fn(&mut Stack), ZeroRead::WouldBlock);
    finish(app(network, device))
}

/// Lets packets move; when there are none, sleeps until the card or the alarm interrupts.
fn idle(stack: &mut Stack) {
    if !moved(stack) {
        qemu_board::sleep(NAP);
        moved(stack);
    }
}

fn moved(stack: &mut Stack) -> bool {
    stack.poll().unwrap_or_else(|error| {
        log::error!("network: {error:?}");
        false
    })
}

/// The clock of the board, as embedded-time wants it.
pub struct Milliseconds;

impl embedded_time::Clock for Milliseconds {
    type T = u32;
    const SCALING_FACTOR: Fraction = Fraction::new(1, 1000);

    fn try_now(&self) -> Result<embedded_time::Instant<Self>, embedded_time::clock::Error> {
        Ok(embedded_time::Instant::new((qemu_board::nanoseconds() / 1_000_000) as u32))
    }
}

impl<N: Nic> phy::Device for &mut Ethernet<N> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = ToSend<'a, N>
    where
        Self: 'a;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, ToSend<'_, N>)> {
        self.next_frame()
    }

    fn transmit(&mut self, _: Instant) -> Option<ToSend<'_, N>> {
        self.room()
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = FRAME;
        capabilities.medium = Medium::Ethernet;
        capabilities
    }
}

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl<N: Nic> phy::TxToken for ToSend<'_, N> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        self.send(len, write)
    }
}
