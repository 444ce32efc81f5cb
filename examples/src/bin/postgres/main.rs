//! Lesson: an async client library in plain functions, without its runtime.
//!
//! tokio-postgres brings the protocol, and wants a stream that has tokio's traits. Behind gocoro's
//! feature `tokio` its sockets have them, so a task waits where tokio's reactor would be asked. No
//! runtime of tokio's is started.
//!
//! 1. `Database::connect` opens a socket and hands it over. The library gives back a client, and a
//!    future that moves the messages. A task waits for that future until the client is gone.
//! 2. `wait(client.query(…))` is a query in a plain function. Several tasks may share a client:
//!    their queries go out together, without waiting for each other's answers.
//! 3. Whoever gives up early leaves the connection in order, since the library reads the answer and
//!    drops it. But the server still works for it, and what comes next has to wait. So
//!    `Patience::ask` has the server stop, by a second connection as the protocol has it, and then
//!    waits for the answer: the server's word that it has stopped, or the result, if that was
//!    first.
//! 4. A transaction that is dropped before its commit is rolled back: when `?` leaves the function,
//!    or a cancel unwinds it. The library only queues the message, so no destructor waits.
//!
//! Run it: `cargo run -p gocoro-examples --bin postgres [URL]`, with a PostgreSQL there, say
//! `postgresql://me@127.0.0.1:5432/mine`; it uses a temporary table alone. With `--self-test` it
//! talks to a small peer of its own, which knows these statements.

mod database;
mod peer;

use database::{Database, Failed};
use gocoro::future::wait;
use gocoro::net::TcpListener;
use gocoro::sync::Arc;
use gocoro::{go, go_main};
use peer::{ADD, CREATE, DOUBLE, LIST, OPEN, Peer, SLEEP};
use std::env;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error};

/// How many connections are open at once, each with accounts of its own.
const CONNECTIONS: i32 = 8;
/// How many tasks share a client.
const SHARERS: i32 = 20;
/// How long the self-test waits for what never comes.
const PATIENCE: Duration = Duration::from_millis(100);

fn add(client: &Client, owner: &str, cents: i32) -> Result<u64, Error> {
    wait(client.execute(ADD, &[&cents, &owner]))
}

/// Moves money from an account to another one, or does nothing and returns why.
fn transfer(database: &mut Database, from: &str, to: &str, cents: i32) -> Result<(), Error> {
    let transaction = wait(database.transaction())?;
    // Where it cannot be taken away again, this has not been added either.
    add(transaction.client(), to, cents)?;
    add(transaction.client(), from, -cents)?;
    wait(transaction.commit())
}

fn balances(client: &Client) -> Result<Vec<(String, i32)>, Error> {
    let rows = wait(client.query(LIST, &[]))?;
    Ok(rows.iter().map(|row| (row.get("owner"), row.get("cents"))).collect())
}

fn open(config: &Config, accounts: &[(&str, i32)]) -> Result<Database, Failed> {
    let database = Database::connect(config)?;
    wait(database.batch_execute(CREATE))?;
    let statement = wait(database.prepare(OPEN))?;
    for (owner, cents) in accounts {
        wait(database.execute(&statement, &[owner, cents]))?;
    }
    Ok(database)
}

/// A bank on a connection of its own.
fn bank(config: &Config, number: i32) -> Result<(), Failed> {
    let mut database = open(config, &[("anna", 100 + number), ("ben", 0)])?;
    let expect = |database: &Database, anna, ben| {
        let expected = [("anna".to_owned(), anna), ("ben".to_owned(), ben)];
        assert_eq!(balances(database).expect("the table is there"), expected);
    };
    transfer(&mut database, "anna", "ben", 70)?;
    expect(&database, 30 + number, 70);

    // The server refuses the second half of it, so the first half is taken back.
    let refused = transfer(&mut database, "ben", "anna", 71).expect_err("ben has 70");
    assert_eq!(refused.code(), Some(&SqlState::CHECK_VIOLATION));
    expect(&database, 30 + number, 70);

    // The same for one that is cut short while the server takes its time.
    let patience = database.patience(PATIENCE);
    let transaction = wait(database.transaction())?;
    add(transaction.client(), "ben", 1000)?;
    let cut = patience.ask(transaction.batch_execute(SLEEP)).expect_err("it takes a minute");
    assert!(cut.is::<Error>(), "the server says so itself: {cut}");
    drop(transaction);
    expect(&database, 30 + number, 70);
    Ok(database.close()?)
}

