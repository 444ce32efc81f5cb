//! Permits that a semaphore has lent, which are given back when they are dropped.

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use super::Semaphore;

/// Permits of a [`Semaphore`], one or many, which are given back when this is dropped.
#[must_use = "if unused the permit is given back at once"]
pub struct Permit<'a> {
    pub(super) semaphore: &'a Semaphore,
    pub(super) count: usize,
}

/// A [`Permit`] that keeps its semaphore alive; from [`Semaphore::acquire_owned`] and
/// [`Semaphore::acquire_many_owned`].
#[must_use = "if unused the permit is given back at once"]
pub struct OwnedPermit {
    pub(super) semaphore: Arc<Semaphore>,
    /// The number of permits; zero after `forget`.
    pub(super) count: usize,
}

impl Permit<'_> {
    /// Takes the permits out of their semaphore for good.
    pub fn forget(self) {
        let _ = ManuallyDrop::new(self);
    }

    /// The number of permits: as many as were asked for.
    pub fn num_permits(&self) -> usize {
        self.count
    }
}

impl OwnedPermit {
    /// Takes the permits out of their semaphore for good.
    pub fn forget(mut self) {
        self.count = 0;
    }

    /// The number of permits: as many as were asked for.
    pub fn num_permits(&self) -> usize {
        self.count
    }

    /// The semaphore that the permits are from.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.give(self.count);
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        self.semaphore.give(self.count);
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("permits", &self.count)
            .field("semaphore", self.semaphore)
            .finish()
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit")
            .field("permits", &self.count)
            .field("semaphore", &self.semaphore)
            .finish()
    }
}
