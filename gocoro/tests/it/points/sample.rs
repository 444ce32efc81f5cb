//! The program, and what it meets.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use gocoro::channel::{Receiver, Sender, bounded};
use gocoro::net::{TcpListener, TcpStream};
use gocoro::sync::{Barrier, Condvar, Event, Mutex, RwLock, Semaphore, WaitGroup, promise};
use gocoro::task::{self, JoinHandle, TaskGroup};
use gocoro::time::{sleep, timeout};
use gocoro::{go, select};

use crate::support::{NEVER, on_drop};

/// Where the program waits.
pub(super) const PLACES: [&str; 17] = [
    "connection",
    "bytes",
    "sending",
    "receiving",
    "mutex",
    "condvar",
    "rwlock",
    "semaphore",
    "event",
    "barrier",
    "wait group",
    "promise",
    "choice",
    "time",
    "children",
    "group",
    "race and shield",
];

/// Lets all others run, and the worker look at its timers, so many times.
fn turns(count: usize) {
    for _ in 0..count {
        task::yield_now();
        sleep(Duration::from_micros(1));
    }
}

pub(super) struct World {
    listener: TcpListener,
    stopping: AtomicBool,
    requests: (Sender<u32>, Receiver<u32>),
    replies: (Sender<u32>, Receiver<u32>),
    stop: StdMutex<Option<Sender<()>>>,
    stopped: Receiver<()>,
    mutex: Mutex<u32>,
    queue: Mutex<Vec<u32>>,
    filled: Condvar,
    rwlock: RwLock<u32>,
    semaphore: Semaphore,
    /// Values that were made, and those of them that were dropped.
    made: AtomicUsize,
    dropped: AtomicUsize,
    place: AtomicUsize,
}

impl World {
    pub(super) fn new() -> World {
        let (stop, stopped) = bounded(0);
        World {
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
            stopping: AtomicBool::new(false),
            requests: bounded(0),
            replies: bounded(1),
            stop: StdMutex::new(Some(stop)),
            stopped,
            mutex: Mutex::new(0),
            queue: Mutex::new(Vec::new()),
            filled: Condvar::new(),
            rwlock: RwLock::new(0),
            semaphore: Semaphore::new(1),
            made: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            place: AtomicUsize::new(0),
        }
    }

