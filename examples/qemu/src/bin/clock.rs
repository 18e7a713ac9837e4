//! Starts without a date, asks two time servers, and can check certificates from then on.
#![no_std]
#![no_main]

use qemu_board::entry;
use socketpool::{Resources, SocketPool};
use socketpool_apps::clock;
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Resources<2, 1>> = ConstStaticCell::new(Resources::new());

#[entry]
fn main() -> ! {
    qemu_apps::run(async |mut network, device| {
        let tls = device.tls();
        let pool = SocketPool::new(&mut network, MEMORY.take());
        let (settings, random) = (&device.settings, &mut qemu_board::random);
        clock::run(&pool, &tls, &device.clock, settings.time_servers(), &settings.url, random, device.schedule()).await
    })
}
