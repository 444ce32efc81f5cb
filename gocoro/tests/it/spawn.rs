//! A spawned closure runs once, where it has to, as a task that knows itself.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::ErrorKind;
use std::panic::{self, Location};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

use gocoro::channel::bounded;
use gocoro::runtime::LocalRuntime;
use gocoro::task::{self, Builder, TaskId, wait_all};
use gocoro::{go, go_test};

use crate::support::{Colour, NEVER, SOON, on_drop, on_workers, settle, with_workers};

#[test]
fn a_task_never_runs_before_the_spawn_returns() {
    let ran = Rc::new(Cell::new(false));
    LocalRuntime::new().unwrap().run(|| {
        let theirs = ran.clone();
        let task = go!(local => theirs.set(true));
        assert!(!ran.get());
        assert!(!task.is_finished());
        task.wait();
        assert!(ran.get());
    });
}

#[test]
fn every_one_of_many_runs_once() {
    on_workers(|_| {
        const TASKS: usize = 20_000;
        let counts: Arc<[AtomicUsize]> = (0..TASKS).map(|_| AtomicUsize::new(0)).collect();
        let tasks: Vec<_> = (0..TASKS)
            .map(|at| {
                go!(clone(counts) => {
                    counts[at].fetch_add(1, SeqCst);
                })
            })
            .collect();
        tasks.into_iter().for_each(task::JoinHandle::wait);
        assert!(counts.iter().all(|count| count.load(SeqCst) == 1));
    });
}

#[test]
fn plain_threads_spawn_on_one_default_runtime() {
    let threads: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(|| {
                let tasks: Vec<_> = (0..100).map(|n| go!({ n })).collect();
                tasks.into_iter().map(task::JoinHandle::wait).sum::<usize>()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 99 * 100 / 2);
    }
}

#[test]
fn a_tasks_spawns_stay_in_its_runtime() {
    let runtime = with_workers(2);
    let grandchild = runtime.run(|| go!({ go!({ gocoro::time::sleep(NEVER) }) }).wait());
    drop(runtime);
    assert!(grandchild.join().unwrap_err().is_cancelled());
}

#[test]
fn a_task_stays_on_the_thread_that_started_it() {
    on_workers(|_| {
        thread_local!(static MARK: Cell<u64> = const { Cell::new(0) });
        let tasks: Vec<_> = (1..=200)
            .map(|n| {
                go!({
                    // Neither may be sent, both live across waits.
                    let (thread, not_send) = (thread::current().id(), Rc::new(n));
                    let address = MARK.with(|mark| std::ptr::from_ref(mark).addr());
                    for round in 0..20 {
                        match (n + round) % 3 {
                            0 => task::yield_now(),
                            1 => gocoro::time::sleep(SOON / 4),
                            _ => go!({}).wait(),
                        }
                        assert_eq!(thread::current().id(), thread);
                        assert_eq!(MARK.with(|mark| std::ptr::from_ref(mark).addr()), address);
                    }
                    assert_eq!(*not_send, n);
                })
            })
            .collect();
        tasks.into_iter().for_each(task::JoinHandle::wait);
    });
}

#[test]
fn local_tasks_stay_with_their_spawner() {
    on_workers(|_| {
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                go!({
                    let (here, count) = (thread::current().id(), Rc::new(Cell::new(0)));
                    let local: Vec<_> = (0..50)
                        .map(|_| {
                            go!(local, clone(count) => {
                                count.set(count.get() + 1);
                                (thread::current().id(), count)
                            })
                        })
                        .collect();
                    task::yield_now();
                    for task in local {
                        let (thread, result) = task.wait();
                        assert_eq!(thread, here);
                        assert!(Rc::ptr_eq(&result, &count));
                    }
                    assert_eq!(count.get(), 50);
                })
            })
            .collect();
        tasks.into_iter().for_each(task::JoinHandle::wait);
    });
}

