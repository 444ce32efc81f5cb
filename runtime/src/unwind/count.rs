//! The thread's count of panics, so that it can travel with the task that unwinds.
//!
//! std counts the panics under way for each thread, in a thread-local of its own. Whatever asks
//! `thread::panicking()` reads this count: std's poisoning, gocoro's waits, the destructors of
//! other crates. But many tasks share a thread. While one task waits in a destructor in the middle
//! of its unwinding, the thread's count would say of all its other tasks that they unwind. So a
//! switch out of a task that unwinds takes the count along: it writes zero in its place, and writes
//! the count back when the task goes on. Between tasks a worker's count is zero, and every task
//! finds its own.
//!
//! # How the count is found
//!
//! std gives no access to the count's word. [`Count::find`] looks for it where it must be: in this
//! thread's blocks of thread-local memory, as `dl_iterate_phdr` lists them. In a destructor that
//! runs because of `resume_unwind`, the count is larger by one than before. Of the words that are,
//! the count is the one that *behaves* as the count: with zero in it `thread::panicking()` is false
//! in that destructor, and with its value back it is true. Every other word gets its value back and
//! is left alone. Where no word behaves so (another std, another system), there is no [`Count`],
//! and a worker runs no other task while one of its tasks waits in the middle of its unwinding.
//!
//! Beside the count, std keeps a flag that says whether a panic hook runs on the thread, for a
//! panic inside a hook ends the process. A hook may wait too, so the flag travels with the count.
//! [`Count::learn_hook_flag`] finds the flag: it is the one byte beside the count that is one
//! inside a hook, and zero before and after the hook.
//!
//! # Why that is sound
//!
//! - *Whose memory it is.* The block is this thread's and lives until the thread ends. A [`Count`]
//!   is neither `Send` nor `Sync`, and no other thread has a reason to touch the word: std reads
//!   and writes it through its `thread_local!` alone.
//! - *Provenance.* The pointer comes from the C library, which the compiler knows nothing about, so
//!   it may point to any memory whose address has been handed out. std hands the variable's address
//!   to the closures of `LocalKey::with` only. A compiler that saw all of std (fat LTO with its
//!   code in the same module) might conclude that nobody else has it, and keep the count in a
//!   register from one read to the next. It cannot across a switch: a switch calls code that it
//!   does not see through and that may panic, and a panic writes the count. The writes here are
//!   made right before and after a switch, in functions that are not inlined. Every process tests
//!   the word by its behaviour before it relies on it.
//! - *std's own sum.* `thread::panicking()` first looks at a count of all threads. Each panic
//!   writes that sum, and this module does not touch it, so it stays the sum of what all tasks and
//!   threads have.
//! - *Signal handlers.* A handler that runs between two instructions here finds a count of this
//!   thread that is zero or right. It must not panic anyway.
//!
//! A std that keeps the count elsewhere than in thread-local memory, or keeps it twice, breaks
//! this. Then the test by behaviour finds no word, and there is no [`Count`].

use std::cell::{Cell, RefCell};
use std::panic;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicIsize, AtomicU8, AtomicUsize};
use std::thread;

/// The place of this thread's count of panics. A `Count` is neither `Send` nor `Sync`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    word: NonNull<usize>,
}

/// The count of a task that is off its thread, and the flag of the panic hook.
#[derive(Debug)]
#[must_use = "a count that is not put back is lost"]
pub(crate) struct Counted {
    panics: usize,
    /// The flag of the panic hook. `None`: its place was not known when the count was taken.
    in_hook: Option<u8>,
}

/// Where the flag of the panic hook lies, in bytes from the count; zero: its place is not known.
static HOOK_FLAG: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    /// This thread's count, if it was looked for (outer `Some`) and found (inner `Some`).
    static FOUND: Cell<Option<Option<Count>>> = const { Cell::new(None) };
    /// The bytes that lay beside the count, with their offsets, when the hook ran for
    /// [`Count::learn_hook_flag`].
    static IN_HOOK: RefCell<Vec<(isize, u8)>> = const { RefCell::new(Vec::new()) };
}

thread_local! {
    /// Whether the runtime's own panic hook runs.
    static HOOK_RUNS: Cell<bool> = const { Cell::new(false) };
}

