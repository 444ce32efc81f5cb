//! Senders and receivers as operations of a [`Select`](super::Select), with their types erased.

use std::time::Instant;

use super::super::arm::{RecvArm, SendArm};
use super::super::chan::Right;
use super::super::receiver::{Flavor, Receiver};
use super::super::sender::Sender;
use super::super::timed::TimedArm;
use crate::waiters::{Choice, Place};

/// Either end of a channel.
pub(super) trait End {
    fn arm<'a>(&'a self) -> Box<dyn Held + 'a>;

    /// Undoes a choice that was not completed.
    fn undo(&self, chosen: Token);
}

/// An arm whose outcome can be kept in a [`Token`], without its type.
pub(super) trait Held: Choice {
    fn hold(&self) -> Token;
}

/// What a chosen operation has taken, until it is completed or undone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// The ticket of a message that is kept in the channel.
    Message(u64),
    Time(Instant),
    /// A reserved place in the buffer.
    Place,
    /// A receiver's node, whose type the sender knows.
    Partner(*const ()),
    Closed,
    /// The operation was completed.
    Used,
}

impl<T> End for Sender<T> {
    fn arm<'a>(&'a self) -> Box<dyn Held + 'a> {
        Box::new(SendArm::new(self.chan()))
    }

    fn undo(&self, chosen: Token) {
        match chosen {
            Token::Place => self.chan().abandon(&Right::Place),
            Token::Partner(node) => self.chan().abandon(&Right::Partner(node.cast())),
            _ => {}
        }
    }
}

impl<T> Held for SendArm<'_, T> {
    fn hold(&self) -> Token {
        match self.right() {
            Right::Place => Token::Place,
            Right::Partner(node) => Token::Partner(node.cast()),
            Right::Closed => Token::Closed,
        }
    }
}

impl<T> End for Receiver<T> {
    fn arm<'a>(&'a self) -> Box<dyn Held + 'a> {
        match self.flavor() {
            Flavor::Chan(chan) => Box::new(RecvArm::new(chan)),
            Flavor::Timed(timed) => Box::new(TimedArm::new(timed)),
            Flavor::Never => Box::new(NeverArm),
        }
    }

    fn undo(&self, chosen: Token) {
        match (chosen, self.flavor()) {
            (Token::Message(ticket), Flavor::Chan(chan)) => chan.undo(ticket),
            (Token::Time(at), Flavor::Timed(timed)) => timed.give_back(at),
            _ => {}
        }
    }
}

impl<T> Held for RecvArm<'_, T> {
    fn hold(&self) -> Token {
        RecvArm::hold(self).map_or(Token::Closed, Token::Message)
    }
}

impl<T> Held for TimedArm<'_, T> {
    fn hold(&self) -> Token {
        self.received().map_or(Token::Closed, Token::Time)
    }
}

/// A receive from a channel that never has a message.
struct NeverArm;

// SAFETY: the arm links nothing, so nobody ever reaches it, and its `link` does not unwind.
unsafe impl Choice for NeverArm {
    fn attempt(&self) -> bool {
        false
    }

    fn is_ready(&self) -> bool {
        false
    }

    fn link(&self, _: Place<'_>) -> bool {
        false
    }

    fn unlink(&self) {}

    fn settle(&self) -> bool {
        false
    }
}

impl Held for NeverArm {
    fn hold(&self) -> Token {
        Token::Closed
    }
}
