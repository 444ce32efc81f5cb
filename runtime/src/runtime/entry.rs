//! What `#[go_main]` and `#[go_test]` expand to.

use std::io::{self, Write};
use std::panic::{self, Location};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::{Builder, Runtime};
use crate::io::finish_flush;
use crate::limits::{GRACE, RECORDED_EVENTS, STALL};
#[cfg(feature = "inspect")]
use crate::observe::inspect as page;
use crate::observe::{OnDeadlock, dump_at_sigquit, set_flight_record_file, watch};
use crate::scheduler::{OnPanic, Plan, Shared, Threads, Wait, Worker, set_default};
use crate::signal::at_first_ctrl_c;
use crate::spawn::{Options, Placement, no_family, spawn_unchecked};
use crate::stack::{self, SizeClass};
use crate::unwind::AbortIfPanic;
use crate::{clock, environment};

/// The options of `#[go_main]`.
#[derive(Clone, Copy, Debug)]
pub struct MainOptions {
    workers: Option<usize>,
    stack_size: Option<usize>,
    main_stack_size: Option<usize>,
    on_exit_cancel: bool,
    grace: Duration,
    on_panic: OnPanic,
    ctrl_c_cancel: bool,
    sigquit_dump: bool,
    deadlock: OnDeadlock,
    record: Option<&'static str>,
    stall: Option<Duration>,
}

impl MainOptions {
    /// Sets no option.
    #[must_use]
    pub const fn new() -> MainOptions {
        MainOptions {
            workers: None,
            stack_size: None,
            main_stack_size: None,
            on_exit_cancel: false,
            grace: GRACE,
            on_panic: OnPanic::Report,
            ctrl_c_cancel: false,
            sigquit_dump: true,
            deadlock: OnDeadlock::Report,
            record: None,
            stall: Some(STALL),
        }
    }

    /// The option `workers = N`.
    #[must_use]
    pub const fn workers(mut self, workers: usize) -> MainOptions {
        self.workers = Some(workers);
        self
    }

    /// The option `stack_size = N`.
    #[must_use]
    pub const fn stack_size(mut self, bytes: usize) -> MainOptions {
        self.stack_size = Some(bytes);
        self
    }

    /// The option `main_stack_size = N`.
    #[must_use]
    pub const fn main_stack_size(mut self, bytes: usize) -> MainOptions {
        self.main_stack_size = Some(bytes);
        self
    }

    /// The option `on_exit = "cancel"`.
    #[must_use]
    pub const fn on_exit_cancel(mut self, cancel: bool) -> MainOptions {
        self.on_exit_cancel = cancel;
        self
    }

    /// The option `grace = ".."`.
    #[must_use]
    pub const fn grace_millis(mut self, millis: u64) -> MainOptions {
        self.grace = Duration::from_millis(millis);
        self
    }

    /// The option `ctrl_c = "cancel"`.
    #[must_use]
    pub const fn ctrl_c_cancel(mut self, cancel: bool) -> MainOptions {
        self.ctrl_c_cancel = cancel;
        self
    }

    /// The option `sigquit = "dump"`.
    #[must_use]
    pub const fn sigquit_dump(mut self, dump: bool) -> MainOptions {
        self.sigquit_dump = dump;
        self
    }

    /// The option `deadlock = "abort"`, or `"report"`.
    #[must_use]
    pub const fn deadlock_abort(mut self, abort: bool) -> MainOptions {
        self.deadlock = if abort { OnDeadlock::Abort } else { OnDeadlock::Report };
        self
    }

    /// The option `deadlock = "off"`.
    #[must_use]
    pub const fn deadlock_off(mut self, off: bool) -> MainOptions {
        self.deadlock = if off { OnDeadlock::Off } else { OnDeadlock::Report };
        self
    }

    /// The option `record = ".."`.
    #[must_use]
    pub const fn record(mut self, path: &'static str) -> MainOptions {
        self.record = Some(path);
        self
    }

    /// The option `stall = ".."`.
    #[must_use]
    pub const fn stall_millis(mut self, millis: u64) -> MainOptions {
        self.stall = Some(Duration::from_millis(millis));
        self
    }

