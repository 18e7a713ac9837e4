//! The two OTA partitions of `partitions.csv`, between which the boot loader chooses.

use esp_bootloader_esp_idf::{
    ota::OtaImageState,
    ota_updater::OtaUpdater,
    partitions::{self, FlashRegion, PARTITION_TABLE_MAX_LEN},
};
use esp_hal::{peripherals::FLASH, system};
use esp_storage::FlashStorage;
use socketpool_apps::update::{
    Slot,
    nor_flash::{NorFlashError as _, NorFlashErrorKind},
};
use static_cell::StaticCell;

/// The partition that does not run, and what the boot loader is told. The last sector of a partition is not used: the
/// driver does not erase it.
pub struct Slots(OtaUpdater<'static, FlashStorage<'static>>);

impl Slots {
    /// Reads the partition table. `None` if that has no two partitions for images, and one to say which.
    ///
    /// # Panics
    /// The second time.
    #[must_use]
    pub fn new(flash: FLASH<'static>) -> Option<Self> {
        static CHIP: StaticCell<FlashStorage<'static>> = StaticCell::new();
        static TABLE: StaticCell<[u8; PARTITION_TABLE_MAX_LEN]> = StaticCell::new();
        let chip = CHIP.init(FlashStorage::new(flash));
        OtaUpdater::new(chip, TABLE.init([0; PARTITION_TABLE_MAX_LEN])).ok().map(Self)
    }
}

impl Slot for Slots {
    type Flash<'a> = FlashRegion<'a, FlashStorage<'static>>;

    fn flash(&mut self) -> Result<Self::Flash<'_>, NorFlashErrorKind> {
        self.0.next_partition().map(|(region, _)| region).map_err(kind)
    }

    /// What was flashed with a cable has no state, and need not be kept.
    fn keep(&mut self) -> Result<(), NorFlashErrorKind> {
        match self.0.current_ota_state() {
            Ok(OtaImageState::New | OtaImageState::PendingVerify) => {
                self.0.set_current_ota_state(OtaImageState::Valid).map_err(kind)
            }
            _ => Ok(()),
        }
    }

    fn boot(&mut self) -> Result<(), NorFlashErrorKind> {
        self.0.activate_next_partition().map_err(kind)?;
        self.0.set_current_ota_state(OtaImageState::New).map_err(kind)?;
        system::software_reset()
    }
}

fn kind(error: partitions::Error) -> NorFlashErrorKind {
    error.kind()
}
