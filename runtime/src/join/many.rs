//! Waiting for many tasks.

use super::{JoinError, JoinHandle};
use crate::park;
use crate::waiters::{Aim, Limit, Selectable, choose};

/// Waits for all of these tasks, and returns their results in the order of the handles.
///
/// If the iterator spawns the tasks, all are spawned before the first is waited for. Without tasks
/// it returns at once, with no results.
///
/// # Parks
///
/// Until the last task has ended. On a plain thread it blocks the thread. If the waiting task is
/// cancelled, the tasks that it waited for are detached; [`scope`](crate::scope::scope) and
/// [`TaskGroup`](crate::group::TaskGroup) cancel them.
///
/// # Panics
///
/// If the waiting task is one of these tasks, which could never end.
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

/// Waits for the first of these tasks to end. Returns the index of its handle, its result, and the
/// other handles in their order; `None` at once if there are no tasks.
///
/// If several have ended already, the task whose handle stands first is taken.
///
/// # Parks
///
/// Until one task has ended. On a plain thread it blocks the thread. If the waiting task is
/// cancelled, all these tasks are detached.
///
/// # Panics
///
/// If the waiting task is one of these tasks, unless another has ended already.
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
    let at = match tasks.iter().position(JoinHandle::has_ended) {
        Some(at) => {
            park::spent();
            at
        }
        None => first_to_end(&mut tasks),
    };
    let ended = tasks.remove(at);
    Some((at, ended.take(), tasks))
}

/// Waits until a task has ended, and returns the index of its handle.
fn first_to_end<T>(tasks: &mut [JoinHandle<T>]) -> usize {
    let mut order: Vec<_> = (0..tasks.len()).collect();
    let arms: Vec<_> = tasks.iter_mut().map(Selectable::arm).collect();
    choose(&|arm| &arms[arm], &mut order, false, Limit::Never, Aim::Take)
        .expect("the wait has no deadline")
}
