//! Writing answers out.

use core::ops::Deref;
use std::{
    fs::File,
    io::{self, Write},
};

use socketpool::requests::ResponseInfo;

use crate::options::Options;

/// Standard output, or the file of `-o`, which is made when there is something to write.
pub struct Output<'o> {
    file: Option<&'o str>,
    with_head: bool,
    sink: Option<Box<dyn Write>>,
}

impl<'o> Output<'o> {
    pub fn new(options: &Options<'o>) -> Self {
        Self { file: options.output, with_head: options.include, sink: None }
    }

    /// Begins the output of a response: with `-i`, its status line and fields.
    pub fn head<M: Deref<Target = [u8]>>(&mut self, response: &ResponseInfo<M>) -> io::Result<()> {
        let with_head = self.with_head;
        let sink = self.sink()?;
        if with_head {
            let (minor, status, reason) = (response.minor_version(), response.status(), response.reason());
            write!(sink, "HTTP/1.{minor} {status} {reason}\r\n")?;
            for (name, value) in response.headers() {
                write!(sink, "{name}: ")?;
                sink.write_all(value)?;
                sink.write_all(b"\r\n")?;
            }
            sink.write_all(b"\r\n")?;
        }
        sink.flush()
    }

    /// Writes some of the body, at once.
    pub fn body(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sink = self.sink()?;
        sink.write_all(bytes)?;
        sink.flush()
    }

    /// Writes the data of an event, and a line feed behind it.
    pub fn event(&mut self, data: &str) -> io::Result<()> {
        let sink = self.sink()?;
        sink.write_all(data.as_bytes())?;
        sink.write_all(b"\n")?;
        sink.flush()
    }

    fn sink(&mut self) -> io::Result<&mut Box<dyn Write>> {
        let sink: Box<dyn Write> = match (self.sink.take(), self.file) {
            (Some(sink), _) => sink,
            (None, Some(path)) => Box::new(File::create(path)?),
            (None, None) => Box::new(io::stdout()),
        };
        Ok(self.sink.insert(sink))
    }
}
