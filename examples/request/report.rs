//! What `-v` tells of a connection, and what is kept of a handshake for that.

use std::{
    io::{Write as _, stderr},
    time::Duration,
};

use rustls_pki_types::UnixTime;
use socketpool::{
    Error,
    tls::{CertificateInfo, KeyInfo, ShownChain, TlsInfo, TrustAnchor, verify::CertificateError},
};

use crate::anchors::{self, key_name};

/// Says something about the work on standard error. Somebody need not be there to read it.
pub fn say(line: &str) {
    let _ = writeln!(stderr(), "* {line}");
}

/// A root, copied: what verified a chain ends with the handshake.
#[derive(Debug, Clone)]
pub struct Root {
    pub subject: Vec<u8>,
    pub public_key: Vec<u8>,
    pub constraints: Option<Vec<u8>>,
}

impl Root {
    pub fn of(anchor: &TrustAnchor<'_>) -> Self {
        Self {
            subject: anchor.subject().to_vec(),
            public_key: anchor.public_key().to_vec(),
            constraints: anchor.name_constraints().map(<[u8]>::to_vec),
        }
    }

    pub fn name(&self) -> String {
        anchors::name(&self.subject)
    }

    /// The bytes that it takes in a device's image.
    pub fn flash(&self) -> usize {
        anchors::flash(&self.subject, &self.public_key, self.constraints.as_deref())
    }

    /// Where it is from, in a few words.
    pub fn origin(&self) -> &'static str {
        anchors::Origin::of(&self.subject, &self.public_key).words()
    }
}

/// What a server showed, copied: the certificates are gone when the handshake goes on.
#[derive(Debug, Clone)]
pub struct Shown {
    pub certificates: Vec<Vec<u8>>,
    /// The root that they lead to; none if a pin stands for the chain.
    pub verdict: Result<Option<Root>, CertificateError>,
    pub work: u16,
    pub now: UnixTime,
}

impl Shown {
    pub fn of(chain: &ShownChain<'_>) -> Self {
        let root = |verified: socketpool::tls::verify::Verified<'_, '_>| verified.anchor().as_ref().map(Root::of);
        Self {
            certificates: chain.certificates.iter().map(|der| der.to_vec()).collect(),
            verdict: chain.verdict.map(root),
            work: chain.work,
            now: chain.now,
        }
    }

    /// The certificates that can be read, each with its place.
    pub fn read(&self) -> impl Iterator<Item = (usize, CertificateInfo<'_>)> {
        self.certificates.iter().enumerate().filter_map(|(at, der)| Some((at, CertificateInfo::parse(der)?)))
    }
}

/// How a handshake went.
#[derive(Debug)]
pub struct Handshake {
    /// Since the TCP connection was there.
    pub took: Duration,
    /// None if it failed, or was the second engine's, which does not tell.
    pub info: Option<TlsInfo>,
    pub shown: Option<Shown>,
    pub outcome: Result<(), Error>,
}

impl Handshake {
    /// Version, suite, group: what was agreed on.
    pub fn agreed(&self) -> String {
        self.info.map_or_else(
            || "TLS 1.3, TLS_AES_128_GCM_SHA256, secp256r1".into(), // all that the second engine has
            |info| format!("{}, {}, {}", info.version(), info.suite, info.group),
        )
    }

    /// What `-v` tells; `protocols` are those that were offered.
    pub fn lines(&self, protocols: &[&[u8]]) -> Vec<String> {
        let mut lines = Vec::new();
        let took = milliseconds(self.took);
        match self.outcome {
            Ok(()) => {
                let info = self.info;
                let kind = if info.is_some_and(|info| info.is_resumed) { "resumed" } else { "full handshake" };
                let again = if info.is_some_and(|info| info.is_retried) { ", after a HelloRetryRequest" } else { "" };
                lines.push(format!("{}; {kind} in {took}{again}", self.agreed()));
            }
            Err(_) => lines.push(format!("the handshake failed after {took}")),
        }
        match self.info.and_then(|info| info.alpn).and_then(|chosen| protocols.get(chosen)) {
            Some(chosen) => lines.push(format!("ALPN: {}", chosen.escape_ascii())),
            None if self.outcome.is_err() || (self.info.is_none() && !protocols.is_empty()) => {}
            None => lines.push(format!("ALPN: {}", if protocols.is_empty() { "not offered" } else { "none chosen" })),
        }
        let Some(shown) = &self.shown else {
            if self.outcome.is_ok() {
                lines.push("no certificates were shown".into());
            }
            return lines;
        };
        for (at, der) in shown.certificates.iter().enumerate() {
            let what = CertificateInfo::parse(der).map_or_else(
                || "not readable".into(),
                |certificate| {
                    format!(
                        "{}, {}, {}",
                        printable(certificate.subject()),
                        key_name(certificate.key()),
                        days(&certificate, shown.now)
                    )
                },
            );
            lines.push(format!("certificate {}: {what}", at + 1));
        }
        match &shown.verdict {
            Ok(Some(root)) => {
                let key = key_name(KeyInfo::of(&root.public_key));
                lines.push(format!("root: {}, {key}, {}", root.name(), root.origin()));
            }
            Ok(None) => lines.push("root: none, a pin stands for the chain".into()),
            Err(error) => lines.push(format!("refused: {error}")),
        }
        lines.push(format!("work: {}", work(shown.work)));
        lines
    }
}

/// Work in a unit that people have met.
pub fn work(tenths: u16) -> String {
    format!("{}.{} signature checks with P-256, besides the server's own signature", tenths / 10, tenths % 10)
}

pub fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

pub fn days(certificate: &CertificateInfo<'_>, now: UnixTime) -> String {
    if now.as_secs() < certificate.not_before() {
        return format!("not valid before {}", date(certificate.not_before()));
    }
    match certificate.days_left(now) {
        ago @ ..0 => format!("expired {} days ago, on {}", -ago, date(certificate.not_after())),
        left => format!("{left} days left, until {}", date(certificate.not_after())),
    }
}

/// Text of a server's that is fit for a terminal.
pub fn printable(text: &str) -> String {
    if text.is_empty() { "without a name".into() } else { text.escape_debug().to_string() }
}

/// A day as people write it: the proleptic Gregorian calendar, counted from 1 March of the year 0.
pub fn date(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = (year_of_era + era * 400, if month < 10 { month + 3 } else { month - 9 });
    format!("{:04}-{month:02}-{day:02}", year + u64::from(month <= 2))
}
