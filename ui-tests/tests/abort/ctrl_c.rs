//! A Ctrl-C cannot unwind anything: `main` asks, or is left when the grace is over.

use std::env;
use std::time::Duration;

use gocoro::time::sleep;
use gocoro::{go_main, signal, task};

#[go_main(ctrl_c = "cancel", grace = "300ms")]
fn main() {
    let asks = env::args().nth(1).unwrap() == "asks";
    let signals = signal::Signals::new([signal::SIGUSR1]).unwrap();
    println!("ready");
    loop {
        if asks && task::is_cancelled() {
            // Waits of a cancelled task wait.
            sleep(Duration::from_millis(1));
            assert_eq!(signals.pending().next(), None);
            return println!("told");
        }
        sleep(Duration::from_millis(1));
    }
}
