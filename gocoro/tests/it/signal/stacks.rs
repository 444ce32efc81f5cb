//! Handlers run on the alternate stacks of their threads.

use gocoro::coroutine::{Coroutine, Step, Suspender};
use gocoro::signal::Signals;
use gocoro::task;

use super::{listen, own, raise};
use crate::support::on_workers;

const SMALL: usize = 32 * 1024;

/// What a handler without an alternate stack would not get along with: the kernel alone puts some
/// 3000 bytes on the stack.
const LEFT: usize = 3 * 1024;

/// Calls itself until there is little stack left, and then `body`.
#[inline(never)]
fn deep(body: &dyn Fn()) {
    let frame = std::hint::black_box([0_u8; 128]);
    match task::remaining_stack() {
        Some(left) if left > LEFT => deep(body),
        _ => body(),
    }
    std::hint::black_box(&frame);
}

#[test]
fn signals_need_no_room_on_a_small_stack() {
    on_workers(|_| {
        let signals = listen(own(26));
        let small = task::Builder::new().stack_size(SMALL).spawn(move || {
            deep(&|| (0..20_000).for_each(|_| raise(own(26))));
            signals.pending().count()
        });
        assert_eq!(small.unwrap().wait(), 1);
    });
}

/// All its code fits: making one, waiting, ending.
#[test]
fn a_small_stack_is_enough_to_listen() {
    on_workers(|_| {
        let small = task::Builder::new().stack_size(SMALL).spawn(|| {
            let mut signals = Signals::new([own(27)]).unwrap();
            task::spawn(|| raise(own(27)));
            signals.next()
        });
        assert_eq!(small.unwrap().wait(), Some(own(27)));
    });
}

#[test]
fn the_handler_asks_for_the_alternate_stack() {
    let signals = Signals::new([own(28)]).unwrap();
    signals.add_signal(own(29)).unwrap();
    for signal in [own(28), own(29)] {
        let flags = super::action_of(signal).sa_flags;
        assert_eq!(flags & libc::SA_ONSTACK, libc::SA_ONSTACK);
        assert_eq!(flags & libc::SA_RESTART, libc::SA_RESTART, "calls of others go on");
    }
}

/// Where this thread's alternate stack is, and how large it is.
fn alternate() -> (usize, usize) {
    let mut now = std::mem::MaybeUninit::<libc::stack_t>::zeroed();
    // SAFETY: the call only stores what the thread has, for which `now` has room.
    let now = unsafe {
        assert_eq!(libc::sigaltstack(std::ptr::null(), now.as_mut_ptr()), 0);
        now.assume_init()
    };
    (now.ss_sp.addr(), now.ss_size)
}

/// What the registers leave of std's is a few hundred bytes on some machines.
#[test]
fn handlers_have_room_where_tasks_run() {
    let before = alternate();
    let mut runtime = gocoro::runtime::LocalRuntime::new().unwrap();
    let (_, bytes) = runtime.run(alternate);
    assert!(bytes >= SMALL, "{bytes}");
    drop(runtime);
    assert_eq!(alternate(), before, "it is the thread's own again");
}

/// The thread's pool of stacks outlives std's alternate stack, which must not come back then.
#[test]
fn a_thread_that_has_used_coroutines_ends() {
    std::thread::spawn(|| {
        let mut coroutine = Coroutine::new(|_: &Suspender<(), ()>, ()| alternate());
        match coroutine.resume(()).unwrap() {
            Step::Returned((_, bytes)) => assert!(bytes >= SMALL, "{bytes}"),
            Step::Yielded(()) => unreachable!("it does not suspend"),
        }
    })
    .join()
    .unwrap();
}
