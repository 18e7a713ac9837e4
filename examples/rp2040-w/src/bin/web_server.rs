//! A small page for browsers, at `http://` and the address that the log shows.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use embassy_executor::Spawner;
use socketpool_apps::{Schedule, web_server};

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let board = board::start(spawner).await;
    let random = || board.random.next_u32();
    let schedule = Schedule::every(Duration::ZERO, &random);
    web_server::run(board.pool, 80, "Pico W", schedule).await;
}
