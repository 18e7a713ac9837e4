//! A client and a server in one thread: the server is made of the same primitives, says what a test wants, and opens what
//! the client sends. That both are right about TLS, the traces of RFC 8448 ([`traces`]) and other implementations say
//! (`tests/tls/engine.rs`).
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)]

mod orders;
mod primitives;
mod records;
mod resumption;
mod traces;

use std::{collections::VecDeque, vec, vec::Vec};

use super::{
    record::{ALERT, HANDSHAKE, Incoming, Keys, MAX_INNER_LEN, Outgoing, Record},
    schedule::{Hashing, Secret, derive, derived, extract, verify_data},
    session::Next,
    state::{State, message},
    ticket::Ticket,
    wire::{Reader, extensions},
    *,
};
use crate::tls::verify::algorithms;

/// Accepts every server; counts what it was asked.
#[derive(Default)]
pub(super) struct World {
    /// What `random` gives first.
    pub(super) random: VecDeque<Vec<u8>>,
    /// How often `chain` has to be called.
    pub(super) rounds: usize,
    pub(super) chains: usize,
    pub(super) signatures: usize,
    pub(super) certificates: Vec<Vec<u8>>,
}

impl Environment for World {
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), TlsError> {
        match self.random.pop_front() {
            Some(next) => bytes.copy_from_slice(&next),
            None => getrandom::fill(bytes).unwrap(),
        }
        Ok(())
    }

    fn chain(&mut self, chain: Chain<'_>) -> Result<Progress, TlsError> {
        assert_eq!((self.chains, self.signatures), (0, 0), "a second chain");
        let certificates: Vec<_> = chain.map(<[u8]>::to_vec).collect();
        if self.certificates.is_empty() {
            self.certificates = certificates;
        } else {
            assert_eq!(self.certificates, certificates, "the chain stays where it is");
        }
        if self.rounds > 0 {
            self.rounds -= 1;
            return Ok(Progress::Again);
        }
        self.chains += 1;
        Ok(Progress::Done)
    }

    fn signature(&mut self, scheme: u16, hash: &[u8], signature: &[u8]) -> Result<(), TlsError> {
        assert_eq!((self.chains, self.signatures), (1, 0), "a signature out of order");
        assert!(scheme == 0x0403 || scheme == 0x0804);
        assert!(hash.len() == 32 || hash.len() == 48);
        assert!(!signature.is_empty());
        self.signatures += 1;
        Ok(())
    }
}

pub(super) const OFFER: Config<'static> = Config {
    crypto: &Crypto::DEFAULT,
    server_name: Some("server"),
    alpn: &[],
    psk: None,
    signatures: algorithms::ALL,
    identity: None,
    rx_to_come: 0,
    lasting_rx: usize::MAX,
    wants_tickets: true,
    compatible: true,
};

pub(super) struct Client<'c> {
    pub(super) session: Session,
    pub(super) rx: Vec<u8>,
    pub(super) tx: Vec<u8>,
    pub(super) config: Config<'c>,
    pub(super) world: World,
    /// All that was sent.
    pub(super) out: Vec<u8>,
    /// The most bytes that are received, or sent, at once.
    pub(super) step: usize,
    pub(super) tickets: Vec<(Ticket, Vec<u8>)>,
    pub(super) data: Vec<u8>,
    pub(super) closed: bool,
    pub(super) yields: usize,
}

impl<'c> Client<'c> {
    pub(super) fn new(crypto: &'static Crypto) -> Self {
        Self {
            session: Session::new(),
            rx: vec![0; 16_406],
            tx: vec![0; 1_536],
            config: Config { crypto, ..OFFER },
            world: World::default(),
            out: vec![],
            step: usize::MAX,
            tickets: vec![],
            data: vec![],
            closed: false,
            yields: 0,
        }
    }

