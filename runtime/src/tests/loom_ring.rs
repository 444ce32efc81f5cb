//! A reader of the flight recorder's ring keeps whole events only, one after the other, whatever
//! the writer overwrites meanwhile.

use loom::sync::Arc;
use loom::thread;

use crate::recorder::ModelledRing;

/// A ring of two places that is full, which somebody reads while so many events are added.
fn read_while(added: u64) {
    loom::model(move || {
        let ring = Arc::new(ModelledRing::new(2));
        for n in 0..2 {
            ring.push([n; 4]);
        }
        let writing = ring.clone();
        let writer = thread::spawn(move || (2..2 + added).for_each(|n| writing.push([n; 4])));
        let events = ring.read();
        assert!(events.iter().all(|words| words.iter().all(|word| *word == words[0])));
        assert!(events.windows(2).all(|two| two[0][0] + 1 == two[1][0]));
        writer.join().unwrap();
        assert_eq!(ring.read(), [[1 + added; 4]]);
    });
}

#[test]
fn loom_a_reader_keeps_no_event_that_is_being_overwritten() {
    read_while(1);
}

#[test]
fn loom_a_reader_that_is_overtaken_keeps_what_is_whole() {
    read_while(2);
}
