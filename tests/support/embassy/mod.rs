//! Two embassy-net stacks, joined by a cable that can lose, delay and reorder, and an executor whose time passes only
//! when nobody has anything to do: minutes of it take milliseconds, and every run is the same.

#![allow(dead_code, reason = "each test uses its part")]

mod cable;
pub mod executor;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use embassy_net::{ConfigV4, ConfigV6, Ipv4Cidr, Ipv6Cidr, Stack, StackResources, StaticConfigV4, StaticConfigV6};
use embassy_net_driver_channel::driver::{HardwareAddress, LinkState};
use socketpool::embassy::{Network, NetworkResources};

pub use self::{
    cable::{Cable, Wire},
    executor::Tasks,
};

/// Bytes of an Ethernet frame.
const MTU: usize = 1514;
/// TCP sockets of each network.
pub const TCP: usize = 3;
/// UDP sockets of each network.
pub const UDP: usize = 2;
/// Exactly what the rule on the module's page asks for: these and DNS.
const STACK_SOCKETS: usize = TCP + UDP + 1;

pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// An address of the same network that nobody has.
pub const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

pub type Net = Network<'static, TCP, UDP>;

/// Two networks on one cable, and what has to be run for them.
pub struct Pair {
    pub client: Net,
    /// Also the name server of the client.
    pub server: Net,
    pub background: Tasks,
    pub wire: Rc<Wire>,
}

/// A new pair.
pub fn pair(cable: Cable) -> Pair {
    let Stacks { client, server, background, wire } = stacks(cable);
    Pair { client: over(client), server: over(server), background, wire }
}

/// Two stacks on one cable, neither of which has a network yet.
pub struct Stacks {
    pub client: Stack<'static>,
    pub server: Stack<'static>,
    pub background: Tasks,
    pub wire: Rc<Wire>,
}

/// Both stacks, for a test that wants sockets of its own on one of them.
pub fn stacks(cable: Cable) -> Stacks {
    let mut background = Tasks::new();
    let (client, client_port) = stack(CLIENT, &mut background);
    let (server, server_port) = stack(SERVER, &mut background);
    let wire = cable.join(client_port, server_port, &mut background);
    Stacks { client, server, background, wire }
}

/// The IPv6 address of the host with this IPv4 address.
pub fn ipv6(address: Ipv4Addr) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(address.octets()[3]))
}

fn stack(
    address: Ipv4Addr,
    background: &mut Tasks,
) -> (Stack<'static>, embassy_net_driver_channel::Runner<'static, MTU>) {
    let last = address.octets()[3];
    let hardware = HardwareAddress::Ethernet([2, 0, 0, 0, 0, last]);
    let state = Box::leak(Box::new(embassy_net_driver_channel::State::<MTU, 8, 8>::new()));
    let (mut port, device) = embassy_net_driver_channel::new(state, hardware);
    port.set_link_state(LinkState::Up);
    let mut config = embassy_net::Config::default();
    config.ipv4 = ConfigV4::Static(StaticConfigV4 {
        address: Ipv4Cidr::new(address, 24),
        gateway: None,
        dns_servers: [SERVER].into_iter().collect(),
    });
    config.ipv6 = ConfigV6::Static(StaticConfigV6 {
        address: Ipv6Cidr::new(ipv6(address), 64),
        gateway: None,
        dns_servers: Default::default(),
    });
    let resources = Box::leak(Box::new(StackResources::<STACK_SOCKETS>::new()));
    let (stack, mut runner) = embassy_net::new(device, config, resources, u64::from(last) * 1_000_003);
    background.spawn(async move { runner.run().await });
    (stack, port)
}

/// A network over this stack.
pub fn over(stack: Stack<'static>) -> Net {
    Network::new(stack, Box::leak(Box::new(NetworkResources::<TCP, UDP>::new())))
}

/// Where the server is.
pub fn server_at(port: u16) -> core::net::SocketAddr {
    (IpAddr::V4(SERVER), port).into()
}
