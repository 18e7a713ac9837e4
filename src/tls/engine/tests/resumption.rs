//! Tickets: taken from a server, offered to it, accepted, refused; what ServerHello and EncryptedExtensions may say.

use super::*;

/// A client that offers a ticket, and its peer, which knows the key; both after the ClientHello.
fn offering<'c>(crypto: &'static Crypto, key: &'c [u8], hash: &'static dyn Hash) -> (Client<'c>, Peer) {
    let (mut client, mut peer) = (Client::new(crypto), Peer::new(CHACHA20_POLY1305_SHA256, X25519));
    client.config.psk = Some(PskOffer::Ticket { identity: &[5; 100], key, hash, obfuscated_age: 0x0102_0304 });
    client.run(&[]).unwrap();
    let hello = peer.read_hello(&core::mem::take(&mut client.out));
    // The last extension: one identity with its age, and one binder over all that stands before it.
    let len = hash.output_len();
    let (prefix, binders) = hello.split_at(hello.len() - len - 3);
    assert!(prefix.ends_with(&[&[0, 100][..], &[5; 100], &[1, 2, 3, 4]].concat()));
    let mut transcript = Hashing::new(hash);
    transcript.update(prefix);
    let early = extract(hash, &Secret::zeros(len), key);
    let binder_key = derive(hash, &early, "res binder", Hashing::new(hash).finish().as_bytes());
    let binder = verify_data(hash, &binder_key, &transcript.finish());
    assert_eq!(binders, [&[0, len as u8 + 1, len as u8][..], binder.as_bytes()].concat());
    (client, peer)
}

fn in_the_clear(peer: &mut Peer, message: &[u8]) -> Vec<u8> {
    let keys = peer.write.take();
    let record = peer.record(HANDSHAKE, message);
    peer.write = keys;
    record
}

const SELECTED: [u8; 6] = [0, 41, 0, 2, 0, 0];

#[test]
fn a_ticket_makes_the_next_handshake_short() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let (mut client, mut peer) = opened(CRYPTO);
    let message = peer.transcript.clone();
    let ticket = peer.say(message::NEW_SESSION_TICKET);
    peer.transcript = message;
    client.run(&peer.record(HANDSHAKE, &ticket)).unwrap();
    let (ticket, identity) = &client.tickets[0];
    let key = peer.ticket_key(&[9, 9]);
    assert_eq!((ticket.lifetime, ticket.age_add, &identity[..]), (3600, 0x0102_0304, &[5; 100][..]));
    assert_eq!(ticket.key.as_bytes(), key.as_bytes());

    let (mut client, mut peer) = offering(CRYPTO, key.as_bytes(), SHA256);
    peer.psk = Some(key.as_bytes().to_vec());
    let hello = peer.hello(&SELECTED);
    client.run(&in_the_clear(&mut peer, &hello)).unwrap();
    let flight = peer.flight(&[message::ENCRYPTED_EXTENSIONS, message::FINISHED]).concat();
    client.run(&peer.record(HANDSHAKE, &flight)).unwrap();
    assert!(client.session.is_resumed());
    assert_eq!((client.world.chains, client.world.signatures), (0, 0));
    peer.inbox = core::mem::take(&mut client.out);
    assert_eq!(peer.take_flight().len(), 1);
}

#[test]
fn a_refused_ticket_is_a_full_handshake() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let (mut client, mut peer) = offering(CRYPTO, &[7; 32], SHA256);
    let hello = peer.hello(&[]);
    client.run(&in_the_clear(&mut peer, &hello)).unwrap();
    let flight = peer.flight(&FULL).concat();
    client.run(&peer.record(HANDSHAKE, &flight)).unwrap();
    assert!(!client.session.is_resumed());
    assert_eq!((client.world.chains, client.world.signatures), (1, 1));
}

