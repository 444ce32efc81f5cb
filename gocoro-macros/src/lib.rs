//! The procedural macros behind the crate gocoro. Use them through that crate.
//!
//! A macro has four steps, a module each. `parse` reads what was written. `valid` refuses what
//! would not do what it says. `expand` writes the code. `fallback` writes what stands in for
//! refused input, so that one mistake gives one message. `colorless` finds the ends of `go!< … >`
//! and leaves the rest of its input alone.

mod colorless;
mod expand;
mod fallback;
mod parse;
mod valid;

use proc_macro::TokenStream;

/// Makes `fn main` the first task of gocoro's runtime.
///
/// The main thread becomes the runtime's first worker and the function's body its first task, so
/// everything called from `main` may wait without blocking a thread. The function may return
/// anything that the `main` of an ordinary program may return.
///
/// ```
/// use gocoro::{go, go_main};
///
/// #[go_main]
/// fn main() -> Result<(), std::num::ParseIntError> {
///     let number = go!("21".parse::<u32>()).wait()?;
///     println!("{}", number * 2);
///     Ok(())
/// }
/// ```
///
/// # Exit
///
/// When `main` returns normally, the program goes on until every task that is not a daemon has
/// ended. Then daemons are cancelled and unwound. An `Err`, a failing
/// [`ExitCode`](std::process::ExitCode) or a panic is reported first, and then every task is
/// cancelled. Cancelled tasks have the `grace` to end in. After that, the process ends without
/// them.
///
/// # Options
///
/// | option | value | without it |
/// |---|---|---|
/// | `workers` | the number of worker threads, the main thread included | one for each core |
/// | `stack_size` | bytes of stack of each task that does not say it itself | 256 KiB |
/// | `main_stack_size` | bytes of stack of `main` itself | 8 MiB, or the largest power of two below that can be had |
/// | `on_exit` | `"wait"`, or `"cancel"` to cancel tasks also when `main` returns normally | `"wait"` |
/// | `on_panic` | what a panic does in a task that nobody can join, besides being reported: nothing (`"report"`), `"abort"`, or `"cancel"`, which cancels all tasks and exits with 101 | `"report"` |
/// | `ctrl_c` | `"cancel"`, so that the first Ctrl-C cancels all tasks: see [below](#ctrl-c) | Ctrl-C ends the process at once |
/// | `sigquit` | `"dump"`, so that `SIGQUIT` prints what all tasks wait for, or `"off"`: see [below](#sigquit) | `"dump"` |
/// | `deadlock` | what happens when tasks wait for each other in a cycle, or when all wait and nothing is left that could wake one: it is reported on standard error (`"report"`), the process then aborts too (`"abort"`), or it is not searched for (`"off"`) | `"report"` |
/// | `record` | a file: each worker keeps a flight record of its last 65 536 events, and a panic of a task, a deadlock and `SIGQUIT` write it there, for Perfetto: see `runtime` | nothing is recorded |
/// | `stall` | how long a task may run without a wait before that is reported on standard error, such as `"100ms"` or `"2s"`, or `"off"`: see [below](#stalls) | `"100ms"`, and `"1s"` in builds with debug assertions |
/// | `grace` | how long cancelled tasks may take, such as `"500ms"`, `"5s"` or `"1m"` | `"5s"` |
/// | `crate` | the path at which this code sees gocoro, if not `::gocoro` | `::gocoro` |
///
/// The environment variables `GOCORO_WORKERS`, `GOCORO_STACK_SIZE` and `GOCORO_MAIN_STACK_SIZE` win
/// over the first three, as they do over `runtime::Builder`, and `GOCORO_RECORD` over `record`. A
/// stack and its guard may not be larger than the hard limit of `RLIMIT_STACK` (`ulimit -H -s`).
///
/// ```
/// #[gocoro::go_main(workers = 2, on_exit = "cancel", grace = "500ms")]
/// fn main() {
///     gocoro::go!(daemon => serve_metrics());
///     serve();
/// }
/// # fn serve() {}
/// # fn serve_metrics() {}
/// ```
///
/// # Ctrl-C
///
/// With `ctrl_c = "cancel"` the first Ctrl-C, which is the signal `SIGINT` however it was sent,
/// cancels every task, `main` included: they unwind from where they wait, and their destructors
/// run, within the `grace`. The program then exits with 130, whatever `main` returns, as a shell
/// says of a program that the signal has ended.
///
/// **The second Ctrl-C ends the process at once**, by the signal, whatever its threads do: also if
/// a task computes for ever, and so keeps its worker from hearing of the first. A first one that
/// comes while the program is ending already, for another reason, changes nothing.
///
/// ```
/// #[gocoro::go_main(ctrl_c = "cancel", grace = "10s")]
/// fn main() {
///     serve(); // until somebody presses Ctrl-C
/// }
/// # fn serve() {}
/// ```
///
/// - `SIGTERM`, with which services are stopped, is left alone. Listen for it by `signal::Signals`.
/// - Whoever listens for `SIGINT` by `signal` gets it as well.
/// - If the program was started with the signal ignored, as by `nohup` or in the background of a
///   script, it stays ignored.
/// - Tasks of runtimes that the program has made itself are cancelled when those are dropped.
/// - With `panic = "abort"` nothing can be unwound: `task::is_cancelled` tells, and the process
///   ends when `main` has returned, at the latest when the grace is over.
/// - It takes a thread, named `gocoro-ctrl-c`, and three descriptors.
///
/// # Stalls
///
/// A task that computes for long, or blocks in a call that gocoro does not know of, keeps its
/// worker from all of its other tasks. Such a task is reported on standard error: its name, where
/// it was spawned, whether it computes or in which system call it blocks, and, with the cargo
/// feature `backtrace`, where. Each place that spawns is reported once.
/// `runtime::Builder::stall_limit` does the same for runtimes made by hand, and says what it takes.
///
/// # SIGQUIT
///
/// `kill -QUIT` with the program's process id, or Ctrl-\\ at its terminal, prints on standard error
/// what `runtime::dump` finds: each task with its name, where it was spawned, and what it waits
/// for. Tasks that are alike share a line. The program goes on: **the signal does not end it**, as
/// it would without gocoro. `sigquit = "off"` leaves the signal alone, as runtimes made by hand do.
///
/// - A thread of its own prints, so it answers as well while tasks keep every worker busy. After
///   100 ms it goes without the workers that are busy, and says how many those are.
/// - Signals that come while a dump is printed lead to one further dump.
/// - The program waits for none of this. Where standard error is a pipe that is full and not read,
///   what is left of the dump is dropped after five seconds. A dump waits for as long as somebody
///   holds std's own lock of standard error.
/// - **The program has the last word.** Once it listens for `SIGQUIT` by `signal::Signals`, no dump
///   is printed any more, also when nobody listens any longer. A handler that it sets by
///   `libc::sigaction` replaces this one. One that was set before `main`, by another library, is
///   called first.
/// - If the program was started with the signal ignored, it stays ignored. A child process that
///   runs another program has the default again. One that was only forked is ended by the signal.
/// - It takes a thread, named `gocoro-observer`, with a stack of 256 KiB, two descriptors, and 0.1
///   ms of the program's start. Where the system has none to spare, the signal is left alone.
///
/// # Refusals
///
/// A compile error names the fix when the function is not `fn main`, is `async`, `const`, `unsafe`
/// or `extern`, or has parameters or generics, and when an option is unknown, repeated or has a
/// value of the wrong kind. There is nothing to await: plain functions wait. `future::wait(…)`
/// waits for a future.
#[proc_macro_attribute]
pub fn go_main(options: TokenStream, item: TokenStream) -> TokenStream {
    entry(valid::entry::Kind::Main, options, item)
}

