//! A runtime's started tasks cannot be unwound: who drops it, or shuts it down, gets away all the
//! same.

use std::time::Duration;

use gocoro::channel::bounded;
use gocoro::runtime::Runtime;
use gocoro::task;

fn main() {
    for shuts_down in [false, true] {
        let runtime = Runtime::new().unwrap();
        let (begun, has_begun) = bounded(0);
        let waits = runtime.spawn(move || {
            begun.send(()).unwrap();
            task::park();
        });
        has_begun.recv().unwrap();
        if shuts_down {
            let runtime = runtime.shutdown(Duration::from_millis(20)).expect_err("a task is left");
            // Told to, it ends by itself; then so does the runtime.
            waits.task().unpark();
            waits.wait();
            runtime.shutdown(Duration::from_secs(180)).expect("none is left");
        } else {
            drop(runtime);
            // Its worker is still there.
            assert!(!waits.is_finished());
            waits.task().unpark();
            waits.wait();
        }
    }
    println!("left");
}
