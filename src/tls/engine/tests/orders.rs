//! Every order that the table allows is accepted; every message that it does not is refused, with `unexpected_message`
//! and nothing else sent.

use super::*;

/// What leads to each state that awaits a message behind the ServerHello.
fn ways() -> Vec<(State, Vec<u8>)> {
    use message::*;
    vec![
        (State::EncryptedExtensions, vec![]),
        (State::CertificateOrRequest, vec![ENCRYPTED_EXTENSIONS]),
        (State::Certificate, vec![ENCRYPTED_EXTENSIONS, CERTIFICATE_REQUEST]),
        (State::CertificateVerify, vec![ENCRYPTED_EXTENSIONS, CERTIFICATE]),
        (State::CertificateVerify, vec![ENCRYPTED_EXTENSIONS, CERTIFICATE_REQUEST, CERTIFICATE]),
        (State::Finished, vec![ENCRYPTED_EXTENSIONS, CERTIFICATE, CERTIFICATE_VERIFY]),
        (State::Finished, vec![ENCRYPTED_EXTENSIONS, CERTIFICATE_REQUEST, CERTIFICATE, CERTIFICATE_VERIFY]),
    ]
}

#[test]
fn behind_a_server_hello() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let (mut accepted, mut refused) = (0, 0);
    for (state, way) in ways() {
        for kind in 0..=255 {
            // In one record, and one by one; the message itself whole, and as a first byte.
            for (coalesced, whole) in [(false, true), (true, true), (false, false)] {
                let (mut client, mut peer) = met(CRYPTO);
                let mut messages = peer.flight(&way);
                let mut last = peer.say(kind);
                if !whole {
                    last.truncate(1);
                }
                messages.push(last);
                let records: Vec<_> = match coalesced {
                    true => vec![messages.concat()],
                    false => messages,
                };
                let mut outcome = Ok(());
                for record in records {
                    outcome = client.run(&peer.record(HANDSHAKE, &record));
                }
                if state.expects().contains(&kind) {
                    assert_eq!(outcome, Ok(()), "{kind} in {state:?}");
                    accepted += 1;
                } else {
                    // An end of the handshake before the proof has a name of its own.
                    let unproven =
                        matches!(state, State::CertificateOrRequest | State::Certificate | State::CertificateVerify);
                    let error = match kind {
                        message::FINISHED if unproven => TlsError::NotAuthenticated,
                        _ => TlsError::UnexpectedMessage,
                    };
                    assert_eq!(outcome, Err(error), "{kind} in {state:?}");
                    only_alert(&mut client, &mut peer, 10);
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((accepted, refused), (8 * 3, 7 * 256 * 3 - 8 * 3));
}

/// The same in the clear: one message may come.
#[test]
fn instead_of_a_server_hello() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    for kind in 0..=255 {
        let (mut client, mut peer) = (Client::new(CRYPTO), Peer::new(CHACHA20_POLY1305_SHA256, X25519));
        client.run(&[]).unwrap();
        client.out.clear();
        let said = peer.say(kind);
        let outcome = client.run(&peer.record(HANDSHAKE, &said));
        match kind {
            message::SERVER_HELLO => assert!(outcome.is_err(), "forty zeros"),
            _ => {
                assert_eq!(outcome, Err(TlsError::UnexpectedMessage), "{kind}");
                assert_eq!(client.out, [21, 3, 3, 0, 2, 2, 10]);
            }
        }
    }
}

#[test]
fn after_the_handshake() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    for kind in 0..=255 {
        let (mut client, mut peer) = opened(CRYPTO);
        let said = peer.say(kind);
        let outcome = client.run(&peer.record(HANDSHAKE, &said));
        if State::Open.expects().contains(&kind) {
            assert_eq!(outcome, Ok(()), "{kind}");
        } else {
            assert_eq!(outcome, Err(TlsError::UnexpectedMessage), "{kind}");
            only_alert(&mut client, &mut peer, 10);
        }
    }
}

/// With a key that both know there are no certificates, be it of our own or a ticket's.
#[test]
fn with_a_pre_shared_key() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let psk = PskOffer::External(crate::tls::Psk::new(b"meter", &[7; 32]).unwrap());
    let ticket = PskOffer::Ticket { identity: b"ticket", key: &[7; 32], hash: SHA256, obfuscated_age: 9 };
    for (offer, kind) in [psk, ticket].into_iter().flat_map(|offer| (0..=255).map(move |kind| (offer, kind))) {
        let (mut client, mut peer) = (Client::new(CRYPTO), Peer::new(CHACHA20_POLY1305_SHA256, X25519));
        client.config.psk = Some(offer);
        peer.psk = Some(vec![7; 32]);
        client.run(&[]).unwrap();
        peer.read_hello(&core::mem::take(&mut client.out));
        let hello = peer.hello(&[0, 41, 0, 2, 0, 0]);
        let keys = peer.write.take();
        let record = peer.record(HANDSHAKE, &hello);
        peer.write = keys;
        client.run(&record).unwrap();
        let said = peer.flight(&[message::ENCRYPTED_EXTENSIONS, kind]).concat();
        let outcome = client.run(&peer.record(HANDSHAKE, &said));
        match kind {
            message::FINISHED => {
                assert_eq!(outcome, Ok(()));
                assert_eq!((client.session.has_psk, client.session.is_resumed), (true, offer.is_ticket()));
                assert_eq!((client.world.chains, client.world.signatures), (0, 0));
            }
            _ => {
                assert_eq!(outcome, Err(TlsError::UnexpectedMessage), "{kind}");
                only_alert(&mut client, &mut peer, 10);
            }
        }
    }
}

