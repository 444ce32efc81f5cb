//! [`std::os`], of which what waits is replaced: [`gocoro::std`](crate::std) has the story.
//!
//! Each module has all of std's of that name. What is gocoro's in it takes the place of std's.

#[doc(no_inline)]
pub use ::std::os::*;

#[cfg(unix)]
pub mod unix {
    //! [`std::os::unix`], of which what waits is replaced.

    #[doc(no_inline)]
    pub use ::std::os::unix::*;

    pub mod fs {
        //! [`std::os::unix::fs`], with the functions of [`gocoro::fs::unix`](crate::fs::unix).

        #[doc(no_inline)]
        pub use crate::fs::unix::{chown, chroot, fchown, lchown, symlink};
        #[doc(no_inline)]
        pub use ::std::os::unix::fs::*;
    }

    pub mod net {
        //! [`std::os::unix::net`], with the sockets of [`gocoro::net::unix`](crate::net::unix).

        #[doc(no_inline)]
        pub use crate::net::unix::{Incoming, SocketAddr, UnixDatagram, UnixListener, UnixStream};
        #[doc(no_inline)]
        pub use ::std::os::unix::net::*;
    }

    pub mod process {
        //! [`std::os::unix::process`], with the trait of
        //! [`gocoro::process::unix`](crate::process::unix).

        #[doc(no_inline)]
        pub use crate::process::unix::CommandExt;
        #[doc(no_inline)]
        pub use ::std::os::unix::process::*;
    }

    pub mod prelude {
        //! [`std::os::unix::prelude`]: the traits of the modules beside it.

        #[doc(no_inline)]
        pub use super::process::CommandExt;
        #[doc(no_inline)]
        pub use ::std::os::unix::prelude::*;
    }
}

#[cfg(target_os = "linux")]
pub mod linux {
    //! [`std::os::linux`], of which what is there for sockets is replaced.

    #[doc(no_inline)]
    pub use ::std::os::linux::*;

    pub mod net {
        //! [`std::os::linux::net`], with the trait of [`gocoro::net::linux`](crate::net::linux).

        #[doc(no_inline)]
        pub use crate::net::linux::TcpStreamExt;
        #[doc(no_inline)]
        pub use ::std::os::linux::net::*;
    }
}
