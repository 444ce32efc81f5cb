//! A thread must not end under the feet of a task that has started: it stays, and says so.

use std::process;
use std::thread;
use std::time::Duration;

use gocoro::runtime::LocalRuntime;
use gocoro::task;

fn main() {
    thread::spawn(|| {
        thread::sleep(Duration::from_secs(180));
        process::exit(9);
    });
    let mut runtime = LocalRuntime::new().unwrap();
    drop(runtime.spawn(task::park));
    assert!(runtime.poll_once(None));
    drop(runtime);
    unreachable!();
}
