//! [`std::os`], of which what waits is replaced: [`gocoro::std`](crate::std) has the story.

#[doc(no_inline)]
pub use ::std::os::*;

#[cfg(unix)]
pub mod unix {
    //! [`std::os::unix`], of which what waits is replaced.

    #[doc(no_inline)]
    pub use ::std::os::unix::*;

    pub mod fs {
        //! [`std::os::unix::fs`]: [`gocoro::fs::unix`](crate::fs::unix).

        #[doc(no_inline)]
        pub use crate::fs::unix::{chown, chroot, fchown, lchown, symlink};
        #[doc(no_inline)]
        pub use ::std::os::unix::fs::*;
    }

    pub mod net {
        //! [`std::os::unix::net`]: [`gocoro::net::unix`](crate::net::unix).

        #[doc(no_inline)]
        pub use crate::net::unix::{Incoming, SocketAddr, UnixDatagram, UnixListener, UnixStream};
        #[doc(no_inline)]
        pub use ::std::os::unix::net::*;
    }

    pub mod process {
        //! [`std::os::unix::process`]: [`gocoro::process::unix`](crate::process::unix).

        #[doc(no_inline)]
        pub use crate::process::unix::CommandExt;
        #[doc(no_inline)]
        pub use ::std::os::unix::process::*;
    }
}

#[cfg(target_os = "linux")]
pub mod linux {
    //! [`std::os::linux`], of which what is there for sockets is replaced.

    #[doc(no_inline)]
    pub use ::std::os::linux::*;

    pub mod net {
        //! [`std::os::linux::net`]: [`gocoro::net::linux`](crate::net::linux).

        #[doc(no_inline)]
        pub use crate::net::linux::TcpStreamExt;
        #[doc(no_inline)]
        pub use ::std::os::linux::net::*;
    }
}
