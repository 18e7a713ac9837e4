//! TLS with verification that is always on.

pub(crate) mod backend;
mod context;
mod error;
mod random;
mod time;
pub mod verify;

pub(crate) use self::backend::TlsMemory;
pub use self::{
    context::TlsContext,
    error::{TlsError, Unsupported},
    random::{RandCore, Random},
    time::{Now, TimeSource},
};
