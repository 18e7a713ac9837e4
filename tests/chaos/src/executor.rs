//! Tasks, each polled only when it was woken: a wake-up that is lost shows as a run that stands still.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs all of them to their ends; `sleep` lets time pass until somebody was woken, and is false if nothing will wake
/// anybody.
///
/// # Panics
/// If all wait, and nothing will ever happen.
pub fn run_all<'t>(tasks: Vec<Pin<Box<dyn Future<Output = ()> + 't>>>, mut sleep: impl FnMut() -> bool) {
    let mut tasks: Vec<_> = tasks.into_iter().map(|task| (task, Arc::new(Woken(AtomicBool::new(true))))).collect();
    while !tasks.is_empty() {
        let mut idle = true;
        tasks.retain_mut(|(task, woken)| {
            if !woken.0.swap(false, Ordering::Relaxed) {
                return true;
            }
            idle = false;
            let waker = Waker::from(woken.clone());
            task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
        });
        assert!(!idle || sleep(), "everybody waits, and nothing will ever happen");
    }
}

/// Runs one piece of work to its end.
///
/// # Panics
/// If it waits, and nothing will ever happen.
pub fn run<W: Future>(work: W, mut sleep: impl FnMut() -> bool) -> W::Output {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    let mut work = pin!(work);
    loop {
        if woken.0.swap(false, Ordering::Relaxed) {
            if let Poll::Ready(output) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
        } else {
            assert!(sleep(), "the work waits, and nothing will ever happen");
        }
    }
}

/// Polls so many times, and drops what is not done by then.
pub async fn drop_after<W: Future>(polls: usize, work: W) -> Option<W::Output> {
    let mut work = pin!(work);
    let mut rest = polls;
    std::future::poll_fn(|context| {
        if rest == 0 {
            return Poll::Ready(None);
        }
        rest -= 1;
        match work.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if rest == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Lets the others run.
pub async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if given {
            return Poll::Ready(());
        }
        given = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
