//! Tasks that wait for each other are reported while the rest of the program goes on.

use std::process::{self, ExitCode};
use std::sync::OnceLock;
use std::time::Duration;

use gocoro::sync::{Arc, Barrier, LazyLock, Mutex, Once, RwLock};
use gocoro::task::{self, JoinHandle};
use gocoro::{channel, go, go_main, time};

use super::{LATER, run, run_until, send_signal, when_told, words};
use crate::support::HANG;

/// Programs by name. Each leaves tasks behind that wait for each other, or may seem to.
const SCENARIOS: &[(&str, fn())] = &[
    ("philosophers", philosophers),
    ("lock order", lock_order),
    ("joins", joins),
    ("a parent with a lock", parent_with_lock),
    ("once", once),
    ("lazy", lazy),
    ("rwlocks", rwlocks),
    ("handed over", handed_over),
    ("two cycles", || {
        joins();
        lock_order();
    }),
    ("a timeout", timeout),
    ("a deadline", deadline),
    ("a cancel", cancel),
    ("in good order", in_good_order),
];

static SCENARIO: OnceLock<fn()> = OnceLock::new();

pub(super) fn scenario(name: &str) -> Option<ExitCode> {
    let (kind, known) = name.split_once(' ')?;
    let main = match kind {
        "abort" => that_aborts::main,
        "end" => that_ends::main,
        "report" => that_reports::main,
        _ => return None,
    };
    let (_, scenario) = SCENARIOS.iter().find(|(one, _)| *one == known).unwrap();
    SCENARIO.set(*scenario).unwrap();
    Some(main())
}

mod that_aborts {
    use super::*;

    #[go_main(deadlock = "abort")]
    pub(super) fn main() {
        drop(go!(daemon => { loop { time::sleep(Duration::from_millis(1)) } }));
        SCENARIO.get().unwrap()();
        time::sleep(HANG);
    }
}

/// A program that ends after a while, in which nothing is to be said.
mod that_ends {
    use super::*;

    #[go_main(deadlock = "abort")]
    pub(super) fn main() {
        drop(go!(daemon => { loop { time::sleep(Duration::from_millis(1)) } }));
        SCENARIO.get().unwrap()();
        time::sleep(LATER);
    }
}

mod that_reports {
    use super::*;

    #[go_main]
    pub(super) fn main() {
        goes_on();
    }
}

/// Runs the scenario beside a task that never stops, so that the program never stands still, until
/// the program is told to end.
fn goes_on() {
    drop(go!(daemon => { loop { time::sleep(Duration::from_millis(1)) } }));
    let own = process::id() as libc::pid_t;
    when_told(|| send_signal(own, libc::SIGKILL));
    SCENARIO.get().unwrap()();
    task::park();
}

/// The lines of a report, of which those for tasks may come in any order.
fn lines(report: &str) -> Vec<String> {
    let mut lines: Vec<_> = words(&report.replace(file!(), "F")).lines().map(rotated).collect();
    lines.sort();
    lines
}

/// The line of a cycle, which may begin anywhere, as it is if it begins with the first by name.
fn rotated(line: &str) -> String {
    let Some(cycle) = line.strip_prefix("  cycle: ") else { return line.to_owned() };
    let mut tasks: Vec<_> = cycle.split(" waits for ").collect();
    assert_eq!(tasks.first(), tasks.last());
    tasks.pop();
    let first = tasks.iter().enumerate().min_by_key(|(_, task)| **task).unwrap().0;
    tasks.rotate_left(first);
    tasks.push(tasks[0]);
    format!("  cycle: {}", tasks.join(" waits for "))
}