    /// Goes on as far as it gets with these bytes.
    pub(super) fn run(&mut self, mut input: &[u8]) -> Result<(), TlsError> {
        loop {
            let mut buffers = Buffers { rx: &mut self.rx, tx: &mut self.tx };
            let next = match self.session.state {
                State::Open => self.session.next(&mut buffers),
                _ => self.session.handshake(&mut buffers, &self.config, &mut self.world),
            };
            match next {
                Err(error) => {
                    self.send_all();
                    let mut buffers = Buffers { rx: &mut self.rx, tx: &mut self.tx };
                    assert_eq!(self.session.next(&mut buffers).unwrap_err(), error, "an error is final");
                    return Err(error);
                }
                Ok(Next::Send(range)) => {
                    let len = range.len().min(self.step);
                    self.out.extend(&self.tx[range][..len]);
                    self.session.sent(len);
                }
                Ok(Next::Receive(range)) => {
                    assert!(!range.is_empty());
                    let len = range.len().min(input.len()).min(self.step);
                    if len == 0 {
                        return Ok(());
                    }
                    self.rx[range][..len].copy_from_slice(&input[..len]);
                    input = &input[len..];
                    let buffers = Buffers { rx: &mut self.rx, tx: &mut self.tx };
                    self.session.received(len, &buffers);
                }
                Ok(Next::Yield) => self.yields += 1,
                Ok(Next::Ready) => {}
                Ok(Next::Data(range)) => {
                    let len = range.len().min(self.step);
                    self.data.extend(&self.rx[range][..len]);
                    self.session.consume(len);
                }
                Ok(Next::Ticket(ticket)) => {
                    let identity = self.rx[ticket.identity.clone()].to_vec();
                    self.tickets.push((ticket, identity));
                }
                Ok(Next::Closed) => {
                    self.closed = true;
                    return Ok(());
                }
            }
        }
    }

    pub(super) fn send_all(&mut self) {
        while let Some(range) = self.session.pending() {
            let len = range.len().min(self.step);
            self.out.extend(&self.tx[range][..len]);
            self.session.sent(len);
        }
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let mut buffers = Buffers { rx: &mut self.rx, tx: &mut self.tx };
            let taken = self.session.encrypt(&mut buffers, bytes).unwrap();
            bytes = &bytes[taken..];
            self.session.flush(&mut buffers).unwrap();
            self.send_all();
        }
    }
}

/// The server's side.
pub(super) struct Peer {
    pub(super) suite: &'static dyn CipherSuite,
    pub(super) group: &'static dyn Group,
    pub(super) transcript: Hashing<'static>,
    pub(super) psk: Option<Vec<u8>>,
    main: Secret,
    pub(super) client: Secret,
    server: Secret,
    next_client: Secret,
    pub(super) write: Option<Keys>,
    pub(super) read: Option<Keys>,
    session_id: Vec<u8>,
    share: Vec<u8>,
    /// What the client sent and was not opened yet.
    pub(super) inbox: Vec<u8>,
    incoming: Incoming,
    buffer: Vec<u8>,
}

impl Peer {
    pub(super) fn new(suite: &'static dyn CipherSuite, group: &'static dyn Group) -> Self {
        // The hash of a static suite is static: by its code.
        let hash = if suite.code() == 0x1302 { SHA384 } else { SHA256 };
        Self {
            suite,
            group,
            transcript: Hashing::new(hash),
            psk: None,
            main: Secret::EMPTY,
            client: Secret::EMPTY,
            server: Secret::EMPTY,
            next_client: Secret::EMPTY,
            write: None,
            read: None,
            session_id: vec![],
            share: vec![],
            inbox: vec![],
            incoming: Incoming::EMPTY,
            buffer: vec![0; 70_000],
        }
    }

