//! RSA keys of unusual sizes and exponents, made with OpenSSL by `pki/rsa.sh`.
#![cfg(feature = "tls")]

use crate::support::algorithms::{Set, ours};

const MESSAGE: &[u8] = b"hello world";

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/pki/rsa/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn sizes_and_exponents_in_range() {
    let Set { pkcs1, pss, .. } = ours();
    for name in ["2048-3", "2056-65537", "2560-65537", "3080-17", "4088-65537", "4096-3"] {
        let key = file(&format!("{name}.key"));
        let (by_pkcs1, by_pss) = (file(&format!("{name}.pkcs1")), file(&format!("{name}.pss")));
        assert!(pkcs1[0].verify_signature(&key, MESSAGE, &by_pkcs1).is_ok(), "{name}");
        assert!(pss[0].verify_signature(&key, MESSAGE, &by_pss).is_ok(), "{name}");
        // Another message, hash, padding or length.
        assert!(pkcs1[0].verify_signature(&key, b"hello World", &by_pkcs1).is_err(), "{name}");
        assert!(pss[0].verify_signature(&key, b"hello World", &by_pss).is_err(), "{name}");
        assert!(pkcs1[1].verify_signature(&key, MESSAGE, &by_pkcs1).is_err(), "{name}");
        assert!(pss[1].verify_signature(&key, MESSAGE, &by_pss).is_err(), "{name}");
        assert!(pkcs1[0].verify_signature(&key, MESSAGE, &by_pss).is_err(), "{name}");
        assert!(pss[0].verify_signature(&key, MESSAGE, &by_pkcs1).is_err(), "{name}");
        assert!(pkcs1[0].verify_signature(&key, MESSAGE, &by_pkcs1[1..]).is_err(), "{name}");
        assert!(pkcs1[0].verify_signature(&key, MESSAGE, &[&[0], &by_pkcs1[..]].concat()).is_err(), "{name}");
    }
}

#[test]
fn sizes_and_exponents_out_of_range() {
    let Set { pkcs1, pss, .. } = ours();
    // The exponent 2^32 - 1 would cost 3.6 times what 65,537 does (FIPS 186-5 §A.1.1 wants no more than that).
    for name in ["2040-65537", "2050-65537", "4104-65537", "2048-4294967295", "2048-4294967297"] {
        let key = file(&format!("{name}.key"));
        assert!(pkcs1[0].verify_signature(&key, MESSAGE, &file(&format!("{name}.pkcs1"))).is_err(), "{name}");
        assert!(pss[0].verify_signature(&key, MESSAGE, &file(&format!("{name}.pss"))).is_err(), "{name}");
    }
}

/// 0, 1, n - 1 and n as signatures: the powers of small numbers and of -1 are easy to foresee, and fit no message.
#[test]
fn signatures_at_the_borders() {
    let Set { pkcs1, pss, .. } = ours();
    let key = file("2048-3.key");
    // SEQUENCE header of four octets, INTEGER header of four, a zero, the modulus.
    let modulus = &key[9..9 + 256];
    let mut one = vec![0; 256];
    one[255] = 1;
    let mut before = modulus.to_vec();
    before[255] -= 1;
    for signature in [&vec![0; 256], &one, &before, &modulus.to_vec(), &vec![0xff; 256]] {
        assert!(pkcs1[0].verify_signature(&key, MESSAGE, signature).is_err());
        assert!(pss[0].verify_signature(&key, MESSAGE, signature).is_err());
    }
}

#[test]
fn broken_keys() {
    let Set { pkcs1, .. } = ours();
    let (key, signature) = (file("2048-3.key"), file("2048-3.pkcs1"));
    for len in 0..key.len() {
        assert!(pkcs1[0].verify_signature(&key[..len], MESSAGE, &signature).is_err());
    }
    for position in 0..key.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut changed = key.clone();
            changed[position] ^= mask;
            assert!(pkcs1[0].verify_signature(&changed, MESSAGE, &signature).is_err(), "byte {position}");
        }
    }
}
