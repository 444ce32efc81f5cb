//! The macros' thin wrappers. They tell the procedural macros where this crate is.

/// Spawns a task and returns its [`JoinHandle`](crate::task::JoinHandle).
///
/// The task is queued, never run at once. What it runs is one call, or anything else that is
/// complete in itself.
///
/// # A call
///
/// As in Go's `go f(x)`, the receiver and the arguments are evaluated here, by the spawner, and
/// moved into the task; only the call itself runs in the task.
///
/// ```
/// use gocoro::go;
///
/// fn count(text: String, what: char) -> usize {
///     text.chars().filter(|&found| found == what).count()
/// }
///
/// let text = String::from("tasks");
/// let counted = go!(count(text.clone(), 's'));  // `text.clone()` is evaluated here
/// assert_eq!(counted.wait(), 2);
///
/// let length = go!(text.len());                 // a receiver moves into the task
/// assert_eq!(length.wait(), 5);
/// ```
///
/// Arguments are evaluated from left to right. A receiver that is a variable, or a part of one,
/// moves after the arguments, which may therefore use it: `go!(conn.serve(conn.id()))`. A static or
/// a constant stays where it is. A closure or an `async` block written as an argument becomes
/// `move`. A path that is called stays as it is; any other function value is evaluated here:
/// `go!((self.handler)(request))`.
///
/// # Anything else
///
/// Statements, a block, `unsafe { … }`, `if`, `match`, a loop or a macro's call run wholly in the
/// task, which takes what it captures by value.
///
/// ```
/// use gocoro::go;
///
/// let words = vec!["colour", "less"];
/// let joined = go!({
///     let mut text = String::new();
///     for word in words {
///         text.push_str(word);
///     }
///     text
/// });
/// assert_eq!(joined.wait(), "colourless");
///
/// let even = 4;
/// let half = go!(if even % 2 == 0 { Some(even / 2) } else { None });
/// assert_eq!(half.wait(), Some(2));
/// ```
///
/// # Options
///
/// Options stand before a `=>`, separated by commas, in any order.
///
/// | option | meaning |
/// |---|---|
/// | `name = …` | the task's name, in panic messages and spans; anything that is `Into<String>` |
/// | `stack_size = …` | bytes of stack |
/// | `local` | the task stays on this worker, and what it takes and gives need not be [`Send`] |
/// | `daemon` | the program's end does not wait for the task |
/// | `clone(a, b = self.b)` | the task takes a clone of `a`, and one of `self.b` under the name `b` |
/// | `in s` | the task is spawned in the [`Scope`](crate::task::Scope) or the [`TaskGroup`](crate::task::TaskGroup) `s` |
///
/// ```
/// use gocoro::go;
/// use std::sync::{Arc, atomic::{AtomicU32, Ordering}};
///
/// let total = Arc::new(AtomicU32::new(0));
/// let tasks: Vec<_> = (1..=3)
///     .map(|n| {
///         go!(name = format!("adder {n}"), stack_size = 65536, clone(total) => {
///             total.fetch_add(n, Ordering::Relaxed);
///         })
///     })
///     .collect();
/// assert_eq!(tasks[2].task().name(), Some("adder 3"));
/// for task in tasks {
///     task.wait();
/// }
/// assert_eq!(total.load(Ordering::Relaxed), 6);
/// ```
///
/// An argument that borrows a clone, as in `go!(clone(text) => print(&text))`, is evaluated in the
/// task, which owns the clone.
///
/// # In scopes and groups
///
/// `in` names where the task belongs: a [`task::scope`](crate::task::scope), whose tasks may
/// borrow, or a [`TaskGroup`](crate::task::TaskGroup). Then `go!` returns what `spawn` returns
/// there: a [`ScopedJoinHandle`](crate::task::ScopedJoinHandle), or nothing. `local` is for scopes
/// alone, and `daemon` for neither, since both wait for their tasks. The expression behind `in` is
/// evaluated first, and borrowed.
///
/// ```
/// use gocoro::go;
/// use gocoro::task::{self, TaskGroup};
///
/// fn count(text: &str, what: char) -> usize {
///     text.chars().filter(|&found| found == what).count()
/// }
///
/// let text = String::from("tasks");                 // is borrowed, not moved
/// let counted = task::scope(|s| {
///     let first = go!(in s => count(&text, 's'));
///     let second = go!(in s, name = "counts `t`" => count(&text, 't'));
///     first.wait() + second.wait()
/// });
/// assert_eq!(counted, 3);
///
/// let group = TaskGroup::new();
/// for what in text.chars() {
///     go!(in group, clone(text) => count(&text, what));
/// }
/// assert_eq!(group.join_all().len(), 5);
/// ```
///
/// In a scope, too, a block takes what it captures by value. To borrow there, name a reference
/// before: `let text = &text;`.
///
/// # What is refused
///
/// - `go!(fetch(url).unwrap())` and its like, of which only `unwrap()` would run in the task. Write
///   `go!({ fetch(url).unwrap() })`.
/// - An operator expression such as `go!(a() + b())` or `go!(f()?)`. Write `go!({ a() + b() })`.
/// - `.await`, `async` bodies, and a body whose value is a future, such as a call of an `async fn`:
///   the task would make the future, and nothing would run it. There is nothing to await in a task,
///   where plain functions may wait. [`future::wait`](crate::future::wait) waits for a future. A
///   future that is to be handed over unrun is made by [`task::spawn`](crate::task::spawn), which
///   asks no questions.
/// - What is borrowed from the spawner, which may return before the task ends. Move it, clone it,
///   or spawn in a `task::scope`.
/// - What is not [`Send`], without `local`.
///
/// # Panics
///
/// If an option's value cannot be met: a stack size that is too large, a name with a null byte.
/// `local` panics outside a runtime. With `in`, so does whatever makes the `spawn` of that scope or
/// group panic.
#[macro_export]
macro_rules! go {
    ($($input:tt)*) => {
        $crate::__private::go_impl!([$crate] $($input)*)
    };
}

