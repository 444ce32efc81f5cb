//! Coroutines as values, by the programs that other systems have published figures of: zigcoro's
//! many coroutines, NimGo's reuse and deep stacks, greenlet's switches. No runtime takes part.
//!
//! A *pair* is a resume and the suspension that answers it, which zigcoro counts as two switches. A
//! *round trip* is two switches between two greenlets.

use std::{
    cell::{Cell, RefCell},
    hint::black_box,
    rc::Rc,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use corosensei::{CoroutineResult, stack::DefaultStack};
use generator::Gn;
use gocoro::coroutine::{Coroutine, Greenlet, Step};

use super::raw::{Pair, corosensei_on, generator_of, gocoro_of};
use crate::{
    row::{Context, Figure, Group, Outcome, Row, cost, timed},
    system::System::{Corosensei, Generator, Gocoro, Threads},
    usage,
};

const LIVE: &[Figure] = &[cost("", "ns/pair"), cost("memory", "bytes/coroutine")];

/// Bytes of the stacks that are created: gocoro's default.
const STACK_BYTES: usize = 256 * 1024;

/// Bytes of the stacks of many coroutines: the smallest that gocoro has.
const SMALL_STACK_BYTES: usize = 32 * 1024;

/// The size of NimGo's stacks.
const DEEP_STACK_BYTES: usize = 4 << 20;

const fn live(name: &'static str, size: usize) -> Row {
    Row {
        name,
        group: Group::Growth,
        figures: LIVE,
        size,
        quick: 1_000,
        on: &[(Gocoro, gocoro_live), (Generator, generator_live), (Corosensei, corosensei_live)],
        ..Row::DEFAULT
    }
}

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "switch, 16 000 frames deep",
        group: Group::Bare,
        figures: &[cost("", "ns/pair"), cost("a poll of one ready file", "ns/poll")],
        size: 16_000,
        quick: 16_000,
        on: &[(Gocoro, gocoro_deep), (Generator, generator_deep), (Corosensei, corosensei_deep)],
        ..Row::DEFAULT
    },
    Row {
        name: "create, resume, drop",
        group: Group::Bare,
        figures: &[cost("new stack", "ns/coroutine"), cost("used stack", "ns/coroutine")],
        size: 10_000,
        quick: 1_000,
        on: &[
            (Gocoro, gocoro_create),
            (Generator, generator_create),
            (Corosensei, corosensei_create),
        ],
        ..Row::DEFAULT
    },
    Row {
        name: "greenlets, ping-pong",
        group: Group::Bare,
        figures: &[cost("", "ns/round trip")],
        on: &[(Gocoro, greenlets), (Threads, threads)],
        ..Row::DEFAULT
    },
    Row {
        name: "greenlets, switch to itself",
        group: Group::Bare,
        figures: &[cost("", "ns/switch")],
        on: &[(Gocoro, to_itself)],
        ..Row::DEFAULT
    },
    live("growth: switch, 1 000 live", 1_000),
    live("growth: switch, 10 000 live", 10_000),
    live("growth: switch, 100 000 live", 100_000),
    live("growth: switch, 1 000 000 live", 1_000_000),
];

fn gocoro_live(ctx: &Context) -> Outcome {
    many(ctx, || gocoro_of(SMALL_STACK_BYTES))
}

fn generator_live(ctx: &Context) -> Outcome {
    many(ctx, || generator_of(SMALL_STACK_BYTES))
}

fn corosensei_live(ctx: &Context) -> Outcome {
    many(ctx, || corosensei_on(DefaultStack::new(SMALL_STACK_BYTES).expect("a stack")))
}

