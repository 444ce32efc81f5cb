//! Where panics abort, a suspended coroutine cannot be unwound. Dropped, it is left as it is, with
//! what lies on its stack; all else goes on.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use gocoro::coroutine::iter::generate;
use gocoro::coroutine::{Coroutine, Greenlet, State, Step, Suspender};
use gocoro::go;
use gocoro::task;

static DROPPED: AtomicU32 = AtomicU32::new(0);

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

thread_local! {
    static KEPT: RefCell<Vec<Coroutine<u32, u32, u32>>> = const { RefCell::new(vec![]) };
}

fn adds() -> Coroutine<u32, u32, u32> {
    Coroutine::new(|suspender: &Suspender<u32, u32>, first| {
        let _guard = Guard;
        let second = suspender.suspend(first);
        task::yield_now();
        first + second
    })
}

fn all() {
    let mut whole = adds();
    assert_eq!(whole.resume(1).unwrap(), Step::Yielded(1));
    assert_eq!(whole.resume(2).unwrap(), Step::Returned(3));
    assert_eq!(whole.state(), State::Finished);
    assert_eq!(DROPPED.swap(0, Ordering::Relaxed), 1);

    let mut left = adds();
    left.resume(1).unwrap();
    drop(left);
    let mut outer: Coroutine<(), (), ()> = Coroutine::new(|suspender, ()| {
        let _guard = Guard;
        let mut inner = adds();
        inner.resume(1).unwrap();
        suspender.suspend(());
    });
    outer.resume(()).unwrap();
    drop(outer);
    assert!(
        generate(|emitter| {
            let _guard = Guard;
            (0..9).for_each(|n| emitter.emit(n))
        })
        .take(2)
        .eq([0, 1])
    );

    let handle: Rc<RefCell<Option<Greenlet<u32>>>> = Rc::default();
    let own = handle.clone();
    let greenlet = Greenlet::new(move |n| {
        let _guard = Guard;
        let own = own.borrow().clone().unwrap();
        assert!(own.is_started());
        Greenlet::root().switch_to(n).unwrap()
    });
    *handle.borrow_mut() = Some(greenlet.clone());
    assert_eq!(greenlet.switch_to(3).unwrap(), 3);
    greenlet.reset(|n| n + 1);
    assert_eq!(greenlet.switch_to(3).unwrap(), 4);
    let left = Greenlet::new(|n: u32| {
        let _guard = Guard;
        Greenlet::root().switch_to(n).unwrap()
    });
    left.switch_to(1).unwrap();
    drop(left);

    let mut kept = adds();
    kept.resume(1).unwrap();
    KEPT.with(|all| all.borrow_mut().push(kept));
    assert_eq!(DROPPED.load(Ordering::Relaxed), 0);
    // The stacks that were left are used by nobody else.
    for n in 0..100 {
        let mut more = adds();
        more.resume(n).unwrap();
        assert_eq!(more.resume(1).unwrap(), Step::Returned(n + 1));
    }
    assert_eq!(DROPPED.swap(0, Ordering::Relaxed), 100);
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("panics") => {
            let mut panics: Coroutine<(), (), ()> = Coroutine::new(|_, ()| panic!("in the body"));
            panics.resume(()).unwrap();
        }
        _ => {
            std::thread::spawn(all).join().unwrap();
            go!(all()).wait();
            println!("went on");
        }
    }
}
