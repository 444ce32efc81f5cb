//! Programs of other systems, step by step: NimGo's, zigcoro's and asyncigo's coroutines.

use std::time::Duration;

use gocoro::coroutine::iter::{generate, try_generate};
use gocoro::time::sleep;
use gocoro::{go, task};

use super::*;
use crate::support::{SOON, on_workers, with_workers};

type Returns<R> = Coroutine<(), (), R>;

/// A list of steps that several write to.
#[derive(Clone, Default)]
struct Steps(Rc<RefCell<Vec<usize>>>);

impl Steps {
    fn add(&self, step: usize) {
        self.0.borrow_mut().push(step);
    }
}

/// Resumes a coroutine until it returns.
fn to_the_end<R>(coroutine: &mut Returns<R>) -> R {
    loop {
        if let Step::Returned(result) = coroutine.resume(()).unwrap() {
            return result;
        }
    }
}

/// Closures and functions, with a result and without. One that has ended has handed it out, and
/// hands out nothing more.
#[test]
fn functions_and_closures_are_coroutines() {
    fn nothing(suspender: &Suspender<(), ()>, (): ()) {
        suspender.suspend(());
    }
    fn number(_: &Suspender<(), ()>, (): ()) -> i32 {
        42
    }
    everywhere(|| {
        let touched = Rc::new(Cell::new(0));
        let theirs = touched.clone();
        let mut closure: Returns<()> = Coroutine::new(move |suspender, ()| {
            theirs.set(1);
            suspender.suspend(());
            theirs.set(2);
        });
        let mut function = Coroutine::new(nothing);
        assert_eq!(touched.get(), 0);
        for coroutine in [&mut closure, &mut function] {
            assert_eq!(coroutine.state(), State::Unstarted);
            assert_eq!(coroutine.resume(()).unwrap(), Step::Yielded(()));
            assert_eq!(coroutine.state(), State::Suspended);
            assert_eq!(coroutine.resume(()).unwrap(), Step::Returned(()));
            assert_eq!(coroutine.state(), State::Finished);
        }
        assert_eq!(touched.get(), 2);
        let mut number = Coroutine::new(number);
        assert_eq!(number.resume(()).unwrap(), Step::Returned(42));
        let error = number.resume(()).unwrap_err();
        assert_eq!(error.state(), State::Finished);
    });
}

/// The steps on both sides, zero to seven, with the state at each.
#[test]
fn both_sides_take_their_steps_in_turn() {
    everywhere(|| {
        let steps = Steps::default();
        let theirs = steps.clone();
        let x = Rc::new(Cell::new(88));
        let their_x = x.clone();
        steps.add(0);
        let mut coroutine: Returns<()> =
            Coroutine::with_stack_size(32 * 1024, move |suspender, ()| {
                assert!(task::remaining_stack().unwrap() > 2048);
                for (step, more) in [(2, 2), (4, 7), (6, 1)] {
                    theirs.add(step);
                    their_x.set(their_x.get() + more);
                    if step < 6 {
                        suspender.suspend(());
                    }
                }
            });
        steps.add(1);
        assert_eq!(coroutine.state(), State::Unstarted);
        for (step, expected) in [(3, 90), (5, 97)] {
            coroutine.resume(()).unwrap();
            assert_eq!((x.get(), coroutine.state()), (expected, State::Suspended));
            steps.add(step);
        }
        x.set(x.get() + 3);
        coroutine.resume(()).unwrap();
        steps.add(7);
        assert_eq!((x.get(), coroutine.state()), (101, State::Finished));
        assert!(steps.0.borrow().iter().copied().eq(0..8));
    });
}

/// What the coroutine keeps for itself is found by a function that its body calls.
#[test]
fn a_nested_call_finds_what_the_coroutine_keeps() {
    fn inner(suspender: &Suspender<(), ()>, x: &Cell<usize>) {
        x.set(x.get() + 1);
        suspender.suspend(());
        x.set(x.get() + 3);
    }
    fn outer(suspender: &Suspender<(), ()>) {
        let x = suspender.local::<RefCell<Rc<Cell<usize>>>>();
        let x = x.borrow().clone();
        inner(suspender, &x);
    }
    everywhere(|| {
        let x = Rc::new(Cell::new(0));
        let theirs = x.clone();
        let mut coroutine: Returns<()> = Coroutine::new(move |suspender, ()| {
            *suspender.local::<RefCell<Rc<Cell<usize>>>>().borrow_mut() = theirs;
            outer(suspender);
        });
        for expected in [1, 4] {
            assert_eq!(coroutine.state() == State::Unstarted, expected == 1);
            coroutine.resume(()).unwrap();
            assert_eq!(x.get(), expected);
        }
        assert_eq!(coroutine.state(), State::Finished);
    });
}

