//! What a task of the great storm does by itself.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use gocoro::channel::{RecvTimeoutError, Select, SendTimeoutError, TrySendError};
use gocoro::time::{sleep, timeout};
use gocoro::{go, select, select_biased, task};

use super::Expected;
use super::cell::{Cell, INS, OUTS, PERMITS};
use super::family;
use super::ledger::{Message, Ticket};
use crate::support::{Random, on_drop};

const WRITER: usize = 1 << 32;

pub(super) fn short(random: &mut Random) -> Duration {
    Duration::from_micros(random.next() % 300)
}

/// Runs `body`, which may panic as those of the storm do.
pub(super) fn may_panic<T>(body: impl FnOnce() -> T) -> Option<T> {
    match panic::catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Expected>() => None,
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// What a task does, with children of so many generations.
pub(super) fn act(cell: &Arc<Cell>, mut random: Random, generations: usize) {
    for _ in 0..random.below(12) {
        step(cell, &mut random, generations);
    }
    if random.below(20) == 0 {
        panic::resume_unwind(Box::new(Expected));
    }
}

pub(super) fn step(cell: &Arc<Cell>, random: &mut Random, generations: usize) {
    if generations > 0 && random.below(5) < 2 {
        return family::step(cell, random, generations - 1);
    }
    match random.below(17) {
        0 => task::yield_now(),
        1 => sleep(short(random)),
        2 | 3 => send(cell, random),
        4 => receive_what_comes(cell, random),
        5 | 6 => receive_what_was_asked_for(cell, random),
        7 | 8 => choose(cell, random),
        9 => lock(cell, random),
        10 => read_or_write(cell, random),
        11 => take_turns(cell, random),
        12 => {
            let limit = short(random);
            let _ = timeout(limit, || step(cell, random, generations));
        }
        13 => cell.cancel_one(random),
        14 => task::shield(|| step(cell, random, 0)),
        15 => {
            let own = Random::new(random.next());
            let _guard = on_drop(|| wait_in_a_destructor(cell, own));
            step(cell, random, generations);
            sleep(short(random));
            if random.below(3) == 0 {
                panic::resume_unwind(Box::new(Expected));
            }
        }
        _ => {
            may_panic(|| {
                sleep(short(random));
                if random.below(2) == 0 {
                    panic::resume_unwind(Box::new(Expected));
                }
            });
        }
    }
}

/// Waits for this and that, on the normal path or in the middle of an unwinding, which the task
/// itself can tell at any time. No wait here rests on a timeout: in the middle of an unwinding none
/// goes off.
fn wait_in_a_destructor(cell: &Arc<Cell>, mut random: Random) {
    let unwinding = thread::panicking();
    for _ in 0..random.below(4) {
        match random.below(6) {
            0 => task::yield_now(),
            1 => sleep(short(&mut random)),
            2 => receive_what_was_asked_for(cell, &mut random),
            3 => {
                let _guard = cell.mutex.lock().unwrap_or_else(PoisonError::into_inner);
                let _inside = enter(&cell.inside[0], 1, 1);
                task::yield_now();
            }
            4 if task::try_current().is_some() => {
                let time = short(&mut random);
                let child = go!({ sleep(time) });
                assert!(child.join().is_ok());
            }
            _ => cell.cancel_one(&mut random),
        }
        assert_eq!(thread::panicking(), unwinding);
    }
}

/// Sends a message in one of many ways.
pub(super) fn send(cell: &Cell, random: &mut Random) {
    let sender = &cell.ins[random.below(INS)].sender;
    let time = short(random);
    let (message, ticket) = cell.ledger.message();
    let back = match random.below(7) {
        0 | 1 => sender.send(message).err().map(|error| error.0),
        2 => sender.try_send(message).err().map(TrySendError::into_inner),
        3 => sender.send_timeout(message, time).err().map(SendTimeoutError::into_inner),
        4 => {
            let mut slot = Some(message);
            select! {
                send(sender, slot.take().unwrap()) -> sent => sent.err().map(|error| error.0),
                default(time) => slot,
            }
        }
        5 => match timeout(time, || sender.send(message)) {
            Ok(sent) => sent.err().map(|error| error.0),
            Err(_) => return, // with the ticket: it was cut short
        },
        _ => {
            let mut select = Select::new();
            select.send(sender);
            match select.select_timeout(time) {
                Ok(chosen) if random.below(2) == 0 => {
                    chosen.send(sender, message).err().map(|error| error.0)
                }
                _ => Some(message),
            }
        }
    };
    ticket.told(back);
}

/// Receives in one of many ways, if something comes in time.
fn receive_what_comes(cell: &Cell, random: &mut Random) {
    let receiver = &cell.ins[random.below(INS)].receiver;
    let time = short(random);
    let message = match random.below(5) {
        0 => receiver.try_recv().ok(),
        1 => match receiver.recv_timeout(time) {
            Err(RecvTimeoutError::Disconnected) => unreachable!("the cell has the sender"),
            received => received.ok(),
        },
        2 => select! {
            recv(receiver) -> message => message.ok(),
            default(time) => None,
        },
        3 => timeout(time, || receiver.recv().unwrap()).ok(),
        _ => {
            let mut select = Select::new();
            select.recv(receiver);
            match select.select_timeout(time) {
                Ok(chosen) if random.below(2) == 0 => chosen.recv(receiver).ok(),
                _ => None,
            }
        }
    };
    if let Some(message) = message {
        message.arrived();
    }
}

/// Requests a message and waits for one, without a limit.
fn receive_what_was_asked_for(cell: &Cell, random: &mut Random) {
    let at = random.below(OUTS);
    let receiver = &cell.outs[at].receiver;
    cell.requests[at].sender.send(()).unwrap();
    let message = match random.below(4) {
        0 | 1 => receiver.recv().unwrap(),
        2 => receiver.iter().next().unwrap(),
        _ => select!(recv(receiver) -> message => message.unwrap()),
    };
    message.arrived();
}

/// Does one of several things, whichever can be done first.
fn choose(cell: &Cell, random: &mut Random) {
    let [a, b, c, d] = &cell.ins;
    let got = |message: Result<Message, _>| message.expect("the cell has the sender").arrived();
    let mut ticket: Option<Ticket> = None;
    let mut message = || {
        let (message, own) = cell.ledger.message();
        ticket = Some(own);
        message
    };
    let sent = match random.below(4) {
        0 => select! {
            send(a.sender, message()) -> sent => Some(sent),
            send(c.sender, message()) -> sent => Some(sent),
        },
        1 => select! {
            send(b.sender, message()) -> sent => Some(sent),
            recv(a.receiver) -> message => { got(message); None }
            recv(c.receiver) -> message => { got(message); None }
            default(short(random)) => None,
        },
        2 => select_biased! {
            recv(b.receiver) -> message => { got(message); None }
            recv(d.receiver) -> message => { got(message); None }
            send(a.sender, message()) -> sent => Some(sent),
        },
        _ => select! {
            send(d.sender, message()) -> sent => Some(sent),
            recv(a.receiver) -> message => { got(message); None }
            default => None,
        },
    };
    if let Some(sent) = sent {
        ticket.expect("a message was made").told(sent.err().map(|error| error.0));
    }
}

/// Goes through a lock and stays for a while.
fn lock(cell: &Cell, random: &mut Random) {
    let _guard = if random.below(4) == 0 {
        let limit = short(random);
        match timeout(limit, || cell.mutex.lock().unwrap_or_else(PoisonError::into_inner)) {
            Ok(guard) => guard,
            Err(_) => return,
        }
    } else {
        cell.mutex.lock().unwrap_or_else(PoisonError::into_inner)
    };
    let _inside = enter(&cell.inside[0], 1, 1);
    stay(cell, random);
}

fn read_or_write(cell: &Cell, random: &mut Random) {
    if random.below(3) == 0 {
        let _guard = cell.rwlock.write().unwrap_or_else(PoisonError::into_inner);
        let _inside = enter(&cell.inside[1], WRITER, WRITER);
        stay(cell, random);
    } else {
        let _guard = cell.rwlock.read().unwrap_or_else(PoisonError::into_inner);
        let _inside = enter(&cell.inside[1], 1, WRITER - 1);
        stay(cell, random);
    }
}

/// Passes a semaphore or an event that lets one through at a time.
fn take_turns(cell: &Cell, random: &mut Random) {
    if random.below(2) == 0 {
        let _permit = cell.semaphore.acquire().unwrap();
        let _inside = enter(&cell.inside[2], 1, PERMITS);
        stay(cell, random);
    } else {
        cell.turn.wait();
        let _pass = on_drop(|| cell.turn.set());
        stay(cell, random);
    }
}

/// Counts one more inside, of at most so many.
fn enter(inside: &AtomicUsize, one: usize, most: usize) -> impl Drop + '_ {
    let now = inside.fetch_add(one, SeqCst) + one;
    assert!(now <= most, "{now:#x} are inside together");
    on_drop(move || {
        inside.fetch_sub(one, SeqCst);
    })
}

fn stay(cell: &Cell, random: &mut Random) {
    match random.below(5) {
        0 => sleep(short(random) / 4),
        1 => send(cell, random),
        2 => task::yield_now(),
        3 if random.below(20) == 0 => panic::resume_unwind(Box::new(Expected)),
        _ => {}
    }
}
