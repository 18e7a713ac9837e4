//! Writing answers out.

use core::ops::Deref;
use std::{
    fs::File,
    io::{self, Write},
};

use socketpool::requests::ResponseInfo;

use crate::{
    options::Options,
    progress::{Bars, Progress},
};

/// Standard output, or the file of `-o`, which is made when there is something to write.
pub struct Output<'o> {
    file: Option<&'o str>,
    with_head: bool,
    range: Option<(u64, Option<u64>)>,
    /// What is to be said once all went well.
    pub note: Option<String>,
    sink: Option<Box<dyn Write>>,
    bars: Bars,
    /// What is received is not what is written: its length is not known beforehand.
    is_decoded: bool,
    progress: Progress,
}

impl<'o> Output<'o> {
    pub fn new(options: &Options<'o>) -> Self {
        let bars = Bars::new(options);
        Self {
            file: options.output,
            with_head: options.include,
            range: options.range,
            note: None,
            sink: None,
            bars,
            is_decoded: options.compressed || options.sse,
            progress: Progress::new(false, None),
        }
    }

    /// Begins the output of a response: with `-i`, its status line and fields.
    pub fn head<M: Deref<Target = [u8]>>(&mut self, response: &ResponseInfo<M>) -> io::Result<()> {
        if let Some((from, last)) = self.range {
            self.note = other_range(response, from, last);
        }
        let with_head = self.with_head;
        self.progress = Progress::new(self.bars.down, response.content_length().filter(|_| !self.is_decoded));
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
        sink.flush()?;
        self.progress.advance(bytes.len());
        Ok(())
    }

    /// Ends the output of a response.
    pub fn end(&mut self) {
        self.progress.end();
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

/// If the server sent something else than the bytes that were asked for: what. It may (RFC 9110 §14.2).
fn other_range<M: Deref<Target = [u8]>>(response: &ResponseInfo<M>, from: u64, last: Option<u64>) -> Option<String> {
    let asked = last.map_or_else(|| format!("{from}-"), |last| format!("{from}-{last}"));
    match response.content_range() {
        Some(sent) => {
            // Fewer are right where there are no more.
            let is_end = sent.complete.is_some_and(|complete| sent.last + 1 == complete);
            let is_right = sent.first == from
                && last.map_or(is_end || sent.complete.is_none(), |last| {
                    sent.last == last || (sent.last < last && is_end)
                });
            (!is_right).then(|| format!("the server sent bytes {}-{} instead of {asked}", sent.first, sent.last))
        }
        None if response.status().as_u16() == 206 => {
            Some(format!("the server sent a part (206) and does not say which, instead of bytes {asked}"))
        }
        None if response.status().as_u16() < 300 => {
            Some(format!("the server sent all of it ({}) instead of bytes {asked}", response.status()))
        }
        None => None,
    }
}
