//! How much of the stack was ever used: it is painted at the start, and what lost its paint was used.

/// What is left alone below the stack pointer while painting: functions called meanwhile.
const MARGIN: usize = 256;
const PAINT: u32 = 0xDEAD_BEEF;

unsafe extern "C" {
    /// Where the stack begins, from the linker. It grows downwards.
    static _stack_start: u32;
    /// Where the statics end, and the stack would have no more room.
    static __ebss: u32;
}

fn begin() -> usize {
    (&raw const _stack_start).addr()
}

fn end() -> usize {
    (&raw const __ebss).addr().next_multiple_of(4)
}

/// Paints the stack anew, and says how much of it is in use now.
///
/// Not inlined: what lies below its own stack pointer is nobody's.
#[inline(never)]
pub fn paint() -> usize {
    for address in (end()..stack_pointer() - MARGIN).step_by(4) {
        // SAFETY: there is nothing between the statics and the stack pointer.
        unsafe { (address as *mut u32).write_volatile(PAINT) };
    }
    begin() - stack_pointer()
}

fn stack_pointer() -> usize {
    let address: usize;
    // SAFETY: reads a register.
    unsafe {
        #[cfg(target_arch = "arm")]
        core::arch::asm!("mov {}, sp", out(reg) address, options(nomem, nostack));
        #[cfg(target_arch = "riscv32")]
        core::arch::asm!("mv {}, sp", out(reg) address, options(nomem, nostack));
    }
    address
}

/// The most bytes of stack that were in use since they were painted.
#[must_use]
pub fn used() -> usize {
    // SAFETY: these words are RAM, painted or in use.
    let is_painted = |address: &usize| unsafe { (*address as *const u32).read_volatile() } == PAINT;
    begin() - (end()..begin()).step_by(4).find(|address| !is_painted(address)).unwrap_or(begin())
}
