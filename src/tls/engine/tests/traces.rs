//! The traces of RFC 8448, byte for byte: what its server said goes in, what its client said has to come out.

use super::*;

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A value of the file of the traces.
fn value(name: &str) -> Vec<u8> {
    let lines = include_str!("rfc8448.txt").lines();
    let mut found = lines.filter_map(|line| line.split_once(' ')).filter(|(known, _)| *known == name);
    hex(found.next().unwrap_or_else(|| panic!("no {name}")).1)
}

fn client<'c>(crypto: &'static Crypto, random: &[&str]) -> Client<'c> {
    let mut client = Client::new(crypto);
    client.config.compatible = false;
    client.world.random = random.iter().map(|name| value(name)).collect();
    client
}

/// Puts the trace's ClientHello in the place of ours, whose extensions are in another order. Gives ours.
fn say(client: &mut Client<'_>, name: &str, is_first: bool) -> Vec<u8> {
    let ours = client.tx[client.session.pending().unwrap()].to_vec();
    let record = value(name);
    client.session.outgoing = Outgoing::EMPTY;
    client.tx[..record.len()].copy_from_slice(&record);
    if is_first {
        client.session.hello = 5..record.len();
    }
    client.session.outgoing.append_written(&mut client.tx, HANDSHAKE, record.len() - 5, None).unwrap();
    ours
}

/// Until something is to be sent.
fn until_send(client: &mut Client<'_>) {
    loop {
        let mut buffers = Buffers { rx: &mut client.rx, tx: &mut client.tx };
        match client.session.handshake(&mut buffers, &client.config, &mut client.world).unwrap() {
            Next::Yield => {}
            Next::Send(_) => return,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn simple_handshake() {
    // RFC 8448 §3.
    const CRYPTO: &Crypto =
        &Crypto { suites: &[AES_128_GCM_SHA256], groups: &[X25519, SECP256R1], signatures: algorithms::ALL };
    for step in [1, 7, usize::MAX] {
        let mut client = client(CRYPTO, &["3.client.random", "3.client.private"]);
        until_send(&mut client);
        say(&mut client, "3.client_hello", true);
        client.step = step;
        client.run(&[value("3.server_hello"), value("3.server_flight")].concat()).unwrap();
        let sent = client.out.split_off(value("3.client_hello").len());
        assert_eq!(sent, value("3.client_finished"));
        assert_eq!((client.world.chains, client.world.signatures), (1, 1));

        client.run(&value("3.server_ticket")).unwrap();
        let (ticket, identity) = &client.tickets[0];
        assert_eq!((ticket.lifetime, ticket.age_add), (30, 0xfad6_aac5));
        assert_eq!(ticket.key.as_bytes(), value("3.resumption_key"));
        assert_eq!(identity.len(), 178);

        client.out.clear();
        let payload: Vec<u8> = (0..50).collect();
        client.write(&payload);
        assert_eq!(client.out, value("3.client_data"));
        client.run(&value("3.server_data")).unwrap();
        assert_eq!(client.data, payload);

        client.out.clear();
        let mut buffers = Buffers { rx: &mut client.rx, tx: &mut client.tx };
        client.session.close(&mut buffers).unwrap();
        client.send_all();
        assert_eq!(client.out, value("3.client_alert"));
        client.run(&value("3.server_alert")).unwrap();
        assert!(client.closed);
    }
}

#[test]
fn hello_retry_request() {
    // RFC 8448 §5.
    const CRYPTO: &Crypto =
        &Crypto { suites: &[AES_128_GCM_SHA256], groups: &[X25519, SECP256R1], signatures: algorithms::ALL };
    let random = ["5.client.random", "5.client.private1", "5.client.private2"];
    let mut client = client(CRYPTO, &random);
    until_send(&mut client);
    say(&mut client, "5.client_hello1", true);
    until_send(&mut client);
    client.send_all();
    let retry = value("5.retry");
    let mut buffers = Buffers { rx: &mut client.rx, tx: &mut client.tx };
    let Ok(Next::Receive(room)) = client.session.handshake(&mut buffers, &client.config, &mut client.world) else {
        panic!("awaits the server")
    };
    buffers.rx[room][..retry.len()].copy_from_slice(&retry);
    client.session.received(retry.len(), &buffers);
    until_send(&mut client);

    // The transcript so far has our second ClientHello in it; then it gets the trace's.
    let mut transcript = Hashing::new(SHA256);
    let mut first = Hashing::new(SHA256);
    first.update(&value("5.client_hello1")[5..]);
    transcript.update(&message(message::MESSAGE_HASH, first.finish().as_bytes()));
    transcript.update(&retry[5..]);
    let theirs = value("5.client_hello2");
    let mut with_ours = transcript.clone();
    let ours = say(&mut client, "5.client_hello2", false);
    with_ours.update(&ours[5..]);
    assert_eq!(client.session.transcript().unwrap().as_bytes(), with_ours.finish().as_bytes());
    transcript.update(&theirs[5..]);
    client.session.transcript = Some(transcript);

    // Ours has the cookie, and the share, too.
    let holds = |part: &[u8]| ours.windows(part.len()).any(|window| window == part);
    assert!(holds(&retry[retry.len() - 6 - 116..retry.len() - 6]));
    assert!(holds(&value("5.client.share2")));

    client.out.clear();
    client.run(&[value("5.server_hello"), value("5.server_flight")].concat()).unwrap();
    let sent = client.out.split_off(theirs.len());
    assert_eq!(sent, value("5.client_finished"));
}

/// RFC 8448 §4: how a ticket's key binds a ClientHello. The rest of that trace is early data, which we never send.
#[test]
fn binder_of_a_resumed_handshake() {
    let early = extract(SHA256, &Secret::zeros(32), &value("3.resumption_key"));
    assert_eq!(early.as_bytes(), value("4.early_secret"));
    let key = derive(SHA256, &early, "res binder", Hashing::new(SHA256).finish().as_bytes());
    assert_eq!(key.as_bytes(), value("4.binder_key"));
    let mut transcript = Hashing::new(SHA256);
    transcript.update(&value("4.client_hello_prefix"));
    assert_eq!(transcript.finish().as_bytes(), value("4.binder_hash"));
    assert_eq!(verify_data(SHA256, &key, &transcript.finish()).as_bytes(), value("4.binder"));
}
