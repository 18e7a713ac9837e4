//! Two slots for firmware in a directory: what runs, and what is next.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use socketpool_apps::update::{
    Slot,
    nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write},
};

/// A file that behaves as a flash does: sectors of 4 KB, and what was not erased cannot be written.
#[derive(Debug)]
pub struct FileFlash {
    file: File,
    len: usize,
}

impl FileFlash {
    pub fn open(path: &Path, len: usize) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.set_len(len as u64)?;
        Ok(Self { file, len })
    }
}

fn broken(_: io::Error) -> NorFlashErrorKind {
    NorFlashErrorKind::Other
}

impl ErrorType for FileFlash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, at, bytes.len())?;
        self.file.read_exact_at(bytes, at.into()).map_err(broken)
    }

    fn capacity(&self) -> usize {
        self.len
    }
}

impl NorFlash for FileFlash {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        self.file.write_all_at(&vec![0xFF; (to - from) as usize], from.into()).map_err(broken)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, at, bytes.len())?;
        let mut there = vec![0; bytes.len()];
        self.read(at, &mut there)?;
        if there.iter().any(|byte| *byte != 0xFF) {
            return Err(NorFlashErrorKind::Other);
        }
        self.file.write_all_at(bytes, at.into()).map_err(broken)
    }
}

/// The files `next`, which is written to, and `running`, which it takes the place of.
#[derive(Debug)]
pub struct FileSlot {
    directory: PathBuf,
    next: FileFlash,
}

impl FileSlot {
    pub fn open(directory: &Path, len: usize) -> io::Result<Self> {
        Ok(Self { directory: directory.to_owned(), next: FileFlash::open(&directory.join("next"), len)? })
    }

    /// The image that runs, and erased flash behind it.
    pub fn running(&self) -> Vec<u8> {
        fs::read(self.directory.join("running")).unwrap_or_default()
    }
}

impl Slot for FileSlot {
    type Flash<'a> = &'a mut FileFlash;

    fn flash(&mut self) -> Result<&mut FileFlash, NorFlashErrorKind> {
        Ok(&mut self.next)
    }

    fn keep(&mut self) -> Result<(), NorFlashErrorKind> {
        Ok(())
    }

    /// A new file takes the place of the old one at once or not at all.
    fn boot(&mut self) -> Result<(), NorFlashErrorKind> {
        let next = self.directory.join("next");
        fs::rename(&next, self.directory.join("running")).map_err(broken)?;
        self.next = FileFlash::open(&next, self.next.len).map_err(broken)?;
        Ok(())
    }
}
