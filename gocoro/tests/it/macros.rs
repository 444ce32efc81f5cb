//! What the macros' expansions do: what is evaluated where, what moves, what the options reach.

mod bodies;
mod calls;
mod colorless;
mod header;
mod nested;
mod places;

use std::cell::RefCell;

use gocoro::{go, go_test};

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
