//! Two places for firmware in the flash of a Pico W, between which the boot loader in `boot` swaps.
//!
//! A new image runs on trial: the boot loader starts the watchdog, and one that has not found its server after ten minutes
//! (see [`Slot::keep`]) is not fed any more. With the next start the old image is back.

use core::{
    cell::RefCell,
    sync::atomic::{AtomicBool, Ordering},
};

use defmt::info;
use embassy_boot_rp::{BlockingFirmwareState, FirmwareUpdaterConfig, State};
use embassy_embedded_hal::flash::partition::BlockingPartition;
use embassy_executor::Spawner;
use embassy_rp::{
    Peri,
    flash::{Blocking, Flash},
    peripherals::{FLASH, WATCHDOG},
    watchdog::Watchdog,
};
use embassy_sync::blocking_mutex::{Mutex, raw::NoopRawMutex};
use embassy_time::{Duration, Instant, Timer};
use socketpool_apps::update::{Slot, nor_flash::NorFlashErrorKind};
use static_cell::StaticCell;

/// The flash of a Pico W.
const LEN: usize = 2 * 1024 * 1024;

/// The longest that the watchdog of an RP2040 waits: the check of a certificate chain has to fit in.
const WATCHDOG_TIMEOUT: Duration = Duration::from_millis(8300);

/// How long an image on trial may take to find its server.
const TRIAL: Duration = Duration::from_secs(600);

static ON_TRIAL: AtomicBool = AtomicBool::new(true);

type Chip = Flash<'static, FLASH, Blocking, LEN>;
type Partition = BlockingPartition<'static, NoopRawMutex, Chip>;

/// The place that does not run, and what the boot loader is told.
pub struct Slots {
    next: Partition,
    state: Partition,
}

impl Slots {
    /// Feeds the watchdog from now on, unless an image on trial takes too long.
    ///
    /// # Panics
    /// The second time.
    #[must_use]
    pub fn new(spawner: Spawner, flash: Peri<'static, FLASH>, watchdog: Peri<'static, WATCHDOG>) -> Self {
        static CHIP: StaticCell<Mutex<NoopRawMutex, RefCell<Chip>>> = StaticCell::new();
        let chip = &*CHIP.init(Mutex::new(RefCell::new(Flash::new_blocking(flash))));
        let FirmwareUpdaterConfig { dfu: next, state } = FirmwareUpdaterConfig::from_linkerfile_blocking(chip, chip);
        let mut slots = Self { next, state };
        let on_trial = slots.with_state(|state| state.get_state()).is_ok_and(|state| state == State::Swap);
        ON_TRIAL.store(on_trial, Ordering::Relaxed);
        info!("update: on trial: {}", on_trial);
        spawner.spawn(feed(Watchdog::new(watchdog)).expect("it is started once"));
        slots
    }

    /// What the boot loader is told, or says. That it does not work has no reasons that matter here.
    fn with_state<T, E>(
        &mut self,
        work: impl FnOnce(&mut BlockingFirmwareState<'_, &mut Partition>) -> Result<T, E>,
    ) -> Result<T, NorFlashErrorKind> {
        let mut word = [0; embassy_rp::flash::WRITE_SIZE];
        work(&mut BlockingFirmwareState::new(&mut self.state, &mut word)).map_err(|_| NorFlashErrorKind::Other)
    }
}

impl Slot for Slots {
    type Flash<'a> = &'a mut Partition;

    fn flash(&mut self) -> Result<&mut Partition, NorFlashErrorKind> {
        Ok(&mut self.next)
    }

    fn keep(&mut self) -> Result<(), NorFlashErrorKind> {
        self.with_state(|state| state.mark_booted())?;
        ON_TRIAL.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn boot(&mut self) -> Result<(), NorFlashErrorKind> {
        self.with_state(|state| state.mark_updated())?;
        cortex_m::peripheral::SCB::sys_reset()
    }
}

#[embassy_executor::task]
async fn feed(mut watchdog: Watchdog) -> ! {
    let start = Instant::now();
    loop {
        if !ON_TRIAL.load(Ordering::Relaxed) || start.elapsed() < TRIAL {
            watchdog.feed(WATCHDOG_TIMEOUT);
        }
        Timer::after_secs(1).await;
    }
}
