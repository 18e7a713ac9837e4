//! Whom to trust, and who we are: the files of `--roots`, `--cert` and `--key`, and the TLS context made of them.

use std::{fmt::Display, fs};

use socketpool::tls::{
    Alpn, Psk, Random, Roots, TimeSource, TlsContext, VerifyPolicy,
    engine::Crypto,
    identity::{Identity, PrivateKey},
    pem::{self, PemError},
    roots::{TrustAnchor, trust_anchor_from_der},
    verify::algorithms,
};

use crate::{crypto, failure::Failure, meter::Meter, options::Options, tickets::SESSIONS};

/// What was in the files.
pub struct Files<'a> {
    /// Every root as DER, and where it is from.
    roots: Vec<(&'a str, Vec<u8>)>,
    identity: Option<(Vec<u8>, PrivateKey)>,
}

impl<'a> Files<'a> {
    pub fn read(options: &Options<'a>) -> Result<Self, Failure> {
        let mut roots = Vec::new();
        for path in &options.roots {
            roots.extend(certificates("--roots", path)?.into_iter().map(|der| (*path, der)));
        }
        let identity = match options.cert {
            Some(path) => {
                let certificate = certificates("--cert", path)?.swap_remove(0);
                Some((certificate, key(options.key.unwrap_or(path))?))
            }
            None => None,
        };
        Ok(Self { roots, identity })
    }

    /// The roots, ready for use. A certificate that is no root is left out, and said so, as long as there are others.
    pub fn anchors(&self) -> Result<Vec<TrustAnchor<'_>>, Failure> {
        let mut anchors = Vec::new();
        let mut skipped = Vec::new();
        for (path, der) in &self.roots {
            match trust_anchor_from_der(der) {
                Ok(anchor) => anchors.push(anchor),
                Err(error) => skipped.push((*path, error)),
            }
        }
        match skipped.first() {
            Some((path, error)) if anchors.is_empty() => return Err(usage("--roots", path, error)),
            _ => skipped.iter().for_each(|(path, error)| eprintln!("warning: --roots {path}: skipped: {error}")),
        }
        Ok(anchors)
    }
}

/// All of it together.
pub struct Trust<'a> {
    policy: VerifyPolicy<'a>,
    identity: Option<Identity<'a>>,
    psk: Option<Psk<'a>>,
    alpn: Option<Alpn<'a>>,
    crypto: &'static Crypto,
    with_tickets: bool,
}

impl<'a> Trust<'a> {
    pub fn new(
        options: &'a Options<'_>,
        files: &'a Files<'_>,
        anchors: &'a [TrustAnchor<'a>],
    ) -> Result<Self, Failure> {
        let roots = match anchors {
            [] => Roots::MOZILLA,
            own if options.mozilla => Roots::mozilla_and(own),
            own => Roots::only(own),
        };
        let path = options.cert.unwrap_or_default();
        let identity = files.identity.as_ref().map(|(certificate, key)| Identity::new(certificate, key)).transpose();
        let alpn = (!options.alpn.is_empty()).then(|| Alpn::new(&options.alpn)).transpose();
        let psk = options.psk.as_ref().map(|(identity, key)| Psk::new(identity.as_bytes(), key)).transpose();
        Ok(Self {
            // A desk has room for Ed25519 as well.
            policy: VerifyPolicy::new(roots).pins(&options.pins).algorithms(algorithms::ALL),
            identity: identity.map_err(|error| usage("--cert", path, error))?,
            psk: psk.map_err(|error| Failure::Usage(format!("--psk: {error}")))?,
            alpn: alpn.map_err(|error| Failure::Usage(format!("--alpn: {error}")))?,
            crypto: crypto::of(options),
            with_tickets: options.tickets.is_some() || options.explain,
        })
    }

    /// The context. It verifies servers, unless a shared key does that; `meter` sees what they show.
    pub fn context<'c, T: TimeSource>(&self, clock: T, meter: &'c Meter) -> TlsContext<'c, impl Random + use<T>, T>
    where
        'a: 'c,
    {
        let mut tls =
            TlsContext::new(socketpool::host::Random, clock).crypto(self.crypto).policy(self.policy).observer(meter);
        if let Some(alpn) = self.alpn {
            tls = tls.alpn(alpn);
        }
        if let Some(identity) = self.identity {
            tls = tls.identity(identity);
        }
        if let Some(psk) = self.psk {
            tls = tls.psk(psk);
        }
        if self.with_tickets {
            tls = tls.sessions(&SESSIONS);
        }
        tls
    }
}

fn usage(option: &str, path: &str, reason: impl Display) -> Failure {
    Failure::Usage(format!("{option} {path}: {reason}"))
}

fn is_pem(file: &[u8]) -> bool {
    file.windows(11).any(|window| window == b"-----BEGIN ")
}

/// Every certificate in a file as DER, at least one. The file may be one certificate in DER, or PEM text with several.
fn certificates(option: &str, path: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let file = fs::read(path).map_err(|error| usage(option, path, error))?;
    if is_pem(&file) { from_pem(&file).map_err(|error| usage(option, path, error)) } else { Ok(vec![file]) }
}

fn from_pem(text: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    let mut certificates = Vec::new();
    for block in pem::blocks(text) {
        let block = block?;
        if block.label() == pem::CERTIFICATE {
            let mut der = vec![0; block.decoded_len()?];
            block.decode(&mut der)?;
            certificates.push(der);
        }
    }
    if certificates.is_empty() { Err(PemError::NotFound) } else { Ok(certificates) }
}

/// A private key, PEM or DER.
fn key(path: &str) -> Result<PrivateKey, Failure> {
    let file = fs::read(path).map_err(|error| usage("--key", path, error))?;
    let key = if is_pem(&file) { PrivateKey::from_pem(&file) } else { PrivateKey::from_der(&file) };
    key.map_err(|error| usage("--key", path, error))
}
