//! Senders and receivers as operations of a [`Select`](super::Select), with their types erased.

use std::time::Instant;

use super::super::arm::SendArm;
use super::super::chan::Right;
use super::super::receiver::{Flavor, FlavorArm, Receiver, ReceiverArm};
use super::super::sender::Sender;
use crate::waiters::{Choice, Selectable};

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
    Reserved,
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
            Token::Reserved => self.chan().abandon(&Right::Reserved),
            Token::Partner(node) => self.chan().abandon(&Right::Partner(node.cast())),
            _ => {}
        }
    }
}

impl<T> Held for SendArm<'_, T> {
    fn hold(&self) -> Token {
        match self.right() {
            Right::Reserved => Token::Reserved,
            Right::Partner(node) => Token::Partner(node.cast()),
            Right::Closed => Token::Closed,
        }
    }
}

impl<T> End for Receiver<T> {
    fn arm<'a>(&'a self) -> Box<dyn Held + 'a> {
        Box::new(Selectable::arm(self))
    }

    fn undo(&self, chosen: Token) {
        match (chosen, self.flavor()) {
            (Token::Message(ticket), Flavor::Chan(chan)) => chan.undo(ticket),
            (Token::Time(at), Flavor::Timed(timed)) => timed.give_back(at),
            _ => {}
        }
    }
}

impl<T> Held for ReceiverArm<'_, T> {
    fn hold(&self) -> Token {
        match &self.0 {
            FlavorArm::Chan(arm) => arm.hold().map_or(Token::Closed, Token::Message),
            FlavorArm::Timed(arm) => arm.received().map_or(Token::Closed, Token::Time),
            FlavorArm::Never => Token::Closed,
        }
    }
}
