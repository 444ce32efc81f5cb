//! Lesson: a program shows what it does on a page of its own.
//!
//! The page, which the feature `inspect` adds, opens on what matters: what is stuck, what is slow,
//! what grows. This program has something of each: a lock that is held for long, workers that
//! compute, tasks that nobody ends, and on request two tasks that wait for each other.
//!
//! A program under `#[go_main]` needs no code for the page: set `GOCORO_INSPECT=7710`. Here the
//! program serves it itself, to say where.
//!
//! Run it: `cargo run --release -p gocoro-examples --features inspect --bin inspect [ADDRESS]
//! [TASKS] [--deadlock]`, and open the address that it says. With `--self-test` it looks at itself
//! and ends.

use gocoro::net::TcpStream;
use gocoro::runtime::inspect;
use gocoro::sync::{Barrier, Mutex};
use gocoro::{channel, go, go_main, task, time};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Takes one thing, and then another one, while somebody does it the other way round.
#[inline(never)] // so that it is seen in a backtrace
fn take_both(one: &Mutex<()>, other: &Mutex<()>, both_have_one: &Barrier) {
    let _first = one.lock();
    both_have_one.wait();
    let _second = other.lock();
}

/// Two tasks, each of which holds what the other one wants.
fn deadlock() {
    let hands = Arc::new((Mutex::new(()), Mutex::new(()), Barrier::new(2)));
    let theirs = hands.clone();
    go!(name = "left hand" => { take_both(&theirs.0, &theirs.1, &theirs.2) });
    go!(name = "right hand" => { take_both(&hands.1, &hands.0, &hands.2) });
}

/// A task that holds a lock for a second at a time, and those who want the lock.
fn queue_for_a_lock() {
    let ledger = Arc::new(Mutex::new(0_u64));
    for n in 0..6 {
        let ledger = ledger.clone();
        let name = format!("clerk {n}");
        let work = move || loop {
            let mut entries = ledger.lock().unwrap();
            time::sleep(Duration::from_secs(1));
            *entries += 1;
        };
        task::Builder::new().name(name).spawn(work).unwrap();
    }
}

/// Computes for half of the time, and gives way now and then.
fn compute() {
    loop {
        let begun = Instant::now();
        let mut sum = 0_u64;
        while begun.elapsed() < Duration::from_millis(2) {
            sum = (0..10_000).fold(sum, |sum, n| std::hint::black_box(sum ^ n).rotate_left(5));
        }
        time::sleep(Duration::from_millis(2));
    }
}

/// Many tasks that only wait, and ever more of them.
fn wait_for_orders(count: usize) -> channel::Sender<u64> {
    let (sender, orders) = channel::unbounded::<u64>();
    let waiter = |orders: channel::Receiver<u64>| move || while orders.recv().is_ok() {};
    for _ in 0..count {
        task::Builder::new().spawn(waiter(orders.clone())).unwrap();
    }
    go!(name = "forgetful" => loop {
        time::sleep(Duration::from_millis(500));
        // Nobody ends this one.
        go!(task::park());
    });
    sender
}

/// Asks this program's own page.
fn ask(server: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(server)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn self_test(server: SocketAddr) -> io::Result<()> {
    let page = ask(server, "/")?;
    assert!(page.starts_with("HTTP/1.1 200 OK") && page.ends_with("</html>\n"), "{page}");
    // The two tasks need a moment until each waits for the other.
    let cycle = |view: &str| !view.contains(r#""cycles":[]"#);
    while !cycle(&ask(server, "/view.json")?) {
        time::sleep(Duration::from_millis(100));
    }
    let found = ask(server, "/view.json?filter=left+hand")?;
    assert!(found.contains(r#""table":{"matching":2,"#), "{found}"); // the other one waits for it
    assert!(ask(server, "/metrics")?.ends_with("# EOF\n"));
    println!("the page shows the tasks, and that two of them wait for each other");
    Ok(())
}

#[go_main(on_exit = "cancel")]
fn main() -> io::Result<()> {
    let options: Vec<_> = std::env::args().skip(1).collect();
    let tests = options.iter().any(|option| option == "--self-test");
    let mut plain = options.iter().filter(|option| !option.starts_with("--"));
    let usual = if tests { "127.0.0.1:0" } else { "127.0.0.1:7710" };
    let inspector = inspect::serve(plain.next().map_or(usual, String::as_str))?;
    let tasks = plain.next().and_then(|tasks| tasks.parse().ok()).unwrap_or(1000);
    println!("the live page is on http://{}", inspector.local_addr());

    let _orders = wait_for_orders(tasks);
    queue_for_a_lock();
    go!(name = "computes" => compute());
    if tests || options.iter().any(|option| option == "--deadlock") {
        deadlock();
    }
    if tests {
        return self_test(inspector.local_addr());
    }
    loop {
        time::sleep(Duration::from_secs(3600));
    }
}
