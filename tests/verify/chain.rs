//! Server certificates of every kind, good and bad, and the exact verdict for each.
#![cfg(feature = "tls")]

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use socketpool::tls::pin::{Pin, PinMode};
use socketpool::tls::roots::{Roots, TrustAnchor, trust_anchor_from_der};
use socketpool::tls::verify::CertificateError as E;
use socketpool::tls::verify::{
    Crl, KeyKind, MAX_CERTIFICATES, RevocationPolicy, TimePolicy, VerifyPolicy, algorithms, verify_server_chain,
};

use crate::support::pki::{self, NOW, anchor, at, chain, der, name, pins};

/// The verdict under one own root, `root`, for `example.com`, on [`NOW`].
fn verdict(names: &[&str]) -> Result<(), E> {
    verdict_for(names, "example.com")
}

fn verdict_for(names: &[&str], server: &str) -> Result<(), E> {
    let roots = [anchor("root")];
    verdict_with(names, server, &VerifyPolicy::new(Roots::only(&roots)))
}

fn verdict_with(names: &[&str], server: &str, policy: &VerifyPolicy<'_>) -> Result<(), E> {
    verify_server_chain(&chain(names), &name(server), at(NOW), policy).map(|_| ())
}

#[test]
fn table() {
    let expired = E::Expired { not_after: 1_767_225_600, now: NOW };
    let stale = E::Expired { not_after: 1_735_689_600, now: NOW };
    let future = E::NotYetValid { not_before: 1_798_761_600, now: NOW };
    let table: &[(&str, &[&str], Result<(), E>)] = &[
        // What is right.
        ("plain", &["good", "int"], Ok(())),
        ("root sent along", &["good", "int", "root"], Ok(())),
        ("issued by the root", &["direct"], Ok(())),
        ("own root, no extended key usage", &["noeku", "int"], Ok(())),
        ("superfluous certificates", &["good", "stranger", "limited", "int", "mixa", "sha1"], Ok(())),
        ("the server's own twice", &["good", "good", "int", "int"], Ok(())),
        ("cross-sign of another root first", &["good", "cross", "int"], Ok(())),
        ("an expired twin of the intermediate", &["good", "stale", "int"], Ok(())),
        ("another key of the same name", &["good", "twin", "int"], Ok(())),
        ("inside the name constraints", &["inside", "limited"], Ok(())),
        ("rsa server", &["rsa", "int"], Ok(())),
        ("ed25519 server", &["ed", "int"], Ok(())),
        ("p-384 server", &["p384", "int"], Ok(())),
        // Dates.
        ("expired", &["expired", "int"], Err(expired)),
        ("not yet valid", &["future", "int"], Err(future)),
        ("expired intermediate", &["good", "stale"], Err(stale)),
        ("expired and from nowhere", &["expired"], Err(expired)),
        // Trust.
        ("missing intermediate", &["good"], Err(E::UnknownIssuer)),
        ("wrong intermediate", &["good", "limited"], Err(E::UnknownIssuer)),
        ("untrusted root", &["good", "cross", "stranger"], Err(E::UnknownIssuer)),
        ("self-signed", &["self"], Err(E::UnknownIssuer)),
        ("self-signed authority", &["selfca"], Err(E::UnknownIssuer)),
        ("signature by another key of the same name", &["good", "twin"], Err(E::BadSignature)),
        ("issued by a server", &["byleaf", "good", "int"], Err(E::NotACa)),
        ("authority that may not sign", &["bynosign", "nosign"], Err(E::NotACa)),
        ("below an authority that allows none below", &["byunder", "under", "zero"], Err(E::PathTooLong)),
        ("intermediate for mail", &["bymail", "mail"], Err(E::WrongUsage)),
        ("nothing", &[], Err(E::EmptyChain)),
        // The server's own certificate.
        ("common name only", &["cnonly", "int"], Err(E::NameMismatch)),
        ("for clients", &["client", "int"], Err(E::WrongUsage)),
        ("may sign certificates", &["signer", "int"], Err(E::WrongUsage)),
        ("may not sign handshakes", &["nodigsig", "int"], Err(E::WrongUsage)),
        ("an authority as server", &["isca", "int"], Err(E::WrongUsage)),
        ("unknown critical extension", &["unknown", "int"], Err(E::UnsupportedCriticalExtension)),
        ("outside of the name constraints", &["outside", "limited"], Err(E::NameConstraint)),
        ("excluded by name constraints", &["excluded", "limited"], Err(E::NameConstraint)),
        ("address outside of the name constraints", &["outsideip", "limited"], Err(E::NameConstraint)),
        // Algorithms.
        ("sha-1", &["sha1", "int"], Err(E::UnsupportedAlgorithm)),
        ("rsa-1024 server", &["rsa1024", "int"], Err(E::WeakKey { bits: 1024 })),
        ("rsa-1024 intermediate", &["byweak", "weak"], Err(E::WeakKey { bits: 1024 })),
        ("p-521 server", &["p521", "int"], Err(E::UnsupportedAlgorithm)),
    ];
    for (case, names, expected) in table {
        assert_eq!(verdict(names), *expected, "{case}");
    }
}

