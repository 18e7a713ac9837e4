//! What the machine that runs QEMU gives: settings, files, random numbers, a log, and the end.

use core::ffi::CStr;

use log::{LevelFilter, Log, Metadata, Record};
use semihosting::{
    experimental::{env, random::fill_bytes},
    fs::File,
    io::Read as _,
    println, process,
};

struct Lines;

static LINES: Lines = Lines;

/// One line each, as it is: `INFO weather: …`.
impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.target().starts_with("virtio")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            println!("{} {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}

pub(crate) fn init_log() {
    // SAFETY: nothing logs yet, and there is one processor.
    if unsafe { log::set_logger_racy(&LINES) }.is_ok() {
        // SAFETY: likewise.
        unsafe { log::set_max_level_racy(LevelFilter::Info) };
    }
}

/// Calls `each` with every word of the command line (`-semihosting-config arg=…`).
pub fn arguments(mut each: impl FnMut(&str)) {
    if let Ok(arguments) = env::args::<1024>() {
        (&arguments).filter_map(Result::ok).for_each(&mut each);
    }
}

/// Reads as much of a file as there is room for.
///
/// # Panics
/// If it cannot be read.
pub fn read_file<'b>(path: &CStr, buffer: &'b mut [u8]) -> &'b [u8] {
    let mut file = File::open(path).expect("the file is there");
    let mut len = 0;
    loop {
        match file.read(&mut buffer[len..]).expect("the file can be read") {
            0 => return &buffer[..len],
            count => len += count,
        }
    }
}

/// Random bytes, from the generator of the machine that runs QEMU. A real board asks its own.
///
/// # Panics
/// If there are none: nothing that is secret may be made of anything else.
pub fn random(bytes: &mut [u8]) {
    fill_bytes(bytes).expect("random numbers");
}

/// Ends QEMU with this exit status.
pub fn exit(status: i32) -> ! {
    process::exit(status)
}
