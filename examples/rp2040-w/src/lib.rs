//! The hardware of a Pico W or Pico 2 W, made into a [`Board`] on the network.
//!
//! The wiring between chip and radio is the same on both; what differs is the chip and with it where its
//! random numbers come from. One of the features `pico-w` (the default) and `pico2-w` says which one it is.
#![no_std]
#![deny(unsafe_code)]
#![warn(missing_docs, unreachable_pub, rust_2018_idioms)]

#[cfg(all(feature = "pico-w", feature = "pico2-w"))]
compile_error!("a board is either of them: for a Pico 2 W use --no-default-features --features pico2-w");

#[cfg(feature = "pico-w")]
#[path = "entropy/ring_oscillator.rs"]
mod entropy;
#[cfg(feature = "pico2-w")]
#[path = "entropy/generator.rs"]
mod entropy;
mod nvram;
mod radio;
#[cfg(feature = "pico-w")]
pub mod sleep;
#[cfg(feature = "pico-w")]
pub mod slots;

use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_net::StackResources;
use embassy_rp::{
    Peri,
    peripherals::{FLASH, WATCHDOG},
};
use panic_probe as _;
use static_cell::StaticCell;
use station::{Board, STACK_SOCKETS, link::Link};

/// Starts the radio, joins the Wi-Fi network and waits for an address, as long as it takes.
pub async fn start(spawner: Spawner) -> Board {
    start_with(spawner, |_, _| ()).await.1
}

/// The same, for a program that uses more of the chip. `first` gets it, and runs before the radio does.
pub async fn start_with<T>(
    spawner: Spawner,
    first: impl FnOnce(Peri<'static, FLASH>, Peri<'static, WATCHDOG>) -> T,
) -> (T, Board) {
    embassy_rp::install_core0_stack_guard().expect("nobody else uses the MPU");
    let chip = embassy_rp::init(Default::default());
    let first = first(chip.FLASH, chip.WATCHDOG);
    #[cfg(feature = "pico-w")]
    let random = entropy::seed().await;
    #[cfg(feature = "pico2-w")]
    let random = entropy::seed(chip.TRNG).await;

    let pins = radio::Pins { power: chip.PIN_23, data: chip.PIN_24, select: chip.PIN_25, clock: chip.PIN_29 };
    let (device, radio) = radio::start(spawner, pins, chip.PIO0, chip.DMA_CH0).await;

    static RESOURCES: StaticCell<StackResources<STACK_SOCKETS>> = StaticCell::new();
    let config = embassy_net::Config::dhcpv4(Default::default());
    let (stack, runner) = embassy_net::new(device, config, RESOURCES.init_with(StackResources::new), random.next_u64());
    spawner.spawn(run_stack(runner).expect("it is started once"));

    let mut link = Link::new(radio, stack);
    link.up().await;
    spawner.spawn(keep_link(link).expect("it is started once"));
    (first, Board::new(stack, random))
}

#[embassy_executor::task]
async fn run_stack(mut runner: embassy_net::Runner<'static, cyw43::NetDriver<'static>>) -> ! {
    runner.run().await
}

#[embassy_executor::task]
async fn keep_link(link: Link<radio::Radio>) -> ! {
    link.keep().await
}
