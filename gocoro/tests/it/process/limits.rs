//! When the system has no more stacks or descriptors to give, the rest of the program goes on.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;

use super::{IntoCode, Seen, run_with, scenarios};
use crate::support::{SOON, on_drop, settle, until};

scenarios! {
    stacks_run_out,
    a_queue_without_stacks,
    many_connections,
    the_front_page_without_descriptors,
}

/// Leaves the process this much more address space than it has now.
pub(super) fn limit_memory(more: u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let now = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let now: u64 = now.trim().trim_end_matches(" kB").parse().unwrap();
    let limit = libc::rlimit { rlim_cur: now * 1024 + more, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

const SITE: u32 = line!() + 8;
/// Parks tasks until there is no stack for more, and sees what becomes of the rest.
pub(super) fn stacks_run_out() {
    if let Some(more) = number("TEST_MEMORY") {
        limit_memory(more);
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let park = |stack_size: usize, taken: Box<dyn Send>| {
        go!(name = "hungry", stack_size = stack_size => {
            let _taken = taken;
            task::park();
        })
    };
    let count = number("TEST_TASKS").unwrap();
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let counter = drops.clone();
            park(
                16 * 1024,
                Box::new(on_drop(move || {
                    counter.fetch_add(1, SeqCst);
                })),
            )
        })
        .collect();
    // Those that are refused end without being asked to.
    let refused = || tasks.iter().filter(|task| task.is_finished()).count();
    let mut before = 0;
    until(|| {
        // If no worker has a stack of this size by now, it is refused too, and says so.
        go!(stack_size = 64 * 1024 => sleep(SOON)).join().ok();
        let now = refused();
        now > 0 && std::mem::replace(&mut before, now) == now
    });
    // Where there are no addresses for more stacks, there are some for the heap.
    assert_eq!(std::hint::black_box(vec![1_u8; 16 << 20])[1 << 20], 1);
    for task in &tasks {
        task.task().unpark();
    }
    let mut ends = HashMap::new();
    for task in tasks {
        let end = match task.join() {
            Ok(()) => "ran",
            Err(error) if error.is_refused() => {
                assert!(error.to_string().contains("'hungry'"), "{error}");
                "refused"
            }
            Err(error) => panic!("{error}"),
        };
        *ends.entry(end).or_insert(0) += 1;
    }
    assert!(ends["ran"] > 10 && ends["refused"] > 0, "{ends:?}");
    until(|| drops.load(SeqCst) as u64 == count);
    // What was given back serves others.
    for n in 0..100 {
        assert_eq!(go!(stack_size = 16 * 1024 => { n }).join().unwrap(), n);
    }
    println!("went on");
}

/// How many mappings a process may have.
pub(super) fn mappings_max() -> u64 {
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    most.trim().parse().unwrap()
}

/// More than a test can use up.
pub(super) const TOO_MANY_MAPPINGS: u64 = 200_000;

/// That stacks ran out is said once for each place that spawns; by chance for the other size too.
#[track_caller]
pub(super) fn assert_refused_at_one_site(seen: &Seen) {
    let site = format!("process/limits.rs:{SITE}");
    seen.says(1, &[&site]).has_lines(1, &["vm.max_map_count", &site]);
    let others = seen.err.matches("vm.max_map_count").count() - 1;
    seen.has_lines(others, &["no stack of 65536 bytes", "vm.max_map_count"]);
    assert!(others <= 1, "{seen}");
}

#[test]
fn tasks_without_a_stack_are_refused_and_the_rest_goes_on() {
    let most = mappings_max();
    let site = format!("process/limits.rs:{SITE}");
    for workers in ["1", "2"] {
        // Two for each protected stack.
        for guards in ["protected", "generator"] {
            if most >= TOO_MANY_MAPPINGS {
                continue;
            }
            let tasks = (most / 2).to_string();
            let seen = run_with(
                "stacks_run_out",
                &[("GOCORO_WORKERS", workers), ("GOCORO_GUARDS", guards), ("TEST_TASKS", &tasks)],
            );
            seen.code(0).printed("went on").says(0, &["panicked"]);
            assert_refused_at_one_site(&seen);
        }
        if std::env::var_os("GOCORO_SANITIZER").is_some() {
            println!("the rest is skipped: a sanitizer needs more memory than this leaves it");
            continue;
        }
        run_with(
            "stacks_run_out",
            &[("GOCORO_WORKERS", workers), ("TEST_MEMORY", "400000000"), ("TEST_TASKS", "10000")],
        )
        .code(0)
        .printed("went on")
        .says(1, &[&site])
        .says(0, &["panicked"]);
    }
}

fn a_queue_without_stacks() {
    limit_memory(400_000_000);
    let ran = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..50_000)
        .map(|_| {
            go!(clone(ran) => {
                ran.fetch_add(1, SeqCst);
            })
        })
        .collect();
    tasks.into_iter().for_each(JoinHandle::wait);
    println!("{}", ran.load(SeqCst));
}