/// Many tasks ask over one connection.
fn share(config: &Config) -> Result<(), Failed> {
    let database = Arc::new(Database::connect(config)?);
    let statement = wait(database.prepare(DOUBLE))?;
    let sharers: Vec<_> = (0..SHARERS)
        .map(|n| {
            go!(clone(database, statement) => {
                let n = if n == 7 { i32::MAX } else { n };
                wait(database.query_one(&statement, &[&n])).map(|row| row.get::<_, i32>(0))
            })
        })
        .collect();
    for (n, sharer) in sharers.into_iter().enumerate() {
        match sharer.wait() {
            Ok(twice) => assert_eq!(twice, 2 * n as i32),
            // An error is the answer of whoever has caused it, and of nobody else.
            Err(e) => {
                assert_eq!((n, e.code()), (7, Some(&SqlState::NUMERIC_VALUE_OUT_OF_RANGE)));
            }
        }
    }

    // A task that is cancelled while it waits for its answer.
    let sleeper = go!(clone(database) => { wait(database.batch_execute(SLEEP)) });
    let asked = go!(clone(database) => { wait(database.query_one(DOUBLE, &[&1])).is_ok() });
    sleeper.cancel();
    assert!(sleeper.join().is_err_and(|e| e.is_cancelled()));
    // The server may have been told before that. What comes next is in order in either case, if the
    // server is asked to stop what it still does.
    let patience = database.patience(PATIENCE);
    let twice = loop {
        match patience.ask(database.query_one(DOUBLE, &[&21])) {
            Ok(row) => break row.get::<_, i32>(0),
            Err(e) if is_cancelled(&e) => {} // the request came when this was under way already
            Err(e) => return Err(e),
        }
    };
    assert_eq!(twice, 42);
    asked.wait();
    let database = Arc::into_inner(database).expect("the tasks have ended");
    Ok(database.close()?)
}

/// Whether it was the server that has stopped, since it was asked to.
fn is_cancelled(failed: &Failed) -> bool {
    let error = failed.downcast_ref::<Error>();
    error.is_some_and(|e| e.code() == Some(&SqlState::QUERY_CANCELED))
}

fn exercise(config: &Config) -> Result<(), Failed> {
    let banks: Vec<_> =
        (0..CONNECTIONS).map(|i| go!(clone(config) => { bank(&config, i) })).collect();
    for bank in banks {
        bank.wait()?;
    }
    share(config)?;
    println!("{CONNECTIONS} connections, then {SHARERS} tasks on one");
    Ok(())
}

fn self_test() -> Result<(), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let peer = Arc::new(Peer::default());
    go!(daemon, clone(peer) => peer.serve(listener));
    let config = format!("postgresql://me@127.0.0.1:{port}/mine").parse::<Config>()?;
    exercise(&config)?;

    // The other side hangs up: an error for whoever waits, and for those who come later.
    let database = Database::connect(&config)?;
    let waiting = wait(database.batch_execute(peer::HANG_UP));
    assert!(waiting.is_err_and(|e| e.is_closed()));
    let late = wait(database.batch_execute(CREATE));
    assert!(late.is_err_and(|e| e.is_closed()));
    assert!(database.close().is_err_and(|e| e.is_closed()));
    Ok(())
}

#[go_main]
fn main() -> Result<(), Failed> {
    let argument = env::args().nth(1);
    match argument.as_deref() {
        Some("--self-test") => self_test(),
        url => exercise(&url.unwrap_or("postgresql://postgres@127.0.0.1:5432").parse()?),
    }
}
