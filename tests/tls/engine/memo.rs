//! What a memo of signature checks spares, and what it does not.

use std::sync::atomic::{AtomicUsize, Ordering};

use embassy_futures::block_on;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, UnixTime};
use socketpool::tls::{
    Memo, Now, Roots, TlsContext, TlsError, TlsStream, TlsStreamError,
    engine::{CHACHA20_POLY1305_SHA256, Crypto, X25519},
    roots::trust_anchor_from_der,
    verify::{CertificateError, algorithms},
};

use super::{Kind, WORLD, Wire, random};

static CHECKS: AtomicUsize = AtomicUsize::new(0);

/// P-256, counted.
#[derive(Debug)]
struct Counted;

impl SignatureVerificationAlgorithm for Counted {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        CHECKS.fetch_add(1, Ordering::SeqCst);
        algorithms::ECDSA_P256_SHA256.verify_signature(key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        algorithms::ECDSA_P256_SHA256.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        algorithms::ECDSA_P256_SHA256.signature_alg_id()
    }
}

const CRYPTO: Crypto =
    Crypto { suites: &[CHACHA20_POLY1305_SHA256], groups: &[X25519], signatures: &[&Counted as &'static _] };

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(2024, 1, 1);
    params
}

/// Two servers below three authorities, of which the first is trusted.
struct Tree {
    root: CertificateDer<'static>,
    servers: [Kind; 2],
}

fn tree() -> Tree {
    let key = || KeyPair::generate().unwrap();
    let root = CertifiedIssuer::self_signed(authority("root"), key()).unwrap();
    let upper = CertifiedIssuer::signed_by(authority("upper"), key(), &root).unwrap();
    let lower = CertifiedIssuer::signed_by(authority("lower"), key(), &upper).unwrap();
    let servers = [2027, 2030].map(|year| {
        let key = key();
        let mut params = CertificateParams::new(["localhost".to_string()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let leaf = params.signed_by(&key, &lower).unwrap().der().clone();
        let chain = vec![leaf, lower.der().clone(), upper.der().clone()];
        Kind { server: Some((chain, key.serialize_der())), ..Kind::default() }
    });
    Tree { root: root.der().clone(), servers }
}

/// 1 June of a year.
fn june(year: u64) -> Now {
    Now::Trusted(UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_780_272_000 + (year - 2026) * 31_557_600)))
}

/// Shakes hands. Gives the number of signatures that were checked, and the error if there was one.
fn handshake(
    memo: Option<&Memo<4>>,
    root: &CertificateDer<'_>,
    year: u64,
    name: &str,
    kind: &Kind,
) -> (usize, Option<TlsError>) {
    let anchors = [trust_anchor_from_der(root).unwrap()];
    let mut context = TlsContext::new(random as fn(&mut [u8]), move || june(year))
        .floor(UnixTime::since_unix_epoch(std::time::Duration::ZERO))
        .crypto(&CRYPTO)
        .roots(Roots::only(&anchors));
    if let Some(memo) = memo {
        context = context.memo(memo);
    }
    let (mut rx, mut tx) = (vec![0; 16_406], vec![0; 1_536]);
    let mut stream = TlsStream::new(Wire::new(kind), &mut rx, &mut tx);
    let before = CHECKS.load(Ordering::SeqCst);
    let error = match block_on(stream.connect(&context, name)) {
        Ok(()) => None,
        Err(TlsStreamError::Tls(error)) => Some(error),
        Err(error) => panic!("{error}"),
    };
    (CHECKS.load(Ordering::SeqCst) - before, error)
}

/// A second handshake checks the server's own signature and no other; everything that can change is verified again.
#[test]
fn a_memo_spares_the_signatures_of_the_chain() {
    let Tree { root, servers: [first, second] } = tree();
    let memo = Memo::<4>::new();
    let plain = |kind| handshake(None, &root, 2026, "localhost", kind);
    let again = |year, name, kind| handshake(Some(&memo), &root, year, name, kind);
    let refused = |error| Some(TlsError::Certificate(error));

    assert_eq!([plain(&first), plain(&first)], [(4, None), (4, None)], "without a memo");
    assert_eq!(again(2026, "localhost", &first), (4, None));
    assert_eq!(again(2026, "localhost", &first), (1, None), "the signature over the handshake");
    assert_eq!(again(2026, "localhost", &second), (2, None), "and that of another certificate");
    assert_eq!(memo.len(), 4);
    assert_eq!([again(2026, "localhost", &first), again(2026, "localhost", &second)], [(1, None), (1, None)]);

    // The date, the name and the root.
    let expired = again(2027, "localhost", &first);
    assert!(matches!(expired, (0, Some(TlsError::Certificate(CertificateError::Expired { .. })))), "{expired:?}");
    assert_eq!(again(2027, "localhost", &second), (1, None));
    assert_eq!(again(2026, "example.com", &first), (0, refused(CertificateError::NameMismatch)));
    let other = handshake(Some(&memo), &WORLD.root, 2026, "localhost", &first);
    assert_eq!(other, (0, refused(CertificateError::UnknownIssuer)));

    // A signature that is wrong is checked each time, and not remembered.
    let Some((mut chain, key)) = first.server.clone() else { unreachable!() };
    let mut leaf = chain[0].to_vec();
    let signed = leaf.windows(9).position(|part| part == b"localhost").unwrap();
    leaf[signed] = b'L';
    chain[0] = leaf.into();
    let forged = Kind { server: Some((chain, key)), ..Kind::default() };
    for _ in 0..2 {
        assert_eq!(again(2026, "localhost", &forged), (1, refused(CertificateError::BadSignature)));
    }
    assert_eq!([again(2026, "localhost", &first), again(2026, "localhost", &second)], [(1, None), (1, None)]);

    memo.clear();
    assert_eq!([again(2026, "localhost", &first), again(2026, "localhost", &first)], [(4, None), (1, None)]);
}