/// Creates coroutines, each of which runs to its first suspension; then resumes all of them in the
/// order of their creation, round after round. Three batches of rounds warm up.
fn many<T: Pair>(ctx: &Context, new: impl Fn() -> T) -> Outcome {
    let before = usage::memory();
    let mut all: Vec<T> = (0..ctx.size).map(|_| new()).collect();
    round(&mut all);
    let memory = usage::memory().saturating_sub(before) as f64 / ctx.size as f64;
    let rounds = if ctx.size < 100_000 { 10 } else { 1 };
    let mut batch = || {
        timed(|| {
            for _ in 0..rounds {
                round(&mut all);
            }
        })
    };
    for _ in 0..3 {
        batch();
    }
    let enough = Duration::from_millis(if ctx.quick { 15 } else { 1_000 });
    let (mut took, mut batches) = (Duration::ZERO, 0);
    while took < enough {
        took += batch();
        batches += 1;
    }
    let pairs = (batches * rounds * ctx.size) as f64;
    // Ending a million coroutines is not part of this.
    std::mem::forget(all);
    Ok(vec![took.as_nanos() as f64 / pairs, memory])
}

/// Resumes each once.
#[inline(always)]
fn round<T: Pair>(all: &mut [T]) {
    for one in all {
        one.pair();
    }
}

/// Calls `f` below so many frames.
#[inline(never)]
fn below(frames: usize, f: &mut dyn FnMut()) {
    if frames == 0 {
        f();
    } else {
        below(frames - 1, f);
    }
    // The call above is not the last thing that this does, so it is not a jump.
    black_box(());
}

fn gocoro_deep(ctx: &Context) -> Outcome {
    let frames = ctx.size;
    let coroutine = Coroutine::<(), (), ()>::with_stack_size(DEEP_STACK_BYTES, move |here, ()| {
        below(frames, &mut || {
            loop {
                here.suspend(());
            }
        });
    });
    deep(ctx, coroutine)
}

fn generator_deep(ctx: &Context) -> Outcome {
    let (frames, words) = (ctx.size, DEEP_STACK_BYTES / size_of::<usize>());
    let made = Gn::<()>::new_scoped_opt(words, move |mut here| {
        below(frames, &mut || {
            loop {
                here.yield_with(());
            }
        });
    });
    deep(ctx, made)
}

fn corosensei_deep(ctx: &Context) -> Outcome {
    let frames = ctx.size;
    let stack = DefaultStack::new(DEEP_STACK_BYTES).expect("a stack");
    let coroutine = corosensei::Coroutine::<(), (), (), _>::with_stack(stack, move |here, ()| {
        below(frames, &mut || {
            loop {
                here.suspend(());
            }
        });
    });
    deep(ctx, coroutine)
}

/// Resumes a coroutine that suspends at the bottom of its stack; and polls, without waiting, for
/// one file that is ready.
fn deep(ctx: &Context, mut coroutine: impl Pair) -> Outcome {
    let pair = ctx.per_op(|pairs| timed(|| (0..pairs).for_each(|_| coroutine.pair())));
    std::mem::forget(coroutine);
    let (mut sender, _receiver) = mio::unix::pipe::new().expect("a pipe");
    let mut poll = mio::Poll::new().expect("a poll");
    let registry = poll.registry();
    registry.register(&mut sender, mio::Token(0), mio::Interest::WRITABLE).expect("watch a pipe");
    let mut events = mio::Events::with_capacity(8);
    let poll = ctx.per_op(|polls| {
        timed(|| {
            for _ in 0..polls {
                poll.poll(&mut events, Some(Duration::ZERO)).expect("poll");
            }
        })
    });
    Ok(vec![pair, poll])
}

/// A new stack: so many coroutines at once that the pool has none for them. The body suspends, so
/// that they live at once, and each is then resumed to its end.
fn gocoro_create(ctx: &Context) -> Outcome {
    let batch = |count: usize| {
        let new = |_| {
            let mut one = Coroutine::<(), (), ()>::new(|here, ()| here.suspend(()));
            assert!(matches!(one.resume(()), Ok(Step::Yielded(()))));
            one
        };
        let all: Vec<_> = (0..count).map(new).collect();
        for mut one in all {
            assert!(matches!(one.resume(()), Ok(Step::Returned(()))));
        }
    };
    let new = ctx.per_op(|count| {
        let batches = (count as usize).div_ceil(ctx.size);
        let took = timed(|| (0..batches).for_each(|_| batch(ctx.size)));
        crate::row::scale(took, count, (batches * ctx.size) as u64)
    });
    let used = ctx.per_op(|count| {
        timed(|| {
            for _ in 0..count {
                let mut one = Coroutine::<(), (), ()>::new(|_, ()| ());
                assert!(matches!(one.resume(()), Ok(Step::Returned(()))));
            }
        })
    });
    Ok(vec![new, used])
}

