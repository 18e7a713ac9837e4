//! Serves a small JSON page on port 80.
#![no_std]
#![no_main]

use qemu_board::entry;
use socketpool::{Resources, SocketPool};
use socketpool_apps::web_server;
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Resources<2>> = ConstStaticCell::new(Resources::new());

#[entry]
fn main() -> ! {
    qemu_apps::run(async |mut network, device| {
        let pool = SocketPool::new(&mut network, MEMORY.take());
        web_server::run(&pool, 80, "emulated board", device.schedule()).await
    })
}
