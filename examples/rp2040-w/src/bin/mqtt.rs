//! Readings over a connection that lasts, every minute, and what others tell this node to do.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use embassy_executor::Spawner;
use socketpool_apps::{
    Schedule,
    mqtt::{self, Broker},
};
use station::{number, setting};

/// Speaks MQTT 5 over TLS, on port 8883.
const HOST: &str = setting(option_env!("MQTT_HOST"), "broker.example.com");

/// What this node is called.
const NAME: &str = setting(option_env!("MQTT_NAME"), "pico");

const EVERY: Duration = Duration::from_secs(number(option_env!("MQTT_SECONDS"), 60) as u64);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let board = board::start(spawner).await;
    board.set_clock().await;
    let random = || board.random.next_u32();
    let broker = Broker { host: HOST, port: 8883, name: NAME };
    mqtt::run(board.pool, board.tls, broker, sensor, |_| (), Schedule::every(EVERY, &random)).await;
}

/// The place of your sensor: degrees Celsius.
fn sensor() -> f32 {
    21.5
}
