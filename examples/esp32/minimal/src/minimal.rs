//! Everything in one file: an ESP32-C3 asks a server for the weather, and says it over USB.
#![no_std]
#![no_main]

use core::cell::RefCell;

use embassy_executor::Spawner;
use embassy_net::{Config, Runner, StackResources};
use embassy_time::Timer;
use esp_backtrace as _;
use esp_hal::interrupt::software::SoftwareInterruptControl;
use esp_hal::{clock::CpuClock, ram, rng::Trng, timer::timg::TimerGroup};
use esp_radio::wifi::{self, ControllerConfig, Interface, sta::StationConfig};
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
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

esp_bootloader_esp_idf::esp_app_desc!();

#[embassy_executor::task]
async fn run_network(mut runner: Runner<'static, Interface<'static>>) {
    runner.run().await;
}

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    esp_println::logger::init_logger(log::LevelFilter::Info);
    let chip = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    // The heap is the radio's; the first part is what the boot loader had.
    esp_alloc::heap_allocator!(#[ram(reclaimed)] size: 64 * 1024);
    esp_alloc::heap_allocator!(size: 36 * 1024);
    let interrupts = SoftwareInterruptControl::new(chip.SW_INTERRUPT);
    esp_rtos::start(TimerGroup::new(chip.TIMG0).timer0, interrupts.software_interrupt0);

    // The radio, and random numbers, which are true only while it is on.
    let (mut radio, interfaces) = wifi::new(chip.WIFI, ControllerConfig::default()).unwrap();
    let mut seed = [0; 32];
    Trng::try_new().unwrap().read(&mut seed);
    let random = RefCell::new(rand_chacha::ChaCha20Rng::from_seed(seed));

    // TCP/IP, with an address of DHCP; sockets: 2 TCP and 1 UDP of the pool, DHCP, DNS.
    static SOCKETS: StaticCell<StackResources<5>> = StaticCell::new();
    let (config, sockets) = (Config::dhcpv4(Default::default()), SOCKETS.init_with(StackResources::new));
    let (stack, runner) = embassy_net::new(interfaces.station, config, sockets, random.borrow_mut().next_u64());
    spawner.spawn(run_network(runner).unwrap());
    let station = StationConfig::default().with_ssid(SSID).with_password(PASSPHRASE.into());
    radio.set_config(&wifi::Config::Station(station)).unwrap();
    while let Err(error) = radio.connect_async().await {
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