/// The scenario is reported in these words, on one worker and on four, by a program that goes on
/// and by one that aborts. They are those of one cycle.
#[track_caller]
fn is_reported(name: &str, tasks: &[String], cycle: &str) {
    let mut report = tasks.to_vec();
    report.push(format!("gocoro: deadlock: {} tasks wait for each other", tasks.len()));
    report.push(format!("  cycle: {cycle}"));
    report.sort();
    for workers in ["1", "4"] {
        let (code, stderr) = run_until(&format!("report {name}"), workers, 1, "  cycle: ");
        assert_eq!(
            (code, lines(&stderr)),
            (128 + libc::SIGKILL, report.clone()),
            "workers: {workers}, {stderr}"
        );
    }
    report.push("gocoro: deadlock is \"abort\"; aborting".to_owned());
    report.sort();
    for workers in ["1", "4"] {
        let (code, stderr) = run(&format!("abort {name}"), workers);
        assert_eq!(
            (code, lines(&stderr)),
            (128 + libc::SIGABRT, report.clone()),
            "workers: {workers}, {stderr}"
        );
    }
}

/// A task's line. Its file and its column stand there as `words` leaves them.
fn line(name: &str, line: u32, wait: &str) -> String {
    format!(
        "  task '{name}' (spawned at F:{line} by task 'main', worker N, stack N of 256 KiB): {wait} for N ms"
    )
}

const PHILOSOPHERS: u32 = line!();
fn philosophers() {
    let table = Arc::new(([(); 3].map(Mutex::new), Barrier::new(3)));
    for seat in 0..3 {
        let table = table.clone();
        let eat = move || {
            let (forks, all_have_one) = &*table;
            let _left = forks[seat].lock().unwrap();
            all_have_one.wait();
            let _right = forks[(seat + 1) % 3].lock().unwrap();
        };
        drop(task::Builder::new().name(format!("philosopher {seat}")).spawn(eat).unwrap());
    }
}

#[test]
fn philosophers_who_have_a_fork_each_are_a_cycle() {
    let philosopher = |seat: usize| {
        let wait = format!("lock of a mutex held by task 'philosopher {}'", (seat + 1) % 3);
        line(&format!("philosopher {seat}"), PHILOSOPHERS + 11, &wait)
    };
    is_reported(
        "philosophers",
        &[0, 1, 2].map(philosopher),
        "task 'philosopher 0' waits for task 'philosopher 1' waits for task 'philosopher 2' waits \
         for task 'philosopher 0'",
    );
}

const LOCK_ORDER: u32 = line!();
fn lock_order() {
    let shared = Arc::new((Mutex::new(0), Mutex::new(0), Barrier::new(2)));
    let other = shared.clone();
    let (from, to) = (shared, other);
    drop(
        go!(name = "there" => { let _a = from.0.lock().unwrap(); from.2.wait(); *from.1.lock().unwrap() += 1 }),
    );
    drop(
        go!(name = "back" => { let _b = to.1.lock().unwrap(); to.2.wait(); *to.0.lock().unwrap() += 1 }),
    );
}

#[test]
fn locks_that_are_taken_in_two_orders_are_a_cycle() {
    is_reported(
        "lock order",
        &[
            line("there", LOCK_ORDER + 6, "lock of a mutex held by task 'back'"),
            line("back", LOCK_ORDER + 9, "lock of a mutex held by task 'there'"),
        ],
        "task 'back' waits for task 'there' waits for task 'back'",
    );
}

const JOINS: u32 = line!();
fn joins() {
    let (give, handle) = channel::bounded::<JoinHandle<()>>(1);
    let first = go!(name = "first" => { drop(handle.recv().unwrap().join()) });
    let second = go!(name = "second" => { drop(first.join()) });
    give.send(second).unwrap();
}

#[test]
fn two_that_join_each_other_are_a_cycle() {
    is_reported(
        "joins",
        &[
            line("first", JOINS + 3, "join of task 'second'"),
            line("second", JOINS + 4, "join of task 'first'"),
        ],
        "task 'first' waits for task 'second' waits for task 'first'",
    );
}

const PARENT: u32 = line!();
fn parent_with_lock() {
    let theirs = Arc::new(Mutex::new(0));
    let mine = theirs.clone();
    let (give, handle) = channel::bounded::<JoinHandle<()>>(1);
    drop(
        go!(name = "parent" => { let _kept = theirs.lock().unwrap(); handle.recv().unwrap().wait() }),
    );
    wait_until("parent", "recv");
    give.send(go!(name = "child" => { *mine.lock().unwrap() += 1 })).unwrap();
}

