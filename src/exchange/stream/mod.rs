//! Reading a body piece by piece: lines, events, elements of a JSON array, decompressed. What the pieces are is decided
//! without I/O; both faces only receive.
//!
//! Memory is bounded by the caller's buffers. How many bytes all pieces may have together is not, unless the caller sets
//! a `limit`: an event stream may go on for ever. A server that means harm can send a gzip bomb (1 KB stands for 1 MB), or
//! pieces without end, until the deadline: where that matters, set a limit.

mod buffered;
#[cfg(feature = "gzip")]
pub(crate) mod decoded;
#[cfg(feature = "json")]
pub(crate) mod elements;
pub(crate) mod events;
pub(crate) mod lines;

use embedded_io_async::Read;

use self::buffered::Quota;

#[cfg(feature = "gzip")]
pub use self::decoded::Decoded;
#[cfg(feature = "json")]
pub use self::elements::JsonElements;
pub use self::{
    events::{Event, Events},
    lines::Lines,
};
use crate::error::{Error, Result};

/// What a reader wants next.
pub(crate) enum Step<I> {
    /// Here is a piece.
    Piece(I),
    /// There are no more.
    End,
    /// Receive into the [room](Pieces::room).
    More,
}

/// What makes pieces of what is received.
pub(crate) trait Pieces {
    type Piece;

    /// The next piece, from what is there.
    fn step(&mut self) -> Result<Step<Self::Piece>>;

    /// Where to receive; not empty after [`Step::More`].
    fn room(&mut self) -> &mut [u8];

    /// Takes in that `count` bytes were received in the room; 0 is the end.
    fn received(&mut self, count: usize);

    /// How much may be received.
    fn quota(&mut self) -> &mut Quota;
}

/// Receives until there is a piece.
async fn next<R: Read<Error = Error>, P: Pieces>(source: &mut R, pieces: &mut P) -> Result<Option<P::Piece>> {
    loop {
        match pieces.step()? {
            Step::Piece(piece) => return Ok(Some(piece)),
            Step::End => return Ok(None),
            Step::More => {
                pieces.quota().check()?;
                let count = source.read(pieces.room()).await?;
                pieces.received(count);
            }
        }
    }
}
