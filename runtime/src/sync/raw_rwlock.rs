//! A lock of many readers or one writer, without the data that it guards: first come, first served.
//!
//! The word counts the readers, or names the writer as a mutex's word does. It carries the mark
//! WAITERS exactly while somebody is in the queue. Mark and queue change only under the queue's
//! lock. Under the mark nobody comes in except by [`RawRwLock::settle`], which lets in from the
//! front whoever may come in. So a reader behind a waiting writer waits too, and nobody starves.

use std::mem::offset_of;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::holder::{self, HELD as WRITER, WAITERS};
use crate::cycle::{self, Edge, Node};
use crate::loom::{AtomicU64, const_fn};
use crate::park;
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::waiters::{Locked, Queue, Wakes};

/// One reader, in a word that names no writer.
const READER: u64 = 1 << 2;

/// What a waiting reader carries in the queue. A waiting writer carries its name.
const READS: u64 = 0;

pub(super) struct RawRwLock {
    word: AtomicU64,
    queue: Queue<u64>,
}

impl RawRwLock {
    const_fn! {
        pub(super) fn new() -> RawRwLock {
            RawRwLock { word: AtomicU64::new(0), queue: Queue::new() }
        }
    }

    #[inline]
    #[track_caller]
    pub(super) fn read(&self) {
        park::spent();
        if !self.try_read() {
            self.wait(READS, holder::me(), "read-locks an RwLock that it has write-locked");
        }
    }

    #[inline]
    pub(super) fn try_read(&self) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & (WRITER | WAITERS) == 0 {
            match self.word.compare_exchange_weak(word, word + READER, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
        false
    }

    #[inline]
    #[track_caller]
    pub(super) fn write(&self) {
        park::spent();
        let me = holder::me();
        if self.word.compare_exchange(0, me, Acquire, Relaxed).is_err() {
            self.wait(me, me, "write-locks an RwLock that it has write-locked already");
        }
    }

    #[inline]
    pub(super) fn try_write(&self) -> bool {
        self.word.compare_exchange(0, holder::me(), Acquire, Relaxed).is_ok()
    }

    #[cold]
    #[track_caller]
    fn wait(&self, asked: u64, me: u64, what: &'static str) {
        let word = self.word.load(Relaxed);
        holder::refuse_again(word, me, what);
        holder::tell_contended("rwlock", self, word);
        let queue = self.queue.lock();
        let mut word = self.word.load(Relaxed);
        while word & WAITERS == 0 {
            let next = match asked {
                READS if word & WRITER == 0 => word + READER,
                name if word == 0 => name,
                _ => word | WAITERS,
            };
            match self.word.compare_exchange_weak(word, next, Acquire, Relaxed) {
                Ok(_) if next & WAITERS == 0 => return,
                Ok(_) => break,
                Err(seen) => word = seen,
            }
        }
        // When a waiter leaves, those behind it may be able to come in.
        let wait = Wait { lock: self, reads: asked == READS };
        let wanted = Reason::Lock.on(&wait);
        let edge = Edge::to_held(holder::node(me), self, holder::node(word));
        let look = || edge.look();
        self.queue.wait_with(queue, asked, wanted, None, look, |queue| self.let_in(queue));
    }

    #[inline]
    pub(super) fn read_unlock(&self) {
        let before = self.word.fetch_sub(READER, Release);
        if before & WAITERS != 0 && before - READER == WAITERS {
            self.let_in(self.queue.lock());
        }
    }

    #[inline]
    pub(super) fn write_unlock(&self) {
        let word = self.word.load(Relaxed);
        if word & WAITERS != 0 || self.word.compare_exchange(word, 0, Release, Relaxed).is_err() {
            self.replace_writer(0);
        }
    }

    /// Turns the writer into a reader.
    pub(super) fn downgrade(&self) {
        let word = self.word.load(Relaxed);
        if word & WAITERS != 0
            || self.word.compare_exchange(word, READER, Release, Relaxed).is_err()
        {
            self.replace_writer(READER);
        }
    }

    #[cold]
    fn replace_writer(&self, readers: u64) {
        let queue = self.queue.lock();
        cycle::hand_over(self, Node::NOBODY);
        // The word names a writer and carries the mark, so nobody else writes it, and a store is
        // enough.
        self.word.store(readers | WAITERS, Release);
        self.let_in(queue);
    }

    #[cold]
    fn let_in(&self, mut queue: Locked<'_, u64>) {
        let wakes = self.settle(&mut queue);
        drop(queue);
        wakes.give();
    }

    /// Lets in, from the front of the queue, all who may come in now.
    fn settle(&self, queue: &mut Locked<'_, u64>) -> Wakes {
        let mut wakes = Wakes::default();
        loop {
            let word = self.word.load(Acquire);
            if word & WAITERS == 0 || word & WRITER != 0 {
                return wakes;
            }
            // The word carries the mark and names no writer, so others can only count readers down.
            let woken = match queue.first() {
                None => {
                    self.word.fetch_and(!WAITERS, AcqRel);
                    return wakes;
                }
                Some(READS) => {
                    self.word.fetch_add(READER, AcqRel);
                    queue.claim_first(|_| ())
                }
                Some(_) if word != WAITERS => return wakes,
                Some(name) => {
                    let woken = queue.claim_first(|_| ());
                    let more = if queue.is_empty() { 0 } else { WAITERS };
                    cycle::hand_over(self, holder::node(name));
                    self.word.store(name | more, Release);
                    woken
                }
            };
            if let Some(wake) = woken {
                wakes.push(wake);
            }
        }
    }
}

/// A wait for the lock, as what a task waits for.
struct Wait<'a> {
    lock: &'a RawRwLock,
    reads: bool,
}

impl Legible for Wait<'_> {
    const PLAIN: Plain = Plain::of_two("write lock of an rwlock", "read lock of an rwlock")
        .other_if(offset_of!(Wait<'_>, reads))
        .through(offset_of!(Wait<'_>, lock))
        .address()
        .holder("write-locked by", offset_of!(RawRwLock, word), holder::BITS);
}

impl Described for Wait<'_> {
    fn in_words(&self, _: Reason, words: &mut Words) {
        let what = if self.reads { "read lock of an rwlock" } else { "write lock of an rwlock" };
        words.at(what, self.lock);
        let word = self.lock.word.load(Relaxed);
        match holder::whom(word) {
            Some(writer) => {
                words.say(format_args!(" write-locked by "));
                words.whom(writer);
            }
            None => {
                let readers = (word & !WAITERS) / READER;
                words.say(format_args!(" with {readers} readers"));
            }
        }
    }
}
