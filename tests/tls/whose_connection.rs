//! Whose connection a kept one is: of the context that verified it, and of no other, whatever random numbers both were given.
#![cfg(all(feature = "dangerous-unverified-tls", feature = "requests", feature = "blocking"))]

use std::{cell::Cell, sync::LazyLock, time::Duration};

use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, UnixTime, alg_id};
use socketpool::{
    ErrorKind, Resources, host,
    tls::{
        Alpn, Identity, Now, Psk, Roots, TlsContext, VerifyPolicy,
        dangerous::UnverifiedTlsContext,
        identity::PrivateKey,
        pin::{Pin, PinMode},
        roots::{TrustAnchor, trust_anchor_from_der},
        verify::{Crl, RevocationPolicy, TimePolicy, algorithms},
    },
    traits::TlsId,
};

use crate::support::{
    self,
    server::{Authority, Server, Validity},
};

static SERVERS: LazyLock<Authority> = LazyLock::new(|| Authority::new("Root of servers"));
static OTHERS: LazyLock<Authority> = LazyLock::new(|| Authority::new("Root of others"));

/// A generator that can be cloned. Every clone gives the same numbers.
fn seeded() -> impl FnMut(&mut [u8]) + Clone {
    let state = Cell::new(4u64);
    move |bytes: &mut [u8]| {
        bytes.fill_with(|| {
            state.set(state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
            (state.get() >> 33) as u8
        });
    }
}

fn clock() -> Now {
    support::date()
}

type Context<'c, R> = TlsContext<'c, R, fn() -> Now>;

/// A verifier that agrees with everything, under the names of another.
#[derive(Debug)]
struct Agreeable(#[allow(dead_code, reason = "it has to lie somewhere")] u8);

impl SignatureVerificationAlgorithm for Agreeable {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }

    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }
}

/// Contexts each of which trusts, verifies, shows or offers something that no other does, by name. All of them have the same
/// generator.
macro_rules! contexts {
    ($random:expr, |$contexts:ident| $test:block) => {{
        let (servers_der, others_der) = (SERVERS.der(), OTHERS.der());
        let servers = [trust_anchor_from_der(&servers_der).expect("a root")];
        let others = [trust_anchor_from_der(&others_der).expect("a root")];
        let both = [servers[0].clone(), others[0].clone()];
        let turned = [both[1].clone(), both[0].clone()];
        let constrained = [TrustAnchor::new(servers[0].subject(), servers[0].public_key(), Some(&[0xa0, 0]))];
        let undated = [TrustAnchor::new(servers[0].subject(), servers[0].public_key(), servers[0].name_constraints())];
        let (key, other_key) = (rcgen::KeyPair::generate().expect("a key"), rcgen::KeyPair::generate().expect("a key"));
        let certificates = [SERVERS.client_certificate(&key, 0), SERVERS.client_certificate(&other_key, 0)];
        let keys = [&key, &other_key].map(|key| PrivateKey::from_der(&key.serialize_der()).expect("a key"));
        let identities = [0, 1].map(|at| Identity::new(&certificates[at], &keys[at]).expect("an identity"));
        let crls = [Crl::from_der(include_bytes!("../pki/der/fresh.crl")).expect("a list")];
        let agreeable = [Agreeable(0), Agreeable(1)];
        let sets: [[&dyn SignatureVerificationAlgorithm; 1]; 3] =
            [[algorithms::ECDSA_P256_SHA256], [&agreeable[0]], [&agreeable[1]]];
        let psk = |identity: &'static [u8], key: &'static [u8]| Psk::new(identity, key).expect("a key");
        let context = || Context::new($random, clock as fn() -> Now);
        let ours = || VerifyPolicy::new(Roots::only(&servers));
        let (pin, other_pin) = ([Pin::LeafSpki([1; 32])], [Pin::LeafSpki([2; 32])]);
        let (any, certificate) = ([Pin::AnySpki([1; 32])], [Pin::LeafCertificate([1; 32])]);
        let floor = |days: u64| UnixTime::since_unix_epoch(Duration::from_secs(1_793_491_200 + days * 86_400));
        let $contexts = [
            ("our root", context().roots(Roots::only(&servers))),
            ("the same again", context().roots(Roots::only(&servers))),
            ("our root as a public one", context().roots(Roots::public(&servers))),
            ("our root, constrained", context().roots(Roots::only(&constrained))),
            ("our root, without its dates", context().roots(Roots::only(&undated))),
            ("another root", context().roots(Roots::only(&others))),
            ("both roots", context().roots(Roots::only(&both))),
            ("both roots the other way round", context().roots(Roots::only(&turned))),
            ("Mozilla's roots", context()),
            ("Mozilla's roots and ours", context().roots(Roots::mozilla_and(&servers))),
            ("no roots", context().roots(Roots::NONE)),
            ("a pin", context().policy(ours().pins(&pin))),
            ("another pin", context().policy(ours().pins(&other_pin))),
            ("a pin of any key", context().policy(ours().pins(&any))),
            ("a pin of the certificate", context().policy(ours().pins(&certificate))),
            ("a pin instead", context().policy(ours().pins(&pin).pin_mode(PinMode::InsteadOfChain))),
            ("one algorithm", context().policy(ours().algorithms(&sets[0]))),
            ("one that agrees", context().policy(ours().algorithms(&sets[1]))),
            ("another that agrees", context().policy(ours().algorithms(&sets[2]))),
            ("less work", context().policy(ours().max_work(30))),
            ("fewer intermediates", context().policy(ours().max_intermediates(3))),
            ("a revocation list", context().policy(ours().crls(&crls))),
            ("lists required", context().policy(ours().revocation(RevocationPolicy::Required))),
            ("dates by the floor", context().policy(ours().time(TimePolicy::FloorOnly))),
            ("a floor", context().roots(Roots::only(&servers)).floor(floor(1))),
            ("another floor", context().roots(Roots::only(&servers)).floor(floor(2))),
            ("another clock", Context::new($random, (|| Now::Unknown) as fn() -> Now).roots(Roots::only(&servers))),
            ("an identity", context().roots(Roots::only(&servers)).identity(identities[0])),
            ("another identity", context().roots(Roots::only(&servers)).identity(identities[1])),
            ("a shared key", context().psk(psk(b"a", &[1; 16]))),
            ("another shared key", context().psk(psk(b"a", &[2; 16]))),
            ("a shared key of another name", context().psk(psk(b"b", &[1; 16]))),
            ("a protocol", context().roots(Roots::only(&servers)).alpn(Alpn::HTTP_1_1)),
            (
                "another protocol",
                context().roots(Roots::only(&servers)).alpn(Alpn::new(&[b"http", b"/1.1"]).expect("two")),
            ),
        ];
        $test
    }};
}

