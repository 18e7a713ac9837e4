//! Memory that is lent to one borrower at a time, and comes back when the loan is dropped.
//!
//! This is the crate's one file with unsafe code. Why it must be: a TLS engine takes `&mut` record buffers and does
//! not give them back, and an idle connection must rest in its slot while other slots are worked on across awaits.
//! The borrow checker can express neither; a flag that is checked at run time can.
#![allow(unsafe_code)]

use core::{
    cell::{Cell, UnsafeCell},
    fmt,
    ops::{Deref, DerefMut},
};

/// A place whose content is lent to at most one [`Loan`] at a time.
pub(crate) struct Place<M: ?Sized> {
    lent: Cell<bool>,
    memory: UnsafeCell<M>,
}

impl<M> Place<M> {
    pub(crate) const fn new(memory: M) -> Self {
        Self { lent: Cell::new(false), memory: UnsafeCell::new(memory) }
    }
}

impl<M: ?Sized> Place<M> {
    /// Lends the memory, unless it is lent.
    pub(crate) fn lend(&self) -> Option<Loan<'_, M>> {
        if self.lent.replace(true) { None } else { Some(Loan { place: self }) }
    }

    pub(crate) fn is_lent(&self) -> bool {
        self.lent.get()
    }
}

/// The right to use the memory of one place, until dropped.
pub struct Loan<'a, M: ?Sized> {
    place: &'a Place<M>,
}

impl<M: ?Sized> Drop for Loan<'_, M> {
    fn drop(&mut self) {
        self.place.lent.set(false);
    }
}

impl<M: ?Sized> Deref for Loan<'_, M> {
    type Target = M;

    fn deref(&self) -> &M {
        // SAFETY: `Place::lend` makes at most one loan at a time (the flag is a `Cell`, so `Place` is `!Sync` and no
        // other thread can race for it), and the reference lives no longer than this borrow of the loan.
        unsafe { &*self.place.memory.get() }
    }
}

impl<M: ?Sized> DerefMut for Loan<'_, M> {
    fn deref_mut(&mut self) -> &mut M {
        // SAFETY: as in `deref`, and `&mut self` makes this the only reference made through the loan.
        unsafe { &mut *self.place.memory.get() }
    }
}

impl<M: ?Sized> fmt::Debug for Loan<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loan")
    }
}

/// A value that holds a `&mut` to lent memory, together with the loan: the value is dropped first, then the loan ends.
#[cfg(feature = "tls")]
pub(crate) struct Tenant<'a, M, V> {
    // Fields are dropped in this order.
    value: Option<V>,
    _loan: Loan<'a, M>,
}

#[cfg(feature = "tls")]
impl<'a, M, V> Tenant<'a, M, V> {
    /// Moves a value into the memory of `loan`.
    ///
    /// # Safety
    /// `move_in` must put its reference into the value it returns and nowhere else, and the value must never leave
    /// the tenant it is in: not by `mem::swap` or `mem::replace` through [`get_mut`](Self::get_mut) either.
    pub(crate) unsafe fn new(loan: Loan<'a, M>, move_in: impl FnOnce(&'a mut M) -> V) -> Self {
        // SAFETY: the loan is kept beside the value and not used any more, so this is the only reference to the
        // memory until the value, which by the contract alone holds it, has been dropped.
        let memory = unsafe { &mut *loan.place.memory.get() };
        Self { value: Some(move_in(memory)), _loan: loan }
    }

    /// The value, unless it was taken.
    pub(crate) fn get_mut(&mut self) -> Option<&mut V> {
        self.value.as_mut()
    }

    /// Takes the value out, for one that can only be ended by value.
    ///
    /// # Safety
    /// The value must be dropped before the tenant is: within the borrow of whatever owns the tenant.
    pub(crate) unsafe fn take(&mut self) -> Option<V> {
        self.value.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_loan_at_a_time() {
        let place = Place::new([0u8; 4]);
        let mut loan = place.lend().expect("free");
        loan[2] = 7;
        assert!(place.lend().is_none());
        drop(loan);
        assert_eq!(*place.lend().expect("back"), [0, 0, 7, 0]);
    }

    #[cfg(feature = "tls")]
    #[test]
    fn a_tenant_gives_the_place_back_last() {
        struct Holder<'a>(&'a mut [u8; 4], &'a Place<[u8; 4]>);
        impl Drop for Holder<'_> {
            fn drop(&mut self) {
                assert!(self.1.is_lent(), "the memory is still ours while the value is dropped");
                self.0[0] = 9;
            }
        }
        let place = Place::new([0u8; 4]);
        let loan = place.lend().expect("free");
        // SAFETY: the reference goes into the holder only, and the holder stays where it is.
        let mut tenant = unsafe { Tenant::new(loan, |memory| Holder(memory, &place)) };
        tenant.get_mut().expect("not taken").0[1] = 8;
        drop(tenant);
        assert_eq!(*place.lend().expect("back"), [9, 8, 0, 0]);
    }
}
