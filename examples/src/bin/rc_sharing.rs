//! Lesson: tasks that stay on one worker may share what is not `Send`.
//!
//! A task never leaves the worker it started on, and `go!(local => …)` also starts it on this one.
//! So the closure may hold an `Rc`, and a `Cell` is all the synchronisation there is to do: between
//! two points where a task suspends, no other task of its worker runs.
//!
//! `go!` without `local` refuses the `Rc` at compile time and names this form.
//!
//! Run it: `cargo run -p gocoro-examples --bin rc_sharing`

use gocoro::{go, go_main, time};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

#[derive(Default)]
struct Till {
    cents: Cell<u32>,
    receipts: RefCell<Vec<String>>,
}

fn customer(till: Rc<Till>, number: u32) {
    for item in 1..=3 {
        time::sleep(Duration::from_millis(u64::from(number % 3)));
        // Nothing suspends from here to the end of the loop's body, so no other task sees it half
        // done.
        till.cents.set(till.cents.get() + 100 * item);
        till.receipts.borrow_mut().push(format!("customer {number} paid for item {item}"));
    }
}

#[go_main]
fn main() {
    let till = Rc::new(Till::default());
    let customers: Vec<_> = (1..=20).map(|i| go!(local => customer(till.clone(), i))).collect();

    // The clone in the header gives the task a reference of its own, and `till` stays here.
    let watcher = go!(local, clone(till) => {
        time::sleep(Duration::from_millis(2));
        till.receipts.borrow().len()
    });
    println!("part of the way: {} receipts", watcher.wait());

    for customer in customers {
        customer.wait();
    }
    println!("{} receipts, {} cents", till.receipts.borrow().len(), till.cents.get());
    assert_eq!(till.receipts.borrow().len(), 60);
    assert_eq!(till.cents.get(), 20 * 600);
    assert_eq!(Rc::strong_count(&till), 1, "every task gave its reference back");
}