    /// The option `stall = "off"`.
    #[must_use]
    pub const fn stall_off(mut self, off: bool) -> MainOptions {
        self.stall = if off { None } else { Some(STALL) };
        self
    }

    /// The option `on_panic = "abort"`.
    #[must_use]
    pub const fn on_panic_abort(mut self, abort: bool) -> MainOptions {
        self.on_panic = if abort { OnPanic::Abort } else { OnPanic::Report };
        self
    }

    /// The option `on_panic = "cancel"`.
    #[must_use]
    pub const fn on_panic_cancel(mut self, cancel: bool) -> MainOptions {
        self.on_panic = if cancel { OnPanic::Cancel } else { OnPanic::Report };
        self
    }
}

impl Default for MainOptions {
    fn default() -> MainOptions {
        MainOptions::new()
    }
}

/// Runs `main` as the first task, to the end of the program. This thread is worker 0.
#[track_caller]
pub fn run_main<T>(options: MainOptions, main: fn() -> T, report: fn(T) -> ExitCode) -> ExitCode {
    match Program::start(options) {
        Ok(program) => program.run(options, main, report, Location::caller()),
        Err(error) => {
            let _ = writeln!(io::stderr(), "gocoro: the runtime cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Program {
    shared: Arc<Shared>,
    worker: std::rc::Rc<Worker>,
    threads: Threads,
    /// The size of `main`'s stack.
    class: SizeClass,
    /// Whether a Ctrl-C has come that is to cancel the tasks.
    interrupted: Arc<AtomicBool>,
}

/// The time that tasks may take once they are cancelled.
struct Grace {
    length: Duration,
    /// When it is over, once it has begun. A very long one is never over.
    end: Option<Option<Instant>>,
}

impl Grace {
    fn begin(&mut self) {
        let length = self.length;
        self.end.get_or_insert_with(|| clock::after(length));
    }

    /// How long the main worker may wait.
    fn wait(&self) -> Wait {
        self.end.flatten().map_or(Wait::Yes, Wait::Until)
    }

    fn is_over(&self) -> bool {
        self.end.flatten().is_some_and(|at| clock::now() >= at)
    }

    fn left(&self) -> Duration {
        self.end.flatten().map_or(Duration::MAX, |at| at - clock::now())
    }
}

/// The size of `main`'s stack: by the environment, else by the program, else the usual size, or the
/// largest below it that can be had.
fn main_class(options: &MainOptions) -> io::Result<SizeClass> {
    const VARIABLE: &str = "GOCORO_MAIN_STACK_SIZE";
    let from_environment = environment::number(VARIABLE)?;
    let Some(bytes) = from_environment.or(options.main_stack_size) else {
        return Ok(stack::main_class());
    };
    let source = if from_environment.is_some() { VARIABLE } else { "main_stack_size" };
    SizeClass::holding(bytes).and_then(|class| stack::check(class).map(|()| class)).map_err(
        |error| {
            let why = format!("no stack of {bytes} bytes for main ({source}): {error}");
            io::Error::new(error.kind(), why)
        },
    )
}

/// Without the page, whoever asks for it is told why there is none.
#[cfg(not(feature = "inspect"))]
mod page {
    use std::io::{self, Write};
    use std::net::SocketAddr;

    pub(super) fn address_by_environment() -> io::Result<Option<SocketAddr>> {
        if std::env::var_os("GOCORO_INSPECT").is_some() {
            let why = "gocoro: GOCORO_INSPECT: no live page: it needs gocoro's feature `inspect`\n";
            let _ = io::stderr().write_all(why.as_bytes());
        }
        Ok(None)
    }

    pub(super) fn serve_to_the_end(_: SocketAddr) {}
}

impl Program {
    fn start(options: MainOptions) -> io::Result<Program> {
        let plan = Plan {
            workers: options.workers,
            stack_size: options.stack_size,
            on_panic: options.on_panic,
            deadlocks: options.deadlock.searches(),
            recorded: options.record.map(|_| RECORDED_EVENTS),
            ..Plan::default()
        };
        if let Some(path) = options.record {
            set_flight_record_file(Some(path.into()));
        }
        let (shared, mut seeds) = plan.prepare()?;
        let worker = Worker::new(seeds.remove(0))?;
        let class = main_class(&options)?;
        let page = page::address_by_environment()?;
        let interrupted = match options.ctrl_c_cancel {
            true => {
                let shared = shared.clone();
                at_first_ctrl_c(move || shared.close())?
            }
            false => Arc::default(),
        };
        let threads = Threads::start(&shared, seeds)?;
        set_default(&shared);
        if options.sigquit_dump {
            // Last, so that it takes no descriptor or thread that a worker needs. A program runs
            // without dumps as well.
            let _ = dump_at_sigquit();
        }
        if let Some(limit) = options.stall {
            watch(&shared, limit);
        }
        if let Some(address) = page {
            page::serve_to_the_end(address);
        }
        Ok(Program { shared, worker, threads, class, interrupted })
    }

    fn run<T>(
        mut self,
        options: MainOptions,
        main: fn() -> T,
        report: fn(T) -> ExitCode,
        at: &'static Location<'static>,
    ) -> ExitCode {
        let abort = AbortIfPanic("the main worker");
        let inside = self.worker.enter();
        // The result is reported in the task, since a user's `Debug` may wait or panic too.
        let body = move || report(main());
        let (task, place) = (Options::of_main(self.class), Placement::Worker(&self.worker));
        // SAFETY: the closure captures two functions and borrows nothing. The closure and the
        // task's value stay on this worker.
        let spawned = unsafe { spawn_unchecked(body, task, place, at, no_family) };
        let handle = spawned.expect("main's options are good");
        stack::set_main(handle.id().get());
        let mut grace = Grace { length: options.grace, end: None };
        while !handle.is_finished() {
            self.worker.turn(grace.wait());
            self.end_if_over(&mut grace, || self.cut().unwrap_or(ExitCode::FAILURE));
        }
        let (code, failed) = match handle.join() {
            Ok(code) => (code, code != ExitCode::SUCCESS),
            Err(error) if error.is_panic() => (ExitCode::from(PANICKED), true),
            Err(_) => (ExitCode::FAILURE, true),
        };
        let mut hurries = failed || options.on_exit_cancel;
        if !hurries {
            self.wait_for_tasks();
        }
        // What cuts the program from here on finds it ending, and changes its code no more.
        let cut = self.cut();
        hurries |= cut.is_some();
        let code = cut.unwrap_or(code);
        self.shared.close();
        grace.begin();
        self.run_to_end(&mut grace, code);
        self.threads.join();
        drop(inside);
        std::mem::forget(abort);
        // A program that ends by itself waits for whoever reads its output, as any program does.
        if hurries {
            flush_or_end(None, grace.left().max(FLUSH_MAX), code);
        } else {
            finish_flush();
        }
        code
    }

    /// The code of a program that was cancelled from elsewhere than `main`.
    fn cut(&self) -> Option<ExitCode> {
        if self.shared.has_failed() {
            return Some(ExitCode::from(PANICKED));
        }
        self.interrupted.load(Ordering::Acquire).then(|| ExitCode::from(INTERRUPTED))
    }

    /// Ends the process if the runtime is closed and the grace, which begins then, is over.
    fn end_if_over(&self, grace: &mut Grace, code: impl FnOnce() -> ExitCode) {
        if self.shared.is_closed() {
            grace.begin();
        }
        if grace.is_over() {
            let length = grace.length;
            let why =
                format!("gocoro: tasks are left {length:?} after they were cancelled; exiting\n");
            end_at_once(Some(why), code());
        }
    }

    /// Turns until no task is left that the program waits for, or the runtime is closed.
    fn wait_for_tasks(&self) {
        while !self.shared.is_closed() {
            self.shared.watch();
            if self.shared.is_quiet() {
                return;
            }
            self.worker.turn(Wait::Yes);
        }
    }

    /// Runs the closed runtime to its end, or ends the process when its grace is over.
    fn run_to_end(&self, grace: &mut Grace, code: ExitCode) {
        // This worker ends last, since it may steal from the others as long as it turns.
        while !(self.shared.others_ended()
            && self.worker.is_finished()
            && !self.shared.is_refusing())
        {
            self.worker.turn(grace.wait());
            if cfg!(panic = "abort") && self.shared.some_stay() {
                end_at_once(None, code);
            }
            self.end_if_over(grace, || code);
        }
        self.worker.end();
    }
}

/// How long the last flush of stdout may take at least.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// The exit code of a Rust program that panicked.
const PANICKED: u8 = 101;

/// The exit code of a program that a Ctrl-C has cancelled: that of a shell for one that the signal
/// has ended, 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// Says the last words and flushes stdout, or ends the process if that takes longer than `max`.
fn flush_or_end(last_words: Option<String>, max: Duration, code: ExitCode) {
    // Another thread writes, since a task that holds one of std's locks, or a pipe that is full and
    // not read, might keep this one from ever ending.
    let (written, news) = mpsc::channel();
    let writer = thread::Builder::new().spawn(move || {
        if let Some(last_words) = last_words {
            let _ = io::stderr().write_all(last_words.as_bytes());
        }
        let _ = io::stdout().flush();
        let _ = written.send(());
    });
    if writer.is_ok() && news.recv_timeout(max).is_err() {
        exit_now(code);
    }
}

/// Ends the process while tasks are left, without running exit handlers: those might destroy what
/// the tasks use.
fn end_at_once(last_words: Option<String>, code: ExitCode) -> ! {
    flush_or_end(last_words, FLUSH_MAX, code);
    exit_now(code)
}

fn exit_now(code: ExitCode) -> ! {
    // std does not give the number of an `ExitCode` away, but compares two of them.
    let number = (0..=u8::MAX).find(|&n| ExitCode::from(n) == code).unwrap_or(1);
    // SAFETY: `_exit` ends the process without running any more of its code.
    unsafe { libc::_exit(i32::from(number)) }
}

/// The options of `#[go_test]`.
#[derive(Clone, Copy, Debug)]
pub struct TestOptions {
    workers: Option<usize>,
    timeout: Option<Duration>,
}

impl TestOptions {
    /// Sets no option.
    #[must_use]
    pub const fn new() -> TestOptions {
        TestOptions { workers: None, timeout: None }
    }

    /// The option `workers = N`.
    #[must_use]
    pub const fn workers(mut self, workers: usize) -> TestOptions {
        self.workers = Some(workers);
        self
    }

    /// The option `timeout = ".."`.
    #[must_use]
    pub const fn timeout_millis(mut self, millis: u64) -> TestOptions {
        self.timeout = Some(Duration::from_millis(millis));
        self
    }
}

impl Default for TestOptions {
    fn default() -> TestOptions {
        TestOptions::new()
    }
}

/// Runs a test's body as a task of a fresh runtime. When the body has ended, other tasks are
/// cancelled.
#[track_caller]
pub fn run_test<T: Send + 'static>(options: TestOptions, name: &'static str, body: fn() -> T) -> T {
    let plan = Plan { workers: options.workers, ..Plan::default() };
    let runtime = Builder { plan, stall_limit: None }.build().expect("a runtime for the test");
    let task = Options { name: Some(name.to_owned()), ..Options::of_main(stack::main_class()) };
    let place = Placement::On(&runtime.shared);
    // SAFETY: the closure is a function, which borrows nothing. Its value is `Send` and borrows
    // nothing.
    let spawned = unsafe { spawn_unchecked(body, task, place, Location::caller(), no_family) };
    let handle = spawned.expect("main's options are good");
    let ended = match options.timeout {
        None => handle.join(),
        Some(timeout) => match handle.join_timeout(timeout) {
            Ok(ended) => ended,
            Err(handle) => {
                handle.cancel();
                abandon(runtime);
                panic!("test {name} did not end within {timeout:?}");
            }
        },
    };
    match ended {
        Ok(value) => value,
        Err(error) if error.is_panic() => {
            drop(runtime);
            panic::resume_unwind(error.into_panic())
        }
        Err(error) => panic!("{error}"),
    }
}

/// Lets go of a runtime in which a task may never wait, and so never end.
fn abandon(runtime: Runtime) {
    if let Err(runtime) = runtime.shutdown(GRACE) {
        std::mem::forget(runtime);
    }
}
