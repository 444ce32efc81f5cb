//! What a task of the great storm does with children.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, PoisonError};

use gocoro::channel::bounded;
use gocoro::sync::{WaitGroup, promise};
use gocoro::task::{self, JoinHandle, TaskGroup};
use gocoro::time::sleep;
use gocoro::{go, select};

use super::Expected;
use super::act::{act, may_panic, send, short};
use super::cell::Cell;
use super::ledger::Message;
use crate::support::{Random, on_drop};

/// A child on its own.
pub(super) fn spawn(cell: &Arc<Cell>, random: &mut Random, generations: usize) -> JoinHandle<()> {
    let (alive, own) = (cell.enter(), Random::new(random.next()));
    let theirs = cell.clone();
    let body = move || {
        let _alive = alive;
        act(&theirs, own, generations);
    };
    let child = if random.below(4) == 0 && task::try_current().is_some() {
        task::spawn_local(body)
    } else {
        task::spawn(body)
    };
    cell.introduce(child.task(), random);
    child
}

/// Something with children, who have children of so many generations.
pub(super) fn step(cell: &Arc<Cell>, random: &mut Random, generations: usize) {
    match random.below(9) {
        0 => join(cell, random, generations),
        1 => drop(spawn(cell, random, generations)),
        2 => borrow(cell, random, generations),
        3 => group(cell, random, generations),
        4 => race(cell, random, generations),
        5 => converse(cell, random),
        6 => promised(cell, random),
        7 => wait_for_all(cell, random, generations),
        _ => token(cell, random),
    }
}

fn join(cell: &Arc<Cell>, random: &mut Random, generations: usize) {
    let mut child = spawn(cell, random, generations);
    if random.below(3) == 0 {
        child.cancel();
    }
    let ended = match random.below(4) {
        0 => child.join(),
        1 => loop {
            match child.join_timeout(short(random)) {
                Ok(ended) => break ended,
                Err(back) => child = back,
            }
        },
        2 => loop {
            select! {
                join(&mut child) -> ended => break ended,
                default(short(random)) => {}
            }
        },
        _ => {
            let other = spawn(cell, random, generations);
            let (_, first, rest) = task::wait_any(vec![child, other]).unwrap();
            cell.ended(first);
            rest.into_iter().next().unwrap().join()
        }
    };
    cell.ended(ended);
}

/// A scope's children use what lies in this frame.
fn borrow(cell: &Arc<Cell>, random: &mut Random, generations: usize) {
    let mine: [u64; 16] = std::array::from_fn(|_| random.next());
    let sum = |part: &[u64; 16]| part.iter().fold(0, |sum: u64, part| sum.wrapping_add(*part));
    let whole = sum(&mine);
    may_panic(|| {
        task::scope(|s| {
            let mine = &mine;
            for _ in 0..1 + random.below(3) {
                let (alive, own) = (cell.enter(), Random::new(random.next()));
                let body = move || {
                    let _alive = alive;
                    let _whole = on_drop(|| assert_eq!(sum(mine), whole));
                    act(cell, own, generations);
                };
                let local = random.below(3) == 0 && task::try_current().is_some();
                let child = if local { s.spawn_local(body) } else { s.spawn(body) };
                cell.introduce(child.task(), random);
                match random.below(4) {
                    0 => child.cancel(),
                    1 => drop(cell.ended(child.join())),
                    _ => {}
                }
            }
            if random.below(6) == 0 {
                panic::resume_unwind(Box::new(Expected));
            }
        });
    });
}

fn group(cell: &Arc<Cell>, random: &mut Random, generations: usize) {
    let group = match random.below(2) {
        0 => TaskGroup::new(),
        _ => TaskGroup::with_limit(1 + random.below(2)),
    };
    for n in 0..1 + random.below(4) {
        let (alive, own) = (cell.enter(), Random::new(random.next()));
        let theirs = cell.clone();
        group.spawn(move || {
            let _alive = alive;
            act(&theirs, own, generations);
            if n % 2 == 0 { Ok(n) } else { Err(n) }
        });
    }
    let ended = |ended| {
        cell.ended(ended);
    };
    match random.below(6) {
        0 => {
            may_panic(|| drop(group));
        }
        1 => group.join_all().into_iter().for_each(ended),
        2 => drop(cell.ended(group.try_join_all())),
        3 => group.shutdown(short(random)).into_iter().for_each(ended),
        4 => {
            group.cancel_all();
            while let Some(ended) = group.next() {
                cell.ended(ended);
            }
        }
        _ => {
            while let Some(ended) = group.next() {
                if let Some(Ok(_)) = cell.ended(ended) {
                    break;
                }
            }
            may_panic(|| drop(group));
        }
    }
}

