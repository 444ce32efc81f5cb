//! Options and clones in the header of `go!` reach the task.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gocoro::task::JoinHandle;
use gocoro::{go, go_test};

use super::{add, list};

#[test]
fn clones_go_into_the_task() {
    struct Server {
        total: Arc<AtomicU32>,
    }
    let server = Server { total: Arc::new(AtomicU32::new(0)) };
    let names = vec![String::from("a")];
    let task = go!(clone(mut names, total = server.total) => {
        names.push(String::from("b"));
        total.fetch_add(names.len() as u32, Ordering::Relaxed);
        names
    });
    assert_eq!(task.wait(), ["a", "b"]);
    assert_eq!(names, ["a"]);
    assert_eq!(server.total.load(Ordering::Relaxed), 2);
}

#[test]
fn a_clone_can_be_an_argument() {
    let names = vec![1, 2];
    let task = go!(clone(names, twice = names) => add(names.len() as u32, twice.len() as u32));
    assert_eq!(task.wait(), 4);
    assert_eq!(names.len(), 2);
}

#[test]
fn what_borrows_a_clone_is_evaluated_in_the_task() {
    fn push(names: &mut Vec<u32>, last: &u32) -> usize {
        names.push(*last);
        names.len()
    }
    let (names, pair) = (vec![1, 2], (3, 4));
    let task = go!(clone(mut names, pair) => push(&mut names, &pair.1));
    assert_eq!(task.wait(), 3);
    assert_eq!((names, pair), (vec![1, 2], (3, 4)));
}

#[test]
fn variables_are_taken_as_they_are_at_the_spawn() {
    let mut n = 1;
    let first = go!(add(n, 10));
    n += 1;
    let second = go!(add(n, {
        n += 1;
        n
    }));
    assert_eq!((first.wait(), second.wait()), (11, 5));
}

#[test]
fn a_borrowed_value_is_cloned_into_an_owned_one() {
    fn spawn(name: &str, names: &Arc<[u32]>) -> JoinHandle<usize> {
        go!(clone(names, name = name.to_owned()) => { name.len() + names.len() })
    }
    assert_eq!(spawn("ab", &Arc::from([1])).wait(), 3);
}

#[test]
fn options_reach_the_task() {
    let n = 3;
    let task = go!(name = format!("conn {n}"), stack_size = 64 * 1024 => add(n, 1));
    assert_eq!(task.task().name(), Some("conn 3"));
    assert_eq!(task.wait(), 4);
    let task = go!(daemon, name = "quiet", => { n });
    assert_eq!(task.task().name(), Some("quiet"));
    assert_eq!(task.wait(), 3);
    assert_eq!(go!(add(1, 1)).task().name(), None);
}

#[test]
fn options_are_evaluated_in_the_order_written() {
    let order = RefCell::new(Vec::new());
    let task = go!(
        name = list(&order, "name"),
        clone(item = list(&order, "clone")),
        stack_size = list(&order, "size").len() << 14
            => add(item.len() as u32, list(&order, "argument").len() as u32)
    );
    assert_eq!(*order.borrow(), ["name", "clone", "size", "argument"]);
    assert_eq!(task.wait(), 13);
}

#[go_test]
fn local_tasks_need_not_be_send() {
    let shared = Rc::new(Cell::new(0));
    go!(local, clone(shared) => { shared.set(shared.get() + 1) }).wait();
    let named = go!(local, name = "rc", clone(shared) => shared.replace(5));
    assert_eq!(named.task().name(), Some("rc"));
    assert_eq!(named.wait(), 1);
    assert_eq!(shared.get(), 5);
    let back: Rc<Cell<i32>> = go!(local, clone(shared) => { shared }).wait();
    assert!(Rc::ptr_eq(&back, &shared));
}