/// A coroutine that is asked again and again until it returns, by the one that started it and by
/// another; an error is a value as any other.
#[test]
fn a_result_is_waited_for() {
    #[derive(Debug, PartialEq)]
    struct SomethingBad;
    fn adds(x: &Rc<Cell<usize>>) -> Returns<usize> {
        let x = x.clone();
        Coroutine::new(move |suspender, ()| {
            x.set(x.get() + 1);
            suspender.suspend(());
            x.set(x.get() + 3);
            suspender.suspend(());
            x.get() + 10
        })
    }
    everywhere(|| {
        let x = Rc::new(Cell::new(0));
        let mut coroutine = adds(&x);
        for expected in [1, 4] {
            assert_eq!(coroutine.resume(()).unwrap(), Step::Yielded(()));
            assert_eq!(x.get(), expected);
        }
        assert_eq!(coroutine.resume(()).unwrap(), Step::Returned(14));
        assert_eq!((x.get(), coroutine.state()), (4, State::Finished));
        x.set(0);
        assert_eq!(to_the_end(&mut adds(&x)), 14);

        let mut fails: Returns<Result<usize, SomethingBad>> = Coroutine::new(|suspender, ()| {
            suspender.suspend(());
            Err(SomethingBad)
        });
        assert_eq!(to_the_end(&mut fails), Err(SomethingBad));

        // 10 from the inner one, 7 from the outer one.
        let mut outer: Returns<usize> = Coroutine::new(|_, ()| {
            let mut inner: Returns<usize> = Coroutine::new(|suspender, ()| {
                suspender.suspend(());
                10
            });
            to_the_end(&mut inner) + 7
        });
        assert_eq!(to_the_end(&mut outer), 17);

        // The items have another type than the result.
        let mut both: Coroutine<(), i32, usize> = Coroutine::new(|suspender, ()| {
            suspender.suspend(7);
            10
        });
        assert_eq!(both.resume(()).unwrap(), Step::Yielded(7));
        assert_eq!(both.resume(()).unwrap(), Step::Returned(10));
    });
}

/// Whoever resumes last is whom the coroutine goes back to, and who gets its result: 8 and then 33.
#[test]
fn a_resumer_need_not_be_the_one_that_started() {
    everywhere(|| {
        let shared: Rc<RefCell<Coroutine<(), usize, usize>>> =
            Rc::new(RefCell::new(Coroutine::new(|suspender, ()| {
                suspender.suspend(8);
                33
            })));
        let starts = |shared: Rc<RefCell<Coroutine<(), usize, usize>>>| {
            Coroutine::<(), (), _>::new(move |_, ()| shared.borrow_mut().resume(()).unwrap())
        };
        let mut first = starts(shared.clone());
        assert_eq!(first.resume(()).unwrap(), Step::Returned(Step::Yielded(8)));
        let mut second = starts(shared.clone());
        assert_eq!(second.resume(()).unwrap(), Step::Returned(Step::Returned(33)));
        assert_eq!(shared.borrow().state(), State::Finished);
    });
}

/// What is called after a suspension may have the coroutine resumed: here it puts it into a queue,
/// and the loop that takes from there runs it to its end.
#[test]
fn what_follows_a_suspension_has_the_coroutine_resumed() {
    everywhere(|| {
        let ready = Rc::new(Cell::new(0));
        let wakes = ready.clone();
        let mut coroutine: Returns<usize> = Coroutine::new(move |suspender, ()| {
            for n in 1..4 {
                let wakes = wakes.clone();
                suspender.on_suspend(move || wakes.set(n));
                suspender.suspend(());
            }
            4
        });
        let mut turns = vec![];
        let end = loop {
            match coroutine.resume(()).unwrap() {
                Step::Yielded(()) => turns.push(ready.take()),
                Step::Returned(end) => break end,
            }
            assert_eq!(coroutine.state(), State::Suspended);
        };
        assert_eq!((turns, end), (vec![1, 2, 3], 4));
    });
}

/// The numbers below ten, and no more.
#[test]
fn ten_items_come_from_a_generator() {
    everywhere(|| {
        let items = || generate(|emitter| (0..10).for_each(|n| emitter.emit(n)));
        let mut count = 0;
        for (expected, item) in items().enumerate() {
            assert_eq!(item, expected);
            count += 1;
        }
        assert_eq!(count, 10);
        assert!(items().fuse().eq(items()));
    });
}

/// An error inside is seen by whoever resumed the outermost one, with the states on the way.
#[test]
fn an_error_inside_reaches_the_outermost_resumer() {
    everywhere(|| {
        let fails = || -> Returns<()> {
            Coroutine::new(|_, ()| panic::resume_unwind(Box::new("myerror".to_owned())))
        };
        let mut one = fails();
        assert_eq!(panic_of(|| one.resume(())), "myerror");
        for _ in 0..2 {
            let error = one.resume(()).unwrap_err();
            assert_eq!(error.state(), State::Finished);
        }
        let inner_state = Rc::new(Cell::new(State::Unstarted));
        let seen = inner_state.clone();
        let mut outer: Returns<()> = Coroutine::new(move |_, ()| {
            struct Look(Returns<()>, Rc<Cell<State>>);
            impl Drop for Look {
                fn drop(&mut self) {
                    self.1.set(self.0.state());
                }
            }
            let mut look = Look(fails(), seen);
            look.0.resume(()).unwrap();
        });
        assert_eq!(panic_of(|| outer.resume(())), "myerror");
        assert_eq!((outer.state(), inner_state.get()), (State::Finished, State::Finished));
    });
}

