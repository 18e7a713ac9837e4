//! Gets a body larger than the memory of the board, and its SHA-256.
#![no_std]
#![no_main]

use qemu_board::entry;
use socketpool::{Resources, SocketPool};
use socketpool_apps::download;
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Resources<1, 1>> = ConstStaticCell::new(Resources::new());

#[entry]
fn main() -> ! {
    qemu_apps::run(async |mut network, device| {
        let tls = device.tls();
        let pool = SocketPool::new(&mut network, MEMORY.take());
        download::run(&pool, &tls, &device.settings.url, device.schedule()).await
    })
}
