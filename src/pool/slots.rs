//! The slots of a pool: one connection rests in each, lent to a socket, or idle under a key. Knows no I/O, so both
//! faces use it.
//!
//! Two things are kept apart: the connections, each lent to one holder at a time, and the ledger, which says whose each
//! slot is and who waits for one. The ledger alone decides, behind a raw mutex, in one step at a time.
//!
//! # The line
//! Who finds no slot stands in line, and is served in the order of arrival: with `a` slots that could be had, the first
//! `a` in line may take one, and nobody else may, not even a connection kept for them. Who is dropped while waiting
//! leaves the line.

use core::{cell::RefCell, future::poll_fn, net::SocketAddr, task::Poll, task::Waker};

use embassy_sync::blocking_mutex::Mutex;

use super::{Key, key::StoredKey};
use crate::{
    error::{Error, ErrorKind, Phase, Resource},
    lending::{Loan, Place},
    sync::RawMutex,
    time::Instant,
};

/// How many tasks can stand in line for a slot of one pool.
pub const WAITERS: usize = 16;

/// The slots of a pool whose connections are of type `C`, with room for `W` in line.
pub(crate) struct Slots<C, R: RawMutex, const N: usize, const W: usize> {
    places: [Place<Slot<C>, R>; N],
    ledger: Mutex<R, RefCell<Ledger<N, W>>>,
}

/// What rests in a slot. Nothing does while the slot is free.
pub(crate) struct Slot<C> {
    connection: Option<C>,
    peer: Option<SocketAddr>,
}

struct Ledger<const N: usize, const W: usize> {
    entries: [Entry; N],
    /// Under what the connection in each slot is found, where that was put to rest.
    keys: [Option<StoredKey>; N],
    /// Counts connections put to rest, so that the longest resting one is known.
    rests: u64,
    high_water: usize,
    line: heapless::Vec<Waiter, W>,
    tickets: u32,
}

/// Whose a slot is.
enum Entry {
    Free,
    InUse,
    Idle { number: u64, since: Instant },
}

/// Somebody in line.
struct Waiter {
    ticket: u32,
    waker: Waker,
}

/// How the slots of a pool are used at this moment: `in_use + idle + free` is the capacity.
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
    /// Tasks that stand in line for a slot.
    pub waiting: usize,
}

/// A slot in somebody's hands. Dropping it closes the connection and frees the slot, unless it was put to rest.
pub(crate) struct Lease<'p, C, R: RawMutex, const N: usize, const W: usize> {
    // Fields are dropped in this order: the slot is free once nobody can touch what was in it.
    slot: Loan<'p, Slot<C>, R>,
    entry: Held<'p, R, N, W>,
}

/// An entry of the ledger that says `InUse`; says `next` when this is dropped.
struct Held<'p, R: RawMutex, const N: usize, const W: usize> {
    ledger: &'p Mutex<R, RefCell<Ledger<N, W>>>,
    index: usize,
    next: Entry,
}

impl<const N: usize, const W: usize> Ledger<N, W> {
    /// How many slots could be had, if need be by closing an idle connection.
    fn available(&self) -> usize {
        self.entries.iter().filter(|entry| !matches!(entry, Entry::InUse)).count()
    }

    fn free(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry, Entry::Free)).count()
    }

    /// Takes a free slot, or the one that was idle for the longest time.
    fn take(&mut self) -> Option<usize> {
        let free = self.entries.iter().position(|entry| matches!(entry, Entry::Free));
        let index = free.or_else(|| self.idle(|_| true, |a, b| a < b))?;
        self.mark(index, Entry::InUse);
        Some(index)
    }

    /// The idle slot that is `wanted`, and `better` by its number than any other such.
    fn idle(&self, wanted: impl Fn(&StoredKey) -> bool, better: impl Fn(u64, u64) -> bool) -> Option<usize> {
        let mut best = None;
        for (index, (entry, key)) in self.entries.iter().zip(&self.keys).enumerate() {
            if let (Entry::Idle { number, .. }, Some(key)) = (entry, key)
                && best.is_none_or(|(_, than)| better(*number, than))
                && wanted(key)
            {
                best = Some((index, *number));
            }
        }
        best.map(|(index, _)| index)
    }

    fn mark(&mut self, index: usize, state: Entry) {
        if let Some(entry) = self.entries.get_mut(index) {
            *entry = state;
        }
        self.high_water = self.high_water.max(N - self.free());
    }

    /// Takes somebody out of the line. By swapping: `remove` moves memory, which is a kilobyte of code.
    fn leave(&mut self, ticket: u32) {
        if let Some(place) = self.line.iter().position(|waiter| waiter.ticket == ticket) {
            for behind in place + 1..self.line.len() {
                self.line.swap(behind - 1, behind);
            }
            self.line.pop();
        }
    }

    /// Whom to wake when there is one slot, or one place in line, more than before: the last of those that may take one.
    fn next_in_line(&self) -> Option<Waker> {
        let last = self.available().checked_sub(1)?;
        self.line.get(last).map(|waiter| waiter.waker.clone())
    }
}

