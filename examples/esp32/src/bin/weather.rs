//! The weather of two cities, every ten minutes.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use embassy_executor::Spawner;
use socketpool_apps::{Schedule, weather};
use station::setting;

/// Answers with JSON, `{"celsius": 7.5}`.
const URL: &str = setting(option_env!("WEATHER_URL"), "https://api.example.com/weather");

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let board = board::start(spawner).await;
    board.set_clock().await;
    let random = || board.random.next_u32();
    let schedule = Schedule::every(Duration::from_secs(600), &random);
    weather::run(board.pool, board.tls, URL, schedule).await;
}
