//! Runs first. If there is a new image it takes the place of the old one, page by page, in a way that a power failure does
//! not break; if the new one was not kept, they change places again. Then the image runs, with the watchdog on.
#![no_std]
#![no_main]

use core::cell::RefCell;

use cortex_m_rt::entry;
use embassy_boot_rp::{BootLoader, BootLoaderConfig, WatchdogFlash};
use embassy_rp::flash::FLASH_BASE;
use embassy_sync::blocking_mutex::{Mutex, raw::NoopRawMutex};
use embassy_time::Duration;
use panic_halt as _;

/// The flash of a Pico W.
const LEN: usize = 2 * 1024 * 1024;

#[entry]
fn main() -> ! {
    let chip = embassy_rp::init(Default::default());
    let flash = WatchdogFlash::<LEN>::start(chip.FLASH, chip.WATCHDOG, Duration::from_millis(8300));
    let flash = Mutex::<NoopRawMutex, _>::new(RefCell::new(flash));
    let config = BootLoaderConfig::from_linkerfile_blocking(&flash, &flash, &flash);
    let start = FLASH_BASE as u32 + config.active.offset();
    let loader = BootLoader::<4096>::prepare(config);
    // SAFETY: an image that was linked for this address begins there; nothing of this program is used any more.
    unsafe { loader.load(start) }
}
