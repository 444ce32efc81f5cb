//! std's builder takes a `String`; gocoro's takes whatever becomes one.

use gocoro::task::Builder;

fn main() {
    Builder::new().name("parser".into()).spawn(|| ()).unwrap();
}
