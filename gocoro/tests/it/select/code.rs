//! Bodies are code where they stand: they use and move what is around them, leave by `?`, `break`,
//! `continue` and `return`, and give a value.

use gocoro::channel::{Receiver, RecvError, SendError, Sender, bounded, never, unbounded};
use gocoro::{select, select_biased};

#[test]
fn bodies_leave_as_everywhere() {
    fn sum(
        numbers: &Receiver<i32>,
        words: &Receiver<&str>,
    ) -> Result<i32, std::num::ParseIntError> {
        let mut sum = 0;
        'outer: loop {
            loop {
                select_biased! {
                    recv(numbers) -> number => match number {
                        Ok(0) => continue 'outer,
                        Ok(number) if number < 0 => return Ok(sum),
                        Ok(number) => sum += number,
                        Err(_) => break,
                    },
                    recv(words) -> word => {
                        let Ok(word) = word else { break 'outer };
                        sum += word.parse::<i32>()?;
                    }
                }
            }
            break;
        }
        Ok(sum)
    }
    let (numbers, inbox) = unbounded();
    let (words, text) = unbounded();
    words.send("10").unwrap();
    [1, 0, 2].into_iter().for_each(|n| numbers.send(n).unwrap());
    drop(words);
    assert_eq!(sum(&inbox, &text), Ok(13));
    numbers.send(-1).unwrap();
    assert_eq!(sum(&inbox, &text), Ok(0));
    let (words, text) = unbounded();
    words.send("ten").unwrap();
    assert!(sum(&inbox, &text).is_err());
    drop(numbers);
    assert_eq!(sum(&inbox, &text), Ok(0));
}

#[test]
fn bodies_may_use_up_the_sources() {
    let (sender, receiver) = bounded(1);
    let (other, second) = bounded::<i32>(1);
    sender.send(1).unwrap();
    let mut count = 0;
    select! {
        recv(receiver) -> n => {
            count += n.unwrap();
            drop(receiver);
            drop(sender);
        }
        recv(second) -> _ => drop((second, other)),
    }
    assert_eq!(count, 1);

    let (sender, receiver) = bounded(1);
    select! {
        send(sender, 1) -> sent => { sent.unwrap(); drop(sender) }
    }
    assert_eq!(receiver.iter().collect::<Vec<_>>(), [1]);

    let mut receivers = vec![receiver];
    select! {
        recv(receivers[0]) -> end => {
            assert_eq!(end, Err(RecvError));
            receivers.clear();
        }
    }
}

/// Temporaries of sources live through the choice and its bodies, as crossbeam documents of its
/// own.
#[test]
fn temporaries_of_sources_live_on() {
    let (sender, receiver) = bounded(2);
    let others: [Receiver<i32>; 0] = [];
    sender.send(1).unwrap();
    select! {
        recv(receiver) -> n => assert_eq!(n, Ok(1)),
        recv(others.first().unwrap_or(&never())) -> _ => unreachable!("it never comes"),
    }
    let shared = std::cell::RefCell::new(vec![sender]);
    select! {
        send(shared.borrow()[0].clone(), 2) -> sent => {
            sent.unwrap();
            assert!(shared.try_borrow_mut().is_err());
        }
    }
    shared.borrow_mut().clear();
    assert_eq!(receiver.recv(), Ok(2));
    let tasks = std::sync::Mutex::new(vec![gocoro::go!({ 3 })]);
    select! {
        join(tasks.lock().unwrap().first_mut().unwrap()) -> ended => assert_eq!(ended.unwrap(), 3),
    }
}

#[test]
fn values_and_patterns() {
    let (sender, receiver) = unbounded::<(i32, Option<&str>)>();
    sender.send((1, Some("one"))).unwrap();
    let text: &str = select! {
        recv(receiver) -> message => {
            let (number, word) = message.unwrap();
            assert_eq!(number, 1);
            word.unwrap()
        }
        default => "none",
    };
    assert_eq!(text, "one");
    select!(recv(receiver) -> _ => (), default => ());
    let either = select!(recv(receiver) -> Ok(_) | Err(_) => 1, default => 2);
    let leading = select!(recv(receiver) -> | Ok((1 | 2, _)) | Ok(_) | Err(_) => 1, default => 2);
    assert_eq!((either, leading), (2, 2));
    let diverging = || -> i32 { select!(default => panic!("diverges")) };
    assert!(std::panic::catch_unwind(diverging).is_err());
}

#[test]
fn the_message_is_made_when_it_is_sent() {
    let (sender, receiver) = bounded(1);
    let mut made = 0;
    let mut make = || {
        made += 1;
        made
    };
    for _ in 0..3 {
        select! {
            send(sender, make()) -> sent => sent.unwrap(),
            default => {}
        }
    }
    assert_eq!((receiver.recv(), made), (Ok(1), 1));
}

#[test]
fn sources_are_evaluated_once_and_in_order() {
    let (sender, receiver) = bounded::<i32>(1);
    let log = std::cell::RefCell::new(Vec::new());
    let note = |name: &'static str| log.borrow_mut().push(name);
    let noted = |name| {
        note(name);
        receiver.clone()
    };
    select! {
        recv(noted("one")) -> _ => unreachable!(),
        recv(noted("two")) -> _ => unreachable!(),
        send({ note("three"); &sender }, { note("message"); 1 }) -> sent => sent.unwrap(),
        default({ note("time"); crate::support::NEVER }) => unreachable!(),
    }
    assert_eq!(*log.borrow(), ["one", "two", "three", "time", "message"]);
}

#[test]
fn choices_within_choices() {
    let (sender, receiver) = unbounded();
    (1..=3).for_each(|n| sender.send(n).unwrap());
    let sum = select! {
        recv(receiver) -> one => one.unwrap() + select! {
            recv(receiver) -> two => two.unwrap() + select!(recv(receiver) -> three => three.unwrap()),
            default => 100,
        },
        default => 100,
    };
    assert_eq!(sum, 6);
}

#[test]
fn inside_other_macros() {
    macro_rules! next {
        ($receiver:expr, $or:expr) => {
            select! {
                recv($receiver) -> n => n.unwrap(),
                default => $or,
            }
        };
    }
    let (sender, receiver) = unbounded();
    sender.send(1).unwrap();
    assert_eq!([next!(receiver, 2), next!(&receiver, 2)], [1, 2]);
}

#[test]
fn a_message_by_question_mark() {
    fn parse_into(sender: &Sender<i32>, text: &str) -> Result<(), std::num::ParseIntError> {
        select! {
            send(sender, text.parse()?) -> sent => assert_eq!(sent, Ok(())),
        }
        Ok(())
    }
    let (sender, receiver) = bounded(1);
    assert!(parse_into(&sender, "one").is_err());
    assert!(receiver.is_empty() && !sender.is_full());
    assert!(parse_into(&sender, "1").is_ok());
    assert_eq!(receiver.recv(), Ok(1));
    drop(receiver);
    assert_eq!(sender.send(1), Err(SendError(1)));
}
