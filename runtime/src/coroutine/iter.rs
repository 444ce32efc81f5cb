//! Coroutines as iterators, which all of [`Iterator`]'s methods combine.
//!
//! ```
//! use gocoro::coroutine::iter::generate;
//!
//! let squares = generate(|emitter| {
//!     for n in 1.. {
//!         emitter.emit(n * n);
//!     }
//! });
//! assert_eq!(squares.skip(2).step_by(2).take(3).collect::<Vec<_>>(), [9, 25, 49]);
//! ```
//!
//! | to | asyncigo's name | write |
//! |---|---|---|
//! | emit from a function, at any depth | `Iterator` | [`generate`], [`Emitter::emit`] |
//! | emit, and fail | `AsyncIter` | [`try_generate`], whose items are `Result`s |
//! | stop at the first error, and keep it | `UntilErr` | `map_while(\|item\| item.map_err(\|e\| error = Some(e)).ok())` |
//! | stop at the first error, with a list | `Collect` | `collect::<Result<Vec<_>, _>>()` |
//! | call a function that may fail for each item | `ForEach` | `try_for_each` |
//! | emit all of another iterator's items | `YieldTo` | `for item in other { emitter.emit(item) }`, with `item?` for a fallible one |
//! | a collection's items, a map's pairs | `Iter`, `AsIterator`, `AsIterator2`, `MapIter` | `iter`, `into_iter` |
//! | collect into a list, or pairs into a map | `Collect` | `collect` |
//! | 0 to n, n and so on | `Range`, `Count` | `0..n`, `n..` |
//! | pairs until the shorter one ends | `Zip` | `zip` |
//! | pairs until the longer one ends, with defaults | `ZipLongest` | itertools' `zip_longest`, `EitherOrBoth::or_default` |
//! | number the items from 0, from `start` | `Enumerate` | `enumerate`, `(start..).zip(items)` |
//! | change each item | `Map` | `map` |
//! | several items for each item | `FlatMap`, `Flatten` | `flat_map`, `flatten` |
//! | one iterator after the other | `Chain` | `chain` |
//! | each item only once | `Uniq` | itertools' `unique`, or `filter` with a `HashSet`'s `insert` |
//! | leave items out | `Filter` | `filter`, which goes on after one that it leaves out; `take_while` ends there |
//!
//! What waits while it emits works with all of these alike: in a task it suspends the task.

use std::fmt;
use std::iter::FusedIterator;

use super::{Coroutine, State, Step, Suspender};

/// What the body of a generator emits its items by: see [`generate`].
///
/// It is the [`Suspender`] of a coroutine into which nothing is handed.
pub type Emitter<T> = Suspender<(), T>;

impl<T> Suspender<(), T> {
    /// Hands an item out. Returns when the next one is asked for.
    ///
    /// # Parks
    ///
    /// Never: it goes back to whoever asks the iterator.
    ///
    /// # Panics
    ///
    /// As [`suspend`](Suspender::suspend).
    #[inline]
    pub fn emit(&self, item: T) {
        self.suspend(item);
    }
}

/// An iterator over what `body` emits.
///
/// The body runs on a stack of its own, and only as far as items are asked for. It may use all of
/// gocoro's operations: one that waits suspends the task that asks. Dropping the iterator unwinds
/// the body. A panic of the body goes to whoever asks, and is the end of the items.
///
/// Some of the usual generators have shorter forms in std: `std::iter::{from_fn, successors}`.
///
/// The body's stack has the size that [`Coroutine::new`] gives. One that needs more is a
/// [`Coroutine::with_stack_size`], whose resume [`std::iter::from_fn`] calls.
///
/// # Panics
///
/// `next` panics if there is no memory for the body's stack.
///
/// # Examples
///
/// ```
/// use gocoro::coroutine::iter::{Emitter, generate};
///
/// enum Tree {
///     Leaf,
///     Node(Box<Tree>, i32, Box<Tree>),
/// }
///
/// fn walk(tree: &Tree, emitter: &Emitter<i32>) {
///     if let Tree::Node(left, value, right) = tree {
///         walk(left, emitter);
///         emitter.emit(*value); // from any depth
///         walk(right, emitter);
///     }
/// }
///
/// let leaf = || Box::new(Tree::Leaf);
/// let one = Box::new(Tree::Node(leaf(), 1, leaf()));
/// let tree = Tree::Node(one, 2, leaf());
/// assert!(generate(move |emitter| walk(&tree, emitter)).eq([1, 2]));
/// ```
#[track_caller]
pub fn generate<T: 'static>(body: impl FnOnce(&Emitter<T>) + 'static) -> Generate<T> {
    Generate { coroutine: Coroutine::new(|emitter, ()| body(emitter)) }
}

/// An iterator over what a fallible `body` emits, and the error that it returns, if it does.
///
/// As [`generate`]. After an error there are no more items. `collect::<Result<_, _>>()`, or `?` in
/// a loop, stops at it.
///
/// # Panics
///
/// As [`generate`].
///
/// # Examples
///
/// ```
/// use gocoro::coroutine::iter::try_generate;
///
/// let numbers = |text: &'static str| {
///     try_generate(move |emitter| {
///         for word in text.split(' ') {
///             emitter.emit(word.parse::<u32>()?);
///         }
///         Ok(())
///     })
/// };
/// assert_eq!(numbers("1 2").collect::<Result<Vec<_>, _>>(), Ok(vec![1, 2]));
/// let mut seen = numbers("1 x 2");
/// assert!(seen.next().unwrap().is_ok());
/// assert!(seen.next().unwrap().is_err());
/// assert!(seen.next().is_none());
/// # use std::num::ParseIntError;
/// # let _: Option<Result<u32, ParseIntError>> = seen.next();
/// ```
#[track_caller]
pub fn try_generate<T: 'static, E: 'static>(
    body: impl FnOnce(&Emitter<T>) -> Result<(), E> + 'static,
) -> TryGenerate<T, E> {
    TryGenerate { coroutine: Coroutine::new(|emitter, ()| body(emitter)) }
}

/// The iterator of [`generate`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Generate<T: 'static> {
    coroutine: Coroutine<(), T, ()>,
}

/// The iterator of [`try_generate`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct TryGenerate<T: 'static, E: 'static> {
    coroutine: Coroutine<(), T, Result<(), E>>,
}

/// The next step of a body. `None`: it has ended before.
#[inline]
fn step<T, R>(coroutine: &mut Coroutine<(), T, R>) -> Option<Step<T, R>> {
    match coroutine.resume(()) {
        Ok(step) => Some(step),
        Err(error) if error.state() == State::Finished => None,
        Err(error) => panic!("{error}"),
    }
}

impl<T: 'static> Iterator for Generate<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match step(&mut self.coroutine)? {
            Step::Yielded(item) => Some(item),
            Step::Returned(()) => None,
        }
    }
}

impl<T: 'static, E: 'static> Iterator for TryGenerate<T, E> {
    type Item = Result<T, E>;

    #[inline]
    fn next(&mut self) -> Option<Result<T, E>> {
        match step(&mut self.coroutine)? {
            Step::Yielded(item) => Some(Ok(item)),
            Step::Returned(end) => end.err().map(Err),
        }
    }
}

impl<T: 'static> FusedIterator for Generate<T> {}
impl<T: 'static, E: 'static> FusedIterator for TryGenerate<T, E> {}

impl<T: 'static> fmt::Debug for Generate<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generate").field("coroutine", &self.coroutine).finish()
    }
}

impl<T: 'static, E: 'static> fmt::Debug for TryGenerate<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryGenerate").field("coroutine", &self.coroutine).finish()
    }
}
