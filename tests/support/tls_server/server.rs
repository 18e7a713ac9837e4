//! Plays a [`Script`] to one client, and reports what came back.

use std::{
    io::{Read, Result, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{atomic::Ordering, mpsc},
    thread,
    time::Duration,
};

use sha2::Digest;
use socketpool::tls::engine::X25519;

use super::{
    keys::{self, Direction, Epoch, Schedule},
    script::{
        ALERT, Content, DATA, ECHO, HANDSHAKE, KEY_SHARE, Message, RETRY, Record, SCALAR, SHARE, Script, Step,
        key_update_that, sealed, vector,
    },
};

/// How long the server waits for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the server saw.
#[derive(Debug, Default)]
pub struct Report {
    /// The application's data.
    pub request: Vec<u8>,
    /// Every byte as it came off the wire.
    pub wire: Vec<u8>,
    /// What came after the ClientHello, record by record: the type, and the content in the clear. What could not be
    /// opened is as it came.
    pub received: Vec<(u8, Vec<u8>)>,
    /// The client said Finished, and it was right.
    pub finished: bool,
    pub close_notify: bool,
    /// Protected records of the client's that could not be opened.
    pub unreadable: usize,
    /// Our Finished went out.
    pub flight_sent: bool,
    /// The script was played to its end.
    pub played: bool,
}

impl Report {
    /// The types of the handshake messages that came after the ClientHello.
    #[allow(dead_code, reason = "each user has its own part")]
    pub fn messages(&self) -> Vec<u8> {
        let mut types = vec![];
        for (_, content) in self.received.iter().filter(|(kind, _)| *kind == HANDSHAKE) {
            let mut rest = &content[..];
            while let [kind, a, b, c, body @ ..] = rest {
                types.push(*kind);
                rest = body.get(u32::from_be_bytes([0, *a, *b, *c]) as usize..).unwrap_or_default();
            }
        }
        types
    }

    /// Whether nothing came after the ClientHello but alerts.
    #[allow(dead_code, reason = "each user has its own part")]
    pub fn only_alerts(&self) -> bool {
        self.unreadable == 0 && self.received.iter().all(|(kind, _)| *kind == ALERT)
    }
}

/// A server for one connection.
pub struct Server {
    pub port: u16,
    report: mpsc::Receiver<Report>,
}

impl Server {
    pub fn start(script: Script) -> Self {
        Self::start_cut(script, usize::MAX)
    }

    /// Ends the TCP connection after so many bytes.
    pub fn start_cut(script: Script, cut: usize) -> Self {
        Self::start_with(script, cut, &[0; 32])
    }

    /// Has a pre-shared key.
    #[allow(dead_code, reason = "each user has its own part")]
    pub fn start_psk(script: Script, psk: &'static [u8]) -> Self {
        Self::start_with(script, usize::MAX, psk)
    }

    /// Serves one client after the other, each by its script.
    #[allow(dead_code, reason = "each user has its own part")]
    pub fn start_each(scripts: Vec<Script>) -> Self {
        Self::start_all(scripts, usize::MAX, &[0; 32])
    }

    fn start_with(script: Script, cut: usize, psk: &'static [u8]) -> Self {
        Self::start_all(vec![script], cut, psk)
    }

    fn start_all(scripts: Vec<Script>, cut: usize, psk: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (sender, report) = mpsc::channel();
        thread::spawn(move || {
            for script in scripts {
                let Ok((tcp, _)) = listener.accept() else { return };
                let sender = sender.clone();
                thread::spawn(move || {
                    let mut player = Player::new(tcp, cut, psk);
                    player.report.played = player.play(script).is_ok();
                    while player.read().is_ok() {}
                    let _ = sender.send(player.report);
                });
            }
        });
        Self { port, report }
    }

    /// Waits until the client is gone, the next one if there are several.
    pub fn report(&self) -> Report {
        self.report.recv_timeout(PATIENCE).expect("the client came, and went")
    }
}

/// What the client sends, taken off the wire as soon as it arrives: a reset could take it away.
struct Incoming {
    chunks: mpsc::Receiver<Vec<u8>>,
    rest: Vec<u8>,
}

impl Incoming {
    fn start(mut tcp: TcpStream) -> Self {
        let (sender, chunks) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = tcp.read(&mut buffer) {
                let _ = sender.send(buffer[..count].to_vec());
            }
        });
        Self { chunks, rest: vec![] }
    }

    fn take(&mut self, count: usize) -> Result<Vec<u8>> {
        while self.rest.len() < count {
            let chunk = self.chunks.recv_timeout(PATIENCE).map_err(|_| std::io::ErrorKind::UnexpectedEof)?;
            self.rest.extend(chunk);
        }
        Ok(self.rest.drain(..count).collect())
    }
}

