//! What the macros' expansions do: what is evaluated where, what moves, what the options reach.

mod places;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use gocoro::task::JoinHandle;
use gocoro::{colorless, go, go_test};

use crate::support::on_workers;

fn add(a: u32, b: u32) -> u32 {
    a + b
}

fn list(items: &RefCell<Vec<&'static str>>, item: &'static str) -> &'static str {
    items.borrow_mut().push(item);
    item
}

#[derive(Clone, Debug, PartialEq)]
struct Conn {
    id: u32,
}

impl Conn {
    fn id(&self) -> u32 {
        self.id
    }

    fn plus(&self, n: u32) -> u32 {
        self.id + n
    }

    fn bump(&mut self, n: u32) -> u32 {
        self.id += n;
        self.id
    }

    fn into_id(self) -> u32 {
        self.id
    }

    fn convert<T: From<u32>>(&self) -> T {
        T::from(self.id)
    }
}

// The call form.
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

// Bodies that run wholly in the task.
#[test]
#[allow(unused_assignments, unused_variables)]
fn a_block_runs_wholly_in_the_task() {
    let mut seen = 0;
    let task = go!({
        seen += 1;
        seen
    });
    assert_eq!(seen, 0);
    assert_eq!(task.wait(), 1);
}

fn spent() -> bool {
    false
}

#[test]
fn every_complete_body_is_a_body() {
    let (a, b) = (2_u32, 1_u32);
    assert_eq!(go!(if a > b { a } else { b }).wait(), 2);
    assert_eq!(
        go!(match a {
            2 => "two",
            _ => "more",
        })
        .wait(),
        "two"
    );
    // SAFETY: `b` is the task's own, and `Copy`.
    let read = go!(unsafe { std::ptr::read(&b) });
    assert_eq!(read.wait(), 1);
    assert_eq!(
        go!(loop {
            if a > b {
                break a;
            }
        })
        .wait(),
        2
    );
    assert_eq!(
        go!('out: {
            if a > b {
                break 'out 1;
            }
            2
        })
        .wait(),
        1
    );
    assert_eq!(go!(format!("{a}")).wait(), "2");
    assert_eq!(go!((a + b)).wait(), 3);
    assert_eq!(go!(let c = a + b; c * 2).wait(), 6);
    assert_eq!(go! { add(a, b) }.wait(), 3);
    let () = go!(while spent() {}).wait();
    let () = go!(for _ in 0..2 {}).wait();
    let () = go!(add(1, 2);).wait();
}

#[test]
fn statements_run_in_the_task_and_a_call_does_not_hide_among_them() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let task = go!(clone(log) =>
        if log.lock().unwrap().is_empty() { log.lock().unwrap().push(1) }
        (log.lock().unwrap().len(), 2)
    );
    assert_eq!(task.wait(), (1, 2));
    assert_eq!(*log.lock().unwrap(), [1]);
}

#[test]
fn a_question_mark_ends_the_task_alone() {
    let task = go!({
        let n: u32 = "x".parse()?;
        Ok::<_, std::num::ParseIntError>(n)
    });
    assert!(task.wait().is_err());
}

#[test]
fn a_future_inside_is_only_a_value() {
    let text = String::from("kept");
    fn drop_it<F: Future<Output = usize>>(_: F) -> u32 {
        1
    }
    assert_eq!(go!(drop_it(async { text.len() })).wait(), 1);
}

// The header.
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

// Inside other macros.
macro_rules! spawn_all {
    ($($body:expr),*) => { [$(go!($body)),*] };
}

macro_rules! spawn_call {
    ($callee:path, $($argument:expr),*) => { go!($callee($($argument),*)) };
}

fn apply(n: u32, f: impl FnOnce(u32) -> u32) -> u32 {
    f(n)
}

macro_rules! spawn_block {
    ($body:block) => { go!(name = "block" => $body) };
}

#[test]
fn fragments_of_other_macros_are_bodies() {
    let mut seen = 0;
    let tasks = spawn_all!(
        add(
            {
                seen += 1;
                seen
            },
            1
        ),
        { 7 },
        if true { 8 } else { 9 }
    );
    assert_eq!(seen, 1);
    assert_eq!(tasks.map(JoinHandle::wait), [2, 7, 8]);
    assert_eq!(spawn_call!(add, 1, 2).wait(), 3);
    assert_eq!(spawn_block!({ 4 }).wait(), 4);
    let base = 1;
    assert_eq!(spawn_call!(apply, base + 1, |n| n + base).wait(), 3);
}

