//! Tasks, a timeout, a panic, a cancel, sockets and deep stacks; and then the end, where stacks are
//! freed.

use std::io::{Read, Write};
use std::time::Duration;

use gocoro::net::{TcpListener, TcpStream};
use gocoro::{channel, go, go_main, select, task, time};

fn sum(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 32]);
    if depth == 0 {
        0
    } else {
        frame[31] + sum(depth - 1)
    }
}

fn echo_once(listener: &TcpListener) -> std::io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    stream.write_all(&bytes)
}

/// Waits in the middle of an unwinding, if it is dropped by one.
struct Waits;

impl Drop for Waits {
    fn drop(&mut self) {
        let unwinding = std::thread::panicking();
        for _ in 0..20 {
            time::sleep(Duration::from_micros(100));
            assert_eq!(std::thread::panicking(), unwinding);
        }
    }
}

/// Tasks that unwind beside tasks that don't: each finds its own.
fn unwindings() {
    let unwind: Vec<_> = (0..200)
        .map(|n| {
            go!(stack_size = 32 * 1024 => {
                let _waits = Waits;
                task::yield_now();
                if n % 2 == 0 {
                    std::panic::resume_unwind(Box::new(n));
                }
                task::park();
            })
        })
        .collect();
    for task in &unwind {
        task.cancel();
    }
    for _ in 0..20 {
        assert!(time::timeout(Duration::from_micros(50), task::park).is_err());
        assert!(!std::thread::panicking());
    }
    for task in unwind {
        assert!(task.join().is_err());
    }
}

#[go_main]
fn main() -> std::io::Result<()> {
    let sums: Vec<_> = (0..200).map(|n| go!(sum(n))).collect();
    let total: u64 = sums.into_iter().map(|sum| sum.wait()).sum();
    assert_eq!(total, (0..200u64).map(|n| n * (n + 1) / 2).sum());

    let elapsed = time::timeout(Duration::from_millis(5), || {
        task::park();
    });
    assert!(elapsed.is_err());

    let panics = go!(name = "panics", stack_size = 32 * 1024 => panic!("as it should")).join();
    let _: Result<(), _> = panics;
    assert!(panics.unwrap_err().is_panic());

    unwindings();

    let waits = go!({ task::park() });
    waits.cancel();
    assert!(waits.join().unwrap_err().is_cancelled());

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = go!({ echo_once(&listener) });
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"ping")?;
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    assert_eq!(&bytes, b"ping");
    server.wait()?;

    let (words, inbox) = channel::unbounded();
    go!({ words.send("done").unwrap() });
    let word = select! {
        recv(inbox) -> word => word.unwrap(),
        default(Duration::from_secs(60)) => "late",
    };
    println!("{word}");
    Ok(())
}
