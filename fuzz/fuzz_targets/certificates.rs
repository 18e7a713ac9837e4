//! Certificates, revocation lists, keys and PEM, as a user or a server gives them; and a path from them to a root, beside
//! webpki: what ours takes, theirs takes.
#![cfg_attr(feature = "libfuzzer", no_main)]

use rustls_pki_types::{
    CertificateDer, InvalidSignature, ServerName, SignatureVerificationAlgorithm, UnixTime, pem::PemObject,
};
use socketpool::tls::{
    Roots, VerifyPolicy,
    identity::PrivateKey,
    pem,
    roots::{RootStore, trust_anchor_from_der},
    verify::{Crl, algorithms, verify_server_chain},
};
use socketpool_fuzz::{take, take_long, target, tls::ROOT};

/// Takes every signature: a fuzzer makes none, and what lies behind them is to be reached.
#[derive(Debug)]
struct Any(&'static dyn SignatureVerificationAlgorithm);

impl SignatureVerificationAlgorithm for Any {
    fn public_key_alg_id(&self) -> rustls_pki_types::AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }
    fn signature_alg_id(&self) -> rustls_pki_types::AlgorithmIdentifier {
        self.0.signature_alg_id()
    }
    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }
}

const ANY: &[&dyn SignatureVerificationAlgorithm] =
    &[&Any(algorithms::ECDSA_P256_SHA256), &Any(algorithms::ECDSA_P384_SHA384), &Any(algorithms::ED25519)];

/// Certificates one behind the other, the server's first, each behind its length.
fn path(mut input: &[u8]) {
    let mut chain = vec![];
    while !input.is_empty() && chain.len() < 6 {
        chain.push(CertificateDer::from(take_long(&mut input)));
    }
    let (anchor, theirs) = (trust_anchor_from_der(ROOT).unwrap(), CertificateDer::from(ROOT));
    let (own, theirs) = ([anchor], [webpki::anchor_from_trusted_cert(&theirs).unwrap()]);
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_800_000_000));
    let policy = VerifyPolicy::new(Roots::only(&own)).algorithms(ANY);
    for name in ["example.com", "a.wild.example.com", "192.0.2.7"] {
        let name = ServerName::try_from(name).unwrap();
        let Ok(verified) = verify_server_chain(&chain, &name, now, &policy) else { continue };
        _ = (verified.leaf_key(), verified.root_name());
        let leaf = webpki::EndEntityCert::try_from(&chain[0]).expect("they parse it too");
        let usage = webpki::KeyUsage::server_auth();
        if let Err(error) = leaf.verify_for_usage(ANY, &theirs, &chain[1..], now, usage, None, None) {
            panic!("a path of ours that they refuse: {error:?}");
        }
        leaf.verify_is_valid_for_subject_name(&name).expect("the name");
    }
}

target!(|input| {
    let mut rest = input;
    let [kind] = take(&mut rest);
    match kind % 4 {
        0 => path(rest),
        1 => {
            if let Ok(anchor) = trust_anchor_from_der(rest) {
                assert!(!anchor.public_key().is_empty());
                _ = (anchor.subject(), anchor.name_constraints(), anchor.dates());
            }
            if let Ok(crl) = Crl::from_der(rest) {
                _ = crl.issuer();
            }
            _ = PrivateKey::from_der(rest);
        }
        2 => {
            let mut out = vec![0; rest.len()];
            let ours = pem::decode(rest, pem::CERTIFICATE, &mut out).map(<[u8]>::to_vec);
            // Theirs takes blanks and labels that ours does not; what both take is the same.
            if let (Ok(ours), Ok(theirs)) = (&ours, CertificateDer::from_pem_slice(rest)) {
                assert_eq!(ours[..], theirs[..]);
            }
            for block in pem::blocks(rest).take(100).flatten() {
                if let Ok(len) = block.decoded_len() {
                    let decoded = block.decode(&mut out).map(|decoded| decoded.len());
                    assert!(decoded.is_err() || decoded == Ok(len), "{len}, not {decoded:?}");
                }
            }
            _ = PrivateKey::from_pem(rest);
        }
        _ => {
            let mut buffer = vec![0; rest.len()];
            if let Ok(store) = RootStore::<4>::from_pem(rest, &mut buffer) {
                assert!(store.anchors().len() <= 4);
                _ = store.skipped().len();
            }
        }
    }
});
