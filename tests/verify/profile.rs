//! What RFC 5280 asks of certificates beyond signatures, dates and names, and where Python's cryptography, OpenSSL's strict
//! mode and x509-limbo agree about it: the exact verdict for each.
#![cfg(feature = "tls")]

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use socketpool::tls::roots::{Roots, TrustAnchor, trust_anchor_from_der};
use socketpool::tls::verify::CertificateError as E;
use socketpool::tls::verify::{TimePolicy, VerifyPolicy, verify_server_chain};

use crate::support::pki::{NOW, at, name};

const SUBJECT_KEY_ID: &[u64] = &[2, 5, 29, 14];
const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
const AUTHORITY_INFO_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];

/// A certificate and its key, able to issue others.
struct Made {
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority(common_name: &str) -> CertificateParams {
    let mut params = params(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn changed(mut params: CertificateParams, change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    change(&mut params);
    params
}

fn limited(common_name: &str, path_len: u8) -> CertificateParams {
    changed(authority(common_name), |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_len)))
}

fn server() -> CertificateParams {
    let mut params = params("server");
    params.subject_alt_names = CertificateParams::new(["example.com".to_owned()]).unwrap().subject_alt_names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn root(params: CertificateParams) -> Made {
    let key = KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().der().clone();
    Made { der, issuer: Issuer::new(params, key) }
}

fn issue(params: CertificateParams, issuer: &Made) -> Made {
    let key = KeyPair::generate().unwrap();
    let der = params.signed_by(&key, &issuer.issuer).unwrap().der().clone();
    Made { der, issuer: Issuer::new(params, key) }
}

/// A certificate with one extension more.
fn with(mut params: CertificateParams, oid: &[u64], is_critical: bool, value: &[u8]) -> CertificateParams {
    let mut extension = CustomExtension::from_oid_content(oid, value.to_vec());
    extension.set_criticality(is_critical);
    params.custom_extensions.push(extension);
    params
}

fn verdict(chain: &[&Made], root: &Made) -> Result<(), E> {
    let chain: Vec<_> = chain.iter().map(|made| made.der.clone()).collect();
    let anchors = [trust_anchor_from_der(&root.der)?];
    // The rules hold below roots of one's own and below public ones.
    let verdicts = [Roots::only(&anchors), Roots::public(&anchors)]
        .map(|roots| verify_server_chain(&chain, &name("example.com"), at(NOW), &VerifyPolicy::new(roots)).map(|_| ()));
    assert_eq!(verdicts[0], verdicts[1]);
    verdicts[0]
}

fn verdict_of_server(params: CertificateParams) -> Result<(), E> {
    let root = root(authority("Root"));
    verdict(&[&issue(params, &root)], &root)
}

fn verdict_of_intermediate(params: CertificateParams) -> Result<(), E> {
    let root = root(authority("Root"));
    let intermediate = issue(params, &root);
    verdict(&[&issue(server(), &intermediate), &intermediate], &root)
}

#[test]
fn what_is_right() {
    assert_eq!(verdict_of_server(server()), Ok(()));
    assert_eq!(verdict_of_intermediate(authority("Intermediate")), Ok(()));
}

/// RFC 5280 §4.2.1.1: the key identifier is there in every certificate that is not self-signed.
#[test]
fn an_authority_key_identifier_has_to_be_there() {
    let without = |params| changed(params, |params| params.use_authority_key_identifier_extension = false);
    assert_eq!(verdict_of_server(without(server())), Err(E::NoAuthorityKeyId));
    assert_eq!(verdict_of_intermediate(without(authority("Intermediate"))), Err(E::NoAuthorityKeyId));
    // One that has an issuer and a serial number in it, and no key identifier.
    let params = with(without(server()), &[2, 5, 29, 35], false, &[0x30, 0x03, 0x82, 0x01, 0x05]);
    assert_eq!(verdict_of_server(params), Err(E::NoAuthorityKeyId));
    // A root signed itself, and need not say so.
    let root = root(without(authority("Root")));
    assert_eq!(verdict(&[&issue(server(), &root)], &root), Ok(()));
}

/// RFC 5280 §4.2.1.2: never critical, in no certificate of a path.
#[test]
fn a_subject_key_identifier_is_not_critical() {
    let id = [0x04, 0x02, 0x01, 0x02];
    assert_eq!(verdict_of_server(with(server(), SUBJECT_KEY_ID, false, &id)), Ok(()));
    assert!(verdict_of_server(with(server(), SUBJECT_KEY_ID, true, &id)).is_err());
    let mut no_id = authority("Authority");
    no_id.is_ca = IsCa::NoCa;
    let own = with(no_id, BASIC_CONSTRAINTS, true, &[0x30, 0x03, 0x01, 0x01, 0xff]);
    assert!(verdict_of_intermediate(with(own.clone(), SUBJECT_KEY_ID, true, &id)).is_err());
    let own = changed(own, |params| params.use_authority_key_identifier_extension = false);
    let root = root(with(own, SUBJECT_KEY_ID, true, &id));
    assert_eq!(trust_anchor_from_der(&root.der), Err(E::Malformed));
}

/// RFC 5280 §4.2.2.1: a list of one or more pairs of a method and a name.
#[test]
fn an_authority_information_access_is_a_list_of_locations() {
    let right = [0x30, 0x10, 0x30, 0x0e, 0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 0x86, 0x02, b'a', b':'];
    let broken: [&[u8]; 6] = [
        b"malformed",
        &[],
        &[0x30, 0x00],
        &right[..17],
        &[0x30, 0x0c, 0x30, 0x0a, 0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 0x30, 1],
        &[0x30, 0x0e, 0x30, 0x0c, 0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 0x05, 0x00],
    ];
    let check = |value: &[u8]| {
        [
            verdict_of_server(with(server(), AUTHORITY_INFO_ACCESS, false, value)),
            verdict_of_intermediate(with(authority("Intermediate"), AUTHORITY_INFO_ACCESS, false, value)),
        ]
    };
    assert_eq!(check(&right), [Ok(()), Ok(())]);
    for value in broken {
        assert_eq!(check(value), [Err(E::Malformed), Err(E::Malformed)], "{value:02x?}");
    }
}

/// RFC 5280 §4.1.2.6: without a subject the names are critical.
#[test]
fn without_a_subject_names_are_critical() {
    let names = [0x30, 0x0d, 0x82, 0x0b, b'e', b'x', b'a', b'm', b'p', b'l', b'e', b'.', b'c', b'o', b'm'];
    let nameless = |is_critical| {
        let mut params = server();
        params.subject_alt_names.clear();
        params.distinguished_name = DistinguishedName::new();
        with(params, SUBJECT_ALT_NAME, is_critical, &names)
    };
    assert_eq!(verdict_of_server(nameless(true)), Ok(()));
    assert_eq!(verdict_of_server(nameless(false)), Err(E::Malformed));
    // With a subject they may be either.
    let mut params = server();
    params.subject_alt_names.clear();
    assert_eq!(verdict_of_server(with(params.clone(), SUBJECT_ALT_NAME, true, &names)), Ok(()));
    assert_eq!(verdict_of_server(with(params, SUBJECT_ALT_NAME, false, &names)), Ok(()));
}

/// RFC 5280 §4.2.1.9: an authority says that it is one in a critical extension.
#[test]
fn basic_constraints_of_an_authority_are_critical() {
    let plain = |is_critical| {
        let mut params = authority("Authority");
        params.is_ca = IsCa::NoCa;
        with(params, BASIC_CONSTRAINTS, is_critical, &[0x30, 0x03, 0x01, 0x01, 0xff])
    };
    assert_eq!(verdict_of_intermediate(plain(true)), Ok(()));
    assert_eq!(verdict_of_intermediate(plain(false)), Err(E::Malformed));
    let [right, wrong] = [plain(true), plain(false)].map(root);
    assert_eq!(verdict(&[&issue(server(), &right)], &right), Ok(()));
    assert_eq!(verdict(&[&issue(server(), &wrong)], &wrong), Err(E::Malformed));
}

/// A root is trusted for as long as its certificate says; one without dates, as Mozilla's list has them, for good.
#[test]
fn an_expired_root_issues_nothing() {
    let until = |year| changed(authority("Root"), |params| params.not_after = date_time_ymd(year, 1, 1));
    let [old, good] = [2026, 2030].map(|year| root(until(year)));
    let expired = E::Expired { not_after: 1_767_225_600, now: NOW };
    let leaf = issue(server(), &old);
    assert_eq!(verdict(&[&leaf], &old), Err(expired));
    assert_eq!(verdict(&[&issue(server(), &good)], &good), Ok(()));
    let future = root(changed(authority("Root"), |params| params.not_before = date_time_ymd(2027, 1, 1)));
    let too_early = E::NotYetValid { not_before: 1_798_761_600, now: NOW };
    assert_eq!(verdict(&[&issue(server(), &future)], &future), Err(too_early));

    // The same key with a newer certificate, beside the old one, in any order.
    let newer = until(2030).self_signed(old.issuer.key()).unwrap();
    let [old_anchor, newer] = [&old.der, newer.der()].map(|der| trust_anchor_from_der(der).unwrap());
    assert_eq!(old_anchor.dates().unwrap().1, 1_767_225_600);
    let check = |anchors: &[TrustAnchor<'_>], now, time| {
        let policy = VerifyPolicy::new(Roots::only(anchors)).time(time);
        verify_server_chain(core::slice::from_ref(&leaf.der), &name("example.com"), at(now), &policy).map(|_| ())
    };
    assert_eq!(check(&[old_anchor, newer], NOW, TimePolicy::Strict), Ok(()));
    assert_eq!(check(&[newer, old_anchor], NOW, TimePolicy::Strict), Ok(()));
    // A floor before its end says nothing against it.
    assert_eq!(check(&[old_anchor], NOW, TimePolicy::FloorOnly), Err(expired));
    assert_eq!(check(&[old_anchor], 1_760_000_000, TimePolicy::FloorOnly), Ok(()));
    let undated = TrustAnchor::new(old_anchor.subject(), old_anchor.public_key(), None);
    assert_eq!(check(&[undated], NOW, TimePolicy::Strict), Ok(()));
}

/// RFC 5280 §6.1.4 (l), §6.1.3 (b): a self-issued intermediate, which gives an authority a new key, counts for no pathLen and
/// lies outside of name constraints; its own pathLen holds for what is below it.
#[test]
fn a_self_issued_intermediate_does_not_count() {
    let top = root(authority("Root"));
    let old = issue(limited("Authority", 0), &top);
    let new = issue(limited("Authority", 0), &old);
    let leaf = issue(server(), &new);
    assert_eq!(verdict(&[&leaf, &new, &old], &top), Ok(()));
    assert_eq!(verdict(&[&leaf, &old, &new], &top), Ok(()));

    // Two levels below the new key: its own pathLen holds, and the old one's.
    let below = |outer, renewed, inner| {
        let old = issue(limited("Authority", outer), &top);
        let new = issue(limited("Authority", renewed), &old);
        let middle = issue(limited("Middle", inner), &new);
        verdict(&[&issue(server(), &middle), &middle, &new, &old], &top)
    };
    assert_eq!(below(1, 1, 0), Ok(()));
    assert_eq!(below(1, 0, 0), Err(E::PathTooLong));
    assert_eq!(below(0, 1, 0), Err(E::PathTooLong));
    assert_eq!(below(2, 2, 0), Ok(()));

    // The new key of a root that may only name example.com, and whose new certificate has another name.
    let mut constrained = authority("Root");
    let permitted_subtrees = vec![GeneralSubtree::DnsName("example.com".to_owned())];
    constrained.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
    let top = root(constrained);
    let elsewhere = || CertificateParams::new(["example.org".to_owned()]).unwrap().subject_alt_names;
    let new = issue(changed(limited("Root", 0), |params| params.subject_alt_names = elsewhere()), &top);
    assert_eq!(verdict(&[&issue(server(), &new), &new], &top), Ok(()));
    let other = issue(changed(server(), |params| params.subject_alt_names = elsewhere()), &new);
    assert_eq!(verdict(&[&other, &new], &top), Err(E::NameConstraint));
    let middle = issue(changed(authority("Middle"), |params| params.subject_alt_names = elsewhere()), &top);
    assert_eq!(verdict(&[&issue(server(), &middle), &middle], &top), Err(E::NameConstraint));
}

/// What is wrong with a self-issued intermediate is as wrong as with any other, and is not told as a bad signature.
#[test]
fn a_self_issued_intermediate_has_to_be_right() {
    let top = root(authority("Root"));
    let old = issue(limited("Authority", 0), &top);
    let check = |params| {
        let new = issue(params, &old);
        verdict(&[&issue(server(), &new), &new, &old], &top)
    };
    assert_eq!(check(limited("Authority", 0)), Ok(()));
    let renewal = |change: fn(&mut CertificateParams)| changed(limited("Authority", 0), change);
    let cases = [
        renewal(|params| params.is_ca = IsCa::ExplicitNoCa),
        renewal(|params| params.not_after = date_time_ymd(2025, 1, 1)),
        renewal(|params| params.not_before = date_time_ymd(2030, 1, 1)),
        renewal(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]),
        renewal(|params| params.use_authority_key_identifier_extension = false),
        renewal(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
        with(limited("Authority", 0), &[1, 2, 3, 4], true, &[5, 0]),
    ];
    for (at, params) in cases.into_iter().enumerate() {
        let verdict = check(params);
        assert!(verdict.is_err() && verdict != Err(E::BadSignature), "{at}: {verdict:?}");
    }
    // Signed by a stranger of the same name.
    let stranger = root(limited("Authority", 0));
    let new = issue(limited("Authority", 0), &stranger);
    assert_eq!(verdict(&[&issue(server(), &new), &new, &old], &top), Err(E::BadSignature));
}
