//! The weather once more, without an executor: the blocking face over smoltcp-nal.
#![no_std]
#![no_main]

use qemu_board::entry;
use socketpool::{Resources, blocking::SocketPool};
use socketpool_apps::blocking;
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Resources<1, 1>> = ConstStaticCell::new(Resources::new());

#[entry]
fn main() -> ! {
    qemu_apps::run_blocking(|mut network, device| {
        let tls = device.tls();
        let pool = SocketPool::new(&mut network, MEMORY.take());
        blocking::weather(&pool, &tls, &device.settings.url, device.schedule())
    })
}
