//! Lesson: a client library over gocoro's sockets, and a pool of its connections.
//!
//! The `redis` crate's own `Connection` holds std's socket, which would block the worker. What its
//! commands and pipelines ask for is `ConnectionLike`, though: send bytes, parse answers. It takes
//! a page to give them that over gocoro's `TcpStream`, with the crate's own parser.
//!
//! The pool is a bounded channel of as many places as there may be connections. Whoever takes one
//! gives it back by a destructor, so by a cancel too. A connection whose exchange was cut short
//! still owes an answer. It must not go to the next user, who would take that for the answer to
//! another question: it is closed, and its place is given back empty.
//!
//! Run it: `cargo run -p gocoro-examples --bin redis_pool [ADDRESS]` with a Redis server there; it
//! uses keys that begin with `gocoro:`. With `--self-test` it has a small server of its own.

mod pool;
mod server;

use gocoro::net::{SocketAddr, TcpListener, ToSocketAddrs};
use gocoro::{go, go_main, time};
use pool::Pool;
use redis::{Commands, RedisError, RedisResult, Value};
use server::Server;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// The most connections.
const CONNECTIONS: usize = 4;
/// Tasks that use them.
const VISITORS: i64 = 40;

/// What users of the pool do. `CONNECTIONS` are enough for all of them.
fn exercise(address: SocketAddr) -> RedisResult<()> {
    let pool = Arc::new(Pool::new(address, CONNECTIONS));
    let _: () = pool.get()?.del(&["gocoro:visits", "gocoro:total"])?;

    let visitors: Vec<_> = (1..=VISITORS)
        .map(|visitor| {
            go!(clone(pool) => {
                let mut connection = pool.get()?;
                let _: () = connection.incr("gocoro:visits", 1)?;
                let key = format!("gocoro:visitor:{visitor}");
                // Several commands, and one wait for all their answers. An atomic one is a
                // transaction.
                let (was, gone): (i64, i64) =
                    redis::pipe().set(&key, visitor).ignore().get(&key).del(&key).query(&mut connection)?;
                assert_eq!((was, gone), (visitor, 1));
                let (_, total): (i64, i64) = redis::pipe()
                    .atomic()
                    .incr("gocoro:total", visitor)
                    .incr("gocoro:total", 0)
                    .query(&mut connection)?;
                RedisResult::Ok(total)
            })
        })
        .collect();
    let totals = visitors.into_iter().map(|visitor| visitor.wait());
    let most = totals.collect::<RedisResult<Vec<_>>>()?.into_iter().max();
    assert_eq!(most, Some((1..=VISITORS).sum()));

    // Nothing ever comes into this list, so the wait for it is cut short. None of the connections
    // may mistake the answer that was not waited for, for another one.
    for _ in 0..CONNECTIONS {
        let patience = Duration::from_millis(20);
        let wait = || pool.get()?.blpop::<_, Value>("gocoro:nothing", 0.0);
        assert!(time::timeout(patience, wait).is_err());
    }
    let visits: i64 = pool.get()?.get("gocoro:visits")?;
    assert_eq!(visits, VISITORS);
    let wrong: RedisError = pool.get()?.lpop::<_, ()>("gocoro:visits", None).unwrap_err();
    let _: () = pool.get()?.del(&["gocoro:visits", "gocoro:total"])?;
    println!("{visits} visits over {CONNECTIONS} connections; a wrong one got: {wrong}");
    Ok(())
}

fn self_test() -> RedisResult<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = Arc::new(Server::default());
    let accepted = Arc::new(AtomicUsize::new(0));
    go!(daemon, clone(accepted) => {
        for stream in listener.into_incoming() {
            accepted.fetch_add(1, Relaxed);
            go!(daemon, clone(server) => {
                if let Ok(stream) = stream {
                    let _ = server.serve(stream);
                }
            });
        }
    });
    exercise(address)?;
    // The pool replaces a connection whose command was cut short, so the server accepts more than
    // the pool holds at a time, but no more than twice as many.
    assert!(accepted.load(Relaxed) <= 2 * CONNECTIONS);
    Ok(())
}

#[go_main]
fn main() -> RedisResult<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".into());
    if address == "--self-test" {
        return self_test();
    }
    let mut addresses = address.to_socket_addrs()?;
    exercise(addresses.next().ok_or_else(|| io::Error::other("the name has no address"))?)
}
