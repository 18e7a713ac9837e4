//! Records: how messages are cut into them, what may stand between, how long they are, what comes after the handshake.

use super::*;

/// The ServerHello's record, and the messages of the flight in one piece, of a handshake that will succeed.
fn flight(client: &mut Client<'_>, peer: &mut Peer) -> (Vec<u8>, Vec<u8>) {
    client.run(&[]).unwrap();
    peer.read_hello(&core::mem::take(&mut client.out));
    let hello = peer.hello(&[]);
    (hello, peer.flight(&FULL).concat())
}

/// A record in the clear.
fn plain(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &vector(2, content)].concat()
}

/// The client takes these contents in records, and is open; its Finished is right.
fn takes(client: &mut Client<'_>, peer: &mut Peer, hello: &[&[u8]], flight: &[&[u8]]) {
    let hello: Vec<u8> = hello.iter().flat_map(|part| plain(HANDSHAKE, part)).collect();
    client.run(&hello).unwrap();
    let flight: Vec<u8> = flight.iter().flat_map(|part| peer.record(HANDSHAKE, part)).collect();
    peer.finish();
    client.run(&flight).unwrap();
    assert_eq!(client.session.state, State::Open);
    peer.inbox = core::mem::take(&mut client.out);
    assert_eq!(peer.take_flight().len(), 1);
}

#[test]
fn messages_split_at_every_byte() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let new = || (Client::new(CRYPTO), Peer::new(CHACHA20_POLY1305_SHA256, X25519));
    let lens = {
        let (mut client, mut peer) = new();
        let (hello, flight) = flight(&mut client, &mut peer);
        (hello.len(), flight.len())
    };
    for cut in 1..lens.1 {
        let (mut client, mut peer) = new();
        let (hello, flight) = flight(&mut client, &mut peer);
        let (first, second) = hello.split_at(cut.min(lens.0 - 1));
        let (third, fourth) = flight.split_at(cut);
        takes(&mut client, &mut peer, &[first, second], &[third, fourth]);
    }
    // One byte in a record, and one byte at a time from the wire; in a buffer that just holds the longest message.
    for step in [1, 3, usize::MAX] {
        for len in [1, 2, 5, 64, 1000] {
            let (mut client, mut peer) = new();
            client.step = step;
            client.rx = vec![0; 700];
            let (hello, flight) = flight(&mut client, &mut peer);
            let (hello, flight): (Vec<_>, Vec<_>) = (hello.chunks(len).collect(), flight.chunks(len).collect());
            takes(&mut client, &mut peer, &hello, &flight);
        }
    }
}

/// A message that does not fit is an error that says how much room it takes; with that, it fits.
#[test]
fn a_buffer_that_is_too_small() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    for (rx, tx, error) in [
        (85, 1536, None),
        (84, 1536, Some(TlsError::RxTooSmall { needed: 85 })),
        (0, 1536, Some(TlsError::RxTooSmall { needed: 85 })),
        (85, 255, Some(TlsError::TxTooSmall { needed: 256 })),
    ] {
        let mut client = Client::new(CRYPTO);
        (client.rx, client.tx) = (vec![0; rx], vec![0; tx]);
        assert_eq!(client.run(&[]).err(), error);
    }
    let mut len = 300;
    let mut attempts = 0;
    loop {
        let (mut client, mut peer) = (Client::new(CRYPTO), Peer::new(CHACHA20_POLY1305_SHA256, X25519));
        client.rx = vec![0; len];
        let (hello, flight) = flight(&mut client, &mut peer);
        client.run(&plain(HANDSHAKE, &hello)).unwrap();
        let records: Vec<u8> = flight.chunks(100).flat_map(|part| peer.record(HANDSHAKE, part)).collect();
        match client.run(&records) {
            Ok(()) => break,
            Err(TlsError::RxTooSmall { needed }) => {
                assert!(needed > len, "{needed} in {len}");
                only_alert(&mut client, &mut peer, 80);
                len = needed;
            }
            Err(error) => panic!("{error:?}"),
        }
        attempts += 1;
    }
    assert!((1..=4).contains(&attempts), "{attempts}");
    assert!(len <= 435, "{len}");
}

