//! The slots of a pool: one connection rests in each, lent to a socket, or idle under a key. Knows no I/O, so both
//! faces use it.
//!
//! Two things are kept apart: the connections, each lent to one holder at a time, and the ledger, which says whose each
//! slot is, who has a TLS session or an exchange buffer, and who waits for what. The ledger alone decides, behind a raw
//! mutex, in one step at a time.
//!
//! # The line
//! There is one line for slots, TLS sessions and exchange buffers. A task that wants something states all that it needs
//! and gets it in one step, so that no two tasks hold a half each. The order is that of arrival: a task is served when
//! what it needs is there after the needs of all before it were set aside, and not before, even if nobody before it wants
//! the same. An idle connection counts as there, with its slot and its TLS session: it is closed for whoever is served.
//!
//! One exception keeps tasks from waiting for each other in a circle. A task that holds something of the pool already (a
//! socket that is to be wrapped, the buffer of a request that follows a redirect) passes a task that could not be served
//! anyway, because it lacks something else than what is taken. A task that lacks just that is not passed, so it is
//! delayed by no more tasks than hold something already.

use core::{
    cell::RefCell,
    net::SocketAddr,
    ops::{Deref, DerefMut},
    task::Waker,
};

use embassy_sync::blocking_mutex::Mutex;

use super::{Key, key::StoredKey};
use crate::{
    error::{Error, ErrorKind, Phase, Resource, Result},
    lending::{Loan, Place},
    sync::RawMutex,
    time::Instant,
};

/// How many tasks can stand in line at one pool. There are a few places more for tasks that hold something of the pool
/// already.
pub const WAITERS: usize = 16;

/// All places in line.
const PLACES: usize = WAITERS + 8;

/// The slots of a pool whose connections are of type `C`.
pub(crate) struct Slots<C, R: RawMutex, const N: usize> {
    places: [Place<Slot<C>, R>; N],
    ledger: Books<R, N>,
}

type Books<R, const N: usize> = Mutex<R, RefCell<Ledger<N>>>;

/// What rests in a slot. Nothing does while the slot is free.
pub(crate) struct Slot<C> {
    connection: Option<C>,
    peer: Option<SocketAddr>,
}

struct Ledger<const N: usize> {
    entries: [Entry; N],
    /// Under what the connection in each slot is found, where that was put to rest.
    keys: [Option<StoredKey>; N],
    /// How many TLS sessions there are.
    sessions: usize,
    /// How many exchange buffers are free.
    buffers: usize,
    /// Counts connections put to rest, so that the longest resting one is known.
    rests: u64,
    high_water: usize,
    line: heapless::Vec<Waiter, PLACES>,
    tickets: u32,
}

/// Whose a slot is.
#[derive(Clone, Copy)]
struct Entry {
    is_in_use: bool,
    /// Whether a TLS session belongs to it.
    session: bool,
    /// The connection that rests in it. One that is in use may still be put back to rest as it was.
    rest: Option<Rest>,
}

#[derive(Clone, Copy)]
struct Rest {
    number: u64,
    since: Instant,
    session: bool,
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
type Stock = [usize; 3];

/// A task in line.
struct Waiter {
    ticket: u32,
    need: Need,
    waker: Waker,
}

/// How a pool is used at this moment: `in_use + idle + free` is the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Counts {
    /// Sockets in somebody's hands.
    pub in_use: usize,
    /// Open connections that wait to be used again.
    pub idle: usize,
    /// Slots with nothing in them.
    pub free: usize,
    /// The most slots that were ever in use or idle at once.
    pub high_water: usize,
    /// Tasks that stand in line.
    pub waiting: usize,
    /// TLS sessions that belong to no connection, neither in use nor idle.
    pub free_tls_sessions: usize,
    /// Exchange buffers that belong to no request, response or socket.
    pub free_buffers: usize,
}

/// A slot in somebody's hands. Dropping it closes the connection and frees the slot, unless the connection was put to
/// rest, or rests in it still.
pub(crate) struct Lease<'p, C, R: RawMutex, const N: usize> {
    // Fields are dropped in this order: the slot is free once nobody can touch what was in it.
    slot: Loan<'p, Slot<C>, R>,
    entry: Held<'p, R, N>,
    session: Session,
}

/// What a lease has to do with a TLS session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    None,
    /// There is one for the connection to be made.
    Reserved,
    /// The connection has one.
    InUse,
}

/// An entry of the ledger that says that a slot is in use, until this is dropped.
struct Held<'p, R: RawMutex, const N: usize> {
    ledger: &'p Books<R, N>,
    index: usize,
}

/// The right to one exchange buffer.
struct BufferRight<'p, R: RawMutex, const N: usize>(&'p Books<R, N>);