/// Refuses to be the attribute of a program's entry, which is [`go_main`](macro@go_main).
///
/// No attribute `test` does the same, since a crate that imports all of gocoro's names would lose
/// its own `#[test]`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn main(_: TokenStream, item: TokenStream) -> TokenStream {
    fallback::not_main(item.into()).into()
}

/// Makes a function a test whose body is a task of a fresh runtime.
///
/// The function becomes a `#[test]`. Its attributes, such as `#[ignore]` and `#[should_panic]`,
/// keep their meaning, and it may return anything that a test may return. The runtime is shut down
/// when the body has ended, so that tests share nothing.
///
/// ```
/// use gocoro::{go, go_test};
///
/// #[go_test(workers = 2, timeout = "10s")]
/// fn both_halves_arrive() {
///     let (left, right) = (go!({ 1 }), go!({ 2 }));
///     assert_eq!(left.wait() + right.wait(), 3);
/// }
/// ```
///
/// # Options
///
/// | option | value | without it |
/// |---|---|---|
/// | `workers` | the number of worker threads | one for each core |
/// | `timeout` | how long the test may take before it fails, such as `"500ms"`, `"30s"` or `"1m"` | as long as it likes |
/// | `crate` | the path at which this code sees gocoro, if not `::gocoro` | `::gocoro` |
///
/// The environment variables `GOCORO_WORKERS` and `GOCORO_STACK_SIZE` win over the program, as they
/// do with [`go_main`](macro@go_main): `GOCORO_WORKERS=4 cargo test` runs every such test with four
/// workers.
///
/// # Refusals
///
/// What [`go_main`](macro@go_main) refuses of a function, except for its name; and a second
/// `#[test]`.
#[proc_macro_attribute]
pub fn go_test(options: TokenStream, item: TokenStream) -> TokenStream {
    entry(valid::entry::Kind::Test, options, item)
}