#[test]
fn names() {
    let good = &["good", "int"];
    for right in
        ["example.com", "EXAMPLE.com", "one.example", "four.example", "a.wild.example.com", "192.0.2.7", "2001:db8::7"]
    {
        assert_eq!(verdict_for(good, right), Ok(()), "{right}");
    }
    let wrong = [
        "other.example", // the common name
        "www.example.com",
        "wild.example.com",
        "a.b.wild.example.com",
        "example.com.evil.example",
        "192.0.2.8",
        "2001:db8::8",
    ];
    for wrong in wrong {
        assert_eq!(verdict_for(good, wrong), Err(E::NameMismatch), "{wrong}");
    }
}

#[test]
fn every_order_of_a_chain_with_every_kind_of_signature() {
    let roots = [anchor("mixroot")];
    let policy = VerifyPolicy::new(Roots::only(&roots));
    for names in [
        ["mixleaf", "mixb", "mixa", "good"],
        ["mixleaf", "good", "mixa", "mixb"],
        ["mixleaf", "mixa", "mixroot", "mixb"],
    ] {
        let chain = chain(&names);
        let verified = verify_server_chain(&chain, &name("example.com"), at(NOW), &policy).unwrap();
        assert_eq!(verified.root_name(), Some("Mixed Root"));
        assert_eq!(verified.leaf_key().unwrap().kind(), KeyKind::Ed25519);
    }
}

#[test]
fn the_root_outlives_the_certificates() {
    let roots = [anchor("root")];
    let policy = VerifyPolicy::new(Roots::only(&roots));
    let (key, root) = {
        let chain = chain(&["good", "int"]);
        let verified = verify_server_chain(&chain, &name("example.com"), at(NOW), &policy).unwrap();
        (verified.leaf_key().unwrap(), verified.root_name())
    };
    assert_eq!((key.kind(), root), (KeyKind::P256, Some("Test Root")));
}

#[test]
fn public_roots_ask_for_server_authentication() {
    let roots = [anchor("root")];
    let public = VerifyPolicy::new(Roots::public(&roots));
    assert_eq!(verdict_with(&["good", "int"], "example.com", &public), Ok(()));
    assert_eq!(verdict_with(&["noeku", "int"], "example.com", &public), Err(E::WrongUsage));
    assert_eq!(verdict_with(&["anyuse", "int"], "example.com", &public), Err(E::WrongUsage));
    let own = VerifyPolicy::new(Roots::only(&roots));
    assert_eq!(verdict_with(&["anyuse", "int"], "example.com", &own), Ok(()));
}

#[test]
fn mozilla_and_own_roots() {
    let roots = [anchor("root")];
    let good = &["good", "int"];
    let both = VerifyPolicy::new(Roots::mozilla_and(&roots));
    assert_eq!(verdict_with(good, "example.com", &both), Ok(()));
    assert_eq!(verdict_with(&["self"], "example.com", &both), Err(E::UnknownIssuer));
    assert_eq!(verdict_with(&["client", "int"], "example.com", &both), Err(E::WrongUsage));
    assert_eq!(verdict_with(good, "example.com", &VerifyPolicy::default()), Err(E::UnknownIssuer));
    assert_eq!(verdict_with(good, "example.com", &VerifyPolicy::new(Roots::NONE)), Err(E::UnknownIssuer));
    assert!(Roots::MOZILLA.len() > 100);
}

