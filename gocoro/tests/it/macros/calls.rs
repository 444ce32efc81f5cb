//! `go!` with a call evaluates its arguments at the spawn, and moves what is called.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gocoro::go;
use gocoro::task::JoinHandle;

use super::{Conn, add, list};
use crate::support::on_workers;

#[test]
fn arguments_are_evaluated_by_the_spawner() {
    let mut seen = 0;
    let task = go!(add(
        {
            seen += 1;
            seen
        },
        {
            seen += 10;
            seen
        }
    ));
    assert_eq!(seen, 11);
    assert_eq!(task.wait(), 12);
}

#[test]
fn arguments_may_borrow_from_the_spawner_while_they_are_evaluated() {
    let text = String::from("abc");
    let borrowed = &text;
    let task = go!(add(borrowed.len() as u32, text.chars().count() as u32));
    assert_eq!(task.wait(), 6);
}

#[test]
fn arguments_are_evaluated_from_left_to_right_and_a_value_receiver_first() {
    let order = RefCell::new(Vec::new());
    let task =
        go!(format!("{}", list(&order, "receiver"))
            .replace(list(&order, "one"), list(&order, "two")));
    assert_eq!(*order.borrow(), ["receiver", "one", "two"]);
    assert_eq!(task.wait(), "receiver");
}

#[test]
fn a_place_receiver_moves_after_the_arguments() {
    let conn = Conn { id: 2 };
    assert_eq!(go!(conn.plus(conn.id())).wait(), 4);

    struct Owner {
        conn: Conn,
    }
    let owner = Owner { conn: Conn { id: 3 } };
    assert_eq!(go!(owner.conn.plus(owner.conn.id())).wait(), 6);
}

#[test]
fn a_receiver_is_taken_by_value_whatever_the_method_takes() {
    let conn = Conn { id: 5 };
    assert_eq!(go!(conn.bump(2)).wait(), 7);
    let conn = Conn { id: 5 };
    assert_eq!(go!(conn.into_id()).wait(), 5);
    let conn = Arc::new(Conn { id: 6 });
    assert_eq!(go!(conn.id()).wait(), 6);
    let conn = Conn { id: 7 };
    assert_eq!(go!(conn.convert::<u64>()).wait(), 7);
    let boxed = Box::new(Conn { id: 8 });
    assert_eq!(go!((*boxed).plus(1)).wait(), 9);
    assert_eq!(go!(Conn { id: 9 }.plus(1)).wait(), 10);
}

#[test]
fn statics_and_constants_stay_where_they_are() {
    static TOTAL: AtomicU32 = AtomicU32::new(1);
    const CONN: Conn = Conn { id: 3 };
    assert_eq!(go!(TOTAL.fetch_add(2, Ordering::Relaxed)).wait(), 1);
    assert_eq!(TOTAL.load(Ordering::Relaxed), 3);
    assert_eq!(go!(CONN.plus(CONN.id)).wait(), 6);
}

#[test]
fn closures_as_arguments_stay_and_take_what_they_use() {
    fn apply<T>(value: T, f: impl FnOnce(&T) -> u32) -> u32 {
        f(&value)
    }
    let base = 40;
    assert_eq!(go!(apply(vec![1, 2], |all| base + all.len() as u32)).wait(), 42);
    let text = String::from("moved");
    assert_eq!(go!(apply((), |_| text.len() as u32)).wait(), 5);
    let boxed: JoinHandle<u32> = go!(apply(1_u8, Box::new(|n: &u8| u32::from(*n))));
    assert_eq!(boxed.wait(), 1);
}

#[test]
fn any_function_value_can_be_called() {
    struct Server {
        handler: fn(u32, u32) -> u32,
    }
    let server = Server { handler: add };
    assert_eq!(go!((server.handler)(1, 2)).wait(), 3);

    let local = |n: u32| n + 1;
    assert_eq!(go!(local(1)).wait(), 2);

    let table = [add as fn(u32, u32) -> u32];
    assert_eq!(go!(table[0](2, 2)).wait(), 4);

    fn adder(n: u32) -> impl FnMut(u32) -> u32 {
        move |m| n + m
    }
    assert_eq!(go!(adder(3)(4)).wait(), 7);
}

#[test]
fn paths_of_every_kind_are_callees() {
    assert_eq!(go!(Conn::id(&Conn { id: 1 })).wait(), 1);
    assert_eq!(go!(<Conn as Clone>::clone(&Conn { id: 1 })).wait(), Conn { id: 1 });
    assert_eq!(go!(Vec::<Vec<u8>>::with_capacity(1)).wait(), Vec::<Vec<u8>>::new());
    assert_eq!(go!(Some(1)).wait(), Some(1));
}

#[test]
fn arguments_coerce_as_in_a_plain_call() {
    fn run(f: Box<dyn FnOnce() -> u32 + Send>, items: &'static [u32]) -> u32 {
        f() + items.len() as u32
    }
    assert_eq!(go!(run(Box::new(|| 1), &[1, 2])).wait(), 3);
}

#[test]
fn each_spawn_evaluates_its_arguments_at_once() {
    on_workers(|_| {
        let mut next = 0;
        let mut number = || {
            next += 1;
            next
        };
        let tasks: Vec<_> = (0..3).map(|_| go!(i32::pow(number(), 2))).collect();
        assert_eq!(next, 3);
        assert!(tasks.into_iter().map(JoinHandle::wait).eq([1, 4, 9]));
    });
}