/// Runs the hooks inside of the runtime's own, for a panic of this thread.
pub(crate) fn run_hooks(hooks: impl FnOnce()) {
    HOOK_RUNS.set(true);
    hooks();
    HOOK_RUNS.set(false);
}

/// Whether a panic hook runs here, as far as that can be told. Nothing must be thrown in there.
pub(crate) fn hook_runs() -> bool {
    // A hook may wait, and what the thread's count has beside it goes along.
    match FOUND.get().flatten().and_then(|count| Some(count.hook_flag()?.load(Relaxed))) {
        Some(flag) => flag != 0,
        None => HOOK_RUNS.get(),
    }
}

/// Whether the environment asks the runtime to do without the count, as on a system where it cannot
/// be found.
fn is_refused() -> bool {
    std::env::var_os("GOCORO_UNWINDING").is_some_and(|v| v == "alone")
}

impl Count {
    /// This thread's count; `None` where it cannot be found.
    ///
    /// The count is looked for once on each thread. Looking unwinds a destructor, so where panics
    /// abort there is no count.
    pub(crate) fn find() -> Option<Count> {
        if cfg!(panic = "abort") || is_refused() {
            return None;
        }
        FOUND.get().unwrap_or_else(|| {
            // Nothing is thrown here in the middle of a panic, which may be in its hook: an
            // unwinding that begins there is not counted, and would yet be taken off the count.
            let found = if thread::panicking() { known() } else { None };
            if found.is_none() && hook_runs() {
                return None;
            }
            let found = found.or_else(search);
            FOUND.set(Some(found));
            if let Some(count) = found {
                let place = count.word.addr().get().wrapping_sub(place_of_found());
                PLACE.store(place, Relaxed);
            }
            found
        })
    }

    /// Takes the thread's count and the flag of the panic hook, and leaves zeros.
    #[cold]
    #[inline(never)]
    pub(crate) fn take(self) -> Counted {
        let panics = self.count().swap(0, Relaxed);
        let in_hook = self.hook_flag().map(|flag| flag.swap(0, Relaxed));
        Counted { panics, in_hook }
    }

    /// Puts the count and the flag back that [`Count::take`] took from this thread.
    #[cold]
    #[inline(never)]
    pub(crate) fn put(self, counted: Counted) {
        self.count().store(counted.panics, Relaxed);
        if let (Some(flag), Some(in_hook)) = (self.hook_flag(), counted.in_hook) {
            flag.store(in_hook, Relaxed);
        }
    }

    /// How many panics are under way on the thread.
    #[cold]
    #[inline(never)]
    pub(crate) fn get(self) -> usize {
        self.count().load(Relaxed)
    }

    /// Takes the panics that came after the first `base`, and the flag of the panic hook.
    pub(crate) fn take_beyond(self, base: usize) -> Counted {
        let all = self.take();
        self.put(Counted { panics: base, in_hook: None });
        Counted { panics: all.panics.saturating_sub(base), ..all }
    }

    /// Puts what [`Count::take_beyond`] took upon what there is now.
    pub(crate) fn put_upon(self, counted: Counted) {
        let panics = self.get() + counted.panics;
        self.put(Counted { panics, ..counted });
    }

    fn count(&self) -> &AtomicUsize {
        // SAFETY: `search` found the word in this thread's own thread-local memory, which stays
        // mapped until the thread ends, and a `Count` does not leave its thread. Only std accesses
        // the word without atomics, on this thread, so never at the same time.
        unsafe { AtomicUsize::from_ptr(self.word.as_ptr()) }
    }

    fn hook_flag(&self) -> Option<&AtomicU8> {
        let offset = HOOK_FLAG.load(Relaxed);
        if offset == 0 {
            return None;
        }
        // SAFETY: std declares count and flag as one variable. So the flag lies at the offset that
        // `learn_hook_flag` saw on every thread, in this thread's own thread-local memory, which
        // stays mapped until the thread ends. Only std accesses it without atomics, on this thread,
        // so never at the same time.
        Some(unsafe { AtomicU8::from_ptr(self.word.as_ptr().cast::<u8>().offset(offset)) })
    }