/// An exchange buffer of a pool, until dropped.
pub struct Buffer<'p, 's, const N: usize, R: RawMutex> {
    // Fields are dropped in this order.
    memory: Loan<'s, [u8], R>,
    _right: BufferRight<'p, R, N>,
}

/// What was taken in one step.
pub(crate) struct Taken<'p, C, R: RawMutex, const N: usize> {
    /// The slot, if one was needed, perhaps with an idle connection in it that is not evicted yet. For a session alone:
    /// the slot whose idle connection has it.
    pub(crate) lease: Option<Lease<'p, C, R, N>>,
    buffer: Option<BufferRight<'p, R, N>>,
}

impl Entry {
    const FREE: Self = Self { is_in_use: false, session: false, rest: None };

    const fn is_free(&self) -> bool {
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
    const BUFFER: Self = Self { slot: false, session: false, buffer: true, holds: true };

    const fn is_nothing(self) -> bool {
        !(self.slot || self.session || self.buffer)
    }

    const fn is_within(self, other: Self) -> bool {
        (other.slot || !self.slot) && (other.session || !self.session) && (other.buffer || !self.buffer)
    }

    /// What to report to a task that lacks this.
    const fn exhausted(self) -> Error {
        exhausted(match self {
            Self { slot: true, .. } => Resource::Sockets,
            Self { session: true, .. } => Resource::TlsSessions,
            _ => Resource::Buffers,
        })
    }
}

/// What of that is needed and not there.
fn lacks(stock: &Stock, need: Need) -> Need {
    let [slot, session, buffer] = stock.map(|there| there == 0);
    Need { slot: need.slot && slot, session: need.session && session, buffer: need.buffer && buffer, holds: false }
}

/// Sets aside what is needed, which is there.
fn set_aside(stock: &mut Stock, need: Need) {
    for (there, needed) in stock.iter_mut().zip([need.slot, need.session, need.buffer]) {
        *there = there.saturating_sub(needed.into());
    }
}

impl<const N: usize> Ledger<N> {
    fn count(&self, is: impl Fn(&Entry) -> bool) -> usize {
        self.entries.iter().filter(|entry| is(entry)).count()
    }

    fn free_sessions(&self) -> usize {
        self.sessions.saturating_sub(self.count(|entry| entry.session))
    }

    /// What could be had, if need be by closing idle connections.
    fn stock(&self) -> Stock {
        [
            self.count(|entry| !entry.is_in_use),
            self.sessions.saturating_sub(self.count(|entry| entry.session && entry.is_in_use)),
            self.buffers,
        ]
    }

    /// What keeps a task with so many before it from taking what it needs; nothing if it may.
    fn obstacle(&self, before: usize, need: Need) -> Need {
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
    fn take(&mut self, need: Need) -> Option<usize> {
        let has_session = self.free_sessions() > 0;
        self.buffers = self.buffers.saturating_sub(need.buffer.into());
        if !need.slot && (has_session || !need.session) {
            return None;
        }
        let free = self.entries.iter().position(Entry::is_free).filter(|_| has_session || !need.session);
        free.or_else(|| self.idle(|entry, _| has_session || !need.session || entry.session, |a, b| a < b))
    }

    /// The idle slot that is `wanted`, and `better` by its number than any other such.
    fn idle(&self, wanted: impl Fn(&Entry, &StoredKey) -> bool, better: impl Fn(u64, u64) -> bool) -> Option<usize> {
        let mut best = None;
        for (index, (entry, key)) in self.entries.iter().zip(&self.keys).enumerate() {
            if let (Some(Rest { number, .. }), Some(key)) = (entry.rest, key)
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
    fn mark(&mut self, index: usize, session: bool) -> Option<bool> {
        let entry = self.entries.get_mut(index)?;
        entry.is_in_use = true;
        entry.session |= session;
        let session = entry.session;
        self.high_water = self.high_water.max(self.count(|entry| !entry.is_free()));
        Some(session)
    }

    fn set_session(&mut self, index: usize, session: bool) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.session = session;
        }
    }

    /// Takes a task out of the line. By swapping: `remove` moves memory, which is a kilobyte of code.
    fn leave(&mut self, ticket: u32) {
        if let Some(place) = self.place(ticket) {
            for behind in place + 1..self.line.len() {
                self.line.swap(behind - 1, behind);
            }
            self.line.pop();
        }
    }

    fn place(&self, ticket: u32) -> Option<usize> {
        self.line.iter().position(|waiter| waiter.ticket == ticket)
    }

    /// The first task that may take what it needs. It has to be woken whenever something was given back or taken, or a
    /// place in line given up; it will take, and wake the next.
    fn next_in_line(&self) -> Option<Waker> {
        let mut line = self.line.iter().enumerate();
        let next = line.find(|(place, waiter)| self.obstacle(*place, waiter.need).is_nothing());
        next.map(|(_, waiter)| waiter.waker.clone())
    }
}

/// Changes the ledger, and wakes whoever may take something then.
fn change<R: RawMutex, const N: usize, T>(ledger: &Books<R, N>, change: impl FnOnce(&mut Ledger<N>) -> T) -> T {
    let (outcome, next) = ledger.lock(|ledger| {
        let mut ledger = ledger.borrow_mut();
        let outcome = change(&mut ledger);
        (outcome, ledger.next_in_line())
    });
    next.inspect(Waker::wake_by_ref);
    outcome
}

impl<C, R: RawMutex, const N: usize> Slots<C, R, N> {
    /// Slots with so many TLS sessions, and an exchange buffer for each slot.
    pub(crate) const fn new(sessions: usize) -> Self {
        Self {
            places: [const { Place::new(Slot { connection: None, peer: None }) }; N],
            ledger: Mutex::new(RefCell::new(Ledger {
                entries: [Entry::FREE; N],
                keys: [const { None }; N],
                sessions,
                buffers: N,
                rests: 0,
                high_water: 0,
                line: heapless::Vec::new(),
                tickets: 0,
            })),
        }
    }

