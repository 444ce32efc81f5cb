//! The page that the environment asks for, in programs of their own.

use std::io::{BufRead, BufReader, Read};
use std::process::{ExitCode, Stdio};

use gocoro::go_main;
use gocoro::net::{TcpListener, TcpStream};

use crate::support::{scenario, this_program};

#[test]
fn child() {
    if scenario().as_deref() == Some("by_environment") {
        let code = main();
        assert_eq!(code, ExitCode::SUCCESS, "it did not start");
    }
}

#[go_main(workers = 1)]
fn main() {
    let mut all = Vec::new();
    gocoro::io::stdin().read_to_end(&mut all).unwrap();
    println!("it ran");
}

fn child_with(value: &str) -> std::process::Child {
    let mut command =
        this_program(&["observe::inspect::environment::child", "--exact"], "by_environment");
    command.env("GOCORO_INSPECT", value);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_program_says_where_its_page_is_and_goes_on() {
    let mut child = child_with("0");
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("gocoro: GOCORO_INSPECT: the live page is at http://");
    let address = address.and_then(|rest| rest.strip_suffix('/')).expect(&line);
    assert!(address.starts_with("127.0.0.1:"), "{line}");
    let mut stream = TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /dump.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("task 'main'"), "{text}");
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("it ran"));
    assert!(output.status.success());
}

#[test]
fn a_port_that_is_taken_keeps_no_program_from_running() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap();
    let output = child_with(&taken.to_string()).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = format!("gocoro: GOCORO_INSPECT: no live page at {taken}: ");
    assert!(said.starts_with(&expected), "{said}");
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("it ran"));
}

#[test]
fn what_is_no_address_is_an_error() {
    let output = child_with("everywhere").wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = "gocoro: the runtime cannot start: GOCORO_INSPECT is \"everywhere\"; it has to be a port, \
                    or an address such as 127.0.0.1:7710\n";
    assert!(said.starts_with(expected), "{said}");
    assert!(!output.status.success());
}