#[test]
fn the_budget_of_signature_checks_is_kept() {
    let roots = [anchor("root")];
    let policy = VerifyPolicy::new(Roots::only(&roots));
    assert_eq!(verdict_with(&["good", "int"], "example.com", &policy.max_work(20)), Ok(()));
    assert_eq!(verdict_with(&["good", "int"], "example.com", &policy.max_work(19)), Err(E::TooManySignatures));
    assert_eq!(verdict_with(&["good", "int"], "example.com", &policy.max_work(9)), Err(E::TooManySignatures));
    assert_eq!(verdict_with(&["good", "int"], "example.com", &policy.max_work(0)), Err(E::TooManySignatures));
    // Many roots of the same name, none of which made the signature: the same one is checked once.
    let twins: Vec<TrustAnchor<'_>> = (0..20).map(|_| anchor("twin")).collect();
    let policy = VerifyPolicy::new(Roots::only(&twins));
    assert_eq!(verdict_with(&["good"], "example.com", &policy), Err(E::BadSignature));
    // And twenty different ones.
    let twins: Vec<Vec<u8>> = (0..20)
        .map(|_| {
            let mut params = rcgen::CertificateParams::default();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, "Intermediate");
            params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
        })
        .collect();
    let twins: Vec<TrustAnchor<'_>> = twins.iter().map(|der| trust_anchor_from_der(der).unwrap()).collect();
    assert_eq!(twins[0].subject(), anchor("twin").subject());
    let policy = VerifyPolicy::new(Roots::only(&twins));
    assert_eq!(verdict_with(&["good"], "example.com", &policy), Err(E::TooManySignatures));
}

/// Authorities of one name, each with its own key, every one of which could have issued every other: a maze with millions
/// of paths and no root at its end.
#[test]
fn the_number_of_paths_is_limited() {
    let authority = || {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Maze");
        let key = rcgen::KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap(), rcgen::Issuer::new(params, key))
    };
    let (_, issuer) = authority();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["example.com".to_owned()]).unwrap();
    let mut sent = vec![params.signed_by(&key, &issuer).unwrap().der().clone()];
    sent.extend((1..MAX_CERTIFICATES).map(|_| authority().0.der().clone()));

    let roots = [anchor("root")];
    let policy = VerifyPolicy::new(Roots::only(&roots));
    let verdict = verify_server_chain(&sent, &name("example.com"), at(NOW), &policy).map(|_| ());
    assert_eq!(verdict, Err(E::TooManyPaths));

    sent.push(sent[0].clone());
    let verdict = verify_server_chain(&sent, &name("example.com"), at(NOW), &policy).map(|_| ());
    assert_eq!(verdict, Err(E::TooManyCertificates { count: MAX_CERTIFICATES as u8 + 1 }));
}

#[test]
fn revocation_lists() {
    let roots = [anchor("root")];
    let policy = VerifyPolicy::new(Roots::only(&roots));
    let fresh = [Crl::from_der(pki::file!("fresh.crl")).unwrap()];
    let overdue = [Crl::from_der(pki::file!("overdue.crl")).unwrap()];
    let forged = [Crl::from_der(pki::file!("forged.crl")).unwrap()];
    let good = &["good", "int"];
    let revoked = &["revoked", "int"];
    assert_eq!(verdict_with(revoked, "example.com", &policy), Ok(()));
    assert_eq!(verdict_with(revoked, "example.com", &policy.crls(&fresh)), Err(E::Revoked));
    assert_eq!(verdict_with(good, "example.com", &policy.crls(&fresh)), Ok(()));
    let due = E::CrlExpired { next_update: 1_777_593_600, now: NOW };
    assert_eq!(verdict_with(good, "example.com", &policy.crls(&overdue)), Err(due));
    assert_eq!(verdict_with(good, "example.com", &policy.crls(&forged)), Err(E::BadCrl));
    let required = policy.revocation(RevocationPolicy::Required);
    assert_eq!(verdict_with(good, "example.com", &required), Err(E::UnknownRevocation));
    // There is a list for the server, but none for the intermediate.
    assert_eq!(verdict_with(good, "example.com", &required.crls(&fresh)), Err(E::UnknownRevocation));
    assert_eq!(Crl::from_der(b"no list").map(|_| ()), Err(E::BadCrl));
}

