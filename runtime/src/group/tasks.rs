//! The state that a group and its tasks share. The protocol is on the parent module's page.

use std::fmt;
use std::mem::offset_of;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use slab::Slab;

use super::results::Results;
use crate::current;
use crate::join::{JoinError, JoinHandle};
use crate::scheduler;
use crate::sync::{Grant, Queued};
use crate::task::{
    Described, End, Family, Header, Legible, Naming, Plain, PlainScope, Reason, Task, TaskScope,
    TaskScopeKind, Words,
};
use crate::waiters::{Locked, Queue, Wakes};

/// The state that a group and its tasks share.
pub(crate) struct Tasks<T> {
    /// Where the group was made.
    pub(super) made_at: &'static Location<'static>,
    /// The waits for results, and the state with its lock.
    results: Queue<Grant, State<T>>,
    /// The places of a group with a limit.
    places: Option<Places>,
}

/// The state of a group. It is public only as a part of its arm's type.
#[doc(hidden)]
pub struct State<T> {
    /// The tasks that have not ended.
    running: Slab<Running<T>>,
    /// The results that were not taken.
    ended: Results<T>,
    /// How many of the results in `ended` were granted to waits that have not taken them yet.
    granted: usize,
    /// How many tasks were spawned since the group was last empty.
    spawned: usize,
    /// How many results were taken since the group was last empty.
    taken: usize,
}

/// A task that has not ended.
struct Running<T> {
    /// The number of the task's spawn.
    spawn: usize,
    handle: JoinHandle<T>,
}

/// A task's membership in its group.
pub(crate) struct Member<T> {
    group: Arc<Tasks<T>>,
    /// The task's key in [`State::running`].
    number: usize,
}

/// The places of a group with a limit: how many are free, and the spawns that wait for one.
struct Places {
    limit: NonZeroUsize,
    free: Queue<Grant, usize>,
}

/// Room in the group for one more task: one of its places. Dropping it gives the place back. Once
/// the task has entered, the task's end does.
pub(crate) struct Room<'a>(Option<&'a Places>);

/// What a look for the next result finds.
pub(crate) enum Next<T> {
    /// A task has ended: the number of its spawn, and its result.
    Ended(usize, Result<T, JoinError>),
    /// The group has tasks, but no result to take.
    NotYet,
    /// The group has no task, and no result to take.
    NoneLeft,
}

impl<T> State<T> {
    /// Takes the oldest result, unless all results are granted to waits.
    fn take(&mut self) -> Next<T> {
        if self.ended.len() > self.granted {
            self.pop()
        } else if self.running.is_empty() {
            Next::NoneLeft
        } else {
            Next::NotYet
        }
    }

    /// Takes the oldest result. There is one.
    fn pop(&mut self) -> Next<T> {
        let (spawn, result) = self.ended.pop().expect("there is a result for each grant");
        self.taken += 1;
        Next::Ended(spawn, result)
    }

    /// Whether a look now finds a result, or that nothing is left.
    fn is_ready(&self) -> bool {
        self.ended.len() > self.granted || self.running.is_empty()
    }
}

impl<T> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

impl<T> Tasks<T> {
    #[track_caller]
    pub(crate) fn new(limit: Option<NonZeroUsize>) -> Tasks<T> {
        let state =
            State { running: Slab::new(), ended: Results::new(), granted: 0, spawned: 0, taken: 0 };
        let places = limit.map(|limit| Places { limit, free: Queue::with(limit.get()) });
        Tasks { made_at: Location::caller(), results: Queue::with(state), places }
    }