/// Nothing may stand behind a message that changes the keys, in its record; nor behind a HelloRetryRequest.
#[test]
fn keys_change_where_a_record_ends() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    for extra in [&[20u8][..], &[8, 0, 0, 2, 0, 0]] {
        let (mut client, mut peer) = (Client::new(CRYPTO), Peer::new(CHACHA20_POLY1305_SHA256, X25519));
        client.run(&[]).unwrap();
        peer.read_hello(&core::mem::take(&mut client.out));
        let hello = [&peer.hello(&[])[..], extra].concat();
        let keys = peer.write.take();
        let record = peer.record(HANDSHAKE, &hello);
        peer.write = keys;
        assert_eq!(client.run(&record), Err(TlsError::UnexpectedMessage));

        let (mut client, mut peer) = (Client::new(CRYPTO), Peer::new(CHACHA20_POLY1305_SHA256, X25519));
        client.run(&[]).unwrap();
        peer.read_hello(&core::mem::take(&mut client.out));
        let retry = [&peer.retry(&[0, 51, 0, 2, 0, 23])[..], extra].concat();
        let record = peer.record(HANDSHAKE, &retry);
        assert_eq!(client.run(&record), Err(TlsError::UnexpectedMessage));

        let (mut client, mut peer) = met(CRYPTO);
        let flight = [&peer.flight(&FULL).concat()[..], extra].concat();
        assert_eq!(client.run(&peer.record(HANDSHAKE, &flight)), Err(TlsError::UnexpectedMessage));

        let (mut client, mut peer) = opened(CRYPTO);
        let update = [&message(message::KEY_UPDATE, &[0])[..], extra].concat();
        assert_eq!(client.run(&peer.record(HANDSHAKE, &update)), Err(TlsError::UnexpectedMessage));
    }
}

/// Nothing of the application's leaves before the server is proven, whatever is asked of the session.
#[test]
fn nothing_is_sent_before_the_server_is_proven() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    for (_, way) in ways() {
        let (mut client, mut peer) = met(CRYPTO);
        let messages = peer.flight(&way);
        for message in messages {
            client.run(&peer.record(HANDSHAKE, &message)).unwrap();
        }
        let mut buffers = Buffers { rx: &mut client.rx, tx: &mut client.tx };
        assert_eq!(client.session.encrypt(&mut buffers, b"secret"), Err(TlsError::NotAuthenticated));
        assert_eq!(client.session.flush(&mut buffers), Ok(()));
        client.send_all();
        assert_eq!(client.out, [0; 0]);
    }
}
