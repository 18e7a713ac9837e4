//! Decompression without a heap: gzip (RFC 1952), zlib (RFC 1950) and raw deflate (RFC 1951), byte by byte as they
//! arrive, into memory of the caller's.
//!
//! The caller chooses how far back the compressed data may refer: [`Inflate`]'s `WINDOW`, 32,768 bytes for what any
//! server may send; data that refers back further is an error with the distance it needs. Beside the window it takes
//! 1.6 KB. What is decompressed goes into the caller's buffer as it fits: a bomb explodes only as fast as it is read.
//!
//! Why not a crate: the ones without a heap take 10 KB of tables for speed, and cannot tell a window that is too small
//! from data that is corrupt. The tests compare this with one of them, byte by byte, on whole and on damaged data.

mod checksum;
mod huffman;

use self::{
    checksum::{adler32, crc32},
    huffman::{Found, Huffman},
};
use super::progress::Progress;

/// The window that is enough for whatever a server may send, in bytes.
pub const MAX_WINDOW: usize = 32_768;

/// Memory for decompressing one body at a time: `WINDOW` bytes and 1.6 KB. Fit for a static.
///
/// `WINDOW` bounds how far back compressed data may refer. 32,768 bytes are enough for everything; a server of your own
/// can be told to get along with less (`wbits=-12` for 4,096 in Python's zlib; `gzip_window 4k` in nginx).
#[derive(Clone)]
pub struct Inflate<const WINDOW: usize = MAX_WINDOW> {
    core: Core,
    window: [u8; WINDOW],
    /// For those who receive: where to.
    input: [u8; INPUT],
}

/// How much is received at a time, in bytes.
const INPUT: usize = 512;

impl<const WINDOW: usize> Inflate<WINDOW> {
    /// Memory, ready for use.
    #[must_use]
    pub const fn new() -> Self {
        Self { core: Core::new(Format::Gzip), window: [0; WINDOW], input: [0; INPUT] }
    }

    /// Begins to decompress something in this format; whatever was going on before is forgotten.
    pub fn begin(&mut self, format: Format) -> Inflater<'_> {
        self.core.reset(format);
        Inflater { core: &mut self.core, window: &mut self.window }
    }

    /// The same, and room to receive into.
    pub(crate) fn begin_to_receive(&mut self, format: Format) -> (Inflater<'_>, &mut [u8]) {
        self.core.reset(format);
        (Inflater { core: &mut self.core, window: &mut self.window }, &mut self.input)
    }
}

impl<const WINDOW: usize> Default for Inflate<WINDOW> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const WINDOW: usize> core::fmt::Debug for Inflate<WINDOW> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inflate").field("window", &WINDOW).finish_non_exhaustive()
    }
}

/// How compressed data is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Format {
    /// One or more gzip members (RFC 1952): HTTP's `gzip`.
    Gzip,
    /// A zlib stream (RFC 1950), or deflate with nothing around it: HTTP's `deflate`, which servers have always sent
    /// both ways.
    Deflate,
}

/// Why compressed data cannot be decompressed. Every one is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum InflateError {
    /// Not in the format it should have, or damaged.
    Corrupt,
    /// The checksum or the length at the end is not that of what was decompressed.
    Checksum,
    /// Something follows after the end.
    TrailingData,
    /// It ends before its end.
    Truncated,
    /// A Content-Encoding that is neither gzip nor deflate, or several of them.
    UnsupportedCoding,
    /// It refers back further than the window reaches.
    WindowTooSmall {
        /// The distance it refers back, in bytes. What comes later may need more, but never more than [`MAX_WINDOW`].
        need: u16,
    },
}

impl core::fmt::Display for InflateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Corrupt => f.write_str("the compressed data is corrupt"),
            Self::Checksum => f.write_str("the checksum of the compressed data is wrong"),
            Self::TrailingData => f.write_str("something follows the compressed data"),
            Self::Truncated => f.write_str("the compressed data ends too early"),
            Self::UnsupportedCoding => f.write_str("a content coding other than gzip and deflate"),
            Self::WindowTooSmall { need } => write!(f, "the compressed data refers back {need} bytes"),
        }
    }
}