/// What a server sends that does not keep to the limit we offered; and one that said it would.
#[test]
fn record_size_limit() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    for agreed in [false, true] {
        let (mut client, mut peer) = (Client::new(CRYPTO), Peer::new(CHACHA20_POLY1305_SHA256, X25519));
        client.rx = vec![0; 1045];
        client.run(&[]).unwrap();
        let hello = peer.read_hello(&core::mem::take(&mut client.out));
        // 1,024 bytes with the type in them, and 21 around.
        assert!(hello.windows(6).any(|window| window == [0, 28, 0, 2, 4, 0]));
        let hello = peer.hello(&[]);
        client.run(&plain(HANDSHAKE, &hello)).unwrap();
        let limit: &[u8] = if agreed { &[0, 6, 0, 28, 0, 2, 0, 100] } else { &[0, 0] };
        let first = message(message::ENCRYPTED_EXTENSIONS, limit);
        peer.transcript.update(&first);
        let rest = peer.flight(&FULL[1..]).concat();
        let record = peer.record(HANDSHAKE, &[first, rest].concat());
        peer.finish();
        client.run(&record).unwrap();
        peer.inbox = core::mem::take(&mut client.out);
        peer.take_flight();

        client.write(&[b'x'; 1000]);
        peer.inbox = core::mem::take(&mut client.out);
        let mut records = vec![];
        while let Some((Record::Data(len), _)) = peer.open() {
            records.push(len);
        }
        let expected = if agreed { vec![99; 10] } else { vec![1000] };
        assert_eq!((records.iter().sum(), &records[..expected.len()]), (1000, &expected[..]));

        let longest = peer.record(23, &[7; 1023]);
        client.run(&longest).unwrap();
        assert_eq!(client.data.len(), 1023);
        let longer = peer.record(23, &[7; 1024]);
        let error = match agreed {
            true => TlsError::RecordOverflow,
            false => TlsError::RxTooSmall { needed: 1046 },
        };
        assert_eq!(client.run(&longer), Err(error));
    }
    // Values that no server may say (RFC 8449 §4).
    for (limit, error) in [
        (63u16, Some(TlsError::IllegalParameter)),
        (64, None),
        (16_385, None),
        (16_386, Some(TlsError::IllegalParameter)),
    ] {
        let (mut client, mut peer) = met(CRYPTO);
        let body = [&[0, 6, 0, 28, 0, 2][..], &limit.to_be_bytes()].concat();
        let outcome = client.run(&peer.record(HANDSHAKE, &message(message::ENCRYPTED_EXTENSIONS, &body)));
        assert_eq!(outcome.err(), error, "{limit}");
    }
}

/// Nothing may stand inside of a message that is split (RFC 8446 §5.1).
#[test]
fn records_between_the_parts_of_a_message() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let part = &message(message::ENCRYPTED_EXTENSIONS, &[0, 0])[..3];
    type Between = fn(&mut Peer) -> Vec<u8>;
    let cases: [(Between, TlsError); 4] = [
        (|_| plain(20, &[1]), TlsError::UnexpectedMessage),
        (|peer| peer.record(23, b"x"), TlsError::UnexpectedMessage),
        (|peer| peer.record(ALERT, &[1, 90]), TlsError::UnexpectedMessage),
        // It ends the connection anyhow, and says why.
        (|peer| peer.record(ALERT, &[2, 80]), TlsError::PeerAlert(Some(80))),
    ];
    for (between, error) in cases {
        let (mut client, mut peer) = met(CRYPTO);
        client.run(&peer.record(HANDSHAKE, part)).unwrap();
        let between = between(&mut peer);
        assert_eq!(client.run(&between), Err(error));
    }
    let (mut client, mut peer) = opened(CRYPTO);
    client.run(&peer.record(HANDSHAKE, &[4, 0])).unwrap();
    assert_eq!(client.run(&peer.record(23, b"x")), Err(TlsError::UnexpectedMessage));
    let (mut client, mut peer) = opened(CRYPTO);
    client.run(&peer.record(HANDSHAKE, &[4, 0])).unwrap();
    assert_eq!(client.run(&peer.record(ALERT, &[1, 0])), Err(TlsError::UnexpectedMessage));
}

