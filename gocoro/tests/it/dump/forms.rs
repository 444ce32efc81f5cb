//! The two forms of a dump: for people, who want to see equal tasks once, and for programs.

use std::time::Duration;

use gocoro::channel;
use gocoro::runtime::{Builder, TaskState, dump};
use gocoro::{go, task, time};

use super::waits;
use crate::support::json::{Json, number};

#[test]
fn json_has_all_that_the_dump_has() {
    let name = "dump-\"json\"\\\n\t\u{1}é€😀";
    let parked = go!(name = "dump-json-parent" => {
        let child = task::Builder::new().name(name).spawn(|| {
            time::timeout(Duration::from_secs(3600), task::park).unwrap();
        });
        child.unwrap()
    })
    .wait();
    let found = waits(name, "park");
    let dump = dump();
    let json = dump.json().to_string();
    assert_eq!(json.lines().count(), 1);
    let json = Json::read(&json);
    assert_eq!(json.at("version"), &Json::Number(1));
    assert_eq!(json.at("silent_workers"), &number(dump.silent_workers()));
    assert_eq!(json.list("tasks").len(), dump.tasks().len());
    for worker in json.list("workers") {
        for field in ["runtime", "worker", "tasks", "unstarted"] {
            assert!(matches!(worker.at(field), Json::Number(_)), "{worker:?}");
        }
    }
    let of_it = |task: &&Json| task.at("name") == &Json::Text(name.to_owned());
    let task = json.list("tasks").iter().find(of_it).unwrap();
    let text = |text: &str| Json::Text(text.to_owned());
    assert_eq!(task.at("id").clone(), Json::Number(parked.id().to_string().parse().unwrap()));
    assert_eq!(task.at("spawned_at.file"), &text(file!()));
    assert_eq!(task.at("spawned_at.line"), &number(found.spawned_at().line()));
    assert_eq!(task.at("spawned_at.column"), &number(found.spawned_at().column()));
    assert_eq!(task.at("parent.name"), &text("dump-json-parent"));
    assert_eq!(task.at("parent.id").clone(), {
        Json::Number(found.parent().unwrap().to_string().parse().unwrap())
    });
    assert_eq!((task.at("daemon"), task.at("cancelled")), (&Json::Bool(false), &Json::Bool(false)));
    assert_eq!((task.at("state"), task.at("wait.for")), (&text("waiting"), &text("park")));
    assert!(matches!(task.at("wait.ms"), Json::Number(_)));
    let Json::Number(left) = *task.at("wait.left_ms") else { panic!("{task:?}") };
    assert!((3_000_000..=3_600_000).contains(&left), "{left}");
    assert_eq!(task.at("stack.bytes"), &number(found.stack_size()));
    assert_eq!(task.at("worker"), &number(found.worker()));
    parked.task().unpark();
    parked.wait();

    // A task that runs has no wait, and this one has no name and no parent.
    let runtime = Builder::new().workers(1).build().unwrap();
    let alone = runtime.spawn(|| (task::current().id(), super::dump().json().to_string()));
    let (id, json) = alone.wait();
    let json = Json::read(&json);
    let id = Json::Number(id.to_string().parse().unwrap());
    let task = json.list("tasks").iter().find(|task| task.at("id") == &id).unwrap();
    assert_eq!(task.at("state"), &text("running"));
    for field in ["name", "parent", "scope", "wait"] {
        assert_eq!(task.at(field), &Json::Null, "{field}");
    }
}

#[test]
fn tasks_that_do_the_same_share_a_line() {
    let runtime = Builder::new().workers(2).build().unwrap();
    runtime.run(|| {
        let (sender, receiver) = channel::unbounded::<i32>();
        let alike: Vec<_> = (0..7)
            .map(|_| {
                let receiver = receiver.clone();
                go!(name = "dump-alike" => { receiver.recv() })
            })
            .collect();
        let asleep: Vec<_> = (0..3)
            .map(|_| go!(name = "dump-asleep" => { time::sleep(Duration::from_secs(3600)) }))
            .collect();
        let other = go!(name = "dump-alike" => { task::park() });
        let waiting = |name| {
            let dump = dump();
            let tasks = dump.tasks().iter().filter(|task| task.name() == Some(name));
            tasks.filter(|task| task.state() == TaskState::Waiting).count()
        };
        while waiting("dump-alike") < 8 || waiting("dump-asleep") < 3 {
            task::yield_now();
        }
        let dump = dump();
        let text = dump.to_string();
        let ours = |line: &&str| line.contains("'dump-alike'") || line.contains("'dump-asleep'");
        let lines: Vec<_> = text.lines().filter(ours).collect();
        assert_eq!(lines.len(), 3, "{text}");
        let at = alike[0].task().spawned_at();
        let shown = format!("  7 tasks 'dump-alike' (spawned at {at} by task ");
        assert!(lines.iter().any(|line| line.starts_with(&shown)), "{text}");
        let asleep_too = |line: &&str| line.starts_with("  3 tasks 'dump-asleep' (");
        let line = lines.iter().find(|line| asleep_too(line)).expect(&text);
        assert!(line.contains("): sleep for ") && line.ends_with(" left"), "{text}");
        assert!(lines.iter().any(|line| line.starts_with("  task 'dump-alike' (")), "{text}");
        // For programs each is listed.
        let json = Json::read(&dump.json().to_string());
        let name = Json::Text("dump-alike".to_owned());
        let listed = json.list("tasks").iter().filter(|task| task.at("name") == &name);
        assert_eq!(listed.count(), 8);
        drop(sender);
        alike.into_iter().for_each(|task| assert!(task.wait().is_err()));
        asleep.iter().for_each(|task| task.cancel());
        asleep.into_iter().for_each(|task| assert!(task.join().is_err()));
        other.task().unpark();
        other.wait();
    });
}

#[test]
fn what_a_stack_has_held_is_known() {
    /// Has a frame of at least so many bytes.
    #[inline(never)]
    fn deep<const BYTES: usize>() -> u8 {
        std::hint::black_box([1_u8; BYTES])[BYTES / 2]
    }
    let size = 4 << 20;
    let spawn = |name: &str, runs: fn() -> u8| {
        let body = move || {
            assert_eq!(runs(), 1);
            task::park();
        };
        task::Builder::new().name(name.to_owned()).stack_size(size).spawn(body).unwrap()
    };
    let (flat, high) = (spawn("dump-flat", deep::<1>), spawn("dump-high", deep::<{ 200 * 1024 }>));
    let touched = |name| {
        let found = waits(name, "park");
        assert_eq!(found.stack_size(), size);
        found.stack_touched().expect("this system says it")
    };
    let (little, much) = (touched("dump-flat"), touched("dump-high"));
    assert!(little >= 4096 && much > 200 * 1024 && much < size, "{little} {much}");
    assert_eq!((little % 4096, much % 4096), (0, 0));
    assert!(waits("dump-high", "park").to_string().contains(" of 4096 KiB): "));
    for task in [flat, high] {
        task.task().unpark();
        task.wait();
    }
}

#[test]
fn a_cancelled_task_that_does_not_end_is_shown_as_one() {
    let task = go!(name = "dump-cancelled" => { task::shield(task::park) });
    let before = waits("dump-cancelled", "park");
    assert!(!before.is_cancelled() && !before.to_string().contains("cancelled)"));
    task.cancel();
    let after = waits("dump-cancelled", "park");
    assert!(after.is_cancelled());
    assert!(after.to_string().contains(", cancelled): park for "), "{after}");
    task.task().unpark();
    drop(task.join());
}
