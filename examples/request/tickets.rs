//! `--tickets`: TLS sessions that outlive this program, as they can outlive the deep sleep of a device.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write as _, stderr},
};

use socketpool::tls::Sessions;

use crate::failure::Failure;

/// Tickets of so many servers.
const SERVERS: usize = 16;

pub static SESSIONS: Sessions<SERVERS> = Sessions::new();

/// Reads the file, if it is there. One that is damaged costs no more than full handshakes.
pub fn read(path: &str) -> Result<(), Failure> {
    let stored = match fs::read(path) {
        Ok(stored) => stored,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::Usage(format!("--tickets {path}: {error}"))),
    };
    if let Err(error) = SESSIONS.read_from(&stored) {
        let _ = writeln!(stderr(), "warning: --tickets {path}: not read: {error}");
    }
    Ok(())
}

/// Writes the file anew. What is in it is secret, so nobody else may read it.
pub fn write(path: &str) -> Result<(), Failure> {
    let mut stored = vec![0; Sessions::<SERVERS>::MAX_STORED_LEN];
    let len = SESSIONS.write_to(&mut stored).expect("room for all of them");
    save(path, &stored[..len]).map_err(|error| Failure::Usage(format!("--tickets {path}: {error}")))
}

fn save(path: &str, stored: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(stored)
}
