//! Every public type has the auto traits that it should, and none that it should not, and what
//! std's model has.

use std::cell::Cell;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::panic::{self, RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use gocoro::task::{self, JoinHandle};
use gocoro::{coroutine, future, go, go_test, io, net, runtime, signal, thread, time};

/// Answers by method resolution: the inherent method, which has the bound, goes before the trait's.
struct Probe<T: ?Sized>(PhantomData<T>);

macro_rules! probes {
    ($($method:ident: $bound:ident,)*) => {
        $(impl<T: ?Sized + $bound> Probe<T> {
            fn $method(&self) -> bool {
                true
            }
        })*

        trait Fallback {
            $(fn $method(&self) -> bool {
                false
            })*
        }

        impl<T: ?Sized> Fallback for Probe<T> {}
    };
}

probes! {
    is_send: Send,
    is_sync: Sync,
    is_unpin: Unpin,
    is_unwind_safe: UnwindSafe,
    is_ref_unwind_safe: RefUnwindSafe,
    is_debug: Debug,
}

/// In this order: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe.
macro_rules! auto_traits {
    ($type:ty) => {{
        let probe = Probe::<$type>(PhantomData);
        [
            probe.is_send(),
            probe.is_sync(),
            probe.is_unpin(),
            probe.is_unwind_safe(),
            probe.is_ref_unwind_safe(),
        ]
    }};
}

macro_rules! assert_traits {
    ($($type:ty: $expected:expr,)*) => {
        $(
            assert_eq!(auto_traits!($type), $expected.map(|bit| bit == 1), stringify!($type));
            assert!(Probe::<$type>(PhantomData).is_debug(), stringify!($type));
        )*
    };
}

macro_rules! assert_as_in_std {
    ($($type:ty = $model:ty,)*) => {
        $(
            assert_eq!(auto_traits!($type), auto_traits!($model), stringify!($type));
            assert!(Probe::<$type>(PhantomData).is_debug(), stringify!($type));
        )*
    };
}

#[test]
fn the_probe_tells_the_difference() {
    assert_eq!(auto_traits!(u8), [true; 5]);
    assert_eq!(auto_traits!(Rc<u8>), [false, false, true, true, true]);
    assert_eq!(auto_traits!(Cell<u8>), [true, false, true, true, false]);
    assert_eq!(auto_traits!(std::marker::PhantomPinned), [true, true, false, true, true]);
    assert_eq!(auto_traits!(&mut u8), [true, true, true, false, true]);
    struct Silent;
    assert!(!Probe::<Silent>(PhantomData).is_debug());
}

#[test]
fn tasks() {
    assert_as_in_std! {
        task::Builder = std::thread::Builder,
        task::Task = std::thread::Thread,
        task::TaskId = std::thread::ThreadId,
    }
    assert_traits! {
        // Std's is neither kind of unwind safe, for the panic that it may hold; this one only names
        // it.
        task::JoinHandle<u8>: [1, 1, 1, 1, 1],
        task::JoinHandle<Cell<u8>>: [1, 1, 1, 1, 1],
        // Std's results are always sent: this may be what a local task returned.
        task::JoinHandle<Rc<u8>>: [0, 0, 1, 1, 1],
        // An `Error + Send + Sync`; what it carries may be anything.
        task::JoinError: [1, 1, 1, 0, 0],
        task::Cancelled: [1, 1, 1, 1, 1],
    }
}

#[test]
fn scopes_and_groups() {
    assert_as_in_std! {
        task::Scope<'static, 'static> = std::thread::Scope<'static, 'static>,
        // Std has none: a group is its handles and a place where the ends are noted.
        task::TaskGroup<u8> = Vec<task::JoinHandle<u8>>,
        task::TaskGroup<Cell<u8>> = Vec<task::JoinHandle<Cell<u8>>>,
        task::TaskGroup<Rc<u8>> = Vec<task::JoinHandle<Rc<u8>>>,
        task::GroupBuilder<'static, u8> = std::thread::Builder,
        task::GroupBuilder<'static, Cell<u8>> = std::thread::Builder,
    }
    assert_traits! {
        // As the handles of other tasks, in place of std's.
        task::ScopedJoinHandle<'static, u8>: [1, 1, 1, 1, 1],
        task::ScopedJoinHandle<'static, Cell<u8>>: [1, 1, 1, 1, 1],
        task::ScopedJoinHandle<'static, Rc<u8>>: [0, 0, 1, 1, 1],
    }
}

#[test]
fn threads() {
    assert_as_in_std! {
        thread::Builder = std::thread::Builder,
        thread::Thread = std::thread::Thread,
        thread::ThreadId = std::thread::ThreadId,
        thread::Scope<'static, 'static> = std::thread::Scope<'static, 'static>,
        thread::LocalKey<u8> = std::thread::LocalKey<u8>,
        thread::LocalKey<Rc<u8>> = std::thread::LocalKey<Rc<u8>>,
        thread::AccessError = std::thread::AccessError,
    }
    assert_traits! {
        // As std's, but for the kinds of unwind safety, which std's has not.
        thread::JoinHandle<u8>: [1, 1, 1, 1, 1],
        thread::JoinHandle<Rc<u8>>: [1, 1, 1, 1, 1],
        thread::ScopedJoinHandle<'static, u8>: [1, 1, 1, 1, 1],
        thread::ScopedJoinHandle<'static, Rc<u8>>: [0, 0, 1, 1, 1],
    }
}

#[test]
fn task_locals() {
    // A key is shared by all, whatever its values are.
    assert_as_in_std! {
        task::LocalKey<u8> = std::thread::LocalKey<u8>,
        task::LocalKey<Cell<u8>> = std::thread::LocalKey<Cell<u8>>,
        task::LocalKey<Rc<u8>> = std::thread::LocalKey<Rc<u8>>,
        task::AccessError = std::thread::AccessError,
    }
}

#[test]
fn times() {
    assert_traits! {
        time::Elapsed: [1, 1, 1, 1, 1],
        time::Interval: [1, 1, 1, 1, 1],
        time::MissedTicks: [1, 1, 1, 1, 1],
    }
}

#[test]
fn sockets() {
    assert_as_in_std! {
        net::TcpListener = std::net::TcpListener,
        net::TcpStream = std::net::TcpStream,
        net::Incoming<'static> = std::net::Incoming<'static>,
        net::IntoIncoming = std::vec::IntoIter<u8>,
        net::ListenerBuilder = std::thread::Builder,
        net::UdpSocket = std::net::UdpSocket,
        net::unix::UnixStream = std::os::unix::net::UnixStream,
        net::unix::UnixListener = std::os::unix::net::UnixListener,
        net::unix::UnixDatagram = std::os::unix::net::UnixDatagram,
        net::unix::Incoming<'static> = std::os::unix::net::Incoming<'static>,
    }
}

#[test]
fn pipes() {
    assert_as_in_std! {
        io::PipeReader = std::io::PipeReader,
        io::PipeWriter = std::io::PipeWriter,
    }
    // As what is inside.
    assert_as_in_std! {
        io::Pollable<std::fs::File> = std::fs::File,
    }
    assert_traits! {
        io::Pollable<Rc<u8>>: [0, 0, 1, 1, 1],
        io::Pollable<Cell<u8>>: [1, 0, 1, 1, 0],
        io::Pollable<&'static mut u8>: [1, 1, 1, 0, 1],
    }
}

#[test]
fn runtimes() {
    assert_traits! {
        signal::Signals: [1, 1, 1, 1, 1],
        signal::Handle: [1, 1, 1, 1, 1],
        signal::Pending<'static>: [1, 1, 1, 1, 1],
        runtime::Builder: [1, 1, 1, 1, 1],
        runtime::Runtime: [1, 1, 1, 1, 1],
        runtime::LocalRuntime: [0, 0, 1, 0, 0],
    }
}

/// A coroutine stays on its thread. What is read of it may leave.
#[test]
fn coroutines_and_futures() {
    assert_traits! {
        coroutine::Coroutine<u8, u8, u8>: [0, 0, 1, 0, 0],
        coroutine::Suspender<u8, u8>: [0, 0, 1, 0, 0],
        coroutine::Greenlet<u8>: [0, 0, 1, 0, 0],
        coroutine::iter::Generate<u8>: [0, 0, 1, 0, 0],
        coroutine::iter::TryGenerate<u8, u8>: [0, 0, 1, 0, 0],
        coroutine::Step<u8, u8>: [1, 1, 1, 1, 1],
        coroutine::State: [1, 1, 1, 1, 1],
        future::JoinFuture<'static, u8>: [1, 1, 0, 0, 0],
        runtime::Metrics: [1, 1, 1, 1, 1],
        runtime::Dump: [1, 1, 1, 1, 1],
        runtime::DumpedTask: [1, 1, 1, 1, 1],
        runtime::TaskScope: [1, 1, 1, 1, 1],
        runtime::TaskScopeKind: [1, 1, 1, 1, 1],
    }
}

#[test]
fn errors_are_errors() {
    fn is_error<T: std::error::Error + Send + Sync + 'static>() {}
    is_error::<coroutine::ResumeError>();
    is_error::<coroutine::SwitchError<u8>>();
    is_error::<task::JoinError>();
    is_error::<task::Cancelled>();
}

#[test]
fn ids_are_keys() {
    fn is_key<T: Copy + Ord + std::hash::Hash + std::fmt::Display>() {}
    is_key::<task::TaskId>();
}

/// As `std::thread::Thread` and `JoinHandle` do.
#[go_test]
fn a_task_handle_crosses_a_catch() {
    let parked = go!({ task::park() });
    let handle = parked.task().clone();
    panic::catch_unwind(|| handle.unpark()).unwrap();
    parked.wait();
    let _: fn(JoinHandle<()>) = |handle| drop(panic::catch_unwind(|| handle.is_finished()));
}