/// Makes the spawn form `go!< … >` work in the items that it wraps.
///
/// `go!< body >` is [`go!(body)`](crate::go) with angle brackets: the same bodies, the same
/// options, the same handle. It works at any depth of the items, also in the input of other macros
/// and inside another `go!< … >`.
///
/// ```
/// use gocoro::{colorless, go};
///
/// colorless! {
///     fn sum(numbers: Vec<u64>) -> u64 {
///         if numbers.len() < 2 {
///             return numbers.into_iter().sum();
///         }
///         let (left, right) = numbers.split_at(numbers.len() / 2);
///         let left = go!< sum(left.to_vec()) >;
///         let right = go!< name = "right" => sum(right.to_vec()) >;
///         left.wait() + right.wait()
///     }
///
///     fn greater(a: u64, b: u64) -> u64 {
///         go!< if a > b { a } else { b } >.wait()
///     }
/// }
///
/// assert_eq!(sum((1..=10).collect()), 55);
/// assert_eq!(greater(2, 3), 3);
/// ```
///
/// # Where a body ends
///
/// A body ends at the first `>` before which it is complete and after which no operand can follow:
/// `.`, `?`, `,`, `;`, `{`, `else`, a closing delimiter, or the `>` of a `go!<` around it. The `>`
/// of `->` and `=>` never counts. So generics and comparisons inside a body need no parentheses.
///
/// Only `go` is rewritten, and every other token stays where it was: `line!()`, breakpoints and
/// messages are exact. `#[go_main]` and `mod name;` work inside. What `stringify!` and `assert!`
/// show of a `go!< … >` is the rewritten `go!(…)`.
///
/// # What is refused
///
/// What [`go!`](crate::go) refuses, and a `go!<` without its `>`.
#[macro_export]
macro_rules! colorless {
    ($($items:tt)*) => {
        $crate::__private::colorless_impl! { [$crate] $($items)* }
    };
}