impl<C, R: RawMutex, const N: usize, const W: usize> Slots<C, R, N, W> {
    pub(crate) const fn new() -> Self {
        Self {
            places: [const { Place::new(Slot { connection: None, peer: None }) }; N],
            ledger: Mutex::new(RefCell::new(Ledger {
                entries: [const { Entry::Free }; N],
                keys: [const { None }; N],
                rests: 0,
                high_water: 0,
                line: heapless::Vec::new(),
                tickets: 0,
            })),
        }
    }

    /// A slot, if there is one that nobody waits for: a free one, or the one that was idle for the longest time, with its
    /// connection still in it.
    pub(crate) fn take(&self) -> Option<Lease<'_, C, R, N, W>> {
        self.lease(|ledger| (ledger.line.len() < ledger.available()).then(|| ledger.take())?)
    }

    /// The same, when it is our turn.
    ///
    /// # Errors
    /// When there is no room in the line.
    pub(crate) async fn wait(&self) -> Result<Lease<'_, C, R, N, W>, Error> {
        let mut place = InLine { slots: self, ticket: None };
        poll_fn(|context| {
            let turn = place.poll(context.waker())?;
            turn.map_or(Poll::Pending, |index| self.lease(|_| Some(index)).map_or(Poll::Pending, Poll::Ready)).map(Ok)
        })
        .await
    }

    /// The idle connection under this key that was used last, and since when it is idle.
    pub(crate) fn kept(&self, key: Key<'_>) -> Option<(Lease<'_, C, R, N, W>, Instant)> {
        let mut idle_since = None;
        let lease = self.lease(|ledger| {
            let index = ledger.idle(|stored| stored.as_key() == key, |a, b| a > b)?;
            // Taking it must leave enough for those in line.
            if ledger.line.len() >= ledger.available() {
                return None;
            }
            if let Some(Entry::Idle { since, .. }) = ledger.entries.get(index) {
                idle_since = Some(*since);
            }
            Some(index)
        })?;
        Some((lease, idle_since?))
    }

    /// The connection that was idle for the longest time, of all or of those with TLS.
    pub(crate) fn oldest_idle(&self, only_tls: bool) -> Option<Lease<'_, C, R, N, W>> {
        self.lease(|ledger| ledger.idle(|key| key.as_key().tls.is_some() || !only_tls, |a, b| a < b))
    }

    pub(crate) fn counts(&self) -> Counts {
        self.ledger.lock(|ledger| {
            let ledger = ledger.borrow();
            let (available, free) = (ledger.available(), ledger.free());
            Counts {
                in_use: N - available,
                idle: available - free,
                free,
                high_water: ledger.high_water,
                waiting: ledger.line.len(),
            }
        })
    }

    /// Marks the slot that `choose` chooses as in use, and borrows it.
    fn lease(&self, choose: impl FnOnce(&mut Ledger<N, W>) -> Option<usize>) -> Option<Lease<'_, C, R, N, W>> {
        let index = self.ledger.lock(|ledger| {
            let mut ledger = ledger.borrow_mut();
            let index = choose(&mut ledger)?;
            ledger.mark(index, Entry::InUse);
            Some(index)
        })?;
        let entry = Held { ledger: &self.ledger, index, next: Entry::Free };
        Some(Lease { slot: self.places.get(index)?.lend()?, entry })
    }
}

/// A place in line, until it was served or dropped.
struct InLine<'p, C, R: RawMutex, const N: usize, const W: usize> {
    slots: &'p Slots<C, R, N, W>,
    ticket: Option<u32>,
}

impl<C, R: RawMutex, const N: usize, const W: usize> InLine<'_, C, R, N, W> {
    /// The slot that was taken, if it is our turn.
    fn poll(&mut self, waker: &Waker) -> Result<Option<usize>, Error> {
        self.slots.ledger.lock(|ledger| {
            let mut ledger = ledger.borrow_mut();
            let place = ledger.line.iter().position(|waiter| Some(waiter.ticket) == self.ticket);
            let before = place.unwrap_or(ledger.line.len());
            if before < ledger.available() {
                if let Some(ticket) = self.ticket.take() {
                    ledger.leave(ticket);
                }
                return Ok(ledger.take());
            }
            if let Some(waiter) = ledger.line.get_mut(before) {
                waiter.waker.clone_from(waker);
            } else {
                let ticket = ledger.tickets;
                let waiter = Waiter { ticket, waker: waker.clone() };
                ledger.line.push(waiter).map_err(|_| NO_ROOM_IN_LINE)?;
                ledger.tickets = ticket.wrapping_add(1);
                self.ticket = Some(ticket);
            }
            Ok(None)
        })
    }
}

