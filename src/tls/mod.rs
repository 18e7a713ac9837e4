//! TLS with verification that is always on.

pub(crate) mod backend;
mod context;
mod error;
pub mod pem;
pub mod pin;
mod random;
pub mod roots;
pub mod time;
pub mod verify;

pub(crate) use self::backend::TlsMemory;
pub use self::{
    context::TlsContext,
    error::{TlsError, Unsupported},
    random::{RandCore, Random},
    roots::Roots,
    time::{Now, RELEASE_DATE, TimeSource, WallClock},
    verify::VerifyPolicy,
};
