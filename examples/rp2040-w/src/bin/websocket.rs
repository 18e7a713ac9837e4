//! A reading over a WebSocket, every minute, and what the server says to it.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use embassy_executor::Spawner;
use socketpool_apps::{Schedule, websocket};
use station::setting;

/// A server for `wss://HOST/readings`.
const HOST: &str = setting(option_env!("WEBSOCKET_HOST"), "ws.example.com");

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let board = board::start(spawner).await;
    board.set_clock().await;
    let random = || board.random.next_u32();
    let schedule = Schedule::every(Duration::from_secs(60), &random);
    websocket::run(board.pool, board.tls, (HOST, 443, "/readings"), &random, sensor, schedule).await;
}

/// The place of your sensor: degrees Celsius.
fn sensor() -> f32 {
    21.5
}