    /// Takes what is needed, if it can be had and nobody waits for it. The slot comes with the connection that is idle in
    /// it; a session alone is for `own` slot.
    ///
    /// # Errors
    /// What is exhausted.
    pub(crate) fn take(&self, need: Need, own: Option<&Lease<'_, C, R, N>>) -> Result<Taken<'_, C, R, N>> {
        self.stand(need, own).take()
    }

    /// A place in line for this; nothing is asked for until it is polled.
    pub(crate) fn stand(&self, need: Need, own: Option<&Lease<'_, C, R, N>>) -> InLine<'_, C, R, N> {
        InLine { slots: self, ticket: None, need, own: own.map_or(N, |lease| lease.entry.index) }
    }

    /// The right to an exchange buffer, for whoever has a socket.
    pub(crate) fn take_buffer<'p, 's>(&'p self, buffers: &[&'s Place<[u8], R>]) -> Result<Buffer<'p, 's, N, R>> {
        self.take(Need::BUFFER, None)?.buffer(buffers)
    }

    /// The idle connection under this key that was used last, and since when it is idle. For whoever has a slot, and gives
    /// that up for it.
    pub(crate) fn kept(&self, key: Key<'_>) -> Option<(Lease<'_, C, R, N>, Instant)> {
        self.leave_rest(|ledger| ledger.idle(|_, stored| stored.as_key() == key, |a, b| a > b))
    }

    /// The connection that was idle for the longest time.
    pub(crate) fn oldest_idle(&self) -> Option<Lease<'_, C, R, N>> {
        Some(self.leave_rest(|ledger| ledger.idle(|_, _| true, |a, b| a < b))?.0)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.ledger.lock(|ledger| {
            let ledger = ledger.borrow();
            let (in_use, free) = (ledger.count(|entry| entry.is_in_use), ledger.count(Entry::is_free));
            Counts {
                in_use,
                idle: N - in_use - free,
                free,
                high_water: ledger.high_water,
                waiting: ledger.line.len(),
                free_tls_sessions: ledger.free_sessions(),
                free_buffers: ledger.buffers,
            }
        })
    }

    /// Takes an idle slot: its connection rests no more.
    fn leave_rest(&self, choose: impl FnOnce(&Ledger<N>) -> Option<usize>) -> Option<(Lease<'_, C, R, N>, Instant)> {
        let (index, session) = self.ledger.lock(|ledger| {
            let mut ledger = ledger.borrow_mut();
            let index = choose(&ledger)?;
            Some((index, ledger.mark(index, false)?))
        })?;
        let mut lease = self.lease(index, if session { Session::InUse } else { Session::None })?;
        let since = lease.resume()?;
        Some((lease, since))
    }

    /// Borrows the slot that was marked as in use.
    fn lease(&self, index: usize, session: Session) -> Option<Lease<'_, C, R, N>> {
        let entry = Held { ledger: &self.ledger, index };
        Some(Lease { slot: self.places.get(index)?.lend()?, entry, session })
    }
}

impl<'p, C, R: RawMutex, const N: usize> Taken<'p, C, R, N> {
    /// The slot.
    ///
    /// # Errors
    /// If none was asked for.
    pub(crate) fn slot(self) -> Result<Lease<'p, C, R, N>> {
        self.lease.ok_or(exhausted(Resource::Sockets))
    }