impl<C, R: RawMutex, const N: usize, const W: usize> Drop for InLine<'_, C, R, N, W> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let next = self.slots.ledger.lock(|ledger| {
            let mut ledger = ledger.borrow_mut();
            ledger.leave(ticket);
            ledger.next_in_line()
        });
        next.inspect(Waker::wake_by_ref);
    }
}

impl<C, R: RawMutex, const N: usize, const W: usize> Lease<'_, C, R, N, W> {
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

    /// Puts the connection to rest under `key`. Nothing rests that is closed, or whose key is too long to keep.
    pub(crate) fn rest(mut self, key: Key<'_>, now: Instant) {
        if self.slot.connection.is_some()
            && let Some(key) = StoredKey::new(key)
        {
            let number = self.entry.ledger.lock(|ledger| {
                let mut ledger = ledger.borrow_mut();
                if let Some(place) = ledger.keys.get_mut(self.entry.index) {
                    *place = Some(key);
                }
                ledger.rests += 1;
                ledger.rests
            });
            self.entry.next = Entry::Idle { number, since: now };
        }
    }
}

impl<C, R: RawMutex, const N: usize, const W: usize> Drop for Lease<'_, C, R, N, W> {
    fn drop(&mut self) {
        if matches!(self.entry.next, Entry::Free) {
            *self.slot = Slot { connection: None, peer: None };
        }
    }
}

impl<R: RawMutex, const N: usize, const W: usize> Drop for Held<'_, R, N, W> {
    fn drop(&mut self) {
        let next = self.ledger.lock(|ledger| {
            let mut ledger = ledger.borrow_mut();
            ledger.mark(self.index, core::mem::replace(&mut self.next, Entry::Free));
            ledger.next_in_line()
        });
        next.inspect(Waker::wake_by_ref);
    }
}

impl<C, R: RawMutex, const N: usize, const W: usize> core::fmt::Debug for Lease<'_, C, R, N, W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Lease")
    }
}

/// What to report when there is no slot.
pub(crate) const NO_SLOT: Error = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::Sockets));

/// What to report when too many wait for one.
const NO_ROOM_IN_LINE: Error = Error::new(Phase::Setup, ErrorKind::Exhausted(Resource::Waiters));

#[cfg(test)]
mod tests {
    use core::{future::Future, pin::pin, task::Context};
    use std::{boxed::Box, rc::Rc, string::String, vec::Vec};

    use super::*;
    use crate::sync::NoopRawMutex;

    type Tested<C, const N: usize> = Slots<C, NoopRawMutex, N, WAITERS>;

    const NOW: Instant = Instant::from_millis(0);