    /// Takes room for one more task. Waits at the limit until there is one.
    pub(crate) fn room(&self) -> Room<'_> {
        let Some(places) = &self.places else { return Room(None) };
        let mut free = places.free.lock();
        if *free > 0 {
            *free -= 1;
            return Room(Some(places));
        }
        drop(free);
        self.wait_for_room(places)
    }

    #[cold]
    fn wait_for_room<'a>(&self, places: &'a Places) -> Room<'a> {
        if places.limit.get() == 1
            && let Some((_, running)) = current::task()
            && self.has_own()
        {
            panic!(
                "{} spawns into its own group, whose limit is one task: that can never go on",
                Naming(running)
            );
        }
        let mut free = places.free.lock();
        if *free > 0 {
            *free -= 1;
        } else {
            // The place is handed over to this wait, so that no later spawn gets it first.
            places.free.wait(free, Grant::Granted, Reason::Join.on(places), None);
        }
        Room(Some(places))
    }

    /// Takes a task into the group that is not queued yet.
    pub(crate) fn enter(self: &Arc<Self>, handle: JoinHandle<T>, room: Room<'_>) -> Member<T> {
        let mut state = self.results.lock();
        if state.running.is_empty() && state.ended.len() == 0 {
            (state.spawned, state.taken) = (0, 0);
        }
        let spawn = state.spawned;
        state.spawned += 1;
        let number = state.running.insert(Running { spawn, handle });
        drop(state);
        // The task's end gives the place back.
        std::mem::forget(room);
        Member { group: self.clone(), number }
    }

    /// Notes that a task is DONE. Its result becomes the group's, unless the group has let the task
    /// go.
    fn note_end(&self, number: usize) {
        let mut wakes = Wakes::default();
        let mut locked = self.results.lock();
        if let Some(Running { spawn, handle }) = locked.running.try_remove(number) {
            locked.ended.push(spawn, handle.take());
            if let Some(wake) = locked.claim_first(|_| ()) {
                locked.granted += 1;
                wakes.push(wake);
            }
            if locked.running.is_empty() {
                // No further result will come, so the other waits end without one.
                while let Some(wake) = locked.claim_first(|grant| *grant = Grant::Closed) {
                    wakes.push(wake);
                }
            }
        }
        drop(locked);
        wakes.give();
        if let Some(places) = &self.places {
            places.give_back();
        }
    }

    /// Waits for the next result, and takes it. `NotYet`: the deadline came first.
    pub(crate) fn next(&self, reason: Reason, deadline: Option<Instant>) -> Next<T> {
        let mut locked = self.results.lock();
        match locked.take() {
            Next::NotYet => {}
            found => return found,
        }
        match self.results.wait(locked, Grant::Granted, reason.on(self), deadline) {
            Some(Grant::Closed) => Next::NoneLeft,
            Some(_) => self.take_granted(),
            None => Next::NotYet,
        }
    }

    /// Takes the next result, if there is one now.
    pub(crate) fn try_next(&self) -> Next<T> {
        self.results.lock().take()
    }

    /// Takes a result for a wait to which one was granted.
    fn take_granted(&self) -> Next<T> {
        let mut state = self.results.lock();
        state.granted -= 1;
        state.pop()
    }

    /// The tasks that have not ended.
    pub(crate) fn running(&self) -> Vec<Task> {
        let state = self.results.lock();
        state.running.iter().map(|(_, member)| member.handle.task().clone()).collect()
    }

    /// How many results were taken since the group was last empty.
    pub(crate) fn taken(&self) -> usize {
        self.results.lock().taken
    }

    /// How many tasks have not ended, and how many results were not taken.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.results.lock();
        (state.running.len(), state.ended.len())
    }

    pub(crate) fn limit(&self) -> Option<NonZeroUsize> {
        self.places.as_ref().map(|places| places.limit)
    }

    /// The key of the running task in [`State::running`], if it is one of the group's.
    fn own(&self, state: &State<T>) -> Option<usize> {
        let (_, running) = current::task()?;
        let own = |task: &Task| std::ptr::eq(&*task.inner, running);
        state.running.iter().find(|(_, member)| own(member.handle.task())).map(|(number, _)| number)
    }

    /// Whether the running task is one of the group's.
    pub(crate) fn has_own(&self) -> bool {
        current::task().is_some() && self.own(&self.results.lock()).is_some()
    }

    /// Lets the running task go, if it is one of the group's, for it cannot wait for itself.
    pub(crate) fn let_own_go(&self) {
        if current::task().is_none() {
            return;
        }
        let mut locked = self.results.lock();
        let own = self.own(&locked).map(|number| locked.running.remove(number));
        drop(locked);
        drop(own);
    }

    /// Lets all tasks that have not ended go, and returns the results that were not taken.
    pub(crate) fn abandon(&self) -> Results<T> {
        let mut locked = self.results.lock();
        let running = std::mem::take(&mut locked.running);
        let ended = std::mem::replace(&mut locked.ended, Results::new());
        drop(locked);
        // This drops the handles. If a task is DONE and its end was not noted yet, its result is
        // dropped with its handle.
        drop(running);
        ended
    }
}

