//! Workers that do not answer: which task keeps each of them, and what it does.
//!
//! The threads of such workers are asked by a signal ([`busy`]), from a thread of its own, for that
//! blocks. The page looks every second, and needs no backtrace. So what a worker has said is kept,
//! as long as it stands where it stood: its thread gets one signal and not one a second. Whether
//! the task was cancelled since is not looked at again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::{DumpedTask, Run, TaskState};
use crate::census::Internal;
use crate::observe::backtrace::can_trace;
use crate::observe::busy::{self, Answer, Sample, Stand, Thread, own_thread};
use crate::scheduler::{Beat, Shared, all_runtimes};
use crate::{channel, clock};

/// After this time no further thread is asked. One that gets no processor takes a fifth of a
/// second.
const ASKED_FOR: Duration = Duration::from_millis(300);

/// How long the answers are waited for. The first backtrace of a program needs its unwinding
/// tables, and a thread to test them on.
const ANSWERS_PATIENCE: Duration = Duration::from_secs(2);

/// The stack of the thread. Without optimisation a walk takes some 50 KiB of it.
const STACK_BYTES: usize = 256 * 1024;

/// A worker that did not answer.
#[derive(Clone, Debug)]
pub(super) struct Silent {
    pub(super) runtime: u32,
    pub(super) worker: usize,
    /// What its thread does, in words.
    pub(super) does: String,
}

/// A worker that is to be asked.
struct Asked {
    shared: Arc<Shared>,
    worker: usize,
    stand: Stand,
    beat: Beat,
}

/// What a worker said last, and where it stood then.
struct Said {
    runtime: u32,
    worker: usize,
    stand: Stand,
    /// `None`: the worker runs no task, as one that nobody drives.
    sample: Option<Sample>,
}

static SAID: Mutex<Vec<Said>> = Mutex::new(Vec::new());

/// Asks all workers that are awake and not among those who have answered. Returns what they do, and
/// the tasks that they run, with backtraces if `traces`.
pub(super) fn ask(
    answered: &HashSet<(u32, usize)>,
    traces: bool,
) -> (Vec<Silent>, Vec<DumpedTask>) {
    let mut asked = Vec::new();
    for shared in all_runtimes() {
        let is_silent = |worker: &usize| !answered.contains(&(shared.id, *worker));
        for worker in (0..shared.seats.len()).filter(is_silent) {
            let stand = Stand::of(&shared.seats[worker]);
            // This thread's own workers cannot run, whatever they do.
            if let Some((stand, beat)) =
                stand.filter(|(_, beat)| Thread(beat.thread) != own_thread())
            {
                asked.push(Asked { shared: shared.clone(), worker, stand, beat });
            }
        }
    }
    if asked.is_empty() {
        return Default::default();
    }
    let (say, said) = channel::bounded(1);
    let asks = move || {
        let _internal = Internal::new();
        let _ = say.send(ask_each(asked, traces));
    };
    let thread = thread::Builder::new().name("gocoro-ask".into()).stack_size(STACK_BYTES);
    match thread.spawn(asks) {
        Ok(_) => said.recv_timeout(ANSWERS_PATIENCE).unwrap_or_default(),
        Err(_) => Default::default(),
    }
}

fn ask_each(asked: Vec<Asked>, traces: bool) -> (Vec<Silent>, Vec<DumpedTask>) {
    let (mut silent, mut tasks) = (Vec::new(), Vec::new());
    let mut known = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let before = std::mem::take(&mut *known);
    // The first look takes long, and so may whoever has held the lock.
    let traces = traces && can_trace();
    let until = clock::now() + ASKED_FOR;
    for Asked { shared, worker, stand, beat } in asked {
        let runtime = shared.id;
        let mut does = Thread(beat.thread).doing().in_words();
        let same = before.iter().find(|said| {
            !traces && (said.runtime, said.worker, said.stand) == (runtime, worker, stand)
        });
        let answer = match same {
            Some(said) => Some(said.sample.clone()),
            None if clock::now() > until => None,
            None => match busy::ask(&beat, traces) {
                // A worker that had no processor has gone on, and what it said is of now.
                _ if Stand::of(&shared.seats[worker]).is_none_or(|(now, _)| now != stand) => None,
                Answer::Task(sample) => Some(Some(*sample)),
                Answer::Nothing => Some(None),
                Answer::Silent => None,
            },
        };
        if let Some(None) = &answer {
            does = String::from("runs no task");
        }
        silent.push(Silent { runtime, worker, does: does.clone() });
        let Some(mut sample) = answer else { continue };
        if let Some(sample) = &mut sample {
            tasks.push(task_of(sample, (runtime, worker), does, traces));
            sample.forget_stacks();
        }
        known.push(Said { runtime, worker, stand, sample });
    }
    (silent, tasks)
}

/// The task of a sample, as a dump shows it.
fn task_of(
    sample: &Sample,
    (runtime, worker): (u32, usize),
    does: String,
    traces: bool,
) -> DumpedTask {
    DumpedTask {
        who: sample.who.clone(),
        state: TaskState::Running,
        wait: None,
        run: Some(Run { age: sample.since.elapsed(), does }),
        backtrace: if traces { sample.backtrace() } else { None },
        stack_touched: None,
        own_stack: false,
        runtime,
        worker,
    }
}
