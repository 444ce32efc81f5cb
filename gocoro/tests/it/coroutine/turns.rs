//! Programs of greenlets, step by step, as their authors wrote them.

use gocoro::coroutine::Greenlet;

use super::*;
use crate::support::Random;

/// What a program prints.
#[derive(Clone, Default)]
struct Page(Rc<RefCell<Vec<String>>>);

impl Page {
    fn print(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.take()
    }
}

/// A place for a greenlet that another one's function names before it exists.
struct Place<T: 'static>(Rc<RefCell<Option<Greenlet<T>>>>);

impl<T> Clone for Place<T> {
    fn clone(&self) -> Self {
        Place(self.0.clone())
    }
}

impl<T> Place<T> {
    fn new() -> Self {
        Place(Rc::default())
    }

    fn put(&self, greenlet: Greenlet<T>) {
        *self.0.borrow_mut() = Some(greenlet);
    }

    fn get(&self) -> Greenlet<T> {
        self.0.borrow().clone().unwrap()
    }

    fn clear(&self) {
        drop(self.0.take());
    }
}

/// Two that switch to each other. The second one ends first, and so the root goes on; it enters the
/// first one again.
#[test]
fn a_program_of_two_prints_its_lines_in_order() {
    everywhere(|| {
        let page = Page::default();
        let (first, second) = (Place::<()>::new(), Place::<()>::new());
        let (print, other) = (page.clone(), second.clone());
        first.put(Greenlet::new(move |()| {
            print.print("in func1 (greenlet 1)");
            other.get().switch_to(()).unwrap();
            print.print("back in func1 (greenlet 1)");
            other.get().switch_to(()).unwrap();
            print.print("back again in func1 (greenlet 1)");
        }));
        let (print, other) = (page.clone(), first.clone());
        second.put(Greenlet::new(move |()| {
            print.print("in func2 (greenlet 2)");
            other.get().switch_to(()).unwrap();
            print.print("back in func2 (greenlet 2)");
        }));
        let (one, two) = (first.get(), second.get());
        page.print(format!("started: {} {}", one.is_started(), two.is_started()));
        page.print("entering greenlet 1");
        one.switch_to(()).unwrap();
        page.print(format!("dead: {} {}", one.is_dead(), two.is_dead()));
        page.print("re-entering greenlet 1");
        one.switch_to(()).unwrap();
        page.print(format!("dead: {} {}", one.is_dead(), two.is_dead()));
        first.clear();
        second.clear();
        assert_eq!(
            page.lines(),
            [
                "started: false false",
                "entering greenlet 1",
                "in func1 (greenlet 1)",
                "in func2 (greenlet 2)",
                "back in func1 (greenlet 1)",
                "back in func2 (greenlet 2)",
                "dead: false true",
                "re-entering greenlet 1",
                "back again in func1 (greenlet 1)",
                "dead: true true",
            ]
        );
    });
}

/// One that goes to the root and is entered again; and one that is not, but dropped there.
#[test]
fn one_goes_to_the_root_and_comes_back_or_is_dropped() {
    everywhere(|| {
        for is_entered_again in [true, false] {
            let (page, drops) = (Page::default(), Drops::default());
            let (print, theirs) = (page.clone(), drops.clone());
            let greenlet = Greenlet::new(move |()| {
                let _guard = theirs.guard();
                print.print("in func1");
                Greenlet::root().switch_to(()).unwrap();
                print.print("exiting func1");
            });
            page.print("entering");
            greenlet.switch_to(()).unwrap();
            if is_entered_again {
                page.print("re-entering");
                greenlet.switch_to(()).unwrap();
            }
            page.print("exiting program");
            assert_eq!(greenlet.is_dead(), is_entered_again);
            drop(greenlet);
            page.print("really done");
            let whole = ["entering", "in func1", "re-entering", "exiting func1", "exiting program"];
            let cut = ["entering", "in func1", "exiting program"];
            let expected = if is_entered_again { &whole[..] } else { &cut[..] };
            assert_eq!(page.lines(), [expected, &["really done"]].concat());
            assert_eq!(drops.count(), 1);
        }
    });
}

/// Two that exchange numbers without end, which the root sees as far as it asks.
#[test]
fn two_that_never_end_exchange_numbers() {
    everywhere(|| {
        let drops = Drops::default();
        let page = Page::default();
        let (ping, pong) = (Place::<u32>::new(), Place::<u32>::new());
        let player = |name: &'static str, other: &Place<u32>| {
            let (other, print, theirs) = (other.clone(), page.clone(), drops.clone());
            Greenlet::new(move |mut value| {
                let _guard = theirs.guard();
                loop {
                    print.print(format!("{name} {value}"));
                    // Every tenth number goes to the root.
                    let to = if value % 10 == 9 { Greenlet::root() } else { other.get() };
                    value = to.switch_to(value + 1).unwrap();
                }
            })
        };
        ping.put(player("ping", &pong));
        pong.put(player("pong", &ping));
        let mut value = 0;
        for round in 1..=3 {
            value = ping.get().switch_to(value).unwrap();
            assert_eq!(value, 10 * round);
            let name = |n| if n % 2 == 0 { "ping" } else { "pong" };
            let expected = (value - 10..value).map(|n| format!("{} {n}", name(n)));
            assert!(page.lines().into_iter().eq(expected));
            // The one that has gone to the root waits there, and so does its partner.
            assert!(!ping.get().is_dead() && !pong.get().is_dead());
        }
        let (one, other) = (ping.get(), pong.get());
        ping.clear();
        pong.clear();
        drop((one, other));
        assert_eq!(drops.count(), 2);
    });
}

