//! Memory that is lent to one borrower at a time, and comes back when the loan is dropped. What says whether it is lent
//! is behind a [raw mutex](crate::sync), so that borrowers may run on several executors where that mutex allows it.
//!
//! Every reference to lent memory is made here, and all unsafe code of this crate is here. Why it takes some: an idle
//! connection must rest in its slot, with its TLS session in memory of the pool, while other slots are worked on across
//! awaits. The borrow checker cannot express that; a flag that is checked at run time can.
#![allow(unsafe_code)]

use core::{
    cell::{Cell, UnsafeCell},
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use embassy_sync::blocking_mutex::Mutex;

use crate::sync::{NoopRawMutex, RawMutex};

/// A place whose content is lent to at most one [`Loan`] at a time.
pub(crate) struct Place<M: ?Sized, R: RawMutex = NoopRawMutex> {
    lent: Mutex<R, Cell<bool>>,
    memory: UnsafeCell<M>,
}

// SAFETY: a shared place gives access to its memory only through loans, of which there is one at a time; the flag that
// says so is behind a mutex that may be shared. So sharing a place is no more than sending its memory to the holder of the
// loan.
unsafe impl<M: ?Sized + Send, R: RawMutex + Sync> Sync for Place<M, R> {}

impl<M, R: RawMutex> Place<M, R> {
    pub(crate) const fn new(memory: M) -> Self {
        Self { lent: Mutex::new(Cell::new(false)), memory: UnsafeCell::new(memory) }
    }
}

impl<M: ?Sized, R: RawMutex> Place<M, R> {
    /// Lends the memory, unless it is lent.
    pub(crate) fn lend(&self) -> Option<Loan<'_, M, R>> {
        let was_lent = self.lent.lock(|lent| lent.replace(true));
        if was_lent { None } else { Some(Loan { place: self, _memory: PhantomData }) }
    }
}

/// The right to use the memory of one place, until dropped.
pub(crate) struct Loan<'a, M: ?Sized, R: RawMutex = NoopRawMutex> {
    place: &'a Place<M, R>,
    /// A loan may be sent and shared where a `&mut` to the memory may.
    _memory: PhantomData<&'a mut M>,
}

impl<M: ?Sized, R: RawMutex> Drop for Loan<'_, M, R> {
    fn drop(&mut self) {
        self.place.lent.lock(|lent| lent.set(false));
    }
}

impl<M: ?Sized, R: RawMutex> Deref for Loan<'_, M, R> {
    type Target = M;

    fn deref(&self) -> &M {
        // SAFETY: `Place::lend` makes at most one loan at a time (the mutex around the flag sees to it that no two
        // race for it), and the reference lives no longer than this borrow of the loan.
        unsafe { &*self.place.memory.get() }
    }
}

impl<M: ?Sized, R: RawMutex> DerefMut for Loan<'_, M, R> {
    fn deref_mut(&mut self) -> &mut M {
        // SAFETY: as in `deref`, and `&mut self` makes this the only reference made through the loan.
        unsafe { &mut *self.place.memory.get() }
    }
}

impl<M: ?Sized, R: RawMutex> fmt::Debug for Loan<'_, M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loan")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_loan_at_a_time() {
        let place = Place::<_>::new([0u8; 4]);
        let mut loan = place.lend().expect("free");
        loan[2] = 7;
        assert!(place.lend().is_none());
        drop(loan);
        assert_eq!(*place.lend().expect("back"), [0, 0, 7, 0]);
    }

    /// What the compiler holds us to: one loan at a time, from any thread.
    #[test]
    fn several_threads_take_turns() {
        use crate::sync::CriticalSectionRawMutex;
        let place = Place::<_, CriticalSectionRawMutex>::new(0u32);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut turns = 0;
                    while turns < 50 {
                        match place.lend() {
                            Some(mut number) => {
                                *number += 1;
                                turns += 1;
                            }
                            None => std::thread::yield_now(),
                        }
                    }
                });
            }
        });
        assert_eq!(*place.lend().expect("back"), 100);
    }
}