/// Behind a HelloRetryRequest it is offered again, bound to all that was said; one with another hash is not.
#[test]
fn a_ticket_and_a_retry() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    for hash in [SHA256, SHA384] {
        let key = vec![7; hash.output_len()];
        let (mut client, mut peer) = offering(CRYPTO, &key, hash);
        let retry = peer.retry(&[0, 51, 0, 2, 0, 23]);
        let so_far = peer.transcript.clone();
        peer.group = SECP256R1;
        client.run(&in_the_clear(&mut peer, &retry)).unwrap();
        let hello = peer.read_hello(&core::mem::take(&mut client.out));
        let offers = hello.windows(100).any(|window| window == [5; 100]);
        assert_eq!(offers, hash.output_len() == 32);
        if offers {
            let (prefix, binders) = hello.split_at(hello.len() - 35);
            let mut transcript = so_far;
            transcript.update(prefix);
            let early = extract(hash, &Secret::zeros(32), &key);
            let binder_key = derive(hash, &early, "res binder", Hashing::new(hash).finish().as_bytes());
            assert_eq!(&binders[3..], verify_data(hash, &binder_key, &transcript.finish()).as_bytes());
        }
        let hello = peer.hello(&[]);
        client.run(&in_the_clear(&mut peer, &hello)).unwrap();
        let flight = peer.flight(&FULL).concat();
        client.run(&peer.record(HANDSHAKE, &flight)).unwrap();
        peer.inbox = core::mem::take(&mut client.out);
        peer.take_flight();
    }
}

#[test]
fn what_a_server_may_not_select() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    // Another identity than the one there is; a key of another hash.
    for (hash, selected) in [(SHA256, [0, 41, 0, 2, 0, 1]), (SHA384, SELECTED)] {
        let key = vec![7; hash.output_len()];
        let (mut client, mut peer) = offering(CRYPTO, &key, hash);
        let hello = peer.hello(&selected);
        assert_eq!(client.run(&in_the_clear(&mut peer, &hello)), Err(TlsError::IllegalParameter));
    }
    // None was offered.
    let (mut client, mut peer) = (Client::new(CRYPTO), Peer::new(CHACHA20_POLY1305_SHA256, X25519));
    client.run(&[]).unwrap();
    peer.read_hello(&core::mem::take(&mut client.out));
    let hello = peer.hello(&SELECTED);
    assert_eq!(client.run(&in_the_clear(&mut peer, &hello)), Err(TlsError::UnsupportedExtension));
    assert_eq!(client.out, [21, 3, 3, 0, 2, 2, 110]);
    // An external key has to be taken.
    let (mut client, mut peer) = (Client::new(CRYPTO), Peer::new(CHACHA20_POLY1305_SHA256, X25519));
    client.config.psk = Some(PskOffer::External(crate::tls::Psk::new(b"meter", &[7; 32]).unwrap()));
    client.run(&[]).unwrap();
    peer.read_hello(&core::mem::take(&mut client.out));
    let hello = peer.hello(&[]);
    assert_eq!(client.run(&in_the_clear(&mut peer, &hello)), Err(TlsError::PskRefused));
}

/// A ServerHello of these fields.
fn hello(change: impl FnOnce(&mut Fields)) -> Vec<u8> {
    let share = [&[0, 29, 0, 32][..], &[9; 32]].concat();
    let mut fields = Fields {
        version: 0x0303,
        random: [7; 32],
        session_id: None,
        suite: 0x1303,
        compression: 0,
        extensions: vec![(43, vec![3, 4]), (51, share)],
    };
    change(&mut fields);
    let list: Vec<u8> = fields
        .extensions
        .iter()
        .flat_map(|(kind, data)| [&kind.to_be_bytes()[..], &vector(2, data)].concat())
        .collect();
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let mut client = Client::new(CRYPTO);
    client.config.compatible = false;
    client.run(&[]).unwrap();
    let session_id = fields.session_id.unwrap_or_default();
    let suite = fields.suite.to_be_bytes();
    let version = fields.version.to_be_bytes();
    let start = [&version[..], &fields.random, &vector(1, &session_id), &suite, &[fields.compression]].concat();
    message(message::SERVER_HELLO, &[start, vector(2, &list)].concat())
}

struct Fields {
    version: u16,
    random: [u8; 32],
    session_id: Option<Vec<u8>>,
    suite: u16,
    compression: u8,
    extensions: Vec<(u16, Vec<u8>)>,
}

/// What a client says to a message in the clear that is its first.
fn verdict(message: &[u8]) -> Result<(), TlsError> {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let mut client = Client::new(CRYPTO);
    client.config.compatible = false;
    client.run(&[]).unwrap();
    client.out.clear();
    client.run(&[&[22, 3, 3][..], &vector(2, message)].concat())
}

