//! The line to the modem: one command at a time goes out, and what comes in is understood. No waiting here: that is in
//! `driver.rs`.

use core::{
    fmt::{Arguments, Write as _},
    net::IpAddr,
    pin::pin,
    task::{Context, Poll},
};

use embassy_sync::waitqueue::MultiWakerRegistration;
use embedded_io_async::{Error, ErrorKind, Read, Write};
use heapless::{Deque, Vec};

/// Connections that the modem has.
pub const LINKS: usize = 4;
/// Bytes that one command fetches or sends, at most.
pub const FETCH: usize = 256;
pub const SEND: usize = 512;
/// The number of an error that is not the modem's: it was reset, and has forgotten the question.
const RESET: usize = usize::MAX;

/// The line, all that is known of the modem, and who waits for more.
pub struct At<L> {
    line: L,
    pub state: State,
    pub wakers: MultiWakerRegistration<8>,
}

#[derive(Default)]
pub struct State {
    pub links: [Link; LINKS],
    /// The command that is not answered yet, and since when. What it is answered with, if it was [`Command::Ask`].
    pub command: Option<Command>,
    pub since: u64,
    pub now: u64,
    pub answer: Option<Result<Option<IpAddr>, usize>>,
    address: Option<IpAddr>,
    /// The bytes of the command. Those behind `gate` wait for the modem's `>`.
    out: Vec<u8, 1024>,
    sent: usize,
    gate: usize,
    /// The line that is being received, and of fetched bytes whose they are and how many are yet to come.
    text: Vec<u8, 96>,
    data: Option<(usize, usize)>,
    pub is_in_step: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Command {
    Reset,
    Ask,
    Open(usize),
    Send(usize),
    Fetch(usize),
    Close(usize),
}

#[derive(Default, PartialEq)]
pub enum Use {
    #[default]
    Free,
    Held,
    /// The modem is to be told.
    Dropped,
}

#[derive(Default)]
pub struct Link {
    pub used: Use,
    /// 0, or why it was not opened.
    pub opened: Option<usize>,
    pub failed: Option<ErrorKind>,
    pub received: Deque<u8, FETCH>,
    pub has_more: bool,
    /// What is read when all was fetched.
    pub ended: Option<Result<usize, ErrorKind>>,
}

impl Link {
    /// Why nothing can be sent any more.
    pub fn broken(&self) -> Option<ErrorKind> {
        self.failed.or(self.ended.and_then(Result::err))
    }
}

impl State {
    /// Puts a command on the line, if there is room for one.
    pub fn begin(&mut self, command: Command, text: Arguments<'_>, payload: &[u8]) -> bool {
        if self.command.is_some() || !(self.is_in_step || command == Command::Reset) {
            return false;
        }
        (self.command, self.since, self.answer, self.address) = (Some(command), self.now, None, None);
        self.out.clear();
        let _ = write!(self.out, "{text}\r\n");
        (self.sent, self.gate) = (0, self.out.len());
        self.out.extend_from_slice(payload).is_ok()
    }

    /// Whether bytes of this connection are on the line, some of them yet to come.
    pub fn is_coming(&self, number: usize) -> bool {
        self.data.is_some_and(|(whose, _)| whose == number)
    }

    /// What nobody waits for: a reset, and the end of connections that were dropped.
    fn tidy(&mut self) {
        let dropped = self.links.iter().position(|link| link.used == Use::Dropped);
        match dropped {
            _ if self.sent < self.gate => {}
            _ if !self.is_in_step => _ = self.begin(Command::Reset, format_args!("\r\nAT+RESET"), &[]),
            Some(number) => _ = self.begin(Command::Close(number), format_args!("AT+CLOSE={number}"), &[]),
            None => {}
        }
    }

    /// Nothing that the modem says can be believed until it is reset.
    pub fn lose(&mut self) {
        (self.is_in_step, self.command, self.data) = (false, None, None);
        self.text.clear();
        self.answer = Some(Err(RESET));
        self.links.iter_mut().for_each(|link| _ = link.failed.get_or_insert(ErrorKind::InvalidData));
    }

    pub fn receive(&mut self, byte: u8) {
        if let Some((number, left)) = self.data {
            self.data = (left > 1).then_some((number, left - 1));
            if self.links[number].received.push_back(byte).is_err() {
                self.lose();
            }
        } else if byte == b'>' && self.text.is_empty() && self.sent == self.gate && self.gate < self.out.len() {
            self.gate = self.out.len();
        } else if byte != b'\n' && self.text.push(byte).is_ok() {
            // More of the line is to come.
        } else {
            let text = core::mem::take(&mut self.text);
            let understood = match core::str::from_utf8(&text) {
                Ok(line) if byte == b'\n' => self.understand(line.trim()),
                _ => None,
            };
            if understood.is_none() && self.command != Some(Command::Reset) {
                self.lose();
            }
        }
    }

