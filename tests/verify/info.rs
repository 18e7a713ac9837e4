//! What is read out of a certificate for people: `CertificateInfo`, over the certificates of `tests/pki`.

use socketpool::tls::{
    CertificateInfo, KeyInfo,
    verify::{KeyKind, algorithms},
};

use crate::support::pki::{anchor, at, der};

#[test]
fn names_dates_and_keys() {
    let good = der("good");
    let good = CertificateInfo::parse(&good).unwrap();
    assert_eq!((good.subject(), good.issuer()), ("other.example", "Intermediate"));
    let names: Vec<_> = good.dns_names().collect();
    assert_eq!(
        names,
        ["one.example", "two.example", "three.example", "four.example", "example.com", "*.wild.example.com"]
    );
    let addresses: Vec<_> = good.ip_addresses().map(|address| address.to_string()).collect();
    assert_eq!(addresses, ["192.0.2.7", "2001:db8::7"]);
    // 2026-01-01 and 2036-01-01.
    assert_eq!((good.not_before(), good.not_after()), (1_767_225_600, 2_082_758_400));
    for (now, left) in [(2_082_758_400, 0), (2_082_758_401, -1), (2_082_758_399, 0), (2_082_672_000, 1), (0, 24_106)] {
        assert_eq!(good.days_left(at(now)), left, "{now}");
    }

    let kinds = [
        ("good", Some(KeyKind::P256), 256),
        ("p384", Some(KeyKind::P384), 384),
        ("ed", Some(KeyKind::Ed25519), 256),
        ("rsa", Some(KeyKind::Rsa), 2048),
        ("weak", Some(KeyKind::Rsa), 1024),
        ("p521", None, 0),
    ];
    for (name, kind, bits) in kinds {
        let der = der(name);
        let key = CertificateInfo::parse(&der).unwrap().key();
        assert_eq!((key.kind, key.bits), (kind, bits), "{name}");
    }
    assert_eq!(KeyInfo::of(anchor("root").public_key()).kind, Some(KeyKind::P256));
}

#[test]
fn who_signed_it() {
    let (good, intermediate, root) = (der("good"), der("int"), anchor("root"));
    let good = CertificateInfo::parse(&good).unwrap();
    let intermediate = CertificateInfo::parse(&intermediate).unwrap();
    assert_eq!(good.issuer_der(), intermediate.subject_der());
    assert_eq!(intermediate.issuer_der(), root.subject());
    assert_eq!(good.is_signed_by(intermediate.public_key(), algorithms::ALL), Some(true));
    assert_eq!(intermediate.is_signed_by(root.public_key(), algorithms::ALL), Some(true));
    assert_eq!(good.is_signed_by(root.public_key(), algorithms::ALL), Some(false));
    assert_eq!(good.is_signed_by(root.public_key(), &[]), None);
    assert_eq!(good.is_signed_by(b"no key", algorithms::ALL), None);
}

/// Any bytes: every prefix of a certificate, and every byte of it changed. Nothing panics, and no loop is endless.
#[test]
fn any_bytes() {
    let whole = der("good");
    let look = |der: &[u8]| {
        let read = CertificateInfo::parse(der);
        if let Some(this) = read {
            let _ = (this.subject(), this.issuer(), this.key(), this.days_left(at(u64::MAX)));
            assert!(this.dns_names().count() + this.ip_addresses().count() < 100);
            let _ = this.is_signed_by(this.public_key(), algorithms::ALL);
        }
        read.is_some()
    };
    for len in 0..whole.len() {
        assert!(!look(&whole[..len]), "{len}");
    }
    for place in 0..whole.len() {
        for change in [1, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[place] ^= change;
            look(&changed);
        }
    }
}