/// Waits for several operations at once and does the first that can be done.
///
/// ```
/// use gocoro::channel::{after, unbounded};
/// use gocoro::select;
/// use std::time::Duration;
///
/// let (numbers, inbox) = unbounded();
/// let (outbox, _words) = unbounded();
/// numbers.send(1)?;
///
/// let got = select! {
///     recv(inbox) -> number => number.ok(),
///     send(outbox, "word") -> sent => sent.map(|()| 0).ok(),
///     recv(after(Duration::from_secs(1))) -> _ => None,
/// };
/// assert!(got == Some(1) || got == Some(0));
/// # Ok::<(), gocoro::channel::SendError<i32>>(())
/// ```
///
/// # Arms
///
/// | arm | can be done when | the name is bound to |
/// |---|---|---|
/// | `recv(r) -> v => …` | there is a message, or no sender is left | a `Result` as of `r.recv()` |
/// | `send(s, v) -> r => …` | there is room or a receiver, or no receiver is left | a `Result` as of `s.send(v)` |
/// | `join(&mut handle) -> r => …` | the task has ended | a `Result` as of `handle.join()` |
/// | `wait(x) -> v => …` | whatever [`Selectable`](crate::channel::Selectable) says | what happened |
/// | `readable(io) => …`, `writable(io) => …` | a read or a write of the socket, pipe or [`Pollable`](crate::io::Pollable) would not wait | the `io::Result` of waiting, if it is named by `-> r` |
/// | `default => …` | nothing else can be done now | |
/// | `default(timeout) => …` | nothing else could be done within a [`Duration`](std::time::Duration) | |
///
/// A handle whose `join` arm was done has given its result: joining it again panics.
///
/// The sources (`r`, `s`, `handle`, `x`, `io`, `timeout`) are evaluated once, in the order written,
/// and borrowed. Temporaries in them live as long as the `select!`, its bodies included.
///
/// The value that a `send` arm sends is evaluated after the arm was chosen, and only then. On a
/// channel of capacity zero a receiver waits for the value meanwhile, and neither a timeout nor a
/// cancel of the receiver cuts that wait short. So a value that takes long is better made before
/// the `select!`. If the evaluation panics or leaves by `return`, `?` or `break`, or if the task is
/// cancelled meanwhile, nothing has been sent.
///
/// The value of `select!` is that of the body that was run. Bodies are no closures: `?`, `break`,
/// `continue` and `return` work in them as everywhere else. As in a `let`, a pattern has to match
/// whatever comes.
///
/// # Choice
///
/// Exactly one arm is done. If several can be done, one of them is chosen at random;
/// [`select_biased!`](crate::select_biased) chooses the first of them. An arm that was not chosen
/// has taken nothing, and leaves nothing behind: no task is spawned for it.
///
/// `default` is chosen only if there was a moment at which no other arm could be done: a message
/// that is always in one of two channels is found, however it is moved. There is one exception. If
/// others read from or write to several sockets meanwhile, each socket is looked at in a moment of
/// its own.
///
/// # Parks
///
/// Until an arm can be done. With a `default` it parks only to let others run once in a while, or
/// while a partner that this choice has met on a channel of capacity zero makes its message. On a
/// plain thread it blocks the thread. A cancel point: if it unwinds, no arm was done.
///
/// `readable` and `writable` arms keep the rules of I/O. Where the choice would have to wait, such
/// an arm is done with an error instead in two cases. In a destructor of a task that unwinds and is
/// cancelled, even if the cancel comes meanwhile, the error holds
/// [`Cancelled`](crate::task::Cancelled). Once an [`io_deadline`](crate::time::io_deadline) around
/// the choice has passed, the error is `TimedOut`.
///
/// `readable` asks the socket, and knows nothing of what a buffer around it has read ahead. A loop
/// that waits for a socket and then takes one line out of a `BufReader` around it stalls when
/// several lines come at once: the socket is empty, and the other lines are in the buffer. So wait
/// only when the buffer is empty:
///
/// ```
/// use gocoro::net::{TcpListener, TcpStream};
/// use gocoro::{channel, select};
/// use std::io::{BufRead, BufReader, Write};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut far = TcpStream::connect(listener.local_addr()?)?;
/// let mut reader = BufReader::new(listener.accept()?.0);
/// let (_stop, stopped) = channel::bounded::<()>(0);
/// far.write_all(b"three\nlines\nat once\n")?;
///
/// let mut lines = Vec::new();
/// while lines.len() < 3 {
///     if reader.buffer().is_empty() {
///         select! {
///             readable(reader.get_ref()) -> ready => ready?,
///             recv(stopped) -> _ => break,
///         }
///     }
///     let mut line = String::new();
///     reader.read_line(&mut line)?;
///     lines.push(line);
/// }
/// assert_eq!(lines, ["three\n", "lines\n", "at once\n"]);
/// # std::io::Result::Ok(())
/// ```
///
/// `read_line` waits for the rest of a line that has come in part, whatever the other arms do.
/// Where that matters, or where the buffer cannot be asked, let a task of its own read, and `recv`
/// from that task.
///
/// # Panics
///
/// If a task joins itself, which could never end.
///
/// # What is refused
///
/// - tokio's arms, `v = future => …`: an arm names its operation.
/// - `if` guards: make the source depend on the condition, with
///   [`never()`](crate::channel::never) where it must not be received from.
/// - No arm at all, which would wait for ever.
#[macro_export]
macro_rules! select {
    ($($arms:tt)*) => {
        $crate::__private::select_impl!([$crate] $($arms)*)
    };
}

