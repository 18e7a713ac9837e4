//! embassy-net: from power-up to a network that a pool can use.

use embassy_net::{Config, Ipv4Cidr, StackResources, StaticConfigV4};
use socketpool::embassy::{Network, NetworkResources};
use socketpool_apps::Tally;
use static_cell::{ConstStaticCell, StaticCell};

use crate::{
    Device, card,
    device::{ADDRESS, GATEWAY, finish, random_u32},
};

/// TCP sockets, and what each receives and sends in one go.
const TCP: usize = 2;
const UDP: usize = 1;
const RX: usize = 8192;
const TX: usize = 2048;

/// What a pool is made of here.
pub type Wire = Network<'static, TCP, UDP>;

/// Starts the board and its network, does the work, says what it cost, and switches off.
pub fn run(app: impl AsyncFnOnce(Wire, Device) -> Tally) -> ! {
    // One socket more, for names.
    static STACK: StaticCell<StackResources<{ TCP + UDP + 1 }>> = StaticCell::new();
    static MEMORY: ConstStaticCell<NetworkResources<TCP, UDP, RX, TX>> = ConstStaticCell::new(NetworkResources::new());

    let device = Device::start();
    let config = Config::ipv4_static(StaticConfigV4 {
        address: Ipv4Cidr::new(ADDRESS.0, ADDRESS.1),
        gateway: Some(GATEWAY),
        dns_servers: heapless::Vec::from_slice(&[device.settings.dns]).expect("room for one"),
    });
    let seed = u64::from(random_u32()) << 32 | u64::from(random_u32());
    let (stack, mut runner) = embassy_net::new(card::start(), config, STACK.init_with(StackResources::new), seed);
    let network = Network::new(stack, MEMORY.take());
    finish(qemu_board::block_on(app(network, device), runner.run()))
}
