//! `mps2-an385`: two CMSDK timers at 25 MHz. One counts for ever, the other is the alarm.

use core::cell::Cell;

use cortex_m::{interrupt::InterruptNumber, peripheral::NVIC};
pub use cortex_m_rt::entry;
use critical_section::Mutex;

/// The interrupt of the LAN9118.
const NETWORK_IRQ: u16 = 13;
const COUNTER_IRQ: u16 = 8;
const ALARM_IRQ: u16 = 9;

/// Nanoseconds per tick.
const TICK: u64 = 40;

#[repr(C)]
struct Timer {
    control: u32,
    value: u32,
    reload: u32,
    interrupt: u32,
}

const COUNTER: *mut Timer = 0x4000_0000 as *mut Timer;
const ALARM: *mut Timer = 0x4000_1000 as *mut Timer;
const ENABLED: u32 = 1;
const INTERRUPTS: u32 = 8;

/// Ticks up to the last look at the counter, which has 32 bits: it comes round every 171 seconds, and interrupts then.
static TICKS: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

#[derive(Clone, Copy)]
struct Irq(u16);

// SAFETY: the numbers above are those of the board.
unsafe impl InterruptNumber for Irq {
    fn number(self) -> u16 {
        self.0
    }
}

macro_rules! write {
    ($register:expr, $value:expr) => {
        // SAFETY: a register of a timer that only this file uses.
        unsafe { (&raw mut $register).write_volatile($value) }
    };
}

pub(crate) fn init() {
    cortex_m::interrupt::disable();
    write!((*COUNTER).reload, u32::MAX);
    write!((*COUNTER).value, u32::MAX);
    write!((*COUNTER).control, ENABLED | INTERRUPTS);
    for irq in [COUNTER_IRQ, ALARM_IRQ, NETWORK_IRQ] {
        // SAFETY: interrupts stay masked; an enabled one only wakes the processor.
        unsafe { NVIC::unmask(Irq(irq)) };
    }
}

pub(crate) fn nanoseconds() -> u64 {
    critical_section::with(|cs| {
        let ticks = TICKS.borrow(cs);
        // SAFETY: as above.
        let low = !unsafe { (&raw const (*COUNTER).value).read_volatile() };
        let passed = low.wrapping_sub(ticks.get() as u32);
        ticks.set(ticks.get() + u64::from(passed));
        ticks.get() * TICK
    })
}

/// An interrupt at this time, or as late as the timer can and before it.
pub(crate) fn set_alarm(at: u64) {
    let ticks = at.saturating_sub(nanoseconds()).div_ceil(TICK).max(1);
    write!((*ALARM).value, u32::try_from(ticks).unwrap_or(u32::MAX));
    write!((*ALARM).control, ENABLED | INTERRUPTS);
}

/// An interrupt that is enabled wakes the processor although it is masked.
pub(crate) fn wait_for_interrupt() {
    cortex_m::asm::wfi();
    write!((*COUNTER).interrupt, 1);
    write!((*ALARM).interrupt, 1);
    for irq in [COUNTER_IRQ, ALARM_IRQ, NETWORK_IRQ] {
        // One whose cause is still there is pending again at once.
        NVIC::unpend(Irq(irq));
    }
}
