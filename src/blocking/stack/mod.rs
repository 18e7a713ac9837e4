//! Network stacks for the blocking face.
//!
//! A blocking stack implements the same small traits of [`stack`](crate::stack) as any other, with futures that are ready
//! when they are polled for the first time. [`Network`] makes one of any embedded-nal stack. A stack that can do more than
//! embedded-nal has words for (sleep until a packet arrives, end a name query, report who refused) implements the traits
//! itself, and [`BlockingTimer`].
//!
//! # Waiting
//! A stack knows one deadline, the one [set](crate::time::Timer::set_deadline) last, and every operation waits for its peer
//! until then and no longer: past it the error is `TimedOut`, in embedded-io's words, or
//! [`ResolveError::NoAnswer`](crate::stack::ResolveError::NoAnswer); nothing is lost then, and a `read` or `write` has moved
//! nothing. What can be done without waiting is done in any case, so a deadline in the past means "do not wait". One
//! deadline is enough because a blocking program does one thing at a time.
//!
//! A future that is pending nevertheless (a stack that is not quite blocking) is no fault: it is polled again after
//! [`BlockingTimer::idle`], until the deadline.

mod network;

pub use self::network::{Network, NetworkConnection, NetworkDatagrams, NetworkListener, UdpSilence, ZeroRead};
use crate::time::BlockingTimer;

/// All that a blocking pool needs of a network, in one bound. Whatever has the parts has it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a network for a blocking pool",
    label = "not a `socketpool::blocking::stack::Stack`",
    note = "a stack of embedded-nal is made one by `socketpool::blocking::stack::Network::new(stack, clock, idle, \
            zero_read)`; a host's is `socketpool::host::Network` (feature `std`)"
)]
pub trait Stack: crate::stack::Stack + BlockingTimer {}

impl<S: crate::stack::Stack + BlockingTimer> Stack for S {}
