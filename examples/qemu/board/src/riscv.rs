//! `virt`: a timer at 10 MHz that can be compared with, and a PLIC for the interrupts of virtio.

use core::cell::Cell;

use critical_section::Mutex;
pub use riscv_rt::entry;

/// The interrupts of the eight virtio slots are the first ones.
const NETWORK_IRQ: u32 = 1;
const SLOTS: u32 = 8;

/// Nanoseconds per tick.
const TICK: u64 = 100;

const COMPARE: *mut u32 = 0x0200_4000 as *mut u32;
const TIME: *const u32 = 0x0200_BFF8 as *const u32;
const PLIC_PRIORITY: *mut u32 = 0x0C00_0000 as *mut u32;
const PLIC_ENABLE: *mut u32 = 0x0C00_2000 as *mut u32;
const PLIC_THRESHOLD: *mut u32 = 0x0C20_0000 as *mut u32;
const PLIC_CLAIM: *mut u32 = 0x0C20_0004 as *mut u32;

/// What the timer said first: it runs already while QEMU starts.
static START: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

pub(crate) fn init() {
    critical_section::with(|cs| START.borrow(cs).set(ticks()));
    set_alarm(u64::MAX);
    // SAFETY: registers that only this file uses. Interrupts stay masked; an enabled one only wakes the processor.
    unsafe {
        for irq in NETWORK_IRQ..NETWORK_IRQ + SLOTS {
            PLIC_PRIORITY.add(irq as usize).write_volatile(1);
        }
        PLIC_ENABLE.write_volatile(((1 << SLOTS) - 1) << NETWORK_IRQ);
        PLIC_THRESHOLD.write_volatile(0);
        riscv::register::mie::set_mtimer();
        riscv::register::mie::set_mext();
    }
}

fn start() -> u64 {
    critical_section::with(|cs| START.borrow(cs).get())
}

fn ticks() -> u64 {
    // SAFETY: a register that can only be read.
    let read = |word| u64::from(unsafe { TIME.add(word).read_volatile() });
    loop {
        let (high, low) = (read(1), read(0));
        if read(1) == high {
            return high << 32 | low;
        }
    }
}

pub(crate) fn nanoseconds() -> u64 {
    (ticks() - start()) * TICK
}

/// An interrupt at this time.
pub(crate) fn set_alarm(at: u64) {
    let ticks = at.div_ceil(TICK).saturating_add(start());
    // SAFETY: registers that only this file uses. The high word goes to the end of time first, so that no alarm rings
    // half-way.
    unsafe {
        COMPARE.add(1).write_volatile(u32::MAX);
        COMPARE.write_volatile(ticks as u32);
        COMPARE.add(1).write_volatile((ticks >> 32) as u32);
    }
}

/// An interrupt that is enabled wakes the processor although it is masked.
pub(crate) fn wait_for_interrupt() {
    riscv::asm::wfi();
    set_alarm(u64::MAX);
    // SAFETY: registers that only this file uses.
    unsafe {
        let irq = PLIC_CLAIM.read_volatile();
        if irq != 0 {
            PLIC_CLAIM.write_volatile(irq);
        }
    }
}
