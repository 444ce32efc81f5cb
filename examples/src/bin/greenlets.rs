//! Lesson: symmetric coroutines, in three programs that the greenlet libraries explain themselves
//! with.
//!
//! A `Greenlet` has no resumer to go back to: whoever runs names who goes on, and with what value.
//! Greenlets fit where no side is above the other, as a program that wants to read keys and an
//! event loop that wants to deliver them.
//!
//! 1. The program in the README of Nim's greenlet: into a function, out in its middle, and in
//!    again.
//! 2. The program that Python's greenlet was introduced by for years: two functions take turns. The
//!    second is never switched back to. It is unwound when its last handle goes.
//! 3. The motivation of Python's greenlet: a command loop that reads character by character, inside
//!    of a window system that delivers them by callback. Both are ordinary loops.
//!
//! The type of a greenlet's values is the type of its family: `()`, where nothing is handed over.
//!
//! Run it: `cargo run -p gocoro-examples --bin greenlets`; it prints what the originals print.
//! `--self-test` compares that with what they are documented to print, and ends.

use gocoro::coroutine::Greenlet;
use gocoro::go_main;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// Where the programs print: a line at a time.
type Print = Rc<dyn Fn(&str)>;

fn into_a_function_and_out(print: &Print) {
    let inside = print.clone();
    let greenlet = Greenlet::new(move |()| {
        inside("in func1 (greenlet 1)");
        Greenlet::root().switch_to(()).expect("this greenlet runs");
        inside("exiting func1 (greenlet 1)");
    });
    print("entering greenlet 1");
    greenlet.switch_to(()).expect("there is memory for its stack");
    print("re-entering greenlet 1");
    greenlet.switch_to(()).expect("it has started");
    print("exiting program");
    assert!(greenlet.is_started() && greenlet.is_dead());
}

const INTO_A_FUNCTION_AND_OUT: &[&str] = &[
    "entering greenlet 1",
    "in func1 (greenlet 1)",
    "re-entering greenlet 1",
    "exiting func1 (greenlet 1)",
    "exiting program",
];

fn taking_turns(print: &Print) {
    /// Says when the stack that it lies on is unwound.
    struct Unwound(Rc<RefCell<bool>>);

    impl Drop for Unwound {
        fn drop(&mut self) {
            *self.0.borrow_mut() = true;
        }
    }

    // Each function names the other, so one of the handles has to be filled in later.
    let second = Rc::new(OnceCell::<Greenlet<()>>::new());
    let unwound = Rc::new(RefCell::new(false));
    let first = {
        let (print, second) = (print.clone(), second.clone());
        Greenlet::new(move |()| {
            print("12");
            second.get().expect("it was filled in").switch_to(()).expect("this greenlet runs");
            print("34"); // and here it ends, so control goes to its parent: the root, in `main`
        })
    };
    let made = {
        let (print, first, guard) = (print.clone(), first.clone(), Unwound(unwound.clone()));
        Greenlet::new(move |()| {
            let _guard = guard;
            print("56");
            first.switch_to(()).expect("this greenlet runs");
            print("78"); // never
        })
    };
    second.set(made).expect("it is filled in once");

    first.switch_to(()).expect("there is memory for its stack");
    let second = Rc::into_inner(second).and_then(OnceCell::into_inner);
    let second = second.expect("the first one has ended, and given its handle back");
    assert!(first.is_dead() && second.is_started() && !second.is_dead());
    assert!(!*unwound.borrow());
    drop(second);
    assert!(*unwound.borrow());
}

const TAKING_TURNS: &[&str] = &["12", "56", "34"];

/// What the command loop and the event loop hand each other.
#[derive(Debug, PartialEq)]
enum Said {
    Key(char),
    /// From the command loop: it waits for the next key.
    Waits,
    /// The command loop has ended.
    Done,
}

/// Waits for a key. It is called from the middle of the command loop.
fn read_key() -> char {
    match Greenlet::root().switch_to(Said::Waits) {
        Ok(Said::Key(key)) => key,
        other => panic!("the event loop sends keys, and not {other:?}"),
    }
}

fn command_loop(print: &dyn Fn(&str)) {
    loop {
        let mut line = String::new();
        while !line.ends_with('\n') {
            line.push(read_key());
        }
        let command = line.trim_end();
        print(&format!("    <<< {command}"));
        if command != "quit" {
            print(&format!("(Processing command: {command})"));
            continue;
        }
        print("Are you sure?");
        let answer = read_key();
        print(&format!("    <<< {answer}"));
        if answer == 'y' {
            return print("(Exiting loop.)");
        }
    }
}

fn keys_by_callback(print: &Print) {
    // The window system. It knows its callback, and nothing of greenlets.
    fn event_loop(typed: &str, key_pressed: impl Fn(char)) {
        typed.chars().for_each(key_pressed);
    }

    let inside = print.clone();
    let commands = Greenlet::new(move |_| {
        command_loop(&*inside);
        Said::Done
    });
    // The command loop runs up to its first `read_key`.
    assert_eq!(commands.switch_to(Said::Waits).expect("there is memory"), Said::Waits);
    event_loop("hello\nquit\ny", |key| {
        commands.switch_to(Said::Key(key)).expect("the event loop is this family's root");
    });
    assert!(commands.is_dead());
}

const KEYS_BY_CALLBACK: &[&str] = &[
    "    <<< hello",
    "(Processing command: hello)",
    "    <<< quit",
    "Are you sure?",
    "    <<< y",
    "(Exiting loop.)",
];

#[go_main]
fn main() {
    type Program = (fn(&Print), &'static [&'static str]);
    let programs: [Program; 3] = [
        (into_a_function_and_out, INTO_A_FUNCTION_AND_OUT),
        (taking_turns, TAKING_TURNS),
        (keys_by_callback, KEYS_BY_CALLBACK),
    ];
    if std::env::args().nth(1).is_none_or(|argument| argument != "--self-test") {
        let print: Print = Rc::new(|line| println!("{line}"));
        return programs.iter().for_each(|(program, _)| program(&print));
    }
    for (program, documented) in programs {
        let printed = Rc::new(RefCell::new(vec![]));
        let to = printed.clone();
        let print: Print = Rc::new(move |line| {
            println!("{line}");
            to.borrow_mut().push(line.to_owned());
        });
        program(&print);
        assert_eq!(*printed.borrow(), documented);
    }
    // No runtime is needed.
    let thread = std::thread::spawn(move || {
        let print: Print = Rc::new(|_| ());
        programs.iter().for_each(|(program, _)| program(&print));
    });
    thread.join().expect("they run on a plain thread, too");
}
