//! Everything in one file: a Pico W asks a server for the weather, and says it over USB.
#![no_std]
#![no_main]

#[path = "../../src/nvram.rs"] // what the radio has to know about its module
mod nvram;

use core::cell::RefCell;

use cyw43::{A4, Aligned, JoinOptions, NetDriver, SpiBus, State};
use cyw43_firmware::{CYW43_43439A0, CYW43_43439A0_CLM};
use cyw43_pio::{DEFAULT_CLOCK_DIVIDER, PioSpi};
use embassy_executor::Spawner;
use embassy_net::{Config, Runner, StackResources};
use embassy_rp::gpio::{Level, Output};
use embassy_rp::peripherals::{DMA_CH0, PIO0, USB};
use embassy_rp::{bind_interrupts, clocks::RoscRng, dma, pio, usb};
use embassy_time::Timer;
use panic_halt as _;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sha2::Digest as _;
use socketpool::embassy::{Network, NetworkResources};
use socketpool::tls::{TlsContext, WallClock};
use socketpool::{Resources, SocketPool, requests::Session, time::EmbassyTimer};
use static_cell::{ConstStaticCell, StaticCell};

const SSID: &str = env!("WIFI_SSID");
const PASSPHRASE: &str = env!("WIFI_PASSWORD");
const URL: &str = "https://api.open-meteo.com/v1/forecast?latitude=52.1&longitude=5.1&current=temperature_2m";

#[derive(serde::Deserialize)]
struct Weather {
    current: Current,
}

#[derive(serde::Deserialize)]
struct Current {
    temperature_2m: f32,
}

bind_interrupts!(struct Interrupts {
    PIO0_IRQ_0 => pio::InterruptHandler<PIO0>;
    DMA_IRQ_0 => dma::InterruptHandler<DMA_CH0>;
    USBCTRL_IRQ => usb::InterruptHandler<USB>;
});

static FIRMWARE: Aligned<A4, [u8; CYW43_43439A0.len()]> = Aligned(*CYW43_43439A0);

#[embassy_executor::task]
async fn log_over_usb(driver: usb::Driver<'static, USB>) {
    embassy_usb_logger::run!(1024, log::LevelFilter::Info, driver);
}

#[embassy_executor::task]
async fn run_radio(runner: cyw43::Runner<'static, SpiBus<Output<'static>, PioSpi<'static, PIO0, 0>>>) {
    runner.run().await;
}

#[embassy_executor::task]
async fn run_network(mut runner: Runner<'static, NetDriver<'static>>) {
    runner.run().await;
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let chip = embassy_rp::init(Default::default());
    spawner.spawn(log_over_usb(usb::Driver::new(chip.USB, Interrupts)).unwrap());

    // The radio, behind an SPI that a PIO block speaks.
    let (power, select) = (Output::new(chip.PIN_23, Level::Low), Output::new(chip.PIN_25, Level::High));
    let (mut pio, dma) = (pio::Pio::new(chip.PIO0, Interrupts), dma::Channel::new(chip.DMA_CH0, Interrupts));
    let (data, clock) = (chip.PIN_24, chip.PIN_29);
    let spi = PioSpi::new(&mut pio.common, pio.sm0, DEFAULT_CLOCK_DIVIDER, pio.irq0, select, data, clock, dma);
    static STATE: StaticCell<State> = StaticCell::new();
    let state = STATE.init_with(State::new);
    let (device, mut radio, runner) = cyw43::new(state, power, spi, &FIRMWARE, &nvram::NVRAM).await;
    spawner.spawn(run_radio(runner).unwrap());
    radio.init(CYW43_43439A0_CLM).await;

    // Random numbers: 32,768 weak bits make one strong seed (rp2040-w/src/entropy says what that is worth).
    let mut raw = [0; 4096];
    RoscRng.fill_bytes(&mut raw);
    let random = RefCell::new(rand_chacha::ChaCha20Rng::from_seed(sha2::Sha256::digest(raw).into()));

    // TCP/IP, with an address of DHCP; sockets: 2 TCP and 1 UDP of the pool, DHCP, DNS.
    static SOCKETS: StaticCell<StackResources<5>> = StaticCell::new();
    let (config, sockets) = (Config::dhcpv4(Default::default()), SOCKETS.init_with(StackResources::new));
    let (stack, runner) = embassy_net::new(device, config, sockets, random.borrow_mut().next_u64());
    spawner.spawn(run_network(runner).unwrap());
    while let Err(error) = radio.join(SSID, JoinOptions::new(PASSPHRASE.as_bytes())).await {
        log::warn!("Wi-Fi: {error:?}");
        Timer::after_secs(5).await;
    }
    stack.wait_config_up().await;

    // The pool, with memory for 2 sockets of which 1 speaks TLS; the date; whom to trust: Mozilla's roots.
    static BUFFERS: ConstStaticCell<NetworkResources<2, 1, 4096, 2048, 512>> =
        ConstStaticCell::new(NetworkResources::new());
    static MEMORY: ConstStaticCell<Resources<2, 1>> = ConstStaticCell::new(Resources::new());
    let mut network = Network::new(stack, BUFFERS.take());
    let pool = SocketPool::new(&mut network, MEMORY.take());
    let (clock, mut numbers) = (WallClock::new(EmbassyTimer), |bytes: &mut [u8]| random.borrow_mut().fill_bytes(bytes));
    while let Err(error) = pool.sync_time(&clock, ["time.cloudflare.com", "time.google.com"], &mut numbers).await {
        log::warn!("clock: {error}");
        Timer::after_secs(5).await;
    }
    let tls = TlsContext::new(numbers, &clock);
    let http = Session::new(&pool, &tls);

    loop {
        let weather: socketpool::Result<Weather> =
            async { http.get(URL).send().await?.error_for_status()?.json(&mut [0; 1024]).await }.await;
        match weather {
            Ok(weather) => log::info!("{} degrees", weather.current.temperature_2m),
            Err(error) => log::warn!("{error}"),
        }
        Timer::after_secs(60).await;
    }
}
