//! What a request can carry, and how each kind of it is sent.

mod body;
mod multipart;
pub(super) mod outline;
mod source;
mod upload;

use core::future::Future;

use self::outline::Fill;
pub(crate) use self::upload::LEAST;
pub use self::{
    body::{Body, Bytes, Empty, Form},
    multipart::{Multipart, Part, Parts},
    outline::{Outline, Plan},
    source::{Awaits, Face, NoSource, Produce, Rewindable, Source},
    upload::Upload,
};
use super::{
    io::Io,
    link::{Link, Sent},
};
pub use crate::error::source::SourceError;
use crate::error::{ErrorKind, Result};

/// What a request can carry: every [`Body`], a [`Streamed`] source, a [`Multipart`] form, and each of them behind a
/// question ([`Expecting`]). There is nothing to implement here: write a [`Body`], or a [`Source`] for a stream.
///
/// The way of each kind is straight, and its own, so that a program links only what it uses. `F` is the
/// [face](Face) by which its sources are read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as the body of a request",
    label = "not a `socketpool::requests::Content`",
    note = "`body`, `form`, `json` and `multipart` make bodies; what is given to `stream` has to be a `Read` of \
            embedded-io-async (in a blocking session, of embedded-io), or a `Source` of yours"
)]
pub trait Content<F = Awaits>: Outline {
    /// Whether the server is asked first.
    const ASKS: bool = false;

    /// Sends what is staged, and what of the content is not.
    fn transmit<I: Io>(&mut self, link: &mut Link<'_, I>) -> impl Future<Output = Result<Sent>>;

    /// Goes back to the beginning, so that it can be sent again; `false` if that cannot be.
    fn rewind(&mut self) -> impl Future<Output = Result<bool, SourceError>>;
}

impl<B: Body> Outline for B {
    fn media_type(&self) -> Option<[&str; 2]> {
        self.content_type().map(|media_type| [media_type, ""])
    }

    fn plan(&self) -> Result<Plan<'_>, ErrorKind> {
        Ok(self.as_bytes().map_or(Plan::Written, Plan::Bytes))
    }

    fn write(&self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        Body::write(self, room)
    }
}

impl<B: Body, F> Content<F> for B {
    fn transmit<I: Io>(&mut self, link: &mut Link<'_, I>) -> impl Future<Output = Result<Sent>> {
        link.send(self.as_bytes().unwrap_or_default())
    }

    async fn rewind(&mut self) -> Result<bool, SourceError> {
        Ok(true)
    }
}

/// Content that streams from a source while it is sent.
#[derive(Debug)]
pub struct Streamed<S> {
    source: S,
    len: Option<u64>,
    began: bool,
}

impl<S> Streamed<S> {
    pub(crate) const fn new(source: S, len: Option<u64>) -> Self {
        Self { source, len, began: false }
    }
}

impl<S> Outline for Streamed<S> {
    fn media_type(&self) -> Option<[&str; 2]> {
        None
    }

    fn plan(&self) -> Result<Plan<'_>, ErrorKind> {
        Ok(Plan::Streamed(Upload::new(self.len)))
    }
}

impl<S, F: Face<S>> Fill<F> for Streamed<S> {
    async fn fill(&mut self, room: &mut [u8]) -> Result<usize, SourceError> {
        self.began = true;
        let read = F::read(&mut self.source, room).await.map_err(SourceError::Failed)?;
        source::checked(read, room)
    }
}

impl<S, F: Face<S>> Content<F> for Streamed<S> {
    fn transmit<I: Io>(&mut self, link: &mut Link<'_, I>) -> impl Future<Output = Result<Sent>> {
        link.stream::<F, _>(self)
    }

    async fn rewind(&mut self) -> Result<bool, SourceError> {
        if self.began {
            self.began = !F::rewind(&mut self.source).await.map_err(SourceError::Failed)?;
        }
        Ok(!self.began)
    }
}

/// Content that is only sent once the server has said that it wants it.
#[derive(Debug)]
pub struct Expecting<C>(pub(crate) C);

impl<C: Outline> Outline for Expecting<C> {
    fn media_type(&self) -> Option<[&str; 2]> {
        self.0.media_type()
    }

    fn plan(&self) -> Result<Plan<'_>, ErrorKind> {
        self.0.plan()
    }

    fn write(&self, room: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.write(room)
    }
}

impl<C: Content<F>, F> Content<F> for Expecting<C> {
    const ASKS: bool = true;

    fn transmit<I: Io>(&mut self, link: &mut Link<'_, I>) -> impl Future<Output = Result<Sent>> {
        async move {
            match link.ask().await? {
                None => self.0.transmit(link).await,
                Some(sent) => Ok(sent),
            }
        }
    }

    fn rewind(&mut self) -> impl Future<Output = Result<bool, SourceError>> {
        self.0.rewind()
    }
}
