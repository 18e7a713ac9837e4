//! The session: what of a connection lasts, and what it wants next.

use core::{fmt, ops::Range};

use zeroize::Zeroize;

use super::{
    Buffers, Config, Environment, Progress, alert,
    group::{Group, PRIVATE_LEN},
    record::{ALERT, Incoming, Keys, MAX_INNER_LEN, MIN_RX, Outgoing, Record},
    schedule::{Hashing, Secret},
    state::{State, message},
    suite::CipherSuite,
    ticket::Ticket,
    wire::u24,
};
use crate::tls::{TlsError, sessions::Keeper};

/// Records in a row that bring nothing: empty ones, ChangeCipherSpec, `user_canceled`.
pub(crate) const MAX_IDLE_RECORDS: u8 = 32;
/// Messages after the handshake until others get a turn.
const MESSAGES_PER_TURN: u8 = 16;

/// What ended a session. Its first variant is zero, as the first of everything here.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Failure {
    None,
    Of(TlsError),
}

/// What a session wants next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Send these bytes of `tx`, or some of them, and say so: [`Session::sent`].
    Send(Range<usize>),
    /// Receive into this room of `rx`, and say how much: [`Session::received`].
    Receive(Range<usize>),
    /// Nothing but to be called again: a good moment to look at the deadline, and to let others work.
    Yield,
    /// The handshake is over, the server proven. Our last flight may still be to be sent.
    Ready,
    /// Data of the application is in this range of `rx`, until [`Session::consume`].
    Data(Range<usize>),
    /// A ticket came.
    Ticket(Ticket),
    /// The peer has ended its direction in order.
    Closed,
}

/// One connection, without its buffers and without its wire (about 1 KB).
///
/// It begins as zeros, so that a static with one takes no flash. All secrets in it are overwritten when it is dropped.
pub(crate) struct Session {
    pub(super) state: State,
    failure: Failure,
    pub(super) suite: Option<&'static dyn CipherSuite>,
    pub(super) group: Option<&'static dyn Group>,
    pub(super) private: [u8; PRIVATE_LEN],
    pub(super) random: [u8; 32],
    pub(super) session_id: [u8; 32],
    /// The first ClientHello, as long as it is in `tx`, and where its key share stands.
    pub(super) hello: Range<usize>,
    pub(super) share_at: usize,
    pub(super) transcript: Option<Hashing<'static>>,
    /// The main secret, then that of resumption.
    pub(super) main: Secret,
    /// Traffic secrets: of the handshake, then of the application.
    pub(super) client: Secret,
    pub(super) server: Secret,
    /// The client's for the application, until our flight is sent.
    pub(super) next_client: Secret,
    pub(super) read: Option<Keys>,
    pub(super) write: Option<Keys>,
    /// Behind the message at hand, nothing may stand in the same record.
    pub(super) ends_record: bool,
    incoming: Incoming,
    pub(super) outgoing: Outgoing,
    /// The longest content with its type that the peer, and we, may send.
    pub(super) limit_rx: usize,
    pub(super) limit_tx: usize,
    pub(super) limit_agreed: bool,
    /// Bytes of our Certificate message that were sent.
    pub(super) written: usize,
    /// The server asked for a certificate.
    pub(super) is_asked: bool,
    /// Our key may sign what it asked for.
    pub(super) may_sign: bool,
    /// The server took the key that we offered.
    pub(super) has_psk: bool,
    /// That key was a ticket's.
    pub(super) is_resumed: bool,
    /// The server asked for a second ClientHello.
    pub(super) is_retried: bool,
    pub(super) alpn: Option<usize>,
    pub(super) compatible: bool,
    pub(super) changed_cipher_spec: bool,
    pub(super) wants_tickets: bool,
    /// There is no room in `tx` for the ticket.
    pub(super) without_ticket: bool,
    /// Where the tickets go that come.
    pub(crate) keeper: Option<Keeper>,
    pub(super) key_update_due: bool,
    pub(super) key_updates: u16,
    /// Something costly was done: let others work.
    pub(super) wants_rest: bool,
    idle: u8,
    turn: u8,
    close_due: bool,
    is_closed: bool,
    peer_closed: bool,
}

