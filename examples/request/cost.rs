//! What a handshake costs a small processor: an estimate, made of what `./ci.sh icount` measured.
//!
//! `benches/budgets.toml` has whole handshakes with three signatures of one kind, and a resumed one without any: a third of
//! the difference is a signature. Instructions become seconds by a clock and so many cycles each; that flash is slower than
//! RAM is not in it.

use socketpool::tls::{KeyInfo, verify::KeyKind};

const BUDGETS: &str = include_str!("../../benches/budgets.toml");

/// A processor that was measured.
#[derive(Debug)]
pub struct Processor {
    /// As people call it, with its clock.
    pub name: &'static str,
    /// As the rows of the table begin.
    row: &'static str,
    hertz: f64,
    cycles: f64,
}

/// A Cortex-M0+ takes about one and a half cycles per instruction (benches/README.md). For the other no such figure is known:
/// one is the least.
pub const PROCESSORS: [Processor; 2] = [
    Processor { name: "Cortex-M0+ (RP2040, 125 MHz)", row: "Cortex-M0+", hertz: 125e6, cycles: 1.5 },
    Processor { name: "RISC-V (ESP32-C3, 160 MHz)", row: "RISC-V", hertz: 160e6, cycles: 1.0 },
];

/// The instructions of a row.
fn instructions(row: &str, what: &str) -> Option<f64> {
    let number = |name: String| {
        let line = BUDGETS.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix("\" = ["))?;
        line.split(',').next()?.trim().parse().ok()
    };
    number(format!("\"{row}: {what}"))
}

impl Processor {
    /// Seconds for a resumed handshake: one key exchange, and the key schedule.
    pub fn resumed(&self) -> Option<f64> {
        Some(self.seconds(instructions(self.row, "resumed handshake")?))
    }

    /// Seconds for a full handshake in which signatures by these keys are checked.
    pub fn full(&self, signed_by: &[KeyInfo]) -> Option<f64> {
        let base = instructions(self.row, "resumed handshake")?;
        let checks = signed_by.iter().map(|key| self.check(*key, base)).sum::<Option<f64>>()?;
        Some(self.seconds(base + checks))
    }

    fn seconds(&self, instructions: f64) -> f64 {
        instructions * self.cycles / self.hertz
    }

    fn check(&self, key: KeyInfo, base: f64) -> Option<f64> {
        let third = |kind| Some((instructions(self.row, kind)? - base) / 3.0);
        match key.kind? {
            KeyKind::P256 => third("handshake P-256"),
            KeyKind::P384 => third("handshake P-384"),
            KeyKind::Ed25519 => instructions(self.row, "check a signature by Ed25519"),
            // It grows with the square of the size.
            KeyKind::Rsa if key.bits == 2048 => third("handshake RSA-2048"),
            KeyKind::Rsa => Some(third("handshake RSA-4096")? * (f64::from(key.bits) / 4096.0).powi(2)),
            _ => None,
        }
    }
}
