//! Wakes, sends a reading and sleeps, so many times: of a waking the next one has what was kept, as bytes, and nothing else.
#![no_std]
#![no_main]

use qemu_board::entry;
use socketpool::{Resources, SocketPool, tls::Sessions};
use socketpool_apps::{Tally, sensor};
use static_cell::ConstStaticCell;

static MEMORY: ConstStaticCell<Resources<1, 1>> = ConstStaticCell::new(Resources::new());
static SESSIONS: Sessions<1> = Sessions::new();

#[entry]
fn main() -> ! {
    qemu_apps::run(async |mut network, device| {
        let pool = SocketPool::new(&mut network, MEMORY.take());
        // What is in the memory when the power comes on.
        let (mut memory, mut tally) = ([0xa5; sensor::MEMORY_LEN], Tally::default());
        while tally.done + tally.failed < device.settings.rounds {
            SESSIONS.clear();
            let mut kept = sensor::wake(&memory, &SESSIONS);
            kept.take(20.5);
            let tls = device.tls_with(&SESSIONS);
            sensor::report(&pool, &tls, &device.settings.url, &mut kept, device.schedule()).await;
            memory = sensor::keep(&kept, Some(&SESSIONS));
            match kept.unsent() {
                0 => tally.done += 1,
                _ => tally.failed += 1,
            }
        }
        tally
    })
}
