//! A socket of a pool that listens while it sends.

use core::{future::Future, time::Duration};

use crate::{
    error::{Error, Result},
    exchange::{Io, Moved, Op},
    time::{Deadline, Instant, Timer},
    traits::Socket,
};

/// How often to look whether a response has come, while a request is being sent.
const WATCH: Duration = Duration::from_millis(250);
/// The end of time.
const NEVER: Instant = Instant::from_millis(u64::MAX);
/// How long to look.
const GLANCE: Duration = Duration::from_millis(2);

/// A socket of a pool that looks now and then, while it sends, whether a response has come (RFC 9112 §9.5).
pub(super) struct Listening<'l, S, T> {
    socket: &'l mut S,
    timer: &'l T,
    deadline: Deadline,
    /// When to look next; [`NEVER`] if that is not known yet.
    look_at: Instant,
    /// Whether a write may be interrupted to look: not over TLS, where a record would be left half-written. There a server
    /// that takes nothing more is listened to between two writes.
    interrupts: bool,
}

impl<'l, S: Socket, T: Timer> Listening<'l, S, T> {
    pub(super) fn new(socket: &'l mut S, timer: &'l T, interrupts: bool) -> Self {
        Self { socket, timer, deadline: Deadline::NEVER, look_at: NEVER, interrupts }
    }
}

impl<S: Socket, T: Timer> Io for Listening<'_, S, T> {
    const LISTENS: bool = true;
    type Error = Error;

    fn explain(&self, error: Error) -> Error {
        error
    }

    fn perform(&mut self, op: Op<'_>) -> impl Future<Output = Result<usize>> {
        self.socket.perform(op)
    }

    fn write_or_read(&mut self, bytes: &[u8], room: &mut [u8]) -> impl Future<Output = Moved<Error>> {
        async move {
            loop {
                let (mut until, mut looks) = (self.deadline, false);
                if !room.is_empty() {
                    let now = self.timer.now();
                    if self.look_at == NEVER {
                        self.look_at = now.after(WATCH);
                    }
                    let at = self.look_at;
                    looks = at <= now;
                    if looks {
                        until = until.or_at(now.after(GLANCE));
                    } else if self.interrupts {
                        until = until.or_at(at);
                    }
                }
                self.socket.set_deadline(until);
                let op = match bytes {
                    _ if looks => Op::Read(&mut *room),
                    [] => Op::Flush,
                    bytes => Op::Write(bytes),
                };
                let outcome = self.socket.perform(op).await;
                self.socket.set_deadline(self.deadline);
                let is_over = outcome.is_err_and(|error| error.is_timeout());
                if looks && is_over {
                    self.look_at = NEVER;
                } else if looks {
                    return Moved::Read(outcome);
                }
                if !is_over || until == self.deadline {
                    return Moved::Written(outcome);
                }
            }
        }
    }

    fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
        self.socket.set_deadline(deadline);
    }

    fn now(&self) -> Option<Instant> {
        Some(self.timer.now())
    }

    async fn expire(&self) {
        match self.deadline.instant() {
            Some(at) => self.timer.wait_until(at).await,
            None => core::future::pending().await,
        }
    }
}
