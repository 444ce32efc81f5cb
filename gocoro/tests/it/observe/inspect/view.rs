//! What the page shows: cycles, workers that are stuck, and the table as it is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use gocoro::sync::{Barrier, Mutex};
use gocoro::task::{self, TaskGroup};
use gocoro::{channel, go};

use super::{json, number, once, served, text};
use crate::support::json::Json;
use crate::support::with_workers;

fn names(list: &[Json]) -> Vec<&Json> {
    list.iter().map(|task| task.at("name")).collect()
}

#[test]
fn a_deadlock_is_shown_as_a_cycle() {
    let page = served();
    let forks = Arc::new((Mutex::new(()), Mutex::new(()), Barrier::new(2)));
    let theirs = forks.clone();
    let left = go!(name = "inspect-left" => {
        let _mine = theirs.0.lock();
        theirs.2.wait();
        drop(theirs.1.lock());
    });
    let right = go!(name = "inspect-right" => {
        let _mine = forks.1.lock();
        forks.2.wait();
        drop(forks.0.lock());
    });
    let ids = [&left, &right].map(|task| task.id().to_string());
    let expected = [text("inspect-left"), text("inspect-right")];
    once(&page, "/view.json", |view| {
        let mut cycles = view.list("stuck.cycles").iter().map(|cycle| {
            let Json::List(tasks) = cycle else { panic!("{cycle:?}") };
            tasks
        });
        // A cycle begins with any of its tasks.
        let cycle = cycles.find(|tasks| names(tasks).contains(&&expected[0]))?;
        assert_eq!(cycle.len(), 2);
        assert!(names(cycle).contains(&&expected[1]), "{cycle:?}");
        let nodes = view.list("graph.nodes");
        for (this, other) in [(0, 1), (1, 0)] {
            let node = nodes.iter().find(|node| node.at("key") == &text(&ids[this])).unwrap();
            assert_eq!(node.at("name"), &expected[this]);
            assert_eq!(node.at("cycle"), &Json::Bool(true));
            let mut edges = view.list("graph.edges").iter();
            let edge = edges.find(|edge| edge.at("from") == &text(&ids[this])).unwrap();
            assert_eq!(edge.at("to"), &text(&ids[other]));
            assert_eq!(edge.at("cycle"), &Json::Bool(true));
        }
        Some(())
    });
    // The list of all tasks has the edges too.
    let all = json(&page, "/tasks.json");
    let mut tasks = all.list("tasks").iter();
    let task = tasks.find(|task| task.at("name") == &expected[0]).unwrap();
    assert_eq!(task.at("wait.depends_on.task"), &number(ids[1].parse::<u64>().unwrap()));
    left.cancel();
    assert!(left.join().is_err());
    right.wait();
}

#[test]
fn it_answers_when_every_worker_is_stuck_and_says_which() {
    let page = served();
    let runtime = with_workers(2);
    let go_on = Arc::new(AtomicBool::new(false));
    let (begun, begins) = channel::bounded(2);
    let tasks = [(); 2].map(|()| {
        let (go_on, begun) = (go_on.clone(), begun.clone());
        runtime.spawn(move || {
            begun.send(()).unwrap();
            while !go_on.load(SeqCst) {
                std::hint::spin_loop();
            }
        })
    });
    // Each worker has one of them: a worker that spins starts no other.
    begins.recv().unwrap();
    begins.recv().unwrap();
    let id = number(runtime.metrics().id);
    once(&page, "/view.json", |view| {
        let silent = view.list("dump.silent").iter().filter(|worker| worker.at("runtime") == &id);
        // A thread that gets no processor does not tell what it runs.
        let is_told = |worker: &&Json| {
            cfg!(not(target_os = "linux"))
                || worker.at("does") != &Json::Null && worker.at("task") != &Json::Null
        };
        (silent.filter(is_told).count() == 2).then_some(())
    });
    go_on.store(true, SeqCst);
    tasks.into_iter().for_each(|task| task.wait());
    once(&page, "/view.json", |view| {
        let silent = view.list("dump.silent").iter().any(|worker| worker.at("runtime") == &id);
        (!silent).then_some(())
    });
}

