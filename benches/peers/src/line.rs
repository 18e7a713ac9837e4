//! One end of a connection, in memory or over loopback: all that the stacks below need to know of it.

use std::{
    cell::Cell,
    fmt::Debug,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{
    alternate::{note_write, uncounted},
    cases::Case,
};

/// How long somebody may wait before the bench gives up, in seconds.
const PATIENCE: i64 = 5;

/// Where connections can be opened.
pub trait Place: Debug + Clone + Send + Sync + 'static {
    type Line: Line;

    fn connect(&self, remote: SocketAddr) -> io::Result<Self::Line>;
}

/// A connection that never blocks.
pub trait Line: Debug + Clone + Send + Sync + 'static {
    /// What has arrived; `None` if there is nothing. `Ok(0)` is the end.
    fn read(&mut self, out: &mut [u8]) -> Option<io::Result<usize>>;

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Waits for something to arrive.
    fn wait(&self);

    /// Leaves word for [`block_on`] to wait for this.
    fn wake_when_ready(&self);
}

/// A server in memory: whatever it is asked, it answers this.
#[derive(Debug, Clone)]
pub struct Memory {
    answer: &'static [u8],
    segment: usize,
}

impl Memory {
    pub fn new(case: &Case) -> Self {
        Self { answer: case.answer, segment: case.segment }
    }
}

impl Place for Memory {
    type Line = MemoryLine;

    fn connect(&self, _: SocketAddr) -> io::Result<MemoryLine> {
        Ok(MemoryLine {
            server: self.clone(),
            sent: self.answer.len(),
            arrived: 0,
            taken: [0; SEND_BUFFER],
            taken_len: 0,
        })
    }
}

/// What a small stack would keep of what was written.
const SEND_BUFFER: usize = 1024;

#[derive(Debug, Clone)]
pub struct MemoryLine {
    server: Memory,
    /// How much of the answer has been received; all of it until something is asked.
    sent: usize,
    /// How much of it has arrived: everything up to the end of a segment.
    arrived: usize,
    taken: [u8; SEND_BUFFER],
    taken_len: usize,
}

impl Line for MemoryLine {
    fn read(&mut self, out: &mut [u8]) -> Option<io::Result<usize>> {
        let Memory { answer, segment } = self.server;
        let rest = &answer[self.sent..];
        if rest.is_empty() {
            return None;
        }
        if self.sent == self.arrived {
            self.arrived += segment.min(rest.len());
        }
        let count = (self.arrived - self.sent).min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.sent += count;
        Some(Ok(count))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        note_write();
        if self.sent == self.server.answer.len() {
            (self.sent, self.arrived, self.taken_len) = (0, 0, 0);
        }
        let room = &mut self.taken[self.taken_len..];
        let count = bytes.len().min(room.len());
        assert!(count > 0 || bytes.is_empty(), "a request is larger than the server thought");
        room[..count].copy_from_slice(&bytes[..count]);
        self.taken_len += count;
        Ok(count)
    }

    fn wait(&self) {
        panic!("somebody waits for more than there is");
    }

    fn wake_when_ready(&self) {}
}

/// The host's loopback interface.
#[derive(Debug, Clone)]
pub struct Loopback;

impl Place for Loopback {
    type Line = LoopbackLine;

    fn connect(&self, remote: SocketAddr) -> io::Result<LoopbackLine> {
        let stream = TcpStream::connect(remote)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(LoopbackLine(uncounted(|| Arc::new(stream))))
    }
}

#[derive(Debug, Clone)]
pub struct LoopbackLine(Arc<TcpStream>);

impl Line for LoopbackLine {
    fn read(&mut self, out: &mut [u8]) -> Option<io::Result<usize>> {
        match (&*self.0).read(out) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            outcome => Some(outcome),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        note_write();
        (&*self.0).write(bytes)
    }

    fn wait(&self) {
        let patience = Timespec { tv_sec: PATIENCE, tv_nsec: 0 };
        let ready = poll(&mut [PollFd::new(&*self.0, PollFlags::IN)], Some(&patience));
        assert!(matches!(ready, Ok(1)), "nothing arrives");
    }

    fn wake_when_ready(&self) {
        AWAITED.set(Some(self.clone()));
    }
}

thread_local! {
    /// What the future that was polled last waits for.
    static AWAITED: Cell<Option<LoopbackLine>> = const { Cell::new(None) };
}

/// Runs a future to its end.
///
/// # Panics
/// If it waits for something that does not come.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    let mut rests = 0;
    loop {
        AWAITED.set(None);
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        match AWAITED.take() {
            Some(line) => line.wait(),
            // A handshake rests a few times between its costly steps.
            None => rests += 1,
        }
        assert!(rests < 64, "the future waits for more than there is");
    }
}
