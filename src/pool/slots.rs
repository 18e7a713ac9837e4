//! The slots of a pool: one connection rests in each, lent to a socket, or idle under a key. Knows no I/O, so both
//! faces use it.
//!
//! Two things are kept apart: the connections, each lent to one holder at a time, and the [ledger](super::ledger), which
//! says whose each slot is, who has a TLS session or an exchange buffer, and who waits for what. The ledger alone decides,
//! behind a raw mutex, in one step at a time.

use core::{
    cell::RefCell,
    net::SocketAddr,
    ops::{Deref, DerefMut},
    task::Waker,
};

use embassy_sync::blocking_mutex::Mutex;

use super::{
    Key,
    ledger::{Books, Entry, Ledger, Need, PLACES, Rest, WAITERS, Waiter, change, exhausted},
};
use crate::{
    cell::{Loan, Place},
    error::{Resource, Result},
    sync::RawMutex,
    time::Instant,
};

/// The slots of a pool whose connections are of type `C`.
pub(crate) struct Slots<C, R: RawMutex, const N: usize> {
    places: [Place<Slot<C>, R>; N],
    ledger: Books<R, N>,
}

/// What rests in a slot. Nothing does while the slot is free.
pub(crate) struct Slot<C> {
    connection: Option<C>,
    peer: Option<SocketAddr>,
}

/// How a pool is used at this moment: `in_use + idle + free` is the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Counts {
    /// Sockets in use.
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

/// A slot in use. Dropping it closes the connection and frees the slot, unless the connection was put to
/// rest, or rests in it still.
pub(crate) struct Lease<'p, C, R: RawMutex, const N: usize> {
    // Fields are dropped in this order: the slot is free once no task can touch what was in it.
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

impl<C, R: RawMutex, const N: usize> Slots<C, R, N> {
    /// Slots with so many TLS sessions, and an exchange buffer for each slot.
    pub(crate) const fn new(sessions: usize) -> Self {
        Self {
            places: [const { Place::new(Slot { connection: None, peer: None }) }; N],
            ledger: Mutex::new(RefCell::new(Ledger::new(sessions))),
        }
    }

    /// Takes what is needed, if it can be had and no task waits for it. The slot comes with the connection that is idle in
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

    /// The right to an exchange buffer, for a caller that has a socket.
    pub(crate) fn take_buffer<'p, 's>(&'p self, buffers: &[&'s Place<[u8], R>]) -> Result<Buffer<'p, 's, N, R>> {
        self.take(Need::BUFFER, None)?.buffer(buffers)
    }

    /// The idle connection under this key that was used last, and since when it is idle. For a caller that has a slot, and gives
    /// that up for it.
    pub(crate) fn kept(&self, key: Key<'_>) -> Option<(Lease<'_, C, R, N>, Instant)> {
        self.leave_rest(|ledger| ledger.idle(|_, stored| stored.is(&key), |a, b| a > b))
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

    /// The peer of the connection, if there is one.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.slot.connection.as_ref().and(self.slot.peer)
    }

    /// Puts a connection into the slot.
    pub(crate) fn connect(&mut self, connection: C, peer: Option<SocketAddr>) {
        (self.slot.connection, self.slot.peer) = (Some(connection), peer);
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
            let rest = ledger.entries.get(self.entry.index)?.rest?;
            ledger.keys.get(self.entry.index)?.is(&key).then_some(rest.since)
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
        if self.slot.connection.is_none() {
            return;
        }
        self.entry.ledger.lock(|ledger| {
            let Ledger { keys, entries, rests, .. } = &mut *ledger.borrow_mut();
            if let (Some(place), Some(entry)) = (keys.get_mut(self.entry.index), entries.get_mut(self.entry.index))
                && place.set(key)
            {
                *rests += 1;
                entry.rest = Some(Rest { number: *rests, since: now, session: self.session == Session::InUse });
            }
        });
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

#[cfg(test)]
mod tests;