#[test]
fn records_that_no_peer_may_send() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    // Before the ServerHello.
    for (record, error) in [
        (plain(HANDSHAKE, &[]), TlsError::UnexpectedMessage),
        (plain(ALERT, &[]), TlsError::UnexpectedMessage),
        (plain(ALERT, &[2]), TlsError::Decode),
        (plain(ALERT, &[2, 40, 0]), TlsError::Decode),
        (plain(20, &[2]), TlsError::UnexpectedMessage),
        (plain(20, &[1, 1]), TlsError::UnexpectedMessage),
        (plain(20, &[]), TlsError::UnexpectedMessage),
        (plain(23, b"data"), TlsError::UnexpectedMessage),
        (plain(24, &[1]), TlsError::UnexpectedMessage),
        (plain(HANDSHAKE, &[2; 16_385]), TlsError::RecordOverflow),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), TlsError::NotTls),
        (plain(ALERT, &[2, 40]), TlsError::PeerAlert(Some(40))),
        (plain(ALERT, &[1, 0]), TlsError::PeerAlert(Some(0))),
        // It cancels the handshake (RFC 8446 §6.1).
        (plain(ALERT, &[1, 90]), TlsError::PeerAlert(Some(90))),
    ] {
        let mut client = Client::new(CRYPTO);
        client.run(&[]).unwrap();
        let outcome = client.run(&record);
        assert_eq!(outcome, Err(error), "{:?}", &record[..record.len().min(9)]);
    }
    // Inside of the flight, and behind it.
    type Make = fn(&mut Peer) -> Vec<u8>;
    let cases: [(Make, TlsError); 12] = [
        (|peer| peer.record(0, &[]), TlsError::UnexpectedMessage),
        (|peer| peer.record(0, &[0; 20]), TlsError::UnexpectedMessage),
        (|peer| peer.record(HANDSHAKE, &[]), TlsError::UnexpectedMessage),
        (|peer| peer.record(ALERT, &[]), TlsError::UnexpectedMessage),
        (|peer| peer.record(ALERT, &[1, 0, 0]), TlsError::Decode),
        (|peer| peer.record(20, &[1]), TlsError::UnexpectedMessage),
        (|peer| peer.record(24, &[1]), TlsError::UnexpectedMessage),
        (|peer| peer.record(23, &[7; 16_385]), TlsError::RecordOverflow),
        (|_| plain(HANDSHAKE, &[8, 0, 0, 2, 0, 0]), TlsError::UnexpectedMessage),
        (|_| plain(ALERT, &[2, 40]), TlsError::UnexpectedMessage),
        (|_| plain(23, &[0; 16]), TlsError::BadRecordMac),
        (|_| plain(23, &[0; 40]), TlsError::BadRecordMac),
    ];
    for (number, (make, error)) in cases.into_iter().enumerate() {
        for (mut client, mut peer) in [met(CRYPTO), opened(CRYPTO)] {
            let record = make(&mut peer);
            assert_eq!(client.run(&record), Err(error), "{number}");
        }
    }
    let (mut client, mut peer) = met(CRYPTO);
    assert_eq!(client.run(&peer.record(23, b"too early")), Err(TlsError::UnexpectedMessage));
    let (mut client, _) = opened(CRYPTO);
    assert_eq!(client.run(&plain(20, &[1])), Err(TlsError::UnexpectedMessage));
}

/// One changed bit anywhere in a record is an error, and nothing is sent but an alert.
#[test]
fn a_changed_bit_anywhere() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let len = {
        let (_, mut peer) = met(CRYPTO);
        let flight = peer.flight(&FULL).concat();
        peer.record(HANDSHAKE, &flight).len()
    };
    for at in (0..len).filter(|at| *at != 1 && *at != 2) {
        let (mut client, mut peer) = met(CRYPTO);
        let flight = peer.flight(&FULL).concat();
        let mut record = peer.record(HANDSHAKE, &flight);
        record[at] ^= 1;
        // A longer record is still awaited: its header is protected.
        record.extend([0; 300]);
        let error = client.run(&record).unwrap_err();
        match at {
            0 => assert_eq!(error, TlsError::UnexpectedMessage),
            _ => assert_eq!(error, TlsError::BadRecordMac, "{at}"),
        }
        only_alert(&mut client, &mut peer, if at == 0 { 10 } else { 20 });
        assert_eq!((client.world.chains, client.world.signatures), (0, 0));
    }
}

