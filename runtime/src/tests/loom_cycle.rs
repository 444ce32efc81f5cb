//! When several tasks close a cycle of waits at the same time, at least one of them sees it.

use loom::sync::Arc;
use loom::thread;

use crate::cycle::{Node, Table};
use crate::task::word::{Phase, Word};

fn task(id: u64) -> Node {
    Node::task(id)
}

/// A lock, by its address.
fn lock(number: u64) -> Node {
    Node::at(8 * number)
}

/// The task begins to wait for a lock that the other one holds. Whether it sees a cycle.
fn waits(table: &Table<4>, own: u64, number: u64, holder: u64) -> bool {
    table.hold(lock(number), task(holder));
    table.wait(task(own), lock(number));
    table.closes(task(own), task(holder))
}

/// Whether one of those who wait sees a cycle.
fn one_sees(table: Arc<Table<4>>, others: Vec<fn(&Table<4>) -> bool>, here: fn(&Table<4>) -> bool) {
    let others: Vec<_> = others
        .into_iter()
        .map(|other| {
            let table = table.clone();
            thread::spawn(move || other(&table))
        })
        .collect();
    let mut sees = here(&table);
    for other in others {
        sees |= other.join().unwrap();
    }
    assert!(sees, "a cycle was closed, and nobody saw it");
}

#[test]
fn loom_a_cycle_of_two_locks_is_seen() {
    loom::model(|| {
        let table = Arc::new(Table::new());
        one_sees(table, vec![|table| waits(table, 2, 2, 1)], |table| waits(table, 1, 1, 2));
    });
}

#[test]
fn loom_a_cycle_of_three_locks_is_seen() {
    loom::model(|| {
        let table = Arc::new(Table::new());
        let others: Vec<fn(&Table<4>) -> bool> =
            vec![|table| waits(table, 2, 2, 3), |table| waits(table, 3, 3, 1)];
        one_sees(table, others, |table| waits(table, 1, 1, 2));
    });
}

/// A parent that holds a lock joins its child, which starts meanwhile and waits for the lock.
#[test]
fn loom_a_cycle_of_a_join_and_a_lock_is_seen() {
    loom::model(|| {
        let shared = Arc::new((Table::<4>::new(), Word::new()));
        let child = thread::spawn({
            let shared = shared.clone();
            move || {
                let (table, word) = &*shared;
                let _ = word.claim(0, false);
                waits(table, 2, 1, 1)
            }
        });
        let (table, word) = &*shared;
        table.wait(task(1), task(2));
        let sees = match word.announce_joiner(false) {
            Phase::Started => table.closes(task(1), task(2)),
            phase => {
                assert_eq!(phase, Phase::Unstarted);
                false
            }
        };
        assert!(child.join().unwrap() || sees, "a cycle was closed, and nobody saw it");
    });
}
