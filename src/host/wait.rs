//! How a thread without an executor is woken.

use core::{
    future::poll_fn,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};
use std::{
    sync::Arc,
    task::Wake,
    thread::{self, Thread},
};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

std::thread_local! {
    static THIS_THREAD: Waker = Arc::new(Unpark(thread::current())).into();
}

/// The work, which wakes this thread where it was polled with a waker that wakes nothing, as the blocking face does. A thread
/// that does not [idle] does not notice.
pub(super) async fn woken<W: Future>(work: W) -> W::Output {
    let mut work = pin!(work);
    poll_fn(|context| match context.waker().will_wake(Waker::noop()) {
        true => THIS_THREAD.with(|waker| work.as_mut().poll(&mut Context::from_waker(waker))),
        false => work.as_mut().poll(context),
    })
    .await
}

/// Waits until what was polled is ready, and a millisecond at most.
pub(super) fn idle() {
    thread::park_timeout(Duration::from_millis(1));
}
