//! The smallest driver of the HTTP codec: its network is a list of pieces.

pub mod vectors;

use socketpool::http::{BodyDecoder, CloseReason, DecodeError, Fields, HeadDecoder, HeadStep, Method};

/// What the answer came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub reason: Vec<u8>,
    pub fields: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub close: Option<CloseReason>,
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answer(Answer),
    Error(DecodeError),
    /// The client waits for bytes that never come; a driver would run into its time limit.
    Waits,
}

/// How bytes arrive and where they go.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Whether the connection ends after the last byte.
    pub eof: bool,
    /// Size of the caller's body buffer.
    pub output: usize,
    /// Whether body bytes are read past the decoder where it allows that.
    pub direct: bool,
    /// Room for the head.
    pub head: usize,
}

impl Default for Manner {
    fn default() -> Self {
        Self { eof: true, output: 4096, direct: false, head: 65536 }
    }
}

/// A connection that delivers `pieces`, each read giving one of them at most.
struct Network<'p> {
    pieces: Vec<&'p [u8]>,
    reads: usize,
}

impl<'p> Network<'p> {
    fn new(pieces: &[&'p [u8]]) -> Self {
        Self { pieces: pieces.iter().rev().copied().filter(|piece| !piece.is_empty()).collect(), reads: 0 }
    }

    fn read(&mut self, max: usize) -> &'p [u8] {
        self.reads += 1;
        let Some(piece) = self.pieces.pop() else { return &[] };
        let (now, later) = piece.split_at(piece.len().min(max));
        if !later.is_empty() {
            self.pieces.push(later);
        }
        now
    }

    fn left(&self) -> usize {
        self.pieces.iter().map(|piece| piece.len()).sum()
    }
}

/// Runs one exchange. Also gives how many bytes came after the answer.
pub fn run(method: Method<'_>, pieces: &[&[u8]], manner: Manner) -> (Outcome, usize) {
    let mut network = Network::new(pieces);
    let total = network.left();
    let mut rx = Vec::new();
    let outcome = exchange(method, &mut network, &mut rx, manner);
    assert!(network.reads <= 2 * total + 16, "{} reads for {total} bytes", network.reads);
    let outcome = match outcome {
        Ok(Some(answer)) => Outcome::Answer(answer),
        Ok(None) => Outcome::Waits,
        Err(error) => Outcome::Error(error),
    };
    (outcome, rx.len() + network.left())
}

fn exchange(
    method: Method<'_>,
    network: &mut Network<'_>,
    rx: &mut Vec<u8>,
    manner: Manner,
) -> Result<Option<Answer>, DecodeError> {
    let mut decoder = HeadDecoder::new(method);
    let head = loop {
        match decoder.advance(rx)? {
            HeadStep::Complete(head) => break head,
            HeadStep::Interim { len, .. } => drop(rx.drain(..len)),
            HeadStep::NeedMore if rx.len() >= manner.head => return Err(DecodeError::HeadTooLarge),
            HeadStep::NeedMore => match network.read(manner.head - rx.len()) {
                [] if manner.eof => return Err(decoder.end_of_stream()),
                [] => return Ok(None),
                bytes => rx.extend(bytes),
            },
        }
    };
    let mut answer = Answer {
        status: head.status.as_u16(),
        reason: head.reason(rx).to_vec(),
        fields: owned(head.fields(rx)),
        body: Vec::new(),
        close: head.close,
    };
    rx.drain(..head.len);

    let mut body = BodyDecoder::new(head.framing);
    let mut output = vec![0; manner.output];
    while !body.is_done() {
        if !rx.is_empty() {
            let progress = body.decode(rx, &mut output)?;
            assert!(progress.consumed > 0, "input and output are there, so something happens");
            assert!(progress.produced <= progress.consumed && progress.produced <= output.len());
            answer.body.extend(&output[..progress.produced]);
            rx.drain(..progress.consumed);
            continue;
        }
        let direct = if manner.direct { body.direct_len().min(manner.output) } else { 0 };
        let bytes = network.read(if direct > 0 { direct } else { 512 });
        match bytes {
            [] if manner.eof => body.end_of_stream()?,
            [] => return Ok(None),
            bytes if direct > 0 => {
                answer.body.extend(bytes);
                body.advance(bytes.len());
            }
            bytes => rx.extend(bytes),
        }
    }
    Ok(Some(answer))
}

fn owned(fields: Fields<'_>) -> Vec<(String, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

/// A small random generator, the same on every run.
pub struct Xorshift(pub u64);

impl Xorshift {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Changes `bytes` in up to four places: flips, inserts, removes, repeats.
pub fn mutate(bytes: &mut Vec<u8>, random: &mut Xorshift) {
    const SPICE: &[u8] = b"\r\n\0 \t:;,\"05afF\x7F\x80\xFF/%@[]?#\\.-";
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(5) {
            _ if bytes.is_empty() => bytes.push(b'H'),
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] = SPICE[random.below(SPICE.len())],
            2 => bytes.insert(at, SPICE[random.below(SPICE.len())]),
            3 => drop(bytes.remove(at)),
            _ => {
                let end = (at + random.below(12)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
}
