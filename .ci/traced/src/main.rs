//! Looks at where its tasks wait. The argument says what it should see: `names`, or `addresses`.

use gocoro::channel::{self, Receiver};
use gocoro::coroutine::{Coroutine, Suspender};
use gocoro::runtime::{dump, DumpedTask};
use gocoro::sync::Mutex;
use gocoro::{go, time};
use std::sync::Arc;
use std::time::Duration;

#[inline(never)]
fn receives(receiver: &Receiver<u8>) -> u8 {
    let received = receiver.recv();
    received.unwrap_or(0) + 1
}

#[inline(never)]
fn locks(mutex: &Mutex<u8>) -> u8 {
    let value = mutex.lock().map(|guard| *guard);
    value.unwrap_or(0) + 1
}

#[inline(never)]
fn sleeps() {
    time::sleep(Duration::from_secs(3600));
    std::hint::black_box(1);
}

#[inline(never)]
fn resumes(receiver: Receiver<u8>) {
    let mut inside = Coroutine::new(move |_: &Suspender<(), ()>, ()| receives(&receiver));
    let step = inside.resume(());
    std::hint::black_box(step.is_ok());
}

fn main() {
    let names = match std::env::args().nth(1).as_deref() {
        Some("names") => true,
        Some("addresses") => false,
        what => panic!("neither names nor addresses: {what:?}"),
    };
    let (sender, receiver) = channel::bounded::<u8>(1);
    let mutex = Arc::new(Mutex::new(1));
    let held = mutex.lock().unwrap();
    let (one, two, theirs) = (receiver.clone(), receiver.clone(), mutex.clone());
    drop(go!(name = "receives" => { receives(&one); }));
    drop(go!(name = "resumes" => resumes(two)));
    drop(go!(name = "locks" => { locks(&theirs); }));
    drop(go!(name = "sleeps" => sleeps()));
    let dump = loop {
        let dump = dump();
        if dump.tasks().iter().filter(|task| task.waits_for().is_some()).count() == 4 {
            break dump;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    println!("{dump}");
    for task in dump.tasks() {
        check(task, names);
    }
    assert!(!dump.to_string().contains("no backtraces"));
    drop((sender, held));
    println!("done");
}

fn check(task: &DumpedTask, names: bool) {
    let frames = task.backtrace().expect("a backtrace").frames();
    let (module, address) = frames[0].module().expect("a module");
    assert!(module == "traced" && address > 0, "{module}+{address:#x}");
    let stacks = if task.name() == Some("resumes") { 2 } else { 1 };
    assert_eq!(frames.last().unwrap().stack() + 1, stacks);
    if names {
        let expected = match task.name() {
            Some("resumes") => "receives",
            name => name.unwrap(),
        };
        assert!(frames[0].function().is_some_and(|name| name.contains(expected)), "{frames:?}");
        assert!(frames[0].line().is_some(), "{frames:?}");
        assert!(frames[0].file().is_some_and(|file| file.ends_with("src/main.rs")), "{frames:?}");
    } else {
        assert!(frames.len() >= 3, "{frames:?}");
        assert!(frames.iter().all(|frame| frame.function().is_none()), "{frames:?}");
        let (text, site) = (task.to_string(), "spawned at src/main.rs:");
        assert!(text.contains(site) && text.contains("\n      traced+0x"), "{text}");
    }
}
