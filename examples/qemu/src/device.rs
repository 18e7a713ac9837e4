//! What an app gets besides the network.

use core::{net::Ipv4Addr, time::Duration};

use rustls_pki_types::UnixTime;
use socketpool::{
    time::EmbassyTimer,
    tls::{
        Now, Roots, SessionStore, TlsContext, WallClock,
        roots::{TrustAnchor, trust_anchor_from_der},
    },
};
use socketpool_apps::{Schedule, Tally};
use static_cell::{ConstStaticCell, StaticCell};

use crate::{Measured, Settings};

/// The board in QEMU's user network, where 10.0.2.2 is the machine that runs it.
pub(crate) const ADDRESS: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 0, 2, 15), 24);
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// A verifying TLS context with the random numbers and the clock of the board.
pub type Tls<'d> = Measured<TlsContext<'static, fn(&mut [u8]), &'d WallClock<EmbassyTimer>>>;

/// Settings, date, and whom to trust.
pub struct Device {
    /// What this boot is to do.
    pub settings: Settings,
    /// Knows the date if the settings said it.
    pub clock: WallClock<EmbassyTimer>,
    roots: &'static [TrustAnchor<'static>],
}

impl Device {
    /// Starts the board. To be called once.
    pub(crate) fn start() -> Self {
        qemu_board::init();
        let settings = Settings::from_command_line();
        let clock = WallClock::new(EmbassyTimer);
        if let Some(date) = settings.date {
            clock.set(Now::Trusted(UnixTime::since_unix_epoch(Duration::from_secs(date))));
        }
        let roots = roots(&settings);
        Self { settings, clock, roots }
    }

    /// Trusts Mozilla's roots, and the one of the settings.
    pub fn tls(&self) -> Tls<'_> {
        Measured(self.context())
    }

    /// The same, with tickets that are kept there.
    pub fn tls_with(&self, sessions: &'static impl SessionStore) -> Tls<'_> {
        Measured(self.context().sessions(sessions))
    }

    fn context(&self) -> TlsContext<'static, fn(&mut [u8]), &WallClock<EmbassyTimer>> {
        let random: fn(&mut [u8]) = qemu_board::random;
        TlsContext::new(random, &self.clock).roots(Roots::mozilla_and(self.roots))
    }

    /// As often as the settings say, without long pauses.
    pub fn schedule(&self) -> Schedule<'static> {
        let Settings { timeout, rounds, every, .. } = self.settings;
        Schedule::every(every, &random_u32).timeout(timeout).rounds(rounds)
    }
}

pub(crate) fn random_u32() -> u32 {
    let mut bytes = [0; 4];
    qemu_board::random(&mut bytes);
    u32::from_le_bytes(bytes)
}

fn roots(settings: &Settings) -> &'static [TrustAnchor<'static>] {
    static DER: ConstStaticCell<[u8; 2048]> = ConstStaticCell::new([0; 2048]);
    static ROOT: StaticCell<[TrustAnchor<'static>; 1]> = StaticCell::new();
    let Some(file) = settings.root() else { return &[] };
    let der = qemu_board::read_file(file, DER.take());
    ROOT.init([trust_anchor_from_der(der).expect("a root certificate")])
}

/// Says what the work cost, and switches off.
pub(crate) fn finish(tally: Tally) -> ! {
    log::info!("instructions: {}", qemu_board::instructions());
    log::info!("stack: {} bytes", qemu_board::stack_used());
    log::info!("rounds: {} done, {} failed", tally.done, tally.failed);
    qemu_board::exit(0)
}
