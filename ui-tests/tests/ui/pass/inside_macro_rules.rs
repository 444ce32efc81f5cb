//! The macros behind macros of the user's.

#![deny(warnings)]

macro_rules! program {
    ($($body:tt)*) => {
        #[gocoro::go_main]
        fn main() {
            $($body)*
        }
    };
}

macro_rules! spawn {
    ($name:expr => $body:block) => { gocoro::go!(name = $name => $body) };
    ($callee:ident($($argument:expr),*)) => { gocoro::go!($callee($($argument),*)) };
    ($body:expr) => { gocoro::go!($body) };
}

macro_rules! each {
    ($($name:ident: $body:expr;)*) => {
        gocoro::colorless! {
            $(fn $name() -> u32 { gocoro::go!< $body >.wait() })*
        }
    };
}

gocoro::colorless! {
    macro_rules! literal {
        ($body:expr) => { gocoro::go!< $body > };
        ($callee:path, $($argument:expr),*) => { gocoro::go!< $callee($($argument),*) >.wait() };
        ($name:ident = $value:expr; $body:expr) => {{
            gocoro::go!< let $name: Vec<Vec<u32>> = $value; $body >
        }};
    }
}

each! {
    first: double(1);
    second: if 1 > 0 { 2 } else { 3 };
}

fn double(n: u32) -> u32 {
    n * 2
}

program! {
    assert_eq!(spawn!(double(1)).wait(), 2);
    assert_eq!(spawn!("named" => { 3 }).wait(), 3);
    assert_eq!(spawn!(double(2)).wait(), 4);
    assert_eq!(first() + second(), 4);
    assert_eq!(literal!(double(3)).wait(), 6);
    assert_eq!(literal!(self::double, 4), 8);
    assert_eq!(literal!(v = vec![vec![1]]; v[0][0]).wait(), 1);
}