/// Thirty tasks of one site that wait, each with a name of its own.
fn thirty(of: &str) -> (channel::Sender<()>, Vec<task::JoinHandle<()>>) {
    let (release, wait) = channel::bounded::<()>(0);
    let spawn = |n| {
        let (wait, name) = (wait.clone(), format!("{of}-{n:02}"));
        let waits = move || assert!(wait.recv().is_err());
        task::Builder::new().name(name).spawn(waits).unwrap()
    };
    (release, (0..30).map(spawn).collect())
}

#[test]
fn the_table_is_filtered_sorted_and_cut() {
    let page = served();
    let (release, tasks) = thirty("Inspect-Table");
    let of = |query: &str| format!("/view.json?filter=inspect-table+recv&{query}");
    let all = |view: &Json| (view.at("table.matching") == &number(30)).then_some(());
    once(&page, &of("state=waiting"), all);

    let view = json(&page, &of("sort=name&order=up&limit=7"));
    let rows = view.list("table.rows");
    assert_eq!(rows.len(), 8);
    for (n, row) in rows[..7].iter().enumerate() {
        assert_eq!(row.at("task.name"), &text(&format!("Inspect-Table-{n:02}")));
    }
    assert_eq!(rows[7].at("more"), &number(23));
    let view = json(&page, &of("sort=name&order=down&limit=1"));
    assert_eq!(view.list("table.rows")[0].at("task.name"), &text("Inspect-Table-29"));
    let view = json(&page, &of("sort=id&order=up&limit=30"));
    let ids = view.list("table.rows").iter().map(|row| match row.at("task.id") {
        Json::Number(id) => *id,
        id => panic!("{id:?}"),
    });
    assert!(ids.is_sorted());
    for key in ["waited", "site", "state", "for", "worker", "stack", "count", "nonsense"] {
        let view = json(&page, &of(&format!("sort={key}")));
        assert_eq!(view.list("table.rows").len(), 30, "{key}");
    }
    for (filter, count) in [("state=running", 0), ("state=runnable", 0), ("limit=0", 30)] {
        assert_eq!(json(&page, &of(filter)).at("table.matching"), &number(count), "{filter}");
    }
    let view = json(&page, "/view.json?filter=inspect-table-07");
    assert_eq!(view.at("table.matching"), &number(1));
    drop(release);
    tasks.into_iter().for_each(|task| task.wait());
}

#[test]
fn tasks_are_grouped_by_their_sites() {
    let page = served();
    let (release, tasks) = thirty("Inspect-Sites");
    let path = "/view.json?filter=inspect-sites&group=site";
    let (key, line) = once(&page, path, |view| {
        let rows = view.list("table.rows");
        (view.at("table.matching") == &number(30)).then(|| {
            assert_eq!(rows[0].at("site.count"), &number(30));
            assert_eq!(rows[0].at("site.file"), &text(file!()));
            // A group of 30 tasks is open at first: its own row, and one for each of them.
            assert_eq!((rows[0].at("open"), rows.len()), (&Json::Bool(true), 31));
            assert_eq!(rows[1].at("depth"), &number(1));
            let Json::Text(key) = rows[0].at("key") else { panic!("{rows:?}") };
            (key.clone(), rows[0].at("site.line").clone())
        })
    });
    assert!(key.starts_with(file!()), "{key}");
    let closed = json(&page, &format!("{path}&flipped={key}"));
    assert_eq!(closed.list("table.rows").len(), 1);
    assert_eq!(closed.list("table.rows")[0].at("open"), &Json::Bool(false));
    // All sites of the program are in another list, with those that grow first.
    let all = json(&page, path);
    let site = all.list("sites.list").iter().find(|site| site.at("line") == &line);
    if let Some(site) = site.filter(|site| site.at("file") == &text(file!())) {
        assert!(matches!(site.at("earlier"), Json::Number(_)), "{site:?}");
    }
    drop(release);
    tasks.into_iter().for_each(|task| task.wait());
}

