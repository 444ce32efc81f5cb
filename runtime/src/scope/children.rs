//! What a scope and its children share.

use std::fmt;
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
use crate::task::{CauseKind, Header, Naming, Reason, Task, TaskRef, Unparker};
use crate::unwind::{self, AbortIfPanic, Payload};
use crate::wake;

pub(crate) struct Children {
    kind: CauseKind,
    /// Where the scope was opened.
    at: &'static Location<'static>,
    owner: Owner,
    /// A child has failed, and nobody joined it: the closure is to be unwound.
    failed: AtomicBool,
    state: Lock<State>,
}

/// Who runs the scope's closure.
enum Owner {
    Task(TaskRef, u16),
    Thread(Arc<Parker>, Thread),
}

#[derive(Default)]
struct State {
    /// Those that have not ended.
    children: Slab<Task>,
    /// Why the children are cancelled, if they are.
    cancelled: Option<(CauseKind, &'static Location<'static>)>,
    /// The first panic that nobody joined.
    panic: Option<Payload>,
    /// The first child that could not be started.
    refused: Option<String>,
    waiter: Option<Unparker>,
}

/// How the children ended.
pub(crate) struct Ended {
    pub(crate) panic: Option<Payload>,
    /// They were cancelled because of a cancel or an expiry that came for the scope's own task.
    pub(crate) interrupted: bool,
    pub(crate) refused: Option<String>,
}

impl Children {
    pub(crate) fn new(kind: CauseKind, at: &'static Location<'static>) -> Children {
        let owner = match (current::here(), spawn::running()) {
            (Some(worker), Some(task)) => Owner::Task(task.inner, worker),
            _ => Owner::Thread(current::parker(), thread::current()),
        };
        Children {
            kind,
            at,
            owner,
            failed: AtomicBool::new(false),
            state: Lock::new(State::default()),
        }
    }

    fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }

    pub(super) fn failed(&self) -> &AtomicBool {
        &self.failed
    }

    /// Takes in a child that is not queued yet, and returns its slot.
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

    /// The last that a child does with anything of the scope's.
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

    pub(crate) fn cancel_children(&self) {
        self.cancel_children_for(self.kind, self.at);
    }

    /// Cancels the children, and those that are spawned later; once.
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

    /// A child panicked, and nobody can join it any more. Called before it ends.
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

    /// A child was refused, and nobody can join it any more.
    pub(super) fn child_refused(&self, task: &Header) {
        let mut state = self.lock();
        // Nobody misses a child that was to be cancelled, nor does whoever is.
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

    fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.cancel_children();
        match &self.owner {
            Owner::Task(task, worker) => wake::interrupt_scope(task, *worker),
            Owner::Thread(parker, thread) => {
                parker.unpark();
                thread.unpark();
            }
        }
    }

    /// Waits until no child is left. `cancel`: they are cancelled first.
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
                // SAFETY: this is the waiter, and it runs.
                let unparker = unsafe { target.unparker() };
                state.waiter = Some(unparker);
                (target, state.cancelled)
            };
            // By whoever asked for it: that did not end the scope's own task.
            let goes_on = cancelled.is_none_or(|(kind, _)| kind == CauseKind::Asked);
            let watches = goes_on && !thread::panicking();
            if watches && park::is_interrupted() {
                interrupted = true;
                self.cancel_children();
            }
            // Else one that has passed and that nobody looks at would end every wait.
            let limit = if watches && !interrupted { park::next_expiry() } else { None };
            let _ = park::park(&target, Reason::Children, limit, || Left::Ended);
        }
        std::mem::forget(abort);
        let mut state = self.lock();
        Ended { panic: state.panic.take(), interrupted, refused: state.refused.take() }
    }

    pub(super) fn describe(&self, f: &mut fmt::DebugStruct<'_, '_>) {
        f.field("opened_at", &format_args!("{}", self.at));
        let (children, cancelled) = {
            let state = self.lock();
            (state.children.len(), state.cancelled.is_some())
        };
        f.field("children", &children).field("cancelled", &cancelled);
    }
}

impl Ended {
    /// Raises that a child could not be started, if that is so.
    #[track_caller]
    pub(super) fn check_refusal(self) {
        let Some(name) = self.refused else { return };
        // If that was because the runtime ends, this task is being cancelled, or will be.
        scheduler::await_cancel_of_closed();
        park::throw_now();
        if thread::panicking() {
            // A panic would end the process, and with it what other destructors have to do.
            eprintln!(
                "gocoro: {name}, spawned in a scope by a destructor, was refused: its runtime was closed"
            );
            return;
        }
        panic!("{name} was refused: no stack could be had, or its runtime was closed");
    }

    /// As [`Ended::check_refusal`], where it is so.
    #[track_caller]
    pub(super) fn raise_refusal<T>(self) -> T {
        self.check_refusal();
        unreachable!("a scope is unwound by a child's panic or refusal");
    }
}
