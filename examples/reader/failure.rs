//! Why a program cannot be read, in words that say what to do.

use std::fmt;
use std::io;

/// Why a program cannot be read.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The number is that of no process.
    NoProcess(i32),
    /// The number is that of a thread of this process.
    Thread(i32, i32),
    /// The process has ended, and its parent has not asked how.
    Zombie(i32),
    /// The process has no memory of its own.
    Kernel(i32),
    /// The process has these users, and the reader that one.
    OtherUser { process: i32, theirs: Vec<u32>, mine: u32 },
    /// The kernel lets nobody, or not everybody, look into other processes: Yama's setting.
    Yama { process: i32, scope: u8 },
    /// The kernel does not let this process be read, and does not say why.
    Refused(i32, io::Error),
    /// The kernel cannot read other processes.
    NoCall(i32),
    /// The process runs code of another kind.
    OtherMachine { process: i32, what: String },
    /// There is no gocoro in the process, or one that is older than the table.
    NoGocoro { process: i32, name: String },
    /// There is a gocoro whose table this reader does not know, or that is not whole.
    OtherTable { process: i32, gocoro: String, version: u32, why: String },
    /// The process ended while it was read.
    Ended(i32),
    /// Something of the system's did not work.
    System(&'static str, io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProcess(process) => write!(f, "there is no process {process}"),
            Self::Thread(thread, process) => {
                write!(f, "{thread} is a thread of process {process}: ask for that")
            }
            Self::Zombie(process) => write!(
                f,
                "process {process} has ended; only its parent has not asked how (a zombie)"
            ),
            Self::Kernel(process) => {
                write!(
                    f,
                    "process {process} has no memory of its own: it is a thread of the kernel"
                )
            }
            Self::OtherUser { process, theirs, mine } => {
                let theirs: Vec<_> = theirs.iter().map(u32::to_string).collect();
                write!(
                    f,
                    "process {process} belongs to user {}, and you are user {mine}: run this as that \
                     user or as root (sudo)",
                    theirs.join("/")
                )
            }
            Self::Yama { process, scope: 1 } => write!(
                f,
                "process {process} may be read only by its parents here (kernel.yama.ptrace_scope is \
                 1): run this as root (sudo), or set `sysctl kernel.yama.ptrace_scope=0`, or let the \
                 program allow it (prctl PR_SET_PTRACER)"
            ),
            Self::Yama { process, scope: 2 } => write!(
                f,
                "process {process} may be read only with CAP_SYS_PTRACE here \
                 (kernel.yama.ptrace_scope is 2): run this as root (sudo), or set `sysctl \
                 kernel.yama.ptrace_scope=0`"
            ),
            Self::Yama { process, scope } => write!(
                f,
                "process {process} cannot be read: nobody may look into processes until this machine \
                 starts again (kernel.yama.ptrace_scope is {scope})"
            ),
            Self::Refused(process, error) => write!(
                f,
                "the kernel does not let you read process {process} ({error}): it is setuid, has \
                 capabilities or has made itself undumpable, or you are in a container that lacks \
                 CAP_SYS_PTRACE; root outside of the container may"
            ),
            Self::NoCall(process) => write!(
                f,
                "process {process} cannot be read: this kernel has no `process_vm_readv` \
                 (CONFIG_CROSS_MEMORY_ATTACH)"
            ),
            Self::OtherMachine { process, what } => write!(
                f,
                "process {process} is {what}, and this reader is for 64-bit programs of {}: build it \
                 for that machine",
                std::env::consts::ARCH
            ),
            Self::NoGocoro { process, name } => write!(
                f,
                "process {process} ({name}) is no gocoro program, or of a gocoro that is older than \
                 this reader"
            ),
            Self::OtherTable { process, gocoro, version, why } => write!(
                f,
                "process {process} has gocoro {gocoro}, whose table (version {version}) this reader \
                 does not know: {why}; use the reader of that gocoro"
            ),
            Self::Ended(process) => write!(f, "process {process} ended while it was read"),
            Self::System(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What tests from outside cannot bring about on every machine.
    #[test]
    fn each_reason_names_its_remedy() {
        let yama = |scope| Failure::Yama { process: 7, scope }.to_string();
        let [parents, capability, nobody] = [1, 2, 3].map(yama);
        assert!(parents.contains("only by its parents") && parents.contains("sudo"), "{parents}");
        assert!(parents.contains("sysctl kernel.yama.ptrace_scope=0"), "{parents}");
        assert!(
            capability.contains("CAP_SYS_PTRACE") && capability.contains("sudo"),
            "{capability}"
        );
        assert!(nobody.contains("until this machine starts again"), "{nobody}");
        let refused = Failure::Refused(7, io::Error::from_raw_os_error(1)).to_string();
        assert!(refused.contains("undumpable") && refused.contains("container"), "{refused}");
        assert!(Failure::NoCall(7).to_string().contains("CONFIG_CROSS_MEMORY_ATTACH"));
        assert!(Failure::Kernel(2).to_string().contains("a thread of the kernel"));
    }
}
