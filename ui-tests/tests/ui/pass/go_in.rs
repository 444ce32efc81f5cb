//! Spawning in scopes and groups, with every body and option that has a meaning there.

#![forbid(warnings, unused, unused_qualifications, trivial_casts)]
#![forbid(elided_lifetimes_in_paths, single_use_lifetimes, unreachable_pub, unused_lifetimes)]

use std::cell::Cell;
use std::sync::Arc;

use gocoro::task::{self, Scope, ScopedJoinHandle, TaskGroup};
use gocoro::{colorless, go, go_main};

struct Pool<T> {
    group: TaskGroup<T>,
}

fn length(text: &str) -> usize {
    text.len()
}

fn from_elsewhere<'scope>(
    s: &'scope Scope<'scope, '_>,
    text: &'scope str,
) -> ScopedJoinHandle<'scope, usize> {
    go!(in s => length(text))
}

fn fill(group: &mut TaskGroup<usize>) {
    go!(in group => length("ab"));
    go!(in group => length("abc"));
}

colorless! {
    fn literal(text: &str) -> usize {
        task::scope(|s| go!< in s => length(text) >.wait())
    }
}

#[go_main]
fn main() {
    let text = String::from("abc");
    let shared = Arc::new(text.clone());
    let total = task::scope(|s| {
        let first = go!(in s => length(&text));
        let second = go!(in s, name = format!("the {}nd", 2), stack_size = 64 * 1024 => {
            assert_eq!(task::current().name(), Some("the 2nd"));
            4
        });
        let third = go!(clone(shared), in s => length(&shared));
        let fourth = go!(in &s => length(&text));
        first.wait() + second.wait() + third.wait() + fourth.wait() + from_elsewhere(s, &text).wait()
    });
    assert_eq!(total, 16);
    assert_eq!(literal(&text), 3);

    let count = Cell::new(0);
    task::scope(|s| {
        let count = &count;
        for n in 1..=3 {
            go!(in s, local => { count.set(count.get() + n) });
        }
        go!(in s, local, name = "last" => { count.set(count.get() + 4) });
    });
    assert_eq!(count.get(), 10);

    let mut group = TaskGroup::with_limit(2);
    go!(in group => length("a"));
    fill(&mut group);
    go!(in group, name = "named", clone(shared) => length(&shared));
    go!(in group, stack_size = 64 * 1024 => { task::current().name().map_or(0, str::len) });
    let lengths: Vec<_> = group.join_all().into_iter().map(Result::unwrap).collect();
    assert_eq!(lengths, [1, 2, 3, 3, 0]);

    let shared_group = Arc::new(TaskGroup::new());
    go!(in shared_group, clone(shared_group) => { shared_group.len() });
    go!(in shared_group.clone() => { 1 });
    assert!(shared_group.next().is_some() && shared_group.next().is_some());

    let pool = Pool { group: TaskGroup::new() };
    go!(in pool.group => { 5 });
    assert_eq!(pool.group.next().unwrap().unwrap(), 5);
}
