//! A cancelled task goes on: its waits wait, and only `is_cancelled` tells.

use std::thread;
use std::time::{Duration, Instant};

use gocoro::channel::{bounded, unbounded};
use gocoro::net::{TcpListener, TcpStream};
use gocoro::runtime::LocalRuntime;
use gocoro::sync::Event;
use gocoro::task;
use gocoro::time::{io_deadline, sleep};
use gocoro::{go, select};
use std::io::prelude::*;
use std::sync::Arc;

fn main() {
    let (begun, has_begun) = bounded(0);
    let (numbers, inbox) = unbounded();
    let event = Arc::new(Event::new());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let task = go!(clone(event) => {
        begun.send(()).unwrap();
        let first = inbox.recv().unwrap();
        assert!(task::is_cancelled(), "it was cancelled while it waited");
        begun.send(()).unwrap();
        // From here on it is cancelled when a wait begins.
        task::park();
        task::checkpoint();
        task::yield_now();
        let slept = Instant::now();
        sleep(Duration::from_millis(2));
        assert!(slept.elapsed() >= Duration::from_millis(2));
        let second = select! { recv(inbox) -> number => number.unwrap() };
        event.wait();
        let mut stream = TcpStream::connect(address).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let third = go!({ task::is_cancelled() });
        (first, second, text, third.wait())
    });
    has_begun.recv().unwrap();
    task.cancel();
    numbers.send(1).unwrap();
    has_begun.recv().unwrap();
    task.task().unpark();
    numbers.send(2).unwrap();
    event.set();
    listener.accept().unwrap().0.write_all(b"text").unwrap();
    assert_eq!(task.wait(), (1, 2, "text".to_owned(), false));

    // The gentle form needs no unwinding.
    let (stream, soon) = (TcpStream::connect(address).unwrap(), Duration::from_millis(2));
    let late = io_deadline(Instant::now() + soon, || (&stream).read(&mut [0]).unwrap_err());
    assert_eq!(late.kind(), std::io::ErrorKind::TimedOut);

    // One that has not started never does.
    thread::spawn(|| {
        LocalRuntime::new().unwrap().run(|| {
            let never = go!({ unreachable!() });
            never.cancel();
            let _: &task::JoinHandle<()> = &never;
            assert!(never.join().unwrap_err().is_cancelled());
        });
    })
    .join()
    .unwrap();
    println!("went on");
}