#[test]
fn a_join_of_a_task_that_needs_the_joiners_lock_is_a_cycle() {
    is_reported(
        "a parent with a lock",
        &[
            line("parent", PARENT + 6, "join of task 'child'"),
            line("child", PARENT + 9, "lock of a mutex held by task 'parent'"),
        ],
        "task 'child' waits for task 'parent' waits for task 'child'",
    );
}

const ONCE: u32 = line!();
fn once() {
    let shared = Arc::new((Mutex::new(0), Once::new(), Barrier::new(2)));
    let other = shared.clone();
    let run = move || {
        shared.1.call_once(|| {
            shared.2.wait();
            *shared.0.lock().unwrap() += 1
        })
    };
    drop(go!(name = "runs" => run()));
    drop(
        go!(name = "holds" => { let _a = other.0.lock().unwrap(); other.2.wait(); other.1.call_once(|| ()) }),
    );
}

#[test]
fn an_initialisation_that_needs_the_lock_of_one_that_waits_for_it_is_a_cycle() {
    is_reported(
        "once",
        &[
            line("runs", ONCE + 10, "lock of a mutex held by task 'holds'"),
            line("holds", ONCE + 12, "initialisation run by task 'runs'"),
        ],
        "task 'holds' waits for task 'runs' waits for task 'holds'",
    );
}

static EGG: LazyLock<u32> = LazyLock::new(|| {
    BOTH.wait();
    *HEN
});
static HEN: LazyLock<u32> = LazyLock::new(|| {
    BOTH.wait();
    *EGG
});
static BOTH: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));

const LAZY: u32 = line!();
fn lazy() {
    drop(go!(name = "egg" => { assert_eq!(*EGG, 1) }));
    drop(go!(name = "hen" => { assert_eq!(*HEN, 1) }));
}

#[test]
fn statics_that_initialise_each_other_are_a_cycle() {
    is_reported(
        "lazy",
        &[
            line("egg", LAZY + 2, "initialisation run by task 'hen'"),
            line("hen", LAZY + 3, "initialisation run by task 'egg'"),
        ],
        "task 'egg' waits for task 'hen' waits for task 'egg'",
    );
}

const RWLOCKS: u32 = line!();
fn rwlocks() {
    let shared = Arc::new((RwLock::new(0), RwLock::new(0), Barrier::new(2)));
    let other = shared.clone();
    drop(
        go!(name = "reads" => { let _a = shared.0.write().unwrap(); shared.2.wait(); let _b = shared.1.read().unwrap(); }),
    );
    drop(
        go!(name = "writes" => { let _b = other.1.write().unwrap(); other.2.wait(); let _a = other.0.write().unwrap(); }),
    );
}

#[test]
fn writers_of_two_rwlocks_are_a_cycle() {
    is_reported(
        "rwlocks",
        &[
            line("reads", RWLOCKS + 5, "read lock of an rwlock write-locked by task 'writes'"),
            line("writes", RWLOCKS + 8, "write lock of an rwlock write-locked by task 'reads'"),
        ],
        "task 'reads' waits for task 'writes' waits for task 'reads'",
    );
}

const HANDED_OVER: u32 = line!();
fn handed_over() {
    let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
    let (of_next, of_last, go_on) = (locks.clone(), locks.clone(), channel::bounded::<()>(0));
    let held = locks.0.lock().unwrap();
    drop(
        go!(name = "next" => { let _a = of_next.0.lock().unwrap(); go_on.1.recv().unwrap(); *of_next.1.lock().unwrap() += 1 }),
    );
    wait_until("next", "lock of a mutex");
    drop(
        go!(name = "last" => { let _b = of_last.1.lock().unwrap(); *of_last.0.lock().unwrap() += 1 }),
    );
    wait_until("last", "lock of a mutex");
    drop(held);
    go_on.0.send(()).unwrap();
}

