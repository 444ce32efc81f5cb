//! Systems other than Linux: nobody is asked, and no call is known.

pub(super) mod calls {
    use std::ffi::c_long;

    pub(in super::super) fn name(_: c_long) -> Option<&'static str> {
        None
    }

    pub(in super::super) fn is_kept(_: c_long, _: &[usize], _: impl FnOnce(usize) -> bool) -> bool {
        false
    }
}

pub(super) mod sys {
    use super::super::{Answer, Thread};

    /// No thread's number is known, so each may be this one.
    pub(in crate::observe) fn own_thread() -> Thread {
        Thread(0)
    }

    pub(in super::super) fn ask(_: Thread, _: usize, _: bool) -> Answer {
        Answer::Silent
    }
}
