//! A reading to a server every ten minutes, and deep sleep in between. What sleep leaves alone keeps the readings that the
//! server does not have yet, and its ticket: after the first waking the TLS handshake is a short one.
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
    sensor::{self, MEMORY_LEN},
};
use station::{SESSIONS, setting};

/// Takes JSON.
const URL: &str = setting(option_env!("SENSOR_URL"), "https://api.example.com/telemetry");

const SLEEP: Duration = Duration::from_secs(600);

/// The longest that it is awake, for a network, the date and the request.
const AWAKE: embassy_time::Duration = embassy_time::Duration::from_secs(60);

/// In memory that deep sleep leaves alone.
#[ram(unstable(rtc_fast, persistent))]
static MEMORY: [AtomicU8; MEMORY_LEN] = [const { AtomicU8::new(0) }; MEMORY_LEN];

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let mut kept = sensor::wake(&core::array::from_fn(|index| MEMORY[index].load(Relaxed)), &SESSIONS);
    kept.take(read());
    // Whatever ends this waking, no reading is lost, and no ticket is offered twice.
    store(&sensor::keep(&kept, None));
    let mut clock = None;
    let work = async {
        let (_, board) = board::start_with(spawner, |_, low_power| clock = Some(Rtc::new(low_power))).await;
        board.set_clock().await;
        let random = || board.random.next_u32();
        sensor::report(board.pool, board.tls, URL, &mut kept, Schedule::every(SLEEP, &random)).await
    };
    let sleep = with_timeout(AWAKE, work).await.unwrap_or(SLEEP);
    store(&sensor::keep(&kept, Some(&SESSIONS)));
    if let Some(mut clock) = clock {
        clock.sleep_deep(&[&TimerWakeupSource::new(sleep)]);
    }
}

fn store(bytes: &[u8; MEMORY_LEN]) {
    for (place, byte) in MEMORY.iter().zip(bytes) {
        place.store(*byte, Relaxed);
    }
}

/// The place of your sensor: degrees Celsius.
fn read() -> f32 {
    21.5
}