type AnySocket<'a> = socketpool::Socket<'a, 'a, Host, 1>;
type Host = socketpool::stack::Network<std_embedded_nal_async::Stack, std_embedded_nal_async::Stack, host::Timer>;

fn id(tls: &impl socketpool::traits::TlsContext<AnySocket<'static>>) -> TlsId {
    tls.id()
}

/// SECURITY.md, promise 3: the identity of a context is made of what it is, and no generator has a part in it.
#[test]
fn every_context_has_an_identity_of_its_own_whatever_its_generator_gives() {
    fn all<R: FnMut(&mut [u8])>(random: impl Fn() -> R) -> Vec<(&'static str, TlsId)> {
        contexts!(random(), |contexts| {
            let mut ids: Vec<_> = contexts.iter().map(|(name, tls)| (*name, id(tls))).collect();
            for ((name, before), (_, tls)) in ids.iter().zip(&contexts) {
                assert!(*before == id(tls), "{name}: the same context has the same identity");
            }
            ids.extend([("unverified", id(&UnverifiedTlsContext::new(random()))); 1]);
            ids
        })
    }
    let random = seeded();
    let mut ids = all(|| random.clone());
    for byte in [0, 0xff] {
        // These lie where the ones before them lay.
        ids.extend(all(|| move |bytes: &mut [u8]| bytes.fill(byte)));
    }
    for (at, (name, one)) in ids.iter().enumerate() {
        for (other_name, other) in &ids[..at] {
            assert!(one != other, "{name} and {other_name}");
        }
    }
    assert_eq!(format!("{:?}", ids[0].1), "TlsId(..)", "it is made of secrets, too");
}

/// No context is served over the connection of another, and each over its own. What comes of a connection of its own, the
/// server's refusal or ours, is not the question here.
macro_rules! face {
    ($($asynchronous:ident)?) => {
        use super::*;

        pub $($asynchronous)? fn no_context_is_served_over_the_connection_of_another() {
            let random = seeded();
            let (mut network, mut memory) = (network(), Box::new(Resources::<3, 3>::new()));
            let pool = SocketPool::new(&mut network, &mut memory);
            contexts!(random.clone(), |contexts| {
                let server = Server::start(&SERVERS, "localhost", Validity::Now);
                let url = format!("https://localhost:{}/", server.port);
                macro_rules! fetch {
                    ($tls:expr) => {
                        match wait!(Session::new(&pool, $tls).get(&url).send()) {
                            Ok(mut response) => wait!(response.content(&mut [0; 256])).map(|_| ()),
                            Err(error) => Err(error),
                        }
                    };
                }
                let first = &contexts[0].1;
                macro_rules! check {
                    ($name:expr, $tls:expr) => {{
                        wait!(pool.close_idle());
                        fetch!(first).expect("our own server");
                        let before = server.connections();
                        fetch!(first).expect("our own server");
                        assert_eq!(server.connections(), before, "{}: its own connection is used again", $name);
                        let outcome = fetch!($tls);
                        let is_new = server.connections() > before;
                        let is_refused = outcome.is_err_and(|error| matches!(error.kind(), ErrorKind::Tls(_)));
                        assert!(is_new || is_refused, "{}", $name);
                    }};
                }
                for (name, tls) in &contexts[1..] {
                    check!(*name, tls);
                }
                let unverified = UnverifiedTlsContext::new(random.clone());
                check!("unverified", &unverified);
                // What verified nothing is not for one that verifies, either.
                wait!(pool.close_idle());
                fetch!(&unverified).expect("anybody will do");
                let before = server.connections();
                fetch!(first).expect("our own server");
                assert_eq!(server.connections(), before + 1);
            });
            assert_eq!(pool.counts().in_use, 0);
        }
    };
}

mod asynchronous {
    use socketpool::{SocketPool, requests::Session};

    use crate::support::network;

    macro_rules! wait {
        ($work:expr) => {
            $work.await
        };
    }

    face!(async);
}

mod blocking {
    use socketpool::blocking::{Session, SocketPool};

    use crate::support::network;

    macro_rules! wait {
        ($work:expr) => {
            $work
        };
    }

    face!();
}

#[test]
fn async_face() {
    async_io::block_on(asynchronous::no_context_is_served_over_the_connection_of_another());
}

#[test]
fn blocking_face() {
    blocking::no_context_is_served_over_the_connection_of_another();
}