#[test]
fn the_expansions_names_are_out_of_reach() {
    let (argument0, receiver, builder, callee) = (1, 2, 3, 4);
    let task = go!(name = "n" => add(argument0 + builder, {
        let argument0 = receiver;
        argument0 + callee
    }));
    assert_eq!(task.wait(), 10);
}

// Where things are.
#[test]
fn the_spawn_site_is_the_users_line() {
    let (task, line) = (go!(add(1, 2)), line!());
    assert_eq!(task.task().spawned_at().line(), line);
    assert_eq!(task.task().spawned_at().file(), file!());
    let line = line!() + 1;
    let task = go!(name = "named" => {
        1
    });
    assert_eq!(task.task().spawned_at().line(), line);
}

#[test]
fn lines_inside_a_body_are_the_users() {
    let before = line!();
    let task = go!({
        let here = line!();
        (here, line!())
    });
    assert_eq!(task.wait(), (before + 2, before + 3));
    assert_eq!(go!(add(line!(), 0)).wait(), line!());
}

// `colorless!`
colorless! {
    fn literal_calls() -> u32 {
        let a = go!<add(1, 2)>;
        let b = go!< clone(a = Conn { id: 1 }), name = "literal" => a.plus(2) >;
        a.wait() + b.wait()
    }

    fn literal_bodies(a: u32, b: u32) -> Vec<u32> {
        let items = vec![
            go!< if a > b { a } else { b } >,
            go!< { let list: Vec<Vec<u32>> = vec![vec![a], vec![b]]; list.concat().iter().sum() } >,
            go!< drop(Vec::<Vec<u32>>::new()); 5 >,
            gocoro::go!< add(u32::from(a >= b), a >> 1) >,
        ];
        items.into_iter().map(JoinHandle::wait).collect()
    }

    fn nested(depth: u32) -> u32 {
        if depth == 0 {
            return 1;
        }
        let outer = go!< {
            let inner = go!< nested(depth - 1) >;
            inner.wait() + go!< go!< nested(depth - 1) >.wait(); 1 >.wait()
        } >;
        outer.wait()
    }

    fn in_conditions() -> Option<u32> {
        let Some(n) = go!< Some(1) >.wait() else { panic!("it is some") };
        let task = match go!< Some(n) >.wait() { Some(n) => go!< Some(n) >, None => return None };
        if go!< { n > 0 } >.wait() { task.wait() } else { None }
    }

    fn lines() -> [(u32, u32); 3] {
        let task = go!< { line!() } >; let here = line!();
        let site = task.task().spawned_at().line();
        let after = go!<
            line_of(
                line!()
            )
        >;
        [(site, here), (task.wait(), here), (after.wait(), line!() - 3)]
    }

    fn line_of(line: u32) -> u32 {
        line
    }

    macro_rules! literal {
        ($body:expr) => { go!< $body > };
        ($($argument:expr),* => $callee:ident) => { go!< $callee($($argument),*) > };
    }

    mod inner {
        use gocoro::go;

        pub(super) fn text() -> String {
            format!("{}!", go!< { "inner" } >.wait())
        }
    }

    struct Service;

    impl Service {
        fn start(self) -> u32 {
            go!< self.run(1) >.wait()
        }

        fn run(&self, n: u32) -> u32 {
            n
        }
    }
}

#[test]
fn the_literal_form_spawns() {
    assert_eq!(literal_calls(), 6);
    assert_eq!(literal_bodies(3, 2), [3, 5, 5, 2]);
    assert_eq!(nested(2), 3);
    assert_eq!(in_conditions(), Some(1));
    assert_eq!(literal!(add(1, 1)).wait(), 2);
    assert_eq!(literal!(1, 2 => add).wait(), 3);
    assert_eq!(inner::text(), "inner!");
    assert_eq!(Service.start(), 1);
}

#[test]
fn lines_inside_colorless_are_the_users() {
    for (found, expected) in lines() {
        assert_eq!(found, expected);
    }
}

#[test]
fn colorless_wraps_statements_as_well() {
    colorless! {
        let task = go!< add(1, 2) >;
        assert_eq!(task.wait(), 3);
    }
}

// `#[go_test]`
#[go_test]
fn a_test_is_a_task() {
    assert_eq!(go!(add(1, 2)).wait(), 3);
}

#[go_test(workers = 2, timeout = "1m")]
fn a_test_may_return_a_result() -> Result<(), Box<dyn std::error::Error>> {
    assert_eq!(go!("12".parse::<u32>()).wait()?, 12);
    Ok(())
}

#[go_test]
#[should_panic(expected = "as it should")]
fn a_test_may_panic() {
    panic!("as it should");
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