    /// The bytes of the words on both sides of the count, with their offsets, as far as they lie in
    /// this thread's thread-local memory.
    fn beside(self) -> impl Iterator<Item = (isize, u8)> {
        const WORD: isize = size_of::<usize>() as isize;
        let blocks = blocks();
        (-WORD..0).chain(WORD..2 * WORD).filter_map(move |offset| {
            let byte = self.word.as_ptr().cast::<u8>().wrapping_offset(offset);
            let inside = blocks.iter().any(|block| block.contains(byte.addr()));
            // SAFETY: the byte lies in a block of this thread's thread-local memory, so it is
            // mapped, and only this thread writes to it.
            inside.then(|| (offset, unsafe { byte.read_volatile() }))
        })
    }

    /// Finds the flag of the panic hook, by a panic that is caught. The runtime's own panic hook,
    /// which must be installed, calls [`in_hook`] for this panic.
    pub(crate) fn learn_hook_flag() {
        let Some(count) = Count::find() else { return };
        if HOOK_FLAG.load(Relaxed) != 0 {
            return;
        }
        IN_HOOK.take();
        let before: Vec<_> = count.beside().collect();
        let after = RefCell::new(Vec::new());
        let look = super::on_drop(|| after.borrow_mut().extend(count.beside()));
        drop(super::catch(|| {
            let _look = look;
            panic::panic_any(Probe);
        }));
        let (inside, after) = (IN_HOOK.take(), after.take());
        let is_flag = |&(offset, byte): &(isize, u8)| {
            byte == 1 && before.contains(&(offset, 0)) && after.contains(&(offset, 0))
        };
        let mut flags = inside.iter().filter(|seen| is_flag(seen));
        // Nothing is known of what else may lie there. If more than one byte behaves as the flag
        // does, none is taken for it.
        if let (Some(&(offset, _)), None) = (flags.next(), flags.next()) {
            HOOK_FLAG.store(offset, Relaxed);
        }
    }
}

/// The payload of the panic of [`Count::learn_hook_flag`].
pub(crate) struct Probe;

/// Called in the panic hook, for a panic that carries a [`Probe`]: notes the bytes beside the
/// count.
pub(crate) fn in_hook() {
    if let Some(count) = Count::find() {
        IN_HOOK.with_borrow_mut(|seen| seen.extend(count.beside()));
    }
}

/// A block of this thread's thread-local memory.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// The first aligned word of the block.
    start: NonNull<usize>,
    /// How many words there are from `start` on.
    words: usize,
}

impl Block {
    fn contains(&self, address: usize) -> bool {
        let start = self.start.as_ptr().addr();
        (start..start + self.words * size_of::<usize>()).contains(&address)
    }

    fn words(self) -> impl Iterator<Item = NonNull<usize>> {
        // SAFETY: `at` is less than `self.words`, so the word lies in the block.
        (0..self.words).map(move |at| unsafe { self.start.add(at) })
    }
}

/// The blocks of thread-local memory that this thread has: one for each module (the program, its
/// shared libraries) that has any and that the thread has used.
#[cfg(target_os = "linux")]
fn blocks() -> Vec<Block> {
    unsafe extern "C" fn add(
        info: *mut libc::dl_phdr_info,
        bytes: libc::size_t,
        blocks: *mut libc::c_void,
    ) -> libc::c_int {
        if bytes < size_of::<libc::dl_phdr_info>() {
            // The C library is an old one, whose description has no fields for thread-local memory.
            return 0;
        }
        // SAFETY: `dl_iterate_phdr` passes a description that is valid during this call and is as
        // large as was just checked, and the pointer that it was given, which points to the vector
        // in `blocks`, which nobody else uses meanwhile.
        let (info, blocks) = unsafe { (&*info, &mut *blocks.cast::<Vec<Block>>()) };
        let data = info.dlpi_tls_data.cast::<u8>();
        if data.is_null() {
            return 0;
        }
        for at in 0..usize::from(info.dlpi_phnum) {
            // SAFETY: the module has `dlpi_phnum` headers, which stay mapped during this call.
            let header = unsafe { &*info.dlpi_phdr.add(at) };
            if header.p_type == libc::PT_TLS {
                let skipped = data.align_offset(align_of::<usize>());
                let words = (header.p_memsz as usize).saturating_sub(skipped) / size_of::<usize>();
                if let Some(start) = NonNull::new(data.wrapping_add(skipped).cast::<usize>()) {
                    blocks.push(Block { start, words });
                }
            }
        }
        0
    }
    let mut blocks = Vec::<Block>::new();
    // SAFETY: `add` has the type that `dl_iterate_phdr` asks for, and is called during this call
    // only, with the pointer to `blocks`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut blocks).cast()) };
    blocks
}

