//! Who may use a pool at the same time: what guards its books.
//!
//! The books of a pool (which slot is whose, which buffer is lent) are touched for a few instructions at a time, behind
//! a raw mutex in the sense of embassy-sync. The one that a pool has unless you say otherwise, [`NoopRawMutex`], costs
//! nothing, and the compiler keeps such a pool on one executor. With [`CriticalSectionRawMutex`] tasks on several
//! executors, cores or threads can share it, if the network stack below can be shared as well:
//!
//! ```
//! use socketpool::{Resources, SocketPool, sync::CriticalSectionRawMutex};
//! # let script = socketpool::mock::Script::new(&[]);
//! # let mut network = script.network();
//!
//! let mut memory = Resources::<3, 1, 2048, CriticalSectionRawMutex>::new();
//! let pool = SocketPool::new(&mut network, &mut memory);
//! ```

use core::any::TypeId;

use embassy_sync::blocking_mutex::raw;
pub use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex};

/// A raw mutex in the sense of embassy-sync. There is nothing to implement: each of its raw mutexes is one.
pub trait RawMutex: raw::RawMutex + 'static {}

impl<R: raw::RawMutex + 'static> RawMutex for R {}

/// Whether another thread can give back what this one waits for.
pub(crate) fn is_shared<R: RawMutex>() -> bool {
    TypeId::of::<R>() != TypeId::of::<NoopRawMutex>()
}