impl Session {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Start,
            failure: Failure::None,
            suite: None,
            group: None,
            private: [0; PRIVATE_LEN],
            random: [0; 32],
            session_id: [0; 32],
            hello: 0..0,
            share_at: 0,
            transcript: None,
            main: Secret::EMPTY,
            client: Secret::EMPTY,
            server: Secret::EMPTY,
            next_client: Secret::EMPTY,
            read: None,
            write: None,
            ends_record: false,
            incoming: Incoming::EMPTY,
            outgoing: Outgoing::EMPTY,
            limit_rx: 0,
            limit_tx: 0,
            limit_agreed: false,
            written: 0,
            is_asked: false,
            may_sign: false,
            has_psk: false,
            is_resumed: false,
            is_retried: false,
            alpn: None,
            compatible: false,
            changed_cipher_spec: false,
            wants_tickets: false,
            without_ticket: false,
            keeper: None,
            key_update_due: false,
            key_updates: 0,
            wants_rest: false,
            idle: 0,
            turn: 0,
            close_due: false,
            is_closed: false,
            peer_closed: false,
        }
    }

    /// The next step of the handshake, until it is [`Next::Ready`].
    ///
    /// # Errors
    /// Every error is final, and comes again if asked again. The alert that says so is then
    /// [pending](Self::pending).
    pub(crate) fn handshake(
        &mut self,
        buffers: &mut Buffers<'_>,
        config: &Config<'_>,
        environment: &mut dyn Environment,
    ) -> Result<Next, TlsError> {
        let next = self.shake(buffers, config, environment);
        next.map_err(|error| self.fail(error, buffers))
    }

    #[inline(never)]
    fn shake(
        &mut self,
        buffers: &mut Buffers<'_>,
        config: &Config<'_>,
        environment: &mut dyn Environment,
    ) -> Result<Next, TlsError> {
        loop {
            if let Failure::Of(error) = self.failure {
                return Err(error);
            }
            if core::mem::take(&mut self.wants_rest) {
                return Ok(Next::Yield);
            }
            match self.state {
                State::Open => return Ok(Next::Ready),
                State::OurCertificate | State::OurCertificateVerify | State::OurFinished => {
                    if self.our_flight(buffers, config)? {
                        continue;
                    }
                    return self.pending().map(Next::Send).ok_or(TlsError::TxTooSmall { needed: Outgoing::MIN_TX });
                }
                _ => {}
            }
            if let Some(range) = self.pending() {
                return Ok(Next::Send(range));
            }
            if self.state == State::Start {
                self.wants_tickets = config.wants_tickets;
                if buffers.tx.len() < Outgoing::MIN_TX {
                    return Err(TlsError::TxTooSmall { needed: Outgoing::MIN_TX });
                }
                if buffers.rx.len() < MIN_RX {
                    return Err(TlsError::RxTooSmall { needed: MIN_RX });
                }
                self.start(buffers, config, environment)?;
                self.wants_rest = true;
                continue;
            }
            match self.message(buffers)? {
                Some((kind, whole)) => {
                    let message = buffers.rx.get(whole.clone()).ok_or(TlsError::Engine)?;
                    if self.take_message(kind, message, buffers.tx, config, environment)? == Progress::Done {
                        self.consume_message(whole.len())?;
                    }
                }
                None => match self.take_record(buffers.rx)? {
                    Some(Record::Alert(number)) => return Err(TlsError::PeerAlert(Some(number))),
                    Some(_) => {}
                    None => return self.incoming.room(buffers.rx).map(Next::Receive),
                },
            }
        }
    }

    /// Takes a message of the handshake. Which may come now, the caller has looked up.
    fn take_message(
        &mut self,
        kind: u8,
        message: &[u8],
        tx: &mut [u8],
        config: &Config<'_>,
        environment: &mut dyn Environment,
    ) -> Result<Progress, TlsError> {
        match kind {
            // These two have to do with the transcript itself, or must look at it before they are part of it.
            message::SERVER_HELLO => {
                self.wants_rest = true;
                self.server_hello(message, tx, config, environment)?;
                return Ok(Progress::Done);
            }
            message::FINISHED => {
                self.finished(message)?;
                return Ok(Progress::Done);
            }
            message::ENCRYPTED_EXTENSIONS => self.encrypted_extensions(message, config)?,
            message::CERTIFICATE_REQUEST => self.certificate_request(message, config)?,
            message::CERTIFICATE => {
                self.wants_rest = true;
                if self.certificate(message, environment)? == Progress::Again {
                    return Ok(Progress::Again);
                }
            }
            message::CERTIFICATE_VERIFY => {
                self.wants_rest = true;
                self.certificate_verify(message, environment)?;
            }
            _ => return Err(TlsError::UnexpectedMessage),
        }
        self.transcript.as_mut().ok_or(TlsError::Engine)?.update(message);
        Ok(Progress::Done)
    }

    /// The next step after the handshake, on the way to data.
    ///
    /// # Errors
    /// As [`handshake`](Self::handshake).
    pub(crate) fn next(&mut self, buffers: &mut Buffers<'_>) -> Result<Next, TlsError> {
        let next = self.step(buffers);
        next.map_err(|error| self.fail(error, buffers))
    }

    #[inline(never)]
    fn step(&mut self, buffers: &mut Buffers<'_>) -> Result<Next, TlsError> {
        loop {
            if let Failure::Of(error) = self.failure {
                return Err(error);
            }
            if self.state != State::Open {
                return Err(TlsError::NotAuthenticated);
            }
            let data = self.incoming.data();
            if !data.is_empty() {
                return Ok(Next::Data(data));
            }
            self.service(buffers)?;
            if let Some(range) = self.pending() {
                return Ok(Next::Send(range));
            }
            if self.peer_closed {
                return Ok(Next::Closed);
            }
            if self.turn >= MESSAGES_PER_TURN {
                self.turn = 0;
                return Ok(Next::Yield);
            }
            if let Some((_, whole)) = self.message(buffers)? {
                self.turn = self.turn.saturating_add(1);
                let message = buffers.rx.get(whole.clone()).ok_or(TlsError::Engine)?;
                let ticket = self.post_handshake(message, whole.start)?;
                self.consume_message(whole.len())?;
                match ticket {
                    Some(ticket) => return Ok(Next::Ticket(ticket)),
                    None => continue,
                }
            }
            match self.take_record(buffers.rx)? {
                Some(Record::Alert(alert::CLOSE_NOTIFY)) => self.peer_closed = true,
                Some(Record::Alert(number)) => return Err(TlsError::PeerAlert(Some(number))),
                Some(Record::Data(1..)) => (self.key_updates, self.turn) = (0, 0),
                Some(_) => {}
                None => return self.incoming.room(buffers.rx).map(Next::Receive),
            }
        }
    }

    /// The next handshake message, if it is there whole and may come now.
    fn message(&mut self, buffers: &Buffers<'_>) -> Result<Option<(u8, Range<usize>)>, TlsError> {
        let there = self.incoming.handshake(buffers.rx);
        let Some(kind) = there.first() else { return Ok(None) };
        if !self.state.expects().contains(kind) {
            return Err(match self.state {
                State::CertificateOrRequest | State::Certificate | State::CertificateVerify
                    if *kind == message::FINISHED =>
                {
                    TlsError::NotAuthenticated
                }
                _ => TlsError::UnexpectedMessage,
            });
        }
        let Some([_, len @ ..]) = there.first_chunk::<4>() else { return Ok(None) };
        let whole = u24(*len).saturating_add(4);
        if whole > buffers.rx.len() {
            return Err(TlsError::RxTooSmall { needed: whole });
        }
        let start = self.incoming.plain.start;
        Ok((there.len() >= whole).then(|| (*kind, start..start.saturating_add(whole))))
    }

    /// The message was taken. One that changes the keys ends its record (RFC 8446 §5.1).
    fn consume_message(&mut self, len: usize) -> Result<(), TlsError> {
        self.incoming.consume(len);
        if core::mem::take(&mut self.ends_record) && !self.incoming.plain.is_empty() {
            return Err(TlsError::UnexpectedMessage);
        }
        Ok(())
    }

    /// Opens the next record. What brings nothing is counted.
    fn take_record(&mut self, rx: &mut [u8]) -> Result<Option<Record>, TlsError> {
        let is_open = self.state == State::Open;
        let protection = match (self.suite, &mut self.read) {
            (Some(suite), Some(keys)) => Some((suite, keys)),
            _ => None,
        };
        let limit = if self.limit_agreed { self.limit_rx } else { MAX_INNER_LEN };
        let record = self.incoming.take(rx, protection, limit, is_open)?;
        match record {
            None => {}
            // In a handshake it says that there will be none.
            Some(Record::Alert(alert::USER_CANCELED)) if !is_open => {}
            Some(Record::ChangeCipherSpec | Record::Data(0) | Record::Alert(alert::USER_CANCELED)) => {
                self.idle = self.idle.saturating_add(1);
                if self.idle > MAX_IDLE_RECORDS {
                    return Err(TlsError::UnexpectedMessage);
                }
                return Ok(Some(Record::ChangeCipherSpec));
            }
            Some(_) => self.idle = 0,
        }
        Ok(record)
    }

    /// `len` of the bytes to be sent were sent.
    pub(crate) fn sent(&mut self, len: usize) {
        self.outgoing.sent(len);
    }

    /// `len` bytes were received into the room.
    pub(crate) fn received(&mut self, len: usize, buffers: &Buffers<'_>) {
        self.incoming.received(len, buffers.rx);
    }

    /// The connection below has ended: in order only behind `close_notify`.
    pub(crate) fn ended(&mut self, buffers: &mut Buffers<'_>) -> TlsError {
        self.fail(TlsError::Truncated, buffers)
    }

    /// What of `tx` is to be sent, whatever state the session is in.
    pub(crate) fn pending(&self) -> Option<Range<usize>> {
        self.outgoing.pending()
    }

    /// So many bytes of data were taken.
    pub(crate) fn consume(&mut self, len: usize) {
        if !self.incoming.data().is_empty() {
            self.incoming.consume(len);
        }
    }

    /// Takes data to send: as much as fits in the record that is being filled. If that is nothing,
    /// [`flush`](Self::flush) and send what is pending first.
    ///
    /// # Errors
    /// [`TlsError::Closed`] after [`close`](Self::close); what ended the session.
    pub(crate) fn encrypt(&mut self, buffers: &mut Buffers<'_>, bytes: &[u8]) -> Result<usize, TlsError> {
        self.may_send()?;
        Ok(self.outgoing.fill(buffers.tx, bytes, self.limit_tx))
    }

    /// Protects what was written, so that it is pending.
    ///
    /// # Errors
    /// What ended the session.
    pub(crate) fn flush(&mut self, buffers: &mut Buffers<'_>) -> Result<(), TlsError> {
        if let Failure::Of(error) = self.failure {
            return Err(error);
        }
        let sealed = self.seal(buffers).and_then(|()| self.service(buffers));
        sealed.map_err(|error| self.fail(error, buffers))
    }

    /// Ends our direction: nothing can be written any more, reading goes on (RFC 8446 §6.1). `close_notify` is
    /// pending then, or will be as soon as there is room.
    ///
    /// # Errors
    /// What ended the session.
    pub(crate) fn close(&mut self, buffers: &mut Buffers<'_>) -> Result<(), TlsError> {
        if let Failure::Of(error) = self.failure {
            return Err(error);
        }
        if !self.is_closed {
            self.seal(buffers).map_err(|error| self.fail(error, buffers))?;
            (self.is_closed, self.close_due) = (true, true);
        }
        self.service(buffers).map_err(|error| self.fail(error, buffers))
    }

    /// Whether all that has to be sent is pending or gone.
    pub(crate) const fn is_flushed(&self) -> bool {
        !self.outgoing.has_open() && !self.close_due
    }

    fn may_send(&self) -> Result<(), TlsError> {
        match self.failure {
            Failure::Of(error) => Err(error),
            Failure::None if self.state != State::Open => Err(TlsError::NotAuthenticated),
            Failure::None if self.is_closed => Err(TlsError::Closed),
            Failure::None => Ok(()),
        }
    }

    fn seal(&mut self, buffers: &mut Buffers<'_>) -> Result<(), TlsError> {
        match (self.suite, &mut self.write) {
            (Some(suite), Some(keys)) => self.outgoing.seal(buffers.tx, suite, keys),
            _ => Ok(()),
        }
    }

    /// Sends what is due, if there is room for it now.
    fn service(&mut self, buffers: &mut Buffers<'_>) -> Result<(), TlsError> {
        if self.state != State::Open {
            return Ok(());
        }
        let is_worn = match (self.suite, &self.write) {
            (Some(suite), Some(keys)) => keys.used() >= suite.limit(),
            _ => false,
        };
        if (self.key_update_due || is_worn) && self.room(buffers.tx) >= 5 && !self.is_closed {
            self.key_update_due = false;
            self.update_keys(buffers)?;
        }
        if self.close_due && self.room(buffers.tx) >= alert::LEN {
            self.close_due = false;
            self.append(buffers.tx, ALERT, &alert::content(alert::CLOSE_NOTIFY))?;
        }
        Ok(())
    }

    /// How much content a new record can have.
    pub(super) fn room(&self, tx: &[u8]) -> usize {
        self.outgoing.room_for_content(tx, self.limit_tx)
    }

    /// Adds a record, under the keys there are.
    pub(super) fn append(&mut self, tx: &mut [u8], kind: u8, content: &[u8]) -> Result<(), TlsError> {
        let protection = match (self.suite, &mut self.write) {
            (Some(suite), Some(keys)) => Some((suite, keys)),
            _ => None,
        };
        self.outgoing.append(tx, kind, content, protection)
    }

    /// Adds a record whose content is in its place.
    pub(super) fn append_written(&mut self, tx: &mut [u8], kind: u8, len: usize) -> Result<(), TlsError> {
        let protection = match (self.suite, &mut self.write) {
            (Some(suite), Some(keys)) => Some((suite, keys)),
            _ => None,
        };
        self.outgoing.append_written(tx, kind, len, protection)
    }

    /// Reads under the keys of the server's secret from the next record on.
    pub(super) fn read_with_new_keys(&mut self, suite: &dyn CipherSuite) {
        self.read = Some(Keys::of(suite, &self.server));
        self.ends_record = true;
    }

    /// The hash of the handshake until now.
    pub(super) fn transcript(&self) -> Result<Secret, TlsError> {
        self.transcript.as_ref().map(Hashing::finish).ok_or(TlsError::Engine)
    }

    /// Ends the session for good. The peer is told why, unless it is the one who said so, or was told nothing yet.
    fn fail(&mut self, error: TlsError, buffers: &mut Buffers<'_>) -> TlsError {
        if matches!(self.failure, Failure::None) {
            self.outgoing.discard();
            if let Some(number) =
                alert::of(&error, self.state).filter(|_| !self.is_closed && self.state != State::Start)
            {
                // Best effort: the room for it was kept free.
                _ = self.append(buffers.tx, ALERT, &alert::content(number));
            }
            self.failure = Failure::Of(error);
            self.state = State::Failed;
            self.forget();
        }
        error
    }

    /// Overwrites what no longer is needed.
    fn forget(&mut self) {
        self.private.zeroize();
        self.transcript = None;
        (self.main, self.client, self.server) = (Secret::EMPTY, Secret::EMPTY, Secret::EMPTY);
        self.next_client = Secret::EMPTY;
        (self.read, self.write) = (None, None);
    }

    /// Whether a ClientHello may still have to be written.
    pub(crate) fn is_offering(&self) -> bool {
        matches!(self.state, State::Start | State::ServerHello | State::SecondServerHello)
    }

    /// A ticket is kept: no more of them are needed.
    pub(crate) fn has_kept_ticket(&mut self) {
        (self.keeper, self.wants_tickets) = (None, false);
    }

    /// Whether nothing was done yet.
    pub(crate) fn is_new(&self) -> bool {
        self.state == State::Start
    }

    /// Whether data may pass: the server is proven, and nothing has failed since.
    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Nothing can be sent any more, because the stream below is gone. `true` if something may still be received.
    pub(crate) fn cut_off(&mut self) -> bool {
        self.outgoing = Outgoing::EMPTY;
        (self.is_closed, self.close_due) = (true, false);
        self.is_open()
    }

    /// What was agreed on, once the handshake is over.
    pub(crate) fn agreed(&self) -> Option<(&'static dyn CipherSuite, &'static dyn Group)> {
        self.suite.zip(self.group)
    }

    /// Which of the protocols that were offered the server chose.
    pub(crate) const fn alpn(&self) -> Option<usize> {
        self.alpn
    }

    /// Whether a ticket made the handshake short.
    pub(crate) const fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Whether the server asked for a second ClientHello.
    pub(crate) const fn is_retried(&self) -> bool {
        self.is_retried
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The rest overwrites itself.
        self.private.zeroize();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("state", &self.state).finish_non_exhaustive()
    }
}