#[cfg(not(target_os = "linux"))]
fn blocks() -> Vec<Block> {
    Vec::new()
}

/// Reads a word, of which nothing but its place is known.
///
/// # Safety
///
/// `word` lies in a block of this thread's thread-local memory.
unsafe fn read(word: NonNull<usize>) -> usize {
    // SAFETY: `word` lies in this thread's thread-local memory, so it is mapped and aligned. Code
    // elsewhere may write it in ways the compiler cannot see here, so the read is volatile.
    unsafe { word.read_volatile() }
}

/// Where a count was found, in bytes from that thread's [`FOUND`]; zero: nowhere yet.
static PLACE: AtomicUsize = AtomicUsize::new(0);

fn place_of_found() -> usize {
    FOUND.with(|found| std::ptr::from_ref(found).addr())
}

/// This thread's count, where another thread has found its own. The thread is panicking.
fn known() -> Option<Count> {
    let place = PLACE.load(Relaxed);
    let address = place_of_found().wrapping_add(place);
    let mut words = blocks().into_iter().flat_map(Block::words);
    let word = words.find(|word| place != 0 && word.addr().get() == address)?;
    let count = Count { word };
    (count.get() > 0 && count.behaves()).then_some(count)
}

/// Looks for this thread's count, by an unwinding that starts and ends here.
fn search() -> Option<Count> {
    let blocks = blocks();
    let words = || blocks.iter().copied().flat_map(Block::words);
    // SAFETY: `words` yields words in blocks of this thread's thread-local memory.
    let before: Vec<usize> = words().map(|word| unsafe { read(word) }).collect();
    let found = Cell::new(None);
    let look = super::on_drop(|| {
        let grown = words().zip(&before).filter(|&(word, &before)| {
            // SAFETY: `words` yields words in blocks of this thread's thread-local memory.
            unsafe { read(word) == before.wrapping_add(1) }
        });
        let mut grown: Vec<_> = grown.map(|(word, _)| Count { word }).collect();
        grown.retain(|count| count.behaves());
        if let [count] = grown[..] {
            found.set(Some(count));
        }
    });
    drop(super::catch(|| {
        let _look = look;
        panic::resume_unwind(Box::new(()));
    }));
    found.get()
}

impl Count {
    /// Whether the word behaves as the count. Called in the middle of an unwinding:
    /// `thread::panicking()` has to be false with zero in the word, and true with its value.
    #[inline(never)]
    fn behaves(&self) -> bool {
        let panics = self.count().swap(0, Relaxed);
        let at_rest = !thread::panicking();
        self.count().store(panics, Relaxed);
        at_rest && thread::panicking()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::unwind::{catch, on_drop};

    #[test]
    fn a_count_that_is_taken_is_not_there_until_it_is_put_back() {
        let count = Count::find().expect("this std's count is found");
        let check = on_drop(|| {
            assert!(thread::panicking());
            let counted = count.take();
            assert!(!thread::panicking());
            // A panic that starts while the count is taken is counted from zero.
            let inner = catch(|| {
                let _inner = on_drop(|| assert!(thread::panicking()));
                panic::resume_unwind(Box::new(1));
            });
            assert!(inner.is_err() && !thread::panicking());
            count.put(counted);
            assert!(thread::panicking());
        });
        drop(catch(|| {
            let _check = check;
            panic::resume_unwind(Box::new(2));
        }));
        assert!(!thread::panicking());
    }

    #[test]
    fn it_is_found_on_every_thread_and_in_the_middle_of_an_unwinding() {
        for _ in 0..4 {
            let found = thread::spawn(|| {
                let found = Cell::new(false);
                let look = on_drop(|| found.set(Count::find().is_some()));
                drop(catch(|| {
                    let _look = look;
                    panic::resume_unwind(Box::new(3));
                }));
                let count = Count::find().expect("it was found");
                let rest = count.take().panics;
                (found.get(), rest)
            });
            assert_eq!(found.join().unwrap(), (true, 0));
        }
    }
}
