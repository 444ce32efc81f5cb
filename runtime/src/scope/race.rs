//! Races: the first of several closures to return wins.

use std::panic::Location;

use super::run;
use crate::lock::Lock;
use crate::park;
use crate::spawn::{Builder, spawned};
use crate::task::CauseKind;
use crate::unwind::Unwinds;

/// The closure of one arm of a race.
type Arm<'a, T> = Box<dyn FnOnce() -> T + Send + 'a>;

/// What [`race`] takes: a tuple, an array or a `Vec` of closures that return a `T`.
///
/// # Examples
///
/// ```
/// use gocoro::task::race;
///
/// let arms: Vec<Box<dyn FnOnce() -> u32 + Send>> = vec![Box::new(|| 1), Box::new(|| 1)];
/// assert_eq!(race(arms), Some(1));
/// assert_eq!(race([|| 2, || 2]), Some(2));
/// assert_eq!(race((|| 3, || 3)), Some(3));
/// ```
pub trait Racers<T> {
    #[doc(hidden)]
    fn into_arms<'a>(self) -> Vec<Arm<'a, T>>
    where
        Self: 'a;
}

impl<T, F: FnOnce() -> T + Send> Racers<T> for Vec<F> {
    fn into_arms<'a>(self) -> Vec<Arm<'a, T>>
    where
        Self: 'a,
    {
        self.into_iter().map(|arm| Box::new(arm) as Arm<'a, T>).collect()
    }
}

impl<T, F: FnOnce() -> T + Send, const N: usize> Racers<T> for [F; N] {
    fn into_arms<'a>(self) -> Vec<Arm<'a, T>>
    where
        Self: 'a,
    {
        self.into_iter().map(|arm| Box::new(arm) as Arm<'a, T>).collect()
    }
}

macro_rules! tuples {
    ($first:ident $($name:ident)*) => {
        #[allow(non_snake_case)]
        impl<T, $first: FnOnce() -> T + Send, $($name: FnOnce() -> T + Send),*> Racers<T>
            for ($first, $($name,)*)
        {
            fn into_arms<'a>(self) -> Vec<Arm<'a, T>>
            where
                Self: 'a,
            {
                let ($first, $($name,)*) = self;
                vec![Box::new($first), $(Box::new($name)),*]
            }
        }

        tuples!($($name)*);
    };
    () => {};
}

tuples!(A B C D E F G H I J K L);

impl<T> Unwinds<T> {
    const RACE: () = assert!(
        cfg!(panic = "unwind"),
        "`task::race` unwinds the arms that lose, which `panic = \"abort\"` rules out: build with \
         `panic = \"unwind\"`, or spawn the arms and use `task::wait_any`"
    );
}

/// Runs all arms as tasks of their own, and returns the value of the arm that returns first. The
/// other arms are cancelled and waited for. `None` at once if there are no arms.
///
/// Arms may borrow from here, as children of a [`scope`](super::scope) may.
///
/// # Parks
///
/// Until one arm has returned and the others have ended. On a plain thread the arms run on the
/// default runtime. If the waiting task is cancelled, all arms are.
///
/// # Panics
///
/// With the panic of an arm, which ends the race, whether it comes before the first arm has
/// returned or after.
///
/// # Examples
///
/// ```
/// use gocoro::{task, time};
/// use std::time::Duration;
///
/// let names = ["slow", "fast"];
/// let first = task::race((
///     || {
///         time::sleep(Duration::from_secs(3600));
///         names[0]
///     },
///     || names[1],
/// ));
/// assert_eq!(first, Some("fast"));
/// ```
#[track_caller]
pub fn race<T: Send>(arms: impl Racers<T>) -> Option<T> {
    let () = Unwinds::<T>::RACE;
    let arms = arms.into_arms();
    park::looked();
    if arms.is_empty() {
        return None;
    }
    let at = Location::caller();
    let winner = Lock::new(None);
    let winner_of = |arm: Arm<'_, T>| {
        let value = arm();
        let mut winner = winner.lock();
        let late = if winner.is_none() { winner.replace(value) } else { Some(value) };
        // `late` is dropped after the lock is released, for its destructor may wait.
        drop(winner);
        drop(late);
    };
    run(
        |s| {
            for arm in arms {
                let finish = &winner_of;
                let arm = move || {
                    finish(arm);
                    s.cancel_children();
                };
                spawned(s.spawn_inner(Builder::new(), arm, false, at));
            }
        },
        CauseKind::Race,
        at,
    );
    winner.lock().take()
}
