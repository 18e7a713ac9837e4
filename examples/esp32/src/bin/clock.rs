//! The date from two time servers, and what it is for.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use embassy_executor::Spawner;
use socketpool_apps::{Schedule, clock};
use station::{TIME_SERVERS, setting};

/// Any server whose certificate can be checked.
const URL: &str = setting(option_env!("CLOCK_URL"), "https://www.example.com/");

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let mut board = board::start(spawner).await;
    let numbers = board.random;
    let random = || numbers.next_u32();
    let schedule = Schedule::every(Duration::from_secs(3600), &random);
    clock::run(board.pool, board.tls, board.clock, TIME_SERVERS, URL, &mut board.random, schedule).await;
}
