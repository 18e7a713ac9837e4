//! Decoding a body: where it ends, and what of the bytes received is data.

use super::chunked::ChunkedDecoder;
use super::error::DecodeError;
use super::framing::Framing;
use super::progress::{Progress, copy};

/// Takes the framing off a body.
///
/// Two ways, to be mixed freely: [`decode`](Self::decode) bytes that were received with the head, and once those are used
/// up read [`direct_len`](Self::direct_len) bytes from the socket straight into the caller's buffer and
/// [`advance`](Self::advance) over them. When `direct_len` is 0 and the body is not done, framing comes next: receive a few
/// bytes aside and `decode` them.
///
/// # Examples
///
/// ```
/// use socketpool::http::{BodyDecoder, DecodeError, Framing};
///
/// let mut body = BodyDecoder::new(Framing::Length(5));
/// let mut data = [0; 8];
/// assert_eq!(body.decode(b"hel", &mut data)?.produced, 3);
/// assert_eq!(body.direct_len(), 2); // may now come from the socket into `data` with no copy
/// assert_eq!(body.clone().end_of_stream(), Err(DecodeError::Truncated));
/// body.advance(2);
/// assert!(body.is_done());
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BodyDecoder(State);

#[derive(Clone, Debug)]
enum State {
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
    Done,
    Failed(DecodeError),
}

impl BodyDecoder {
    /// Starts at the first byte after the head.
    #[must_use]
    pub const fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::Empty | Framing::Length(0) => State::Done,
            Framing::Length(len) => State::Length(len),
            Framing::Chunked => State::Chunked(ChunkedDecoder::new()),
            Framing::UntilClose => State::UntilClose,
        })
    }

    /// Moves data from `input` to `output`, and passes over the framing before, between and after.
    ///
    /// It goes on until the input is used up, the output is full and more data would follow, or the body is done. Framing
    /// needs no output: an empty one is enough to reach the end behind the last data. With input and output not empty and
    /// the body not done, at least one byte is consumed. What is left of the input after the end is not of this body.
    ///
    /// # Errors
    ///
    /// Any [`DecodeError`] of chunked framing. Every one is final. Data before what is wrong is delivered first: the call
    /// that produces it succeeds, and the next one fails.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, DecodeError> {
        self.decode_some(input, output, false)
    }

    /// Like [`decode`](Self::decode), but stops where the trailers begin: decode those with no output, and keep what was
    /// consumed.
    pub(crate) fn decode_to_trailers(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, DecodeError> {
        self.decode_some(input, output, true)
    }

    /// Whether the trailers are what comes next.
    pub(crate) fn in_trailers(&self) -> bool {
        matches!(&self.0, State::Chunked(chunked) if chunked.in_trailers())
    }

    fn decode_some(&mut self, input: &[u8], output: &mut [u8], to_trailers: bool) -> Result<Progress, DecodeError> {
        let mut progress = Progress::default();
        match &mut self.0 {
            State::Done => {}
            State::Failed(error) => return Err(*error),
            State::Chunked(chunked) => match chunked.decode(input, output, to_trailers, &mut progress) {
                Ok(()) if chunked.is_done() => self.0 = State::Done,
                Ok(()) => {}
                Err(error) => {
                    self.0 = State::Failed(error);
                    if progress.produced == 0 {
                        return Err(error);
                    }
                }
            },
            State::Length(_) | State::UntilClose => {
                let input = input.get(..self.direct_len()).unwrap_or(input);
                let len = copy(input, output);
                self.advance(len);
                progress = Progress { consumed: len, produced: len };
            }
        }
        Ok(progress)
    }

    /// How many bytes, at most, may be read from the socket straight into the caller's buffer, because they can only be
    /// data: the rest of the length, or of a chunk; [`usize::MAX`] when the body lasts until close; 0 when the body is
    /// done or framing comes next.
    #[must_use]
    pub fn direct_len(&self) -> usize {
        let len = match &self.0 {
            State::Length(left) => *left,
            State::Chunked(chunked) => chunked.direct_len(),
            State::UntilClose => u64::MAX,
            State::Done | State::Failed(_) => 0,
        };
        usize::try_from(len).unwrap_or(usize::MAX)
    }

    /// Notes that `len` bytes, no more than [`direct_len`](Self::direct_len), were read straight from the socket.
    pub fn advance(&mut self, len: usize) {
        match &mut self.0 {
            State::Length(left) => {
                *left = left.saturating_sub(len as u64);
                if *left == 0 {
                    self.0 = State::Done;
                }
            }
            State::Chunked(chunked) => chunked.advance(len as u64),
            State::UntilClose | State::Done | State::Failed(_) => {}
        }
    }

    /// Notes that the connection has ended: the right end of a body that lasts until close, and of nothing else.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if the body was not done; the earlier error if there was one.
    pub fn end_of_stream(&mut self) -> Result<(), DecodeError> {
        match &self.0 {
            State::Done | State::UntilClose => {
                self.0 = State::Done;
                Ok(())
            }
            State::Failed(error) => Err(*error),
            State::Length(_) | State::Chunked(_) => {
                self.0 = State::Failed(DecodeError::Truncated);
                Err(DecodeError::Truncated)
            }
        }
    }

    /// Whether all of the body, its framing included, has been seen.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.0, State::Done)
    }
}
