//! Choices that are cancelled take nothing, and wait nowhere any more.

use std::panic::resume_unwind;

use gocoro::channel::{bounded, never};
use gocoro::task::Cancelled;
use gocoro::{go, select};

use crate::support::{on_drop, on_workers, pair, settle};

/// A choice in a destructor that waits for a socket ends with an error when a cancel comes.
#[test]
fn a_cancel_reaches_a_choice_of_sockets_in_a_destructor() {
    on_workers(|_| {
        let (near, _far) = pair();
        let (begin, begun) = bounded(0);
        let (tell, told) = bounded(1);
        let unwinding = go!({
            let _guard = on_drop(move || {
                begin.send(()).unwrap();
                let ready = select! {
                    readable(near) -> ready => ready,
                    recv(never::<()>()) -> _ => unreachable!("it never comes"),
                };
                tell.send(ready.unwrap_err()).unwrap();
            });
            if true {
                resume_unwind(Box::new("on purpose"));
            }
        });
        begun.recv().unwrap();
        settle();
        unwinding.cancel();
        let error = told.recv().unwrap();
        assert!(error.get_ref().unwrap().is::<Cancelled>(), "{error}");
        assert!(unwinding.join().unwrap_err().is_panic());
    });
}
