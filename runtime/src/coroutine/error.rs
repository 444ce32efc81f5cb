//! Why a coroutine was not resumed, or not switched to.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;

use super::State;

/// The error of a resume that did not happen.
///
/// Its `Display` names where the coroutine was created.
#[derive(Debug)]
pub struct ResumeError {
    created_at: &'static Location<'static>,
    why: Why,
}

#[derive(Debug)]
enum Why {
    State(State),
    NoStack(io::Error),
}

impl ResumeError {
    pub(super) fn not_resumable(at: &'static Location<'static>, state: State) -> ResumeError {
        ResumeError { created_at: at, why: Why::State(state) }
    }

    pub(super) fn no_stack(at: &'static Location<'static>, error: io::Error) -> ResumeError {
        ResumeError { created_at: at, why: Why::NoStack(error) }
    }

    /// Where the coroutine was when it was to be resumed: finished, running, or resuming another.
    /// Unstarted, if there was no stack for it.
    #[must_use]
    pub fn state(&self) -> State {
        match self.why {
            Why::State(state) => state,
            Why::NoStack(_) => State::Unstarted,
        }
    }

    /// Where the coroutine was created.
    #[must_use]
    pub fn created_at(&self) -> &'static Location<'static> {
        self.created_at
    }
}

impl fmt::Display for ResumeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.created_at;
        match &self.why {
            Why::State(state) => {
                write!(f, "the coroutine created at {at} cannot be resumed: it is {state}")
            }
            Why::NoStack(error) => {
                write!(f, "the coroutine created at {at} cannot be started: {error}")
            }
        }
    }
}

impl Error for ResumeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.why {
            Why::State(_) => None,
            Why::NoStack(error) => Some(error),
        }
    }
}

/// The error of a switch that did not happen. It has the value that was to be handed over.
pub struct SwitchError<T> {
    value: T,
    why: NoSwitch,
}

#[derive(Debug)]
enum NoSwitch {
    /// Another greenlet runs, and the caller is none of its family.
    Outside(&'static Location<'static>),
    NoStack(ResumeError),
}

impl<T> SwitchError<T> {
    pub(super) fn outside(value: T, running: &'static Location<'static>) -> SwitchError<T> {
        SwitchError { value, why: NoSwitch::Outside(running) }
    }

    pub(super) fn no_stack(value: T, error: ResumeError) -> SwitchError<T> {
        SwitchError { value, why: NoSwitch::NoStack(error) }
    }

    /// The value that was to be handed over.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> fmt::Debug for SwitchError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SwitchError").field(&self.why).finish()
    }
}

impl<T> fmt::Display for SwitchError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            NoSwitch::Outside(at) => write!(
                f,
                "the greenlet created at {at} runs, and only it may switch to another of its family; \
                 greenlets of a type of their own are a family of their own"
            ),
            NoSwitch::NoStack(error) => error.fmt(f),
        }
    }
}

impl<T> Error for SwitchError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.why {
            NoSwitch::Outside(_) => None,
            NoSwitch::NoStack(error) => error.source(),
        }
    }
}
