//! `go!` with a body that is no call runs all of it in the task.

use std::sync::{Arc, Mutex};

use gocoro::go;

use super::add;

#[test]
#[allow(unused_assignments, unused_variables)]
fn a_block_runs_wholly_in_the_task() {
    let mut seen = 0;
    let task = go!({
        seen += 1;
        seen
    });
    assert_eq!(seen, 0);
    assert_eq!(task.wait(), 1);
}

fn spent() -> bool {
    false
}

#[test]
fn every_complete_body_is_a_body() {
    let (a, b) = (2_u32, 1_u32);
    assert_eq!(go!(if a > b { a } else { b }).wait(), 2);
    assert_eq!(
        go!(match a {
            2 => "two",
            _ => "more",
        })
        .wait(),
        "two"
    );
    // SAFETY: `b` is the task's own, and `Copy`.
    let read = go!(unsafe { std::ptr::read(&b) });
    assert_eq!(read.wait(), 1);
    assert_eq!(
        go!(loop {
            if a > b {
                break a;
            }
        })
        .wait(),
        2
    );
    assert_eq!(
        go!('out: {
            if a > b {
                break 'out 1;
            }
            2
        })
        .wait(),
        1
    );
    assert_eq!(go!(format!("{a}")).wait(), "2");
    assert_eq!(go!((a + b)).wait(), 3);
    assert_eq!(go!(let c = a + b; c * 2).wait(), 6);
    assert_eq!(go! { add(a, b) }.wait(), 3);
    let () = go!(while spent() {}).wait();
    let () = go!(for _ in 0..2 {}).wait();
    let () = go!(add(1, 2);).wait();
}

#[test]
fn statements_run_in_the_task_and_a_call_does_not_hide_among_them() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let task = go!(clone(log) =>
        if log.lock().unwrap().is_empty() { log.lock().unwrap().push(1) }
        (log.lock().unwrap().len(), 2)
    );
    assert_eq!(task.wait(), (1, 2));
    assert_eq!(*log.lock().unwrap(), [1]);
}

#[test]
fn a_question_mark_ends_the_task_alone() {
    let task = go!({
        let n: u32 = "x".parse()?;
        Ok::<_, std::num::ParseIntError>(n)
    });
    assert!(task.wait().is_err());
}

#[test]
fn a_future_inside_is_only_a_value() {
    let text = String::from("kept");
    fn drop_it<F: Future<Output = usize>>(_: F) -> u32 {
        1
    }
    assert_eq!(go!(drop_it(async { text.len() })).wait(), 1);
}
