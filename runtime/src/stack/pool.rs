//! Idle stacks of one worker, by size class.
//!
//! The pool grows with use, and keeps stacks that are used, since giving a stack back to the kernel
//! costs as much as making one. A worker that is about to sleep gives the deep pages of idle stacks
//! back at once. Surplus stacks go once nobody has needed them for [`POOL_LINGER`]. A busy worker
//! gives back pages and stacks that nobody has needed for so long, one at a time.

use std::io;
use std::time::{Duration, Instant};

use super::{CLASSES, Handle, SizeClass, Stack, Suspender};
use crate::clock::Coarse;
use crate::limits::{POOL_LINGER, POOL_STEP, POOLED_STACKS_KEPT};

/// How many bytes at its top a stack keeps when its deep pages are given back: enough for the next
/// run of most tasks.
const KEEP_BYTES: usize = 16 * 1024;

/// How many bytes at its top a stack keeps that is to show what its next task needs: more than the
/// frames of an idle stack take.
pub(super) const CLEAN_KEPT: usize = if cfg!(gocoro_asan) { KEEP_BYTES } else { 8 * 1024 };

/// How often a worker gives the pages of an idle stack back, so that they show what its next task
/// needs: about as often as the kernel's coarse clock ticks.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_millis(4);

/// A worker's idle stacks.
#[derive(Debug)]
pub(crate) struct Pool {
    classes: [Class; CLASSES],
    /// The handle by which this worker's stacks suspend. The pool, and with it the suspender,
    /// outlives the stacks.
    suspender: Suspender,
    /// When stacks that nobody has used since [`Pool::watch_surplus`] may be freed; `None`: uses
    /// are not watched.
    surplus_at: Option<Instant>,
    /// When a busy worker may take the next [`Pool::step`].
    step_at: Option<Instant>,
    /// Whether stacks were taken or put since [`Pool::trim`] had nothing left to do.
    stirred: bool,
    /// The stacks of this pool that are not freed, idle or lent, and the memory that they may use.
    owned: (usize, usize),
    /// The record of the stack that nobody has used since it was made or its pages were given back.
    /// Zero: there is none.
    clean: usize,
    /// When the next stack is to give its pages back, and the class of the last that did.
    clean_at: Option<Instant>,
    cleaned: usize,
    /// When a task's stack was looked at last.
    looked_at: Option<Coarse>,
    /// Whether the last task that could have been looked at was passed over, and what decides that.
    passed_on: bool,
    dice: u64,
}

/// The idle stacks of one size class.
#[derive(Debug, Default)]
struct Class {
    /// The stacks, of which the last one is taken first.
    idle: Vec<Stack>,
    /// How many stacks at the bottom have given their deep pages back.
    trimmed: usize,
    /// How many stacks at the bottom were not used since [`Pool::watch_surplus`].
    unused: usize,
    /// The fewest stacks that there were since [`Class::look`]: so many at the bottom were not used
    /// since then.
    fewest: usize,
}

impl Class {
    /// Brings `trimmed` and `unused` up to date: a stack that was used since counts in neither.
    fn look(&mut self) {
        self.trimmed = self.trimmed.min(self.fewest);
        self.unused = self.unused.min(self.fewest);
        self.fewest = self.idle.len();
    }
}

impl Pool {
    /// A pool without stacks, for this thread's worker. An error if the kernel has no memory for
    /// what the [`Suspender`] needs.
    pub(crate) fn new() -> io::Result<Pool> {
        Ok(Pool {
            classes: Default::default(),
            suspender: Suspender::new()?,
            surplus_at: None,
            step_at: None,
            stirred: false,
            owned: (0, 0),
            clean: 0,
            clean_at: None,
            cleaned: 0,
            looked_at: None,
            passed_on: false,
            dice: 0,
        })
    }

    /// An idle stack of this class, from the pool or new.
    #[inline]
    pub(crate) fn take(&mut self, class: SizeClass) -> io::Result<Stack> {
        let of_class = &mut self.classes[class.index()];
        let Some(stack) = of_class.idle.pop() else { return self.make(class) };
        of_class.fewest = of_class.fewest.min(of_class.idle.len());
        self.stirred = true;
        Ok(stack)
    }

    /// A new stack of this class.
    #[cold]
    pub(crate) fn make(&mut self, class: SizeClass) -> io::Result<Stack> {
        // SAFETY: a worker, which stays on one thread, drops its pool, and with it the suspender,
        // after all of its stacks.
        let made = unsafe { Stack::new(class, self.handle()) }?;
        self.owned = (self.owned.0 + 1, self.owned.1 + class.bytes());
        self.clean = made.record();
        Ok(made)
    }

