//! The weather, on a Pico W.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use board::Board;
use embassy_executor::Spawner;
use socketpool::{
    Resources, SocketPool,
    requests::Session,
    tls::{TlsContext, WallClock},
};
use static_cell::StaticCell;
use station::network::{SOCKETS, Ticks};

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    static BOARD: StaticCell<Board> = StaticCell::new();
    static MEMORY: StaticCell<Resources<SOCKETS, 1>> = StaticCell::new();
    let board = BOARD.init(board::start(spawner).await);
    let pool = SocketPool::new(&mut board.network, MEMORY.init_with(Resources::new));
    let clock = WallClock::new(Ticks);
    let tls = TlsContext::new(board.random, &clock);
    let http = Session::new(&pool, &tls);
    let mut buffer = [0; 256];
    loop {
        match http.get("https://api.example.com/now").query("city", "Utrecht").send().await {
            Ok(mut response) => match response.json::<f32>(&mut buffer).await {
                Ok(celsius) => defmt::info!("{} degrees", celsius),
                Err(error) => defmt::warn!("weather: {}", error),
            },
            Err(error) => defmt::warn!("weather: {}", error),
        }
        embassy_time::Timer::after_secs(60).await;
    }
}
