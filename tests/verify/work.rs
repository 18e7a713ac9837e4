//! How much work a server's certificates can cause, and that a verification can stop between two signature checks.
#![cfg(feature = "tls")]

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, SignatureAlgorithm,
    date_time_ymd,
};
use rustls_pki_types::{AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm};
use socketpool::tls::roots::{Roots, TrustAnchor, trust_anchor_from_der};
use socketpool::tls::verify::CertificateError as E;
use socketpool::tls::verify::{
    ChainCheck, KeyKind, MAX_CERTIFICATES, MAX_CHECKS, MAX_FAILED_CHECKS, Progress, VerifyPolicy, algorithms,
};

use crate::support::pki::{NOW, anchor, at, chain, name};

fn params(common_name: &str, is_authority: bool) -> CertificateParams {
    let names = if is_authority { vec![] } else { vec!["example.com".to_owned()] };
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.use_authority_key_identifier_extension = true;
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    } else {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    }
    params
}

fn key(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).unwrap()
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn root_of(algorithm: &'static SignatureAlgorithm) -> Authority {
    CertifiedIssuer::self_signed(params("Root", true), key(algorithm)).unwrap()
}

/// A server's certificate with a key for P-256 and this many intermediate certificates with keys of a kind.
fn honest(
    root: &Authority,
    algorithm: &'static SignatureAlgorithm,
    intermediates: usize,
) -> Vec<CertificateDer<'static>> {
    let mut sent = Vec::new();
    let mut issuers = Vec::<Authority>::new();
    for at in 0..intermediates {
        let params = params(&format!("Intermediate {at}"), true);
        let issuer = issuers.last().unwrap_or(root);
        issuers.push(CertifiedIssuer::signed_by(params, key(algorithm), issuer).unwrap());
        sent.insert(0, issuers[at].der().clone());
    }
    let issuer = issuers.last().unwrap_or(root);
    let leaf = params("server", false).signed_by(&key(&PKCS_ECDSA_P256_SHA256), issuer).unwrap();
    sent.insert(0, leaf.der().clone());
    sent
}

/// Intermediates of one name, each said to be issued by the root and signed by another key than the root's: no secret key
/// is needed to make them, and each costs a check under the root's key.
fn forged(root: &Authority, algorithm: &'static SignatureAlgorithm) -> Vec<CertificateDer<'static>> {
    let impostor = Issuer::new(params("Root", true), key(algorithm));
    assert_ne!(root.der().as_ref(), impostor.key().public_key_raw());
    let authority = |_| CertifiedIssuer::signed_by(params("Intermediate", true), key(algorithm), &impostor).unwrap();
    let authorities: Vec<Authority> = (1..MAX_CERTIFICATES).map(authority).collect();
    let leaf = params("server", false).signed_by(&key(&PKCS_ECDSA_P256_SHA256), &authorities[0]).unwrap();
    [leaf.der().clone()].into_iter().chain(authorities.iter().map(|authority| authority.der().clone())).collect()
}

/// What came of it, the work in tenths of a check with P-256, and how many steps it took.
fn verify(sent: &[CertificateDer<'_>], policy: &VerifyPolicy<'_>) -> (Result<KeyKind, E>, u16, usize) {
    let mut check = ChainCheck::new();
    for steps in 1.. {
        match check.step(sent, &name("example.com"), at(NOW), policy) {
            Ok(Progress::Done(verified)) => return (Ok(verified.leaf_key().unwrap().kind()), check.work(), steps),
            Err(error) => return (Err(error), check.work(), steps),
            Ok(Progress::Again) => {}
        }
    }
    unreachable!()
}

/// The hostile chain, 15 forged intermediates of one name below a P-384 root, costs at most what two honest chains cost.
#[test]
fn a_hostile_chain_costs_at_most_two_honest_ones() {
    for (algorithm, cost) in [(&PKCS_ECDSA_P384_SHA384, 30), (&PKCS_ECDSA_P256_SHA256, 10)] {
        let root = root_of(algorithm);
        let anchors = [trust_anchor_from_der(root.der()).unwrap()];
        let policy = VerifyPolicy::new(Roots::only(&anchors));
        let (verdict, honest, steps) = verify(&honest(&root, algorithm, 1), &policy);
        assert_eq!((verdict, honest, steps), (Ok(KeyKind::P256), 2 * cost, 3));
        let (verdict, hostile, steps) = verify(&forged(&root, algorithm), &policy);
        assert_eq!(verdict, Err(E::TooManySignatures));
        assert_eq!(steps as u32, MAX_FAILED_CHECKS + 1);
        // The work that was refused is counted, and not done.
        assert!(hostile - cost <= 2 * honest, "{hostile} of {honest}");
        assert_eq!(hostile - cost, MAX_FAILED_CHECKS as u16 * cost);
        println!("tenths of a check with P-256: honest {honest}, hostile {}", hostile - cost);
    }
}

/// Checks that succeed are bounded by what they cost: whatever comes, no more than two honest chains with P-384.
#[test]
fn the_default_work_is_two_chains_with_p384() {
    assert_eq!(VerifyPolicy::DEFAULT_MAX_WORK, 2 * 2 * 30);
    let root = root_of(&PKCS_ECDSA_P384_SHA384);
    let anchors = [trust_anchor_from_der(root.der()).unwrap()];
    let policy = VerifyPolicy::new(Roots::only(&anchors));
    let verdict = |intermediates, policy: &VerifyPolicy<'_>| {
        let (verdict, work, _) = verify(&honest(&root, &PKCS_ECDSA_P384_SHA384, intermediates), policy);
        (verdict, work)
    };
    // Let's Encrypt's chain of four certificates, and one more.
    assert_eq!(verdict(2, &policy), (Ok(KeyKind::P256), 90));
    assert_eq!(verdict(3, &policy), (Ok(KeyKind::P256), 120));
    assert_eq!(verdict(4, &policy).0, Err(E::TooManySignatures));
    assert_eq!(verdict(4, &policy.max_work(150)), (Ok(KeyKind::P256), 150));
    // The longest path there is, below three lists of roots.
    let root = root_of(&PKCS_ECDSA_P256_SHA256);
    let anchors = [trust_anchor_from_der(root.der()).unwrap()];
    for roots in [Roots::only(&anchors), Roots::public(&anchors), Roots::mozilla_and(&anchors)] {
        let (verdict, work, steps) = verify(&honest(&root, &PKCS_ECDSA_P256_SHA256, 6), &VerifyPolicy::new(roots));
        assert_eq!((verdict, work, steps), (Ok(KeyKind::P256), 70, 8));
    }
}

/// However much work is allowed, there are at most [`MAX_CHECKS`] checks.
#[test]
fn the_number_of_checks_is_bounded() {
    static CHECKS: AtomicU32 = AtomicU32::new(0);
    #[derive(Debug)]
    struct Counting;
    impl SignatureVerificationAlgorithm for Counting {
        fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
            CHECKS.fetch_add(1, Relaxed);
            algorithms::ECDSA_P256_SHA256.verify_signature(key, message, signature)
        }
        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            algorithms::ECDSA_P256_SHA256.public_key_alg_id()
        }
        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            algorithms::ECDSA_P256_SHA256.signature_alg_id()
        }
    }
    let counted: &[&dyn SignatureVerificationAlgorithm] = &[&Counting];

    let root = root_of(&PKCS_ECDSA_P256_SHA256);
    let anchors = [trust_anchor_from_der(root.der()).unwrap()];
    let policy = VerifyPolicy::new(Roots::only(&anchors)).max_work(u16::MAX).algorithms(counted);
    assert_eq!(verify(&honest(&root, &PKCS_ECDSA_P256_SHA256, 6), &policy).0, Ok(KeyKind::P256));
    // Each signature once, though the search began anew after each.
    assert_eq!(CHECKS.swap(0, Relaxed), 7);
    assert_eq!(verify(&forged(&root, &PKCS_ECDSA_P256_SHA256), &policy).0, Err(E::TooManySignatures));
    assert_eq!(CHECKS.swap(0, Relaxed), MAX_FAILED_CHECKS);
    assert!(MAX_FAILED_CHECKS < MAX_CHECKS as u32);
}