/// What `gocoro::go!` hands its input to, behind `[$crate]`.
#[doc(hidden)]
#[proc_macro]
pub fn go_impl(input: TokenStream) -> TokenStream {
    parse::spawn::Spawn::parse(input.into())
        .and_then(valid::spawn::spawn)
        .map_or_else(fallback::spawn, expand::spawn::spawn)
        .into()
}

/// What `gocoro::select!` hands its input to, behind `[$crate]`.
#[doc(hidden)]
#[proc_macro]
pub fn select_impl(input: TokenStream) -> TokenStream {
    select(input, false)
}

/// What `gocoro::select_biased!` hands its input to, behind `[$crate]`.
#[doc(hidden)]
#[proc_macro]
pub fn select_biased_impl(input: TokenStream) -> TokenStream {
    select(input, true)
}

fn select(input: TokenStream, biased: bool) -> TokenStream {
    parse::select::Select::parse(input.into(), biased)
        .and_then(valid::select::select)
        .map_or_else(fallback::spawn, expand::select::select)
        .into()
}

/// What `gocoro::colorless!` hands its input to, behind `[$crate]`.
#[doc(hidden)]
#[proc_macro]
pub fn colorless_impl(input: TokenStream) -> TokenStream {
    let (_, items) = parse::split_facade(input.into());
    colorless::rewrite(items).into()
}

fn entry(kind: valid::entry::Kind, options: TokenStream, item: TokenStream) -> TokenStream {
    let (options, item) = (options.into(), item.into());
    let function = match parse::entry::Function::parse(&item) {
        Ok(function) => function,
        Err(_) => return fallback::not_a_function(kind, item).into(),
    };
    let options = parse::entry::Setting::parse_all(options)
        .and_then(|settings| valid::entry::entry(kind, settings, &function));
    match options {
        Ok(options) => expand::entry::entry(kind, options, &function).into(),
        Err(refusals) => fallback::entry(kind, function, refusals).into(),
    }
}
