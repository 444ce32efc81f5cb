//! A stack that is larger than can be had is refused, and main gets what can be had.

use std::io;

use gocoro::go;
use gocoro::task;

use super::{IntoCode, Seen, run_with, scenarios};

scenarios! {
    larger_than_memory,
    larger_than_addresses,
    larger_than_the_limit,
    beyond_the_mappings,
    main_as_usual::main,
    main_as_it_says::main,
    main_below_a_limit,
    main_says_below_a_limit,
}

const MIB: usize = 1 << 20;

/// Whether RLIMIT_STACK bounds the size of a stack: it does for the engine `generator`.
const LIMITED: bool = cfg!(not(feature = "corosensei"));

fn set_limit(more: impl FnOnce(&libc::rlimit) -> libc::c_int, limit: u64) {
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    assert_eq!(more(&limit), 0, "{}", io::Error::last_os_error());
}

/// As `ulimit -s 8192` does it for both limits, and as services and containers are often given it.
fn limit_stacks() {
    // SAFETY: a valid limit.
    set_limit(|limit| unsafe { libc::setrlimit(libc::RLIMIT_STACK, limit) }, 8 << 20);
}

/// Asks for a stack of this size, and for a usual one after it.
fn ask_for(bytes: usize) {
    std::panic::set_hook(Box::new(|_| eprintln!("the hook ran")));
    let task = go!(name = "giant", stack_size = bytes => { 1 });
    match task.join() {
        Ok(_) => println!("had"),
        Err(error) if error.is_refused() => println!("refused"),
        Err(error) => println!("{error}"),
    }
    assert_eq!(go!({ 2 }).join().unwrap(), 2);
}

fn larger_than_memory() {
    ask_for(1 << 36);
}

fn larger_than_addresses() {
    // SAFETY: a valid limit.
    set_limit(|limit| unsafe { libc::setrlimit(libc::RLIMIT_AS, limit) }, 8 << 30);
    ask_for(1 << 36);
}

fn larger_than_the_limit() {
    limit_stacks();
    ask_for(8 * MIB);
}

#[test]
fn a_stack_that_cannot_be_had_is_a_refusal_and_no_panic() {
    for guards in ["", "protected", "generator"] {
        for workers in ["1", "2"] {
            let variables = [("GOCORO_GUARDS", guards), ("GOCORO_WORKERS", workers)];
            let quiet = |seen: &Seen| {
                seen.code(0).says(0, &["the hook ran", "panicked"]);
            };
            // As the kernel's policy is: many permit it.
            quiet(&run_with("larger_than_memory", &variables));
            if std::env::var_os("GOCORO_SANITIZER").is_none() {
                let seen = run_with("larger_than_addresses", &variables);
                seen.printed("refused").says(1, &["RLIMIT_AS"]);
                quiet(&seen);
            }
            let seen = run_with("larger_than_the_limit", &variables);
            if LIMITED {
                seen.printed("refused").says(1, &["RLIMIT_STACK allows 8388608", "ulimit -H -s"]);
            } else {
                seen.printed("had").says(0, &["RLIMIT_STACK"]);
            }
            quiet(&seen);
        }
    }
}

mod main_as_usual {
    #[gocoro::go_main]
    pub(super) fn main() {
        super::print_stack();
    }
}

mod main_as_it_says {
    #[gocoro::go_main(main_stack_size = 16 << 20)]
    pub(super) fn main() {
        super::print_stack();
    }
}

/// Prints how much stack there is, to the next power of two.
fn print_stack() {
    let left = task::remaining_stack().unwrap();
    println!("{} MiB", left.next_power_of_two() / MIB);
}

fn main_below_a_limit() -> std::process::ExitCode {
    limit_stacks();
    main_as_usual::main()
}

fn main_says_below_a_limit() -> std::process::ExitCode {
    limit_stacks();
    main_as_it_says::main()
}

#[test]
fn mains_stack_is_what_was_asked_for_or_what_can_be_had() {
    const VARIABLE: &str = "GOCORO_MAIN_STACK_SIZE";
    let run = |scenario, size: Option<&str>| {
        let size = size.map(|size| (VARIABLE, size));
        run_with(scenario, size.as_slice())
    };
    run("main_as_usual", None).code(0).printed("8 MiB");
    run("main_as_usual", Some("2000000")).code(0).printed("2 MiB");
    run("main_as_it_says", None).code(0).printed("16 MiB");
    run("main_as_it_says", Some("33554432")).code(0).printed("32 MiB");
    let below = if LIMITED { "4 MiB" } else { "8 MiB" };
    run("main_below_a_limit", None).code(0).printed(below).says(0, &["gocoro"]);
    for (seen, source) in [
        (run("main_says_below_a_limit", None), "main_stack_size"),
        (run("main_below_a_limit", Some("16777216")), VARIABLE),
    ] {
        if !LIMITED {
            seen.code(0).printed("16 MiB");
            continue;
        }
        let why = format!("cannot start: no stack of 16777216 bytes for main ({source})");
        seen.code(1).printed("").says(1, &[&why, "RLIMIT_STACK allows 8388608"]);
    }
    let seen = run("main_as_usual", Some("plenty"));
    seen.code(1).says(1, &["GOCORO_MAIN_STACK_SIZE is \"plenty\"; it has to be a whole number"]);
}

/// So many mappings does the process have.
fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// Takes all mappings that the kernel allows: pages that neighbours are not merged with.
fn use_up_mappings() {
    let page = 4096;
    for round in 0.. {
        let protection = [libc::PROT_READ, libc::PROT_NONE][round % 2];
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, of an address of the kernel's choice.
        let first = unsafe { libc::mmap(std::ptr::null_mut(), page, protection, flags, -1, 0) };
        if first == libc::MAP_FAILED {
            return;
        }
    }
}

/// A stack for which there is no mapping left. `generator` up to 0.8.11 left its memory mapped when
/// it could not make its guard.
fn beyond_the_mappings() {
    gocoro::runtime::LocalRuntime::new().unwrap().run(|| {
        go!(local => {}).wait();
        use_up_mappings();
        let before = mappings();
        for _ in 0..20 {
            let task = go!(local, stack_size = MIB => {});
            assert!(task.join().unwrap_err().is_refused());
        }
        let after = mappings();
        assert!(after <= before + 2, "{before} mappings became {after}");
    });
    println!("refused");
}

#[test]
fn a_stack_that_is_refused_leaves_nothing_mapped() {
    if std::env::var_os("GOCORO_SANITIZER").is_some() {
        return; // the sanitizer needs mappings itself
    }
    run_with("beyond_the_mappings", &[]).code(0).printed("refused").says(0, &["panicked"]);
}
