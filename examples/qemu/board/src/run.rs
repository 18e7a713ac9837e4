//! An executor for one future, the clock it waits by, and the time driver of embassy.

use core::{
    cell::Cell,
    future::Future,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
};

use critical_section::Mutex;
use embassy_time_driver::{Driver, time_driver_impl};

use crate::arch;

/// Whether somebody said that there is something to do.
static WOKEN: AtomicBool = AtomicBool::new(false);

/// How long the processor slept so far.
static SLEPT: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

/// When to wake up, in nanoseconds.
static ALARM: Mutex<Cell<u64>> = Mutex::new(Cell::new(u64::MAX));

const VTABLE: RawWakerVTable = RawWakerVTable::new(|_| WAKER, |_| wake(), |_| wake(), |_| ());
const WAKER: RawWaker = RawWaker::new(core::ptr::null(), &VTABLE);

fn wake() {
    WOKEN.store(true, Ordering::Relaxed);
}

/// Runs a future to its end. After every interrupt it is polled from the top.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    // SAFETY: the functions of the table do not look at the data.
    let waker = unsafe { Waker::from_raw(WAKER) };
    let mut context = Context::from_waker(&waker);
    loop {
        WOKEN.store(false, Ordering::Relaxed);
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        if !WOKEN.load(Ordering::Relaxed) {
            sleep();
        }
    }
}

/// Sleeps until there is an interrupt.
fn sleep() {
    let before = nanoseconds();
    arch::wait_for_interrupt();
    critical_section::with(|cs| {
        let (slept, alarm) = (SLEPT.borrow(cs), ALARM.borrow(cs));
        slept.set(slept.get() + nanoseconds() - before);
        // Whoever still waits sets the alarm anew when it is polled.
        alarm.set(u64::MAX);
    });
}

/// Nanoseconds since [`init`](crate::init).
#[must_use]
pub fn nanoseconds() -> u64 {
    arch::nanoseconds()
}

/// Instructions executed since [`init`](crate::init), under `-icount shift=0`. Exact to about a hundred.
#[must_use]
pub fn instructions() -> u64 {
    nanoseconds() - critical_section::with(|cs| SLEPT.borrow(cs).get())
}

struct Time;

time_driver_impl!(static TIME: Time = Time);

impl Driver for Time {
    fn now(&self) -> u64 {
        nanoseconds() / 1000
    }

    fn schedule_wake(&self, at: u64, _: &Waker) {
        critical_section::with(|cs| {
            let alarm = ALARM.borrow(cs);
            let at = at.saturating_mul(1000);
            if at < alarm.get() {
                alarm.set(at);
                arch::set_alarm(at);
            }
        });
    }
}
