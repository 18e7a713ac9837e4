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
use socketpool::tls::{Sessions, TlsContext};
use socketpool_apps::{
    Schedule,
    sensor::{self, Kept, LEN},
};
use station::{ROOTS, setting};

/// Takes JSON.
const URL: &str = setting(option_env!("SENSOR_URL"), "https://api.example.com/telemetry");

const SLEEP: Duration = Duration::from_secs(600);

/// The longest that it is awake, for a network, the date and the request.
const AWAKE: embassy_time::Duration = embassy_time::Duration::from_secs(60);

/// In memory that deep sleep leaves alone.
#[ram(unstable(rtc_fast, persistent))]
static KEPT: [AtomicU8; LEN] = [const { AtomicU8::new(0) }; LEN];

/// The ticket of the server, there too: two bytes of length, and what [`Sessions::write_to`] writes. It is as secret as the
/// device's other keys.
#[ram(unstable(rtc_fast, persistent))]
static TICKET: [AtomicU8; 2 + TICKET_LEN] = [const { AtomicU8::new(0) }; 2 + TICKET_LEN];
const TICKET_LEN: usize = Sessions::<1>::MAX_STORED_LEN;

static SESSIONS: Sessions<1> = Sessions::new();

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let mut kept = Kept::from_bytes(&core::array::from_fn(|index| KEPT[index].load(Relaxed)));
    kept.take(read());
    wake();
    let mut clock = None;
    let work = async {
        let (_, board) = board::start_with(spawner, |_, low_power| clock = Some(Rtc::new(low_power))).await;
        board.set_clock().await;
        let random = || board.random.next_u32();
        let schedule = Schedule::every(SLEEP, &random);
        let tls = TlsContext::new(board.random, board.clock).roots(ROOTS).sessions(&SESSIONS);
        sensor::report(board.pool, &tls, URL, &mut kept, schedule).await
    };
    let sleep = with_timeout(AWAKE, work).await.unwrap_or(SLEEP);
    for (place, byte) in KEPT.iter().zip(kept.to_bytes()) {
        place.store(byte, Relaxed);
    }
    fall_asleep();
    if let Some(mut clock) = clock {
        clock.sleep_deep(&[&TimerWakeupSource::new(sleep)]);
    }
}

/// Takes the ticket out of the memory that was kept. Where there is none, the handshake is a full one.
fn wake() {
    let bytes: [u8; 2 + TICKET_LEN] = core::array::from_fn(|index| TICKET[index].load(Relaxed));
    let ([low, high], rest) = bytes.split_first_chunk().unwrap_or((&[0; 2], &[]));
    let len = usize::from(u16::from_le_bytes([*low, *high]));
    let _ = rest.get(..len).map(|ticket| SESSIONS.read_from(ticket));
}

/// Keeps the ticket that came last.
fn fall_asleep() {
    let mut bytes = [0; TICKET_LEN];
    let len = SESSIONS.write_to(&mut bytes).unwrap_or_default();
    let kept = (len as u16).to_le_bytes().into_iter().chain(bytes);
    for (place, byte) in TICKET.iter().zip(kept) {
        place.store(byte, Relaxed);
    }
}

/// The place of your sensor: degrees Celsius.
fn read() -> f32 {
    21.5
}