    /// How many stacks of this pool there are, idle or lent, and how many bytes they may use.
    pub(crate) fn owned(&self) -> (usize, usize) {
        self.owned
    }

    /// Counts a stack that the caller takes out of the pool to free it.
    fn disown(&mut self, class: SizeClass) {
        self.owned = (self.owned.0 - 1, self.owned.1 - class.bytes());
    }

    /// The handle by which the stacks of this pool suspend.
    pub(super) fn handle(&self) -> Handle {
        self.suspender.handle()
    }

    /// Takes an idle stack of this class, which the caller frees.
    pub(super) fn pop(&mut self, class: SizeClass) -> Option<(Stack, SizeClass)> {
        let of_class = &mut self.classes[class.index()];
        let stack = of_class.idle.pop()?;
        of_class.fewest = of_class.fewest.min(of_class.idle.len());
        self.disown(class);
        Some((stack, class))
    }

    /// How many stacks of this class are idle.
    pub(super) fn idle(&self, class: SizeClass) -> usize {
        self.classes[class.index()].idle.len()
    }

    /// Takes an idle stack back.
    #[inline]
    pub(crate) fn put(&mut self, stack: Stack, class: SizeClass) {
        if stack.record() == self.clean {
            self.used_clean(&stack, class);
        }
        self.classes[class.index()].idle.push(stack);
        self.stirred = true;
    }

    /// Whether nobody has used this stack, which was taken out of the pool just now, since it was
    /// made or its pages were given back.
    #[inline(always)]
    pub(crate) fn is_clean(&self, stack: &Stack) -> bool {
        stack.record() == self.clean
    }

    /// Gives the pages of one idle stack back, one that is taken soon, if that is due.
    #[inline]
    pub(crate) fn clean(&mut self, now: Instant) {
        if self.clean_at.is_none_or(|at| now >= at) {
            self.clean_one(now);
        }
    }

    /// The classes take turns.
    fn clean_one(&mut self, now: Instant) {
        self.clean_at = now.checked_add(SAMPLE_EVERY);
        self.passed_on = false;
        let next = (1..=CLASSES).map(|step| (self.cleaned + step) % CLASSES);
        let next = next.filter_map(|index| Some((index, self.classes[index].idle.last()?))).next();
        if let Some((index, stack)) = next {
            stack.trim(SizeClass::at(index), CLEAN_KEPT);
            self.clean = stack.record();
            self.cleaned = index;
        }
    }

    /// Whether a task's stack is to be looked at now, in the turn that began at that time. One is
    /// in a tick of the clock, and of those that could be any of the first, by chance: turns begin
    /// at the same place of a pattern in which a program spawns its tasks.
    pub(crate) fn looks(&mut self, turned: Coarse) -> bool {
        if self.looked_at == Some(turned) {
            return false;
        }
        self.dice = self.dice.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        self.passed_on = self.dice >> 62 != 0;
        if !self.passed_on {
            self.looked_at = Some(turned);
        }
        !self.passed_on
    }

    /// The clean stack was used. If nobody has looked at it, its next task shall have a clean one
    /// too.
    #[cold]
    fn used_clean(&mut self, stack: &Stack, class: SizeClass) {
        if std::mem::take(&mut self.passed_on) {
            stack.trim(class, CLEAN_KEPT);
        } else {
            self.clean = 0;
        }
    }

    /// Gives the deep pages of up to `most` idle stacks back to the kernel.
    ///
    /// Each stack costs a system call, so this is for a worker with nothing else to do.
    pub(crate) fn trim(&mut self, most: usize) {
        if !self.stirred {
            return;
        }
        let mut left = most;
        for (index, of_class) in self.classes.iter_mut().enumerate() {
            of_class.look();
            while of_class.trimmed < of_class.idle.len() && left > 0 {
                of_class.idle[of_class.trimmed].trim(SizeClass::at(index), KEEP_BYTES);
                of_class.trimmed += 1;
                left -= 1;
            }
        }
        self.stirred = left == 0;
    }

    /// When a worker that sleeps should free surplus stacks; `None` if it has none.
    pub(crate) fn surplus_at(&mut self, now: Instant) -> Option<Instant> {
        if self.owned.0 <= POOLED_STACKS_KEPT
            || self.classes.iter().all(|of_class| of_class.idle.len() <= POOLED_STACKS_KEPT)
        {
            self.surplus_at = None;
        } else if self.surplus_at.is_none() {
            self.watch_surplus(now);
        }
        self.surplus_at
    }

