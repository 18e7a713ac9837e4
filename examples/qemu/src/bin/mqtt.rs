//! Publishes readings over a connection that lasts.
#![no_std]
#![no_main]

use qemu_board::entry;
use socketpool::{Resources, SocketPool, tls::Sessions};
use socketpool_apps::mqtt::{self, Broker};
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Resources<1, 1>> = ConstStaticCell::new(Resources::new());
static SESSIONS: Sessions<1> = Sessions::new();

#[entry]
fn main() -> ! {
    qemu_apps::run(async |mut network, device| {
        let tls = device.tls_with(&SESSIONS);
        let pool = SocketPool::new(&mut network, MEMORY.take());
        let broker = Broker { host: "api.test", port: device.settings.broker, name: "board" };
        mqtt::run(&pool, &tls, broker, || 21.5, |_| (), device.schedule()).await
    })
}
