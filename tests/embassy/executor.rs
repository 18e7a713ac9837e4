//! Tasks, each polled only when it was woken, on a clock that jumps to the next alarm when all of them wait.

use core::{
    cell::{Cell, RefCell},
    future::Future,
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

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Work that runs beside others.
pub struct Task {
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
