//! To which scope or group a task belongs.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use gocoro::channel::{self, Receiver};
use gocoro::runtime::{Builder, Dump, DumpedTask, TaskScope, TaskScopeKind, TaskState, dump};
use gocoro::task::{self, TaskGroup};
use gocoro::{go, thread};

use super::waits;
use crate::support::json::{Json, number};

/// The scope of the task with this name, once that waits in `park`.
fn scope_of(name: &str) -> Option<TaskScope> {
    waits(name, "park").scope()
}

/// The running task's own.
fn scope_here() -> Option<TaskScope> {
    let me = task::current().id();
    dump().tasks().iter().find(|task| task.id() == me).unwrap().scope()
}

fn parks(name: &str) -> task::Builder {
    task::Builder::new().name(name)
}

/// The tasks of this name, once there are so many and all of them wait.
fn all_wait(name: &str, count: usize) -> (Dump, Vec<DumpedTask>) {
    loop {
        let dump = dump();
        let tasks = dump.tasks().iter().filter(|task| task.name() == Some(name));
        let waits = |task: &&DumpedTask| task.state() == TaskState::Waiting;
        let tasks: Vec<_> = tasks.filter(waits).cloned().collect();
        if tasks.len() == count {
            return (dump, tasks);
        }
        task::yield_now();
    }
}

#[track_caller]
fn assert_is(scope: TaskScope, kind: TaskScopeKind, line: u32) {
    let at = scope.created_at();
    assert_eq!((scope.kind(), at.file(), at.line()), (kind, file!(), line));
    let word = if kind == TaskScopeKind::Scope { "scope" } else { "group" };
    assert_eq!(scope.to_string(), format!("the {word} at {}:{line}", file!()));
}

#[test]
fn children_belong_to_their_scope_and_nobody_else_does() {
    let outside = go!(name = "dump-outside" => { task::park() });
    assert_eq!(scope_of("dump-outside"), None);
    outside.task().unpark();
    outside.wait();
    let line = line!() + 1;
    task::scope(|s| {
        let names = ["dump-child-1", "dump-child-2"];
        let children = names.map(|name| parks(name).spawn_scoped(s, task::park).unwrap());
        let [scope, second] = names.map(|name| scope_of(name).unwrap());
        assert_eq!(scope, second);
        assert_is(scope, TaskScopeKind::Scope, line);
        let inner = s.spawn(move || {
            assert_eq!(scope_here(), Some(scope));
            // What a child spawns without a scope belongs to none, and what it spawns in a scope of
            // its own belongs to that.
            assert_eq!(go!({ scope_here() }).wait(), None);
            let line = line!() + 1;
            let nested = task::scope(|s| s.spawn(scope_here).wait()).unwrap();
            assert_is(nested, TaskScopeKind::Scope, line);
            assert_ne!(nested, scope);
            let line = line!() + 1;
            let local = task::scope(|s| s.spawn_local(scope_here).wait()).unwrap();
            assert_is(local, TaskScopeKind::Scope, line);
        });
        inner.wait();
        children.iter().for_each(|child| child.cancel());
    });
}

#[test]
fn scopes_and_groups_of_one_line_are_told_apart() {
    let runtime = Builder::new().workers(2).build().unwrap();
    runtime.run(|| {
        let line = line!() + 3;
        let scopes: Vec<_> = (0..3)
            .map(|_| {
                go!(name = "dump-opens" => task::scope(|s| {
                    for _ in 0..2 {
                        drop(parks("dump-in-scope").spawn_scoped(s, task::park));
                    }
                }))
            })
            .collect();
        let (dump, tasks) = all_wait("dump-in-scope", 6);
        let of: Vec<_> = tasks.iter().map(|task| task.scope().unwrap()).collect();
        of.iter().for_each(|scope| assert_is(*scope, TaskScopeKind::Scope, line));
        let different: HashSet<_> = of.iter().map(TaskScope::id).collect();
        assert_eq!((different.len(), of.iter().collect::<HashSet<_>>().len()), (3, 3));
        for id in different {
            assert_eq!(of.iter().filter(|scope| scope.id() == id).count(), 2);
        }
        // The three tasks share a line, though neither their scopes nor their parents are the same.
        let shown = format!(", in 3 scopes at {}:{line}, worker", file!());
        let text = dump.to_string();
        let lines: Vec<_> = text.lines().filter(|line| line.contains("dump-in-scope")).collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert!(lines[0].starts_with("  6 tasks 'dump-in-scope' (spawned at "), "{text}");
        assert!(lines[0].contains(&shown), "{text}");
        let shown = format!(", in the scope at {}:{line}, worker", file!());
        assert!(tasks[0].to_string().contains(&shown), "{}", tasks[0]);
        scopes.iter().for_each(|scope| scope.cancel());
        scopes.into_iter().for_each(|scope| drop(scope.join()));

        let line = line!() + 1;
        let groups = [(); 2].map(|()| TaskGroup::with_limit(2));
        for group in &groups {
            group.builder().name("dump-in-group").spawn(task::park).unwrap();
        }
        let (_, tasks) = all_wait("dump-in-group", 2);
        let of: Vec<_> = tasks.iter().map(|task| task.scope().unwrap()).collect();
        of.iter().for_each(|group| assert_is(*group, TaskScopeKind::Group, line));
        assert_ne!(of[0], of[1]);
        // A group stays the same where it is moved to.
        let moved = Box::new(groups);
        let (dump, again) = all_wait("dump-in-group", 2);
        assert_eq!(again.iter().map(|task| task.scope().unwrap()).collect::<Vec<_>>(), of);
        let text = dump.to_string();
        assert!(text.contains(&format!(", in 2 groups at {}:{line}, ", file!())), "{text}");
        // Tasks that differ in their scope or group, and in nothing else, have lines of their own.
        let line_of_third = line!() + 1;
        let third = TaskGroup::new();
        for group in [&moved[0], &third] {
            group.builder().name("dump-in-either").spawn(task::park).unwrap();
        }
        let (dump, _) = all_wait("dump-in-either", 2);
        let text = dump.to_string();
        for line in [line, line_of_third] {
            let shown = format!(", in the group at {}:{line}, ", file!());
            let mut lines = text.lines().filter(|line| line.contains("  task 'dump-in-either' ("));
            assert!(lines.any(|line| line.contains(&shown)), "{text}");
        }
    });
}