fn race(cell: &Arc<Cell>, random: &mut Random, generations: usize) {
    let (time, own) = (short(random), Random::new(random.next()));
    may_panic(|| {
        let winner = task::race((
            || {
                sleep(time);
                1
            },
            || {
                act(cell, own, generations);
                2
            },
        ));
        assert!(matches!(winner, Some(1 | 2)));
    });
}

/// A child sends as much as it likes; whichever side is cut short, the other sees the end.
fn converse(cell: &Arc<Cell>, random: &mut Random) {
    let (sender, receiver) = bounded(random.below(3));
    let (alive, ledger) = (cell.enter(), cell.ledger.clone());
    let count = random.below(12);
    let sent = Arc::new(AtomicUsize::new(0));
    let child = go!(clone(sent) => {
        let _alive = alive;
        for _ in 0..count {
            let (message, ticket) = ledger.message_to_one();
            let back = sender.send(message).err().map(|error| error.0);
            let ends = back.is_some();
            ticket.told(back);
            if ends {
                return;
            }
            sent.fetch_add(1, SeqCst);
        }
    });
    cell.introduce(child.task(), random);
    let received = receiver.iter().map(Message::arrived).count();
    cell.ended(child.join());
    assert_eq!(received, sent.load(SeqCst));
}

/// Several wait for what one promised, and may not keep.
fn promised(cell: &Arc<Cell>, random: &mut Random) {
    let (promise, deferred) = promise();
    let keeps = random.below(4) > 0;
    let alive = cell.enter();
    let promising = go!({
        let _alive = alive;
        task::yield_now();
        if keeps {
            promise.set(7);
        }
    });
    cell.introduce(promising.task(), random);
    let others: Vec<_> = (0..random.below(3))
        .map(|_| {
            let (alive, deferred) = (cell.enter(), deferred.clone());
            let other = go!({
                let _alive = alive;
                deferred.wait().is_ok()
            });
            cell.introduce(other.task(), random);
            other
        })
        .collect();
    let kept = deferred.wait().is_ok();
    assert!(keeps || !kept);
    for other in others {
        assert!(cell.ended(other.join()).is_none_or(|theirs| theirs == kept));
    }
    cell.ended(promising.join());
}

fn wait_for_all(cell: &Arc<Cell>, random: &mut Random, generations: usize) {
    let group = Arc::new(WaitGroup::new());
    for _ in 0..random.below(4) {
        group.add(1);
        let (alive, own) = (cell.enter(), Random::new(random.next()));
        let (theirs, theirs_too) = (cell.clone(), group.clone());
        let done = on_drop(move || theirs_too.done());
        let child = go!({
            let _alive = alive;
            let _done = done;
            act(&theirs, own, generations);
        });
        cell.introduce(child.task(), random);
    }
    group.wait();
}

/// Takes one of the cell's tokens; each who does has a child that brings one, even if it is
/// cancelled.
fn token(cell: &Arc<Cell>, random: &mut Random) {
    let (alive, theirs) = (cell.enter(), cell.clone());
    let brings = on_drop(move || {
        // A destructor that no unwinding runs is cut short as any other code.
        task::shield(|| *theirs.tokens.lock().unwrap_or_else(PoisonError::into_inner) += 1);
        theirs.more_tokens.notify_one();
    });
    let child = go!({
        let _alive = alive;
        let _brings = brings;
        task::yield_now();
    });
    cell.introduce(child.task(), random);
    if random.below(4) == 0 {
        send(cell, random);
    }
    let tokens = cell.tokens.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = cell.more_tokens.wait_while(tokens, |tokens| *tokens == 0);
    *waited.unwrap_or_else(PoisonError::into_inner) -= 1;
}
