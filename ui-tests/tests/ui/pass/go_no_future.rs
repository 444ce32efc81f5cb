//! What the search for futures leaves as it is: types that are known late, `!`, what is neither `Send`
//! nor `'static`, and opaque types; without a warning.

#![deny(warnings)]

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::rc::Rc;

use gocoro::task::{self, JoinHandle};
use gocoro::{go, go_main};

fn made<T: Default>() -> T {
    T::default()
}

fn known_late<T: Default + Send + 'static>() -> T {
    let task = go!(made());
    let other = go!(Default::default());
    let _: T = other.wait();
    task.wait()
}

fn called<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    go!(f())
}

fn opaque(n: u32) -> impl Iterator<Item = u32> + Send {
    0..n
}

fn closure(n: u32) -> impl FnOnce() -> u32 + Send {
    move || n
}

fn never() -> ! {
    task::park();
    loop {}
}

fn same(text: &str) -> &str {
    text
}

struct Pinned(PhantomPinned);

fn pinned() -> Pinned {
    Pinned(PhantomPinned)
}

fn recursive(n: u32) -> impl Send {
    if n > 0 {
        go!({ drop(recursive(n - 1)) }).wait();
    }
    n
}

async fn fetch() -> u32 {
    1
}

fn parsed() -> Result<u32, std::num::ParseIntError> {
    let n = go!("1".parse()).wait()?;
    Ok(n)
}

#[go_main(on_exit = "cancel")]
fn main() {
    let text: JoinHandle<String> = go!("text".into());
    assert_eq!(text.wait(), "text");
    let all: Vec<u64> = go!({ [1, 2].into_iter().collect() }).wait();
    assert_eq!(all, [1, 2]);
    let number = go!({ "1".parse().unwrap() });
    assert_eq!(1u8, number.wait());
    let boxed: JoinHandle<Box<dyn Fn() -> u32 + Send>> = go!({ Box::new(|| 1u32) as _ });
    assert_eq!(boxed.wait()(), 1);
    assert_eq!(go!(1u8.pow(1)).wait() + 1, 2);
    assert_eq!(known_late::<u32>(), 0);
    assert_eq!(called(|| 1).wait(), 1);
    assert_eq!(go!(opaque(3)).wait().count(), 3);
    assert_eq!(go!(closure(3)).wait()(), 3);
    drop(go!(never()));
    drop(go!(panic!("only in its task")));
    drop(go!(name = "for ever" => loop {
        task::yield_now();
    }));
    let Pinned(PhantomPinned) = go!(pinned()).wait();
    drop(recursive(2));
    assert_eq!(parsed(), Ok(1));
    assert_eq!(*go!(local => Rc::new(1)).wait(), 1);
    assert_eq!(go!(local => Cell::new(1)).wait().get(), 1);

    // Handed over unrun.
    let _: std::pin::Pin<Box<dyn Future<Output = u32> + Send>> =
        Box::pin(task::spawn(fetch).wait());

    let lives_here = String::from("borrowed");
    task::scope(|s| {
        assert_eq!(go!(in s => same(&lives_here)).wait(), "borrowed");
    });
}
