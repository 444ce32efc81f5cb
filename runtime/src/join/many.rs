//! Waiting for many tasks.

use super::{JoinError, JoinHandle, refuse_own, withdraw};
use crate::park::{self, Left};
use crate::task::Reason;
use crate::waiters::{JoinNode, Waiter};

/// Waits for all of them, and returns their results in their order.
///
/// Tasks that an iterator spawns are all spawned before the first is waited for. No tasks: no
/// results, at once.
///
/// # Parks
///
/// Until the last has ended. On a plain thread it blocks the thread. If the waiting task is
/// cancelled, those it waited for are detached; see [`scope`](crate::scope::scope) and
/// [`TaskGroup`](crate::group::TaskGroup) for what cancels them.
///
/// # Panics
///
/// If the waiting task is one of them, which could never end.
///
/// # Examples
///
/// ```
/// let squares = gocoro::task::wait_all((0..3).map(|n| gocoro::go!({ n * n })));
/// let squares: Result<Vec<u32>, _> = squares.into_iter().collect();
/// assert_eq!(squares.unwrap(), [0, 1, 4]);
/// ```
pub fn wait_all<T>(tasks: impl IntoIterator<Item = JoinHandle<T>>) -> Vec<Result<T, JoinError>> {
    park::looked();
    let tasks: Vec<_> = tasks.into_iter().collect();
    tasks.into_iter().map(JoinHandle::join).collect()
}

/// Waits for the first of them to end: returns where it stood, its result, and the others in their
/// order; `None` at once if there are none.
///
/// Of several that have ended, the one that stands first.
///
/// # Parks
///
/// Until one has ended. On a plain thread it blocks the thread. If the waiting task is cancelled,
/// all are detached.
///
/// # Panics
///
/// If the waiting task is one of them, unless another has ended already.
///
/// # Examples
///
/// ```
/// use gocoro::{go, task};
///
/// let tasks = vec![go!({ task::park(); 1 }), go!({ 2 })];
/// let (at, result, others) = task::wait_any(tasks).unwrap();
/// assert_eq!((at, result.unwrap()), (1, 2));
///
/// others[0].task().unpark();
/// let (at, result, others) = task::wait_any(others).unwrap();
/// assert_eq!((at, result.unwrap()), (0, 1));
/// assert!(task::wait_any(others).is_none());
/// ```
#[allow(clippy::type_complexity)]
pub fn wait_any<T>(
    mut tasks: Vec<JoinHandle<T>>,
) -> Option<(usize, Result<T, JoinError>, Vec<JoinHandle<T>>)> {
    if tasks.is_empty() {
        park::looked();
        return None;
    }
    let at = first_ended(&tasks);
    let ended = tasks.remove(at);
    Some((at, ended.take(), tasks))
}

fn first_ended<T>(tasks: &[JoinHandle<T>]) -> usize {
    park::spent();
    if let Some(at) = tasks.iter().position(JoinHandle::has_ended) {
        return at;
    }
    tasks.iter().for_each(|handle| refuse_own(&handle.task().inner));
    let waiter = Waiter::many();
    let nodes: Vec<_> = (0..tasks.len() as u32).map(|arm| JoinNode::new(&waiter, arm)).collect();
    let mut announced = Announced { tasks, nodes: &nodes, count: 0 };
    for (at, (handle, node)) in tasks.iter().zip(&nodes).enumerate() {
        let task = &handle.task().inner;
        task.joiner.set(std::ptr::from_ref(node).cast());
        if !task.word.announce_joiner() {
            return at;
        }
        announced.count += 1;
    }
    loop {
        let _ = waiter.park(Reason::Join, None, || Left::if_withdrawn(waiter.claimed().is_none()));
        if let Some(arm) = waiter.claimed() {
            return arm as usize;
        }
    }
}

/// Takes the announcements back, and waits for those who are about to use one.
struct Announced<'a, T> {
    tasks: &'a [JoinHandle<T>],
    nodes: &'a [JoinNode],
    count: usize,
}

impl<T> Drop for Announced<'_, T> {
    fn drop(&mut self) {
        for (handle, node) in self.tasks.iter().zip(self.nodes).take(self.count) {
            withdraw(&handle.task().inner, node);
        }
    }
}
