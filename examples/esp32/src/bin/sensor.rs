//! A reading to a server every ten minutes, and deep sleep in between.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use embassy_executor::Spawner;
use embassy_time::with_timeout;
use esp_hal::{
    ram,
    rtc_cntl::{Rtc, sleep::TimerWakeupSource},
};
use portable_atomic::{AtomicU8, Ordering::Relaxed};
use socketpool_apps::{
    Schedule,
    sensor::{self, Kept, LEN},
};
use station::setting;

/// Takes JSON.
const URL: &str = setting(option_env!("SENSOR_URL"), "https://api.example.com/telemetry");

const SLEEP: Duration = Duration::from_secs(600);

/// The longest that it is awake, for a network, the date and the request.
const AWAKE: embassy_time::Duration = embassy_time::Duration::from_secs(60);

/// In memory that deep sleep leaves alone.
#[ram(unstable(rtc_fast, persistent))]
static KEPT: [AtomicU8; LEN] = [const { AtomicU8::new(0) }; LEN];

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let mut kept = Kept::from_bytes(&core::array::from_fn(|index| KEPT[index].load(Relaxed)));
    kept.take(read());
    let mut clock = None;
    let work = async {
        let (_, board) = board::start_with(spawner, |_, low_power| clock = Some(Rtc::new(low_power))).await;
        board.set_clock().await;
        let random = || board.random.next_u32();
        let schedule = Schedule::every(SLEEP, &random);
        sensor::report(board.pool, board.tls, URL, &mut kept, schedule).await
    };
    let sleep = with_timeout(AWAKE, work).await.unwrap_or(SLEEP);
    for (place, byte) in KEPT.iter().zip(kept.to_bytes()) {
        place.store(byte, Relaxed);
    }
    if let Some(mut clock) = clock {
        clock.sleep_deep(&[&TimerWakeupSource::new(sleep)]);
    }
}

/// The place of your sensor: degrees Celsius.
fn read() -> f32 {
    21.5
}
