//! The literal form in itself, in other macros' input and behind every kind of statement.

#![deny(warnings)]

use gocoro::{colorless, go, go_main};

colorless! {
    fn f(n: u32) -> u32 {
        n
    }

    fn three() -> u32 {
        go!< go!< go!< f(1) >.wait() >.wait() >.wait() + 2
    }

    #[go_main(workers = 2)]
    fn main() {
        let all: Vec<Vec<u32>> = vec![vec![go!< f(1) >.wait()], vec![go!<f(2)>.wait()]];
        println!("{:?} {}", all, go!< name = "printed" => f(3) >.wait());
        assert_eq!(go!< { go!< { f(4) } >.wait() } >.wait(), 4);
        assert_eq!(go!< f(u32::from(1 > 0)) >.wait(), 1);
        assert_eq!(go!< local => Vec::<Vec<u8>>::new() >.wait().len(), 0);
        let closure = |n: u32| -> u32 { go!< f(n) >.wait() };
        match go!< Some(1) >.wait() {
            Some(n) if n >= 1 => drop(go!< f(n) >),
            _ => {}
        }
        assert_eq!(closure(5), 5);
        assert_eq!(three(), 3);
    }
}
