//! A reading to a server every ten minutes, and sleep in between. What the restart after it leaves alone keeps the readings
//! that the server does not have yet, and its ticket: after the first waking the TLS handshake is a short one.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use board::sleep;
use embassy_executor::Spawner;
use embassy_time::with_timeout;
use socketpool_apps::{Schedule, sensor};
use station::{SESSIONS, number, setting};

/// Takes JSON.
const URL: &str = setting(option_env!("SENSOR_URL"), "https://api.example.com/telemetry");

const SLEEP: Duration = Duration::from_secs(number(option_env!("SENSOR_SECONDS"), 600) as u64);

/// The longest that it is awake, for a network, the date and the request.
const AWAKE: embassy_time::Duration = embassy_time::Duration::from_secs(60);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let mut kept = sensor::wake(&sleep::memory(), &SESSIONS);
    kept.take(read());
    // Whatever ends this waking, no reading is lost, and no ticket is offered twice.
    sleep::keep(&sensor::keep(&kept, None));
    let work = async {
        let board = board::start(spawner).await;
        board.set_clock().await;
        let random = || board.random.next_u32();
        sensor::report(board.pool, board.tls, URL, &mut kept, Schedule::every(SLEEP, &random)).await
    };
    let pause = with_timeout(AWAKE, work).await.unwrap_or(SLEEP);
    sleep::keep(&sensor::keep(&kept, Some(&SESSIONS)));
    sleep::sleep(embassy_time::Duration::from_micros(pause.as_micros() as u64)).await
}

/// The place of your sensor: degrees Celsius.
fn read() -> f32 {
    21.5
}