impl core::error::Error for InflateError {}

/// Decompresses, in an [`Inflate`]. Made by [`Inflate::begin`].
///
/// # Examples
///
/// ```
/// use socketpool::http::{Format, Inflate, InflateError};
///
/// let mut memory = Inflate::<256>::new();
/// let mut inflater = memory.begin(Format::Deflate);
/// let mut text = [0; 16];
/// let compressed = [0x78, 0x9C, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x06, 0x2C, 0x02, 0x15];
/// let progress = inflater.decode(&compressed, &mut text)?;
/// inflater.end_of_stream()?;
/// assert_eq!(&text[..progress.produced], b"hello");
/// # Ok::<(), InflateError>(())
/// ```
#[derive(Debug)]
pub struct Inflater<'w> {
    core: &'w mut Core,
    window: &'w mut [u8],
}

impl Inflater<'_> {
    /// Bytes of the window.
    pub(crate) fn window_len(&self) -> usize {
        self.window.len()
    }

    /// Decompresses from `input` into `output`, until the input is used up, the output is full, all is done or something is
    /// wrong.
    ///
    /// What is left of the input must come again with the next call. Input may be used up before all it stands for was
    /// produced: call again, with no input, for as long as the output was filled.
    ///
    /// # Errors
    /// Any [`InflateError`] but `Truncated`; after one, always the same. Data before what is wrong is delivered first: the
    /// call that produces it succeeds, and the next one fails. So `TrailingData` comes when all of the data was delivered
    /// and its checksum found right.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, InflateError> {
        if let Some(error) = self.core.failed {
            return Err(error);
        }
        let mut run = Run { core: self.core, window: self.window, input, output, progress: Progress::default() };
        let outcome = run.run();
        let progress = run.progress;
        self.core.failed = outcome.err();
        match outcome {
            Err(error) if progress.produced == 0 => Err(error),
            _ => Ok(progress),
        }
    }

    /// Whether the input may end here: everything was there, or nothing at all (what a server sends for no content).
    ///
    /// # Errors
    /// [`InflateError::Truncated`] if it may not; the earlier error if there was one.
    pub fn end_of_stream(&mut self) -> Result<(), InflateError> {
        if let Some(error) = self.core.failed {
            return Err(error);
        }
        match self.core.state {
            State::Start | State::End if self.core.bit_count < 8 => Ok(()),
            _ => {
                self.core.failed = Some(InflateError::Truncated);
                Err(InflateError::Truncated)
            }
        }
    }
}

/// Everything but the window.
#[derive(Clone, Debug)]
struct Core {
    format: Format,
    state: State,
    failed: Option<InflateError>,
    /// Bits that were taken from the input and not yet used, the next one lowest.
    bits: u32,
    bit_count: u8,
    /// Whether the block under way is the last.
    is_last_block: bool,
    /// Which parts the header of the gzip member has.
    flags: u8,
    has_zlib_frame: bool,
    /// CRC-32 of the gzip header, then of the data; or Adler-32.
    checksum: u32,
    /// Bytes of data so far, modulo 2³².
    total: u32,
    /// Where the next byte goes in the window.
    place: usize,
    /// Bytes of data that the window has seen, as far as it reaches.
    seen: usize,
    /// While a code is described: how many lengths there are of literals and lengths, of distances, and of the code
    /// that describes them.
    counts: [u16; 3],
    lengths: [u8; 320],
    literals: Huffman<288>,
    distances: Huffman<32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// So many bytes of the ten at the start of a gzip member.
    GzipHead(u8),
    GzipExtraLen,
    GzipExtra(u16),
    GzipName,
    GzipComment,
    GzipCrc,
    BlockHead,
    StoredLen,
    Stored(u16),
    CodeSizes,
    /// So many lengths of the code that describes the codes.
    CodeLengths(u16),
    /// So many lengths of the codes themselves.
    Lengths(u16),
    /// So many lengths, and the symbol that repeats one.
    Repeat(u16, u8),
    Symbol,
    /// This byte, once there is room for it.
    Literal(u8),
    /// What symbol said the length, and needs bits.
    Length(u8),
    Distance(u16),
    /// How long, and what symbol said the distance.
    DistanceBits(u16, u8),
    Copy(u16, u16),
    Check,
    CheckLen,
    End,
}

