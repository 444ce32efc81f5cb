//! Every bound in the runtime, with its reason.

/// Workers alive at once in the process: a task's word has room for this many owners.
pub(crate) const WORKERS_MAX: usize = 4096;

/// The smallest stack; smaller requests get this one. A panic's report runs on the stack of the
/// task that panicked, and with `RUST_BACKTRACE=1` it was measured at 21 KiB: a task that asked for
/// 16 has its report as well. Untouched pages cost nothing but addresses.
pub(crate) const STACK_BYTES_MIN: usize = 32 * 1024;

/// The largest stack: larger requests are a mistake in the unit.
pub(crate) const STACK_BYTES_MAX: usize = 1 << 36;

/// The stack of a task that asks for nothing: debug builds of common crates need over 128 KiB, and
/// address space costs nothing until it is touched.
pub(crate) const STACK_BYTES_DEFAULT: usize = 256 * 1024;

/// The stack of `main` under `#[go_main]`: what a process's first thread usually has.
pub(crate) const STACK_BYTES_MAIN: usize = 8 * 1024 * 1024;

/// How long a thread that panics waits until another one has prepared the process for its first
/// runtime: longer than that takes on a loaded machine. Inside a panic hook it would wait in vain.
pub(crate) const PREPARE_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// The guard below a stack: compiled Rust probes each page, C does not, so one page can be jumped;
/// 16 are enough for what C does. The odd one more shifts the tops of neighbouring stacks by a
/// page, so that they don't all fall into the same sets of a cache (1 000 live tasks: 54 ns a
/// switch with 16 pages, 19 with 17).
pub(crate) const GUARD_PAGES: usize = 17;

/// Tasks resumed before the worker looks at its inbox, timers and poll again.
pub(crate) const BATCH_TASKS: u32 = 128;

/// How long a worker resumes tasks before it does, whatever their number, as far as it looks at the
/// clock: of the order of what a look around costs with a few hundred descriptors that are ready,
/// so that it is a small part of all.
pub(crate) const TURN_MAX: std::time::Duration = std::time::Duration::from_micros(100);

/// How many tasks may be resumed before the clock is looked at, when those before were short: a
/// reading takes 25 to 100 nanoseconds, some switches' time. So many batches may be long when tasks
/// become long.
pub(crate) const LOOK_EVERY_MAX: u32 = 2 * BATCH_TASKS;

/// Every so many picks the oldest unstarted task goes first, so that neither running tasks nor
/// newer ones can keep it from starting; unless earlier ones hold it up, see [`EARLY_PAUSE`].
pub(crate) const OLDEST_EVERY: u32 = 61;

/// Pause before another oldest task is started while an earlier one still waits for its children.
/// It doubles for each further one: a tree of tasks takes memory by its depth, and a bit more the
/// longer it takes.
pub(crate) const EARLY_PAUSE: std::time::Duration = std::time::Duration::from_millis(1);

/// How many waiting tasks lengthen [`EARLY_PAUSE`], so that it is 8 ms at most: old tasks start at
/// a rate of a hundred a second at least, whatever those before them wait for. A tree that takes a
/// second needs some hundred stacks more.
pub(crate) const EARLY_BRANCHES_MAX: usize = 4;

/// Times in a row that the task just woken goes before the queue.
pub(crate) const NEXT_STREAK_MAX: u32 = 16;

/// What a task may do in a row without waiting before it gives way, in units: 128 operations that
/// might have waited.
pub(crate) const BUDGET: u32 = 128 * UNITS_OPERATION;

/// What an operation takes of it that might have waited: as much as eight looks.
pub(crate) const UNITS_OPERATION: u32 = 8;

/// What a question takes, which never waits.
pub(crate) const UNITS_LOOK: u32 = 1;

/// What an unwinding takes that was thrown before its task has waited: a microsecond or two, as
/// many operations.
pub(crate) const UNITS_THROW: u32 = 8 * UNITS_OPERATION;

/// Of system calls the clock is looked at whenever so much of the budget has gone: each eighth,
/// since one may take as long as a hundred other operations.
pub(crate) const UNITS_PER_CLOCK_IO: u32 = 8 * UNITS_OPERATION;

