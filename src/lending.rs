//! Memory that is lent to one borrower at a time, and comes back when the loan is dropped. What says whether it is lent
//! is behind a [raw mutex](crate::sync), so that borrowers may run on several executors where that mutex allows it.
//!
//! Every reference to lent memory is made here. Why that takes unsafe code: a TLS engine takes `&mut` record buffers and
//! does not give them back, and an idle connection must rest in its slot while other slots are worked on across awaits.
//! The borrow checker can express neither; a flag that is checked at run time can. The only other unsafe code is that of
//! the two TLS sessions, in `tls::backend`: they move their engine into a [`Tenant`] and out of it under its contract, and
//! say that a session may be sent.
#![allow(unsafe_code)]

#[cfg(feature = "tls")]
use core::mem::MaybeUninit;
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
// says so is behind a mutex that may be shared. So sharing a place is no more than sending its memory to whoever has the
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

/// Memory that is overwritten when whoever had it is gone, in a way that no optimizer leaves out.
#[cfg(feature = "tls")]
pub(crate) trait Wipe {
    /// Overwrites what may be secret.
    fn wipe(&mut self);
}

/// A value that holds a `&mut` to lent memory, together with the loan: the value is dropped first, then the memory is
/// wiped, then the loan ends.
///
/// The value lies in a `MaybeUninit` because a tenant that is moved takes its `&mut` with it: as a plain field that
/// reference would be promised unique for the whole of the call it is moved into, `drop(tenant)` for example, and the
/// memory is wiped within that call.
#[cfg(feature = "tls")]
pub(crate) struct Tenant<'a, M: Wipe, V, R: RawMutex = NoopRawMutex> {
    value: MaybeUninit<V>,
    /// Whether `value` has one.
    is_there: bool,
    loan: Loan<'a, M, R>,
}

#[cfg(feature = "tls")]
impl<M: Wipe, V, R: RawMutex> Drop for Tenant<'_, M, V, R> {
    fn drop(&mut self) {
        if core::mem::take(&mut self.is_there) {
            // SAFETY: there is a value, and `is_there` says from now on that there is none.
            unsafe { self.value.assume_init_drop() };
        }
        // The value held the only other reference to it.
        self.loan.wipe();
    }
}

#[cfg(feature = "tls")]
impl<'a, M: Wipe, V, R: RawMutex> Tenant<'a, M, V, R> {
    /// Moves a value into the memory of `loan`.
    ///
    /// # Safety
    /// `move_in` must put its reference into the value it returns and nowhere else, and the value must never leave
    /// the tenant it is in: not by `mem::swap` or `mem::replace` through [`get_mut`](Self::get_mut) either.
    pub(crate) unsafe fn new(loan: Loan<'a, M, R>, move_in: impl FnOnce(&'a mut M) -> V) -> Self {
        // SAFETY: the loan is kept beside the value and not used until that is gone, so this is the only reference to
        // the memory until the value, which by the contract alone holds it, has been dropped.
        let memory = unsafe { &mut *loan.place.memory.get() };
        Self { value: MaybeUninit::new(move_in(memory)), is_there: true, loan }
    }

    /// The value, unless it was taken.
    pub(crate) fn get_mut(&mut self) -> Option<&mut V> {
        // SAFETY: there is a value.
        self.is_there.then(|| unsafe { self.value.assume_init_mut() })
    }

    /// Takes the value out, for one that can only be ended by value.
    ///
    /// # Safety
    /// The value must be dropped before the tenant is: within the borrow of whatever owns the tenant.
    pub(crate) unsafe fn take(&mut self) -> Option<V> {
        // SAFETY: there is a value, and `is_there` says from now on that there is none.
        core::mem::take(&mut self.is_there).then(|| unsafe { self.value.assume_init_read() })
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

    #[cfg(feature = "tls")]
    impl Wipe for [u8; 4] {
        fn wipe(&mut self) {
            assert_eq!(self[0], 9, "the value is gone");
            self[1] = 0;
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn a_tenant_gives_the_place_back_last() {
        struct Holder<'a>(&'a mut [u8; 4], &'a Place<[u8; 4]>);
        impl Drop for Holder<'_> {
            fn drop(&mut self) {
                assert!(self.1.lend().is_none(), "the memory is still ours while the value is dropped");
                self.0[0] = 9;
            }
        }
        let place = Place::<_>::new([0u8; 4]);
        let loan = place.lend().expect("free");
        // SAFETY: the reference goes into the holder only, and the holder stays where it is.
        let mut tenant = unsafe { Tenant::new(loan, |memory| Holder(memory, &place)) };
        tenant.get_mut().expect("not taken").0[1] = 8;
        drop(tenant);
        assert_eq!(*place.lend().expect("back"), [9, 0, 0, 0], "wiped of the 8");
    }

    /// What the compiler holds us to: one loan at a time, whoever asks from wherever.
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