    /// The exchange buffer, one of `buffers`.
    ///
    /// # Errors
    /// If none was asked for.
    pub(crate) fn buffer<'s>(&mut self, buffers: &[&'s Place<[u8], R>]) -> Result<Buffer<'p, 's, N, R>> {
        let memory = self.buffer.is_some().then(|| buffers.iter().find_map(|place| place.lend())).flatten();
        match (memory, self.buffer.take()) {
            (Some(memory), Some(right)) => Ok(Buffer { memory, _right: right }),
            _ => Err(exhausted(Resource::Buffers)),
        }
    }
}

/// A place in line, until it was served or dropped.
pub(crate) struct InLine<'p, C, R: RawMutex, const N: usize> {
    slots: &'p Slots<C, R, N>,
    ticket: Option<u32>,
    need: Need,
    /// The slot that a session alone is for.
    own: usize,
}

impl<'p, C, R: RawMutex, const N: usize> InLine<'p, C, R, N> {
    /// What is needed, if it can be had now.
    ///
    /// # Errors
    /// What is exhausted.
    pub(crate) fn take(&mut self) -> Result<Taken<'p, C, R, N>> {
        self.step(None)?.ok_or(self.need.exhausted())
    }

    /// What is needed, if it is our turn; keeps a place in line for `waker` if not.
    ///
    /// # Errors
    /// When there is no room in the line, or what is needed can never be had.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Result<Option<Taken<'p, C, R, N>>> {
        self.step(Some(waker))
    }

    fn step(&mut self, waker: Option<&Waker>) -> Result<Option<Taken<'p, C, R, N>>> {
        let (need, own) = (self.need, self.own);
        let (taken, next) = self.slots.ledger.lock(|ledger| {
            let mut ledger = ledger.borrow_mut();
            if need.session && ledger.sessions == 0 {
                return Err(exhausted(Resource::NoTlsSession));
            }
            let place = self.ticket.and_then(|ticket| ledger.place(ticket)).unwrap_or(ledger.line.len());
            let lacks = ledger.obstacle(place, need);
            if lacks.is_nothing() {
                if let Some(ticket) = self.ticket.take() {
                    ledger.leave(ticket);
                }
                let slot = ledger.take(need).and_then(|index| {
                    let session = match ledger.mark(index, need.session)? {
                        _ if need.session => Session::Reserved,
                        true => Session::InUse,
                        false => Session::None,
                    };
                    Some((index, session))
                });
                if slot.is_none() && need.session {
                    ledger.set_session(own, true);
                }
                return Ok((Some(slot), ledger.next_in_line()));
            }
            let Some(waker) = waker else { return Err(lacks.exhausted()) };
            if let Some(waiter) = ledger.line.get_mut(place) {
                waiter.waker.clone_from(waker);
                return Ok((None, None));
            }
            let room = if need.holds { PLACES } else { WAITERS };
            let ticket = ledger.tickets;
            let waiter = Waiter { ticket, need, waker: waker.clone() };
            if place >= room || ledger.line.push(waiter).is_err() {
                return Err(exhausted(Resource::Waiters));
            }
            ledger.tickets = ticket.wrapping_add(1);
            self.ticket = Some(ticket);
            Ok((None, None))
        })?;
        next.inspect(Waker::wake_by_ref);
        let Some(slot) = taken else { return Ok(None) };
        let buffer = need.buffer.then(|| BufferRight(&self.slots.ledger));
        let lease = slot.and_then(|(index, session)| self.slots.lease(index, session));
        Ok(Some(Taken { lease, buffer }))
    }
}

impl<C, R: RawMutex, const N: usize> Drop for InLine<'_, C, R, N> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            change(&self.slots.ledger, |ledger| ledger.leave(ticket));
        }
    }
}

