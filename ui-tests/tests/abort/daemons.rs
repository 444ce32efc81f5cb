//! Daemons that have started cannot be unwound, and the program's end does not wait for them,
//! whichever worker they are on.

use std::env;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use gocoro::{go, go_main, task};

struct Told;

impl Drop for Told {
    fn drop(&mut self) {
        eprintln!("unwound");
    }
}

// A grace that nobody would wait for.
#[go_main(grace = "60m")]
fn main() -> ExitCode {
    let alone = env::var("GOCORO_WORKERS").is_ok_and(|workers| workers == "1");
    let (begun, has_begun) = mpsc::channel();
    go!(daemon => {
        let _told = Told;
        begun.send(thread::current().id()).unwrap();
        task::park();
    });
    let there = loop {
        match has_begun.try_recv() {
            Ok(there) => break there,
            // As long as this does not wait, the daemon cannot start here.
            Err(_) if alone => task::yield_now(),
            Err(_) => {}
        }
    };
    assert_eq!(there == thread::current().id(), alone);
    // Another one ends well.
    go!(println!("main")).wait();
    ExitCode::from(env::args().nth(1).unwrap().parse::<u8>().unwrap())
}
