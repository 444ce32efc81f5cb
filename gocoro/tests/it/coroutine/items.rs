//! Coroutines as iterators.

use gocoro::coroutine::iter::{Emitter, generate, try_generate};
use gocoro::go;
use gocoro::time::sleep;
use itertools::{EitherOrBoth, Itertools};
use std::time::Duration;

use super::*;
use crate::support::on_workers;

#[test]
fn items_come_as_they_are_asked_for() {
    everywhere(|| {
        let made = Rc::new(Cell::new(0));
        let count = made.clone();
        let mut items = generate(move |emitter| {
            for n in 0.. {
                count.set(n + 1);
                emitter.emit(n);
            }
        });
        assert_eq!(made.get(), 0);
        assert!(items.by_ref().take(3).eq([0, 1, 2]));
        assert_eq!(made.get(), 3);
        assert_eq!(items.next(), Some(3));
    });
}

#[test]
fn an_early_drop_unwinds() {
    everywhere(|| {
        let drops = Drops::default();
        let theirs = drops.clone();
        let mut items = generate(move |emitter| {
            let _guard = theirs.guard();
            (0..5).for_each(|n| emitter.emit(n));
        });
        assert_eq!(items.next(), Some(0));
        drop(items);
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn the_end_and_a_panic_are_the_end() {
    everywhere(|| {
        let mut items = generate(|emitter| emitter.emit(1));
        assert_eq!((items.next(), items.next(), items.next()), (Some(1), None, None));
        let mut items = generate(|emitter: &Emitter<u32>| {
            emitter.emit(1);
            panic::resume_unwind(Box::new("in the body"));
        });
        assert_eq!(items.next(), Some(1));
        assert_eq!(panic_of(|| items.next()), "in the body");
        assert_eq!(items.next(), None);
    });
}

/// Sums, an early break, and errors early and late.
#[test]
fn a_fallible_body_ends_with_its_first_error() {
    fn items(fails_after: usize) -> impl Iterator<Item = Result<u32, &'static str>> {
        try_generate(move |emitter| {
            for (n, pause) in
                [(1, 10), (5, 50), (4, 40), (3, 30), (2, 20)].into_iter().take(fails_after)
            {
                sleep(Duration::from_micros(100 * pause));
                emitter.emit(n);
            }
            if fails_after > 5 { Ok(()) } else { Err("failed") }
        })
    }
    on_workers(|_| {
        assert_eq!(items(6).sum::<Result<u32, _>>(), Ok(15));
        assert_eq!(items(0).sum::<Result<u32, _>>(), Err("failed"));
        let (mut sum, mut error) = (0, None);
        for item in items(3) {
            match item {
                Ok(n) => sum += n,
                Err(e) => error = Some(e),
            }
        }
        assert_eq!((sum, error), (10, Some("failed")));
        assert!(items(6).map_while(Result::ok).take_while(|&n| n != 4).eq([1, 5]));
    });
}

/// Its body waits for what the task that asks could wait for.
#[test]
fn a_body_may_wait() {
    on_workers(|_| {
        let (sender, receiver) = gocoro::channel::bounded(0);
        let sends = go!({
            for n in 0..10 {
                sender.send(n).unwrap();
            }
        });
        let doubled = generate(move |emitter| {
            for n in receiver {
                emitter.emit(2 * n);
            }
        });
        assert!(doubled.eq((0..10).map(|n| 2 * n)));
        sends.wait();
    });
}

/// Those of asyncigo by their names in std: each composes with a generator.
#[test]
fn the_usual_combinators_are_std_s() {
    everywhere(|| {
        let count = || {
            generate(|emitter| {
                for n in 0_u32.. {
                    emitter.emit(n);
                }
            })
        };
        let to = |end| count().take(end);
        let until = |end, bad| {
            try_generate(move |emitter| {
                for n in 0..end {
                    emitter.emit(n);
                }
                if bad { Err("bad") } else { Ok(()) }
            })
        };
        // Stop at the first error; a function that may fail.
        assert_eq!(until(3, true).collect::<Result<Vec<_>, _>>(), Err("bad"));
        let mut seen = Vec::new();
        let failed = until(4, false).try_for_each(|n| {
            let n = n?;
            seen.push(n);
            if n == 2 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((failed, seen), (Err("enough"), vec![0, 1, 2]));
        // Stop at the first error, and keep it.
        let mut error = None;
        let good = until(2, true).map_while(|item| item.map_err(|e| error = Some(e)).ok());
        assert!(good.eq([0, 1]));
        assert_eq!(error, Some("bad"));
        // All of another iterator's items, one that is fallible too.
        let passed = try_generate(move |emitter| {
            for item in until(2, true) {
                emitter.emit(item?);
            }
            Ok(())
        });
        assert!(passed.eq([Ok(0), Ok(1), Err("bad")]));
        let twice = generate(move |emitter| {
            for _ in 0..2 {
                count().take(2).for_each(|n| emitter.emit(n));
            }
        });
        assert_eq!(twice.collect::<Vec<_>>(), [0, 1, 0, 1]);
        let kept = [3, 4];
        let own = generate(move |emitter| kept.iter().for_each(|n| emitter.emit(*n)));
        assert!(own.eq([3, 4]));
        assert!(to(3).zip(to(5)).eq([(0, 0), (1, 1), (2, 2)]));
        assert!(count().skip(5).enumerate().take(2).eq([(0, 5), (1, 6)]));
        assert!((7..).zip(count().skip(5)).take(2).eq([(7, 5), (8, 6)]));
        assert!(to(3).map(|n| n * n).eq([0, 1, 4]));
        assert!(to(3).flat_map(|n| to(n as usize)).eq([0, 0, 1]));
        assert!([to(1), to(2)].into_iter().flatten().eq([0, 0, 1]));
        assert!(to(2).chain(to(1)).eq([0, 1, 0]));
        assert!(to(6).filter(|n| n % 2 == 0).eq([0, 2, 4]));
        assert!(to(6).take_while(|n| n % 2 == 0).eq([0]));
        let mut seen = std::collections::HashSet::new();
        assert!(to(3).chain(to(4)).filter(|n| seen.insert(*n)).eq([0, 1, 2, 3]));
        assert!(to(3).chain(to(4)).unique().eq([0, 1, 2, 3]));
        let longest = to(1).zip_longest(to(2)).map(EitherOrBoth::or_default);
        assert!(longest.eq([(0, 0), (0, 1)]));
        let map = to(2).map(|n| (n, n + 1)).collect::<std::collections::BTreeMap<_, _>>();
        assert!(map.into_iter().eq([(0, 1), (1, 2)]));
    });
}
