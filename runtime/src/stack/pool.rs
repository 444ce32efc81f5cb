//! Idle stacks of one worker, by size class.

use std::io;

use super::{CLASSES, SizeClass, Stack};
use crate::limits::POOLED_STACKS_MAX;

/// What a stack keeps when its worker tidies up: enough for most tasks' next run.
const KEEP_BYTES: usize = 16 * 1024;

/// A worker's idle stacks, the last used on top.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    classes: [Vec<Stack>; CLASSES],
    /// Of each class, how many at the bottom have given their deep pages back.
    trimmed: [usize; CLASSES],
}

impl Pool {
    /// A stack of this class, idle, from the pool or new.
    #[inline]
    pub(crate) fn take(&mut self, class: SizeClass) -> io::Result<Stack> {
        match self.take_idle(class) {
            Some(stack) => Ok(stack),
            None => Stack::new(class),
        }
    }

    /// A stack of this class if one is idle.
    #[inline]
    pub(crate) fn take_idle(&mut self, class: SizeClass) -> Option<Stack> {
        let index = class.index();
        let stack = self.classes[index].pop()?;
        self.trimmed[index] = self.trimmed[index].min(self.classes[index].len());
        Some(stack)
    }

    /// Takes an idle stack back; a surplus one is returned, to be freed.
    #[inline]
    pub(crate) fn put(&mut self, stack: Stack, class: SizeClass) -> Option<Stack> {
        let idle = &mut self.classes[class.index()];
        if idle.len() >= POOLED_STACKS_MAX {
            return Some(stack);
        }
        idle.push(stack);
        None
    }

    /// Gives deep pages of up to `most` idle stacks back; whether any are left to do.
    ///
    /// For a worker with nothing else to do: a system call each.
    pub(crate) fn trim(&mut self, most: usize) -> bool {
        let mut left = most;
        for (index, idle) in self.classes.iter().enumerate() {
            let trimmed = &mut self.trimmed[index];
            while *trimmed < idle.len() {
                if left == 0 {
                    return true;
                }
                idle[*trimmed].trim(class_at(index), KEEP_BYTES);
                *trimmed += 1;
                left -= 1;
            }
        }
        false
    }

    /// Takes any idle stack, to be freed.
    pub(crate) fn pop_any(&mut self) -> Option<(Stack, SizeClass)> {
        for (index, idle) in self.classes.iter_mut().enumerate() {
            if let Some(stack) = idle.pop() {
                self.trimmed[index] = self.trimmed[index].min(idle.len());
                return Some((stack, class_at(index)));
            }
        }
        None
    }

    /// How many are idle.
    pub(crate) fn len(&self) -> usize {
        self.classes.iter().map(Vec::len).sum()
    }
}

fn class_at(index: usize) -> SizeClass {
    SizeClass(index as u8 + crate::limits::STACK_BYTES_MIN.trailing_zeros() as u8)
}
