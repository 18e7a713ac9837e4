//! Tasks, each polled only when it was woken, on a clock that jumps to the next alarm when all of them wait.

use core::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
};
use std::{sync::Arc, task::Wake};

thread_local! {
    /// Each test has a thread, and so a time, of its own.
    static NOW: Cell<u64> = const { Cell::new(0) };
    static ALARMS: RefCell<Vec<(u64, Waker)>> = const { RefCell::new(Vec::new()) };
}

struct Clock;

impl embassy_time_driver::Driver for Clock {
    fn now(&self) -> u64 {
        NOW.get()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        ALARMS.with_borrow_mut(|alarms| {
            if !alarms.iter().any(|(other, owner)| *other == at && owner.will_wake(waker)) {
                alarms.push((at, waker.clone()));
            }
        });
    }
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock);

/// Jumps to the next alarm. False if there is none.
fn sleep() -> bool {
    let Some(next) = ALARMS.with_borrow(|alarms| alarms.iter().map(|(at, _)| *at).min()) else { return false };
    NOW.set(next.max(NOW.get()));
    let due = ALARMS.with_borrow_mut(|alarms| {
        let (due, rest) = core::mem::take(alarms).into_iter().partition(|(at, _)| *at <= NOW.get());
        *alarms = rest;
        due
    });
    let due: Vec<(u64, Waker)> = due;
    due.into_iter().for_each(|(_, waker)| waker.wake());
    true
}

/// Does both in one task.
pub async fn zip<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut a_output, mut b_output) = (None, None);
    poll_fn(|context| {
        if a_output.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(context)
        {
            a_output = Some(output);
        }
        if b_output.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(context)
        {
            b_output = Some(output);
        }
        if a_output.is_some() && b_output.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (a_output.unwrap(), b_output.unwrap())
}

/// Polls so many times, and drops what is not done by then.
pub async fn drop_after<W: Future>(polls: usize, work: W) -> Option<W::Output> {
    let mut work = pin!(work);
    let mut rest = polls;
    poll_fn(|context| {
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

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Work that runs beside others.
struct Task {
    work: Pin<Box<dyn Future<Output = ()>>>,
    woken: Arc<Woken>,
}

/// What runs in the background.
#[derive(Default)]
pub struct Tasks(Vec<Task>);

impl Tasks {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds work, whatever it gives.
    pub fn spawn<T>(&mut self, work: impl Future<Output = T> + 'static) {
        let work = Box::pin(async move {
            work.await;
        });
        self.0.push(Task { work, woken: Arc::new(Woken(AtomicBool::new(true))) });
    }

    /// Runs everything until `main` is done.
    pub fn run<T>(&mut self, main: impl Future<Output = T>) -> T {
        let mut main = pin!(main);
        let main_woken = Arc::new(Woken(AtomicBool::new(true)));
        loop {
            let mut idle = true;
            if main_woken.0.swap(false, Ordering::Relaxed) {
                idle = false;
                if let Poll::Ready(output) = main.as_mut().poll(&mut context(&Waker::from(main_woken.clone()))) {
                    return output;
                }
            }
            self.0.retain_mut(|task| {
                if !task.woken.0.swap(false, Ordering::Relaxed) {
                    return true;
                }
                idle = false;
                task.work.as_mut().poll(&mut context(&Waker::from(task.woken.clone()))).is_pending()
            });
            assert!(!idle || sleep(), "everybody waits, and nothing will ever happen");
        }
    }
}

fn context(waker: &Waker) -> Context<'_> {
    Context::from_waker(waker)
}