/// One step does one check: the work grows by one check's cost at a time, and an error is final.
#[test]
fn a_step_is_one_check() {
    let roots = [anchor("mixroot")];
    let policy = VerifyPolicy::new(Roots::only(&roots));
    let sent = chain(&["mixleaf", "mixb", "mixa", "good"]);
    let mut check = ChainCheck::new();
    let mut work = vec![];
    loop {
        let progress = check.step(&sent, &name("example.com"), at(NOW), &policy).unwrap();
        work.push(check.work());
        if let Progress::Done(verified) = progress {
            assert_eq!(verified.root_name(), Some("Mixed Root"));
            break;
        }
    }
    // RSA-4096, P-384, RSA-3072.
    assert_eq!(work, [20, 50, 61, 61]);

    // Another chain, or another name, in the middle: what was checked is bound to its bytes, and proves nothing else.
    let mut check = ChainCheck::new();
    assert!(matches!(check.step(&sent, &name("example.com"), at(NOW), &policy), Ok(Progress::Again)));
    assert!(matches!(check.step(&sent, &name("example.com"), at(NOW), &policy), Ok(Progress::Again)));
    let other = chain(&["mixleaf", "twin", "mixa"]);
    assert_eq!(check.step(&other, &name("example.com"), at(NOW), &policy).map(|_| ()), Err(E::UnknownIssuer));
    let mut check = ChainCheck::new();
    while let Ok(Progress::Again) = check.step(&sent, &name("example.com"), at(NOW), &policy) {}
    assert_eq!(check.step(&sent, &name("example.org"), at(NOW), &policy).map(|_| ()), Err(E::NameMismatch));
}

/// A root's certificate is looked for by name: many others cost nothing.
#[test]
fn other_roots_cost_no_check() {
    let root = root_of(&PKCS_ECDSA_P256_SHA256);
    let stranger = anchor("stranger");
    let mut anchors: Vec<TrustAnchor<'_>> = vec![stranger; 30];
    anchors.push(trust_anchor_from_der(root.der()).unwrap());
    let policy = VerifyPolicy::new(Roots::mozilla_and(&anchors));
    let (verdict, work, _) = verify(&honest(&root, &PKCS_ECDSA_P256_SHA256, 1), &policy);
    assert_eq!((verdict, work), (Ok(KeyKind::P256), 20));
}