/// Of looks and checkpoints, between which the program may compute, the clock is looked at whenever
/// so much of the budget has gone: reading it costs as much as some dozens of them.
pub(crate) const UNITS_PER_CLOCK_LOOKS: u32 = 256 * UNITS_LOOK;

/// How long a task waits for a stack while its worker has other work: longer than a burst takes,
/// and shorter than who waits for it gives up.
pub(crate) const STACK_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// How long a worker steals nothing after it has handed over a task that it had no stack for:
/// longer than the other takes to wake and look, so that the other is asked.
pub(crate) const HAND_OVER_PATIENCE: std::time::Duration = std::time::Duration::from_millis(1);

/// How long a worker leaves the system alone that had no stack for it: what is asked for in vain
/// costs a system call.
pub(crate) const STACK_RETRY: std::time::Duration = std::time::Duration::from_millis(1);

/// Events taken from the poll at once: so few that what their tasks touch is still in the cache
/// when the tasks run. With 1 024 at once an echo over 1 000 connections was 3 to 5 % slower.
pub(crate) const EVENTS_MAX: usize = 128;

/// The first pause of `incoming` after an error that lasts, such as a lack of descriptors. It
/// doubles with each error in a row, up to [`ACCEPT_PAUSE_MAX`]: both are Go's.
pub(crate) const ACCEPT_PAUSE_MIN: std::time::Duration = std::time::Duration::from_millis(5);

/// The longest pause of `incoming`: a line a second in the log, and as late as a client is noticed
/// once there are descriptors again.
pub(crate) const ACCEPT_PAUSE_MAX: std::time::Duration = std::time::Duration::from_secs(1);

/// Threads of the blocking pool. They wait for the kernel most of the time; a process that needs
/// more at once is served in turn.
pub(crate) const BLOCKING_THREADS_MAX: usize = 256;

/// How long an idle thread of the blocking pool stays.
pub(crate) const BLOCKING_IDLE: std::time::Duration = std::time::Duration::from_secs(10);

/// Memory of ended tasks that a thread keeps for its next ones, of each of two sizes.
pub(crate) const TASK_BYTES_KEPT: usize = 1 << 20;

/// Live tasks that a worker may have beyond twice the least loaded one's before it hands new tasks
/// over. A few tasks that talk to each other are better off together.
pub(crate) const PLACEMENT_SLACK: usize = 4;

/// How long a thief leaves a worker its only unstarted task: one that is about to be joined is
/// started at home within this.
pub(crate) const STEAL_PATIENCE: std::time::Duration = std::time::Duration::from_micros(10);

/// How long a worker that is woken often by others' tasks looks at its inbox before it sleeps: more
/// than a wake takes, 45 to 65 microseconds on virtual machines, or two tasks on two workers that
/// wake each other would never find each other awake.
pub(crate) const SPIN: std::time::Duration = std::time::Duration::from_micros(100);

/// Idle stacks of one size that a worker keeps for good.
pub(crate) const POOLED_STACKS_KEPT: usize = 64;

/// How long more idle stacks than that are kept after the worker has fallen asleep.
pub(crate) const POOL_LINGER: std::time::Duration = std::time::Duration::from_secs(1);

/// How long a busy worker rests after it has given one back, which takes some microseconds.
pub(crate) const POOL_STEP: std::time::Duration = std::time::Duration::from_micros(100);

/// Ids taken from the process's counter at once by a worker.
pub(crate) const ID_BLOCK: u64 = 1024;

/// Messages that a channel keeps room for while it is empty: a burst's memory is given back.
pub(crate) const CHANNEL_SLOTS_KEPT: usize = 4096;

/// How long a program may take to end its tasks when `main` fails, or its daemons when it ends.
pub(crate) const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// Mappings left to the rest of the program when guards cost one each.
pub(crate) const MAPPINGS_RESERVED: usize = 8 * 1024;

const _: () = assert!(WORKERS_MAX < u16::MAX as usize);
const _: () = assert!(STACK_BYTES_MIN <= STACK_BYTES_DEFAULT);
const _: () = assert!(STACK_BYTES_DEFAULT <= STACK_BYTES_MAIN);
const _: () = assert!(NEXT_STREAK_MAX < BATCH_TASKS);
