//! gocoro's streams, tasks and timers in async crates: hyper, tokio and futures, whatever polls
//! them. The features that these need are on for this package, and so this is where they are
//! tested.

mod executor;
mod http;
mod polls;
mod streams;
mod timer;

use gocoro::future;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::runtime::Builder;
use std::pin::Pin;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Drives work in a task, beside no other worker and beside three; on a plain thread; and in an
/// executor that knows nothing of gocoro.
fn by_all(work: impl Fn() -> Work) {
    for workers in [1, 4] {
        let (runtime, work) = (Builder::new().workers(workers).build().unwrap(), work());
        runtime.run(|| future::wait(work));
    }
    future::wait(work());
    futures_lite::future::block_on(work());
}

fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (one, listener.accept().unwrap().0)
}