    fn key(host: &str) -> Key<'_> {
        Key { host, port: 80, session_id: 0, tls: None }
    }

    #[test]
    fn a_dropped_lease_frees_its_slot_and_drops_its_connection() {
        let slots = Tested::<Rc<()>, 1>::new();
        let connection = Rc::new(());
        let mut lease = slots.take().expect("free");
        *lease.connection() = Some(connection.clone());
        assert!(slots.take().is_none());
        drop(lease);
        assert_eq!(Rc::strong_count(&connection), 1);
        assert_eq!(slots.counts(), Counts { in_use: 0, idle: 0, free: 1, high_water: 1, waiting: 0 });
    }

    #[test]
    fn found_again_under_its_key_only_and_the_oldest_goes_first() {
        let slots = Tested::<u8, 3>::new();
        let leases = ["a", "b", "a"].map(|host| (host, slots.take().expect("free")));
        for (number, (host, mut lease)) in leases.into_iter().enumerate() {
            *lease.connection() = Some(number as u8);
            lease.rest(key(host), NOW);
        }
        assert_eq!(slots.counts().idle, 3);
        assert!(slots.kept(key("c")).is_none());
        assert_eq!(*slots.kept(key("a")).expect("kept").0.connection(), Some(2), "the one used last");
        assert_eq!(*slots.oldest_idle(false).expect("idle").connection(), Some(0));
        assert_eq!(slots.counts(), Counts { in_use: 0, idle: 1, free: 2, high_water: 3, waiting: 0 });
        let taken = [(); 3].map(|()| slots.take().expect("free or idle"));
        assert_eq!(taken.map(|mut lease| lease.connection().take()), [None, None, Some(1)], "free ones first");
    }

    #[test]
    fn a_host_too_long_to_remember_is_closed() {
        let slots = Tested::<u8, 1>::new();
        let mut lease = slots.take().expect("free");
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
        let slots = Tested::<u8, 2>::new();
        let (first, mut second) = (slots.take().expect("free"), slots.take().expect("free"));
        let wakes = std::sync::Arc::new(Wakes(0.into()));
        let waker = std::sync::Arc::clone(&wakes).into();
        let woken = || wakes.0.swap(0, std::sync::atomic::Ordering::Relaxed);
        let mut context = Context::from_waker(&waker);
        let mut waiting = [(); 3].map(|()| Box::pin(slots.wait()));
        for future in &mut waiting {
            assert!(future.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!((slots.counts().waiting, woken()), (3, 0));

        *second.connection() = Some(2);
        second.rest(key("kept"), NOW);
        assert_eq!(woken(), 1, "an idle connection can be closed for whoever waits");
        assert!(slots.take().is_none() && slots.kept(key("kept")).is_none(), "it is the first one's turn");
        assert!(waiting[1].as_mut().poll(&mut context).is_pending(), "not the second one's");
        let Poll::Ready(Ok(mut served)) = waiting[0].as_mut().poll(&mut context) else {
            panic!("the first one's turn")
        };
        assert_eq!((served.connection().take(), slots.counts().waiting), (Some(2), 2));

        drop(first);
        assert_eq!(woken(), 1);
        let [_, second, third] = waiting;
        drop(second);
        assert_eq!(woken(), 1, "who leaves the line passes the word on");
        assert!(matches!(pin!(third).as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(_))));
        assert_eq!(slots.counts(), Counts { in_use: 1, idle: 0, free: 1, high_water: 2, waiting: 0 });
    }

    #[test]
    fn the_line_has_an_end() {
        let slots = Tested::<u8, 1>::new();
        let _taken = slots.take();
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting: Vec<_> = (0..=WAITERS).map(|_| Box::pin(slots.wait())).collect();
        let ready: Vec<_> = waiting.iter_mut().map(|future| future.as_mut().poll(&mut context).is_ready()).collect();
        assert_eq!(ready.iter().filter(|ready| **ready).count(), 1);
        assert_eq!(slots.counts().waiting, WAITERS);
        drop(waiting);
        assert_eq!(slots.counts().waiting, 0);
    }

    /// Tasks that take, keep, find again and give back slots, dropped at any point, in an order drawn at random: the books
    /// are right after every step, and everybody who goes on waiting is served.
    #[test]
    fn any_interleaving_keeps_the_books_right_and_starves_nobody() {
        const SLOTS: usize = 3;
        const TASKS: usize = 8;
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = move |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % below as u64) as usize
        };
        let slots = Tested::<String, SLOTS>::new();
        let mut context = Context::from_waker(Waker::noop());
        let (mut held, mut served, mut longest) = ((0..TASKS).map(|_| None).collect::<Vec<_>>(), [0; TASKS], 0);
        let mut waiting: Vec<_> = (0..TASKS).map(|_| None).collect();
        let mut since = [0; TASKS];
        for step in 0..100_000 {
            let task = random(TASKS);
            let host = ["a", "b"][random(2)];
            match (&mut held[task], &mut waiting[task]) {
                (Some(_), _) => {
                    let mut lease: Lease<'_, String, NoopRawMutex, SLOTS, WAITERS> = held[task].take().expect("held");
                    if random(2) == 0 {
                        lease.connection().get_or_insert_with(|| host.into());
                        lease.rest(key(host), NOW);
                    }
                }
                (None, None) if random(3) == 0 => held[task] = slots.kept(key(host)).map(|(lease, _)| lease),
                (None, None) => {
                    waiting[task] = Some(Box::pin(slots.wait()));
                    since[task] = step;
                }
                (None, Some(_)) if random(20) == 0 => waiting[task] = None,
                (None, Some(future)) => {
                    if let Poll::Ready(lease) = future.as_mut().poll(&mut context) {
                        held[task] = Some(lease.expect("room in line"));
                        waiting[task] = None;
                        served[task] += 1;
                        longest = longest.max(step - since[task]);
                    }
                }
            }
            let counts = slots.counts();
            assert_eq!(counts.in_use + counts.idle + counts.free, SLOTS, "step {step}");
            assert_eq!(counts.in_use, held.iter().flatten().count(), "step {step}");
            assert!(counts.waiting <= TASKS, "step {step}");
        }
        assert!(served.iter().all(|times| *times > 1_000), "{served:?}");
        assert!(longest < 1_000, "somebody waited for {longest} steps");
    }
}
