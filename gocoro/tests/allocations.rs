//! What is allocated once all is warm: nothing for a wait, and one block for a task at most. A
//! program of its own, and one test, since what is counted is the whole process's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use gocoro::channel::{Receiver, Sender, bounded, unbounded};
use gocoro::net::{TcpListener, TcpStream};
use gocoro::runtime::Builder;
use gocoro::sync::{Event, Mutex};
use gocoro::task::{self, JoinHandle};
use gocoro::time::{sleep, timeout};
use gocoro::{future, go, select};

/// The system's allocator, counted. While `TELLS` is set, it tells of a large block that is freed.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, bytes) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
        if TELLS.load(SeqCst) {
            tell(layout.size());
        }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static TELLS: AtomicBool = AtomicBool::new(false);
static TOLD: OnceLock<Sender<usize>> = OnceLock::new();

/// More messages than a channel keeps room for.
const LARGE: usize = 10_000;

/// Sends the size of a large block, perhaps through the channel that had it.
#[cold]
fn tell(bytes: usize) {
    if bytes >= size_of::<[usize; LARGE]>() && TELLS.swap(false, SeqCst) {
        let _ = TOLD.get().expect("told to somebody").try_send(bytes);
    }
}

const ROUNDS: usize = 1_000;

/// Allocations in so many rounds, after as many that were not counted: of several counts the least,
/// for what ends late elsewhere in the process is counted too, and what a round needs is in each of
/// them.
fn steady(mut round: impl FnMut(usize)) -> usize {
    (0..ROUNDS).for_each(&mut round);
    let mut least = usize::MAX;
    for _ in 0..5 {
        let before = ALLOCATIONS.load(SeqCst);
        (0..ROUNDS).for_each(&mut round);
        least = least.min(ALLOCATIONS.load(SeqCst) - before);
        if least == 0 {
            break;
        }
    }
    least
}

/// Runs something over and over in a task until it is dropped.
struct Beside {
    stop: Arc<AtomicBool>,
    task: Option<JoinHandle<()>>,
}

impl Beside {
    fn new(mut round: impl FnMut() + Send + 'static) -> Beside {
        let stop = Arc::new(AtomicBool::new(false));
        let task = go!(clone(stop) => {
            while !stop.load(SeqCst) {
                round();
            }
        });
        Beside { stop, task: Some(task) }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        let task = self.task.take().expect("dropped once");
        task.task().unpark();
        task.wait();
    }
}

/// A task that sends back what it is sent, until no sender is left.
fn echo(capacity: Option<usize>) -> (Sender<usize>, Receiver<usize>) {
    let channel = || capacity.map_or_else(unbounded, bounded);
    let ((sender, requests), (answers, receiver)) = (channel(), channel());
    drop(go!({
        for n in requests {
            let _ = answers.send(n);
        }
    }));
    (sender, receiver)
}

fn yields() -> usize {
    let _other = Beside::new(task::yield_now);
    steady(|_| task::yield_now())
}

fn parks() -> usize {
    let first = task::current();
    let other = Beside::new(move || {
        task::park();
        first.unpark();
    });
    let other = other.task.as_ref().expect("it runs").task();
    steady(|_| {
        other.unpark();
        task::park();
    })
}

fn sleeps() -> usize {
    // With something to run, the worker does not wait for the poll's whole millisecond.
    let _other = Beside::new(task::yield_now);
    steady(|_| sleep(Duration::from_micros(20)))
}

fn messages(capacity: Option<usize>) -> usize {
    let (sender, receiver) = echo(capacity);
    steady(|n| {
        sender.send(n).unwrap();
        assert_eq!(receiver.recv(), Ok(n));
    })
}

fn rendezvous() -> usize {
    messages(Some(0))
}

fn bounded_messages() -> usize {
    messages(Some(1))
}

fn unbounded_messages() -> usize {
    messages(None)
}

fn messages_in_time() -> usize {
    let (sender, receiver) = echo(Some(1));
    steady(|n| {
        sender.send(n).unwrap();
        assert_eq!(receiver.recv_timeout(Duration::from_secs(3600)), Ok(n));
    })
}

fn timeouts() -> usize {
    let (sender, receiver) = echo(Some(1));
    steady(|n| {
        sender.send(n).unwrap();
        assert_eq!(timeout(Duration::from_secs(3600), || receiver.recv()), Ok(Ok(n)));
    })
}

/// Futures that wake themselves, and that another task wakes.
fn futures() -> usize {
    let (sender, receiver) = echo(Some(1));
    let event = Event::auto();
    steady(|n| {
        sender.send(n).unwrap();
        let (mut polls, mut got) = (0, None);
        future::wait(std::future::poll_fn(|context| {
            polls += 1;
            if polls == 1 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            // What a poll waits for, and what it clones, is not allocated either.
            let waker = context.waker().clone();
            got = Some(receiver.recv());
            event.set();
            event.wait();
            drop(waker);
            Poll::Ready(())
        }));
        assert_eq!(got, Some(Ok(n)));
    })
}

fn choices() -> usize {
    let ((one, first), (other, second)) = (echo(Some(1)), echo(Some(1)));
    steady(|n| {
        if n % 2 == 0 { &one } else { &other }.send(n).unwrap();
        let got = select! {
            recv(first) -> n => n,
            recv(second) -> n => n,
        };
        assert_eq!(got, Ok(n));
    })
}

fn locks() -> usize {
    let lock = Arc::new(Mutex::new(0));
    let round = |lock: &Mutex<usize>| {
        let mut value = lock.lock().unwrap();
        *value += 1;
        // The other comes, and waits.
        task::yield_now();
    };
    let theirs = lock.clone();
    let _other = Beside::new(move || round(&theirs));
    steady(|_| round(&lock))
}

