//! `go!(in … => …)` spawns into scopes and groups.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use gocoro::task::{self, Scope, TaskGroup};
use gocoro::{go, go_test};

fn length(text: &str) -> usize {
    text.len()
}

fn name() -> Option<String> {
    task::current().name().map(str::to_owned)
}

#[test]
fn a_task_in_a_scope_borrows_from_around_it() {
    let text = String::from("abc");
    let total: usize = task::scope(|s| {
        let tasks: Vec<_> = (0..3).map(|n| go!(in s => length(&text[n..]))).collect();
        tasks.into_iter().map(|task| task.join().unwrap()).sum()
    });
    assert_eq!(total, 3 + 2 + 1);
}

#[test]
fn a_scope_waits_for_the_task_and_raises_its_panic() {
    let done = Cell::new(false);
    let result = catch_unwind(AssertUnwindSafe(|| {
        task::scope(|s| {
            go!(in s => { panic!("in the scope") });
            done.set(true);
        });
    }));
    assert_eq!(result.unwrap_err().downcast_ref::<&str>(), Some(&"in the scope"));
    assert!(done.get());
}

#[go_test]
fn local_tasks_of_a_scope_share_what_is_not_sync() {
    let count = Cell::new(0);
    task::scope(|s| {
        let count = &count;
        for n in 1..=4 {
            go!(in s, local => { count.set(count.get() + n) });
        }
        let named = go!(in s, local, name = "local" => name());
        assert_eq!(named.wait().as_deref(), Some("local"));
    });
    assert_eq!(count.get(), 10);
}

#[test]
fn options_reach_the_task() {
    let shared = Arc::new(String::from("ab"));
    task::scope(|s| {
        let line = line!() + 1;
        let task = go!(in s, name = format!("conn {}", 1), stack_size = 64 * 1024 => name());
        assert_eq!(task.task().spawned_at().line(), line);
        assert_eq!(task.wait().as_deref(), Some("conn 1"));
        assert_eq!(go!(clone(shared), in s => length(&shared)).wait(), 2);
    });
    let group = TaskGroup::new();
    go!(name = "member", in group => name());
    go!(in group => name());
    let names: Vec<_> = group.join_all().into_iter().map(Result::unwrap).collect();
    assert_eq!(names, [Some("member".to_owned()), None]);
}

#[test]
fn a_group_is_named_by_a_place_or_a_reference() {
    struct Pool {
        groups: Vec<TaskGroup<usize>>,
    }
    fn fill(group: &mut TaskGroup<usize>) {
        go!(in group => length("ab"));
        go!(in group => length("abc"));
    }
    let mut pool = Pool { groups: vec![TaskGroup::with_limit(1)] };
    go!(in pool.groups[0] => length("a"));
    fill(&mut pool.groups[0]);
    go!(in &mut pool.groups[0] => { 4 });
    let results = pool.groups.remove(0).join_all();
    assert_eq!(results.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn a_group_that_is_shared_is_filled_from_everywhere() {
    fn visit(depth: u32, group: &Arc<TaskGroup<u32>>) -> u32 {
        if depth > 0 {
            for _ in 0..2 {
                go!(in group, clone(group) => visit(depth - 1, &group));
            }
        }
        1
    }
    let group = Arc::new(TaskGroup::new());
    go!(in group, clone(group) => visit(3, &group));
    let mut count = 0;
    while let Some(one) = group.next() {
        count += one.unwrap();
    }
    assert_eq!(count, 15);
}

#[test]
fn the_place_is_evaluated_first() {
    let order = RefCell::new(Vec::new());
    let list = |item| {
        order.borrow_mut().push(item);
        1
    };
    fn add(a: usize, b: usize) -> usize {
        a + b
    }
    fn listed<'a, S: ?Sized>(s: &'a S, list: &dyn Fn(&'static str) -> usize) -> &'a S {
        list("place");
        s
    }
    task::scope(|s: &Scope<'_, '_>| {
        let task = go!(in listed(s, &list), stack_size = list("size") << 15 =>
            add(list("first"), list("second")));
        assert_eq!(task.wait(), 2);
    });
    assert_eq!(*order.borrow(), ["place", "size", "first", "second"]);

    let group = TaskGroup::new();
    go!(in group => { 0 });
    go!(in group => add(group.len(), 1));
    assert_eq!(group.join_all().pop().unwrap().unwrap(), 2);
}

#[test]
fn an_option_that_cannot_be_met_panics_and_leaves_the_place_as_it_was() {
    let group = TaskGroup::new();
    let result = catch_unwind(AssertUnwindSafe(|| {
        go!(in group, stack_size = usize::MAX => { 1 });
    }));
    assert!(result.unwrap_err().downcast_ref::<String>().unwrap().contains("too large"));
    let result = catch_unwind(AssertUnwindSafe(|| go!(in group, name = "a\0b" => { 1 })));
    assert!(result.unwrap_err().downcast_ref::<String>().unwrap().contains("null bytes"));
    assert!(group.is_empty());
    go!(in group => { 2 });
    assert_eq!(group.next().unwrap().unwrap(), 2);

    task::scope(|s| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            go!(in s, stack_size = usize::MAX => { 1 });
        }));
        assert!(result.unwrap_err().downcast_ref::<String>().unwrap().contains("too large"));
        assert_eq!(go!(in s => { 2 }).wait(), 2);
    });
}