#[test]
fn pins_besides_the_chain() {
    let roots = [anchor("root")];
    let policy = VerifyPolicy::new(Roots::only(&roots));
    let good = &["good", "int"];
    let verdict = |pins: &[Pin]| verdict_with(good, "example.com", &policy.pins(pins));
    assert_eq!(verdict(&[Pin::leaf_spki_from_hex(pins::SPKI_GOOD).unwrap()]), Ok(()));
    assert_eq!(verdict(&[Pin::any_spki_from_hex(pins::SPKI_GOOD).unwrap()]), Ok(()));
    assert_eq!(verdict(&[Pin::any_spki_from_hex(pins::SPKI_INT).unwrap()]), Ok(()));
    assert_eq!(verdict(&[Pin::any_spki_from_hex(pins::SPKI_ROOT).unwrap()]), Ok(()));
    assert_eq!(verdict(&[Pin::leaf_certificate_from_hex(pins::CERTIFICATE_GOOD).unwrap()]), Ok(()));
    assert_eq!(verdict(&[Pin::LeafSpki([0; 32]), Pin::any_spki_from_hex(pins::SPKI_INT).unwrap()]), Ok(()));
    assert_eq!(verdict(&[Pin::leaf_spki_from_hex(pins::SPKI_INT).unwrap()]), Err(E::PinMismatch));
    assert_eq!(verdict(&[Pin::leaf_spki_from_hex(pins::SPKI_ROOT).unwrap()]), Err(E::PinMismatch));
    assert_eq!(verdict(&[Pin::leaf_certificate_from_hex(pins::SPKI_GOOD).unwrap()]), Err(E::PinMismatch));
    // A pinned key that is sent along but has no part in the path.
    let other = [Pin::any_spki_from_hex(pins::SPKI_SELFCA).unwrap()];
    assert_eq!(verdict_with(&["good", "int", "selfca"], "example.com", &policy.pins(&other)), Err(E::PinMismatch));
    // A pin does not replace the chain.
    let leaf = [Pin::leaf_spki_from_hex(pins::SPKI_SELF).unwrap()];
    assert_eq!(verdict_with(&["self"], "example.com", &policy.pins(&leaf)), Err(E::UnknownIssuer));
}

#[test]
fn pins_instead_of_the_chain() {
    let policy = VerifyPolicy::new(Roots::NONE).pin_mode(PinMode::InsteadOfChain);
    let key = [Pin::leaf_spki_from_hex(pins::SPKI_SELF).unwrap()];
    let authority = [Pin::any_spki_from_hex(pins::SPKI_SELFCA).unwrap()];
    let good = [Pin::leaf_spki_from_hex(pins::SPKI_GOOD).unwrap()];
    assert_eq!(verdict_with(&["self"], "192.0.2.99", &policy.pins(&key)), Ok(()));
    assert_eq!(verdict_with(&["selfca"], "192.0.2.99", &policy.pins(&authority)), Ok(()));
    assert_eq!(verdict_with(&["self", "good"], "example.com", &policy.pins(&good)), Err(E::PinMismatch));
    assert_eq!(verdict_with(&["good", "self"], "example.com", &policy.pins(&key)), Err(E::PinMismatch));
    assert_eq!(verdict_with(&["self"], "example.com", &policy), Err(E::PinMismatch));
    let sent = chain(&["self"]);
    let policy = policy.pins(&key);
    let verified = verify_server_chain(&sent, &name("example.com"), at(NOW), &policy).unwrap();
    assert_eq!((verified.root_name(), verified.anchor()), (None, None));
    let late = verify_server_chain(&sent, &name("example.com"), at(2_100_000_000), &policy).map(|_| ());
    assert_eq!(late, Err(E::Expired { not_after: 2_082_758_400, now: 2_100_000_000 }));
    let early = verify_server_chain(&sent, &name("example.com"), at(1), &policy).map(|_| ());
    assert_eq!(early, Err(E::NotYetValid { not_before: 1_767_225_600, now: 1 }));
    assert!(verify_server_chain(&sent, &name("example.com"), at(1), &policy.time(TimePolicy::FloorOnly)).is_ok());
}

#[test]
fn a_floor_instead_of_the_time() {
    let roots = [anchor("root")];
    let policy = VerifyPolicy::new(Roots::only(&roots)).time(TimePolicy::FloorOnly);
    // A firmware of March 2026, a certificate from May 2026 on.
    let floor = at(1_772_323_200);
    let verdict =
        |names: &[&str], floor| verify_server_chain(&chain(names), &name("example.com"), floor, &policy).map(|_| ());
    assert_eq!(verdict(&["renewed", "int"], floor), Ok(()));
    let strict = policy.time(TimePolicy::Strict);
    let early = verify_server_chain(&chain(&["renewed", "int"]), &name("example.com"), floor, &strict).map(|_| ());
    assert_eq!(early.unwrap_err().reason(), "not-yet-valid");
    assert_eq!(verdict(&["expired", "int"], floor).unwrap_err().reason(), "expired");
    assert_eq!(verdict(&["renewed", "int"], at(1_800_000_000)).unwrap_err().reason(), "expired");
}

