//! Why a task was cancelled.

use std::fmt;
use std::panic::Location;

/// Why a task was cancelled, and where: for the message of its join error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause {
    pub(crate) kind: CauseKind,
    pub(crate) at: &'static Location<'static>,
    /// Id of the task that called `cancel`; zero for a plain thread.
    pub(crate) by: u64,
}

/// What cancelled a task. Each kind says of what [`Cause::at`] is the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CauseKind {
    /// Somebody called `cancel`; `at` is the place of the call.
    Asked,
    /// The task's scope ended or failed; `at` is where the scope was opened.
    Scope,
    /// The task's group cancelled its tasks; `at` is where the group was made.
    Group,
    /// Another arm won the task's race; `at` is the place of the race.
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