    fn understand(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(':').unwrap_or((line, ""));
        if self.command == Some(Command::Reset) {
            if word == "READY" {
                (self.command, self.is_in_step) = (None, true);
            }
            return Some(());
        }
        match word {
            "" | "+SIGNAL" => {} // nothing, or nothing that matters here
            "OK" => return self.answered(0),
            "ERROR" => return self.answered(numbers::<1>(rest)?[0].max(1)),
            "+DNS" => self.address = Some(rest.parse().ok()?),
            "+OPEN" => {
                let [number, code] = numbers(rest)?;
                self.links.get_mut(number)?.opened = Some(code);
            }
            "+DATA" => self.links.get_mut(numbers::<1>(rest)?[0])?.has_more = true,
            "+CLOSED" => self.links.get_mut(numbers::<1>(rest)?[0])?.ended = Some(Ok(0)),
            "+RESET" => self.links.get_mut(numbers::<1>(rest)?[0])?.ended = Some(Err(ErrorKind::ConnectionReset)),
            "+LOST" => self.links.get_mut(numbers::<1>(rest)?[0])?.ended = Some(Err(ErrorKind::ConnectionAborted)),
            "+RECV" => {
                let [number, len, left] = numbers(rest)?;
                if self.command != Some(Command::Fetch(number)) || len > FETCH {
                    return None;
                }
                self.links.get_mut(number)?.has_more = left > 0;
                self.data = (len > 0).then_some((number, len));
            }
            _ => return None,
        }
        Some(())
    }

    fn answered(&mut self, code: usize) -> Option<()> {
        let command = self.command.take()?;
        match command {
            Command::Ask => self.answer = Some(if code == 0 { Ok(self.address) } else { Err(code) }),
            Command::Close(number) => self.links[number] = Link::default(),
            Command::Open(number) if code > 0 => self.links[number].opened = Some(code),
            Command::Send(number) | Command::Fetch(number) if code > 0 => {
                self.links[number].failed = Some(ErrorKind::ConnectionAborted);
            }
            _ => {}
        }
        (code > 0 || self.sent == self.out.len()).then_some(())
    }
}

fn numbers<const N: usize>(text: &str) -> Option<[usize; N]> {
    let (mut numbers, mut words) = ([0; N], text.split(','));
    for number in &mut numbers {
        *number = words.next()?.parse().ok()?;
    }
    words.next().is_none().then_some(numbers)
}

impl<L: Read + Write> At<L> {
    pub fn new(line: L) -> Self {
        Self { line, state: State::default(), wakers: MultiWakerRegistration::new() }
    }

    /// Moves what the line takes and gives, and says whether that was anything.
    pub fn pump(&mut self, context: &mut Context<'_>) -> Result<bool, ErrorKind> {
        self.state.tidy();
        let outcome = self.send(context).and_then(|sent| Ok(self.receive(context)? || sent));
        if outcome.is_err() {
            self.state.lose();
        }
        outcome
    }

    fn send(&mut self, context: &mut Context<'_>) -> Result<bool, ErrorKind> {
        let (sent, gate) = (self.state.sent, self.state.gate);
        if sent == gate {
            return Ok(false);
        }
        let count = now(self.line.write(&self.state.out[sent..gate]), context)?;
        let _ = pin!(self.line.flush()).poll(context);
        self.state.sent += count;
        Ok(count > 0)
    }

    fn receive(&mut self, context: &mut Context<'_>) -> Result<bool, ErrorKind> {
        let mut chunk = [0; 64];
        let count = now(self.line.read(&mut chunk), context)?;
        chunk.iter().take(count).for_each(|byte| self.state.receive(*byte));
        Ok(count > 0)
    }
}

/// How many bytes are moved at this moment; none is the end of the line. One that cannot wake its task may wait inside,
/// for a moment, and say `TimedOut`.
fn now<E: Error>(work: impl Future<Output = Result<usize, E>>, context: &mut Context<'_>) -> Result<usize, ErrorKind> {
    match pin!(work).poll(context) {
        Poll::Ready(Ok(0)) => Err(ErrorKind::BrokenPipe),
        Poll::Ready(Ok(count)) => Ok(count),
        Poll::Ready(Err(error)) if error.kind() != ErrorKind::TimedOut => Err(error.kind()),
        Poll::Ready(Err(_)) | Poll::Pending => Ok(0),
    }
}
