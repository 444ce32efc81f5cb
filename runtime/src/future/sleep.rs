//! A sleep that is a future.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::clock;
use crate::park;
use crate::spawn::Alarm;
use crate::task::Poller;
use crate::unwind;

/// A future that is ready at a time, wherever it is polled.
///
/// Nothing runs for it before its first poll. Then an alarm is set, which the runtime of whoever
/// polls rings, or the default runtime. A later time needs no other alarm: the one that is set goes
/// off early, and the poll that follows sets the next. So a sleep that is put off again and again,
/// as a connection's timeout is, costs an alarm once in a while.
#[derive(Debug)]
pub(super) struct Sleep {
    /// `None`: a time that an [`Instant`] cannot hold, and which never comes.
    at: Option<Instant>,
    /// The last poll has left a waker, and was told to wait.
    is_awaited: bool,
    alarm: Option<Alarm>,
    poller: Arc<Poller>,
}

impl Sleep {
    pub(super) fn until(at: Option<Instant>) -> Sleep {
        Sleep { at, is_awaited: false, alarm: None, poller: Arc::default() }
    }

    /// Sets another time. Whoever was told to wait is woken by then.
    pub(super) fn reset(&mut self, at: Instant) {
        self.at = Some(at);
        if self.is_awaited {
            self.be_woken_by(at);
        }
    }

    fn be_woken_by(&mut self, at: Instant) {
        if !self.alarm.as_ref().is_some_and(|alarm| alarm.goes_off_by(at)) {
            self.alarm = Some(Alarm::set(at, self.poller.clone()));
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if park::polled() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let this = self.get_mut();
        this.is_awaited = this.at.is_none_or(|at| clock::now() < at);
        if !this.is_awaited {
            return Poll::Ready(());
        }
        // An alarm that goes off says so, and then takes the waker. So either it takes this one, or
        // it is found to be over.
        this.poller.listen(context.waker());
        if let Some(at) = this.at {
            this.be_woken_by(at);
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // The waker is dropped here, and not by the alarm's task, which may be running right now.
        unwind::drop_quietly(self.poller.take());
    }
}
