//! The ledger of a pool: whose each slot, TLS session and exchange buffer is, and which task waits for what. It holds
//! none of them, so it can be read, and tested, as bookkeeping.
//!
//! # The line
//! There is one line for slots, TLS sessions and exchange buffers. A task that wants something states all that it needs
//! and gets it in one step, so that no two tasks hold a half each. The order is that of arrival: a task is served when
//! what it needs is there after the needs of all before it were set aside, and not before, even if no task before it wants
//! the same. An idle connection counts as there, with its slot and its TLS session: it is closed for the task that is served.
//!
//! One exception keeps tasks from waiting for each other in a circle. A task that holds something of the pool already (a
//! socket that is to be wrapped, the buffer of a request that follows a redirect) passes a task that could not be served
//! anyway, because it lacks something else than what is taken. A task that lacks just that is not passed, so it is
//! delayed by no more tasks than hold something already.

use core::{cell::RefCell, task::Waker};

use embassy_sync::blocking_mutex::Mutex;

use super::key::StoredKey;
use crate::{
    error::{Error, ErrorKind, Phase, Resource},
    sync::RawMutex,
    time::Instant,
};

/// How many tasks can stand in line at one pool. There are a few places more for tasks that hold something of the pool
/// already.
pub const WAITERS: usize = 16;

/// All places in line.
pub(super) const PLACES: usize = WAITERS + 8;

pub(super) type Books<R, const N: usize> = Mutex<R, RefCell<Ledger<N>>>;

pub(super) struct Ledger<const N: usize> {
    pub(super) entries: [Entry; N],
    /// Under what the connection in each slot is found, where that was put to rest.
    pub(super) keys: [StoredKey; N],
    /// How many TLS sessions there are.
    pub(super) sessions: usize,
    /// How many exchange buffers are free.
    pub(super) buffers: usize,
    /// Counts connections put to rest, so that the longest resting one is known.
    pub(super) rests: u64,
    pub(super) high_water: usize,
    pub(super) line: heapless::Vec<Waiter, PLACES>,
    pub(super) tickets: u32,
}

/// Whose a slot is.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) is_in_use: bool,
    /// Whether a TLS session belongs to it.
    pub(super) session: bool,
    /// The connection that rests in it. One that is in use may still be put back to rest as it was.
    pub(super) rest: Option<Rest>,
}

#[derive(Clone, Copy)]
pub(super) struct Rest {
    pub(super) number: u64,
    pub(super) since: Instant,
    pub(super) session: bool,
}

/// What a task takes in one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) slot: bool,
    /// A TLS session: for the slot that is taken, or for one that the task has.
    pub(crate) session: bool,
    pub(crate) buffer: bool,
    /// Whether the task holds something of the pool already.
    pub(crate) holds: bool,
}

/// What could be had: slots, TLS sessions, exchange buffers.
pub(super) type Stock = [usize; 3];

/// A task in line.
pub(super) struct Waiter {
    pub(super) ticket: u32,
    pub(super) need: Need,
    pub(super) waker: Waker,
}

impl Entry {
    pub(super) const FREE: Self = Self { is_in_use: false, session: false, rest: None };

    pub(super) const fn is_free(&self) -> bool {
        !self.is_in_use && self.rest.is_none()
    }
}

impl Need {
    /// A slot, and nothing else.
    pub(crate) const SLOT: Self = Self { slot: true, session: false, buffer: false, holds: false };
    /// A TLS session for a slot that the task has.
    #[cfg(feature = "tls")]
    pub(crate) const SESSION: Self = Self { slot: false, session: true, buffer: false, holds: true };
    /// An exchange buffer for a socket that the task has.
    pub(super) const BUFFER: Self = Self { slot: false, session: false, buffer: true, holds: true };

    pub(super) const fn is_nothing(self) -> bool {
        !(self.slot || self.session || self.buffer)
    }

    pub(super) const fn is_within(self, other: Self) -> bool {
        (other.slot || !self.slot) && (other.session || !self.session) && (other.buffer || !self.buffer)
    }

    /// What to report to a task that lacks this.
    pub(super) const fn exhausted(self) -> Error {
        exhausted(match self {
            Self { slot: true, .. } => Resource::Sockets,
            Self { session: true, .. } => Resource::TlsSessions,
            _ => Resource::Buffers,
        })
    }
}

/// What of that is needed and not there.
pub(super) fn lacks(stock: &Stock, need: Need) -> Need {
    let [slot, session, buffer] = stock.map(|there| there == 0);
    Need { slot: need.slot && slot, session: need.session && session, buffer: need.buffer && buffer, holds: false }
}

/// Sets aside what is needed, which is there.
pub(super) fn set_aside(stock: &mut Stock, need: Need) {
    for (there, needed) in stock.iter_mut().zip([need.slot, need.session, need.buffer]) {
        *there = there.saturating_sub(needed.into());
    }
}

