//! Starts a program on the boards that QEMU emulates, and says what it cost.
//!
//! Two boards: `mps2-an385` (a Cortex-M3, here with programs for the Cortex-M0+) and `virt` (RISC-V, 32 bits). What is
//! different between them is in one file each. Settings, random numbers and the log come from and go to the machine
//! that runs QEMU, by semihosting.
//!
//! # How it waits
//! There are no interrupt handlers. [`block_on`] runs the work, and the network beside it; when there is nothing to do it
//! lets the processor sleep until an interrupt is pending: the alarm, or the network card. After every interrupt both are
//! polled again from the top, so neither the clock nor the driver of the card has to remember a waker.
//!
//! # How it measures
//! With `-icount shift=0` QEMU lets one nanosecond of its time pass per instruction, and the time that the processor
//! sleeps is known: [`instructions`] is the difference. The stack is painted at the start, and [`stack_used`] looks how
//! far the paint is gone.
#![no_std]
#![warn(missing_docs)]

#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv.rs")]
mod arch;
mod run;
mod semihost;
mod stack;

pub use self::{
    arch::entry,
    run::{block_on, instructions, nanoseconds, sleep},
    semihost::{arguments, exit, random, read_file},
    stack::{paint as paint_stack, used as stack_used},
};

/// Paints the stack, starts the clock and the log. To be called once, first of all.
pub fn init() {
    stack::paint();
    arch::init();
    semihost::init_log();
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    log::error!("{info}");
    exit(1)
}
