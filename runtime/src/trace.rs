//! Spans at the switches.
//!
//! A subscriber keeps the spans that are entered in a stack for each *thread*; they belong to the
//! task. So a task that suspends exits what is entered, innermost first, and enters it again when it
//! goes on. No guard moves: what user code holds still exits its span when it is dropped.

use std::panic::Location;

use tracing::dispatcher;
use tracing::level_filters::LevelFilter;
use tracing::span::Id;

use crate::unwind;

/// Whether any subscriber wants anything at all: one load, so that the rest costs nothing without.
#[inline(always)]
pub(crate) fn is_on() -> bool {
    LevelFilter::current() != LevelFilter::OFF
}

/// The span of a new task, a child of the spawner's current one; `None` if nobody wants it.
#[inline(always)]
pub(crate) fn task_span(
    id: u64,
    name: Option<&str>,
    at: &'static Location<'static>,
) -> Option<tracing::Span> {
    if is_on() { new_span(id, name, at) } else { None }
}

#[cold]
fn new_span(id: u64, name: Option<&str>, at: &'static Location<'static>) -> Option<tracing::Span> {
    let mut span = None;
    unwind::run_quietly(|| {
        span = Some(tracing::info_span!(
            target: "gocoro",
            "task",
            id,
            name,
            spawned_at = %at,
        ));
    });
    span.filter(|span| !span.is_disabled())
}

/// The spans of a task that is off its thread, innermost first.
#[derive(Debug, Default)]
pub(crate) struct Taken(Vec<Id>);

/// Enters the span of a task that starts.
pub(crate) fn enter(span: &tracing::Span) {
    unwind::run_quietly(|| {
        span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
    });
}

/// Lets go of the span of a task that ended: nobody but a subscriber's code is told, and not in the middle
/// of what the holder of a last reference to the task does.
pub(crate) fn close(span: Option<tracing::Span>) {
    unwind::run_quietly(|| drop(span));
}

/// Exits all spans entered on this thread.
///
/// A panic of the subscriber ends here, as in the other functions: it must not come out of a task
/// between two of its states, nor out of a spawn between two of a runtime's.
pub(crate) fn take_off() -> Taken {
    let mut taken = Vec::new();
    unwind::run_quietly(|| {
        dispatcher::get_default(|dispatch| {
            while let Some(id) = dispatch.current_span().id().cloned() {
                dispatch.exit(&id);
                // A subscriber that does not track exits would keep this going.
                if taken.len() >= SPANS_MAX {
                    break;
                }
                taken.push(id);
            }
        });
    });
    Taken(taken)
}

/// Spans a task may hold entered at a switch; more are left where they are.
const SPANS_MAX: usize = 1024;

/// Enters them again.
pub(crate) fn put_back(taken: &Taken) {
    unwind::run_quietly(|| {
        dispatcher::get_default(|dispatch| {
            for id in taken.0.iter().rev() {
                dispatch.enter(id);
            }
        });
    });
}
