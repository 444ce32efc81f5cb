//! What became of each message.

use std::fmt;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex};

/// The sender was told that it is sent.
const SENT: u8 = 1;
/// The sender got it back.
const BACK: u8 = 2;
/// The sender was told nothing, for the send was cut short.
const CUT: u8 = 4;
/// A receiver got it.
const RECEIVED: u8 = 8;
/// It was dropped.
const DROPPED: u8 = 16;

/// Its receiver may go and leave it in the channel.
const LEFT: u8 = 32;

const SENT_AND_RECEIVED: u8 = SENT | RECEIVED;

/// A fate a message; the messages are numbered.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Vec<u8>>);

impl Ledger {
    /// A message to be sent, and the means to say what became of that.
    pub(super) fn message(self: &Arc<Ledger>) -> (Message, Ticket) {
        let mut fates = self.0.lock().unwrap();
        let id = fates.len();
        fates.push(0);
        drop(fates);
        let message = Message { id, ledger: self.clone() };
        (message, Ticket { id, ledger: self.clone(), told: false })
    }

    /// As [`Ledger::message`], for a channel whose receiver may be gone before it was received.
    pub(super) fn message_to_one(self: &Arc<Ledger>) -> (Message, Ticket) {
        let (message, ticket) = self.message();
        self.note(message.id, LEFT);
        (message, ticket)
    }

    #[track_caller]
    fn note(&self, id: usize, fate: u8) {
        let mut fates = self.0.lock().unwrap();
        let before = fates[id];
        fates[id] |= fate;
        drop(fates);
        assert_eq!(before & fate, 0, "message {id}: {before:#b}, and once more {fate:#b}");
    }

    /// Looks at every message, after all have ended.
    pub(super) fn close(&self) -> Tally {
        let mut tally = Tally::default();
        for (id, &fate) in self.0.lock().unwrap().iter().enumerate() {
            match (fate & !LEFT) ^ DROPPED {
                SENT_AND_RECEIVED => tally.received += 1,
                SENT if fate & LEFT != 0 => tally.left += 1,
                BACK => tally.back += 1,
                CUT => tally.cut += 1,
                _ => panic!("message {id} was lost, doubled or leaked: {fate:#b}"),
            }
        }
        tally
    }
}

pub(super) struct Message {
    id: usize,
    ledger: Arc<Ledger>,
}

impl Message {
    /// A receiver has it.
    #[track_caller]
    pub(super) fn arrived(self) {
        self.ledger.note(self.id, RECEIVED);
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.ledger.note(self.id, DROPPED);
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({})", self.id)
    }
}

/// The sender's account of a message. If it is dropped, the send was cut short.
pub(super) struct Ticket {
    id: usize,
    ledger: Arc<Ledger>,
    told: bool,
}

impl Ticket {
    /// The send has ended; `Some`: the message came back.
    #[track_caller]
    pub(super) fn told(mut self, back: Option<Message>) {
        self.told = true;
        match back {
            None => self.ledger.note(self.id, SENT),
            Some(message) => {
                assert_eq!(message.id, self.id, "somebody else's message");
                self.ledger.note(self.id, BACK);
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.told {
            self.ledger.note(self.id, CUT);
        }
    }
}

/// How many messages came to which end, and how many tasks there were.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) tasks: usize,
    pub(super) cancelled: usize,
    pub(super) panicked: usize,
    received: usize,
    left: usize,
    back: usize,
    cut: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.tasks += other.tasks;
        self.cancelled += other.cancelled;
        self.panicked += other.panicked;
        self.received += other.received;
        self.left += other.left;
        self.back += other.back;
        self.cut += other.cut;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { tasks, cancelled, panicked, received, left, back, cut } = self;
        write!(f, "tasks: {tasks}, of them cancelled: {cancelled}, panicked: {panicked}; ")?;
        write!(f, "messages received: {received}, left: {left}, ")?;
        write!(f, "given back: {back}, cut short: {cut}")
    }
}
