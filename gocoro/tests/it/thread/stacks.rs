//! Stacks are as large as those of threads.

use gocoro::runtime::Builder;
use gocoro::{task, thread};

use crate::support::{bounded, in_both_colours};

const MIB: usize = 1 << 20;

/// What is left of the stack at the start of a closure, to the next power of two.
fn size() -> usize {
    task::remaining_stack().unwrap().next_power_of_two()
}

#[test]
fn a_thread_recurses_as_deep_as_in_std() {
    /// Calls itself until the frames take so many bytes, and counts the calls.
    #[inline(never)]
    fn dig(top: usize, bytes: usize) -> usize {
        let frame = std::hint::black_box([1_u8; 512]);
        if top - (&raw const frame).addr() > bytes {
            return 0;
        }
        1 + dig(top, bytes) * usize::from(std::hint::black_box(frame)[0])
    }

    fn deep() -> usize {
        let top_of_stack = 0_u8;
        let top = (&raw const *std::hint::black_box(&top_of_stack)).addr();
        dig(top, MIB * 7 / 4)
    }

    in_both_colours(|| {
        assert!(thread::spawn(deep).join().unwrap() > 100);
        assert!(thread::scope(|s| s.spawn(deep).join().unwrap()) > 100);
    });
}

#[test]
fn a_threads_size_goes_before_the_runtimes() {
    bounded(|| {
        for (of_runtime, of_threads) in [(64 * 1024, 2 * MIB), (MIB, 2 * MIB), (8 * MIB, 8 * MIB)] {
            let runtime = Builder::new().workers(1).stack_size(of_runtime).build().unwrap();
            runtime.run(move || {
                assert_eq!(thread::spawn(size).join().unwrap(), of_threads);
                assert_eq!(task::spawn(size).wait(), of_runtime);
                let own = thread::Builder::new().stack_size(100_000).spawn(size).unwrap();
                assert_eq!(own.join().unwrap(), 128 * 1024);
                let scoped = thread::scope(|s| {
                    let builder = thread::Builder::new().stack_size(4 * MIB);
                    let large = builder.spawn_scoped(s, size).unwrap();
                    (s.spawn(size).join().unwrap(), large.join().unwrap())
                });
                assert_eq!(scoped, (of_threads, 4 * MIB));
            });
        }
    });
}