/// How the body of the table below ends before its time.
#[derive(Clone, Copy, PartialEq, Debug)]
enum At {
    Never,
    Break(usize),
    Error(usize),
    Cancel(usize),
}

#[derive(Debug, PartialEq)]
struct Failed;

const ITEMS: [u64; 5] = [1, 5, 4, 3, 2];

/// Sleeps before each item as long as it is large; what was slept is added up.
fn items(at: At, slept: Rc<Cell<u64>>) -> impl Iterator<Item = Result<u64, Failed>> {
    try_generate(move |emitter| {
        for (index, item) in ITEMS.into_iter().enumerate() {
            match at {
                At::Break(here) if here == index => break,
                At::Error(here) if here == index => return Err(Failed),
                At::Cancel(here) if here == index => task::current().cancel(),
                _ => {}
            }
            sleep(Duration::from_micros(50 * item));
            slept.set(slept.get() + item);
            emitter.emit(item);
        }
        Ok(())
    })
}

/// Every way to take items of a fallible body, with each of its ends: the sum of what came, the
/// time that passed, and whether an error or a cancel was seen.
#[test]
fn a_fallible_body_is_taken_in_three_ways() {
    type Take = fn(&mut dyn Iterator<Item = Result<u64, Failed>>, &Cell<u64>) -> Result<(), Failed>;
    const TAKE: [Take; 3] = [
        |items, sum| {
            for item in items {
                sum.set(sum.get() + item?);
            }
            Ok(())
        },
        |items, sum| {
            let mut end = Ok(());
            let until_error = items.map_while(|item| item.map_err(|e| end = Err(e)).ok());
            until_error.for_each(|item| sum.set(sum.get() + item));
            end
        },
        |mut items, sum| {
            Iterator::try_for_each(&mut items, |item| {
                sum.set(sum.get() + item?);
                Ok(())
            })
        },
    ];
    on_workers(|_| {
        for (at, expected) in [
            (At::Never, 15),
            (At::Break(1), 1),
            (At::Break(0), 0),
            (At::Error(0), 0),
            (At::Error(3), 10),
            (At::Cancel(0), 0),
            (At::Cancel(4), 13),
        ] {
            for take in TAKE {
                let ended = go!(local => {
                    let (sum, slept) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
                    let (theirs, all) = (sum.clone(), slept.clone());
                    let taken = go!(local => { take(&mut items(at, all), &theirs) }).join();
                    (sum.get(), slept.get(), taken)
                });
                let (sum, slept, taken) = ended.wait();
                assert_eq!((sum, slept), (expected, expected), "{at:?}");
                match (at, taken) {
                    (At::Never | At::Break(_), Ok(Ok(()))) => {}
                    (At::Error(_), Ok(Err(Failed))) => {}
                    (At::Cancel(_), Err(error)) if error.is_cancelled() => {}
                    (at, taken) => panic!("{at:?}: {taken:?}"),
                }
            }
        }
    });
}

/// The consumer goes before the end: nothing is emitted any more, and the body's waits are over.
#[test]
fn nothing_is_emitted_after_the_consumer_has_gone() {
    on_workers(|_| {
        let drops = Drops::default();
        let (theirs, emitted) = (drops.clone(), Rc::new(Cell::new(0)));
        let count = emitted.clone();
        let mut items = try_generate(move |emitter| {
            let _guard = theirs.guard();
            for n in 0_u32.. {
                sleep(SOON / 10);
                count.set(count.get() + 1);
                emitter.emit(n);
            }
            Err(Failed)
        });
        assert_eq!(items.next(), Some(Ok(0)));
        assert_eq!(items.next(), Some(Ok(1)));
        drop(items);
        assert_eq!((emitted.get(), drops.count()), (2, 1));
    });
}

/// A coroutine that has not been started may be handed to any task of its thread, and one that has
/// to any, too, one after the other.
#[test]
fn tasks_of_a_worker_go_on_with_one_another_s() {
    with_workers(1).run(|| {
        let shared = Rc::new(RefCell::new(Coroutine::new(|suspender: &Suspender<u32, u32>, n| {
            let mut sum = n;
            while sum < 100 {
                sleep(SOON / 20);
                sum += suspender.suspend(sum);
            }
            sum
        })));
        let mut seen = vec![];
        for n in 0..20 {
            let shared = shared.clone();
            let step = go!(local => { shared.borrow_mut().resume(n).unwrap() }).wait();
            match step {
                Step::Yielded(sum) => seen.push(sum),
                Step::Returned(sum) => {
                    assert_eq!(sum, (0..=n).sum::<u32>());
                    break;
                }
            }
        }
        assert_eq!(seen.len(), 14);
    });
}
