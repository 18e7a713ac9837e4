//! Joins a Wi-Fi network, waits for an address, and does both again whenever they are lost.
//!
//! ```text
//!   join ────▶ DHCP ────▶ up ────▶ lost
//!    ▲  │        │                   │
//!    │  ▼        ▼                   │
//!    └─ pause ◀──┴───────────────────┘
//! ```
//!
//! Whatever fails is said in one line, with its phase and cause, and tried again after a pause that doubles from 2 to
//! 64 seconds. Nothing here restarts the board or gives up.

use defmt::{info, warn};
use embassy_net::Stack;
use embassy_time::{Duration, Timer, with_timeout};

/// What a radio has to be able to do.
pub trait Radio {
    /// Why it could not join.
    type Error: defmt::Format;

    /// Joins this network, secured with this passphrase, or open if that is empty.
    async fn join(&mut self, ssid: &str, passphrase: &str) -> Result<(), Self::Error>;

    /// Leaves the network that it is in.
    async fn leave(&mut self);
}

/// What the environment said when this was built.
const SSID: Option<&str> = option_env!("WIFI_SSID");
const PASSPHRASE: &str = match option_env!("WIFI_PASSWORD") {
    Some(passphrase) => passphrase,
    None => "",
};

const TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_PAUSE_IN_SECONDS: u64 = 2;
const LAST_PAUSE_IN_SECONDS: u64 = 64;

/// A radio, and the network stack that gets its address through it.
pub struct Link<R> {
    radio: R,
    stack: Stack<'static>,
}

impl<R: Radio> Link<R> {
    /// A link that is not up yet.
    pub fn new(radio: R, stack: Stack<'static>) -> Self {
        Self { radio, stack }
    }

    /// Joins and waits for an address, as often as it takes.
    pub async fn up(&mut self) {
        let mut pause = FIRST_PAUSE_IN_SECONDS;
        while !self.attempt().await {
            info!("Wi-Fi: again in {} s", pause);
            Timer::after_secs(pause).await;
            pause = (pause * 2).min(LAST_PAUSE_IN_SECONDS);
        }
    }

    /// Brings the link up again whenever it is lost. To be run in a task of its own.
    pub async fn keep(mut self) -> ! {
        loop {
            self.stack.wait_config_down().await;
            warn!("Wi-Fi: lost");
            self.up().await;
        }
    }

    /// Whether there is an address now.
    async fn attempt(&mut self) -> bool {
        let Some(ssid) = SSID else {
            warn!("Wi-Fi, setup: set WIFI_SSID and WIFI_PASSWORD in the environment, and build again");
            return false;
        };
        if !matches!(ssid.len(), 1..=32) || !matches!(PASSPHRASE.len(), 0 | 8..=63) {
            warn!("Wi-Fi, setup: a name has 1 to 32 bytes, a passphrase 8 to 63 or none");
            return false;
        }
        if self.stack.is_link_up() {
            self.radio.leave().await; // joined, and no address came of it
        }
        match with_timeout(TIMEOUT, self.radio.join(ssid, PASSPHRASE)).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => {
                warn!("Wi-Fi, join: {}", cause);
                return false;
            }
            Err(_) => {
                warn!("Wi-Fi, join: no answer");
                return false;
            }
        }
        if with_timeout(TIMEOUT, self.stack.wait_config_up()).await.is_err() {
            warn!("Wi-Fi, DHCP: no answer");
            return false;
        }
        if let Some(config) = self.stack.config_v4() {
            info!("Wi-Fi: up, as {}", config.address);
        }
        true
    }
}
