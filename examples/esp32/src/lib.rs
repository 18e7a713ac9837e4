//! The hardware of an ESP32-C3 or ESP32-C6, made into a [`Board`] on the network. One of the features of these names says
//! which one it is.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, rust_2018_idioms)]

mod radio;
pub mod slots;

use embassy_executor::Spawner;
use embassy_net::StackResources;
use esp_backtrace as _;
use esp_hal::{
    clock::CpuClock,
    interrupt::software::SoftwareInterruptControl,
    peripherals::{FLASH, LPWR},
    ram,
    rng::Trng,
    timer::timg::TimerGroup,
};
use esp_println as _;
use static_cell::StaticCell;
use station::{
    Board, STACK_SOCKETS,
    link::Link,
    random::{Generator, RAW_LEN},
};

esp_bootloader_esp_idf::esp_app_desc!();

/// Starts the radio, joins the Wi-Fi network and waits for an address, as long as it takes.
pub async fn start(spawner: Spawner) -> Board {
    start_with(spawner, |_, _| ()).await.1
}

/// The same, for a program that uses the flash or sleeps. `first` gets what that takes, and runs before the radio does.
pub async fn start_with<T>(spawner: Spawner, first: impl FnOnce(FLASH<'static>, LPWR<'static>) -> T) -> (T, Board) {
    let chip = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    // The heap is the radio's; nothing else here uses one. The first part is what the boot loader had.
    esp_alloc::heap_allocator!(#[ram(reclaimed)] size: 64 * 1024);
    esp_alloc::heap_allocator!(size: 36 * 1024);
    let interrupts = SoftwareInterruptControl::new(chip.SW_INTERRUPT);
    esp_rtos::start(TimerGroup::new(chip.TIMG0).timer0, interrupts.software_interrupt0);
    let first = first(chip.FLASH, chip.LPWR);

    let (device, radio) = radio::start(chip.WIFI);
    let random = seed();

    static RESOURCES: StaticCell<StackResources<STACK_SOCKETS>> = StaticCell::new();
    let config = embassy_net::Config::dhcpv4(Default::default());
    let (stack, runner) = embassy_net::new(device, config, RESOURCES.init_with(StackResources::new), random.next_u64());
    spawner.spawn(run_stack(runner).expect("it is started once"));

    let mut link = Link::new(radio, stack);
    link.up().await;
    spawner.spawn(keep_link(link).expect("it is started once"));
    (first, Board::new(stack, random))
}

/// The hardware's random numbers are true only while the radio (or the ADC) feeds it noise; without, they are a sequence
/// that can be foreseen. `Trng` exists only with it.
fn seed() -> Generator {
    let mut raw = [0; RAW_LEN];
    Trng::try_new().expect("the radio is on").read(&mut raw);
    Generator::seeded(&raw)
}

#[embassy_executor::task]
async fn run_stack(mut runner: embassy_net::Runner<'static, radio::Device>) -> ! {
    runner.run().await
}

#[embassy_executor::task]
async fn keep_link(link: Link<radio::Radio>) -> ! {
    link.keep().await
}
