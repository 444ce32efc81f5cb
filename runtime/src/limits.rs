//! The bounds that users or several files meet, each with its reason. A bound that one file has for
//! itself stands there.

/// Workers alive at once in the process: a task's word has room for this many owners.
pub(crate) const WORKERS_MAX: usize = 4096;

/// The smallest stack; smaller requests get a stack of this size. A panic's report runs on the
/// stack of the task that panicked, and with `RUST_BACKTRACE=1` it was measured at 21 KiB. So a
/// task that asked for 16 KiB has room for its report as well. Untouched pages cost nothing but
/// addresses.
pub(crate) const STACK_BYTES_MIN: usize = 32 * 1024;

/// The largest stack. A larger request is a mistake in the unit.
pub(crate) const STACK_BYTES_MAX: usize = 1 << 36;

/// The stack of a task that does not ask for a size. Debug builds of common crates need over 128
/// KiB, and address space costs nothing until it is touched.
pub(crate) const STACK_BYTES_DEFAULT: usize = 256 * 1024;

/// The stack of a task that is spawned through the module `thread` and does not ask for a size, as
/// that of std's threads: code that was written for those may need so much of it.
pub(crate) const STACK_BYTES_THREAD: usize = 2 * 1024 * 1024;

/// The stack of `main` under `#[go_main]`: as large as that of a process's first thread usually is.
pub(crate) const STACK_BYTES_MAIN: usize = 8 * 1024 * 1024;

/// How long a thread that panics waits while another thread prepares the process for its first
/// runtime: longer than the preparation takes on a loaded machine. The wait is bounded, for it
/// would be endless inside a panic hook, which the preparation has to wait for.
pub(crate) const PREPARE_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// How many times larger than its guard a stack is, as far as the two bounds below permit.
pub(crate) const STACK_TO_GUARD: usize = 8;

/// The most pages of the guard below a stack. Compiled Rust probes each page, but C need not, so a
/// large frame of C could jump over one page; 16 pages are enough for C. The last page shifts the
/// tops of neighbouring stacks by a page, so that they do not all fall into the same sets of a
/// cache (1 000 live tasks: 54 ns a switch with 16 pages, 19 ns with 17). So it does with every odd
/// number of pages.
pub(crate) const GUARD_PAGES_MAX: usize = 17;

/// The fewest pages of the guard below a stack, where threads have one: frames of C of up to 20 KiB
/// do not jump over them. Each page of a guard takes time when the stack is made, and page tables:
/// a stack of 64 KiB took 264 bytes of them with 17 pages, and takes 168 with five.
pub(crate) const GUARD_PAGES_MIN: usize = 5;

/// How many tasks a worker resumes before it looks at its inbox, timers and poll again.
pub(crate) const BATCH_TASKS: u32 = 128;

/// How long a worker resumes tasks before it looks at its inbox, timers and poll again, even if
/// there were fewer than [`BATCH_TASKS`]. It is noticed when the worker looks at the clock. A look
/// at all three takes this long if a few hundred descriptors are ready, and usually far less, so
/// looking is a small part of the whole.
pub(crate) const TURN_MAX: std::time::Duration = std::time::Duration::from_micros(100);

/// How many short tasks a worker may resume before it looks at the clock, which takes 25 to 100
/// nanoseconds, as long as some switches. So when tasks become long, up to two batches pass before
/// that is noticed.
pub(crate) const LOOK_EVERY_MAX: u32 = 2 * BATCH_TASKS;

/// At every so many picks the oldest unstarted task goes first, so that neither running tasks nor
/// newer ones can keep it from starting. Oldest tasks that were started before can delay it: see
/// [`OLDEST_PAUSE`].
pub(crate) const OLDEST_EVERY: u32 = 61;

/// Pause before another oldest task is started while an earlier one still waits for its children.
/// It doubles with each earlier task that still waits, so that the memory of a tree of tasks
/// follows the tree's depth, and grows only slowly with the time that the tree takes.
pub(crate) const OLDEST_PAUSE: std::time::Duration = std::time::Duration::from_millis(1);

/// How many waiting tasks lengthen [`OLDEST_PAUSE`], so that it is 8 ms at most. So oldest tasks
/// start at a rate of at least a hundred a second, whatever earlier ones wait for. A tree that
/// takes a second needs some hundred stacks more for this.
pub(crate) const OLDEST_BRANCHES_MAX: usize = 4;

/// How many times in a row the task that was just woken goes before the queue.
pub(crate) const NEXT_STREAK_MAX: u32 = 16;

/// How many units a task may spend without waiting before it gives way: 128 operations that might
/// have waited.
pub(crate) const BUDGET: u32 = 128 * UNITS_OPERATION;