struct Player {
    tcp: TcpStream,
    incoming: Incoming,
    dribble: bool,
    /// Bytes that may still go out.
    left: usize,
    schedule: Schedule,
    client_share: Vec<u8>,
    session_id: Vec<u8>,
    handshake: Option<Epoch>,
    said_finished: bool,
    /// The application's keys are in use.
    application: bool,
    writing: Option<Direction>,
    reading: Option<Direction>,
    /// What the client's records are opened with after its Finished.
    reading_next: Option<Direction>,
    /// How many were waited for.
    requests: usize,
    report: Report,
}

impl Player {
    fn new(tcp: TcpStream, cut: usize, psk: &[u8]) -> Self {
        tcp.set_nodelay(true).expect("open");
        Self {
            incoming: Incoming::start(tcp.try_clone().expect("open")),
            tcp,
            dribble: false,
            left: cut,
            schedule: Schedule::new(psk),
            client_share: vec![],
            session_id: vec![],
            handshake: None,
            said_finished: false,
            application: false,
            writing: None,
            reading: None,
            reading_next: None,
            requests: 0,
            report: Report::default(),
        }
    }

    fn play(&mut self, script: Script) -> Result<()> {
        while self.client_share.is_empty() {
            self.read()?;
        }
        for step in script {
            match step {
                Step::Send(record) => {
                    let bytes = self.record(&record);
                    self.write(&bytes)?;
                    if record.messages.iter().any(|message| matches!(message.content, Content::Finished { .. })) {
                        self.report.flight_sent = true;
                    }
                }
                Step::Split(messages, at) => {
                    let bytes: Vec<u8> = messages.iter().flat_map(|message| self.message(message)).collect();
                    for part in [&bytes[..at], &bytes[at..]] {
                        let sealed = self.seal(&[part, &[HANDSHAKE]].concat());
                        self.write(&sealed)?;
                    }
                    self.epoch_after(&messages);
                }
                Step::Halves(record, at, counter, number) => {
                    let bytes = self.record(&record);
                    self.write(&bytes[..at])?;
                    while counter.load(Ordering::SeqCst) < number {
                        thread::sleep(Duration::from_millis(1));
                    }
                    self.write(&bytes[at..])?;
                }
                Step::Part(record, len) => {
                    let bytes = self.record(&record);
                    self.write(&bytes[..len])?;
                }
                Step::Raw(bytes) => self.write(&bytes)?,
                Step::Pause(time) => thread::sleep(time),
                Step::Dribble => self.dribble = true,
                Step::SkipNumbers(count) => {
                    self.writing.as_mut().expect("after the ServerHello").number += count;
                }
                Step::HandshakeKeys => {
                    let epoch = self.handshake.as_ref().expect("after the ServerHello");
                    self.writing = Some(Direction::new(&epoch.server));
                }
                Step::ReadHello => {
                    self.client_share.clear();
                    while self.client_share.is_empty() {
                        self.read()?;
                    }
                }
                Step::KeyUpdate { asks } => {
                    let record = self.record(&sealed([key_update_that(asks)]));
                    self.write(&record)?;
                    self.writing.as_mut().expect("after the handshake").update();
                }
                Step::ReadFinished => {
                    while !self.report.finished {
                        self.read()?;
                    }
                }
                Step::ReadRequest => {
                    let heads = |request: &[u8]| request.windows(4).filter(|window| window == b"\r\n\r\n").count();
                    self.requests += 1;
                    while heads(&self.report.request) < self.requests {
                        self.read()?;
                    }
                }
                // A client that has what it wants may have gone first.
                Step::Close => _ = self.tcp.shutdown(Shutdown::Write),
            }
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let now = &bytes[..bytes.len().min(self.left)];
        if self.dribble {
            for byte in now.chunks(1) {
                self.tcp.write_all(byte)?;
                thread::sleep(Duration::from_micros(100));
            }
        } else {
            self.tcp.write_all(now)?;
        }
        self.left -= now.len();
        if self.left == 0 {
            _ = self.tcp.shutdown(Shutdown::Write);
        }
        if now.len() < bytes.len() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// The bytes of a record.
    fn record(&mut self, record: &Record) -> Vec<u8> {
        let mut content: Vec<u8> =
            record.messages.iter().flat_map(|message| self.in_transcript(record.kind, message)).collect();
        let mut bytes = match record.padding {
            None => [&[record.kind, 3, 3], &vector(2, &content)[..]].concat(),
            Some(zeros) => {
                content.push(record.kind);
                content.resize(content.len() + zeros, 0);
                self.seal(&content)
            }
        };
        (record.change)(&mut bytes);
        self.epoch_after(&record.messages);
        bytes
    }

    fn seal(&mut self, inner: &[u8]) -> Vec<u8> {
        self.writing.as_mut().expect("after the ServerHello").seal(inner)
    }

    fn in_transcript(&mut self, kind: u8, message: &Message) -> Vec<u8> {
        if kind == HANDSHAKE { self.message(message) } else { self.bytes(message) }
    }

    /// The bytes of a handshake message, which become part of the transcript if our Finished has not been said.
    fn message(&mut self, message: &Message) -> Vec<u8> {
        let bytes = self.bytes(message);
        if bytes.get(6..).is_some_and(|random| bytes[0] == 2 && random.starts_with(&RETRY)) {
            // What was said is a hash from here on (RFC 8446 §4.4.1).
            let so_far = self.schedule.hash();
            self.schedule.transcript = sha2::Sha256::new_with_prefix([&[254, 0, 0, 32][..], &so_far].concat());
        }
        if !self.said_finished {
            self.schedule.transcript.update(&bytes);
            self.said_finished = matches!(message.content, Content::Finished { .. });
        }
        bytes
    }

    fn bytes(&self, message: &Message) -> Vec<u8> {
        let mut bytes = match &message.content {
            Content::Bytes(bytes) => self.echo(bytes),
            Content::CertificateVerify(signing) => {
                let mut hash = self.schedule.hash();
                (signing.transcript)(&mut hash);
                let content = [&[b' '; 64][..], signing.context.as_bytes(), &[0], &hash].concat();
                let signer = signing.key.choose_scheme(&[signing.with]).expect("a scheme of that key");
                let signature = signer.sign(&content).expect("signed");
                let body = [&signing.said.to_be_bytes()[..], &vector(2, &signature)].concat();
                [&[15], &vector(3, &body)[..]].concat()
            }
            Content::Finished { by_client } => {
                let epoch = self.handshake.as_ref().expect("after the ServerHello");
                let secret = if *by_client { &epoch.client } else { &epoch.server };
                [&[20, 0, 0, 32], &keys::finished(secret, &self.schedule.hash())[..]].concat()
            }
        };
        (message.change)(&mut bytes);
        bytes
    }

    /// A ServerHello says the client's session id, unless it has one of its own.
    fn echo(&self, bytes: &[u8]) -> Vec<u8> {
        match bytes.split_at_checked(38) {
            Some((start @ [2, ..], [32, id_and_more @ ..])) if id_and_more.starts_with(&ECHO) => {
                let body = [&start[4..], &vector(1, &self.session_id), &id_and_more[32..]].concat();
                [&[2], &vector(3, &body)[..]].concat()
            }
            _ => bytes.to_vec(),
        }
    }

    /// The keys change after a ServerHello, and after Finished.
    fn epoch_after(&mut self, messages: &[Message]) {
        let is_hello = |message: &Message| matches!(&message.content, Content::Bytes(bytes) if bytes.first() == Some(&2) && !bytes[6..].starts_with(&RETRY));
        if self.handshake.is_none() && messages.iter().any(is_hello) {
            let epoch = if self.client_share.len() == 32 {
                let shared = X25519.agree(&SCALAR, &self.client_share).expect("the client's key share");
                self.schedule.handshake(&shared[..])
            } else {
                let client = p256::PublicKey::from_sec1_bytes(&self.client_share).expect("the client's key share");
                let shared = p256::ecdh::diffie_hellman(SHARE.to_nonzero_scalar(), client.as_affine());
                self.schedule.handshake(shared.raw_secret_bytes())
            };
            self.writing = Some(Direction::new(&epoch.server));
            self.reading = Some(Direction::new(&epoch.client));
            self.handshake = Some(epoch);
        }
        if self.said_finished && !self.application {
            self.application = true;
            let epoch = self.schedule.application();
            self.writing = Some(Direction::new(&epoch.server));
            self.reading_next = Some(Direction::new(&epoch.client));
        }
    }

    /// Reads one record of the client's.
    fn read(&mut self) -> Result<()> {
        let mut record = self.incoming.take(5)?;
        let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
        record.extend(self.incoming.take(length)?);
        self.report.wire.extend(&record);
        if record[0] == HANDSHAKE && self.client_share.is_empty() {
            self.schedule.transcript.update(&record[5..]);
            self.session_id = record[44..44 + usize::from(record[43])].to_vec();
            self.client_share = client_share(&record[9..]).expect("a key share");
            return Ok(());
        }
        let opened = match record[0] {
            DATA => self.reading.as_mut().and_then(|direction| direction.open(&record)),
            kind => Some((kind, record[5..].to_vec())),
        };
        self.report.received.push(opened.clone().unwrap_or((DATA, record.clone())));
        match opened {
            Some((HANDSHAKE, messages)) if record[0] == DATA => self.take_handshake(&messages),
            Some((ALERT, alert)) => self.report.close_notify |= alert == [1, 0],
            Some((DATA, bytes)) if record[0] == DATA => self.report.request.extend(bytes),
            Some(_) => {}
            None => self.report.unreadable += 1,
        }
        Ok(())
    }

    /// Takes the messages in a record, which may be several.
    fn take_handshake(&mut self, mut messages: &[u8]) {
        let epoch = self.handshake.as_ref().expect("it could be opened");
        while let [kind, a, b, c, ..] = *messages {
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            let (message, rest) = messages.split_at_checked(4 + length).expect("whole messages in a record");
            if kind == 20 {
                self.report.finished = message[4..] == keys::finished(&epoch.client, &self.schedule.hash());
                self.reading = self.reading_next.take();
            }
            if kind == 24 {
                self.reading.as_mut().expect("it could be opened").update();
            }
            self.schedule.transcript.update(message);
            messages = rest;
        }
    }
}

/// The key share in a ClientHello.
fn client_share(hello: &[u8]) -> Option<Vec<u8>> {
    fn take<'a>(bytes: &mut &'a [u8], length_len: usize) -> Option<&'a [u8]> {
        let (length, rest) = bytes.split_at_checked(length_len)?;
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (taken, rest) = rest.split_at_checked(length)?;
        *bytes = rest;
        Some(taken)
    }
    let mut rest = hello.get(34..)?;
    take(&mut rest, 1)?; // session id
    take(&mut rest, 2)?; // suites
    take(&mut rest, 1)?; // compression
    let mut extensions = take(&mut rest, 2)?;
    while let Some((kind, rest)) = extensions.split_first_chunk::<2>() {
        extensions = rest;
        let mut body = take(&mut extensions, 2)?;
        if u16::from_be_bytes(*kind) == KEY_SHARE {
            let mut shares = take(&mut body, 2)?;
            while let Some((group, rest)) = shares.split_first_chunk::<2>() {
                shares = rest;
                let point = take(&mut shares, 2)?;
                if *group == [0, 23] || *group == [0, 29] {
                    return Some(point.to_vec());
                }
            }
        }
    }
    None
}
