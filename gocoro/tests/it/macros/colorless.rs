//! `colorless!` makes the literal form `go!< … >` what `go!` is.

use gocoro::task::JoinHandle;
use gocoro::{colorless, go};

use super::{Conn, add};

colorless! {
    fn literal_calls() -> u32 {
        let a = go!<add(1, 2)>;
        let b = go!< clone(a = Conn { id: 1 }), name = "literal" => a.plus(2) >;
        a.wait() + b.wait()
    }

    fn literal_bodies(a: u32, b: u32) -> Vec<u32> {
        let items = vec![
            go!< if a > b { a } else { b } >,
            go!< { let list: Vec<Vec<u32>> = vec![vec![a], vec![b]]; list.concat().iter().sum() } >,
            go!< drop(Vec::<Vec<u32>>::new()); 5 >,
            gocoro::go!< add(u32::from(a >= b), a >> 1) >,
        ];
        items.into_iter().map(JoinHandle::wait).collect()
    }

    fn nested(depth: u32) -> u32 {
        if depth == 0 {
            return 1;
        }
        let outer = go!< {
            let inner = go!< nested(depth - 1) >;
            inner.wait() + go!< go!< nested(depth - 1) >.wait(); 1 >.wait()
        } >;
        outer.wait()
    }

    fn in_conditions() -> Option<u32> {
        let Some(n) = go!< Some(1) >.wait() else { panic!("it is some") };
        let task = match go!< Some(n) >.wait() { Some(n) => go!< Some(n) >, None => return None };
        if go!< { n > 0 } >.wait() { task.wait() } else { None }
    }

    fn lines() -> [(u32, u32); 3] {
        let task = go!< { line!() } >; let here = line!();
        let site = task.task().spawned_at().line();
        let after = go!<
            line_of(
                line!()
            )
        >;
        [(site, here), (task.wait(), here), (after.wait(), line!() - 3)]
    }

    fn line_of(line: u32) -> u32 {
        line
    }

    macro_rules! literal {
        ($body:expr) => { go!< $body > };
        ($($argument:expr),* => $callee:ident) => { go!< $callee($($argument),*) > };
    }

    mod inner {
        use gocoro::go;

        pub(super) fn text() -> String {
            format!("{}!", go!< { "inner" } >.wait())
        }
    }

    struct Service;

    impl Service {
        fn start(self) -> u32 {
            go!< self.run(1) >.wait()
        }

        fn run(&self, n: u32) -> u32 {
            n
        }
    }
}

#[test]
fn the_literal_form_spawns() {
    assert_eq!(literal_calls(), 6);
    assert_eq!(literal_bodies(3, 2), [3, 5, 5, 2]);
    assert_eq!(nested(2), 3);
    assert_eq!(in_conditions(), Some(1));
    assert_eq!(literal!(add(1, 1)).wait(), 2);
    assert_eq!(literal!(1, 2 => add).wait(), 3);
    assert_eq!(inner::text(), "inner!");
    assert_eq!(Service.start(), 1);
}

#[test]
fn lines_inside_colorless_are_the_users() {
    for (found, expected) in lines() {
        assert_eq!(found, expected);
    }
}

#[test]
fn colorless_wraps_statements_as_well() {
    colorless! {
        let task = go!< add(1, 2) >;
        assert_eq!(task.wait(), 3);
    }
}
