//! What must be closed at a suspension, and what may stay open.

use std::time::Instant;

use gocoro::task::shield;
use gocoro::time::{io_deadline, timeout};

use super::*;
use crate::support::NEVER;

gocoro::task_local! {
    static NAME: &'static str = "nobody";
}

#[test]
fn a_boundary_that_the_body_opened_must_be_closed() {
    everywhere(|| {
        fn refused(inside: fn(&Suspender<(), ()>)) {
            let text = super::refused(inside);
            assert!(text.contains("cannot suspend inside"), "{text}");
        }
        refused(|suspender| timeout(NEVER, || suspender.suspend(())).unwrap());
        refused(|suspender| io_deadline(Instant::now() + NEVER, || suspender.suspend(())));
        refused(|suspender| shield(|| suspender.suspend(())));
        refused(|suspender| task::scope(|_| suspender.suspend(())));
        refused(|suspender| NAME.scope("somebody", || suspender.suspend(())));
    });
}

/// What the resumer has open is no matter of the body's.
#[test]
fn what_the_resumer_opened_may_differ_each_time() {
    everywhere(|| {
        let mut coroutine = Coroutine::new(|suspender: &Suspender<(), &'static str>, ()| {
            loop {
                suspender.suspend(NAME.with(|name| *name));
            }
            #[expect(unreachable_code)]
            ()
        });
        assert_eq!(coroutine.resume(()).unwrap(), Step::Yielded("nobody"));
        let step = timeout(NEVER, || NAME.scope("somebody", || coroutine.resume(()).unwrap()));
        assert_eq!(step.unwrap(), Step::Yielded("somebody"));
        assert_eq!(coroutine.resume(()).unwrap(), Step::Yielded("nobody"));
    });
}
