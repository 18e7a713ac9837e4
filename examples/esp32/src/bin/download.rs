//! A large body in small pieces, once an hour.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use embassy_executor::Spawner;
use socketpool_apps::{Schedule, download};
use station::setting;

/// Any size.
const URL: &str = setting(option_env!("DOWNLOAD_URL"), "https://api.example.com/firmware.bin");

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let board = board::start(spawner).await;
    board.set_clock().await;
    let random = || board.random.next_u32();
    let schedule = Schedule::every(Duration::from_secs(3600), &random);
    download::run(board.pool, board.tls, URL, schedule).await;
}
