//! What a line of each kind in the lists is compiled to.
//!
//! A line names std by the path `std`, which is whatever the module that includes the list has by
//! that name. Kinds whose meaning differs between std and gocoro are in `of_std.rs` and
//! `of_gocoro.rs`.

/// There is an item of this name.
macro_rules! name {
    ($since:literal, $($path:tt)+) => {
        const _: () = {
            use $($path)+ as _;
        };
    };
}

/// A constant has this type.
macro_rules! constant {
    ($since:literal, $type:ty = $path:expr) => {
        const _: $type = $path;
    };
}

/// A type has this field, of this type, to be taken and to be put.
macro_rules! field {
    ($since:literal, $of:path, $name:ident: $type:ty) => {
        const _: () = {
            fn check(of: &mut $of, mut other: $type) {
                std::mem::swap(&mut of.$name, &mut other);
            }
        };
    };
}

/// A macro declares statics of this type.
macro_rules! declares {
    ($since:literal, $($macro:ident)::+, $($key:ident)::+) => {
        const _: () = {
            $($macro)::+! {
                static MADE: u32 = 1;
                pub(crate) static CONST: Option<u32> = const { None };
            }
            fn check() -> (&'static $($key)::+<u32>, &'static $($key)::+<Option<u32>>) {
                (&MADE, &CONST)
            }
        };
    };
}

/// A function has this type, and is generic over no more: inference would miss that, where std's
/// has one answer.
macro_rules! call {
    ($since:literal, [$($of:tt)*] $([$($where:tt)*])?, $type:ty = $function:expr) => {
        const _: () = {
            fn check<$($of)*>()
            where
                $($($where)*)?
            {
                let _ = $function;
                let _: $type = $function;
            }
        };
    };
}

/// As `call`, of a function that constants may call.
macro_rules! const_call {
    (
        $since:literal, [$($of:tt)*] $([$($where:tt)*])?,
        fn($($name:ident: $type:ty),*) -> $result:ty = $function:expr
    ) => {
        const _: () = {
            const fn check<$($of)*>($($name: $type),*) -> $result
            where
                $($($where)*)?
            {
                let _ = $function;
                $function($($name),*)
            }
        };
    };
}

/// A type implements a trait. Behind what the impl is generic over stand the names of its types.
macro_rules! implements {
    ($since:literal, [], $type:ty: $($bound:tt)+) => {
        const _: () = {
            fn needs<Implementor: ?Sized + $($bound)+>() {}
            let _ = needs::<$type>;
        };
    };
    (
        $since:literal, [$($of:tt)+] $([$($where:tt)*])? $(<$($name:ident),*>)?,
        $type:ty: $($bound:tt)+
    ) => {
        const _: () = {
            fn check<$($of)+>()
            where
                $($($where)*)?
            {
                fn needs<$($of)+, Implementor: ?Sized + $($bound)+>()
                where
                    $($($where)*)?
                {
                }
                needs::<$($($name,)*)? $type>();
            }
        };
    };
}

/// A trait has this associated type.
macro_rules! associated {
    ($since:literal, $($path:ident)::+, $name:ident) => {
        const _: () = {
            fn check<T: $($path)::+>(_: T::$name) {}
        };
    };
}
