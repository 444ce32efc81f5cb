//! How a dump shows backtraces.

use gocoro::channel::{self, Receiver};
use gocoro::runtime::dump;
use gocoro::task;

use super::waiting;

#[inline(never)]
fn left(receiver: &Receiver<u8>) -> u8 {
    let received = receiver.recv();
    received.unwrap_or(0) + 1
}

#[inline(never)]
fn right(receiver: &Receiver<u8>) -> u8 {
    let received = receiver.recv();
    received.unwrap_or(0) + 2
}

#[test]
fn tasks_that_wait_on_the_same_line_share_a_group() {
    let (sender, receiver) = channel::bounded::<u8>(1);
    // Built apart, so that both are spawned at one place.
    let spawn = |name: &str, f: fn(&Receiver<u8>) -> u8| {
        let receiver = receiver.clone();
        task::Builder::new().name(name).spawn(move || f(&receiver)).unwrap()
    };
    let tasks: Vec<_> =
        [left, left, right, left].map(|f| spawn("bt-group", f)).into_iter().collect();
    let text = loop {
        waiting("bt-group");
        let dump = dump();
        let waits = |task: &&gocoro::runtime::DumpedTask| {
            task.name() == Some("bt-group") && task.waits_for().is_some()
        };
        if dump.tasks().iter().filter(waits).count() == 4 {
            break dump.to_string();
        }
    };
    let lines: Vec<_> = text.lines().collect();
    let group = |start: &str, function: &str| {
        let at = lines.iter().position(|line| line.starts_with(start)).expect(start);
        assert!(lines[at + 1].starts_with("      "), "{text}");
        assert!(lines[at + 1].contains(function), "{text}");
        assert!(lines[at + 1].contains("forms.rs:"), "{text}");
        assert!(lines[at + 2].starts_with("      "), "{text}");
    };
    group("  3 tasks 'bt-group' (", "left");
    group("  task 'bt-group' (", "right");
    drop(sender);
    tasks.into_iter().for_each(|task| {
        task.wait();
    });
}

#[test]
fn json_has_the_calls() {
    let (sender, receiver) = channel::bounded::<u8>(1);
    let task = task::Builder::new().name("bt-json").spawn(move || left(&receiver)).unwrap();
    waiting("bt-json");
    let json = dump().json().to_string();
    let ours = &json[json.find(r#""name":"bt-json""#).unwrap()..];
    let calls = &ours[ours.find(r#""backtrace":["#).unwrap()..];
    let first = &calls[..calls.find('}').unwrap()];
    for part in [r#"{"function":""#, "left", r#""file":""#, r#"forms.rs","line":"#] {
        assert!(first.contains(part), "{part}: {first}");
    }
    for part in [r#","address":"0x"#, r#","module":{"name":"it-"#] {
        assert!(first.contains(part), "{part}: {first}");
    }
    sender.send(1).unwrap();
    assert_eq!(task.wait(), 2);
}
