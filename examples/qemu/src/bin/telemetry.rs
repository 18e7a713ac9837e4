//! Sends readings of a sensor. It grows warmer from reading to reading.
#![no_std]
#![no_main]

use qemu_board::entry;
use socketpool::{Resources, SocketPool};
use socketpool_apps::telemetry;
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Resources<1, 1>> = ConstStaticCell::new(Resources::new());

#[entry]
fn main() -> ! {
    qemu_apps::run(async |mut network, device| {
        let mut celsius = 20.0;
        let sensor = || {
            celsius += 0.5;
            celsius
        };
        let tls = device.tls();
        let pool = SocketPool::new(&mut network, MEMORY.take());
        telemetry::run(&pool, &tls, &device.settings.url, sensor, device.schedule()).await
    })
}