fn generator_create(ctx: &Context) -> Outcome {
    let words = STACK_BYTES / size_of::<usize>();
    let new = ctx.per_op(|count| {
        timed(|| {
            for _ in 0..count {
                let mut one = Gn::<()>::new_scoped_opt(words, |_| ());
                one.resume();
                assert!(one.is_done());
            }
        })
    });
    let mut one = Gn::<()>::new_scoped_opt(words, |_| ());
    one.resume();
    let used = ctx.per_op(|count| {
        timed(|| {
            for _ in 0..count {
                one.scoped_init(|_| ());
                one.resume();
                assert!(one.is_done());
            }
        })
    });
    Ok(vec![new, used])
}

fn corosensei_create(ctx: &Context) -> Outcome {
    let run = |stack: DefaultStack| {
        let mut one = corosensei::Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| ());
        assert!(matches!(one.resume(()), CoroutineResult::Return(())));
        one.into_stack()
    };
    let new = || DefaultStack::new(STACK_BYTES).expect("a stack");
    let fresh = ctx.per_op(|count| timed(|| (0..count).for_each(|_| drop(run(new())))));
    let mut stack = Some(new());
    let used = ctx.per_op(|count| {
        timed(|| {
            for _ in 0..count {
                stack = stack.take().map(run);
            }
        })
    });
    Ok(vec![fresh, used])
}

/// Two greenlets that switch to each other. The second counts down, and the first ends at zero.
/// Creating both is part of it.
fn greenlets(ctx: &Context) -> Outcome {
    Ok(vec![ctx.per_op(|count| {
        timed(|| {
            let counter = Rc::new(Cell::new(count));
            let first: Rc<RefCell<Option<Greenlet<()>>>> = Rc::default();
            let (left, other) = (counter.clone(), first.clone());
            let second = Greenlet::new(move |()| {
                let first: Greenlet<()> = other.take().expect("the first greenlet");
                loop {
                    left.set(left.get() - 1);
                    first.switch_to(()).expect("switch");
                }
            });
            let one = Greenlet::new(move |()| {
                while counter.get() > 0 {
                    second.switch_to(()).expect("switch");
                }
            });
            *first.borrow_mut() = Some(one.clone());
            one.switch_to(()).expect("switch");
            assert!(one.is_dead());
        })
    })])
}

/// A greenlet that switches to itself: all that is left of a switch without another stack.
fn to_itself(ctx: &Context) -> Outcome {
    Ok(vec![ctx.per_op(|count| {
        let greenlet = Greenlet::new(|count: u64| {
            let this = Greenlet::current();
            timed(|| {
                for n in 0..count {
                    assert_eq!(this.switch_to(n).expect("switch"), n);
                }
            })
            .as_nanos() as u64
        });
        Duration::from_nanos(greenlet.switch_to(count).expect("switch"))
    })])
}

/// Two threads that hand a turn to each other through a mutex and a condition variable.
fn threads(ctx: &Context) -> Outcome {
    Ok(vec![ctx.per_op(|count| {
        timed(|| {
            let shared = Arc::new((Mutex::new(0_u64), Condvar::new()));
            // The number counts the turns; a thread has its turn where the number has its parity.
            let turns = move |parity: u64, shared: &(Mutex<u64>, Condvar)| {
                let mut turn = shared.0.lock().expect("lock");
                while *turn < 2 * count {
                    if *turn % 2 == parity {
                        *turn += 1;
                        shared.1.notify_one();
                    } else {
                        turn = shared.1.wait(turn).expect("wait");
                    }
                }
                shared.1.notify_one();
            };
            let other = shared.clone();
            let second = thread::spawn(move || turns(1, &other));
            turns(0, &shared);
            second.join().expect("the second thread");
        })
    })])
}
