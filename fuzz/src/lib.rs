//! What the targets share: an input that is cut into pieces, a stream that gives it, and a program that replays files.

pub mod tls;

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
pub use socketpool::mock::block_on;
use socketpool::{
    Error,
    exchange::{Connection, Response, Stream},
    http::Method,
};

/// The body of a target. With libFuzzer it is called for each input; without, it is a program that calls it for each file
/// that it is given, and for each in a folder.
#[macro_export]
macro_rules! target {
    (|$input:ident| $body:block) => {
        fn run($input: &[u8]) {
            $body
        }
        #[cfg(feature = "libfuzzer")]
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
        #[cfg(not(feature = "libfuzzer"))]
        fn main() {
            $crate::replay(run);
        }
    };
}

#[cfg(feature = "libfuzzer")]
pub use libfuzzer_sys;

/// Calls a target for the files that the command line names.
pub fn replay(run: fn(&[u8])) {
    let (mut paths, mut count) = (std::env::args_os().skip(1).map(Into::into).collect::<Vec<std::path::PathBuf>>(), 0);
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(path.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else {
            run(&std::fs::read(&path).expect("a file"));
            count += 1;
        }
    }
    println!("{count} inputs, usize of {} bits", usize::BITS);
}

/// Takes `N` bytes off the front of an input, which say how it is to be used; zeros if it is shorter.
pub fn take<const N: usize>(input: &mut &[u8]) -> [u8; N] {
    let mut taken = [0; N];
    let count = input.len().min(N);
    taken[..count].copy_from_slice(&input[..count]);
    *input = &input[count..];
    taken
}

/// Takes a length of one byte, and as many bytes.
pub fn take_short<'i>(input: &mut &'i [u8]) -> &'i [u8] {
    let [len] = take(input);
    take_len(input, usize::from(len))
}

/// Takes a length of two bytes, and as many bytes.
pub fn take_long<'i>(input: &mut &'i [u8]) -> &'i [u8] {
    let len = u16::from_be_bytes(take(input));
    take_len(input, usize::from(len))
}

fn take_len<'i>(input: &mut &'i [u8], len: usize) -> &'i [u8] {
    let (taken, rest) = input.split_at(len.min(input.len()));
    *input = rest;
    taken
}

/// The lengths of the pieces that a stream arrives in. 0: all at once; up to 127: all of that length; above: of pseudo-random
/// lengths from 1 up.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    seed: u8,
    state: u32,
}

impl Split {
    pub const WHOLE: Self = Self::new(0);

    pub const fn new(seed: u8) -> Self {
        Self { seed, state: seed as u32 }
    }

    /// The length of the next piece: at least 1.
    pub fn piece(&mut self) -> usize {
        match self.seed {
            0 => usize::MAX,
            len @ 1..128 => usize::from(len),
            seed => {
                self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                1 + (self.state >> 24) as usize % usize::from(seed - 126)
            }
        }
    }
}

/// A peer that sends `input` in pieces and ends the stream; it takes whatever it is sent.
#[derive(Debug)]
pub struct Wire<'i> {
    pub input: &'i [u8],
    pub split: Split,
    pub sent: Vec<u8>,
}

impl<'i> Wire<'i> {
    pub fn new(input: &'i [u8], split: Split) -> Self {
        Self { input, split, sent: vec![] }
    }
}

impl ErrorType for Wire<'_> {
    type Error = ErrorKind;
}

impl Read for Wire<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        let piece = take_len(&mut self.input, out.len().min(self.split.piece()));
        out[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

impl Write for Wire<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let count = bytes.len().min(self.split.piece());
        self.sent.extend(&bytes[..count]);
        Ok(count)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// A body that arrives in pieces, without an exchange around it.
#[derive(Debug)]
pub struct Body<'i>(pub Wire<'i>);

impl ErrorType for Body<'_> {
    type Error = Error;
}

impl Read for Body<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        Ok(self.0.read(out).await.expect("it never fails"))
    }
}

/// Lends a response to a GET with this body, which arrives in pieces.
pub fn with_response<T>(
    body: &[u8],
    split: Split,
    use_it: impl AsyncFnOnce(&mut Response<'_, Stream<Wire<'_>>>) -> T,
) -> T {
    let wire = [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat();
    let mut buffer = [0; 128];
    let mut connection = Connection::new(Wire::new(&wire, split), &mut buffer);
    block_on(async {
        let mut response = connection.request(Method::Get, "host", "/").send().await.expect("the head is right");
        use_it(&mut response).await
    })
}
