//! The kinds of lines whose meaning differs, where `std` is std: what gocoro leaves out has to be
//! there.


macro_rules! same {
    ($since:literal, $($module:ident)::+, $name:ident) => {
        name!($since, $($module)::+::$name);
    };
}

macro_rules! absent_impl {
    ($($impl:tt)+) => {
        implements!($($impl)+);
    };
}