/// Waits until this task waits like this.
fn wait_until(name: &str, wait: &str) {
    let waits = || {
        let dump = gocoro::runtime::dump();
        let task = dump.tasks().iter().find(|task| task.name() == Some(name));
        task.and_then(|task| task.waits_for()).is_some_and(|words| words.starts_with(wait))
    };
    while !waits() {
        task::yield_now();
    }
}

/// Whoever waits for a lock waits for those too who came before.
#[test]
fn a_lock_that_was_handed_on_belongs_to_its_new_holder() {
    is_reported(
        "handed over",
        &[
            line("next", HANDED_OVER + 6, "lock of a mutex held by task 'last'"),
            line("last", HANDED_OVER + 10, "lock of a mutex held by task 'next'"),
        ],
        "task 'last' waits for task 'next' waits for task 'last'",
    );
}

#[test]
fn each_of_two_cycles_is_reported_once() {
    for workers in ["1", "4"] {
        let (code, stderr) = run_until("report two cycles", workers, 2, "  cycle: ");
        let cycles: Vec<_> =
            lines(&stderr).into_iter().filter(|line| line.starts_with("  cycle: ")).collect();
        let expected = [
            "  cycle: task 'back' waits for task 'there' waits for task 'back'",
            "  cycle: task 'first' waits for task 'second' waits for task 'first'",
        ];
        assert_eq!(cycles, expected, "workers: {workers}, {stderr}");
        assert_eq!((code, lines(&stderr).len()), (128 + libc::SIGKILL, 8));
    }
}

fn timeout() {
    let shared = Arc::new((Mutex::new(0), Mutex::new(0), Barrier::new(2)));
    let other = shared.clone();
    drop(go!({
        let _a = shared.0.lock().unwrap();
        shared.2.wait();
        *shared.1.lock().unwrap() += 1
    }));
    let _b = other.1.lock().unwrap();
    other.2.wait();
    assert!(time::timeout(LATER, || drop(other.0.lock().unwrap())).is_err());
}

fn deadline() {
    let shared = Arc::new(Mutex::new(0));
    let other = shared.clone();
    let _kept = shared.lock().unwrap();
    let child = go!({ *other.lock().unwrap() += 1 });
    drop(child.join_timeout(LATER).unwrap_err());
}

/// One that is cancelled soon after.
fn cancel() {
    let shared = Arc::new((Mutex::new(0), Mutex::new(0), Barrier::new(2)));
    let other = shared.clone();
    let one = go!({
        let _a = shared.0.lock().unwrap();
        shared.2.wait();
        *shared.1.lock().unwrap() += 1
    });
    let two = go!({
        let _b = other.1.lock().unwrap();
        other.2.wait();
        one.task().cancel();
        *other.0.lock().unwrap() += 1;
        drop(one)
    });
    two.wait();
}

/// Much contention in the right order, in which old edges are met again and again.
fn in_good_order() {
    let locks = Arc::new([(); 5].map(|()| Mutex::new(0_u64)));
    let tasks: Vec<_> = (0..50_usize)
        .map(|task| {
            let locks = locks.clone();
            go!({
                let mut random = task + 1;
                for _ in 0..300 {
                    random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                    let (one, other) = ((random >> 33) % 5, (random >> 43) % 5);
                    if one == other {
                        continue;
                    }
                    let mut first = locks[one.min(other)].lock().unwrap();
                    task::yield_now();
                    *locks[one.max(other)].lock().unwrap() += 1;
                    *first += 1;
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(JoinHandle::wait);
}

#[test]
fn nothing_is_said_of_waits_that_end() {
    for scenario in ["a timeout", "a deadline", "a cancel", "in good order"] {
        for workers in ["1", "4"] {
            let seen = run(&format!("end {scenario}"), workers);
            assert_eq!(seen, (0, String::new()), "{scenario}, workers: {workers}");
        }
    }
}
