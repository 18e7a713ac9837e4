//! The slots of a pool: one connection rests in each, lent to a socket, or idle under a key. Knows no I/O, so both
//! faces use it.

use super::{Key, key::StoredKey};
use crate::{
    error::Resource,
    lending::{Loan, Place},
};
use core::cell::Cell;

/// The slots of a pool whose connections are of type `C`.
pub(crate) struct Slots<C, const N: usize> {
    places: [Place<Slot<C>>; N],
    /// Counts connections put to rest, so that the longest resting one is known.
    rests: Cell<u64>,
    high_water: Cell<usize>,
}

/// One slot. Free while `key` and `connection` are `None` and nobody has it on loan; idle while `key` is there.
pub(crate) struct Slot<C> {
    pub(crate) connection: Option<C>,
    key: Option<StoredKey>,
    rested: u64,
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
}

/// A slot in somebody's hands. Dropping it closes the connection and frees the slot, unless it was put to rest.
pub(crate) struct Lease<'p, C> {
    slot: Loan<'p, Slot<C>>,
    rests: &'p Cell<u64>,
}

impl<C, const N: usize> Slots<C, N> {
    pub(crate) const fn new() -> Self {
        Self {
            places: [const { Place::new(Slot { connection: None, key: None, rested: 0 }) }; N],
            rests: Cell::new(0),
            high_water: Cell::new(0),
        }
    }

    /// A slot with nothing in it.
    pub(crate) fn free(&self) -> Option<Lease<'_, C>> {
        let lease = self.find(|slot| slot.key.is_none())?;
        let counts = self.counts();
        self.high_water.set(counts.high_water.max(N - counts.free));
        Some(lease)
    }

    /// The idle connection under this key that was used last.
    pub(crate) fn idle(&self, key: Key<'_>) -> Option<Lease<'_, C>> {
        let under_key = |slot: &Slot<C>| slot.key.as_ref().is_some_and(|stored| stored.as_key() == key);
        let mut lease = self.extreme(under_key, |a, b| a > b)?;
        lease.slot.key = None;
        Some(lease)
    }

    /// The idle connection that `wanted` accepts and that was not used for the longest time.
    pub(crate) fn oldest_idle(&self, wanted: impl Fn(&C) -> bool) -> Option<Lease<'_, C>> {
        let candidate = |slot: &Slot<C>| slot.key.is_some() && slot.connection.as_ref().is_some_and(&wanted);
        let mut lease = self.extreme(candidate, |a, b| a < b)?;
        lease.slot.key = None;
        Some(lease)
    }

    pub(crate) fn counts(&self) -> Counts {
        let in_use = self.places.iter().filter(|place| place.is_lent()).count();
        let idle = self.places.iter().filter_map(Place::lend).filter(|slot| slot.key.is_some()).count();
        Counts { in_use, idle, free: N - in_use - idle, high_water: self.high_water.get() }
    }

    fn find(&self, wanted: impl Fn(&Slot<C>) -> bool) -> Option<Lease<'_, C>> {
        let slot = self.places.iter().filter_map(Place::lend).find(|slot| wanted(slot))?;
        Some(Lease { slot, rests: &self.rests })
    }

    fn extreme(&self, wanted: impl Fn(&Slot<C>) -> bool, better: impl Fn(u64, u64) -> bool) -> Option<Lease<'_, C>> {
        let mut best: Option<Loan<'_, Slot<C>>> = None;
        for slot in self.places.iter().filter_map(Place::lend) {
            if wanted(&slot) && best.as_ref().is_none_or(|best| better(slot.rested, best.rested)) {
                best = Some(slot);
            }
        }
        best.map(|slot| Lease { slot, rests: &self.rests })
    }
}

impl<C> Lease<'_, C> {
    pub(crate) fn connection(&mut self) -> &mut Option<C> {
        &mut self.slot.connection
    }

    /// Puts the connection to rest under `key`. Nothing rests that is closed, or whose key is too long to keep.
    pub(crate) fn rest(mut self, key: Key<'_>) {
        if self.slot.connection.is_some() {
            self.rests.set(self.rests.get() + 1);
            self.slot.rested = self.rests.get();
            self.slot.key = StoredKey::new(key);
        }
    }
}

impl<C> Drop for Lease<'_, C> {
    fn drop(&mut self) {
        if self.slot.key.is_none() {
            self.slot.connection = None;
        }
    }
}

impl<C> core::fmt::Debug for Lease<'_, C> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Lease")
    }
}

/// What to report when there is no slot.
pub(crate) const NO_SLOT: crate::Error =
    crate::Error::new(crate::Phase::Setup, crate::ErrorKind::Exhausted(Resource::Sockets));

#[cfg(test)]
mod tests {
    use super::*;

    fn key(host: &str) -> Key<'_> {
        Key { host, port: 80, session_id: 0, tls: None }
    }

    #[test]
    fn a_dropped_lease_frees_its_slot_and_drops_its_connection() {
        let slots = Slots::<std::rc::Rc<()>, 1>::new();
        let connection = std::rc::Rc::new(());
        let mut lease = slots.free().expect("free");
        *lease.connection() = Some(connection.clone());
        assert!(slots.free().is_none());
        drop(lease);
        assert_eq!(std::rc::Rc::strong_count(&connection), 1);
        assert_eq!(slots.counts(), Counts { in_use: 0, idle: 0, free: 1, high_water: 1 });
    }

    #[test]
    fn found_again_under_its_key_only_and_the_oldest_goes_first() {
        let slots = Slots::<u8, 3>::new();
        let leases = ["a", "b", "a"].map(|host| (host, slots.free().expect("free")));
        for (number, (host, mut lease)) in leases.into_iter().enumerate() {
            *lease.connection() = Some(number as u8);
            lease.rest(key(host));
        }
        assert_eq!(slots.counts().idle, 3);
        assert!(slots.free().is_none() && slots.idle(key("c")).is_none());
        assert_eq!(*slots.idle(key("a")).expect("kept").connection(), Some(2), "the one used last");
        assert_eq!(*slots.oldest_idle(|_| true).expect("idle").connection(), Some(0));
        assert_eq!(slots.counts(), Counts { in_use: 0, idle: 1, free: 2, high_water: 3 });
    }

    #[test]
    fn a_host_too_long_to_remember_is_closed() {
        let slots = Slots::<u8, 1>::new();
        let mut lease = slots.free().expect("free");
        *lease.connection() = Some(1);
        lease.rest(key(&"x".repeat(super::super::key::KEPT_HOST_LEN + 1)));
        assert_eq!(slots.counts().free, 1);
    }
}
