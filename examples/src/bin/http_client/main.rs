//! Lesson: ureq, a blocking HTTP client, with everything that waits replaced by gocoro's.
//!
//! ureq takes its sockets from a `Connector` and its addresses from a `Resolver`. With the two in
//! `transport`, its calls suspend the task: `fetch` is what one writes for threads, and one worker
//! has as many requests under way as there are tasks.
//!
//! Whoever gives a library something to call has to know under which of its locks it calls. ureq
//! asks its idle connections whether they are open under a lock of std's, so that answer must not
//! wait (`Socket::is_open`).
//!
//! This is an example, and no part of gocoro, for ureq keeps both traits in a module `unversioned`:
//! they may change in any minor version. So whoever copies this depends on `ureq = "~3.5.2"`.
//!
//! Run it: `cargo run -p gocoro-examples --bin http_client URL…`, all at once. A server's own
//! certificate is trusted with `--trust FILE.pem` before the addresses. With `--self-test` it has
//! servers of its own, for http and https.

mod self_test;
mod transport;

use gocoro::task::wait_all;
use gocoro::{go, go_main};
use std::time::Duration;
use std::{env, fs};
use transport::{Names, Sockets};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::{Connector, RustlsConnector};
use ureq::{Agent, Error};

/// How long a request may take, all of it, redirections included.
const PATIENCE: Duration = Duration::from_secs(30);

fn agent(trusted: RootCerts) -> Agent {
    let tls = TlsConfig::builder().root_certs(trusted).build();
    let config = Agent::config_builder().tls_config(tls).timeout_global(Some(PATIENCE)).build();
    Agent::with_parts(config, Sockets.chain(RustlsConnector::default()), Names)
}

fn fetch(agent: &Agent, url: &str) -> Result<String, Error> {
    agent.get(url).call()?.body_mut().read_to_string()
}

#[go_main(workers = 1)]
fn main() -> Result<(), Error> {
    let mut arguments: Vec<_> = env::args().skip(1).collect();
    if arguments == ["--self-test"] {
        return self_test::run();
    }
    let mut trusted = RootCerts::WebPki;
    if arguments.len() > 1 && arguments[0] == "--trust" {
        trusted = RootCerts::new_with_certs(&[Certificate::from_pem(&fs::read(&arguments[1])?)?]);
        arguments.drain(..2);
    }
    let agent = agent(trusted);
    let fetched: Vec<_> = arguments
        .into_iter()
        .map(|url| {
            let agent = agent.clone();
            go!({
                match fetch(&agent, &url) {
                    Ok(body) => println!("{url}: {} bytes", body.len()),
                    Err(e) => println!("{url}: {e}"),
                }
            })
        })
        .collect();
    wait_all(fetched);
    Ok(())
}