/// What an operation that might have waited takes of the [`BUDGET`]: as much as eight questions.
pub(crate) const UNITS_OPERATION: u32 = 8;

/// What a question, which never waits, takes of the [`BUDGET`].
pub(crate) const UNITS_LOOK: u32 = 1;

/// What a throw takes of the [`BUDGET`] if its task has not waited before: unwinding takes a
/// microsecond or two, as eight operations do.
pub(crate) const UNITS_THROW: u32 = 8 * UNITS_OPERATION;

/// A task that makes system calls looks at the clock whenever so much of the [`BUDGET`] has gone:
/// at each eighth call, since one call may take as long as a hundred other operations.
pub(crate) const UNITS_PER_CLOCK_IO: u32 = 8 * UNITS_OPERATION;

/// A task that asks questions or passes checkpoints, between which the program may compute, looks
/// at the clock whenever so much of the [`BUDGET`] has gone: reading the clock costs as much as
/// some dozens of questions.
pub(crate) const UNITS_PER_CLOCK_LOOKS: u32 = 256 * UNITS_LOOK;

/// How long a task waits for a stack, while its worker has other work, before it is refused: longer
/// than a burst of tasks lasts, and shorter than whoever waits for the task has patience.
pub(crate) const STACK_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// How long a worker steals nothing after it has handed over a task for which it had no stack:
/// longer than the other worker takes to wake and look, so that the task is not stolen back before.
pub(crate) const HAND_OVER_PATIENCE: std::time::Duration = std::time::Duration::from_millis(1);

/// How long a worker to which the system has refused a stack asks for no other one, for each
/// question costs a system call.
pub(crate) const STACK_RETRY: std::time::Duration = std::time::Duration::from_millis(1);

/// How many events are taken from the poll at once: so few that the memory of their tasks, touched
/// when they are queued, is still in the cache when they run. With 1 024 events at once, an echo
/// over 1 000 connections was 3 to 5 % slower.
pub(crate) const EVENTS_MAX: usize = 128;

/// The first pause of `incoming` after an error that lasts, such as a lack of descriptors. The
/// pause doubles with each error in a row, up to [`ACCEPT_PAUSE_MAX`]. Both values are Go's.
pub(crate) const ACCEPT_PAUSE_MIN: std::time::Duration = std::time::Duration::from_millis(5);

/// The longest pause of `incoming`. A program that logs each error logs a line a second, and once
/// there are descriptors again, clients are noticed after a second at most.
pub(crate) const ACCEPT_PAUSE_MAX: std::time::Duration = std::time::Duration::from_secs(1);

/// How long a connection attempt is alone before the next address is tried beside it: RFC 8305's
/// "Connection Attempt Delay".
pub(crate) const CONNECT_STAGGER: std::time::Duration = std::time::Duration::from_millis(250);

/// The first pause before another attempt at what no event announces, as that a full queue of
/// another Unix socket has room, or that a file's lock is free. It doubles up to
/// [`FULL_PAUSE_MAX`]. About as long as a queue that is being emptied takes.
pub(crate) const FULL_PAUSE_MIN: std::time::Duration = std::time::Duration::from_millis(1);

/// The longest of these pauses: as late as the room is noticed of a server that stood still, or a
/// file that another process has unlocked.
pub(crate) const FULL_PAUSE_MAX: std::time::Duration = std::time::Duration::from_millis(50);

/// How often a Unix socket that waits for room looks whether its sending half has been shut down,
/// which the kernel announces by no event: as late as that is noticed.
pub(crate) const SHUT_LOOK: std::time::Duration = std::time::Duration::from_millis(250);

/// With how much memory the buffer of a copy begins: enough for most messages, and little beside
/// the stack of the task that copies.
pub(crate) const COPY_BYTES_MIN: usize = 8 * 1024;

/// How far the buffer of a copy grows while reads fill it. Over loopback a copy moved 1.7 GiB/s
/// with 64 KiB, 2.1 with 128, 2.2 with 256 and 2.3 with 512; each way of a proxy takes this much.
pub(crate) const COPY_BYTES_MAX: usize = 128 * 1024;

/// The most bytes that one call of a task's reads from a file or writes to one. From memory they
/// take about as long as a worker's turn ([`TURN_MAX`]), for which neighbours wait. On the blocking
/// pool they take a cancel that long to be noticed, which a call that runs does not end.
pub(crate) const FILE_BYTES_MAX: usize = 1 << 20;

/// How much a `BufferStream` moves in one hold of its lock, for whoever waits for the lock spins.
pub(crate) const BUFFER_PIECE_MAX: usize = 64 * 1024;

/// How much memory an empty `BufferStream` keeps for each direction. What a burst took beyond that
/// is given back.
pub(crate) const BUFFER_BYTES_KEPT: usize = 64 * 1024;