#[test]
fn other_algorithms_can_be_chosen() {
    let roots = [anchor("root")];
    let only_p256: &[&dyn SignatureVerificationAlgorithm] = &[algorithms::ECDSA_P256_SHA256];
    let policy = VerifyPolicy::new(Roots::only(&roots)).algorithms(only_p256);
    assert_eq!(verdict_with(&["good", "int"], "example.com", &policy), Ok(()));
    assert_eq!(verdict_with(&["p384", "int"], "example.com", &policy), Err(E::UnsupportedAlgorithm));
    let none = policy.algorithms(&[]);
    assert_eq!(verdict_with(&["good", "int"], "example.com", &none), Err(E::UnsupportedAlgorithm));
}

/// Every byte of the server's certificate and its intermediate, turned to two other values. What is signed is all but
/// the header in front of it, and that has one encoding: no change can pass.
#[test]
fn no_changed_byte_is_accepted() {
    let roots = [anchor("root")];
    let policy = VerifyPolicy::new(Roots::only(&roots));
    let originals = [der("good"), der("int")];
    for which in 0..2 {
        for position in 0..originals[which].len() {
            for mask in [0x01, 0xff] {
                let mut changed = originals.clone();
                changed[which][position] ^= mask;
                let chain = changed.map(CertificateDer::from);
                let verdict = verify_server_chain(&chain, &name("example.com"), at(NOW), &policy);
                assert!(verdict.is_err(), "certificate {which}, byte {position}, mask {mask:#x}");
            }
        }
        for len in 0..originals[which].len() {
            let mut cut = originals.clone();
            cut[which].truncate(len);
            let chain = cut.map(CertificateDer::from);
            assert!(
                verify_server_chain(&chain, &name("example.com"), at(NOW), &policy).is_err(),
                "{which} cut at {len}"
            );
        }
    }
}

/// Several bytes anywhere in several certificates at once: a verdict, and never a good one.
#[test]
fn scrambled_chains_are_refused() {
    let roots = [anchor("mixroot"), anchor("root")];
    let policy = VerifyPolicy::new(Roots::only(&roots));
    let mut state = 0x2545_f491_4f6c_dd1d_u64; // xorshift64
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let originals = [["mixleaf", "mixb", "mixa"], ["inside", "limited", "root"], ["good", "int", "revoked"]];
    for round in 0..900 {
        let mut certificates = originals[round % originals.len()].map(der);
        // The server's own certificate is always hit, so that no path around the damage is left.
        for which in [0, random(3), random(3)] {
            let at = random(certificates[which].len());
            certificates[which][at] = certificates[which][at].wrapping_add(1 + random(255) as u8);
        }
        if certificates[0] == der(originals[round % originals.len()][0]) {
            continue; // hit twice in one place and whole again
        }
        let chain = certificates.map(CertificateDer::from);
        assert!(verify_server_chain(&chain, &name("example.com"), at(NOW), &policy).is_err(), "round {round}");
    }
}

#[test]
fn reasons_are_words() {
    let error = verdict(&["expired", "int"]).unwrap_err();
    assert_eq!(error.reason(), "expired");
    let text = "certificate expired at 1767225600, it is 1780272000: renew it, or set the clock of this device";
    assert_eq!(error.to_string(), text);
    // What is wrong, and what to do about it.
    let told = [
        (E::UnknownIssuer, "Roots::only"),
        (E::NameMismatch, "subject alternative names"),
        (E::NotACa, "pin the server's key"),
        (E::PemInsteadOfDer, "openssl x509"),
        (E::NoAuthorityKeyId, "authorityKeyIdentifier=keyid"),
        (E::UnsupportedAlgorithm, "VerifyPolicy::algorithms"),
        (E::TooManySignatures, "VerifyPolicy::max_work"),
    ];
    for (error, what) in told {
        let text = error.to_string();
        assert!(text.contains(": ") && text.contains(what), "{text}");
    }
}
