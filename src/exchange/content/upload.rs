//! A streamed body on its way out, piece by piece, staged in an exchange buffer. Knows no I/O, so both faces use it.

use core::num::NonZeroU32;

use crate::{
    error::{Error, ErrorKind, Limit, Phase, Result, source::SourceError},
    http::{CHUNK_END, LAST_CHUNK, chunk_header},
};

/// The least room there must be for a piece: that of a chunk with one byte of data.
pub(crate) const LEAST: usize = 16;

/// How far a streamed body has got. Part of [`Plan`](super::Plan); only content that streams makes one.
#[derive(Debug, Clone, Copy)]
pub struct Upload {
    /// What is left of an announced length; with `None` it is chunked.
    left: Option<u64>,
    done: bool,
    /// The two steps, through pointers: a program that streams nothing links none of them.
    steps: &'static Steps,
}

#[derive(Debug)]
struct Steps {
    room: for<'m> fn(&Upload, &'m mut [u8], usize) -> Result<&'m mut [u8]>,
    filled: fn(&mut Upload, &mut [u8], usize, usize) -> Result<usize>,
}

impl Upload {
    pub(crate) const fn new(len: Option<u64>) -> Self {
        const STEPS: Steps = Steps { room: Upload::find_room, filled: Upload::take_filled };
        Self { left: len, done: matches!(len, Some(0)), steps: &STEPS }
    }

    /// What is left of the length that is announced, if one is.
    pub(crate) fn len(&self) -> Option<u64> {
        self.left
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Where the source may put its next bytes, when the memory before `from` is taken.
    pub(crate) fn room<'m>(&self, memory: &'m mut [u8], from: usize) -> Result<&'m mut [u8]> {
        (self.steps.room)(self, memory, from)
    }

    /// Takes in that `count` bytes were put there, and says where what is to be sent ends; it begins at `from`.
    pub(crate) fn filled(&mut self, memory: &mut [u8], from: usize, count: usize) -> Result<usize> {
        (self.steps.filled)(self, memory, from, count)
    }

    fn find_room<'m>(&self, memory: &'m mut [u8], from: usize) -> Result<&'m mut [u8]> {
        let have = memory.len();
        if have.saturating_sub(from) < LEAST {
            let kind = ErrorKind::TooLarge { what: Limit::Request, need: Some(from + LEAST), have };
            return Err(Error::new(Phase::Setup, kind));
        }
        let place = match self.left {
            Some(left) => from..from + room_for(left, have - from),
            None => from + header_room(have - from)..have - CHUNK_END.len(),
        };
        Ok(memory.get_mut(place).unwrap_or_default())
    }

    fn take_filled(&mut self, memory: &mut [u8], from: usize, count: usize) -> Result<usize> {
        let failed = |error| Err(Error::new(Phase::Send, ErrorKind::Source(error)));
        let end = match &mut self.left {
            Some(_) if count == 0 => return failed(SourceError::EndedEarly),
            Some(left) if count as u64 > *left => return failed(SourceError::TooLong),
            Some(left) => {
                *left -= count as u64;
                self.done = *left == 0;
                from + count
            }
            None => {
                let data = from + header_room(memory.len() - from);
                self.done = count == 0;
                match u32::try_from(count).ok().and_then(NonZeroU32::new) {
                    None => put(memory, from, LAST_CHUNK),
                    Some(len) => {
                        let mut header = [0; 10];
                        let start = put(memory, from, chunk_header(len, &mut header));
                        memory.copy_within(data..data + count, start);
                        put(memory, start + count, CHUNK_END)
                    }
                }
            }
        };
        Ok(end)
    }
}

/// How much a source may read when `left` bytes of it are wanted: one more, where that can be, so that it is seen when
/// it goes on.
pub(super) fn room_for(left: u64, room: usize) -> usize {
    match usize::try_from(left) {
        Ok(left) if left < room => left + 1,
        Ok(left) if left == room && room > 1 => room - 1,
        _ => room,
    }
}

/// The most bytes that the header of a chunk takes that fits into `room`.
fn header_room(room: usize) -> usize {
    let digits = (usize::BITS - room.leading_zeros()).div_ceil(4) as usize;
    digits + CHUNK_END.len()
}

/// Puts `bytes` at `at`; where they end.
fn put(memory: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    let end = at + bytes.len();
    if let Some(place) = memory.get_mut(at..end) {
        place.copy_from_slice(bytes);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::{LEAST, Upload};

    #[test]
    fn a_chunk_of_every_size_lies_in_one_piece() {
        for size in LEAST..600 {
            for want in [1, 2, 15, 16, 17, 255, 256, usize::MAX] {
                let mut memory = vec![b'.'; size + 3];
                let mut upload = Upload::new(None);
                let room = upload.room(&mut memory, 3).expect("room");
                let count = want.min(room.len());
                room[..count].fill(b'x');
                let end = upload.filled(&mut memory, 3, count).expect("a chunk");
                let wanted = format!("{count:x}\r\n{}\r\n", "x".repeat(count));
                assert_eq!(&memory[3..end], wanted.as_bytes(), "{size} {count}");
            }
        }
    }
    extern crate std;
    use std::{format, vec};
}