/// The most bytes of one write to a pipe that may wait, and must not: `PIPE_BUF`. So much is
/// written at once or not at all, and a pipe that the kernel calls writable has room for it.
pub(crate) const PIPE_PIECE_BYTES_MAX: usize =
    if cfg!(any(target_os = "linux", target_os = "android")) { 4096 } else { 512 };

/// The most threads of the blocking pool that run calls at once, unless `GOCORO_BLOCKING_THREADS`
/// says otherwise. They wait for the kernel most of the time. A process that needs more at once has
/// its calls served in turn.
pub(crate) const BLOCKING_THREADS_MAX: usize = 256;

/// How long an idle thread of the blocking pool stays before it ends. Unit tests see one end.
pub(crate) const BLOCKING_IDLE: std::time::Duration =
    std::time::Duration::from_millis(if cfg!(test) { 20 } else { 10_000 });

/// Bytes of ended tasks' memory that a thread keeps for its next tasks, of each of three sizes.
pub(crate) const TASK_BYTES_KEPT: usize = 1 << 20;

/// A worker hands new tasks over once it has more live tasks than twice those of the least loaded
/// worker plus this many. A few tasks that talk to each other are better off together.
pub(crate) const PLACEMENT_SLACK: usize = 4;

/// Tasks that live for less than this on average, such as those of connections with one request,
/// stay on the worker that spawned them: another one would have to be woken for each.
pub(crate) const SHORT_LIVED: std::time::Duration = std::time::Duration::from_millis(10);

/// How long a thief leaves a worker its only unstarted task. A task that is about to be joined is
/// started by its own worker within this time, which is cheaper.
pub(crate) const STEAL_PATIENCE: std::time::Duration = std::time::Duration::from_micros(10);

/// How long a worker that spawners have woken in vain is not woken by them again. It looks for
/// unstarted tasks when this time is over, so none waits much longer beside a worker that sleeps.
pub(crate) const WATCH: std::time::Duration = std::time::Duration::from_millis(1);

/// How long a worker that is often woken by other workers' tasks watches its inbox before it
/// sleeps. This is more than a wake takes, which is 45 to 65 microseconds on virtual machines. Were
/// it less, two tasks on two workers that wake each other would never find the other's worker
/// awake.
pub(crate) const SPIN: std::time::Duration = std::time::Duration::from_micros(100);

/// How many idle stacks of one size a worker keeps for good.
pub(crate) const POOLED_STACKS_KEPT: usize = 64;

/// How long a worker keeps idle stacks beyond [`POOLED_STACKS_KEPT`] that nobody needs.
pub(crate) const POOL_LINGER: std::time::Duration = std::time::Duration::from_secs(1);

/// The pause of a busy worker between two stacks that it gives back, each of which takes some
/// microseconds.
pub(crate) const POOL_STEP: std::time::Duration = std::time::Duration::from_micros(100);

/// How many task ids a worker takes from the process's counter at once.
pub(crate) const ID_BLOCK: u64 = 1024;

/// For how many messages an empty channel keeps room. The memory that a burst took beyond that is
/// given back.
pub(crate) const CHANNEL_SLOTS_KEPT: usize = 4096;

/// For how many unstarted tasks a worker keeps room. The memory that a burst took beyond that is
/// given back.
pub(crate) const UNSTARTED_KEPT: usize = 4096;

/// How long a program may take to end its tasks when `main` fails, or its daemons when `main`
/// returns.
pub(crate) const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// How many bytes of addresses stay for the rest of the program at most where RLIMIT_AS
/// (`ulimit -v`) bounds them. Without these the next allocation on the heap would end the program,
/// where a refused stack ends one task.
pub(crate) const ADDRESSES_RESERVED_MAX: usize = 64 * 1024 * 1024;

/// The part of the addresses that RLIMIT_AS allows which stays for the rest of the program, if that
/// is less than [`ADDRESSES_RESERVED_MAX`]: a small program has a small heap.
pub(crate) const ADDRESSES_RESERVED_PART: usize = 8;

/// How many memory mappings stay for the rest of the program where stacks' guards are mappings of
/// their own.
pub(crate) const MAPPINGS_RESERVED: usize = 8 * 1024;

/// A worker with so many messages that it has not taken is asked for no dump: it may never take
/// them, and a program may ask again and again.
pub(crate) const MESSAGES_MAX: usize = 1024;

/// How many tasks a worker describes for a dump before it goes back to running tasks. A
/// description takes about two microseconds, in which the kernel is asked how much of the stack is
/// in use, and some more where it is asked for the addresses of a socket.
pub(crate) const OBSERVED_AT_ONCE: usize = 128;