#[test]
fn server_hellos() {
    use TlsError::*;
    type Change = fn(&mut Fields);
    let cases: &[(&str, Change, Result<(), TlsError>)] = &[
        ("as it should be", |_| (), Ok(())),
        ("another order", |hello| hello.extensions.reverse(), Ok(())),
        ("another suite", |hello| hello.suite = 0x1302, Err(IllegalParameter)),
        ("a suite of TLS 1.2", |hello| hello.suite = 0xc02b, Err(IllegalParameter)),
        ("a session id", |hello| hello.session_id = Some(vec![1; 32]), Err(IllegalParameter)),
        ("compression", |hello| hello.compression = 1, Err(IllegalParameter)),
        ("a group that was not shared", |hello| hello.extensions[1].1[1] = 23, Err(IllegalParameter)),
        ("a group that was not offered", |hello| hello.extensions[1].1[1] = 24, Err(IllegalParameter)),
        ("no share", |hello| hello.extensions.truncate(1), Err(MissingExtension)),
        ("a group alone", |hello| hello.extensions[1].1.truncate(2), Err(Decode)),
        ("a share of zeros", |hello| hello.extensions[1].1[4..].fill(0), Err(IllegalParameter)),
        ("a share that is short", |hello| hello.extensions[1].1 = vec![0, 29, 0, 1, 9], Err(IllegalParameter)),
        ("a share twice", |hello| hello.extensions.push(hello.extensions[1].clone()), Err(IllegalParameter)),
        ("what nobody knows", |hello| hello.extensions.push((0xfe00, vec![])), Err(UnsupportedExtension)),
        ("GREASE", |hello| hello.extensions.push((0x0a0a, vec![])), Err(UnsupportedExtension)),
        ("ours, misplaced", |hello| hello.extensions.push((16, vec![])), Err(IllegalParameter)),
        ("a cookie", |hello| hello.extensions.push((44, vec![0, 1, 1])), Err(UnsupportedExtension)),
        ("TLS 1.2", |hello| hello.extensions.clear(), Err(ProtocolVersion)),
        ("TLS 1.2 with its own", |hello| hello.extensions = vec![(0xff01, vec![0])], Err(ProtocolVersion)),
        (
            "a downgrade to TLS 1.2",
            |hello| {
                hello.extensions.clear();
                hello.random[24..].copy_from_slice(b"DOWNGRD\x01");
            },
            Err(IllegalParameter),
        ),
        (
            "a downgrade to TLS 1.1",
            |hello| {
                hello.extensions.clear();
                hello.random[24..].copy_from_slice(b"DOWNGRD\x00");
            },
            Err(IllegalParameter),
        ),
        ("TLS 1.2 as the version chosen", |hello| hello.extensions[0].1 = vec![3, 3], Err(IllegalParameter)),
        ("TLS 1.4", |hello| hello.extensions[0].1 = vec![3, 5], Err(IllegalParameter)),
        ("two versions", |hello| hello.extensions[0].1 = vec![3, 4, 3, 4], Err(Decode)),
        ("legacy_version 1.3", |hello| hello.version = 0x0304, Err(IllegalParameter)),
    ];
    for (name, change, expected) in cases {
        assert_eq!(verdict(&hello(change)), *expected, "{name}");
    }
    // Cut anywhere, and longer by a byte: its length says so.
    let whole = hello(|_| ());
    for len in 4..whole.len() {
        let outcome = verdict(&message(message::SERVER_HELLO, &whole[4..len]));
        assert!(matches!(outcome, Err(Decode | ProtocolVersion)), "{len}: {outcome:?}");
    }
    assert_eq!(verdict(&message(message::SERVER_HELLO, &[&whole[4..], &[0]].concat())), Err(Decode));
}