    fn hash(&self) -> &'static dyn Hash {
        self.transcript.hash()
    }

    /// Reads a ClientHello; gives its message.
    pub(super) fn read_hello(&mut self, record: &[u8]) -> Vec<u8> {
        let at = if record[0] == 20 { 6 } else { 0 };
        assert_eq!(record[at], HANDSHAKE);
        let hello = record[at + 5..].to_vec();
        self.transcript.update(&hello);
        let mut body = Reader::new(&hello);
        body.take(4 + 2 + 32).unwrap();
        self.session_id = body.vector8().unwrap().to_vec();
        body.vector16().unwrap();
        body.vector8().unwrap();
        extensions(body.vector16().unwrap(), |kind, data| {
            if kind == 51 {
                let mut shares = Reader::new(Reader::new(data).vector16().unwrap());
                assert_eq!(shares.u16().unwrap(), self.group.code(), "shares are sent in the first group");
                self.share = shares.vector16().unwrap().to_vec();
            }
            Ok(())
        })
        .unwrap();
        hello
    }

    /// A ServerHello as it should be, with more extensions.
    pub(super) fn hello(&mut self, more: &[u8]) -> Vec<u8> {
        let (mut private, mut share) = ([0; 32], vec![0; self.group.share_len()]);
        let random = &mut |bytes: &mut [u8]| {
            getrandom::fill(bytes).unwrap();
            Ok(())
        };
        self.group.generate(random, &mut private, &mut share).unwrap();
        let shared = self.group.agree(&private, &self.share).unwrap();
        let share = [&self.group.code().to_be_bytes()[..], &vector(2, &share)].concat();
        let list = [&[0, 43, 0, 2, 3, 4, 0, 51][..], &vector(2, &share), more].concat();
        let suite = self.suite.code().to_be_bytes();
        let body = [&[3, 3][..], &[7; 32], &vector(1, &self.session_id), &suite, &[0], &vector(2, &list)].concat();
        let message = message(message::SERVER_HELLO, &body);
        self.transcript.update(&message);

        let hash = self.hash();
        let zeros = Secret::zeros(hash.output_len());
        let early = extract(hash, &zeros, self.psk.as_deref().unwrap_or(zeros.as_bytes()));
        let handshake = extract(hash, &derived(hash, &early), &*shared);
        let so_far = self.transcript.finish();
        self.client = derive(hash, &handshake, "c hs traffic", so_far.as_bytes());
        self.server = derive(hash, &handshake, "s hs traffic", so_far.as_bytes());
        self.main = extract(hash, &derived(hash, &handshake), zeros.as_bytes());
        self.write = Some(Keys::of(self.suite, &self.server));
        self.read = Some(Keys::of(self.suite, &self.client));
        message
    }

    /// A HelloRetryRequest with these extensions besides the version.
    pub(super) fn retry(&mut self, list: &[u8]) -> Vec<u8> {
        let first = self.transcript.finish();
        self.transcript = Hashing::new(self.hash());
        self.transcript.update(&message(message::MESSAGE_HASH, first.as_bytes()));
        let list = [&[0, 43, 0, 2, 3, 4][..], list].concat();
        let random = traces::hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
        let suite = self.suite.code().to_be_bytes();
        let body = [&[3, 3][..], &random, &vector(1, &self.session_id), &suite, &[0], &vector(2, &list)].concat();
        let message = message(message::SERVER_HELLO, &body);
        self.transcript.update(&message);
        message
    }

    /// The messages of the flight, the last one with the right MAC.
    pub(super) fn flight(&mut self, kinds: &[u8]) -> Vec<Vec<u8>> {
        kinds.iter().map(|kind| self.say(*kind)).collect()
    }

    /// A message as it should be at this moment, as far as it can; it becomes part of the transcript.
    pub(super) fn say(&mut self, kind: u8) -> Vec<u8> {
        let body = match kind {
            message::ENCRYPTED_EXTENSIONS => vec![0, 0],
            message::CERTIFICATE_REQUEST => vec![0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3],
            message::CERTIFICATE => {
                let entry = [&vector(3, &[0x30; 300])[..], &[0, 0]].concat();
                [&[0][..], &vector(3, &entry)].concat()
            }
            message::CERTIFICATE_VERIFY => [&[4, 3][..], &vector(2, &[1; 70])].concat(),
            message::FINISHED => verify_data(self.hash(), &self.server, &self.transcript.finish()).as_bytes().to_vec(),
            message::NEW_SESSION_TICKET => {
                [&[0, 0, 14, 16, 1, 2, 3, 4][..], &vector(1, &[9, 9]), &vector(2, &[5; 100]), &[0, 0]].concat()
            }
            message::KEY_UPDATE => vec![0],
            _ => vec![0; 40],
        };
        let message = message(kind, &body);
        self.transcript.update(&message);
        if kind == message::FINISHED && !self.server.as_bytes().is_empty() {
            self.next_client = derive(self.hash(), &self.main, "c ap traffic", self.transcript.finish().as_bytes());
        }
        message
    }

    /// Writes under the keys of the application from here on.
    pub(super) fn finish(&mut self) {
        let so_far = self.transcript.finish();
        self.server = derive(self.hash(), &self.main, "s ap traffic", so_far.as_bytes());
        self.write = Some(Keys::of(self.suite, &self.server));
    }

    pub(super) fn update_write(&mut self) {
        self.server = derive(self.hash(), &self.server, "traffic upd", &[]);
        self.write = Some(Keys::of(self.suite, &self.server));
    }

    pub(super) fn update_read(&mut self) {
        self.client = derive(self.hash(), &self.client, "traffic upd", &[]);
        self.read = Some(Keys::of(self.suite, &self.client));
    }

    /// The resumption key of a ticket with this nonce.
    pub(super) fn ticket_key(&self, nonce: &[u8]) -> Secret {
        let main = derive(self.hash(), &self.main, "res master", self.transcript.finish().as_bytes());
        derive(self.hash(), &main, "resumption", nonce)
    }

    /// A record, protected if there are keys.
    pub(super) fn record(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut outgoing = Outgoing::EMPTY;
        let mut tx = vec![0; content.len() + 100];
        let protection = self.write.as_mut().map(|keys| (self.suite, keys));
        outgoing.append(&mut tx, kind, content, protection).unwrap();
        tx[outgoing.pending().unwrap()].to_vec()
    }

    /// What the client's next record says, of the type it has.
    pub(super) fn open(&mut self) -> Option<(Record, Vec<u8>)> {
        if self.inbox.is_empty() {
            return None;
        }
        let room = self.incoming.room(&mut self.buffer, false).unwrap();
        let len = self.inbox.len().min(room.len());
        self.buffer[room][..len].copy_from_slice(&self.inbox[..len]);
        let mut incoming = Incoming::EMPTY;
        incoming.received(self.inbox.len(), &self.buffer);
        let protection = match self.inbox[0] {
            20 => None,
            _ => self.read.as_mut().map(|keys| (self.suite, keys)),
        };
        let is_open = self.inbox[0] != 20;
        let record = incoming.take(&mut self.buffer, protection, MAX_INNER_LEN, is_open).unwrap().unwrap();
        let content = self.buffer[incoming.plain.clone()].to_vec();
        let len = 5 + usize::from(u16::from_be_bytes([self.inbox[3], self.inbox[4]]));
        self.inbox.drain(..len);
        self.incoming = Incoming::EMPTY;
        Some((record, content))
    }

    /// Takes the client's flight: gives its messages. Checks its Finished.
    pub(super) fn take_flight(&mut self) -> Vec<Vec<u8>> {
        let (mut messages, mut rest) = (vec![], vec![]);
        while let Some((record, content)) = self.open() {
            match record {
                Record::ChangeCipherSpec => {}
                Record::Handshake => rest.extend(content),
                other => panic!("{other:?} in the client's flight"),
            }
            while rest.len() >= 4 && rest.len() >= 4 + super::wire::u24([rest[1], rest[2], rest[3]]) {
                let len = 4 + super::wire::u24([rest[1], rest[2], rest[3]]);
                let message: Vec<u8> = rest.drain(..len).collect();
                if message[0] == message::FINISHED {
                    let mac = verify_data(self.hash(), &self.client, &self.transcript.finish());
                    assert_eq!(message[4..], *mac.as_bytes(), "the client's Finished");
                    self.client = self.next_client.clone();
                    self.read = Some(Keys::of(self.suite, &self.client));
                }
                self.transcript.update(&message);
                messages.push(message);
            }
        }
        assert!(rest.is_empty());
        messages
    }
}