#[test]
fn json_has_the_scope() {
    let line = line!() + 1;
    task::scope(|s| {
        let child = parks("dump-json-child").spawn_scoped(s, task::park).unwrap();
        let scope = scope_of("dump-json-child").unwrap();
        let json = Json::read(&dump().json().to_string());
        let named = |name: &str| {
            let name = Json::Text(name.to_owned());
            json.list("tasks").iter().find(|task| task.at("name") == &name).unwrap()
        };
        let task = named("dump-json-child");
        let text = |text: &str| Json::Text(text.to_owned());
        assert_eq!(task.at("scope.kind"), &text("scope"));
        assert_eq!(task.at("scope.file"), &text(file!()));
        assert_eq!(task.at("scope.line"), &number(line));
        assert_eq!(task.at("scope.column"), &number(scope.created_at().column()));
        assert_eq!(task.at("scope.id"), &number(scope.id()));
        child.cancel();
    });
}

#[test]
fn races_and_scopes_of_threads_are_scopes() {
    let line = line!() + 1;
    let race = go!({ task::race([scope_here, scope_here]) });
    assert_is(race.wait().flatten().unwrap(), TaskScopeKind::Scope, line);
    let line = line!() + 1;
    let threads = go!({ thread::scope(|s| s.spawn(scope_here).join().unwrap()) });
    assert_is(threads.wait().unwrap(), TaskScopeKind::Scope, line);
}

/// A group that an unwinding drops does not wait for its tasks.
#[test]
fn a_task_that_outlives_its_group_still_names_it() {
    let (to, tasks) = channel::bounded(1);
    let failed = go!({
        let group = TaskGroup::new();
        let outlives = move || {
            to.send(task::current()).unwrap();
            task::shield(task::park);
        };
        group.builder().name("dump-outlives").spawn(outlives).unwrap();
        let found = waits("dump-outlives", "park");
        std::panic::resume_unwind(Box::new(found.scope()));
    });
    let error = failed.join().unwrap_err();
    let before = error.downcast_ref::<Option<TaskScope>>().unwrap().unwrap();
    // Memory that is given back too early is used again.
    let others: Vec<_> = (0..100).map(|_| TaskGroup::<()>::new()).collect();
    let found = waits("dump-outlives", "park");
    assert!(found.is_cancelled());
    assert_eq!(found.scope(), Some(before));
    drop(others);
    tasks.recv().unwrap().unpark();
}

/// Scopes and groups that come and go while others look.
#[test]
fn a_storm_of_scopes_is_dumped_again_and_again() {
    fn waits_a_little(from: &Receiver<()>) {
        let _ = from.try_recv();
        task::yield_now();
    }
    for workers in [1, 4] {
        let runtime = Builder::new().workers(workers).build().unwrap();
        runtime.run(|| {
            let over = Arc::new(AtomicBool::new(false));
            let theirs = over.clone();
            let dumper = go!({
                let mut seen = 0;
                while !theirs.load(Acquire) || seen == 0 {
                    for task in dump().tasks() {
                        let Some(scope) = task.scope() else { continue };
                        let name = task.name().unwrap_or_default();
                        match scope.kind() {
                            TaskScopeKind::Group => assert_ne!(name, "dump-storm-child"),
                            _ => assert_ne!(name, "dump-storm-member"),
                        }
                        if name.starts_with("dump-storm-") {
                            assert_eq!(scope.created_at().file(), file!());
                            seen += 1;
                        }
                    }
                }
            });
            let opens: Vec<_> = (0..20)
                .map(|_| {
                    go!({
                        let (_to, from) = channel::bounded::<()>(1);
                        for _ in 0..20 {
                            task::scope(|s| {
                                for _ in 0..5 {
                                    let child = parks("dump-storm-child");
                                    drop(child.spawn_scoped(s, || waits_a_little(&from)));
                                }
                            });
                            let group = TaskGroup::new();
                            for _ in 0..5 {
                                let (from, member) = (from.clone(), group.builder());
                                let member = member.name("dump-storm-member");
                                member.spawn(move || waits_a_little(&from)).unwrap();
                            }
                        }
                    })
                })
                .collect();
            opens.into_iter().for_each(|task| task.wait());
            // One of them is there until it was seen.
            task::scope(|s| {
                let last = parks("dump-storm-child").spawn_scoped(s, task::park).unwrap();
                over.store(true, Release);
                dumper.wait();
                last.cancel();
            });
        });
    }
}
