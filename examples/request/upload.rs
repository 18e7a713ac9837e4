//! Files that are read while they are sent. One type serves both faces.

use std::{
    fs::File,
    io::{Read as _, Seek as _, Stdin, stdin},
};

use embedded_io_async::ErrorKind;
use socketpool::{
    blocking,
    requests::{self, Part},
};

use crate::{
    failure::Failure,
    options::{Field, Value},
    progress::{Bars, Progress},
};

/// Something to read from on this host: a source that can be sent again, if it is a file. It shows how far it was read.
#[derive(Debug)]
pub struct HostFile {
    opened: Opened,
    progress: Progress,
}

#[derive(Debug)]
enum Opened {
    File(File),
    /// It cannot go back.
    Stdin(Stdin),
}

impl HostFile {
    /// Opens a file, and says how long it is if that can be known.
    pub fn open(option: &str, path: &str, bars: Bars) -> Result<(Self, Option<u64>), Failure> {
        let with_bar = |opened, len| (Self { opened, progress: Progress::new(bars.up, len) }, len);
        if path == "-" {
            return Ok(with_bar(Opened::Stdin(stdin()), None));
        }
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (about, file) = opened.map_err(|error| Failure::Usage(format!("{option} {path}: {error}")))?;
        Ok(with_bar(Opened::File(file), about.is_file().then_some(about.len())))
    }
}

impl HostFile {
    fn read_some(&mut self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        let read = match &mut self.opened {
            Opened::File(file) => file.read(room),
            Opened::Stdin(stdin) => stdin.read(room),
        };
        match read {
            Ok(0) => self.progress.end(),
            Ok(count) => self.progress.advance(count),
            Err(_) => {}
        }
        read.map_err(|_| ErrorKind::Other)
    }

    fn go_back(&mut self) -> Result<bool, ErrorKind> {
        self.progress.restart();
        match &mut self.opened {
            Opened::File(file) => file.rewind().map(|()| true).map_err(|_| ErrorKind::Other),
            Opened::Stdin(_) => Ok(false),
        }
    }
}

impl requests::Source for HostFile {
    async fn read(&mut self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        self.read_some(room)
    }

    async fn rewind(&mut self) -> Result<bool, ErrorKind> {
        self.go_back()
    }
}

impl blocking::Source for HostFile {
    fn read(&mut self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        self.read_some(room)
    }

    fn rewind(&mut self) -> Result<bool, ErrorKind> {
        self.go_back()
    }
}

/// The parts of a form with files.
pub fn parts<'o>(fields: &'o [Field<'o>], bars: Bars) -> Result<Vec<Part<'o, HostFile>>, Failure> {
    let part = |field: &'o Field<'o>| match field.value {
        Value::Text(text) => Ok(Part::field(field.name, text)),
        Value::File(path) => {
            let (file, len) = HostFile::open("--multipart", path, bars)?;
            let len = len.ok_or_else(|| Failure::Usage(format!("--multipart @{path}: not a plain file")))?;
            let name = path.rsplit('/').next().unwrap_or(path);
            let part = Part::streamed(field.name, name, file, len);
            Ok(match field.content_type {
                Some(media_type) => part.content_type(media_type),
                None => part,
            })
        }
    };
    fields.iter().map(part).collect()
}