impl<C, R: RawMutex, const N: usize> Lease<'_, C, R, N> {
    pub(crate) fn connection(&mut self) -> &mut Option<C> {
        &mut self.slot.connection
    }

    /// Whom the connection is with, if there is one.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.slot.connection.as_ref().and(self.slot.peer)
    }

    /// Puts a connection into the slot.
    pub(crate) fn connect(&mut self, connection: C, peer: SocketAddr) {
        (self.slot.connection, self.slot.peer) = (Some(connection), Some(peer));
    }

    /// Drops the connection. Its TLS session goes back; one that is reserved for the next connection stays.
    pub(crate) fn disconnect(&mut self) {
        self.evict();
        (self.slot.connection, self.slot.peer) = (None, None);
        if self.session == Session::InUse {
            self.give_session_back();
        }
    }

    /// The connection that was idle in the slot does not go back to rest when this is dropped: it will be closed.
    pub(crate) fn evict(&mut self) {
        self.with_entry(|entry| entry.rest = None);
    }

    /// Since when the connection in the slot is idle under this key, if it is.
    pub(crate) fn idle_under(&self, key: Key<'_>) -> Option<Instant> {
        self.entry.ledger.lock(|ledger| {
            let ledger = ledger.borrow();
            let stored = ledger.keys.get(self.entry.index)?.as_ref()?;
            let rest = ledger.entries.get(self.entry.index)?.rest?;
            (stored.as_key() == key).then_some(rest.since)
        })
    }

    /// Uses the connection that was idle in the slot, and gives since when it was.
    pub(crate) fn resume(&mut self) -> Option<Instant> {
        let rest = self.with_entry(|entry| entry.rest.take()).flatten()?;
        if rest.session {
            self.session = Session::InUse;
        } else if self.session == Session::Reserved {
            self.give_session_back();
        }
        Some(rest.since)
    }

    /// Puts the connection to rest under `key`. Nothing rests that is closed, or whose key is too long to keep.
    pub(crate) fn rest(self, key: Key<'_>, now: Instant) {
        if self.slot.connection.is_some()
            && let Some(key) = StoredKey::new(key)
        {
            self.entry.ledger.lock(|ledger| {
                let mut ledger = ledger.borrow_mut();
                ledger.rests += 1;
                let rest = Rest { number: ledger.rests, since: now, session: self.session == Session::InUse };
                if let Some(place) = ledger.keys.get_mut(self.entry.index) {
                    *place = Some(key);
                }
                if let Some(entry) = ledger.entries.get_mut(self.entry.index) {
                    entry.rest = Some(rest);
                }
            });
        }
    }

    fn with_entry<T>(&self, with: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.entry.ledger.lock(|ledger| ledger.borrow_mut().entries.get_mut(self.entry.index).map(with))
    }

    fn give_session_back(&mut self) {
        self.session = Session::None;
        change(self.entry.ledger, |ledger| ledger.set_session(self.entry.index, false));
    }
}

#[cfg(feature = "tls")]
impl<C, R: RawMutex, const N: usize> Lease<'_, C, R, N> {
    /// Whether there is a TLS session for the connection to be made.
    pub(crate) fn has_session(&self) -> bool {
        self.session == Session::Reserved
    }

    /// Takes over the TLS session that was [taken](Slots::take) for this slot: from the connection that had it and is closed
    /// by now, if that lies in `from`.
    pub(crate) fn reserve_session(&mut self, from: Option<Self>) {
        if let Some(mut from) = from {
            from.session = Session::None;
            self.entry.ledger.lock(|ledger| {
                let mut ledger = ledger.borrow_mut();
                ledger.set_session(from.entry.index, false);
                ledger.set_session(self.entry.index, true);
            });
        }
        self.session = Session::Reserved;
    }

    /// The connection uses the session that was reserved for it.
    pub(crate) fn use_session(&mut self) {
        self.session = Session::InUse;
    }

    /// Nothing will be connected that needs the session.
    pub(crate) fn release_session(&mut self) {
        if self.session == Session::Reserved {
            self.give_session_back();
        }
    }
}

impl<C, R: RawMutex, const N: usize> Drop for Lease<'_, C, R, N> {
    fn drop(&mut self) {
        if self.with_entry(|entry| entry.rest.is_none()) == Some(true) {
            *self.slot = Slot { connection: None, peer: None };
        }
    }
}

impl<R: RawMutex, const N: usize> Drop for Held<'_, R, N> {
    fn drop(&mut self) {
        change(self.ledger, |ledger| {
            if let Some(entry) = ledger.entries.get_mut(self.index) {
                entry.is_in_use = false;
                entry.session = entry.rest.is_some_and(|rest| rest.session);
            }
        });
    }
}

impl<R: RawMutex, const N: usize> Drop for BufferRight<'_, R, N> {
    fn drop(&mut self) {
        change(self.0, |ledger| ledger.buffers += 1);
    }
}

impl<const N: usize, R: RawMutex> Deref for Buffer<'_, '_, N, R> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory
    }
}

impl<const N: usize, R: RawMutex> DerefMut for Buffer<'_, '_, N, R> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory
    }
}

impl<const N: usize, R: RawMutex> core::fmt::Debug for Buffer<'_, '_, N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Buffer")
    }
}

impl<C, R: RawMutex, const N: usize> core::fmt::Debug for Lease<'_, C, R, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Lease")
    }
}

/// What to report when there is none of this.
const fn exhausted(resource: Resource) -> Error {
    Error::new(Phase::Setup, ErrorKind::Exhausted(resource))
}

#[cfg(test)]
mod tests {
    use std::{rc::Rc, string::String, sync::Arc, vec::Vec};

    use super::*;
    use crate::sync::NoopRawMutex;

    type Tested<C, const N: usize> = Slots<C, NoopRawMutex, N>;