    /// Begins to watch which stacks nobody uses from now on.
    fn watch_surplus(&mut self, now: Instant) {
        self.surplus_at = now.checked_add(POOL_LINGER);
        for of_class in &mut self.classes {
            of_class.look();
            of_class.unused = of_class.idle.len();
        }
    }

    /// Gives back a bit of what nobody has needed for [`POOL_LINGER`]: one stack's deep pages; or,
    /// as the answer, one stack, which the caller frees. For a busy worker, once a turn.
    #[inline]
    pub(crate) fn step(&mut self, now: Instant) -> Option<(Stack, SizeClass)> {
        if self.step_at.is_some_and(|at| now < at) {
            return None;
        }
        self.step_at = now.checked_add(POOL_STEP);
        if self.surplus_at.is_none() {
            self.watch_surplus(now);
        }
        if self.surplus_at.is_some_and(|at| now < at) {
            self.step_at = self.surplus_at;
            return None;
        }
        for (index, of_class) in self.classes.iter_mut().enumerate() {
            of_class.look();
            if of_class.trimmed < of_class.unused {
                of_class.idle[of_class.trimmed].trim(SizeClass::at(index), KEEP_BYTES);
                of_class.trimmed += 1;
                return None;
            }
        }
        self.pop_surplus(now)
    }

    /// Takes one stack that nobody has needed for [`POOL_LINGER`], which the caller frees.
    pub(crate) fn pop_surplus(&mut self, now: Instant) -> Option<(Stack, SizeClass)> {
        if self.surplus_at.is_none_or(|at| at > now) {
            return None;
        }
        let surplus = self.classes.iter_mut().position(|of_class| {
            of_class.look();
            of_class.unused > POOLED_STACKS_KEPT
        });
        let Some(index) = surplus else {
            self.surplus_at = None;
            return None;
        };
        self.classes[index].unused -= 1;
        self.pop(SizeClass::at(index))
    }

    /// Takes any idle stack, which the caller frees.
    pub(crate) fn pop_any(&mut self) -> Option<(Stack, SizeClass)> {
        (0..CLASSES).find_map(|index| self.pop(SizeClass::at(index)))
    }