pub(super) fn vector(width: usize, bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[4 - width..], bytes].concat()
}

pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector(3, body)].concat()
}

/// A client and its peer whose hellos were exchanged.
pub(super) fn met(crypto: &'static Crypto) -> (Client<'static>, Peer) {
    let (mut client, mut peer) = (Client::new(crypto), Peer::new(CHACHA20_POLY1305_SHA256, X25519));
    client.run(&[]).unwrap();
    peer.read_hello(&core::mem::take(&mut client.out));
    let hello = peer.hello(&[]);
    let (keys, other) = (peer.write.take(), peer.read.take());
    let record = peer.record(HANDSHAKE, &hello);
    (peer.write, peer.read) = (keys, other);
    client.run(&record).unwrap();
    (client, peer)
}

/// The messages of a flight with certificates.
pub(super) const FULL: [u8; 4] =
    [message::ENCRYPTED_EXTENSIONS, message::CERTIFICATE, message::CERTIFICATE_VERIFY, message::FINISHED];

/// A client and its peer, open.
pub(super) fn opened(crypto: &'static Crypto) -> (Client<'static>, Peer) {
    let (mut client, mut peer) = met(crypto);
    let flight = peer.flight(&FULL).concat();
    let record = peer.record(HANDSHAKE, &flight);
    peer.finish();
    client.run(&record).unwrap();
    peer.inbox = core::mem::take(&mut client.out);
    let messages = peer.take_flight();
    assert_eq!(messages.len(), 1);
    (client, peer)
}

