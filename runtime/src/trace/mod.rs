//! Tracing spans of tasks, and what happens to them at a switch. The runtime's own events are in
//! [`events`].
//!
//! A subscriber keeps a stack of entered spans for each *thread*, but the spans that a task has
//! entered belong to the task. So a task that suspends exits its spans, innermost first, and enters
//! them again when it goes on. Guards that user code holds stay where they are, and exit their
//! spans when they are dropped.

use std::panic::Location;

use tracing::dispatcher;
use tracing::level_filters::LevelFilter;
use tracing::span::Id;

use crate::unwind;

mod events;

pub(crate) use events::{Late, cancelled, contended, ended, panicked, resumed_late, spawned};

/// Whether any subscriber wants anything at all. This is one load, so that spans cost nothing in a
/// program without a subscriber.
#[inline(always)]
pub(crate) fn is_on() -> bool {
    LevelFilter::current() != LevelFilter::OFF
}

/// The span of a new task, a child of the spawner's current span. `None` if no subscriber wants it.
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

/// The spans that a task had entered before it left its thread, innermost first.
#[derive(Debug, Default)]
pub(crate) struct Taken(Vec<Id>);

/// Enters the span of a task that starts.
pub(crate) fn enter(span: &tracing::Span) {
    unwind::run_quietly(|| {
        span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
    });
}

/// Drops the span of a task that ended. This tells the subscriber, so it runs the subscriber's
/// code. It is done at the task's end, and not where the last reference to the task goes, so that
/// this code does not run in the middle of something else.
pub(crate) fn close(span: Option<tracing::Span>) {
    unwind::run_quietly(|| drop(span));
}

/// The span that was entered last on this thread.
pub(crate) fn innermost() -> Option<Id> {
    let mut id = None;
    unwind::run_quietly(|| {
        dispatcher::get_default(|dispatch| id = dispatch.current_span().id().cloned());
    });
    id
}

/// Exits all spans that are entered on this thread.
pub(crate) fn take_off() -> Taken {
    take_off_down_to(None)
}

/// Exits the spans that are entered on this thread and were entered after `outside`, or all.
///
/// A panic of the subscriber is swallowed here, as in the other functions of this module: it must
/// not unwind a task that is between two states, nor a spawn that is half done.
pub(crate) fn take_off_down_to(outside: Option<&Id>) -> Taken {
    let mut taken = Vec::new();
    unwind::run_quietly(|| {
        dispatcher::get_default(|dispatch| {
            while let Some(id) = dispatch.current_span().id().cloned() {
                if Some(&id) == outside {
                    break;
                }
                dispatch.exit(&id);
                // With a subscriber that does not track exits, this loop would not end by itself.
                if taken.len() >= SPANS_MAX {
                    break;
                }
                taken.push(id);
            }
        });
    });
    Taken(taken)
}

/// How many spans a switch exits at most. Others stay entered.
const SPANS_MAX: usize = 1024;

/// Enters the spans again that [`take_off`] has exited.
pub(crate) fn put_back(taken: &Taken) {
    unwind::run_quietly(|| {
        dispatcher::get_default(|dispatch| {
            for id in taken.0.iter().rev() {
                dispatch.enter(id);
            }
        });
    });
}
