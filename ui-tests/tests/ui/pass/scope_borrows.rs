//! What a scope accepts: borrows of what is outside, scopes in scopes, handles passed on, early
//! returns, and a lifetime by name.

use std::cell::Cell;

use gocoro::task::{self, Scope, ScopedJoinHandle};

fn spawn_into<'scope, 'env>(
    s: &'scope Scope<'scope, 'env>,
    text: &'env str,
) -> ScopedJoinHandle<'scope, &'env str> {
    s.spawn(move || text)
}

fn first_word(text: &str) -> Option<&str> {
    task::scope(|s| {
        let word = spawn_into(s, text).join().ok()?.split(' ').next()?;
        Some(word)
    })
}

fn main() {
    assert_eq!(first_word("two words"), Some("two"));

    let mut numbers = vec![1, 2, 3];
    task::scope(|s| {
        let (left, right) = numbers.split_at_mut(1);
        s.spawn(move || left[0] += 10);
        s.spawn(move || {
            task::scope(|inner| {
                for number in right {
                    inner.spawn(|| *number *= 2);
                }
            });
        });
    });
    numbers.push(0);
    assert_eq!(numbers, [11, 4, 6, 0]);

    let local = gocoro::go!({
        let total = Cell::new(0);
        task::scope(|s| drop(s.spawn_local(|| total.set(1))));
        total.get()
    });
    assert_eq!(local.wait(), 1);
}
