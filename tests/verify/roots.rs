//! Roots from DER, at compile time and at run time, and from PEM.
#![cfg(feature = "tls")]

use rustls_pki_types::CertificateDer;
use socketpool::tls::pem::{self, PemError};
use socketpool::tls::roots::{
    RootError, RootStore, Roots, SkippedRoot, TrustAnchor, constant_trust_anchor, trust_anchor_from_der,
};
use socketpool::tls::verify::CertificateError;

use crate::support::pki::{der, file};

const TEXT: &[u8] = include_bytes!("../pki/roots.pem");

#[test]
fn a_constant_anchor() {
    static ROOT: TrustAnchor<'static> = constant_trust_anchor(file!("root.der"));
    assert_eq!(Ok(ROOT), trust_anchor_from_der(&der("root")));
}

/// The anchors we make are those the path search would make.
#[test]
fn anchors_agree_with_the_path_search() {
    for name in ["root", "stranger", "int", "limited", "mixroot", "mixa", "zero", "selfca"] {
        let bytes = der(name);
        let certificate = CertificateDer::from(&bytes[..]);
        let theirs = webpki::anchor_from_trusted_cert(&certificate).unwrap();
        let ours = trust_anchor_from_der(&bytes).unwrap();
        // Ours has dates besides.
        let without_dates = TrustAnchor::new(ours.subject(), ours.public_key(), ours.name_constraints());
        assert_eq!(TrustAnchor::from(&theirs), without_dates, "{name}");
        assert!(ours.dates().is_some(), "{name}");
    }
}

#[test]
fn what_is_no_root() {
    assert_eq!(trust_anchor_from_der(&der("good")), Err(CertificateError::NotACa));
    assert_eq!(trust_anchor_from_der(b""), Err(CertificateError::Malformed));
    let root = der("root");
    for len in 0..root.len() {
        assert_eq!(trust_anchor_from_der(&root[..len]), Err(CertificateError::Malformed));
    }
}

#[test]
fn several_roots_in_one_text() {
    let mut buffer = [0; 2048];
    let store = RootStore::<2>::from_pem(TEXT, &mut buffer).unwrap();
    assert_eq!(
        store.anchors(),
        [trust_anchor_from_der(&der("root")).unwrap(), trust_anchor_from_der(&der("mixroot")).unwrap()]
    );
}

/// One strange certificate does not spoil a bundle: it is left out, and named.
#[test]
fn what_is_no_root_is_skipped_and_named() {
    let strange = {
        let mut params = rcgen::CertificateParams::new([]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "Strange Root");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let mut extension = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap()
    };
    let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let text = [strange.pem().as_bytes(), TEXT, broken.as_bytes()].concat();
    let mut buffer = [0; 4096];
    let store = RootStore::<2>::from_pem(&text, &mut buffer).unwrap();
    assert_eq!(store.anchors().len(), 2);
    assert_eq!(
        store.skipped(),
        [
            SkippedRoot { position: 0, name: "Strange Root", reason: CertificateError::UnsupportedCriticalExtension },
            SkippedRoot { position: 3, name: "", reason: CertificateError::Malformed },
        ]
    );

    // Without a single root there is nothing to go on with.
    let mut buffer = [0; 4096];
    let error = RootStore::<2>::from_pem(strange.pem().as_bytes(), &mut buffer).unwrap_err();
    assert_eq!(error, RootError::Certificate(CertificateError::UnsupportedCriticalExtension));
    let many = [broken, broken, broken].concat();
    let error = RootStore::<2>::from_pem(many.as_bytes(), &mut buffer).unwrap_err();
    assert_eq!(error, RootError::TooMany { capacity: 2 });
}

#[test]
fn text_in_place_of_der_is_named() {
    assert_eq!(trust_anchor_from_der(TEXT), Err(CertificateError::PemInsteadOfDer));
    let told = CertificateError::PemInsteadOfDer.to_string();
    assert!(told.contains("-outform DER"), "{told}");
}

/// Let's Encrypt's roots of generation Y are ours only until Mozilla's list has them.
#[test]
fn generation_y_is_not_in_webpki_roots_yet() {
    assert_eq!(Roots::MOZILLA.len(), webpki_roots::TLS_SERVER_ROOTS.len() + 2);
    for file in ["isrg-root-yr.der", "isrg-root-ye.der"] {
        let der = std::fs::read(format!("{}/src/tls/roots/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let ours = trust_anchor_from_der(&der).unwrap();
        let is_there = webpki_roots::TLS_SERVER_ROOTS.iter().any(|theirs| theirs.subject.as_ref() == ours.subject());
        assert!(!is_there, "webpki-roots has {file} now: drop ours from src/tls/roots.rs");
    }
}

#[test]
fn too_little_room() {
    let needed = der("root").len() + der("mixroot").len();
    let mut buffer = vec![0; needed];
    assert!(RootStore::<2>::from_pem(TEXT, &mut buffer).is_ok());
    let error = RootStore::<1>::from_pem(TEXT, &mut buffer).unwrap_err();
    assert_eq!(error, RootError::TooMany { capacity: 1 });
    buffer.pop();
    let error = RootStore::<2>::from_pem(TEXT, &mut buffer).unwrap_err();
    assert_eq!(error, RootError::Pem(PemError::BufferTooSmall { needed }));
    let error = RootStore::<2>::from_pem(b"nothing here", &mut buffer).unwrap_err();
    assert_eq!(error, RootError::Pem(PemError::NotFound));
}

#[test]
fn pem_and_der_are_the_same() {
    let mut buffer = [0; 1024];
    assert_eq!(pem::decode(TEXT, pem::CERTIFICATE, &mut buffer).unwrap(), der("root"));
}

/// Whatever is changed in a root certificate, reading it ends without a panic.
#[test]
fn changed_roots_are_read_or_refused() {
    let roots = ["root", "limited", "mixroot"].map(der);
    for root in roots {
        for position in 0..root.len() {
            for mask in [0x01, 0x80, 0xff] {
                let mut changed = root.clone();
                changed[position] ^= mask;
                let _ = trust_anchor_from_der(&changed);
            }
        }
    }
}
