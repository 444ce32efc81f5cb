//! The thread that serves, its runtime, and what its tasks do.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::answers;
use super::history::SAMPLED_EVERY;
use super::http;
use super::snapshot::State;
use crate::census::Internal;
use crate::channel::{self, Receiver, RecvTimeoutError, Sender};
use crate::limits::ACCEPT_PAUSE_MAX;
use crate::net::{TcpListener, TcpStream};
use crate::scheduler::{self, Plan, Shared, Worker};
use crate::spawn::Builder;
use crate::time::{io_deadline, sleep};
use crate::unwind::AbortIfPanic;
use crate::{clock, current};

/// Connections at once. A browser opens six, and each that says nothing ends within five seconds.
const CONNECTIONS_MAX: usize = 64;

/// The stack of a task that answers. It sorts, formats and reads files.
const STACK_BYTES: usize = 256 * 1024;

/// How long a wait for the thread lasts before it begins anew: see "Who serves".
const ROUND: Duration = Duration::from_secs(10);

/// The thread, as others see it.
#[derive(Debug)]
pub(super) struct Server {
    shared: Arc<Shared>,
    /// Ends with the thread's work.
    ended: Receiver<Infallible>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Starts the thread, and waits until it serves.
    pub(super) fn start(listener: TcpListener) -> io::Result<Server> {
        let (say, started) = channel::bounded(1);
        let (end, ended) = channel::bounded(1);
        let work = move || {
            // This thread is none that tasks can hope for: that somebody may ask for the page keeps
            // no deadlock from being one.
            let _internal = Internal::new();
            let _end: Sender<Infallible> = end;
            let plan = Plan { is_internal: true, ..Plan::default() };
            match plan.prepare_local().and_then(Worker::new) {
                Ok(worker) => run(&worker, listener, &say),
                Err(error) => drop(say.send(Err(error))),
            }
        };
        let thread = thread::Builder::new().name("gocoro-inspect".into()).spawn(work)?;
        // A cancel would leave the thread to serve, and nobody could end it.
        let started = current::waits().shielded(|| wait_for(&started));
        let shared = started.unwrap_or_else(|| {
            Err(io::Error::other("the thread of the live page has ended before it served"))
        })?;
        Ok(Server { shared, ended, thread: Some(thread) })
    }

    /// Leaves the thread alone.
    pub(super) fn detach(mut self) {
        self.thread = None;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        scheduler::check_not_forked();
        self.shared.close();
        current::waits().shielded(|| wait_for(&self.ended));
        // The thread has nothing left to do. If it had panicked, the process would have aborted.
        let _ = thread.join();
    }
}

/// What the thread says, or `None` once it has ended.
fn wait_for<T>(news: &Receiver<T>) -> Option<T> {
    loop {
        match news.recv_timeout(ROUND) {
            Ok(news) => return Some(news),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Serves until the runtime is closed.
fn run(worker: &Worker, listener: TcpListener, say: &Sender<io::Result<Arc<Shared>>>) {
    let abort = AbortIfPanic("the live page");
    let inside = worker.enter();
    match task(move || accept(&listener)) {
        Ok(()) => drop(say.send(Ok(worker.shared().clone()))),
        Err(error) => {
            worker.shared().close();
            drop(say.send(Err(error)));
        }
    }
    worker.run_to_end();
    worker.end();
    drop(inside);
    std::mem::forget(abort);
}

/// Spawns a task of this runtime's.
fn task(f: impl FnOnce() + 'static) -> io::Result<()> {
    Builder::new().stack_size(STACK_BYTES).spawn_local(f).map(drop)
}

/// Whether the server is to end. Where panics abort, a task is not unwound when it is cancelled.
fn is_closed() -> bool {
    scheduler::current_worker().is_some_and(|worker| worker.shared().is_closed())
}

/// Accepts connections, and reads the numbers once in a while.
fn accept(listener: &TcpListener) {
    let state = Rc::new(State::new());
    let open = Rc::new(Cell::new(0));
    let mut due = clock::now();
    while !is_closed() {
        if clock::now() >= due {
            state.tick();
            due = clock::now() + SAMPLED_EVERY;
        }
        match io_deadline(due, || listener.accept()) {
            Ok((stream, _)) if open.get() < CONNECTIONS_MAX => {
                let (state, open) = (state.clone(), Open::new(&open));
                // If there is no stack for it, the connection is closed.
                let _ = task(move || {
                    let _open = open;
                    let _ = serve(&stream, &state);
                });
            }
            // One too many is closed.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            // Most likely there are no descriptors.
            Err(_) => sleep(ACCEPT_PAUSE_MAX),
        }
    }
}

/// A connection that counts.
struct Open(Rc<Cell<usize>>);

impl Open {
    fn new(count: &Rc<Cell<usize>>) -> Open {
        count.set(count.get() + 1);
        Open(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

fn serve(stream: &TcpStream, state: &State) -> io::Result<()> {
    let answer = match http::read(stream) {
        Ok(Some(request)) => answers::to(&request, state),
        Ok(None) => return Ok(()),
        Err(refusal) => refusal,
    };
    answer.send(stream)
}
