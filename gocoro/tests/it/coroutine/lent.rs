//! What lies on the stack of a coroutine or a task that stands still, and belongs to somebody else:
//! it stays for as long as that stack may look at it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use gocoro::go;

use super::*;
use crate::support::{bounded, settle, with_workers};

/// Says when it is dropped.
struct Value(Drops, Vec<u32>);

impl Value {
    fn new(drops: &Drops) -> Value {
        Value(drops.clone(), (0..100).collect())
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        drop(self.0.guard());
        self.1.clear();
    }
}

gocoro::task_local! {
    static TASKS: RefCell<Option<Value>> = const { RefCell::new(None) };
}

gocoro::thread_local! {
    static OWN: RefCell<Option<Value>> = const { RefCell::new(None) };
}

/// Suspends while it looks at the task's value, and goes on in another task when the first one has
/// ended.
#[test]
fn a_task_s_value_stays_while_a_coroutine_looks_at_it() {
    type Look = fn(&mut dyn FnMut(&RefCell<Option<Value>>));
    for look in [(|f| TASKS.with(f)) as Look, |f| OWN.with(f)] {
        let drops = with_workers(1).run(move || {
            let drops = Drops::default();
            let mut coroutine = Coroutine::new(move |suspender: &Suspender<(), usize>, ()| {
                look(&mut |value| {
                    let value = value.borrow();
                    let Value(_, numbers) = value.as_ref().unwrap();
                    suspender.suspend(numbers.len());
                    suspender.suspend(numbers.len());
                });
            });
            let value = Value::new(&drops);
            let mut coroutine = go!(local => {
                let mut value = Some(value);
                look(&mut |place| *place.borrow_mut() = value.take());
                assert_eq!(coroutine.resume(()).unwrap(), Step::Yielded(100));
                coroutine
            })
            .wait();
            settle();
            assert_eq!(drops.count(), 0);
            go!(local => {
                assert_eq!(coroutine.resume(()).unwrap(), Step::Yielded(100));
                assert_eq!(coroutine.resume(()).unwrap(), Step::Returned(()));
            })
            .wait();
            drops.count()
        });
        assert_eq!(drops, 1);
    }
}

/// A task that the end of its runtime does not wait for has lent a thread-local to a child on
/// another worker. The thread stays until both have ended.
#[test]
fn a_thread_local_stays_while_a_child_of_a_started_task_looks_at_it() {
    thread_local! {
        static LENT: AtomicU64 = const { AtomicU64::new(7) };
    }
    struct Ends(Arc<AtomicBool>);
    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    bounded(|| {
        let runtime = with_workers(2);
        let (began, begun) = std::sync::mpsc::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(AtomicU64::new(0));
        let (over, count) = (is_over.clone(), seen.clone());
        let ended = Arc::new(AtomicBool::new(false));
        let ends = Ends(ended.clone());
        drop(runtime.spawn(move || {
            let _ends = ends;
            LENT.with(|lent| {
                task::scope(|scope| {
                    scope.spawn(move || {
                        task::shield(|| {
                            began.send(()).unwrap();
                            while !over.load(Relaxed) {
                                assert_eq!(lent.load(Relaxed), 7);
                                count.fetch_add(1, Relaxed);
                                task::yield_now();
                            }
                        });
                    });
                });
            });
        }));
        begun.recv().unwrap();
        let runtime = runtime.shutdown(Duration::ZERO).unwrap_err();
        let before = seen.load(Relaxed);
        let dropping = std::thread::spawn(move || drop(runtime));
        while seen.load(Relaxed) < before + 100 {
            std::thread::yield_now();
        }
        assert!(!ended.load(Relaxed) && !dropping.is_finished());
        is_over.store(true, Relaxed);
        dropping.join().unwrap();
        assert!(ended.load(Relaxed));
    });
}

/// One that holds the only handle of itself: a ring, as of `Rc`s, that is cut by its end.
#[test]
fn a_coroutine_may_hold_itself() {
    everywhere(|| {
        let drops = Drops::default();
        let own: Rc<RefCell<Option<Plain<()>>>> = Rc::default();
        let (theirs, inside) = (drops.clone(), own.clone());
        let mut coroutine: Plain<()> = Coroutine::new(move |suspender, ()| {
            let _guard = theirs.guard();
            suspender.suspend(());
            // Whoever resumes has taken it out meanwhile.
            assert!(inside.borrow().is_none());
            suspender.suspend(());
        });
        coroutine.resume(()).unwrap();
        *own.borrow_mut() = Some(coroutine);
        for _ in 0..2 {
            let mut coroutine = own.take().unwrap();
            coroutine.resume(()).unwrap();
            *own.borrow_mut() = Some(coroutine);
        }
        assert_eq!(drops.count(), 1);
        // Handed in, it lies in its own frame for a moment, and is dropped there: nothing more can
        // happen to it than that its memory stays.
        type Place = Rc<RefCell<Option<Hold>>>;
        type Holder = Coroutine<Option<Place>, (), ()>;
        struct Hold(#[expect(dead_code)] Rc<RefCell<Holder>>);
        let drops = Drops::default();
        let theirs = drops.clone();
        let holder: Rc<RefCell<Holder>> = Rc::new(RefCell::new(Coroutine::new(
            move |suspender: &Suspender<Option<Place>, ()>, first: Option<Place>| {
                let _guard = theirs.guard();
                drop(first);
                let place: Place = suspender.suspend(()).unwrap();
                drop(place.take());
                suspender.suspend(());
            },
        )));
        holder.borrow_mut().resume(None).unwrap();
        let place = Rc::new(RefCell::new(Some(Hold(holder.clone()))));
        holder.borrow_mut().resume(Some(place)).unwrap();
        assert_eq!((Rc::strong_count(&holder), drops.count()), (1, 0));
        drop(holder);
        assert_eq!(drops.count(), 1);
    });
}

/// Coroutines on the stacks of others, and those of yet others: dropping the outermost one unwinds
/// all, the innermost first.
#[test]
fn coroutines_lie_in_one_another() {
    fn nest(depth: usize, order: &Rc<RefCell<Vec<usize>>>) -> Plain<()> {
        struct Says(usize, Rc<RefCell<Vec<usize>>>);
        impl Drop for Says {
            fn drop(&mut self) {
                self.1.borrow_mut().push(self.0);
            }
        }
        let order = order.clone();
        Coroutine::new(move |suspender, ()| {
            let _says = Says(depth, order.clone());
            let mut inner = (depth > 0).then(|| nest(depth - 1, &order));
            loop {
                if let Some(inner) = &mut inner {
                    inner.resume(()).unwrap();
                }
                suspender.suspend(());
            }
        })
    }
    everywhere(|| {
        let order = Rc::new(RefCell::new(vec![]));
        let mut outermost = nest(20, &order);
        for _ in 0..3 {
            outermost.resume(()).unwrap();
        }
        drop(outermost);
        assert!(order.borrow().iter().copied().eq(0..=20));
    });
}
