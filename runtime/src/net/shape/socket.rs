//! What every type of socket has. `FromRawFd`, which is unsafe to call, is in `sys`.
//!
//! A conversion keeps what the user sees: the timeouts, the mode, the data in flight.

/// Implements what every type of socket has, but for the conversions from and to `OwnedFd`.
macro_rules! socket {
    ($ty:ident, $std:ty, $imports:literal, $setup:literal, $name:literal, $end:literal) => {
        impl $ty {
            /// Creates a new independently owned handle to the underlying socket.
            ///
            /// Both handles refer to the same socket, its data and its options. It is closed with
            /// the last of them.
            ///
            /// # Errors
            ///
            /// Those of `dup`, for one that the process has no descriptors left.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            #[doc = concat!("let clone = ", $name, ".try_clone()?;")]
            #[doc = concat!(
                                        "assert_eq!(format!(\"{:?}\", clone.local_addr()?), ",
                                        "format!(\"{:?}\", ", $name, ".local_addr()?));"
                                    )]
            #[doc = $end]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn try_clone(&self) -> std::io::Result<$ty> {
                self.socket.try_clone().map($ty::new)
            }

            /// Gets the value of the `SO_ERROR` option on this socket, and clears it.
            ///
            /// # Errors
            ///
            /// Those of `getsockopt`.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            #[doc = concat!("assert!(", $name, ".take_error()?.is_none());")]
            #[doc = $end]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.socket.kernel().take_error()
            }

            pub(in crate::net) fn new(socket: $crate::net::socket::Socket) -> $ty {
                $ty { socket }
            }
        }

        impl From<$std> for $ty {
            fn from(socket: $std) -> Self {
                std::os::fd::OwnedFd::from(socket).into()
            }
        }

        impl From<$ty> for $std {
            fn from(socket: $ty) -> Self {
                std::os::fd::OwnedFd::from(socket).into()
            }
        }

        impl std::os::fd::AsFd for $ty {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.socket.fd()
            }
        }

        impl std::os::fd::AsRawFd for $ty {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.socket.fd().as_raw_fd()
            }
        }

        impl std::os::fd::IntoRawFd for $ty {
            fn into_raw_fd(self) -> std::os::fd::RawFd {
                std::os::fd::OwnedFd::from(self).into_raw_fd()
            }
        }

        impl $crate::reactor::Readiness for $ty {
            fn readable_arm(&self) -> $crate::reactor::ReadyArm<'_> {
                let direction = $crate::reactor::Direction::Read;
                $crate::reactor::ReadyArm::new(self.socket.source(), direction)
            }

            fn writable_arm(&self) -> $crate::reactor::ReadyArm<'_> {
                let direction = $crate::reactor::Direction::Write;
                $crate::reactor::ReadyArm::new(self.socket.source(), direction)
            }
        }

        // As std's type, whatever the reactor keeps for a descriptor: a panic elsewhere leaves a
        // socket no less usable.
        impl std::panic::UnwindSafe for $ty {}
        impl std::panic::RefUnwindSafe for $ty {}
    };
}

/// Implements the conversions from and to `OwnedFd` of a socket whose descriptor is as the user
/// has it.
macro_rules! handover {
    ($ty:ident) => {
        /// Takes a socket over, with the timeouts and the mode that it has.
        ///
        /// Handles that were made by duplicating the descriptor elsewhere share the options of the
        /// kernel at this moment and none that are set later; handles that `try_clone` makes do.
        impl From<std::os::fd::OwnedFd> for $ty {
            fn from(fd: std::os::fd::OwnedFd) -> Self {
                let options = $crate::net::options::Options::of(std::os::fd::AsFd::as_fd(&fd));
                $ty::new($crate::net::socket::Socket::new(fd, options))
            }
        }

        /// Gives the descriptor up, with the timeouts and the mode set in the kernel.
        impl From<$ty> for std::os::fd::OwnedFd {
            fn from(socket: $ty) -> Self {
                socket.socket.into_parts().0
            }
        }
    };
}

pub(in crate::net) use {handover, socket};
