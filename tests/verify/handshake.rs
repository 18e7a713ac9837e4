//! The server's signature over its handshake, made with OpenSSL by `pki/make.sh`.
#![cfg(feature = "tls")]

use socketpool::tls::roots::Roots;
use socketpool::tls::verify::CertificateError as E;
use socketpool::tls::verify::{LeafKey, VerifyPolicy, algorithms, verify_handshake_signature, verify_server_chain};

use crate::support::pki::{NOW, anchor, at, chain, file, name};

fn key(certificate: &str) -> LeafKey {
    let roots = [anchor("root")];
    let chain = chain(&[certificate, "int"]);
    let policy = VerifyPolicy::new(Roots::only(&roots));
    verify_server_chain(&chain, &name("example.com"), at(NOW), &policy).unwrap().leaf_key().unwrap()
}

fn verdict(certificate: &str, scheme: u16, hash: &[u8], signature: &[u8]) -> Result<(), E> {
    verify_handshake_signature(&key(certificate), algorithms::ALL, scheme, hash, signature)
}

const HASH_32: &[u8] = &[0x5a; 32];
const HASH_48: &[u8] = &[0x5a; 48];

#[test]
fn every_scheme_with_its_key() {
    assert_eq!(verdict("good", 0x0403, HASH_32, file!("p256.sig")), Ok(()));
    assert_eq!(verdict("p384", 0x0503, HASH_48, file!("p384.sig")), Ok(()));
    assert_eq!(verdict("ed", 0x0807, HASH_32, file!("ed25519.sig")), Ok(()));
    assert_eq!(verdict("rsa", 0x0804, HASH_32, file!("pss256.sig")), Ok(()));
    assert_eq!(verdict("rsa", 0x0805, HASH_48, file!("pss384.sig")), Ok(()));
    assert_eq!(verdict("rsa", 0x0806, HASH_32, file!("pss512.sig")), Ok(()));
}

#[test]
fn another_key_transcript_role_or_scheme() {
    let signature = file!("p256.sig");
    assert_eq!(verdict("renewed", 0x0403, HASH_32, signature), Err(E::BadSignature));
    assert_eq!(verdict("good", 0x0403, &[0x5b; 32], signature), Err(E::BadSignature));
    assert_eq!(verdict("good", 0x0403, HASH_48, signature), Err(E::BadSignature));
    assert_eq!(verdict("good", 0x0403, &[], signature), Err(E::BadSignature));
    assert_eq!(verdict("good", 0x0403, &[0x5a; 64], signature), Err(E::BadSignature));
    assert_eq!(verdict("good", 0x0403, HASH_32, &[]), Err(E::BadSignature));
    assert_eq!(verdict("good", 0x0403, HASH_32, file!("p256-client.sig")), Err(E::BadSignature));
    assert_eq!(verdict("rsa", 0x0805, HASH_32, file!("pss256.sig")), Err(E::BadSignature));
}

#[test]
fn schemes_that_do_not_fit_the_key() {
    for (certificate, fits) in [("good", 0x0403), ("p384", 0x0503), ("ed", 0x0807), ("rsa", 0x0804)] {
        for scheme in [0x0403, 0x0503, 0x0807, 0x0804, 0x0805, 0x0806] {
            let is_rsa = certificate == "rsa" && scheme >> 8 == 8 && scheme != 0x0807;
            let expected = if scheme == fits || is_rsa { E::BadSignature } else { E::SchemeMismatch { scheme } };
            assert_eq!(verdict(certificate, scheme, HASH_32, &[0; 64]), Err(expected), "{certificate} {scheme:#x}");
        }
    }
}

#[test]
fn schemes_of_old_versions_are_forbidden() {
    let signature = file!("pkcs1.sig");
    for scheme in [0x0201, 0x0202, 0x0203, 0x0401, 0x0501, 0x0601] {
        assert_eq!(verdict("rsa", scheme, HASH_32, signature), Err(E::ForbiddenScheme { scheme }), "{scheme:#x}");
    }
    // SHA-224, P-521, Ed448, RSA keys for PSS only, and the unknown.
    for scheme in [0x0301, 0x0303, 0x0603, 0x0808, 0x0809, 0x080b, 0x0904, 0x0000, 0xffff] {
        assert_eq!(verdict("rsa", scheme, HASH_32, signature), Err(E::UnsupportedAlgorithm), "{scheme:#x}");
    }
}

#[test]
fn every_changed_byte_of_a_signature_is_noticed() {
    let key = key("good");
    let signature = file!("p256.sig");
    for position in 0..signature.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut changed = signature.to_vec();
            changed[position] ^= mask;
            let verdict = verify_handshake_signature(&key, algorithms::ALL, 0x0403, HASH_32, &changed);
            assert_eq!(verdict, Err(E::BadSignature));
        }
    }
}

#[test]
fn a_policy_without_the_algorithm() {
    let verdict = verify_handshake_signature(&key("good"), &[algorithms::ED25519], 0x0403, HASH_32, file!("p256.sig"));
    assert_eq!(verdict, Err(E::UnsupportedAlgorithm));
}

#[test]
fn a_leaf_key_is_small() {
    assert!(size_of::<LeafKey>() <= 550);
}