#[test]
fn padding_of_every_length() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let (mut client, mut peer) = opened(CRYPTO);
    let mut total = 0;
    for len in [0, 1, 2, 255, 1000, 16_383, 16_384] {
        for padding in [0, 1, 15, 16_384 - len] {
            if len + padding > 16_384 {
                continue;
            }
            // The type, then zeros: written as content behind which nothing but zeros comes.
            let mut inner = vec![7; len];
            inner.push(23);
            inner.resize(len + 1 + padding, 0);
            let kind = inner.pop().unwrap();
            client.run(&peer.record(kind, &inner)).unwrap();
            total += len;
            assert_eq!(client.data.len(), total);
            client.run(&peer.record(23, b"!")).unwrap(); // empty records in a row are counted
            total += 1;
        }
    }
}

#[test]
fn records_that_bring_nothing_are_bounded() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    for (kind, content) in [(23, &[][..]), (ALERT, &[1, 90])] {
        let (mut client, mut peer) = opened(CRYPTO);
        for _ in 0..32 {
            client.run(&peer.record(kind, content)).unwrap();
        }
        client.run(&peer.record(23, b"data")).unwrap();
        for _ in 0..32 {
            client.run(&peer.record(kind, content)).unwrap();
        }
        assert_eq!(client.run(&peer.record(kind, content)), Err(TlsError::UnexpectedMessage));
    }
    let mut client = Client::new(CRYPTO);
    client.run(&[]).unwrap();
    client.run(&plain(20, &[1]).repeat(32)).unwrap();
    assert_eq!(client.run(&plain(20, &[1])), Err(TlsError::UnexpectedMessage));
}

/// Tickets are never too many, but others get a turn.
#[test]
fn tickets_without_end() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let (mut client, mut peer) = opened(CRYPTO);
    let yields = client.yields;
    for _ in 0..100 {
        let ticket = [0, 0, 14, 16, 1, 2, 3, 4, 1, 9, 0, 3, 7, 7, 7, 0, 0];
        let three = message(message::NEW_SESSION_TICKET, &ticket).repeat(3);
        client.run(&peer.record(HANDSHAKE, &three)).unwrap();
    }
    assert_eq!(client.tickets.len(), 300);
    assert!(client.yields >= yields + 15);
}

#[test]
fn key_updates() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let (mut client, mut peer) = opened(CRYPTO);
    // A thousand, and data under each.
    for number in 0..1000u32 {
        let requested = number % 2 == 1;
        let update = message(message::KEY_UPDATE, &[u8::from(requested)]);
        let record = peer.record(HANDSHAKE, &update);
        peer.update_write();
        client.data.clear();
        client.run(&[record, peer.record(23, &number.to_be_bytes())].concat()).unwrap();
        assert_eq!(client.data, number.to_be_bytes());
        client.write(b"mine");
        peer.inbox = core::mem::take(&mut client.out);
        if requested {
            assert_eq!(peer.open(), Some((Record::Handshake, vec![24, 0, 0, 1, 0])));
            peer.update_read();
        }
        assert_eq!(peer.open(), Some((Record::Data(4), b"mine".to_vec())));
        assert_eq!(peer.open(), None);
    }
    // Without data they end somewhere.
    let mut outcome = Ok(());
    for _ in 0..2000 {
        let record = peer.record(HANDSHAKE, &message(message::KEY_UPDATE, &[0]));
        peer.update_write();
        outcome = client.run(&record);
        if outcome.is_err() {
            break;
        }
    }
    assert_eq!(outcome, Err(TlsError::UnexpectedMessage));

    for wrong in [&[2][..], &[255], &[], &[0, 0]] {
        let (mut client, mut peer) = opened(CRYPTO);
        let error = if wrong.len() == 1 { TlsError::IllegalParameter } else { TlsError::Decode };
        assert_eq!(client.run(&peer.record(HANDSHAKE, &message(message::KEY_UPDATE, wrong))), Err(error));
    }
}