impl Core {
    const fn new(format: Format) -> Self {
        Self {
            format,
            state: State::Start,
            failed: None,
            bits: 0,
            bit_count: 0,
            is_last_block: false,
            flags: 0,
            has_zlib_frame: false,
            checksum: 0,
            total: 0,
            place: 0,
            seen: 0,
            counts: [0; 3],
            lengths: [0; 320],
            literals: Huffman::EMPTY,
            distances: Huffman::EMPTY,
        }
    }

    fn reset(&mut self, format: Format) {
        (self.format, self.state, self.failed) = (format, State::Start, None);
        (self.bits, self.bit_count, self.place, self.seen) = (0, 0, 0, 0);
        (self.checksum, self.total, self.has_zlib_frame, self.is_last_block) = (0, 0, false, false);
    }

    /// After the header: deflate begins.
    fn begin_data(&mut self) {
        self.checksum = if self.format == Format::Gzip { 0 } else { 1 };
        (self.total, self.place, self.seen, self.state) = (0, 0, 0, State::BlockHead);
    }
}

const CORRUPT: InflateError = InflateError::Corrupt;
/// The order in which the lengths of the code that describes the codes come (RFC 1951 §3.2.7).
const ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// Flags of a gzip member (RFC 1952 §2.3.1).
const HAS_CRC: u8 = 2;
const HAS_EXTRA: u8 = 4;
const HAS_NAME: u8 = 8;
const HAS_COMMENT: u8 = 16;
const RESERVED: u8 = 0xE0;

/// One call of `decode`.
struct Run<'r> {
    core: &'r mut Core,
    window: &'r mut [u8],
    input: &'r [u8],
    output: &'r mut [u8],
    progress: Progress,
}

/// Whether to go on, or to wait for more input or room.
#[derive(PartialEq, Eq)]
enum Step {
    GoOn,
    Wait,
}

