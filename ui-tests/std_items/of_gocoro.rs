//! The kinds of lines whose meaning differs, where `std` is gocoro's: what gocoro leaves out must
//! not be there.


/// An item is std's own: two globs may bring one name only if it means one item.
macro_rules! same {
    ($since:literal, $root:ident $(:: $module:ident)*, $name:ident) => {
        const _: () = {
            mod check {
                use super::$root $(:: $module)*::*;
                use ::std $(:: $module)*::*;
                use self::$name as _;
            }
        };
    };
}

/// An impl is not there: with it, there would be two answers to which `Absent` is meant.
macro_rules! absent_impl {
    (
        $since:literal, [$($of:tt)*] $([$($where:tt)*])? $(<$($name:ident),*>)?,
        $type:ty: $($bound:tt)+
    ) => {
        const _: () = {
            struct There;
            trait Absent<Answer> {
                fn answer() {}
            }
            impl<Any: ?Sized> Absent<()> for Any {}
            impl<Any: ?Sized + $($bound)+> Absent<There> for Any {}
            fn check<$($of)*>()
            where
                $($($where)*)?
            {
                <$type as Absent<_>>::answer();
            }
        };
    };
}