/// As [`select!`](crate::select), but if several arms can be done, the first listed is chosen.
///
/// ```
/// use gocoro::channel::unbounded;
/// use gocoro::select_biased;
///
/// let (urgent, first) = unbounded();
/// let (usual, second) = unbounded();
/// usual.send("usual")?;
/// urgent.send("urgent")?;
/// let got = select_biased! {
///     recv(first) -> word => word,
///     recv(second) -> word => word,
/// };
/// assert_eq!(got, Ok("urgent"));
/// # Ok::<(), gocoro::channel::SendError<&str>>(())
/// ```
#[macro_export]
macro_rules! select_biased {
    ($($arms:tt)*) => {
        $crate::__private::select_biased_impl!([$crate] $($arms)*)
    };
}

/// Declares task-locals: statics of which each task has its own value.
///
/// This has the shape of [`std::thread_local!`], whose values all tasks of a worker share. A task's
/// value is made when the task first uses it, and dropped when the task ends. A plain thread has
/// its own value too. The key's type is [`LocalKey`](crate::task::LocalKey), with std's methods,
/// `scope` and `inherit`.
///
/// ```
/// use std::cell::{Cell, RefCell};
///
/// gocoro::task_local! {
///     /// Requests that this task has served.
///     pub static SERVED: Cell<u32> = const { Cell::new(0) };
///
///     static LOG: RefCell<Vec<String>> = RefCell::new(Vec::new());
/// }
///
/// let task = gocoro::go!({
///     SERVED.set(SERVED.get() + 1);
///     LOG.with_borrow_mut(|log| log.push("served".to_owned()));
///     (SERVED.get(), LOG.take())
/// });
/// assert_eq!(task.wait(), (1, vec!["served".to_owned()]));
/// assert_eq!(SERVED.get(), 0);
/// ```
#[macro_export]
macro_rules! task_local {
    (
        $(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $init:expr
        $(; $($rest:tt)*)?
    ) => {
        $(#[$attribute])*
        $visibility static $name: $crate::task::LocalKey<$type> = {
            // A name that the initialiser does not mean: items of a macro are not hygienic.
            fn __gocoro_init() -> $type {
                $init
            }
            $crate::task::LocalKey::new(__gocoro_init)
        };
        $($crate::task_local! { $($rest)* })?
    };
    () => {};
}

/// Declares thread-locals of which each task has its own value, and each plain thread; the same in
/// all else as [`std::thread_local!`].
///
/// The macro is for code that was written for threads: the keys, of type
/// [`thread::LocalKey`](crate::thread::LocalKey), are std's to the letter. New code finds more in
/// [`task_local!`](crate::task_local), whose keys can bind a value for a call and hand it to a task
/// that is spawned.
///
/// ```
/// use std::cell::{Cell, RefCell};
///
/// gocoro::thread_local! {
///     /// Requests that this thread has served.
///     pub static SERVED: Cell<u32> = const { Cell::new(0) };
///
///     static LOG: RefCell<Vec<String>> = RefCell::new(Vec::new());
/// }
///
/// let thread = gocoro::thread::spawn(|| {
///     SERVED.set(SERVED.get() + 1);
///     LOG.with_borrow_mut(|log| log.push("served".to_owned()));
///     (SERVED.get(), LOG.take())
/// });
/// assert_eq!(thread.join().unwrap(), (1, vec!["served".to_owned()]));
/// assert_eq!(SERVED.get(), 0);
/// ```
#[macro_export]
macro_rules! thread_local {
    (
        $(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = const $init:block
        $(; $($rest:tt)*)?
    ) => {
        $(#[$attribute])*
        $visibility static $name: $crate::thread::LocalKey<$type> = {
            // Names that the initialiser does not mean: items of a macro are not hygienic.
            const __GOCORO_INIT: $type = $init;
            fn __gocoro_init() -> $type {
                __GOCORO_INIT
            }
            ::std::thread_local! {
                static __GOCORO_THREADS: $type = const { __GOCORO_INIT };
            }
            $crate::thread::LocalKey::new(__gocoro_init, &__GOCORO_THREADS)
        };
        $($crate::thread_local! { $($rest)* })?
    };
    (
        $(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $init:expr
        $(; $($rest:tt)*)?
    ) => {
        $(#[$attribute])*
        $visibility static $name: $crate::thread::LocalKey<$type> = {
            fn __gocoro_init() -> $type {
                $init
            }
            ::std::thread_local! {
                static __GOCORO_THREADS: $type = __gocoro_init();
            }
            $crate::thread::LocalKey::new(__gocoro_init, &__GOCORO_THREADS)
        };
        $($crate::thread_local! { $($rest)* })?
    };
    () => {};
}