    const NOW: Instant = Instant::from_millis(0);
    const NONE: Counts =
        Counts { in_use: 0, idle: 0, free: 0, high_water: 0, waiting: 0, free_tls_sessions: 0, free_buffers: 0 };
    /// What a request over TLS needs.
    const REQUEST: Need = Need { slot: true, session: true, buffer: true, holds: false };
    /// What it needs after a redirect.
    const GOES_ON: Need = Need { slot: true, session: true, buffer: false, holds: true };

    fn key(host: &str) -> Key<'_> {
        Key { host, port: 80, session_id: 0, tls: None }
    }

    /// A slot, if it can be had at once, to be used for a connection of its own.
    fn slot<C, const N: usize>(slots: &Tested<C, N>) -> Option<Lease<'_, C, NoopRawMutex, N>> {
        let mut lease = slots.take(Need::SLOT, None).ok()?.slot().ok()?;
        lease.evict();
        Some(lease)
    }

    fn exhausted_by(error: Error) -> Resource {
        match (error.phase(), error.kind()) {
            (Phase::Setup, ErrorKind::Exhausted(resource)) => resource,
            _ => panic!("{error:?}"),
        }
    }

    #[test]
    fn a_dropped_lease_frees_its_slot_and_drops_its_connection() {
        let slots = Tested::<Rc<()>, 1>::new(0);
        let connection = Rc::new(());
        let mut lease = slot(&slots).expect("free");
        *lease.connection() = Some(connection.clone());
        assert!(slot(&slots).is_none());
        drop(lease);
        assert_eq!(Rc::strong_count(&connection), 1);
        assert_eq!(slots.counts(), Counts { free: 1, high_water: 1, free_buffers: 1, ..NONE });
    }

    #[test]
    fn found_again_under_its_key_only_and_the_oldest_goes_first() {
        let slots = Tested::<u8, 3>::new(0);
        let leases = ["a", "b", "a"].map(|host| (host, slot(&slots).expect("free")));
        for (number, (host, mut lease)) in leases.into_iter().enumerate() {
            *lease.connection() = Some(number as u8);
            lease.rest(key(host), NOW);
        }
        assert_eq!(slots.counts().idle, 3);
        assert!(slots.kept(key("c")).is_none());
        assert_eq!(*slots.kept(key("a")).expect("kept").0.connection(), Some(2), "the one used last");
        assert_eq!(*slots.oldest_idle().expect("idle").connection(), Some(0));
        assert_eq!(slots.counts(), Counts { idle: 1, free: 2, high_water: 3, free_buffers: 3, ..NONE });
        let taken = [(); 3].map(|()| slot(&slots).expect("free or idle"));
        assert_eq!(taken.map(|mut lease| lease.connection().take()), [None, None, Some(1)], "free ones first");
    }

    #[test]
    fn a_host_too_long_to_remember_is_closed() {
        let slots = Tested::<u8, 1>::new(0);
        let mut lease = slot(&slots).expect("free");
        *lease.connection() = Some(1);
        lease.rest(key(&"x".repeat(super::super::key::KEPT_HOST_LEN + 1)), NOW);
        assert_eq!(slots.counts().free, 1);
    }

    /// Counts how often it was woken.
    struct Wakes(std::sync::atomic::AtomicUsize);

    impl std::task::Wake for Wakes {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[test]
    fn the_line_is_served_in_order_and_nobody_jumps_it() {
        let slots = Tested::<u8, 2>::new(0);
        let (first, mut second) = (slot(&slots).expect("free"), slot(&slots).expect("free"));
        let wakes = Arc::new(Wakes(0.into()));
        let waker = Arc::clone(&wakes).into();
        let woken = || wakes.0.swap(0, std::sync::atomic::Ordering::Relaxed);
        let mut waiting = [(); 3].map(|()| slots.stand(Need::SLOT, None));
        for place in &mut waiting {
            assert!(place.poll(&waker).expect("room").is_none());
        }
        assert_eq!((slots.counts().waiting, woken()), (3, 0));

        *second.connection() = Some(2);
        second.rest(key("kept"), NOW);
        assert_eq!(woken(), 1, "an idle connection can be closed for whoever waits");
        assert!(slot(&slots).is_none(), "it is the first one's turn");
        assert!(waiting[1].poll(&waker).expect("room").is_none(), "not the second one's");
        let Ok(Some(served)) = waiting[0].poll(&waker) else { panic!("the first one's turn") };
        let mut served = served.slot().expect("a slot");
        assert_eq!((served.connection().take(), slots.counts().waiting), (Some(2), 2));
        served.evict();

        drop(first);
        assert_eq!(woken(), 1);
        let [_, second, mut third] = waiting;
        drop(second);
        assert_eq!(woken(), 1, "who leaves the line passes the word on");
        assert!(matches!(third.poll(Waker::noop()), Ok(Some(_))));
        assert_eq!(slots.counts(), Counts { in_use: 1, free: 1, high_water: 2, free_buffers: 2, ..NONE });
    }

    #[test]
    fn the_line_has_an_end_and_a_few_places_for_whoever_holds_something() {
        let slots = Tested::<u8, 1>::new(1);
        let _taken = slot(&slots);
        let mut waiting: Vec<_> = (0..=WAITERS).map(|_| slots.stand(Need::SLOT, None)).collect();
        let refused: Vec<_> = waiting.iter_mut().filter_map(|place| place.poll(Waker::noop()).err()).collect();
        assert_eq!(refused.into_iter().map(exhausted_by).collect::<Vec<_>>(), [Resource::Waiters]);
        assert_eq!(slots.counts().waiting, WAITERS);
        let mut goes_on = slots.stand(GOES_ON, None);
        assert!(goes_on.poll(Waker::noop()).expect("room").is_none());
        drop((waiting, goes_on));
        assert_eq!(slots.counts().waiting, 0);
    }

    #[test]
    fn what_is_exhausted_is_named_and_what_there_is_none_of() {
        let slots = Tested::<u8, 2>::new(1);
        let refusal = |need| slots.take(need, None).err().map(exhausted_by);
        let first = slots.take(REQUEST, None).expect("all of it");
        assert_eq!(refusal(REQUEST), Some(Resource::TlsSessions));
        let second = slots.take(Need { session: false, ..REQUEST }, None).expect("without a session");
        assert_eq!(refusal(Need::SLOT), Some(Resource::Sockets));
        drop(first.lease);
        assert_eq!(refusal(REQUEST), Some(Resource::Buffers), "a response is kept, its connection is not");
        drop((first.buffer, second));
        assert_eq!(refusal(REQUEST), None);

        let slots = Tested::<u8, 2>::new(0);
        assert_eq!(slots.take(REQUEST, None).err().map(exhausted_by), Some(Resource::NoTlsSession));
        let mut place = slots.stand(REQUEST, None);
        assert_eq!(
            place.poll(Waker::noop()).err().map(exhausted_by),
            Some(Resource::NoTlsSession),
            "nobody waits for it"
        );
    }

    /// A reservation that comes to nothing leaves the idle connection where it was.
    #[test]
    fn an_idle_connection_is_only_evicted_by_whoever_uses_its_slot() {
        let slots = Tested::<u8, 1>::new(1);
        let mut lease = slots.take(REQUEST, None).expect("free").slot().expect("a slot");
        (*lease.connection(), lease.session) = (Some(1), Session::InUse);
        lease.rest(key("kept"), NOW);
        let kept = Counts { idle: 1, high_water: 1, free_buffers: 1, ..NONE };
        assert_eq!(slots.counts(), kept);

        for need in [REQUEST, Need::SLOT] {
            let lease = slots.take(need, None).expect("idle").slot().expect("a slot");
            assert_eq!(slots.counts(), Counts { in_use: 1, idle: 0, ..kept });
            assert_eq!((lease.idle_under(key("kept")), lease.idle_under(key("other"))), (Some(NOW), None));
            drop(lease);
            assert_eq!(slots.counts(), kept);
        }
        let mut lease = slots.take(REQUEST, None).expect("idle").slot().expect("a slot");
        assert_eq!((lease.resume(), lease.session, *lease.connection()), (Some(NOW), Session::InUse, Some(1)));
        lease.rest(key("kept"), NOW);
        assert_eq!(slots.counts(), kept);

        let mut lease = slots.take(Need::SLOT, None).expect("idle").slot().expect("a slot");
        lease.disconnect();
        assert_eq!(slots.counts().free_tls_sessions, 1, "a connection that is dropped gives its session back");
    }

    /// Two tasks hold the two sockets and want a session; a third, who came before they asked, wants a socket and a session.
    /// In the order of arrival alone each would wait for the others.
    #[test]
    fn whoever_holds_something_passes_whoever_lacks_something_else() {
        let slots = Tested::<u8, 2>::new(1);
        let [mut first, second] = [(); 2].map(|()| slot(&slots).expect("free"));
        let mut request = slots.stand(REQUEST, None);
        assert!(request.poll(Waker::noop()).expect("room").is_none());
        let Ok(Some(taken)) = slots.stand(Need::SESSION, Some(&first)).poll(Waker::noop()) else {
            panic!("the request lacks a slot, and would not be served")
        };
        assert!(taken.lease.is_none(), "it was free");
        first.reserve_session(None);
        let mut session = slots.stand(Need::SESSION, Some(&second));
        assert!(session.poll(Waker::noop()).expect("room").is_none());

        // A slot is given back, the session is not: now the request lacks just that, and is not passed any more.
        drop(session);
        drop(second);
        let mut third = slots.stand(Need::SESSION, Some(&first));
        assert!(third.poll(Waker::noop()).expect("room").is_none());
        first.release_session();
        assert!(third.poll(Waker::noop()).expect("room").is_none(), "the request came first");
        assert!(request.poll(Waker::noop()).expect("room").is_some());
    }

    /// Tasks of all kinds, dropped at any point, in an order drawn at random: the books are right after every step, and
    /// every task that goes on waiting is served.
    #[test]
    fn any_interleaving_keeps_the_books_right_and_starves_nobody() {
        for sessions in 0..=2 {
            for seed in 1..=3 {
                interleave::<1>(sessions.min(1), seed);
                interleave::<2>(sessions, seed);
                interleave::<3>(sessions, seed);
            }
        }
    }

    struct Task<'p, const N: usize> {
        lease: Option<Lease<'p, String, NoopRawMutex, N>>,
        buffer: Option<BufferRight<'p, NoopRawMutex, N>>,
        place: Option<InLine<'p, String, NoopRawMutex, N>>,
        since: usize,
        served: usize,
    }

    fn interleave<const N: usize>(sessions: usize, seed: u64) {
        const TASKS: usize = 8;
        let mut seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut random = move |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % below as u64) as usize
        };
        let slots = Tested::<String, N>::new(sessions);
        let none = || Task { lease: None, buffer: None, place: None, since: 0, served: 0 };
        let mut tasks: Vec<_> = (0..TASKS).map(|_| none()).collect();
        let mut longest = 0;
        for step in 0..30_000 / N {
            let task = &mut tasks[random(TASKS)];
            let host = ["a", "b"][random(2)];
            if let Some(place) = &mut task.place {
                if random(200) == 0 {
                    task.place = None;
                } else if let Some(mut taken) = place.poll(Waker::noop()).expect("room in line") {
                    longest = longest.max(step - task.since);
                    task.served += 1;
                    task.place = None;
                    task.buffer = task.buffer.take().or(taken.buffer.take());
                    match (&mut task.lease, taken.lease) {
                        (Some(own), from) => {
                            own.reserve_session(from);
                            own.use_session();
                        }
                        (None, Some(mut lease)) => {
                            let kept = slots.kept(key(host)).filter(|_| random(2) == 0);
                            match kept {
                                Some((kept, _)) => lease = kept,
                                None if lease.idle_under(key(host)).is_some() => _ = lease.resume(),
                                None => {
                                    lease.disconnect();
                                    if lease.has_session() {
                                        lease.use_session();
                                    }
                                }
                            }
                            task.lease = Some(lease);
                        }
                        (None, None) => panic!("a slot was asked for"),
                    }
                }
            } else if let Some(lease) = &mut task.lease {
                let may_wrap = sessions > 0 && lease.session == Session::None && lease.connection().is_none();
                match random(4) {
                    0 if may_wrap => task.place = Some(slots.stand(Need::SESSION, Some(lease))),
                    0 => task.lease = None,
                    1 => task.buffer = None,
                    2 => lease.disconnect(),
                    _ => {
                        lease.connection().get_or_insert_with(|| host.into());
                        task.lease.take().expect("held").rest(key(host), NOW);
                    }
                }
                task.since = step;
            } else {
                let need = Need { session: sessions > 0 && random(2) == 0, ..REQUEST };
                task.place = Some(slots.stand(
                    match &task.buffer {
                        Some(_) => Need { buffer: false, holds: true, ..need },
                        None => Need { buffer: random(4) > 0, ..need },
                    },
                    None,
                ));
                task.since = step;
            }
            let counts = slots.counts();
            assert_eq!(counts.in_use + counts.idle + counts.free, N, "step {step}");
            assert_eq!(counts.in_use, tasks.iter().filter(|task| task.lease.is_some()).count(), "step {step}");
            assert_eq!(
                counts.free_buffers,
                N - tasks.iter().filter(|task| task.buffer.is_some()).count(),
                "step {step}"
            );
            assert!(counts.waiting <= TASKS && counts.free_tls_sessions <= sessions, "step {step}");
        }
        let served: Vec<_> = tasks.iter().map(|task| task.served).collect();
        let (least, most) = (served.iter().min().copied(), served.iter().max().copied());
        assert!(least > Some(50) && least.map(|least| 2 * least) >= most, "{N}, {sessions}: {served:?}");
        assert!(longest < 2_000, "{N}, {sessions}: a task waited for {longest} steps");
        drop(tasks);
        let counts = slots.counts();
        assert_eq!((counts.in_use, counts.waiting, counts.free_buffers), (0, 0, N));
        while slots.oldest_idle().is_some() {}
        assert_eq!(slots.counts().free_tls_sessions, sessions);
    }
}
