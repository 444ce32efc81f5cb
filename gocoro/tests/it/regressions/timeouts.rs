//! What once went wrong with timeouts.

use std::io::Read;
use std::net;
use std::time::Duration;

use gocoro::channel::never;
use gocoro::net::TcpStream;
use gocoro::select;
use gocoro::sync::Event;
use gocoro::task;
use gocoro::time::{sleep, timeout};

use crate::support::{NEVER, Random, bounded};

/// One that ran out between the two looks at the clock with which a wait of a plain thread began was
/// marked by the second, and looked for by none: the thread waited for ever.
#[test]
fn a_thread_whose_time_is_up_while_a_wait_begins_does_not_wait() {
    const ROUNDS: u32 = 4_000;
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    bounded(move || {
        let waits: [(&str, u64, &dyn Fn()); 6] = [
            ("sleep", 2_000, &|| sleep(NEVER)),
            ("park", 2_000, &task::park),
            ("event", 2_000, &|| Event::new().wait()),
            ("read", 4_000, &|| _ = (&stream).read(&mut [0])),
            ("select", 10_000, &|| {
                select! {
                    readable(stream) => {}
                    recv(never::<()>()) -> _ => {}
                }
            }),
            ("scope", 40_000, &|| {
                task::scope(|s| drop(s.spawn(|| sleep(NEVER))));
            }),
        ];
        let mut random = Random::new(1);
        for (name, nanos, wait) in waits {
            println!("{name}");
            for _ in 0..ROUNDS {
                assert!(timeout(Duration::from_nanos(random.next() % nanos), wait).is_err());
            }
        }
    });
}