impl Run<'_> {
    fn run(&mut self) -> Result<(), InflateError> {
        while self.step()? == Step::GoOn {}
        Ok(())
    }

    /// Takes bytes from the input until there are `count` bits, 16 at most, if it can.
    fn has(&mut self, count: u8) -> bool {
        while self.core.bit_count < count {
            let Some(byte) = self.input.get(self.progress.consumed) else { return false };
            self.core.bits |= u32::from(*byte) << self.core.bit_count;
            self.core.bit_count += 8;
            self.progress.consumed += 1;
        }
        true
    }

    /// The next `count` bits, if they are there.
    fn take(&mut self, count: u8) -> Option<u16> {
        if !self.has(count) {
            return None;
        }
        let value = self.core.bits & ((1 << count) - 1);
        self.core.bits >>= count;
        self.core.bit_count -= count;
        Some(value as u16)
    }

    /// The next byte of a gzip header, counted into its checksum.
    fn take_head(&mut self) -> Option<u8> {
        let byte = self.take(8)? as u8;
        self.core.checksum = crc32(self.core.checksum, byte);
        Some(byte)
    }

    /// Skips to the next whole byte.
    fn align(&mut self) {
        let rest = self.core.bit_count % 8;
        self.core.bits >>= rest;
        self.core.bit_count -= rest;
    }

    fn symbol<const N: usize>(&mut self, code: impl Fn(&Core) -> &Huffman<N>) -> Result<Option<u16>, InflateError> {
        loop {
            match code(self.core).find(self.core.bits, self.core.bit_count) {
                Found::Symbol(symbol, len) => {
                    self.core.bits >>= len;
                    self.core.bit_count -= len;
                    return Ok(Some(symbol));
                }
                Found::Nothing => return Err(CORRUPT),
                Found::Unfinished => {
                    if !self.has(self.core.bit_count + 1) {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Whether there is room for a byte of output.
    fn has_room(&self) -> bool {
        self.progress.produced < self.output.len()
    }

    /// Delivers a byte.
    fn give(&mut self, byte: u8) {
        if let Some(place) = self.output.get_mut(self.progress.produced) {
            *place = byte;
            self.progress.produced += 1;
        }
        let core = &mut *self.core;
        if let Some(place) = self.window.get_mut(core.place) {
            *place = byte;
        }
        core.place = if core.place + 1 >= self.window.len() { 0 } else { core.place + 1 };
        core.seen = (core.seen + 1).min(MAX_WINDOW);
        core.total = core.total.wrapping_add(1);
        core.checksum = match core.format {
            Format::Gzip => crc32(core.checksum, byte),
            Format::Deflate if core.has_zlib_frame => adler32(core.checksum, byte),
            Format::Deflate => core.checksum,
        };
    }

    /// What comes after a block: another, or the checksums.
    fn after_block(&mut self) -> State {
        if !self.core.is_last_block {
            return State::BlockHead;
        }
        self.align();
        if self.core.format == Format::Gzip || self.core.has_zlib_frame { State::Check } else { State::End }
    }

    /// The codes of RFC 1951 §3.2.6.
    fn fixed_codes(&mut self) -> State {
        let core = &mut *self.core;
        core.lengths[..144].fill(8);
        core.lengths[144..256].fill(9);
        core.lengths[256..280].fill(7);
        core.lengths[280..288].fill(8);
        core.literals.set(&core.lengths[..288]);
        core.distances.set(&[5; 30]);
        State::Symbol
    }

    /// The next lengths of the codes that are being described.
    fn repeat(&mut self, at: u16, len: u8, times: u16) -> Result<State, InflateError> {
        let end = at + times;
        if end > self.core.counts[0] + self.core.counts[1] {
            return Err(CORRUPT);
        }
        let lengths = self.core.lengths.get_mut(usize::from(at)..usize::from(end)).ok_or(CORRUPT)?;
        lengths.fill(len);
        Ok(State::Lengths(end))
    }

    /// The codes whose lengths are there now.
    fn dynamic_codes(&mut self) -> Result<State, InflateError> {
        let core = &mut *self.core;
        let [literals, distances, _] = core.counts.map(usize::from);
        let (lengths, rest) = core.lengths.split_at_checked(literals).ok_or(CORRUPT)?;
        // Every block has an end.
        if lengths.get(256).is_none_or(|len| *len == 0) {
            return Err(CORRUPT);
        }
        let left = core.literals.set(lengths).ok_or(CORRUPT)?;
        if left > 0 && !core.literals.is_single() {
            return Err(CORRUPT);
        }
        let left = core.distances.set(rest.get(..distances).ok_or(CORRUPT)?).ok_or(CORRUPT)?;
        if left > 0 && !core.distances.is_single() && !core.distances.is_empty() {
            return Err(CORRUPT);
        }
        Ok(State::Symbol)
    }

    fn step(&mut self) -> Result<Step, InflateError> {
        macro_rules! take {
            ($bits:expr) => {
                match self.take($bits) {
                    Some(value) => value,
                    None => return Ok(Step::Wait),
                }
            };
        }
        macro_rules! take_head {
            () => {
                match self.take_head() {
                    Some(byte) => byte,
                    None => return Ok(Step::Wait),
                }
            };
        }
        self.core.state = match self.core.state {
            State::Start if self.core.format == Format::Gzip => {
                // Not before there is something: nothing at all is a right end too.
                if !self.has(8) {
                    return Ok(Step::Wait);
                }
                self.core.checksum = 0;
                State::GzipHead(0)
            }
            State::Start => {
                if !self.has(16) {
                    // One byte can only be the start of something.
                    return Ok(Step::Wait);
                }
                // RFC 1950 §2.2: method 8, a window of at most 32 KB, no dictionary, and a multiple of 31.
                let [method, flags] = (self.core.bits as u16).to_le_bytes();
                let is_zlib = method & 15 == 8 && method >> 4 <= 7 && u16::from_be_bytes([method, flags]) % 31 == 0;
                if is_zlib && flags & 0x20 != 0 {
                    return Err(CORRUPT);
                }
                if is_zlib {
                    self.take(16);
                }
                self.core.has_zlib_frame = is_zlib;
                self.core.begin_data();
                State::BlockHead
            }
            State::GzipHead(at) => {
                let byte = take_head!();
                match (at, byte) {
                    (0, 0x1F) | (1, 0x8B) | (2, 8) | (4.., _) => {}
                    (3, flags) if flags & RESERVED == 0 => self.core.flags = flags,
                    _ => return Err(CORRUPT),
                }
                if at < 9 { State::GzipHead(at + 1) } else { State::GzipExtraLen }
            }
            State::GzipExtraLen => {
                if self.core.flags & HAS_EXTRA == 0 {
                    State::GzipName
                } else if self.has(16) {
                    let low = u16::from(self.take_head().unwrap_or_default());
                    State::GzipExtra(low | u16::from(self.take_head().unwrap_or_default()) << 8)
                } else {
                    return Ok(Step::Wait);
                }
            }
            State::GzipExtra(0) => State::GzipName,
            State::GzipExtra(left) => {
                take_head!();
                State::GzipExtra(left - 1)
            }
            State::GzipName if self.core.flags & HAS_NAME == 0 => State::GzipComment,
            State::GzipName => {
                if take_head!() == 0 {
                    State::GzipComment
                } else {
                    State::GzipName
                }
            }
            State::GzipComment if self.core.flags & HAS_COMMENT == 0 => State::GzipCrc,
            State::GzipComment => {
                if take_head!() == 0 {
                    State::GzipCrc
                } else {
                    State::GzipComment
                }
            }
            State::GzipCrc => {
                if self.core.flags & HAS_CRC != 0 {
                    let is_right = take!(16) == self.core.checksum as u16;
                    if !is_right {
                        return Err(InflateError::Checksum);
                    }
                }
                self.core.begin_data();
                State::BlockHead
            }
            State::BlockHead => {
                let head = take!(3);
                self.core.is_last_block = head & 1 == 1;
                match head >> 1 {
                    0 => {
                        self.align();
                        State::StoredLen
                    }
                    1 => self.fixed_codes(),
                    2 => State::CodeSizes,
                    _ => return Err(CORRUPT),
                }
            }
            State::StoredLen => {
                // 32 bits at once would not fit beside what may be left: never more than a byte is.
                if !self.has(32) {
                    return Ok(Step::Wait);
                }
                let (len, complement) = (take!(16), take!(16));
                if len != !complement {
                    return Err(CORRUPT);
                }
                State::Stored(len)
            }
            State::Stored(0) => self.after_block(),
            State::Stored(left) => {
                if !self.has_room() {
                    return Ok(Step::Wait);
                }
                let byte = take!(8) as u8;
                self.give(byte);
                State::Stored(left - 1)
            }
            State::CodeSizes => {
                let sizes = take!(14);
                self.core.counts = [257 + (sizes & 31), 1 + (sizes >> 5 & 31), 4 + (sizes >> 10)];
                if self.core.counts[0] > 286 || self.core.counts[1] > 30 {
                    return Err(CORRUPT);
                }
                self.core.lengths = [0; 320];
                State::CodeLengths(0)
            }
            State::CodeLengths(at) if at < self.core.counts[2] => {
                let len = take!(3) as u8;
                let symbol = ORDER.get(usize::from(at)).map_or(0, |symbol| usize::from(*symbol));
                if let Some(place) = self.core.lengths.get_mut(symbol) {
                    *place = len;
                }
                State::CodeLengths(at + 1)
            }
            State::CodeLengths(_) => {
                let core = &mut *self.core;
                if core.distances.set(&core.lengths[..19]) != Some(0) {
                    return Err(CORRUPT);
                }
                core.lengths = [0; 320];
                State::Lengths(0)
            }
            State::Lengths(at) if at < self.core.counts[0] + self.core.counts[1] => {
                match self.symbol(|core| &core.distances)? {
                    None => return Ok(Step::Wait),
                    Some(len @ 0..=15) => self.repeat(at, len as u8, 1)?,
                    Some(16) if at == 0 => return Err(CORRUPT),
                    Some(symbol) => State::Repeat(at, symbol as u8),
                }
            }
            State::Repeat(at, symbol) => {
                // RFC 1951 §3.2.7: the length before, or none, several times.
                let (bits, least, len) = match symbol {
                    16 => (2, 3, self.core.lengths.get(usize::from(at) - 1).copied().unwrap_or_default()),
                    17 => (3, 3, 0),
                    _ => (7, 11, 0),
                };
                let times = least + take!(bits);
                self.repeat(at, len, times)?
            }
            State::Lengths(_) => self.dynamic_codes()?,
            State::Symbol => match self.symbol(|core| &core.literals)? {
                None => return Ok(Step::Wait),
                Some(literal @ 0..=255) => State::Literal(literal as u8),
                Some(256) => self.after_block(),
                Some(symbol @ 257..=285) => State::Length((symbol - 257) as u8),
                Some(_) => return Err(CORRUPT),
            },
            State::Literal(byte) => {
                if !self.has_room() {
                    return Ok(Step::Wait);
                }
                self.give(byte);
                State::Symbol
            }
            State::Length(symbol) => {
                // RFC 1951 §3.2.5.
                let (base, bits) = match symbol {
                    0..=7 => (3 + u16::from(symbol), 0),
                    28.. => (258, 0),
                    _ => {
                        let bits = (symbol - 4) / 4;
                        (3 + ((4 + u16::from(symbol % 4)) << bits), bits)
                    }
                };
                State::Distance(base + take!(bits))
            }
            State::Distance(len) => match self.symbol(|core| &core.distances)? {
                None => return Ok(Step::Wait),
                Some(symbol @ 0..=29) => State::DistanceBits(len, symbol as u8),
                Some(_) => return Err(CORRUPT),
            },
            State::DistanceBits(len, symbol) => {
                let (base, bits) = match symbol {
                    0..=3 => (1 + u16::from(symbol), 0),
                    _ => {
                        let bits = (symbol - 2) / 2;
                        (1 + ((2 + u16::from(symbol % 2)) << bits), bits)
                    }
                };
                let distance = base + take!(bits);
                if usize::from(distance) > self.core.seen {
                    return Err(CORRUPT);
                }
                if usize::from(distance) > self.window.len() {
                    return Err(InflateError::WindowTooSmall { need: distance });
                }
                State::Copy(len, distance)
            }
            State::Copy(0, _) => State::Symbol,
            State::Copy(left, distance) => {
                if !self.has_room() {
                    return Ok(Step::Wait);
                }
                let (place, distance_back) = (self.core.place, usize::from(distance));
                let from = if place >= distance_back {
                    place - distance_back
                } else {
                    place + self.window.len() - distance_back
                };
                let byte = self.window.get(from).copied().unwrap_or_default();
                self.give(byte);
                State::Copy(left - 1, distance)
            }
            State::Check => {
                if !self.has(32) {
                    return Ok(Step::Wait);
                }
                let (low, high) = (u32::from(take!(16)), u32::from(take!(16)));
                let value = low | high << 16;
                let value = if self.core.format == Format::Gzip { value } else { value.swap_bytes() };
                if value != self.core.checksum {
                    return Err(InflateError::Checksum);
                }
                if self.core.format == Format::Gzip { State::CheckLen } else { State::End }
            }
            State::CheckLen => {
                if !self.has(32) {
                    return Ok(Step::Wait);
                }
                let (low, high) = (u32::from(take!(16)), u32::from(take!(16)));
                if low | high << 16 != self.core.total {
                    return Err(InflateError::Checksum);
                }
                State::End
            }
            State::End => {
                if !self.has(8) {
                    return Ok(Step::Wait);
                }
                // Another gzip member may follow (RFC 1952 §2.2), and nothing else.
                if self.core.format != Format::Gzip || self.core.bits & 0xFF != 0x1F {
                    return Err(InflateError::TrailingData);
                }
                self.core.checksum = 0;
                State::GzipHead(0)
            }
        };
        Ok(Step::GoOn)
    }
}
