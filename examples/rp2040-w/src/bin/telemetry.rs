//! Readings to a server, every minute.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use embassy_executor::Spawner;
use socketpool_apps::{Schedule, telemetry};
use station::setting;

/// Takes JSON.
const URL: &str = setting(option_env!("TELEMETRY_URL"), "https://api.example.com/telemetry");

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let board = board::start(spawner).await;
    board.set_clock().await;
    let random = || board.random.next_u32();
    let schedule = Schedule::every(Duration::from_secs(60), &random);
    telemetry::run(board.pool, board.tls, URL, sensor, schedule).await;
}

/// The place of your sensor: degrees Celsius.
fn sensor() -> f32 {
    21.5
}