#[test]
fn a_local_task_needs_a_runtime() {
    Colour::Thread.run(0, || {
        let error = Builder::new().spawn_local(|| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(error.to_string().contains("LocalRuntime"), "{error}");
        let payload = panic::catch_unwind(|| task::spawn_local(|| ())).unwrap_err();
        let text = payload.downcast_ref::<String>().unwrap();
        assert!(text.contains("LocalRuntime"), "{text}");
    });
}

#[test]
fn ids_are_unique_in_the_process() {
    let mut seen = HashSet::<TaskId>::new();
    for workers in [1, 4] {
        let runtime = with_workers(workers);
        let ids: Vec<_> = (0..3_000).map(|_| runtime.spawn(|| task::current().id())).collect();
        for handle in ids {
            let id = handle.id();
            assert_eq!(handle.wait(), id);
            assert!(seen.insert(id), "{id} was given twice");
        }
        let inside = runtime.run(|| (0..3_000).map(|_| go!({}).id()).collect::<Vec<_>>());
        for id in inside {
            assert!(seen.insert(id), "{id} was given twice");
        }
    }
}

#[go_test]
fn a_task_knows_its_name_and_its_spawn_site() {
    let line = line!() + 1;
    let named = go!(name = "known" => { (task::current(), task::try_current().unwrap()) });
    let handle = named.task().clone();
    let (current, tried) = named.wait();
    for task in [&current, &tried, &handle] {
        assert_eq!(task.name(), Some("known"));
        assert_eq!((task.spawned_at().file(), task.spawned_at().line()), (file!(), line));
        assert_eq!(task.id(), handle.id());
        let (display, debug) = (task.to_string(), format!("{task:?}"));
        let site = format!("{}:{line}", file!());
        assert!(display.contains("'known'") && display.contains(&site), "{display}");
        assert!(debug.contains("known") && debug.contains(&site), "{debug}");
    }
    let nameless = go!({ task::current() }).wait();
    assert_eq!(nameless.name(), None);
    assert!(nameless.to_string().contains(&nameless.id().to_string()));
}

#[go_test]
fn names_are_whatever_becomes_a_string_without_a_null_byte() {
    let named = |builder: Builder| builder.spawn(|| task::current().name().map(str::to_owned));
    let kept = String::from("name");
    for builder in [
        Builder::new().name("name"),
        Builder::new().name(String::from("name")),
        Builder::new().name(&kept),
        Builder::new().name(std::borrow::Cow::Borrowed("name")),
        Builder::new().name(Box::<str>::from("name")),
    ] {
        assert_eq!(named(builder).unwrap().wait().as_deref(), Some("name"));
    }
    for name in ["\0", "a\0b", "a\0"] {
        let thrown = panic::catch_unwind(|| Builder::new().name(name)).unwrap_err();
        let message = thrown.downcast_ref::<String>().unwrap();
        assert!(message.contains("null bytes") && message.contains(&format!("{name:?}")));
        panic::catch_unwind(|| go!(name = name => { 1 })).unwrap_err();
    }
}

#[go_test]
fn the_functions_spawn_site_is_their_callers() {
    #[track_caller]
    fn tracked() -> (task::JoinHandle<()>, &'static Location<'static>) {
        (task::spawn(|| ()), Location::caller())
    }
    let (task, at) = tracked();
    assert_eq!(task.task().spawned_at(), at);
    let (built, line) = (Builder::new().spawn(|| ()).unwrap(), line!());
    assert_eq!(built.task().spawned_at().line(), line);
    let (local, line) = (task::spawn_local(|| ()), line!());
    assert_eq!(local.task().spawned_at().line(), line);
}

#[go_test]
fn sizes_that_no_stack_can_have_are_refused() {
    for bytes in [usize::MAX, usize::MAX / 2, 1 << 40] {
        let error = Builder::new().stack_size(bytes).spawn(|| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&bytes.to_string()), "{error}");
        let error = Builder::new().stack_size(bytes).spawn_local(|| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    // Small ones are rounded up.
    assert_eq!(Builder::new().stack_size(0).spawn(|| 7).unwrap().wait(), 7);
    assert_eq!(Builder::new().stack_size(1).spawn_local(|| 7).unwrap().wait(), 7);
}

#[test]
fn a_stack_is_as_large_as_was_asked() {
    /// Uses a KiB for each level at least, and suspends at the bottom.
    fn sink(levels: usize) -> usize {
        let frame = std::hint::black_box([levels; 1024 / size_of::<usize>()]);
        if levels == 0 {
            settle();
            return 0;
        }
        let below = sink(levels - 1);
        assert!(std::hint::black_box(&frame).iter().all(|&word| word == levels));
        below + 1
    }
    on_workers(|_| {
        let tasks: Vec<_> =
            (0..8).map(|n| go!(stack_size = (16 << n) * 1024 * 8 => sink((16 << n) * 2))).collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.wait(), (16 << n) * 2);
        }
    });
}

#[test]
fn what_a_task_takes_is_dropped_once_however_it_ends() {
    on_workers(|_| {
        let drops = Arc::new(AtomicUsize::new(0));
        let counted = || {
            let drops = drops.clone();
            on_drop(move || {
                drops.fetch_add(1, SeqCst);
            })
        };
        let taken = counted();
        go!({ drop(taken) }).wait();
        assert_eq!(drops.swap(0, SeqCst), 1);

        let taken = counted();
        let returned = go!({ taken }).wait();
        assert_eq!(drops.load(SeqCst), 0);
        drop(returned);
        assert_eq!(drops.swap(0, SeqCst), 1);

        let taken = counted();
        let task = go!({
            let _taken = taken;
            panic!("expected")
        });
        assert!(task.join().unwrap_err().is_panic());
        assert_eq!(drops.swap(0, SeqCst), 1);

        let taken = counted();
        let task = go!({
            let _taken = taken;
            gocoro::time::sleep(NEVER)
        });
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(drops.swap(0, SeqCst), 1);
    });
}

