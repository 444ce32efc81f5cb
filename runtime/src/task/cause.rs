//! Why a task was cancelled.

use std::fmt;
use std::panic::Location;

/// Why a task was cancelled; for its join error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause {
    pub(crate) kind: CauseKind,
    pub(crate) at: &'static Location<'static>,
    /// The task that did it; zero for a plain thread.
    pub(crate) by: u64,
}

/// What cancelled a task, and of what the place is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CauseKind {
    /// Somebody asked for it, there.
    Asked,
    /// The scope that was opened there.
    Scope,
    /// The group that was made there.
    Group,
    /// Another arm won the race there.
    Race,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.kind {
            CauseKind::Asked => match self.by {
                0 => write!(f, "at {at}"),
                task => write!(f, "at {at} by task {task}"),
            },
            CauseKind::Scope => write!(f, "by its scope, opened at {at}"),
            CauseKind::Group => write!(f, "by its group, made at {at}"),
            CauseKind::Race => write!(f, "by the winner of its race at {at}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_says_what_it_was_and_where() {
        let at = Location::caller();
        let text = |kind, by| Cause { kind, at, by }.to_string();
        assert_eq!(text(CauseKind::Asked, 0), format!("at {at}"));
        assert_eq!(text(CauseKind::Asked, 7), format!("at {at} by task 7"));
        assert_eq!(text(CauseKind::Scope, 7), format!("by its scope, opened at {at}"));
        assert_eq!(text(CauseKind::Group, 7), format!("by its group, made at {at}"));
        assert_eq!(text(CauseKind::Race, 7), format!("by the winner of its race at {at}"));
    }
}
