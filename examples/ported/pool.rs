// pool: factors numbers on a pool of threads.
//
//     seq 1000 | pool [THREADS]
//
// Each line of standard input is a number. The answers are printed in the order of the numbers, at
// the end. The pool is a bounded queue of jobs, guarded by a lock with three conditions: there is a
// job, there is room for one, and all are done. A job that panics takes no thread with it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::env;
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

type Job = Box<dyn FnOnce() + Send>;

/// How many jobs may wait for each thread.
const WAITING_MAX: usize = 16;

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    running: usize,
    closing: bool,
    panics: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    job: Condvar,
    room: Condvar,
    idle: Condvar,
}

impl Shared {
    fn work(&self) {
        let mut state = self.state.lock().unwrap();
        loop {
            state = self.job.wait_while(state, |s| s.jobs.is_empty() && !s.closing).unwrap();
            let Some(job) = state.jobs.pop_front() else { return };
            state.running += 1;
            self.room.notify_one();
            drop(state);

            let panicked = panic::catch_unwind(AssertUnwindSafe(job)).is_err();
            state = self.state.lock().unwrap();
            state.running -= 1;
            state.panics += usize::from(panicked);
            if state.running == 0 && state.jobs.is_empty() {
                self.idle.notify_all();
            }
        }
    }
}

struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    fn new(count: usize) -> io::Result<Self> {
        let mut pool = Self { shared: Arc::default(), threads: Vec::new() };
        for number in 1..=count {
            let shared = Arc::clone(&pool.shared);
            let thread = thread::Builder::new().name(format!("worker {number}"));
            pool.threads.push(thread.spawn(move || shared.work())?);
        }
        Ok(pool)
    }

    /// Queues a job, and waits for room first.
    fn execute(&self, job: impl FnOnce() + Send + 'static) {
        let max = self.threads.len() * WAITING_MAX;
        let state = self.shared.state.lock().unwrap();
        let mut state = self.shared.room.wait_while(state, |s| s.jobs.len() >= max).unwrap();
        state.jobs.push_back(Box::new(job));
        drop(state);
        self.shared.job.notify_one();
    }

    /// Waits until every job is done. Returns how many have panicked.
    fn wait(&self) -> usize {
        let state = self.shared.state.lock().unwrap();
        let busy = |s: &mut State| s.running > 0 || !s.jobs.is_empty();
        self.shared.idle.wait_while(state, busy).unwrap().panics
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().closing = true;
        self.shared.job.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // a job's panic does not reach it
        }
    }
}

thread_local! {
    /// The primes that this thread has found so far, from the first one on.
    static PRIMES: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// The prime of this index, which must be one that is known or the next.
fn prime(index: usize) -> u64 {
    PRIMES.with_borrow_mut(|primes| {
        if index == primes.len() {
            let mut candidate = primes.last().map_or(2, |last| last + 1);
            while primes
                .iter()
                .take_while(|&p| p * p <= candidate)
                .any(|&p| candidate.is_multiple_of(p))
            {
                candidate += 1;
            }
            primes.push(candidate);
        }
        primes[index]
    })
}

fn factors(mut number: u64) -> Vec<u64> {
    assert!(number > 0, "zero has no factors");
    let mut factors = Vec::new();
    for index in 0.. {
        let prime = prime(index);
        if prime.checked_mul(prime).is_none_or(|square| square > number) {
            break;
        }
        while number.is_multiple_of(prime) {
            factors.push(prime);
            number /= prime;
        }
    }
    if number > 1 {
        factors.push(number);
    }
    factors
}

fn main() -> Result<(), Box<dyn Error>> {
    let threads = env::args().nth(1).map_or(Ok(4), |count| count.parse())?;
    if threads == 0 {
        return Err("a pool has a thread or more".into());
    }
    let pool = Pool::new(threads)?;
    let answers = Arc::new(Mutex::new(Vec::new()));
    for (index, line) in io::stdin().lines().enumerate() {
        let line = line?;
        let number: u64 = line.trim().parse().map_err(|e| format!("'{line}': {e}"))?;
        let answers = Arc::clone(&answers);
        pool.execute(move || {
            let answer = (index, number, factors(number));
            answers.lock().unwrap().push(answer);
        });
    }
    let panics = pool.wait();

    let mut answers = answers.lock().unwrap();
    answers.sort();
    let mut output = BufWriter::new(io::stdout());
    for (_, number, factors) in answers.iter() {
        write!(output, "{number}:")?;
        factors.iter().try_for_each(|factor| write!(output, " {factor}"))?;
        writeln!(output)?;
    }
    output.flush()?;
    if panics > 0 { Err(format!("{panics} jobs panicked").into()) } else { Ok(()) }
}