    /// Makes stacks until `count` stacks of this class are idle.
    pub(crate) fn warm(&mut self, class: SizeClass, count: usize) -> io::Result<()> {
        while self.classes[class.index()].idle.len() < count {
            let stack = self.make(class)?;
            self.put(stack, class);
        }
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::guard;
    use super::*;
    use crate::clock;
    use crate::limits::STACK_BYTES_MIN;

    fn class() -> SizeClass {
        SizeClass::holding(STACK_BYTES_MIN).unwrap()
    }

    fn filled(count: usize) -> Pool {
        filled_with(class(), count)
    }

    fn filled_with(class: SizeClass, count: usize) -> Pool {
        super::super::install(|_| None).unwrap();
        let mut pool = Pool::new().unwrap();
        pool.warm(class, count).unwrap();
        pool
    }

    fn empty(mut pool: Pool) {
        while let Some((stack, class)) = pool.pop_any() {
            // SAFETY: the stack is idle and this thread's, and has no job.
            unsafe { stack.free(class) };
        }
    }

    #[test]
    fn a_surplus_goes_only_after_its_time_and_if_nobody_used_it() {
        let mut pool = filled(POOLED_STACKS_KEPT + 3);
        let now = clock::now();
        let at = pool.surplus_at(now).unwrap();
        assert!(pool.pop_surplus(now).is_none(), "too early");
        // Two stacks are used meanwhile.
        let used = [pool.take(class()).unwrap(), pool.take(class()).unwrap()];
        for stack in used {
            pool.put(stack, class());
        }
        let mut freed = 0;
        while let Some((stack, class)) = pool.pop_surplus(at) {
            // SAFETY: the stack is idle and this thread's, and has no job.
            unsafe { stack.free(class) };
            freed += 1;
        }
        assert_eq!(freed, 1);
        empty(pool);
    }

    #[test]
    fn a_small_pool_has_no_surplus() {
        let mut pool = filled(1);
        assert!(pool.surplus_at(clock::now()).is_none());
        empty(pool);
    }

    #[test]
    fn warming_makes_what_is_missing() {
        let mut pool = filled(3);
        let tops = |pool: &Pool| {
            pool.classes[class().index()].idle.iter().map(Stack::top).collect::<Vec<_>>()
        };
        let before = tops(&pool);
        pool.warm(class(), 2).unwrap();
        assert_eq!(tops(&pool), before);
        pool.warm(class(), 4).unwrap();
        assert_eq!((tops(&pool).len(), &tops(&pool)[..3]), (4, &before[..]));
        // The stack that was put last is taken first.
        let stack = pool.take(class()).unwrap();
        assert!(!before.contains(&stack.top()));
        pool.put(stack, class());
        empty(pool);
    }

    /// Writes to each page of an idle stack but the uppermost ones.
    fn dig(stack: &Stack, class: SizeClass) {
        let deep = stack.usable(class).start..stack.top() - KEEP_BYTES;
        for page in deep.step_by(guard::page_bytes()) {
            // SAFETY: the page lies in the stack's own memory, where an idle stack has nothing so
            // deep.
            unsafe { std::ptr::without_provenance_mut::<u8>(page).write_volatile(1) };
        }
    }

    fn resident_pages(stack: &Stack, class: SizeClass) -> usize {
        let usable = stack.usable(class);
        let first = std::ptr::without_provenance_mut(usable.start);
        let mut pages = vec![0; usable.len() / guard::page_bytes()];
        // SAFETY: the range is whole pages, which are mapped, and `pages` has a byte for each.
        let seen = unsafe { libc::mincore(first, usable.len(), pages.as_mut_ptr()) };
        assert_eq!(seen, 0, "{}", io::Error::last_os_error());
        pages.iter().filter(|&page| page & 1 != 0).count()
    }

    #[test]
    fn a_busy_worker_gives_back_what_nobody_needed() {
        let class = SizeClass::holding(1 << 20).unwrap();
        let kept = KEEP_BYTES / guard::page_bytes();
        let mut pool = filled_with(class, POOLED_STACKS_KEPT + 2);
        pool.classes[class.index()].idle.iter().for_each(|stack| dig(stack, class));
        let deep = |pool: &Pool| {
            let idle = &pool.classes[class.index()].idle;
            idle.iter().filter(|stack| resident_pages(stack, class) > kept).count()
        };
        let mut now = clock::now();
        // Stacks that are used are kept, however often the worker looks.
        for _ in 0..2 {
            assert!(pool.step(now).is_none());
            let used: Vec<_> =
                (0..POOLED_STACKS_KEPT + 2).map(|_| pool.take(class).unwrap()).collect();
            used.into_iter().for_each(|stack| pool.put(stack, class));
            now += POOL_LINGER;
        }
        assert!(pool.step(now).is_none());
        assert_eq!(deep(&pool), POOLED_STACKS_KEPT + 2);
        // Then one stack is used, and the others are not.
        now += POOL_LINGER;
        assert!(pool.step(now).is_none());
        let used = pool.take(class).unwrap();
        pool.put(used, class);
        let (mut freed, mut steps) = (0, 0);
        now += POOL_LINGER;
        while deep(&pool) > 1 || freed == 0 {
            steps += 1;
            assert!(steps < 2 * POOLED_STACKS_KEPT, "{} deep, {freed} freed", deep(&pool));
            if let Some((stack, class)) = pool.step(now) {
                // SAFETY: the stack is idle and this thread's, and has no job.
                unsafe { stack.free(class) };
                freed += 1;
            }
            assert!(pool.step(now).is_none(), "one at a time");
            now += POOL_STEP;
        }
        assert!(steps >= POOLED_STACKS_KEPT);
        empty(pool);
    }

    #[test]
    fn deep_pages_are_given_back_once() {
        let class = SizeClass::holding(1 << 20).unwrap();
        let all = class.bytes() / guard::page_bytes();
        let kept = KEEP_BYTES / guard::page_bytes();
        let mut pool = filled_with(class, 3);
        let pages = |pool: &Pool| {
            let idle = &pool.classes[class.index()].idle;
            idle.iter().map(|stack| resident_pages(stack, class)).collect::<Vec<_>>()
        };
        pool.classes[class.index()].idle.iter().for_each(|stack| dig(stack, class));
        assert!(pages(&pool).iter().all(|&pages| pages >= all - kept));
        pool.trim(2);
        let after = pages(&pool);
        assert!(after[0] <= kept && after[1] <= kept && after[2] >= all - kept, "{after:?}");
        pool.trim(2);
        assert!(pages(&pool)[2] <= kept);
        // Only stacks that were used since then are trimmed again.
        let stack = pool.take(class).unwrap();
        dig(&stack, class);
        pool.put(stack, class);
        dig(&pool.classes[class.index()].idle[0], class);
        pool.trim(3);
        let after = pages(&pool);
        assert!(after[0] >= all - kept && after[2] <= kept, "{after:?}");
        empty(pool);
    }
}
