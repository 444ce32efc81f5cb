//! What a scope and its children share.

use std::fmt;
use std::mem::offset_of;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};

use slab::Slab;

use crate::current;
use crate::lock::{Guard, Lock};
use crate::park::{self, Left};
use crate::parker::Parker;
use crate::scheduler;
use crate::spawn;
use crate::task::{
    CauseKind, Described, Header, Legible, Naming, Plain, Reason, Task, TaskRef, TaskScope,
    TaskScopeKind, Unparker, Words,
};
use crate::unwind::{self, AbortIfPanic, Payload};
use crate::wake;

/// What a scope and its children share. Each child holds a reference to it, for the scope may be
/// gone once it has been told of the child's end.
pub(crate) struct Children {
    /// Why children are cancelled if the scope fails or is unwound.
    kind: CauseKind,
    /// Where the scope was opened.
    at: &'static Location<'static>,
    owner: Owner,
    /// A child that fails leaves the others and the scope's closure alone, as in std's scopes.
    patient: bool,
    /// Set when a child has failed whose handle is gone: the scope's closure is to be unwound.
    failed: AtomicBool,
    state: Lock<State>,
}

/// Who runs the scope's closure: a task or a plain thread.
enum Owner {
    Task(TaskRef),
    Thread(Arc<Parker>, Thread),
}

#[derive(Default)]
struct State {
    /// The children that have not ended.
    children: Slab<Task>,
    /// Why the children are cancelled, if they are.
    cancelled: Option<(CauseKind, &'static Location<'static>)>,
    /// The first panic of a child whose handle is gone.
    panic: Option<Payload>,
    /// The first child that could not be started and whose handle is gone, as reports name it.
    refused: Option<String>,
    /// The right to wake the scope, which waits for its last child.
    waiter: Option<Unparker>,
}

/// How the children ended.
pub(crate) struct Ended {
    pub(crate) panic: Option<Payload>,
    /// Whether the children were cancelled because a cancel or an expiry came for the scope's own
    /// task while it waited.
    pub(crate) interrupted: bool,
    pub(crate) refused: Option<String>,
}

impl Children {
    /// Where the place at which the scope was opened lies in this.
    pub(super) const PLACE: usize = offset_of!(Children, at);

    pub(crate) fn new(kind: CauseKind, at: &'static Location<'static>) -> Children {
        let owner = match spawn::running() {
            Some(task) => Owner::Task(task.inner),
            None => Owner::Thread(current::parker(), thread::current()),
        };
        Children {
            kind,
            at,
            owner,
            patient: false,
            failed: AtomicBool::new(false),
            state: Lock::new(State::default()),
        }
    }

    /// Has a child that fails leave the others and the scope's closure alone.
    pub(crate) fn patient(self) -> Children {
        Children { patient: true, ..self }
    }

    fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }

    /// What dumps say of a child.
    pub(super) fn scope(&self) -> TaskScope {
        TaskScope::new(TaskScopeKind::Scope, self.at, self)
    }

    pub(crate) fn failed(&self) -> &AtomicBool {
        &self.failed
    }

    /// Enters a child, which is not queued yet, and returns its slot. If the children were
    /// cancelled before, so is this one.
    pub(super) fn enter(&self, task: &Task) -> usize {
        let mut state = self.lock();
        let slot = state.children.insert(task.clone());
        let cancelled = state.cancelled;
        drop(state);
        if let Some((kind, at)) = cancelled {
            task.cancel_for(kind, at);
        }
        slot
    }

    /// Notes that the child in this slot has ended. After this the child touches nothing that the
    /// scope may take away.
    pub(super) fn child_ended(&self, slot: usize) {
        let (child, waiter) = {
            let mut state = self.lock();
            let child = state.children.remove(slot);
            let waiter = if state.children.is_empty() { state.waiter.take() } else { None };
            (child, waiter)
        };
        drop(child);
        if let Some(waiter) = waiter {
            waiter.unpark();
        }
    }

    /// Cancels all children because the scope fails or is unwound.
    pub(crate) fn cancel_children(&self) {
        self.cancel_children_for(self.kind, self.at);
    }

    /// Cancels all children, those that are spawned later included. Only the first call does.
    pub(super) fn cancel_children_for(&self, kind: CauseKind, at: &'static Location<'static>) {
        let tasks: Vec<Task> = {
            let mut state = self.lock();
            if state.cancelled.is_some() {
                return;
            }
            state.cancelled = Some((kind, at));
            state.children.iter().map(|(_, child)| child.clone()).collect()
        };
        for task in tasks {
            task.cancel_for(kind, at);
        }
    }

    /// Fails the scope by the panic of a child that nobody can join any more. The child has not
    /// ended yet.
    pub(super) fn child_panicked(&self, payload: Payload) {
        let mut state = self.lock();
        if state.panic.is_none() {
            state.panic = Some(payload);
            drop(state);
        } else {
            drop(state);
            unwind::drop_quietly(payload);
        }
        self.fail();
    }

    /// Fails the scope, for a child that nobody can join any more was refused.
    pub(super) fn child_refused(&self, task: &Header) {
        let mut state = self.lock();
        // Nobody misses a child that was cancelled anyway, nor does a scope that is itself
        // cancelled.
        if state.cancelled.is_some()
            || task.word.is_cancelled()
            || current::task().is_some_and(|(_, running)| running.word.is_cancelled())
        {
            return;
        }
        state.refused.get_or_insert_with(|| Naming(task).to_string());
        drop(state);
        self.fail();
    }

    /// Cancels all children, and unwinds the scope's closure from its next wait; unless the scope
    /// is [patient](Children::patient).
    fn fail(&self) {
        if self.patient {
            return;
        }
        self.failed.store(true, Ordering::Release);
        self.cancel_children();
        match &self.owner {
            Owner::Task(task) => wake::fail_scope(task),
            Owner::Thread(parker, thread) => {
                parker.unpark();
                thread.unpark();
            }
        }
    }

    /// Waits until no child is left. `cancel`: the children are cancelled first.
    pub(crate) fn wait_for_children(&self, cancel: bool) -> Ended {
        let abort = AbortIfPanic("waiting for a scope's children");
        if cancel {
            self.cancel_children();
        }
        let mut interrupted = false;
        loop {
            let (target, cancelled) = {
                let mut state = self.lock();
                if state.children.is_empty() {
                    state.waiter = None;
                    break;
                }
                let target = park::target();
                // SAFETY: the waiter that `target` names is the code that runs here, so it cannot
                // go on before this call has returned.
                let unparker = unsafe { target.unparker() };
                state.waiter = Some(unparker);
                (target, state.cancelled)
            };
            // A cancel that `Scope::cancel` asked for concerns the children only: the scope's own
            // task can still be cancelled.
            let goes_on = cancelled.is_none_or(|(kind, _)| kind == CauseKind::Asked);
            let watches = goes_on && !thread::panicking();
            if watches && park::is_interrupted() {
                interrupted = true;
                self.cancel_children();
            }
            // The wait ends at the next expiry only if that is looked at afterwards. An expiry that
            // has passed and is not looked at would end every wait at once.
            let limit = if watches && !interrupted { park::next_expiry() } else { None };
            let _ = park::park(&target, Reason::Children.on(self), limit, || Left::Ended);
        }
        std::mem::forget(abort);
        let mut state = self.lock();
        Ended { panic: state.panic.take(), interrupted, refused: state.refused.take() }
    }

    pub(crate) fn describe(&self, f: &mut fmt::DebugStruct<'_, '_>) {
        f.field("opened_at", &format_args!("{}", self.at));
        let (children, cancelled) = {
            let state = self.lock();
            (state.children.len(), state.cancelled.is_some())
        };
        f.field("children", &children).field("cancelled", &cancelled);
    }
}

impl Ended {
    /// Panics if a child could not be started.
    #[track_caller]
    pub(crate) fn check_refusal(self) {
        let Some(name) = self.refused else { return };
        // If the child was refused because the runtime ends, this task is cancelled too, or will
        // be: then the cancel is thrown, not a panic.
        scheduler::await_cancel_of_closed();
        park::throw_now();
        if thread::panicking() {
            // A panic would abort the process, and the other destructors of this unwinding would
            // not run.
            eprintln!(
                "gocoro: {name}, spawned in a scope by a destructor, was refused: its runtime was closed"
            );
            return;
        }
        panic!("{name} was refused: no stack could be had, or its runtime was closed");
    }

    /// Panics because a child could not be started.
    #[track_caller]
    pub(super) fn raise_refusal<T>(self) -> T {
        self.check_refusal();
        unreachable!("a scope is unwound by a child's panic or refusal");
    }
}

impl Legible for Children {
    const PLAIN: Plain =
        Plain::of("the children of a scope opened at").site(offset_of!(Children, at));
}

impl Described for Children {
    fn in_words(&self, _: Reason, words: &mut Words) {
        let left = self.lock().children.len();
        let (file, line) = (self.at.file(), self.at.line());
        words.say(format_args!("the {left} children of a scope opened at {file}:{line}"));
    }
}