#[test]
fn hello_retry_requests() {
    use TlsError::*;
    let retry = |list: Vec<(u16, Vec<u8>)>| {
        hello(|fields| {
            fields.random = super::traces::hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
                .try_into()
                .unwrap();
            fields.extensions = list;
        })
    };
    let version = || (43, vec![3, 4]);
    for (name, list, expected) in [
        ("another group", vec![version(), (51, vec![0, 23])], Ok(())),
        ("a cookie", vec![version(), (44, vec![0, 2, 1, 2])], Ok(())),
        ("both", vec![version(), (44, vec![0, 2, 1, 2]), (51, vec![0, 23])], Ok(())),
        ("the group that was shared", vec![version(), (51, vec![0, 29])], Err(IllegalParameter)),
        ("a group that was not offered", vec![version(), (51, vec![0, 24])], Err(IllegalParameter)),
        ("nothing new", vec![version()], Err(IllegalParameter)),
        ("no version", vec![(51, vec![0, 23])], Err(ProtocolVersion)),
        ("a share", vec![version(), (51, [&[0, 23, 0, 65][..], &[4; 65]].concat())], Err(Decode)),
        ("an empty cookie", vec![version(), (44, vec![0, 0])], Err(Decode)),
        ("a cookie with something behind it", vec![version(), (44, vec![0, 1, 1, 1])], Err(Decode)),
        ("a key", vec![version(), (51, vec![0, 23]), (41, vec![0, 0])], Err(IllegalParameter)),
        ("what nobody knows", vec![version(), (51, vec![0, 23]), (0xfe00, vec![])], Err(UnsupportedExtension)),
        (
            "a cookie that does not fit",
            vec![version(), (44, [&[5, 220][..], &[1; 1500]].concat())],
            Err(TxTooSmall { needed: 1719 }),
        ),
    ] {
        let outcome = verdict(&retry(list));
        match (outcome, expected) {
            (Err(TxTooSmall { needed }), Err(TxTooSmall { .. })) => assert!(needed > 1536),
            (outcome, expected) => assert_eq!(outcome, expected, "{name}"),
        }
    }
    // A second one; another suite behind the first.
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    for second in [0, 1] {
        let mut client = Client::new(CRYPTO);
        client.config.compatible = false;
        client.run(&[]).unwrap();
        let first = retry(vec![version(), (51, vec![0, 23])]);
        client.run(&[&[22, 3, 3][..], &vector(2, &first)].concat()).unwrap();
        let (second, error) = match second {
            0 => (retry(vec![version(), (51, vec![0, 29])]), UnexpectedMessage),
            _ => (hello(|fields| fields.suite = 0x1301), IllegalParameter),
        };
        assert_eq!(client.run(&[&[22, 3, 3][..], &vector(2, &second)].concat()), Err(error));
    }
}

#[test]
fn encrypted_extensions() {
    use TlsError::*;
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    for (name, list, expected) in [
        ("none", vec![], Ok(())),
        ("server_name", vec![(0u16, vec![])], Ok(())),
        ("server_name with data", vec![(0, vec![1])], Err(Decode)),
        ("groups, with GREASE and others", vec![(10, vec![0, 6, 0x0a, 0x0a, 0x11, 0xec, 0, 29])], Ok(())),
        ("a protocol that was offered", vec![(16, vec![0, 3, 2, b'h', b'2'])], Ok(())),
        ("one that was not", vec![(16, vec![0, 3, 2, b'h', b'3'])], Err(IllegalParameter)),
        ("two", vec![(16, vec![0, 6, 2, b'h', b'2', 2, b'h', b'2'])], Err(Decode)),
        ("no protocol", vec![(16, vec![0, 0])], Err(Decode)),
        ("early data", vec![(42, vec![])], Err(UnsupportedExtension)),
        ("a certificate type", vec![(20, vec![0])], Err(UnsupportedExtension)),
        ("max_fragment_length", vec![(1, vec![1])], Err(UnsupportedExtension)),
        ("a share", vec![(51, vec![0, 29])], Err(IllegalParameter)),
        ("versions", vec![(43, vec![3, 4])], Err(IllegalParameter)),
        ("what nobody knows", vec![(0xfe00, vec![])], Err(UnsupportedExtension)),
        ("one twice", vec![(0, vec![]), (0, vec![])], Err(IllegalParameter)),
    ] {
        let (mut client, mut peer) = met(CRYPTO);
        client.config.alpn = &[b"http/1.1", b"h2"];
        let list: Vec<u8> =
            list.iter().flat_map(|(kind, data)| [&kind.to_be_bytes()[..], &vector(2, data)].concat()).collect();
        let outcome = client.run(&peer.record(HANDSHAKE, &message(8, &vector(2, &list))));
        assert_eq!(outcome, expected, "{name}");
    }
    // What answers to nothing we said.
    for extension in [vec![0, 0, 0, 0], vec![0, 16, 0, 5, 0, 3, 2, b'h', b'2']] {
        let (mut client, mut peer) = met(CRYPTO);
        client.config.server_name = None;
        let outcome = client.run(&peer.record(HANDSHAKE, &message(8, &vector(2, &extension))));
        assert_eq!(outcome, Err(UnsupportedExtension));
    }
}

