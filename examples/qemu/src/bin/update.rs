//! Gets signed firmware into a flash in RAM.
#![no_std]
#![no_main]

use qemu_board::entry;
use socketpool::{Resources, SocketPool};
use socketpool_apps::update::{self, RamFlash, Slot, Source, nor_flash::NorFlashErrorKind};
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Resources<1, 1>> = ConstStaticCell::new(Resources::new());
static NEXT: ConstStaticCell<RamFlash<65536>> = ConstStaticCell::new(RamFlash([0; 65536]));

/// One slot, and a log in place of a boot loader.
struct Board(&'static mut RamFlash<65536>);

impl Slot for Board {
    type Flash<'a> = &'a mut RamFlash<65536>;

    fn flash(&mut self) -> Result<&mut RamFlash<65536>, NorFlashErrorKind> {
        Ok(self.0)
    }

    fn keep(&mut self) -> Result<(), NorFlashErrorKind> {
        Ok(())
    }

    fn boot(&mut self) -> Result<(), NorFlashErrorKind> {
        log::info!("board: starts what is in the slot");
        Ok(())
    }
}

#[entry]
fn main() -> ! {
    qemu_apps::run(async |mut network, device| {
        let tls = device.tls();
        let pool = SocketPool::new(&mut network, MEMORY.take());
        let source = Source { url: &device.settings.url, key: &device.settings.key, version: device.settings.version };
        update::run(&pool, &tls, source, &mut Board(NEXT.take()), device.schedule()).await
    })
}
