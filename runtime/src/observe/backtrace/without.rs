//! Where there are no backtraces: without the feature, and on other systems.

use super::{Copied, Named, TaskBacktrace, TaskFrame};
use crate::current::Core;
use crate::task::Header;

/// What makes backtraces, of which there is none here.
pub(in crate::observe) enum Tracer {}

impl Tracer {
    pub(in crate::observe) fn new() -> Option<Tracer> {
        None
    }

    pub(in crate::observe) fn begin(&mut self) {
        match *self {}
    }

    pub(in crate::observe) fn with_room<T>(_: impl FnOnce() -> T) -> Option<T> {
        None
    }

    pub(in crate::observe) fn trace(&mut self, _: &Core, _: &Header) -> Option<TaskBacktrace> {
        match *self {}
    }
}

pub(in crate::observe) fn can_trace() -> bool {
    false
}

pub(in crate::observe) fn trace_copies(_: &[Copied], _: bool) -> Option<TaskBacktrace> {
    None
}

/// Why there are no backtraces, where somebody wants them.
pub(in crate::observe) fn why_none() -> Option<&'static str> {
    cfg!(feature = "backtrace").then_some("they are made on x86-64 Linux alone")
}

pub(in crate::observe) fn resolve<'a>(backtraces: impl Iterator<Item = &'a TaskBacktrace>) {
    for backtrace in backtraces {
        let name = Named::default;
        let frame = |&address: &usize| TaskFrame { address, stack: 0, name: name() };
        backtrace.frames.get_or_init(|| backtrace.returns.iter().map(frame).collect());
    }
}
