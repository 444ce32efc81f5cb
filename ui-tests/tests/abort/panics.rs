//! A panic in a task ends the process.

use gocoro::go;

fn main() {
    let failed = go!({ panic!("in a task") }).join();
    let _: Result<(), _> = failed;
}