#[test]
fn requests_certificates_and_tickets() {
    use TlsError::*;
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let request = |body: &[u8]| message(message::CERTIFICATE_REQUEST, body);
    let certificate = |body: &[u8]| message(message::CERTIFICATE, body);
    let (decode, illegal) = (Err(Decode), Err(IllegalParameter));
    for (said, expected) in [
        (request(&[0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]), Ok(())),
        // GREASE, and schemes of others.
        (request(&[0, 0, 14, 0, 13, 0, 6, 0, 4, 0x8a, 0x8a, 8, 0x1a, 0xda, 0xda, 0, 0]), Ok(())),
        (request(&[0, 0, 0]), Err(MissingExtension)),
        (request(&[1, 9, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]), illegal),
        (request(&[0, 0, 6, 0, 13, 0, 2, 0, 0]), decode),
        (request(&[0, 0, 7, 0, 13, 0, 3, 0, 1, 4]), decode),
        (request(&[0, 0, 12, 0, 13, 0, 4, 0, 2, 4, 3, 0, 51, 0, 0]), illegal),
        (certificate(&[0, 0, 0, 6, 0, 0, 1, 9, 0, 0]), Ok(())),
        (certificate(&[1, 9, 0, 0, 6, 0, 0, 1, 9, 0, 0]), illegal),
        (certificate(&[0, 0, 0, 0]), Err(Certificate(crate::tls::verify::CertificateError::EmptyChain))),
        (certificate(&[0, 0, 0, 5, 0, 0, 0, 0, 0]), decode),
        (certificate(&[0, 0, 0, 6, 0, 0, 2, 9, 0, 0]), decode),
        (certificate(&[0, 0, 0, 10, 0, 0, 1, 9, 0, 4, 0, 5, 0, 0]), Err(UnsupportedExtension)),
        (certificate(&[0, 0, 0, 6, 0, 0, 1, 9, 0, 0, 0]), decode),
    ] {
        let (mut client, mut peer) = met(CRYPTO);
        let extensions = peer.say(message::ENCRYPTED_EXTENSIONS);
        assert_eq!(client.run(&peer.record(HANDSHAKE, &[extensions, said.clone()].concat())), expected, "{said:?}");
    }
    for (body, expected) in [
        (&[0, 0, 14, 16, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0][..], Ok(1)),
        // Thrown away: a lifetime of zero.
        (&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0], Ok(0)),
        (&[0, 0, 14, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0], Err(Decode)),
        (&[0, 0, 14, 16, 0, 0, 0, 0, 0, 0, 1, 7, 0, 12, 0, 42, 0, 4, 0, 0, 0, 1, 0xfe, 0, 0, 0], Ok(1)),
        (&[0, 0, 14, 16, 0, 0, 0, 0, 0, 0, 1, 7, 0, 4, 0, 51, 0, 0], Err(IllegalParameter)),
        (&[0, 0, 14, 16, 0, 0, 0, 0, 0, 0, 1, 7, 0, 8, 0, 42, 0, 0, 0, 42, 0, 0], Err(IllegalParameter)),
        (&[0, 0, 14, 16, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0, 0], Err(Decode)),
        (&[], Err(Decode)),
    ] {
        let (mut client, mut peer) = opened(CRYPTO);
        let outcome = client.run(&peer.record(HANDSHAKE, &message(message::NEW_SESSION_TICKET, body)));
        assert_eq!(outcome.map(|()| client.tickets.len()), expected, "{body:?}");
    }
    // A Finished of another length, or with another MAC.
    for (len, error) in [(31, Decode), (33, Decode), (32, BadFinished), (0, Decode)] {
        let (mut client, mut peer) = met(CRYPTO);
        let mut flight = peer.flight(&FULL[..3]);
        flight.push(message(message::FINISHED, &vec![1; len]));
        assert_eq!(client.run(&peer.record(HANDSHAKE, &flight.concat())), Err(error));
    }
}