fn events() -> usize {
    let pair = Arc::new((Event::auto(), Event::auto()));
    let theirs = pair.clone();
    let other = Beside::new(move || {
        theirs.0.wait();
        theirs.1.set();
    });
    let count = steady(|_| {
        pair.0.set();
        pair.1.wait();
    });
    other.stop.store(true, SeqCst);
    pair.0.set();
    count
}

fn sockets() -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    drop(go!({
        let mut byte = [0];
        while server.read(&mut byte).unwrap() == 1 {
            server.write_all(&byte).unwrap();
        }
    }));
    steady(|_| {
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
    })
}

/// The other side reads when the socket is full.
fn full_sockets() -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let reader = go!({
        let mut bytes = vec![0; 256 * 1024];
        while server.read(&mut bytes).unwrap() > 0 {}
    });
    let bytes = vec![0; 128 * 1024];
    let count = steady(|_| client.write_all(&bytes).unwrap());
    drop(client);
    reader.wait();
    count
}

/// What is done, and what a thousand rounds of it allocate.
type Row = (&'static str, fn() -> usize);

const WAITS: [Row; 14] = [
    ("yields", yields),
    ("parks", parks),
    ("sleeps", sleeps),
    ("rendezvous", rendezvous),
    ("bounded messages", bounded_messages),
    ("unbounded messages", unbounded_messages),
    ("messages in time", messages_in_time),
    ("timeouts", timeouts),
    ("futures", futures),
    ("choices", choices),
    ("locks", locks),
    ("events", events),
    ("sockets", sockets),
    ("full sockets", full_sockets),
];

/// The waits above that a plain thread can have as well: it cannot be woken as a task is, and has
/// no worker to yield to.
const WAITS_OF_THREADS: [&str; 9] = [
    "rendezvous",
    "bounded messages",
    "unbounded messages",
    "messages in time",
    "choices",
    "locks",
    "events",
    "sockets",
    "full sockets",
];

fn spawns() -> usize {
    steady(|n| assert_eq!(go!({ n }).wait(), n))
}

fn local_spawns() -> usize {
    steady(|n| assert_eq!(go!(local => { n }).wait(), n))
}

/// Tasks of a batch.
const BATCH: usize = 10;

fn batches() -> usize {
    let mut tasks = Vec::with_capacity(BATCH);
    steady(|n| {
        tasks.extend((0..BATCH).map(|_| go!({ n })));
        for task in tasks.drain(..) {
            assert_eq!(task.wait(), n);
        }
    })
}

/// Blocks of the queues that unstarted tasks go through on their way to another worker.
const QUEUES: usize = ROUNDS / 10;

/// Has the channel through which the allocator tells free its buffer.
fn tells_of_itself() {
    let one = Builder::new().workers(1).build().unwrap();
    one.run(|| {
        let (sender, receiver) = unbounded();
        for n in 0..10 * LARGE {
            sender.send(n).unwrap();
            assert_eq!(receiver.recv(), Ok(n));
        }
        (0..LARGE).for_each(|n| sender.send(n).unwrap());
        assert!(TOLD.set(sender).is_ok());
        TELLS.store(true, SeqCst);
        while receiver.try_recv().is_ok() {}
    });
}

const SCENARIO: &str = "GOCORO_TEST_TELLS";

/// An allocator that comes back to a channel which frees memory ends the program, and does not see
/// half of a change.
#[cfg(target_os = "linux")]
fn an_allocator_is_not_let_into_a_channel_at_work() {
    use std::os::unix::process::ExitStatusExt;

    // SAFETY: the call has no pointers, and changes nothing.
    let known = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_QUERY, 0, 0) };
    let wanted = libc::c_long::from(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    if known < 0 || known & wanted == 0 {
        return println!("skipped: without `membarrier` no worker owns a channel's lock");
    }
    let mut this = std::process::Command::new(std::env::current_exe().unwrap());
    let ended = this.arg("--nocapture").env(SCENARIO, "").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.signal(), Some(6), "{}: {said}", ended.status);
    assert!(said.contains("gocoro: the program's allocator uses a channel"), "{said}");
}

#[test]
fn waits_allocate_nothing_and_tasks_one_block_at_most() {
    if std::env::var_os(SCENARIO).is_some() {
        return tells_of_itself();
    }
    #[cfg(target_os = "linux")]
    an_allocator_is_not_let_into_a_channel_at_work();
    // The sanitizer is to see each task come and go.
    let kept = if cfg!(gocoro_asan) { 1 } else { 0 };
    let one = Builder::new().workers(1).build().unwrap();
    let two = Builder::new().workers(2).build().unwrap();
    for (what, wait) in WAITS {
        assert_eq!(one.run(wait), 0, "{what} on one worker");
        assert_eq!(two.run(wait), 0, "{what} on two workers");
        if WAITS_OF_THREADS.contains(&what) {
            assert_eq!(wait(), 0, "{what} of a plain thread");
        }
    }
    assert_eq!(one.run(spawns), kept * ROUNDS);
    assert_eq!(one.run(local_spawns), kept * ROUNDS);
    assert_eq!(two.run(local_spawns), kept * ROUNDS);
    assert_eq!(one.run(batches), kept * BATCH * ROUNDS);
    let several = two.run(spawns);
    assert!(several <= ROUNDS + QUEUES, "{several} for {ROUNDS} tasks");
    let several = two.run(batches);
    assert!(several <= BATCH * (ROUNDS + QUEUES), "{several} for {} tasks", BATCH * ROUNDS);
    // From outside: what a task leaves is its worker's.
    let several = steady(|n| assert_eq!(one.spawn(move || n).wait(), n));
    assert!(several <= ROUNDS + QUEUES, "{several} for {ROUNDS} tasks");
}