/// Eleven items, handed over when chance says so: the consumer looks whether its producer has
/// ended, takes what there is, and goes back.
#[test]
fn a_producer_hands_over_when_chance_says_so() {
    everywhere(|| {
        for seed in 0..20 {
            let stack = Rc::new(RefCell::new(Vec::new()));
            let consumed = Rc::new(RefCell::new(Vec::new()));
            let (consumer, producer) = (Place::<()>::new(), Place::<()>::new());
            let (theirs, sink, other) = (stack.clone(), consumed.clone(), producer.clone());
            consumer.put(Greenlet::new(move |()| {
                loop {
                    while let Some(item) = { theirs.borrow_mut().pop() } {
                        sink.borrow_mut().push(item);
                    }
                    if other.get().is_dead() {
                        return;
                    }
                    other.get().switch_to(()).unwrap();
                }
            }));
            let (theirs, other) = (stack.clone(), consumer.clone());
            let mut random = Random::new(seed);
            producer.put(Greenlet::new(move |()| {
                for item in 0..=10 {
                    theirs.borrow_mut().push(item);
                    if random.below(3) == 0 {
                        other.get().switch_to(()).unwrap();
                        assert!(theirs.borrow().is_empty());
                    }
                }
            }));
            producer.get().switch_to(()).unwrap();
            assert!(producer.get().is_dead() && !consumer.get().is_dead());
            consumer.get().switch_to(()).unwrap();
            assert!(consumer.get().is_dead() && stack.borrow().is_empty());
            let mut all = consumed.take();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..=10));
            consumer.clear();
            producer.clear();
        }
    });
}

/// The number 10, thrown in a grandchild, goes through its parent, which catches nothing and so
/// ends, to the root.
#[test]
fn what_is_thrown_in_a_grandchild_is_caught_by_the_root() {
    everywhere(|| {
        let child = Place::<u32>::new();
        let grandchild = Place::<u32>::new();
        let other = grandchild.clone();
        child.put(Greenlet::new(move |n| other.get().switch_to(n).unwrap()));
        let throws = |_| panic::resume_unwind(Box::new(10));
        grandchild.put(Greenlet::with_parent(&child.get(), throws));
        assert!(grandchild.get().parent().is_some_and(|parent| parent.parent().is_some()));
        let start = child.get();
        let caught = panic::catch_unwind(AssertUnwindSafe(|| start.switch_to(0)));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&10));
        assert!(child.get().is_dead() && grandchild.get().is_dead());
        assert!(!std::thread::panicking());
        // A switch to one that has ended comes straight back from its nearest live parent.
        assert_eq!(grandchild.get().switch_to(7).unwrap(), 7);
        child.clear();
        grandchild.clear();
    });
}

/// What is injected throws: into one that has not started, whose function then never runs, and into
/// one that waits, which may catch it. It is called once.
#[test]
fn what_is_injected_may_throw() {
    everywhere(|| {
        let ran = Rc::new(Cell::new(false));
        let runs = ran.clone();
        let unstarted = Greenlet::new(move |n: u32| {
            runs.set(true);
            n
        });
        unstarted.inject(|| panic::resume_unwind(Box::new("before the start")));
        assert_eq!(panic_of(|| unstarted.switch_to(1)), "before the start");
        assert!(unstarted.is_dead() && !ran.get());
        let catches = Greenlet::new(|n: u32| {
            let text = panic_of(|| Greenlet::<u32>::root().switch_to(n));
            assert_eq!(text, "while it waits");
            Greenlet::root().switch_to(n + 1).unwrap() + 1
        });
        assert_eq!(catches.switch_to(1).unwrap(), 1);
        catches.inject(|| panic::resume_unwind(Box::new("while it waits")));
        assert_eq!(catches.switch_to(5).unwrap(), 2);
        assert_eq!(catches.switch_to(8).unwrap(), 9);
        assert!(catches.is_dead());
        // The code injected runs on a stack that is aligned as any function's.
        #[repr(align(16))]
        struct Aligned([f64; 4]);
        let greenlet = Greenlet::new(|n: u32| Greenlet::root().switch_to(n).unwrap());
        for n in 0..2 {
            greenlet.inject(|| {
                let value = Aligned([1.5; 4]);
                let value = std::hint::black_box(&value);
                assert_eq!((&raw const value.0).addr() % 16, 0);
                assert!((value.0.iter().sum::<f64>() - 6.0).abs() < 1e-9);
            });
            greenlet.switch_to(n).unwrap();
        }
    });
}

/// A hundred that know only the next one, and one value that goes round them all.
#[test]
fn a_value_goes_round_a_hundred() {
    everywhere(|| {
        let mut next = Greenlet::<u64>::root();
        let mut all = vec![];
        for _ in 0..100 {
            let to = next.clone();
            next = Greenlet::new(move |mut n| {
                loop {
                    n = to.switch_to(n + 1).unwrap();
                }
            });
            all.push(next.clone());
        }
        for round in 1..=50 {
            assert_eq!(next.switch_to((round - 1) * 100).unwrap(), round * 100);
        }
        assert!(all.iter().all(|greenlet| greenlet.is_started() && !greenlet.is_dead()));
    });
}