#[test]
fn tasks_are_grouped_by_their_scopes() {
    let page = served();
    let line = line!() + 1;
    let groups = [(); 2].map(|()| TaskGroup::new());
    for (group, count) in groups.iter().zip([3, 2]) {
        for _ in 0..count {
            let member = group.builder().name("inspect-scopes");
            member.spawn(task::park).unwrap();
        }
    }
    let free = go!(name = "inspect-scopes" => { task::park() });
    let path = "/view.json?filter=inspect-scopes+park&group=scope&sort=count";
    let view =
        once(&page, path, |view| (view.at("table.matching") == &number(6)).then(|| view.clone()));
    // Groups of few tasks are shown with all of them: each group, and its tasks below it.
    let rows = view.list("table.rows");
    assert_eq!(rows.len(), 3 + 6, "{rows:?}");
    for (at, count) in [(0, 3), (4, 2)] {
        assert_eq!(rows[at].at("group.count"), &number(count));
        assert_eq!(rows[at].at("group.waiting"), &number(count));
        let scope = rows[at].at("group.scope");
        assert_eq!((scope.at("kind"), scope.at("file")), (&text("group"), &text(file!())));
        assert_eq!(scope.at("line"), &number(line));
        assert_eq!(rows[at + 1].at("depth"), &number(1));
        assert_eq!(rows[at + 1].at("task.scope"), scope);
    }
    assert_ne!(rows[0].at("group.scope.id"), rows[4].at("group.scope.id"));
    assert_eq!(rows[7].at("group.scope"), &Json::Null);
    assert_eq!(rows[8].at("task.id"), &number(free.id().to_string().parse::<u64>().unwrap()));
    // Each is opened and closed by itself, and the filter finds them by what they belong to.
    let Json::Text(key) = rows[0].at("key") else { panic!("{rows:?}") };
    let path =
        format!("/view.json?filter=inspect-scopes+the+group&group=scope&sort=count&flipped={key}");
    let view = json(&page, &path);
    assert_eq!(view.at("table.matching"), &number(5));
    assert_eq!(view.list("table.rows").len(), 1 + 3, "{view:?}");
    free.task().unpark();
    free.wait();
}

#[test]
fn tasks_stand_below_those_that_spawned_them() {
    let page = served();
    let (release, wait) = channel::bounded::<()>(0);
    let top = go!(name = "inspect-top" => {
        let middle = go!(name = "inspect-middle" => {
            let bottom = go!(name = "inspect-bottom" => { wait.recv() });
            let _ = bottom.wait();
        });
        middle.wait();
    });
    // What matches, and what it hangs on.
    let path = "/view.json?filter=inspect-bottom+recv&group=parent";
    once(&page, path, |view| {
        let rows = view.list("table.rows");
        (view.at("table.matching") == &number(1)).then(|| {
            let shown: Vec<_> =
                rows.iter().map(|row| (row.at("depth"), row.at("task.name"))).collect();
            let expected = ["inspect-top", "inspect-middle", "inspect-bottom"].map(text);
            let depths = [0, 1, 2].map(|depth: u64| number(depth));
            assert_eq!(shown, depths.iter().zip(&expected).collect::<Vec<_>>());
            assert_eq!(rows[0].at("children"), &number(1));
            assert_eq!(rows[0].at("open"), &Json::Bool(true));
        })
    });
    let Json::Number(id) = json(&page, path).list("table.rows")[0].at("task.id").clone() else {
        panic!("an id")
    };
    let closed = json(&page, &format!("{path}&flipped={id}"));
    assert_eq!(closed.list("table.rows").len(), 1);
    drop(release);
    top.wait();
}