/// Our own KeyUpdate, when a key has protected what it may.
#[test]
fn worn_keys_are_changed() {
    struct Worn;
    impl CipherSuite for Worn {
        fn code(&self) -> u16 {
            CHACHA20_POLY1305_SHA256.code()
        }
        fn name(&self) -> &'static str {
            "worn"
        }
        fn hash(&self) -> &dyn Hash {
            SHA256
        }
        fn key_len(&self) -> usize {
            32
        }
        fn limit(&self) -> u64 {
            3
        }
        fn seal(&self, key: &[u8], nonce: &[u8; 12], header: &[u8], content: &mut [u8]) -> Option<[u8; TAG_LEN]> {
            CHACHA20_POLY1305_SHA256.seal(key, nonce, header, content)
        }
        fn open(
            &self,
            key: &[u8],
            nonce: &[u8; 12],
            header: &[u8],
            content: &mut [u8],
            tag: &[u8; TAG_LEN],
        ) -> Option<()> {
            CHACHA20_POLY1305_SHA256.open(key, nonce, header, content, tag)
        }
    }
    const CRYPTO: &Crypto = &Crypto { suites: &[&Worn], ..Crypto::DEFAULT };
    let (mut client, mut peer) = opened(CRYPTO);
    let mut updates = 0;
    for _ in 0..20 {
        client.write(b"x");
        peer.inbox = core::mem::take(&mut client.out);
        while let Some((record, _)) = peer.open() {
            if record == Record::Handshake {
                peer.update_read();
                updates += 1;
            }
        }
    }
    assert!((6..=10).contains(&updates), "{updates}");
}

#[test]
fn each_direction_ends_by_itself() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    // We end first, and go on reading.
    let (mut client, mut peer) = opened(CRYPTO);
    let mut buffers = Buffers { rx: &mut client.rx, tx: &mut client.tx };
    client.session.encrypt(&mut buffers, b"last words").unwrap();
    client.session.close(&mut buffers).unwrap();
    assert_eq!(client.session.encrypt(&mut buffers, b"more"), Err(TlsError::Closed));
    client.send_all();
    peer.inbox = core::mem::take(&mut client.out);
    assert_eq!(peer.open(), Some((Record::Data(10), b"last words".to_vec())));
    assert_eq!(peer.open().map(|(record, _)| record), Some(Record::Alert(0)));
    client.run(&peer.record(23, b"still here")).unwrap();
    assert_eq!((&client.data[..], client.closed), (&b"still here"[..], false));
    // A request for new keys gets no response any more.
    let update = peer.record(HANDSHAKE, &message(message::KEY_UPDATE, &[1]));
    peer.update_write();
    client.run(&[update, peer.record(ALERT, &[1, 90]), peer.record(ALERT, &[1, 0])].concat()).unwrap();
    assert!(client.closed);
    assert_eq!(client.out, [0; 0]);

    // The peer ends first; what comes behind is not looked at.
    let (mut client, mut peer) = opened(CRYPTO);
    client.run(&[peer.record(ALERT, &[1, 0]), b"anything".to_vec()].concat()).unwrap();
    assert!(client.closed);
    client.write(b"we go on");
    peer.inbox = core::mem::take(&mut client.out);
    assert_eq!(peer.open(), Some((Record::Data(8), b"we go on".to_vec())));

    // The connection ends, and nobody said so.
    let (mut client, _) = opened(CRYPTO);
    let mut buffers = Buffers { rx: &mut client.rx, tx: &mut client.tx };
    assert_eq!(client.session.ended(&mut buffers), TlsError::Truncated);
    assert_eq!(client.session.next(&mut buffers).unwrap_err(), TlsError::Truncated);
    assert_eq!(client.session.pending(), None);
}

/// Alerts keep their number, encrypted too.
#[test]
fn fatal_alerts() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    for number in (1..=255).filter(|number| *number != 90) {
        let (mut client, mut peer) = opened(CRYPTO);
        assert_eq!(client.run(&peer.record(ALERT, &[2, number])), Err(TlsError::PeerAlert(Some(number))));
        assert_eq!(client.out, [0; 0], "no alert in response to one");
    }
}
