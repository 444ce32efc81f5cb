//! A local runtime is dropped with a task that has started and waits, and cannot be unwound:
//! whoever drops it goes on. The program says what it does by its argument.

use std::cell::Cell;
use std::env;
use std::process;
use std::thread;
use std::time::Duration;

use gocoro::runtime::{LocalRuntime, Runtime};
use gocoro::task;

struct Lent(Cell<u32>);

impl Drop for Lent {
    fn drop(&mut self) {
        eprintln!("destroyed");
    }
}

thread_local! {
    static LENT: Lent = const { Lent(Cell::new(0)) };
}

/// Twice, for the second finds a thread that stays already.
fn drop_two() {
    for _ in 0..2 {
        let mut runtime = LocalRuntime::new().unwrap();
        let started = runtime.spawn(|| LENT.with(|_lent| task::park()));
        assert!(runtime.poll_once(None));
        let unstarted = runtime.spawn(|| unreachable!());
        drop(runtime);
        assert!(!started.is_finished());
        let _: &task::JoinHandle<()> = &unstarted;
        assert!(unstarted.join().unwrap_err().is_cancelled());
        LENT.with(|lent| lent.0.set(lent.0.get() + 1));
    }
    println!("went on");
}

fn main() {
    thread::spawn(|| {
        thread::sleep(Duration::from_secs(180));
        process::exit(9);
    });
    match &*env::args().nth(1).unwrap() {
        // The end of `main` is the end.
        "main" => drop_two(),
        "exit" => {
            let exits = thread::spawn(|| {
                drop_two();
                process::exit(7);
            });
            exits.join().unwrap()
        }
        // Nobody waits for a worker whose thread stays.
        "worker" => {
            let runtime = Runtime::new().unwrap();
            runtime.run(drop_two);
            runtime.shutdown(Duration::from_secs(150)).unwrap();
        }
        "end" => drop(thread::spawn(drop_two).join()),
        other => unreachable!("{other}"),
    }
}