/// How long a worker describes tasks for a dump at most, before it goes back to running tasks. It
/// looks at the clock after each [`OBSERVED_BETWEEN_LOOKS`] tasks.
pub(crate) const OBSERVED_FOR: std::time::Duration = std::time::Duration::from_micros(500);

/// How many tasks a worker describes for a dump between two looks at the clock. With a backtrace a
/// description takes 3 to 10 microseconds, and some 50 without optimisation.
pub(crate) const OBSERVED_BETWEEN_LOOKS: usize = 8;

/// How long a dump waits for the next of the workers' answers. A worker is silent for as long as
/// one of its tasks runs without a wait.
pub(crate) const DUMP_PATIENCE: std::time::Duration = std::time::Duration::from_millis(100);

/// A task that keeps its worker from others for so long is told of to a `tracing` subscriber: for
/// as long as an answer may take before somebody notices.
pub(crate) const RESUMED_LATE: std::time::Duration = std::time::Duration::from_millis(100);

/// How many events each worker keeps that records, unless somebody says otherwise: 2 MiB. A worker
/// that does nothing but switch writes so many in 2 ms; one that serves requests in a second or so.
pub(crate) const RECORDED_EVENTS: usize = 1 << 16;

/// The most events that a worker keeps: 512 MiB. More than that is a mistake in the unit.
pub(crate) const RECORDED_EVENTS_MAX: usize = 1 << 24;

/// For how many tasks of a runtime a flight record has a track of their own: more than anybody
/// looks at, and few enough for the programs that show it.
pub(crate) const TRACKS_MAX: usize = 1000;

/// How long a panic waits for its flight record to be written: long enough for the largest, and
/// short beside what nobody would ever read.
pub(crate) const WRITE_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// How long a task of `#[go_main]`'s runtime may run without a wait before it is reported: as long
/// as people notice. Without optimisation more is normal.
pub(crate) const STALL: std::time::Duration =
    std::time::Duration::from_millis(if cfg!(debug_assertions) { 1000 } else { 100 });

/// The shortest such time that can be asked for: some of the kernel's ticks.
pub(crate) const STALL_MIN: std::time::Duration = std::time::Duration::from_millis(10);

/// How long a worker sleeps, with no timer, before it looks whether the program is deadlocked: long
/// beside all that is merely slow, and short for whoever waits for the answer. If it runs nothing
/// after that, it looks again after twice the time, and so on up to [`STILL_MAX`].
pub(crate) const STILL: std::time::Duration = std::time::Duration::from_millis(200);

/// How long a worker sleeps at most, with no timer, between two looks whether the program is
/// deadlocked: so long that an idle program all but never wakes for it.
pub(crate) const STILL_MAX: std::time::Duration = std::time::Duration::from_secs(3600);

/// How long the report of a deadlock waits for the next of the workers' answers. Nothing runs on
/// them then, so only a machine that is overloaded makes them late.
pub(crate) const DEADLOCK_PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// How far a task that begins to wait looks for a cycle that its wait closes. It takes some
/// nanoseconds a step, and cycles in programs are of two or three tasks.
pub(crate) const CYCLE_STEPS_MAX: usize = 128;

/// How long a cycle of tasks has to last before the workers are asked about it: longer than locks
/// are usually held, and more than two ticks of the kernel's coarse clock, by which the beginning
/// of a wait is known. If it lasts and cannot be told for certain, they are asked again after twice
/// the time, and so on up to [`STILL_MAX`].
pub(crate) const CYCLE_AGE: std::time::Duration = std::time::Duration::from_millis(25);

/// How many tasks may say that they seem to close a cycle before somebody looks: far more than do
/// at once. A further one is not noted.
pub(crate) const SUSPECTS_MAX: usize = 1024;

/// How many tasks of a place in the source must have been looked at before another stack size is
/// suggested for them: enough that some have taken longer ways than the shortest.
pub(crate) const ADVISED_TASKS_MIN: u64 = 16;

/// How many tasks the report of a deadlock describes: more than anybody reads.
pub(crate) const DEADLOCKED_SHOWN_MAX: usize = 100;

const _: () = assert!(GUARD_PAGES_MAX % 2 == 1 && GUARD_PAGES_MIN % 2 == 1);
const _: () = assert!(WORKERS_MAX < u16::MAX as usize);
const _: () = assert!(STACK_BYTES_MIN <= STACK_BYTES_DEFAULT);
const _: () = assert!(STACK_BYTES_DEFAULT <= STACK_BYTES_THREAD);
const _: () = assert!(STACK_BYTES_THREAD <= STACK_BYTES_MAIN);
const _: () = assert!(NEXT_STREAK_MAX < BATCH_TASKS);
const _: () = assert!(COPY_BYTES_MIN <= COPY_BYTES_MAX);
