//! Programs in which a task waits in a destructor.

use std::io::{BufWriter, Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use gocoro::channel::{Receiver, Sender, bounded};
use gocoro::go;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::runtime::LocalRuntime;
use gocoro::task::{self, JoinHandle};
use gocoro::time::{sleep, timeout};

use crate::support::{
    NEVER, SOON, assert_cancelled, bounded as in_time, on_drop, on_workers, settle, until,
};

/// Has a writer and a ticker, and stops them when it goes: it flushes, waits for the
/// acknowledgement, cancels the ticker, joins both.
struct Supervisor {
    requests: Option<Sender<u32>>,
    acknowledged: Receiver<u32>,
    writer: Option<JoinHandle<()>>,
    ticker: Option<JoinHandle<()>>,
}

impl Supervisor {
    fn start() -> Supervisor {
        let (requests, incoming) = bounded::<u32>(1);
        let (acknowledge, acknowledged) = bounded(1);
        let writer = go!({
            for request in incoming {
                task::yield_now();
                if acknowledge.send(request).is_err() {
                    return;
                }
            }
        });
        let ticker = go!({
            loop {
                sleep(SOON);
            }
        });
        let (writer, ticker) = (Some(writer), Some(ticker));
        Supervisor { requests: Some(requests), acknowledged, writer, ticker }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let requests = self.requests.take().unwrap();
        requests.send(7).unwrap();
        assert_eq!(self.acknowledged.recv(), Ok(7));
        let ticker = self.ticker.take().unwrap();
        ticker.cancel();
        assert!(ticker.join().unwrap_err().is_cancelled());
        drop(requests);
        self.writer.take().unwrap().join().unwrap();
    }
}

#[test]
fn a_supervisor_stops_its_children_as_it_is_unwound() {
    on_workers(|_| {
        let supervise = || {
            let _supervisor = Supervisor::start();
            sleep(NEVER);
        };
        assert!(timeout(SOON, supervise).is_err());
        // Many at once, whose unwindings overlap, by timeouts, cancels and panics.
        let supervisors: Vec<_> = (0..20)
            .map(|n| {
                go!({
                    match n % 3 {
                        0 => assert!(timeout(SOON, supervise).is_err()),
                        1 => supervise(),
                        _ => {
                            let _supervisor = Supervisor::start();
                            settle();
                            panic::panic_any(n);
                        }
                    }
                })
            })
            .collect();
        settle();
        for (n, supervisor) in supervisors.into_iter().enumerate() {
            match n % 3 {
                0 => supervisor.wait(),
                1 => {
                    supervisor.cancel();
                    assert_cancelled(supervisor);
                }
                _ => assert!(supervisor.join().unwrap_err().is_panic()),
            }
        }
    });
}

/// A client that does not read keeps the flush of a cancelled task waiting, in its own way: inside
/// `shield` sockets wait. Its neighbours must not feel that.
#[test]
fn a_peer_that_does_not_read_holds_back_one_task_alone() {
    struct Flushes(BufWriter<TcpStream>);
    impl Drop for Flushes {
        fn drop(&mut self) {
            let _ = task::shield(|| self.0.flush());
        }
    }
    on_workers(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let full = Arc::new(AtomicBool::new(false));
        let writer = go!(clone(full) => {
            // Fills the socket's buffers, and then its own.
            let probe = stream.try_clone().unwrap();
            probe.set_write_timeout(Some(SOON)).unwrap();
            while (&probe).write(&[0; 1 << 16]).is_ok() {}
            probe.set_write_timeout(None).unwrap();
            let mut writer = Flushes(BufWriter::with_capacity(1 << 20, stream));
            writer.0.write_all(&[1; 1 << 19]).unwrap();
            full.store(true, SeqCst);
            sleep(NEVER);
        });
        until(|| full.load(SeqCst));
        writer.cancel();
        settle();
        assert!(!writer.is_finished(), "it flushes");
        // A neighbour is timed out, cancelled, and served.
        assert!(timeout(SOON, || sleep(NEVER)).is_err());
        let beside = go!({ sleep(NEVER) });
        settle();
        beside.cancel();
        assert_cancelled(beside);
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut served, _) = listener.accept().unwrap();
        let echo = go!({
            let mut byte = [0];
            served.read_exact(&mut byte).unwrap();
            served.write_all(&byte).unwrap();
        });
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
        echo.wait();
        assert!(!writer.is_finished());
        // Once the client is gone, the flush fails, and the task ends.
        drop(silent);
        assert_cancelled(writer);
    });
}

/// Runs `f` in a destructor, in the middle of the unwinding of this plain thread.
fn in_a_destructor(f: impl FnOnce()) {
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        let _guard = on_drop(|| {
            assert!(thread::panicking());
            f();
            assert!(thread::panicking());
        });
        panic::panic_any("the thread's");
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"the thread's"));
    assert!(!thread::panicking());
}

#[test]
fn the_tasks_of_a_runtime_that_runs_in_a_destructor_do_not_unwind() {
    in_time(|| {
        in_a_destructor(|| {
            let mut runtime = LocalRuntime::new().unwrap();
            runtime.run(|| {
                assert!(!thread::panicking());
                assert!(timeout(SOON, || sleep(NEVER)).is_err());
                let waits = go!(local => { sleep(NEVER) });
                // One that panics, and waits in a destructor, is cancelled meanwhile.
                let panics = go!(local => {
                    let _guard = on_drop(|| sleep(SOON));
                    panic::panic_any(3);
                });
                settle();
                panics.cancel();
                waits.cancel();
                assert_eq!(panics.join().unwrap_err().downcast_ref(), Some(&3));
                assert_cancelled(waits);
            });
            // What is left is cancelled by the drop.
            drop(runtime.spawn(|| sleep(NEVER)));
            runtime.poll_once(Some(SOON));
        });
    });
}

#[test]
fn a_runtime_inside_of_a_task_that_unwinds() {
    on_workers(|_| {
        in_a_destructor(|| {
            let mut inner = LocalRuntime::new().unwrap();
            inner.run(|| {
                assert!(!thread::panicking());
                assert!(timeout(SOON, || sleep(NEVER)).is_err());
            });
            // The task's own waits go on in the middle of its unwinding.
            sleep(SOON);
        });
    });
}
