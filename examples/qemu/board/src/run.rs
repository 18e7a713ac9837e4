//! An executor for two futures, the clock it waits by, and the time driver of embassy.

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

/// How long the processor slept so far.
static SLEPT: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

/// When to wake up, in nanoseconds.
static ALARM: Mutex<Cell<u64>> = Mutex::new(Cell::new(u64::MAX));

/// Whether somebody said that there is something to do.
struct Flag(AtomicBool);

impl Flag {
    const VTABLE: RawWakerVTable = RawWakerVTable::new(
        |flag| RawWaker::new(flag, &Self::VTABLE),
        // SAFETY: `waker`, which makes these, takes statics only.
        |flag| unsafe { &*flag.cast::<Self>() }.set(),
        |flag| unsafe { &*flag.cast::<Self>() }.set(),
        |_| (),
    );

    fn waker(&'static self) -> Waker {
        // SAFETY: the functions of the table fit the pointer.
        unsafe { Waker::new((&raw const *self).cast(), &Self::VTABLE) }
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Nothing interrupts, so this need not be one step.
    fn take(&self) -> bool {
        let was = self.is_set();
        self.0.store(false, Ordering::Relaxed);
        was
    }
}

/// Runs `work` to its end, and `background` beside it. Both are polled after every interrupt, and when they are woken: each
/// by a waker of its own, because whoever touches a socket wakes the network, which must not wake them in turn.
pub fn block_on<W: Future>(work: W, background: impl Future) -> W::Output {
    static WORK: Flag = Flag(AtomicBool::new(true));
    static BACKGROUND: Flag = Flag(AtomicBool::new(true));
    let (mut work, mut background) = (pin!(work), pin!(background));
    let (work_waker, background_waker) = (WORK.waker(), BACKGROUND.waker());
    loop {
        if BACKGROUND.take() {
            let _ = background.as_mut().poll(&mut Context::from_waker(&background_waker));
        }
        if WORK.take()
            && let Poll::Ready(output) = work.as_mut().poll(&mut Context::from_waker(&work_waker))
        {
            return output;
        }
        if !WORK.is_set() && !BACKGROUND.is_set() {
            sleep_until_interrupt();
            WORK.set();
            BACKGROUND.set();
        }
    }
}

/// Sleeps until there is an interrupt, or for so many nanoseconds.
pub fn sleep(at_most: u64) {
    set_alarm(nanoseconds().saturating_add(at_most));
    sleep_until_interrupt();
}

fn sleep_until_interrupt() {
    let before = nanoseconds();
    arch::wait_for_interrupt();
    critical_section::with(|cs| {
        let (slept, alarm) = (SLEPT.borrow(cs), ALARM.borrow(cs));
        slept.set(slept.get() + nanoseconds() - before);
        // Whoever still waits sets the alarm anew when it is polled.
        alarm.set(u64::MAX);
    });
}

/// An interrupt at this time, or before it.
fn set_alarm(at: u64) {
    critical_section::with(|cs| {
        let alarm = ALARM.borrow(cs);
        if at < alarm.get() {
            alarm.set(at);
            arch::set_alarm(at);
        }
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
        set_alarm(at.saturating_mul(1000));
    }
}