/// The one record that a client that refused has sent is this alert, and nothing else.
pub(super) fn only_alert(client: &mut Client<'_>, peer: &mut Peer, number: u8) {
    peer.inbox = core::mem::take(&mut client.out);
    assert_eq!(peer.open().map(|(record, _)| record), Some(Record::Alert(number)));
    assert_eq!(peer.open(), None, "nothing but an alert");
}

#[test]
fn a_handshake_and_data() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let (mut client, mut peer) = opened(CRYPTO);
    assert_eq!((client.world.chains, client.world.signatures), (1, 1));
    assert!(client.yields >= 4, "around the keys, and between signatures");
    client.write(b"hello");
    peer.inbox = core::mem::take(&mut client.out);
    assert_eq!(peer.open(), Some((Record::Data(5), b"hello".to_vec())));
    let record = peer.record(23, b"world");
    client.run(&record).unwrap();
    assert_eq!(client.data, b"world");
}

/// `chain` is called again with the same certificates until it is done, and others get a turn between.
#[test]
fn a_chain_is_verified_in_steps() {
    const CRYPTO: &Crypto = &Crypto::DEFAULT;
    let (mut client, mut peer) = met(CRYPTO);
    client.world.rounds = 5;
    let yields = client.yields;
    let flight = peer.flight(&FULL).concat();
    let record = peer.record(HANDSHAKE, &flight);
    client.run(&record).unwrap();
    assert_eq!((client.world.rounds, client.world.chains, client.world.signatures), (0, 1, 1));
    assert!(client.yields >= yields + 6);
}

#[test]
fn a_session_can_be_sent_and_is_about_a_kilobyte() {
    const fn sendable<T: Send>() {}
    sendable::<Session>();
    assert!(size_of::<Session>() <= 1_100, "{}", size_of::<Session>());
}