impl<const N: usize> Ledger<N> {
    /// Everything is free: `N` slots, so many TLS sessions, and an exchange buffer for each slot.
    pub(super) const fn new(sessions: usize) -> Self {
        Self {
            entries: [Entry::FREE; N],
            keys: [const { StoredKey::NONE }; N],
            sessions,
            buffers: N,
            rests: 0,
            high_water: 0,
            line: heapless::Vec::new(),
            tickets: 0,
        }
    }

    pub(super) fn count(&self, is: impl Fn(&Entry) -> bool) -> usize {
        self.entries.iter().filter(|entry| is(entry)).count()
    }

    pub(super) fn free_sessions(&self) -> usize {
        self.sessions.saturating_sub(self.count(|entry| entry.session))
    }

    /// What could be had, if need be by closing idle connections.
    pub(super) fn stock(&self) -> Stock {
        [
            self.count(|entry| !entry.is_in_use),
            self.sessions.saturating_sub(self.count(|entry| entry.session && entry.is_in_use)),
            self.buffers,
        ]
    }

    /// What keeps a task with so many before it from taking what it needs; nothing if it may.
    pub(super) fn obstacle(&self, before: usize, need: Need) -> Need {
        let mut stock = self.stock();
        let own = lacks(&stock, need);
        let mut is_passing = false;
        for ahead in self.line.iter().take(before) {
            if is_passing && !ahead.need.holds {
                continue;
            }
            let missing = lacks(&stock, ahead.need);
            if missing.is_nothing() {
                set_aside(&mut stock, ahead.need);
            } else if need.holds && !missing.is_within(need) {
                is_passing = true;
            } else {
                return if own.is_nothing() { missing } else { own };
            }
        }
        lacks(&stock, need)
    }

    /// Takes what is needed, which can be had, and gives the slot that was taken: a free one, or the one that was idle for
    /// the longest time. For a session alone there is one only if an idle connection has the session.
    pub(super) fn take(&mut self, need: Need) -> Option<usize> {
        let has_session = self.free_sessions() > 0;
        self.buffers = self.buffers.saturating_sub(need.buffer.into());
        if !need.slot && (has_session || !need.session) {
            return None;
        }
        let free = self.entries.iter().position(Entry::is_free).filter(|_| has_session || !need.session);
        free.or_else(|| self.idle(|entry, _| has_session || !need.session || entry.session, |a, b| a < b))
    }

    /// The idle slot that is `wanted`, and `better` by its number than any other such.
    pub(super) fn idle(
        &self,
        wanted: impl Fn(&Entry, &StoredKey) -> bool,
        better: impl Fn(u64, u64) -> bool,
    ) -> Option<usize> {
        let mut best = None;
        for (index, (entry, key)) in self.entries.iter().zip(&self.keys).enumerate() {
            if let Some(Rest { number, .. }) = entry.rest
                && !entry.is_in_use
                && best.is_none_or(|(_, than)| better(number, than))
                && wanted(entry, key)
            {
                best = Some((index, number));
            }
        }
        best.map(|(index, _)| index)
    }

    /// Says that a slot is in use, with a TLS session or with the one it has; and whether it has one.
    pub(super) fn mark(&mut self, index: usize, session: bool) -> Option<bool> {
        let entry = self.entries.get_mut(index)?;
        entry.is_in_use = true;
        entry.session |= session;
        let session = entry.session;
        self.high_water = self.high_water.max(self.count(|entry| !entry.is_free()));
        Some(session)
    }

    pub(super) fn set_session(&mut self, index: usize, session: bool) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.session = session;
        }
    }

    /// Takes a task out of the line. By swapping: `remove` moves memory, which is a kilobyte of code.
    pub(super) fn leave(&mut self, ticket: u32) {
        if let Some(place) = self.place(ticket) {
            for behind in place + 1..self.line.len() {
                self.line.swap(behind - 1, behind);
            }
            self.line.pop();
        }
    }

    pub(super) fn place(&self, ticket: u32) -> Option<usize> {
        self.line.iter().position(|waiter| waiter.ticket == ticket)
    }

    /// The first task that may take what it needs. It has to be woken whenever something was given back or taken, or a
    /// place in line given up; it will take, and wake the next.
    pub(super) fn next_in_line(&self) -> Option<Waker> {
        let mut line = self.line.iter().enumerate();
        let next = line.find(|(place, waiter)| self.obstacle(*place, waiter.need).is_nothing());
        next.map(|(_, waiter)| waiter.waker.clone())
    }
}

/// Changes the ledger, and wakes the task that may take something then.
pub(super) fn change<R: RawMutex, const N: usize, T>(
    ledger: &Books<R, N>,
    change: impl FnOnce(&mut Ledger<N>) -> T,
) -> T {
    let (outcome, next) = ledger.lock(|ledger| {
        let mut ledger = ledger.borrow_mut();
        let outcome = change(&mut ledger);
        (outcome, ledger.next_in_line())
    });
    next.inspect(Waker::wake_by_ref);
    outcome
}

/// What to report when there is none of this.
pub(super) const fn exhausted(resource: Resource) -> Error {
    Error::new(Phase::Setup, ErrorKind::Exhausted(resource))
}