#[test]
fn tasks_that_wait_for_their_start_have_no_stack() {
    for workers in ["1", "2"] {
        run_with("a_queue_without_stacks", &[("GOCORO_WORKERS", workers)])
            .code(0)
            .printed("50000")
            .says(0, &["gocoro"]);
    }
}

/// How many connections this process may have, if it holds both ends of each.
fn connections() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid place for the answer, then a valid limit.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
    }
    10_000.min((limit.rlim_cur as usize).saturating_sub(500) / 2)
}

fn many_connections() {
    let count = connections();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let served = Arc::new(AtomicUsize::new(0));
    let open = Arc::new(AtomicUsize::new(0));
    let server = go!(clone(served, open) => {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            go!(stack_size = 32 * 1024, clone(served, open) => {
                open.fetch_add(1, SeqCst);
                let mut buf = [0; 4];
                while stream.read_exact(&mut buf).is_ok() {
                    stream.write_all(&buf).unwrap();
                    served.fetch_add(1, SeqCst);
                }
                open.fetch_sub(1, SeqCst);
            });
        }
    });
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(TcpStream::connect(addr).unwrap());
        // The backlog is short.
        until(|| open.load(SeqCst) + 64 > clients.len());
    }
    until(|| open.load(SeqCst) == count);
    // All are held open, each in its task; all are answered, in whatever order, twice.
    let all = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(n, mut client)| {
            go!(stack_size = 32 * 1024, clone(all) => {
                for round in 0..2u32 {
                    let sent = (n as u32 ^ round).to_le_bytes();
                    client.write_all(&sent).unwrap();
                    let mut back = [0; 4];
                    client.read_exact(&mut back).unwrap();
                    assert_eq!(back, sent);
                    while !all.load(SeqCst) {
                        task::park_timeout(SOON * 20);
                    }
                }
            })
        })
        .collect();
    until(|| served.load(SeqCst) == count);
    assert_eq!(open.load(SeqCst), count);
    all.store(true, SeqCst);
    tasks.into_iter().for_each(JoinHandle::wait);
    until(|| open.load(SeqCst) == 0);
    assert_eq!(served.load(SeqCst), 2 * count);
    server.cancel();
    let _: &JoinHandle<()> = &server;
    assert!(server.join().unwrap_err().is_cancelled());
    settle();
    println!("went on");
}

#[test]
fn ten_thousand_connections() {
    run_with("many_connections", &[("GOCORO_WORKERS", "2")])
        .code(0)
        .printed("went on")
        .says(0, &["gocoro", "panicked"]);
}

/// What the program below said.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// README's program, but for its port, and where it says what.
fn shout(stream: TcpStream) -> io::Result<()> {
    for line in BufReader::new(&stream).lines() {
        writeln!(&stream, "{}", line?.to_uppercase())?;
    }
    Ok(())
}

fn front_page(listener: TcpListener) {
    for stream in listener.incoming() {
        go!({
            if let Err(e) = stream.and_then(shout) {
                SAID.lock().unwrap().push(format!("connection: {e}"));
            }
        });
    }
}

fn the_front_page_without_descriptors() {
    let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    go!(daemon => front_page(listener));
    let started = Instant::now();
    let mut crowd = Vec::new();
    let error = loop {
        match std::net::TcpStream::connect(addr) {
            Ok(client) => crowd.push(client),
            Err(error) => break error,
        }
    };
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
    sleep(Duration::from_millis(1500));
    let seconds = started.elapsed().as_secs() as usize;
    drop(crowd);
    // What it could not accept is accepted now, and served.
    let client = loop {
        match std::net::TcpStream::connect(addr) {
            Ok(client) => break client,
            Err(_) => sleep(SOON),
        }
    };
    let mut lines = BufReader::new(&client).lines();
    (&client).write_all(b"one\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "ONE");
    (&client).write_all(b"\xff\n").unwrap();
    assert!(lines.next().is_none());
    let said = |what: &str| SAID.lock().unwrap().iter().filter(|line| line.contains(what)).count();
    until(|| said("connection: stream did not contain valid UTF-8") == 1);
    // Nine pauses are shorter than a second, and the crowd's end begins them anew.
    let errors = said("connection: Too many open files");
    assert!((1..20 + seconds).contains(&errors), "{errors} in {seconds} s");
    println!("went on");
}

#[test]
fn the_front_page_is_quiet_without_descriptors() {
    for workers in ["1", "2"] {
        run_with("the_front_page_without_descriptors", &[("GOCORO_WORKERS", workers)])
            .code(0)
            .printed("went on")
            .says(0, &["gocoro", "panicked"]);
    }
}
