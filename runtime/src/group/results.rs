//! The results of a group's tasks that nobody has taken.

use std::collections::VecDeque;

use crate::join::JoinError;

/// Results in the order of the tasks' ends, each with the number of its spawn.
///
/// Values without a size are all alike, so they are only counted: a `VecDeque` of them needs no
/// memory, and the numbers of their spawns are not kept. So a group whose tasks return `()` does
/// not grow by the tasks that have ended.
pub(crate) struct Results<T> {
    values: VecDeque<T>,
    /// The numbers of the spawns of `values`; empty if values have no size.
    spawns: VecDeque<usize>,
    failures: VecDeque<Failure>,
    /// How many values were taken.
    taken: usize,
}

/// The error of a task that returned no value.
struct Failure {
    spawn: usize,
    /// How many values had come before the error, those included that have been taken.
    after: usize,
    error: JoinError,
}

impl<T> Results<T> {
    /// Whether values have no size, and so are only counted.
    const ARE_COUNTED: bool = size_of::<T>() == 0;

    pub(crate) const fn new() -> Results<T> {
        Results {
            values: VecDeque::new(),
            spawns: VecDeque::new(),
            failures: VecDeque::new(),
            taken: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len() + self.failures.len()
    }

    pub(crate) fn push(&mut self, spawn: usize, result: Result<T, JoinError>) {
        match result {
            Ok(value) => {
                self.values.push_back(value);
                if !Self::ARE_COUNTED {
                    self.spawns.push_back(spawn);
                }
            }
            Err(error) => {
                let after = self.taken + self.values.len();
                self.failures.push_back(Failure { spawn, after, error });
            }
        }
    }

    /// Takes the oldest result, with the number of its spawn. A value that was only counted comes
    /// with zero.
    pub(crate) fn pop(&mut self) -> Option<(usize, Result<T, JoinError>)> {
        if self.failures.front().is_some_and(|failure| failure.after == self.taken) {
            let failure = self.failures.pop_front()?;
            return Some((failure.spawn, Err(failure.error)));
        }
        let value = self.values.pop_front()?;
        self.taken += 1;
        Some((self.spawns.pop_front().unwrap_or(0), Ok(value)))
    }

    /// All results in the order of the spawns. `gone` other results were taken before.
    ///
    /// Values that were only counted get the numbers that no error has, from `gone` on, as if the
    /// results that were taken had been spawned first.
    pub(crate) fn in_order(self, gone: usize) -> Vec<Result<T, JoinError>> {
        let mut failed: Vec<_> = self.failures.iter().map(|failure| failure.spawn).collect();
        failed.sort_unstable();
        let spawns = self.spawns.into_iter().map(Some).chain(std::iter::repeat(None));
        let mut numbers = (gone..).filter(|number| failed.binary_search(number).is_err());
        let values = self.values.into_iter().zip(spawns).map(|(value, spawn)| {
            (spawn.or_else(|| numbers.next()).unwrap_or(usize::MAX), Ok(value))
        });
        let errors = self.failures.into_iter().map(|failure| (failure.spawn, Err(failure.error)));
        let mut all: Vec<_> = errors.chain(values).collect();
        all.sort_unstable_by_key(|&(spawn, _)| spawn);
        all.into_iter().map(|(_, result)| result).collect()
    }
}
