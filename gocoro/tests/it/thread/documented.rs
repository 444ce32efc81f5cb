//! What std documents of spawning, joining and waiting.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::{text, twice};

const SOON: Duration = Duration::from_millis(2);

/// Sends its value when it is dropped, and whether its thread unwinds.
struct Tells<F: Fn() -> bool>(F, mpsc::Sender<bool>);

impl<F: Fn() -> bool> Drop for Tells<F> {
    fn drop(&mut self) {
        self.1.send((self.0)()).unwrap();
    }
}

twice! {
    fn a_join_gives_the_value_or_the_panics_payload() {
        assert_eq!(thread::spawn(|| vec![1, 2]).join().unwrap(), [1, 2]);
        let literal = thread::spawn(|| panic!("a literal")).join().unwrap_err();
        assert_eq!(literal.downcast_ref::<&str>(), Some(&"a literal"));
        let number = 7;
        let formatted = thread::spawn(move || panic!("the number {number}")).join();
        let formatted = formatted.unwrap_err();
        assert_eq!(formatted.downcast_ref::<String>().unwrap(), "the number 7");
        let own = thread::spawn(|| std::panic::panic_any(Cell::new(3))).join();
        assert_eq!(own.unwrap_err().downcast_ref::<Cell<i32>>(), Some(&Cell::new(3)));
        // The alias is std's type, so a payload goes on as it is.
        let result: thread::Result<u8> = thread::spawn(|| 5).join();
        let result: std::thread::Result<u8> = result;
        assert_eq!(result.unwrap(), 5);
    }

    fn is_finished_tells_when_a_join_returns_at_once() {
        let go_on = Arc::new(AtomicBool::new(false));
        let handle = thread::spawn({
            let go_on = go_on.clone();
            move || {
                while !go_on.load(SeqCst) {
                    thread::yield_now();
                }
            }
        });
        assert!(!handle.is_finished());
        go_on.store(true, SeqCst);
        while !handle.is_finished() {
            thread::yield_now();
        }
        handle.join().unwrap();
    }

    fn a_handle_that_is_dropped_detaches() {
        let (sender, receiver) = mpsc::channel();
        drop(thread::spawn(move || sender.send(1).unwrap()));
        let mut got = receiver.try_recv();
        while got.is_err() {
            thread::yield_now();
            got = receiver.try_recv();
        }
        assert_eq!(got, Ok(1));
    }

    fn a_builder_gives_name_and_stack() {
        let builder = thread::Builder::new().name("reader".to_string()).stack_size(64 * 1024);
        assert!(format!("{builder:?}").contains("reader"));
        let handle = builder
            .spawn(|| {
                let own = thread::current();
                (own.name().map(str::to_owned), own.id())
            })
            .unwrap();
        let thread = handle.thread().clone();
        assert_eq!(thread.name(), Some("reader"));
        let (name, id) = handle.join().unwrap();
        assert_eq!((name.as_deref(), id), (thread.name(), thread.id()));
        assert!(format!("{thread:?}").contains(r#"name: Some("reader")"#));
        // Without a name there is none.
        assert_eq!(thread::spawn(|| thread::current().name().is_none()).join().ok(), Some(true));
        thread::Builder::new().name(String::new()).spawn(|| ()).unwrap().join().unwrap();
    }

    fn a_name_with_a_null_byte_is_refused_at_the_spawn() {
        let builder = thread::Builder::new().name("a\0b".into());
        let payload = catch_unwind(|| drop(builder.spawn(|| unreachable!("spawned")))).unwrap_err();
        let text = text(&*payload);
        assert!(text.contains("thread name may not contain interior null bytes"), "{text}");
    }

    fn a_stack_that_cannot_be_is_an_error() {
        let builder = thread::Builder::new().stack_size(usize::MAX / 2);
        let error = builder.spawn(|| unreachable!("spawned")).map(|_: thread::JoinHandle<()>| ());
        assert!(matches!(
            error.unwrap_err().kind(),
            ErrorKind::InvalidInput | ErrorKind::OutOfMemory | ErrorKind::WouldBlock
        ));
    }

    fn ids_are_unique_and_printed_as_a_number() {
        let handles: Vec<_> = (0..50).map(|_| thread::spawn(|| thread::current().id())).collect();
        let mut ids: HashSet<thread::ThreadId> = HashSet::from([thread::current().id()]);
        let mut printed = HashSet::from([format!("{:?}", thread::current().id())]);
        for handle in handles {
            let id = handle.thread().id();
            assert_eq!(handle.join().unwrap(), id);
            assert!(ids.insert(id));
            assert!(printed.insert(format!("{id:?}")));
        }
        for text in printed {
            let number = text.strip_prefix("ThreadId(").and_then(|text| text.strip_suffix(')'));
            assert!(number.unwrap().parse::<u64>().is_ok(), "{text}");
        }
    }

    fn a_token_is_kept_for_the_next_park_and_there_is_one() {
        thread::current().unpark();
        thread::park();
        // However often it is given.
        thread::current().unpark();
        thread::current().unpark();
        thread::park();
        let begun = Instant::now();
        thread::park_timeout(SOON);
        // A park may return for no reason in std.
        assert!(begun.elapsed() < Duration::from_secs(100));
        // Given before the thread parks, and while it does.
        let flag = Arc::new(AtomicBool::new(false));
        let waits = thread::spawn({
            let flag = flag.clone();
            move || {
                while !flag.load(SeqCst) {
                    thread::park();
                }
            }
        });
        thread::sleep(SOON);
        flag.store(true, SeqCst);
        waits.thread().unpark();
        waits.join().unwrap();
    }

    fn a_parked_caller_is_woken_by_the_thread_that_it_spawned() {
        let (main, done) = (thread::current(), Arc::new(AtomicUsize::new(0)));
        for n in 1..=20 {
            let (main, theirs) = (main.clone(), done.clone());
            let other = thread::spawn(move || {
                theirs.store(n, SeqCst);
                main.unpark();
            });
            while done.load(SeqCst) != n {
                thread::park();
            }
            other.join().unwrap();
        }
    }

    #[expect(deprecated, reason = "std has them")]
    fn sleeps_are_not_shorter_than_asked_for() {
        let begun = Instant::now();
        thread::sleep(SOON);
        thread::sleep_ms(2);
        assert!(begun.elapsed() >= SOON * 2);
        thread::sleep(Duration::ZERO);
        thread::park_timeout_ms(1);
        thread::park_timeout(Duration::ZERO);
    }

    fn panicking_tells_whether_the_thread_unwinds() {
        let (sender, receiver) = mpsc::channel();
        let sender_of_other = sender.clone();
        thread::spawn(move || drop(Tells(thread::panicking, sender))).join().unwrap();
        assert_eq!(receiver.try_recv(), Ok(false));
        let failed = thread::spawn(move || {
            let _tells = Tells(thread::panicking, sender_of_other);
            panic!("expected");
        });
        failed.join().unwrap_err();
        assert_eq!(receiver.try_recv(), Ok(true));
        assert!(!thread::panicking());
    }

    fn a_spawn_without_bounds_may_borrow_until_its_join() {
        let mut numbers = vec![1, 2, 3];
        let builder = thread::Builder::new();
        // SAFETY: the thread is joined before what it borrows goes.
        let handle = unsafe { builder.spawn_unchecked(|| numbers.iter_mut().for_each(|n| *n *= 2)) };
        handle.unwrap().join().unwrap();
        assert_eq!(numbers, [2, 4, 6]);
    }

    fn handles_may_be_sent_and_shared_whatever_their_values() {
        fn both<T: Send + Sync>(_: &T) {}
        let handle = thread::spawn(|| Cell::new(1));
        both(&handle);
        both(handle.thread());
        let joined = thread::spawn(move || handle.join().unwrap().get());
        assert_eq!(joined.join().unwrap(), 1);
    }

    fn there_is_at_least_one_processor() {
        assert!(thread::available_parallelism().unwrap().get() >= 1);
    }

    fn threads_spawn_threads() {
        fn tree(depth: u32) -> u32 {
            if depth == 0 {
                return 1;
            }
            let below: Vec<_> = (0..2).map(|_| thread::spawn(move || tree(depth - 1))).collect();
            below.into_iter().map(|thread| thread.join().unwrap()).sum()
        }
        assert_eq!(tree(5), 32);
    }

    fn a_panic_of_a_destructor_is_not_lost() {
        struct Fails;
        impl Drop for Fails {
            fn drop(&mut self) {
                panic!("in a destructor");
            }
        }
        let payload = thread::spawn(|| drop(Fails)).join().unwrap_err();
        assert_eq!(text(&*payload), "in a destructor");
        // Of what the closure captured, too.
        let captured = Fails;
        let failed = thread::spawn(move || {
            let _captured = AssertUnwindSafe(captured);
        });
        assert_eq!(text(&*failed.join().unwrap_err()), "in a destructor");
    }
}
