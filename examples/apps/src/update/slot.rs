//! Where a new image goes.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

use super::Refusal;

/// How much is written and read at a time. A flash has to take as much, and its sectors have to be multiples of it.
pub const PAGE: usize = 256;

/// The place for the next image, and who decides which one runs: a boot loader with two slots, usually.
pub trait Slot {
    /// What an image is written to, from its start on.
    type Flash<'a>: NorFlash
    where
        Self: 'a;

    /// The slot that does not run.
    ///
    /// # Errors
    /// If there is none.
    fn flash(&mut self) -> Result<Self::Flash<'_>, NorFlashErrorKind>;

    /// What runs now works, and need not be on trial any more. The other slot is not written to before.
    ///
    /// # Errors
    /// If that cannot be written down.
    fn keep(&mut self) -> Result<(), NorFlashErrorKind>;

    /// What is in the slot is whole: starts it, on trial. A board starts anew here, and does not come back.
    ///
    /// # Errors
    /// If that cannot be written down.
    fn boot(&mut self) -> Result<(), NorFlashErrorKind>;
}

/// Writes one page of an image that begins at 0. The first of a sector erases it.
pub(super) fn write<F: NorFlash>(mut flash: F, at: u32, page: &[u8; PAGE]) -> Result<(), F::Error> {
    const { assert!(PAGE.is_multiple_of(F::WRITE_SIZE) && F::ERASE_SIZE.is_multiple_of(PAGE), "pages of this flash") };
    let sector = F::ERASE_SIZE as u32;
    if at.is_multiple_of(sector) {
        flash.erase(at, at.saturating_add(sector))?;
    }
    flash.write(at, page)
}

/// Whether `len` bytes have room. Sectors are erased as a whole.
pub(super) fn has_room<F: NorFlash>(flash: &F, len: u32) -> Result<(), Refusal> {
    let whole = (len as usize).checked_next_multiple_of(F::ERASE_SIZE);
    whole.filter(|len| *len <= flash.capacity()).map(|_| ()).ok_or(Refusal::TooLarge)
}

/// Gives each piece of the first `len` bytes.
pub(super) fn read<F: NorFlash>(mut flash: F, len: u32, mut piece: impl FnMut(&[u8])) -> Result<(), F::Error> {
    const { assert!(PAGE.is_multiple_of(F::READ_SIZE), "pages of this flash") };
    let mut page = [0; PAGE];
    for at in (0..len).step_by(PAGE) {
        flash.read(at, &mut page)?;
        piece(&page[..PAGE.min((len - at) as usize)]);
    }
    Ok(())
}

/// A flash in RAM, for tests and emulated boards, with sectors of 4 KB: what was not erased cannot be written.
#[derive(Debug, Clone)]
pub struct RamFlash<const LEN: usize>(pub [u8; LEN]);

impl<const LEN: usize> RamFlash<LEN> {
    /// Erased.
    #[must_use]
    pub const fn new() -> Self {
        Self([0xFF; LEN])
    }
}

impl<const LEN: usize> Default for RamFlash<LEN> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const LEN: usize> ErrorType for RamFlash<LEN> {
    type Error = NorFlashErrorKind;
}

impl<const LEN: usize> ReadNorFlash for RamFlash<LEN> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, at, bytes.len())?;
        bytes.copy_from_slice(&self.0[at as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        LEN
    }
}

impl<const LEN: usize> NorFlash for RamFlash<LEN> {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        self.0[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, at, bytes.len())?;
        let place = &mut self.0[at as usize..][..bytes.len()];
        if place.iter().any(|byte| *byte != 0xFF) {
            return Err(NorFlashErrorKind::Other);
        }
        place.copy_from_slice(bytes);
        Ok(())
    }
}
