//! Files that are read while they are sent. One type serves both faces: a file is there at once, so that its async read
//! never has to wait.

use std::{
    fs::File,
    io::{Read as _, Seek as _, Stdin, stdin},
};

use embedded_io_async::{ErrorKind, ErrorType, SeekFrom};
use socketpool::requests::{Part, Rewindable};

use crate::{
    failure::Failure,
    options::{Field, Value},
};

/// A file, as a source that can be sent again.
pub type Source = Rewindable<HostFile>;

/// Something to read from on this host.
#[derive(Debug)]
pub enum HostFile {
    File(File),
    /// It cannot go back.
    Stdin(Stdin),
}

impl HostFile {
    /// Opens a file, and says how long it is if that can be known.
    pub fn open(option: &str, path: &str) -> Result<(Self, Option<u64>), Failure> {
        if path == "-" {
            return Ok((Self::Stdin(stdin()), None));
        }
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (about, file) = opened.map_err(|error| Failure::Usage(format!("{option} {path}: {error}")))?;
        Ok((Self::File(file), about.is_file().then_some(about.len())))
    }
}

impl ErrorType for HostFile {
    type Error = ErrorKind;
}

impl embedded_io::Read for HostFile {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        match self {
            Self::File(file) => file.read(out),
            Self::Stdin(stdin) => stdin.read(out),
        }
        .map_err(|_| ErrorKind::Other)
    }
}

impl embedded_io::Seek for HostFile {
    fn seek(&mut self, to: SeekFrom) -> Result<u64, ErrorKind> {
        match (self, to) {
            (Self::File(file), to) => file.seek(to.into()).map_err(|_| ErrorKind::Other),
            // Where it stands is where it began.
            (Self::Stdin(_), SeekFrom::Current(0)) => Ok(0),
            (Self::Stdin(_), _) => Err(ErrorKind::Unsupported),
        }
    }
}

impl embedded_io_async::Read for HostFile {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        embedded_io::Read::read(self, out)
    }
}

impl embedded_io_async::Seek for HostFile {
    async fn seek(&mut self, to: SeekFrom) -> Result<u64, ErrorKind> {
        embedded_io::Seek::seek(self, to)
    }
}

/// The parts of a form with files.
pub fn parts<'o>(fields: &'o [Field<'o>]) -> Result<Vec<Part<'o, Source>>, Failure> {
    let part = |field: &'o Field<'o>| match field.value {
        Value::Text(text) => Ok(Part::field(field.name, text)),
        Value::File(path) => {
            let (file, len) = HostFile::open("--multipart", path)?;
            let len = len.ok_or_else(|| Failure::Usage(format!("--multipart @{path}: not a plain file")))?;
            let name = path.rsplit('/').next().unwrap_or(path);
            let part = Part::streamed(field.name, name, Rewindable::new(file), len);
            Ok(match field.content_type {
                Some(media_type) => part.content_type(media_type),
                None => part,
            })
        }
    };
    fields.iter().map(part).collect()
}