impl<T: Send + 'static> Family for Member<T> {
    const IS_TOLD: bool = true;
    const PLAIN: PlainScope = PlainScope::of::<Tasks<T>>(
        TaskScopeKind::Group,
        offset_of!(Member<T>, group),
        offset_of!(Tasks<T>, made_at),
    );

    fn unclaimed<V>(&self, _: &Header, end: End<V>) {
        scheduler::drop_unclaimed(end);
    }

    fn ended(&self) {
        self.group.note_end(self.number);
    }

    fn scope(&self) -> Option<TaskScope> {
        let group = &*self.group;
        Some(TaskScope::new(TaskScopeKind::Group, group.made_at, group))
    }
}

impl Places {
    fn give_back(&self) {
        let mut free = self.free.lock();
        let wake = free.claim_first(|_| ());
        if wake.is_none() {
            *free += 1;
        }
        drop(free);
        if let Some(wake) = wake {
            wake.give();
        }
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Some(places) = self.0 {
            places.give_back();
        }
    }
}

/// A group in `select!` uses the same grants as [`Tasks::next`].
impl<'a, T> Queued<'a, Option<Result<T, JoinError>>, State<T>> for Tasks<T> {
    fn queue(&self) -> &Queue<Grant, State<T>> {
        &self.results
    }

    fn attempt(&'a self) -> Option<Option<Result<T, JoinError>>> {
        match self.try_next() {
            Next::Ended(_, result) => Some(Some(result)),
            Next::NoneLeft => Some(None),
            Next::NotYet => None,
        }
    }

    fn is_ready(&self, queue: &Locked<'_, Grant, State<T>>) -> bool {
        queue.is_ready()
    }

    fn announce(&self, queue: &Locked<'_, Grant, State<T>>) -> bool {
        !queue.is_ready()
    }

    fn granted(&'a self, grant: Grant) -> Option<Result<T, JoinError>> {
        match grant {
            Grant::Closed => None,
            Grant::Granted | Grant::Many(_) => match self.take_granted() {
                Next::Ended(_, result) => Some(result),
                Next::NotYet | Next::NoneLeft => None,
            },
        }
    }

    fn undo(&self, grant: Grant) {
        if grant != Grant::Closed {
            let mut locked = self.results.lock();
            // The result is granted to another wait, if there is one.
            let wake = locked.claim_first(|_| ());
            if wake.is_none() {
                locked.granted -= 1;
            }
            drop(locked);
            if let Some(wake) = wake {
                wake.give();
            }
        }
    }
}

impl<T> Legible for Tasks<T> {
    const PLAIN: Plain = Plain::of("the end of one of the tasks of a group");
}

impl<T> Described for Tasks<T> {
    fn in_words(&self, _: Reason, words: &mut Words) {
        let running = self.results.lock().running.len();
        words.say(format_args!("the end of one of the {running} tasks of a group"));
    }
}

impl Legible for Places {
    const PLAIN: Plain = Plain::of("room in a group of tasks");
}

impl Described for Places {
    fn in_words(&self, _: Reason, words: &mut Words) {
        words.say(format_args!("room in a group of at most {} tasks", self.limit));
    }
}