#[go_test]
fn sizes_and_alignments_of_closures_and_results() {
    #[repr(align(4096))]
    #[derive(Clone, Copy, PartialEq, Debug)]
    struct Page([u8; 4096]);
    #[repr(align(64))]
    struct Line(u8);

    fn is_aligned<T>(value: &T) -> bool {
        std::ptr::from_ref(value).addr().is_multiple_of(align_of::<T>())
    }

    go!({}).wait();
    // They are moved several times, without optimisation.
    let big = [7u8; 48 * 1024];
    assert_eq!(go!(stack_size = 1 << 20 => { big }).wait(), big);
    for n in 0..40 {
        let (page, line) = (Page([n; 4096]), Line(n));
        let task = go!(stack_size = 1 << 20 => {
            assert!(is_aligned(&page) && is_aligned(&line));
            task::yield_now();
            assert!(page.0.iter().all(|&byte| byte == n) && line.0 == n);
            page
        });
        assert_eq!(task.wait(), page);
    }
}

/// Breadth first, all of them would be alive at once.
#[test]
fn a_tree_of_tasks_needs_stacks_by_its_depth() {
    const FAN_OUT: usize = 8;
    const DEPTH: u32 = 5;

    /// Tasks that have started and not ended, now and at most.
    #[derive(Default)]
    struct Live(AtomicUsize, AtomicUsize);

    /// Each task joins its children, or receives their sums.
    fn leaves(depth: u32, live: &Arc<Live>, by_join: bool) -> usize {
        live.1.fetch_max(live.0.fetch_add(1, SeqCst) + 1, SeqCst);
        let _ended = on_drop(|| {
            live.0.fetch_sub(1, SeqCst);
        });
        if depth == 0 {
            return 1;
        }
        let (sender, receiver) = bounded(1);
        let child = |_| {
            go!(clone(live, sender) => {
                let leaves = leaves(depth - 1, &live, by_join);
                if !by_join {
                    sender.send(leaves).unwrap();
                }
                leaves
            })
        };
        let children: Vec<_> = (0..FAN_OUT).map(child).collect();
        if by_join {
            children.into_iter().map(task::JoinHandle::wait).sum()
        } else {
            drop(children);
            (0..FAN_OUT).map(|_| receiver.recv().unwrap()).sum()
        }
    }

    on_workers(|workers| {
        for by_join in [true, false] {
            let (live, begun) = (Arc::default(), Instant::now());
            assert_eq!(leaves(DEPTH, &live, by_join), FAN_OUT.pow(DEPTH));
            let most = live.1.load(SeqCst);
            println!("{most} at most");
            // A worker has its branch, one more that went before its turn, and those that did so
            // because it took long: at most four after 1, 2, 4 and 8 ms, and another after each 8
            // ms. What several have besides depends on what they take from each other.
            let branches = 2 + 4 + begun.elapsed().as_millis() as usize / 8;
            let enough = if workers == 1 {
                branches * (DEPTH as usize + 1)
            } else {
                FAN_OUT.pow(DEPTH) / 10
            };
            assert!(most <= enough, "{most} alive on {workers} workers, not {enough}");
        }
    });
}

/// They do not rest, and so are not all alive at once: half a GiB is too much for a test, and
/// `benches` has a million sleepers.
#[test]
fn a_hundred_thousand_tasks_run_to_their_ends() {
    on_workers(|_| {
        let counter = Arc::new(AtomicUsize::new(0));
        let tasks = (0..100_000).map(|_| {
            go!(clone(counter) => {
                for _ in 0..10 {
                    counter.fetch_add(1, SeqCst);
                }
            })
        });
        assert!(wait_all(tasks).iter().all(Result::is_ok));
        assert_eq!(counter.load(SeqCst), 1_000_000);
    });
}

#[test]
fn the_stack_left_shrinks_by_depth() {
    fn deep(levels: usize) -> usize {
        let room = std::hint::black_box([0_u8; 512]);
        match levels {
            0 => task::remaining_stack().unwrap(),
            _ => deep(levels - 1).min(usize::from(room[0]) + usize::MAX / 2),
        }
    }
    let builder = task::Builder::new().stack_size(256 * 1024);
    let (flat, deep) = builder.spawn(|| (deep(0), deep(20))).unwrap().wait();
    assert!(flat < 256 * 1024 && deep + 20 * 512 <= flat, "{flat} {deep}");
}
