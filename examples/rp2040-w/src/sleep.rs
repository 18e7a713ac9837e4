//! Sleep that ends in a restart, and memory that both leave alone.
//!
//! The chip's deepest state, DORMANT, stops its oscillators, and a Pico W has no other clock that could end it after a while.
//! So this is SLEEP (RP2040 datasheet §2.11.2): the radio has no power, the PLLs are off, and while the processor waits
//! nothing has a clock but the timer, from the crystal. Then the watchdog restarts the chip, which sets all of that up anew.
//!
//! A restart by the watchdog does not touch what is in RAM, and the start-up code neither fills nor clears the section
//! `.uninit`. When the power comes on there are random bytes in it: what is kept has a checksum.
#![allow(unsafe_code, reason = "a section for the linker, and a register of the processor that embassy-rp has taken")]

use core::{
    future::poll_fn,
    pin::pin,
    sync::atomic::{AtomicU8, Ordering::Relaxed},
    task::Poll,
};

use cortex_m::asm;
use embassy_rp::pac::{CLOCKS, PLL_SYS, PLL_USB, PSM, SIO, WATCHDOG, clocks, psm};
use embassy_time::{Duration, Timer};
use socketpool_apps::sensor::MEMORY_LEN;

// SAFETY: nothing else lies in this section, and an `AtomicU8` may have any value.
#[unsafe(link_section = ".uninit.memory")]
static MEMORY: [AtomicU8; MEMORY_LEN] = [const { AtomicU8::new(0) }; MEMORY_LEN];

/// The pin that gives the radio its power.
const RADIO_POWER: usize = 23;

/// What the watchdog restarts: everything but the two oscillators.
const ALL_BUT_OSCILLATORS: u32 = 0x1_fffc;

/// What was kept before the restart; anything, if the power was off.
#[must_use]
pub fn memory() -> [u8; MEMORY_LEN] {
    core::array::from_fn(|index| MEMORY[index].load(Relaxed))
}

/// Keeps these bytes until the power goes off.
pub fn keep(bytes: &[u8; MEMORY_LEN]) {
    for (place, byte) in MEMORY.iter().zip(bytes) {
        place.store(*byte, Relaxed);
    }
}

/// Sleeps, and restarts. No other task runs any more.
pub async fn sleep(duration: Duration) -> ! {
    SIO.gpio_out(0).value_clr().write_value(1 << RADIO_POWER);
    // From the PLL to the crystal, which the timer counts by already.
    CLOCKS.clk_sys_ctrl().modify(|w| w.set_src(clocks::vals::ClkSysCtrlSrc::CLK_REF));
    while CLOCKS.clk_sys_selected().read() != 1 {}
    for pll in [PLL_SYS, PLL_USB] {
        pll.pwr().modify(|w| {
            w.set_pd(true);
            w.set_vcopd(true);
        });
    }
    CLOCKS.sleep_en0().write_value(clocks::regs::SleepEn0(0));
    CLOCKS.sleep_en1().write(|w| {
        w.set_clk_sys_timer(true);
        w.set_clk_sys_watchdog(true); // the timer's tick is made there
    });
    // SAFETY: nothing runs any more that uses this register.
    unsafe { cortex_m::Peripherals::steal() }.SCB.set_sleepdeep();
    let mut timer = pin!(Timer::after(duration));
    poll_fn(|context| {
        while timer.as_mut().poll(context).is_pending() {
            asm::wfe();
        }
        Poll::Ready(())
    })
    .await;
    PSM.wdsel().write_value(psm::regs::Wdsel(ALL_BUT_OSCILLATORS));
    WATCHDOG.ctrl().write(|w| w.set_trigger(true));
    loop {
        asm::nop();
    }
}