    /// Something to be dropped once.
    fn value(&self) -> impl Drop + '_ {
        self.made.fetch_add(1, SeqCst);
        on_drop(|| {
            self.dropped.fetch_add(1, SeqCst);
        })
    }

    pub(super) fn alive(&self) -> usize {
        self.made.load(SeqCst) - self.dropped.load(SeqCst)
    }

    /// Where the program was last.
    pub(super) fn place(&self) -> usize {
        self.place.load(SeqCst)
    }

    fn at(&self, place: &str) {
        let place = PLACES.iter().position(|known| *known == place).unwrap();
        self.place.store(place, SeqCst);
    }

    /// A server, and one who answers.
    pub(super) fn start_others(self: &Arc<World>) -> Vec<JoinHandle<()>> {
        let (server, answering) = (self.clone(), self.clone());
        vec![
            go!({
                while let Ok((mut stream, _)) = server.listener.accept() {
                    if server.stopping.load(SeqCst) {
                        return;
                    }
                    let mut bytes = [0; 8];
                    while let Ok(count @ 1..) = stream.read(&mut bytes) {
                        turns(1);
                        if stream.write_all(&bytes[..count]).is_err() {
                            break;
                        }
                    }
                }
            }),
            go!({
                let World { requests, replies, stopped, .. } = &*answering;
                loop {
                    // It keeps who asks waiting.
                    turns(6);
                    let request = select! {
                        recv(requests.1) -> request => request.unwrap(),
                        recv(stopped) -> _ => return,
                    };
                    turns(6);
                    select! {
                        send(replies.0, request + 1) -> sent => sent.unwrap(),
                        recv(stopped) -> _ => return,
                    }
                }
            }),
        ]
    }

    pub(super) fn stop_others(&self) {
        self.stopping.store(true, SeqCst);
        self.stop.lock().unwrap().take();
        drop(TcpStream::connect(self.listener.local_addr().unwrap()).unwrap());
    }

    /// All have ended.
    #[track_caller]
    pub(super) fn check(self, point: usize) {
        assert_eq!(self.made.load(SeqCst), self.dropped.load(SeqCst), "point {point}");
        assert!(self.made.load(SeqCst) > 0 || point == 1);
        assert!(self.mutex.try_lock().is_ok(), "held after point {point}");
        assert!(self.queue.try_lock().is_ok(), "held after point {point}");
        assert!(self.rwlock.try_write().is_ok(), "held after point {point}");
        assert_eq!(self.semaphore.available_permits(), 1, "taken after point {point}");
        let (requests, replies) = (&self.requests.1, &self.replies.1);
        assert!(requests.try_recv().is_err(), "a send that was cut short at {point}");
        assert!(replies.try_iter().count() <= 2, "at {point}");
    }

    pub(super) fn sample(&self) {
        let _value = self.value();
        self.talk();
        self.ask();
        self.lock();
        self.take_turns();
        self.meet();
        self.choose();
        self.have_children();
    }

    fn talk(&self) {
        self.at("connection");
        let mut stream = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        let _value = self.value();
        turns(2);
        self.at("bytes");
        for byte in 0..3 {
            stream.write_all(&[byte]).unwrap();
            let mut back = [0];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(back, [byte]);
        }
        stream.shutdown(Shutdown::Both).unwrap();
    }

    fn ask(&self) {
        for request in 1..5 {
            let _value = self.value();
            self.at("sending");
            self.requests.0.send(request).unwrap();
            self.at("receiving");
            assert_eq!(self.replies.1.recv(), Ok(request + 1));
        }
    }

    fn lock(&self) {
        let held = Event::new();
        task::scope(|s| {
            s.spawn(|| {
                let _value = self.value();
                let mut mutex = self.mutex.lock().unwrap();
                let mut rwlock = self.rwlock.write().unwrap();
                held.set();
                turns(3);
                *mutex += 1;
                drop(mutex);
                turns(3);
                *rwlock += 1;
            });
            s.spawn(|| {
                let _value = self.value();
                turns(8);
                self.queue.lock().unwrap().push(1);
                self.filled.notify_one();
            });
            held.wait();
            self.at("mutex");
            let mutex = self.mutex.lock().unwrap();
            self.at("rwlock");
            let rwlock = self.rwlock.read().unwrap();
            let _value = self.value();
            self.at("condvar");
            let queue = self.queue.lock().unwrap();
            let mut queue = self.filled.wait_while(queue, |queue| queue.is_empty()).unwrap();
            assert_eq!((*mutex, *rwlock, queue.pop()), (1, 1, Some(1)));
        });
    }

    fn take_turns(&self) {
        let (begun, passed) = (Event::new(), Event::auto());
        task::scope(|s| {
            s.spawn(|| {
                let _permit = self.semaphore.acquire().unwrap();
                begun.set();
                turns(3);
            });
            begun.wait();
            self.at("semaphore");
            let _permit = self.semaphore.acquire().unwrap();
            let _value = self.value();
            s.spawn(|| {
                let _value = self.value();
                turns(3);
                passed.set();
            });
            self.at("event");
            passed.wait();
        });
    }

    fn meet(&self) {
        let (barrier, group) = (Barrier::new(2), WaitGroup::new());
        let (promise, deferred) = promise();
        group.add(1);
        task::scope(|s| {
            s.spawn(|| {
                turns(3);
                barrier.wait();
                let _value = self.value();
                turns(3);
                group.done();
                turns(3);
                promise.set(self.value());
            });
            self.at("barrier");
            barrier.wait();
            self.at("wait group");
            group.wait();
            self.at("promise");
            assert!(deferred.wait().is_ok());
        });
    }

    fn choose(&self) {
        self.at("choice");
        let _value = self.value();
        let choose = || {
            select! {
                recv(self.replies.1) -> _ => unreachable!("nothing was asked"),
                send(self.requests.0, 7) -> sent => sent.unwrap(),
            }
            select! {
                recv(self.replies.1) -> reply => reply.unwrap(),
                default(NEVER) => unreachable!(),
            }
        };
        for _ in 0..3 {
            assert_eq!(timeout(NEVER, choose), Ok(8));
        }
        self.at("time");
        for _ in 0..3 {
            assert!(timeout(Duration::from_micros(50), task::park).is_err());
            sleep(Duration::from_micros(50));
        }
    }

    fn have_children(&self) {
        let parts = [1, 2, 3];
        self.at("children");
        let sum: u32 = task::scope(|s| {
            let children = parts.each_ref().map(|part| {
                s.spawn(move || {
                    let _value = self.value();
                    turns(1);
                    *self.mutex.lock().unwrap() += part;
                    task::scope(|s| s.spawn(|| turns(1)).wait());
                    *part
                })
            });
            children.into_iter().map(|child| child.wait()).sum()
        });
        assert_eq!(sum, 6);
        self.at("group");
        let group = TaskGroup::with_limit(2);
        for part in parts {
            group.spawn(move || {
                sleep(Duration::from_micros(20));
                part
            });
        }
        let first = group.next().unwrap().unwrap();
        let rest: u32 = group.join_all().into_iter().map(Result::unwrap).sum();
        assert_eq!(first + rest, 6);
        self.at("race and shield");
        let winner = task::race((
            || {
                let _value = self.value();
                sleep(NEVER);
                1
            },
            || {
                let _value = self.value();
                task::shield(|| turns(2));
                turns(1);
                2
            },
        ));
        assert_eq!(winner, Some(2));
    }
}
