//! The values of task-locals that one task or one plain thread has.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use crate::unwind;

/// Values by key. They are few, so a search goes through all of them.
#[derive(Default)]
pub(crate) struct Locals {
    entries: RefCell<Vec<Entry>>,
}

struct Entry {
    key: usize,
    /// The value is not taken by `drop_all`: it has no destructor, and is there for those of other
    /// values.
    lasts: bool,
    /// `None` once `drop_all` has taken this value to drop it. The entry stays, so that the
    /// destructors of other values find "dropped", and do not make the value again.
    value: Option<Rc<dyn Any>>,
}

/// What there is under a key, or was before a replacement.
pub(crate) enum Lookup {
    Value(Rc<dyn Any>),
    /// There is no value yet.
    Nothing,
    /// There was a value, and it was dropped because its task or thread ends.
    Dropped,
}

impl Locals {
    pub(crate) const fn new() -> Locals {
        Locals { entries: RefCell::new(Vec::new()) }
    }

    /// The value under a key. The answer shares ownership, so that the value outlives its removal
    /// while the caller uses it.
    pub(crate) fn get(&self, key: usize) -> Lookup {
        let entries = self.entries.borrow();
        match entries.iter().find(|entry| entry.key == key) {
            None => Lookup::Nothing,
            Some(Entry { value: Some(value), .. }) => Lookup::Value(value.clone()),
            Some(_) => Lookup::Dropped,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Puts a value under a key, and returns what was there before. If that is [`Lookup::Dropped`],
    /// the new value is dropped too. A value that `lasts` goes after all others.
    pub(crate) fn replace(&self, key: usize, value: Rc<dyn Any>, lasts: bool) -> Lookup {
        let mut entries = self.entries.borrow_mut();
        match entries.iter_mut().find(|entry| entry.key == key) {
            None => {
                entries.push(Entry { key, lasts, value: Some(value) });
                Lookup::Nothing
            }
            Some(Entry { value: Some(before), .. }) => {
                Lookup::Value(std::mem::replace(before, value))
            }
            Some(_) => Lookup::Dropped,
        }
    }

    /// Takes the value under a key out, so that the key has no value, as at first.
    pub(crate) fn remove(&self, key: usize) -> Option<Rc<dyn Any>> {
        let mut entries = self.entries.borrow_mut();
        let at = entries.iter().position(|entry| entry.key == key)?;
        entries.remove(at).value
    }

    /// Drops all values, the newest first, and also the values that their destructors make. Those
    /// that last go in the end.
    pub(crate) fn drop_all(&self) {
        loop {
            let value = {
                let mut entries = self.entries.borrow_mut();
                let ending = entries.iter_mut().rev().filter(|entry| !entry.lasts);
                ending.filter_map(|entry| entry.value.take()).next()
            };
            match value {
                Some(value) => unwind::drop_quietly(value),
                None => return drop(self.entries.take()),
            }
        }
    }
}

impl Drop for Locals {
    fn drop(&mut self) {
        self.drop_all();
    }
}
