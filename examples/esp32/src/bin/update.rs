//! New firmware, once an hour, if there is any.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use board::slots::Slots;
use embassy_executor::Spawner;
use socketpool_apps::{
    Schedule,
    update::{self, Source, key},
};
use station::{number, setting};

/// A signed update.
const URL: &str = setting(option_env!("UPDATE_URL"), "https://api.example.com/firmware");

/// The public key of its author. With this one, nobody's signature is valid.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const KEY: [u8; 32] = key(setting(option_env!("UPDATE_KEY"), NOBODY)).expect("UPDATE_KEY: 64 hexadecimal digits");

/// What this program is.
const VERSION: u32 = number(option_env!("UPDATE_VERSION"), 1);

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let (slots, board) = board::start_with(spawner, |flash, _| Slots::new(flash)).await;
    let mut slots = slots.expect("the partitions of partitions.csv");
    board.set_clock().await;
    let random = || board.random.next_u32();
    let schedule = Schedule::every(Duration::from_secs(3600), &random);
    update::run(board.pool, board.tls, Source { url: URL, key: &KEY, version: VERSION }, &mut slots, schedule).await;
}
