//! The primitives may go where std's may.

use std::cell::Cell;
use std::fmt::{Debug, Display};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

/// Whether a type implements a trait: an inherent constant, if it is there, goes before a trait's.
macro_rules! has {
    ($type:ty: $($bound:tt)*) => {{
        #[allow(dead_code)]
        trait No {
            const HAS: bool = false;
        }
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        impl<T: ?Sized> No for Probe<T> {}
        #[allow(dead_code)]
        impl<T: ?Sized + $($bound)*> Probe<T> {
            const HAS: bool = true;
        }
        <Probe<$type>>::HAS
    }};
}

macro_rules! traits {
    ($type:ty) => {
        [
            ("Send", has!($type: Send)),
            ("Sync", has!($type: Sync)),
            ("Unpin", has!($type: Unpin)),
            ("UnwindSafe", has!($type: UnwindSafe)),
            ("RefUnwindSafe", has!($type: RefUnwindSafe)),
            ("Debug", has!($type: Debug)),
            ("Display", has!($type: Display)),
            ("Default", has!($type: Default)),
            ("Clone", has!($type: Clone)),
            ("Copy", has!($type: Copy)),
            ("PartialEq", has!($type: PartialEq)),
            ("Eq", has!($type: Eq)),
        ]
    };
}

macro_rules! same {
    ($($name:ident $(<$($args:ty),*>)?),* $(,)?) => {
        $(
            let (ours, theirs) = (
                traits!(gocoro::sync::$name $(<$($args),*>)?),
                traits!(std::sync::$name $(<$($args),*>)?),
            );
            assert_eq!(ours, theirs, "{}", stringify!($name $(<$($args),*>)?));
        )*
    };
}

#[test]
fn are_the_same_as_stds() {
    same!(Condvar, WaitTimeoutResult, Barrier, BarrierWaitResult, Once);
    macro_rules! for_value {
        ($($t:ty),*) => {
            $(same!(
                Mutex<$t>, RwLock<$t>, OnceLock<$t>, LazyLock<$t>,
                LazyLock<$t, Box<dyn FnOnce() -> $t + Send>>,
            );)*
        };
    }
    // One of each kind: neither, `Send` alone, `Sync` alone, and one that nobody prints.
    struct Opaque;
    type SyncOnly = std::sync::MutexGuard<'static, i32>;
    for_value!(i32, String, Rc<i32>, Cell<i32>, SyncOnly, Opaque, &'static mut i32);
    macro_rules! for_guard {
        ($($t:ty),*) => {
            $(
                let ours = traits!(gocoro::sync::MutexGuard<'static, $t>);
                assert_eq!(ours, traits!(std::sync::MutexGuard<'static, $t>), stringify!($t));
                let ours = traits!(gocoro::sync::RwLockWriteGuard<'static, $t>);
                assert_eq!(ours, traits!(std::sync::RwLockWriteGuard<'static, $t>), stringify!($t));
            )*
        };
    }
    for_guard!(i32, String, Rc<i32>, Cell<i32>, SyncOnly, Opaque);
    macro_rules! sends {
        ($($t:ty),*) => {
            $(
                let ours = traits!(gocoro::sync::RwLockReadGuard<'static, $t>);
                let theirs = traits!(std::sync::RwLockReadGuard<'static, $t>);
                for (ours, theirs) in ours.into_iter().zip(theirs) {
                    // The lock itself may be used after a panic, and so may its guard.
                    assert!(ours == theirs || ours.0.ends_with("UnwindSafe"), "{}", ours.0);
                }
            )*
        };
    }
    sends!(i32, String, Rc<i32>, Cell<i32>, SyncOnly, Opaque);
    macro_rules! for_message {
        ($($t:ty),*) => {
            $(for_message!(
                $t: Sender<$t>, SyncSender<$t>, Receiver<$t>, Iter<'static, $t>, TryIter<'static, $t>,
                IntoIter<$t>,
            );)*
        };
        ($t:ty: $($name:ident<$($args:tt),*>,)*) => {
            $(
                let ours = traits!(gocoro::sync::mpsc::$name<$($args),*>);
                let theirs = traits!(std::sync::mpsc::$name<$($args),*>);
                assert_eq!(ours, theirs, "{} of {}", stringify!($name), stringify!($t));
            )*
        };
    }
    for_message!(i32, String, Rc<i32>, Cell<i32>, SyncOnly, Opaque);
}

#[test]
fn of_what_std_has_not() {
    use gocoro::sync::{
        AbandonedPromise, AcquireError, Deferred, Event, OwnedPermit, Permit, Promise, Semaphore,
        TryAcquireError, WaitGroup,
    };
    macro_rules! shared {
        ($($t:ty),*) => { $(assert!(has!($t: Send + Sync + Unpin + Debug), stringify!($t));)* };
    }
    shared!(
        AbandonedPromise,
        AcquireError,
        Deferred<i32>,
        Event,
        OwnedPermit,
        Permit<'static>,
        Promise<i32>,
        Promise<Cell<i32>>,
        Semaphore,
        TryAcquireError,
        WaitGroup
    );
    assert!(!has!(Deferred<Cell<i32>>: Send) && !has!(Deferred<Cell<i32>>: Sync));
    assert!(!has!(Deferred<Rc<i32>>: Send) && !has!(Promise<Rc<i32>>: Send));
    assert!(!has!(Promise<SyncOnly>: Send) && !has!(Deferred<SyncOnly>: Send));
    type SyncOnly = std::sync::MutexGuard<'static, i32>;
    macro_rules! unwind_safe {
        ($($t:ty),*) => { $(assert!(has!($t: UnwindSafe + RefUnwindSafe), stringify!($t));)* };
    }
    unwind_safe!(Event, OwnedPermit, Permit<'static>, Semaphore, WaitGroup, Deferred<i32>);
}

#[test]
fn errors_are_stds() {
    // A program that handles std's errors handles these.
    let mutex = gocoro::sync::Mutex::new(0);
    let _: std::sync::LockResult<_> = mutex.lock();
    let _: std::sync::TryLockResult<_> = mutex.try_lock();
    let _: gocoro::sync::Arc<i32> = std::sync::Arc::new(0);
    let _: gocoro::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
}
