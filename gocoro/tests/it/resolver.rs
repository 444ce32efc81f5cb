//! A resolver that is slow, and one that fails. Names that end in [`DOMAIN`] are looked up here, in
//! place of the system's resolver; nobody is asked on the network.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, LazyLock, Mutex, mpsc};
use std::time::Instant;

use gocoro::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use gocoro::task;
use gocoro::time::{io_deadline, timeout};

use crate::support::{HANG, NEVER, SOON, bounded, on_workers, settle, with_workers};
use crate::tcp::{both, kind};

const DOMAIN: &str = ".gocoro.test";

/// How a name is answered.
#[derive(Clone, Copy)]
enum Answer {
    /// Not yet.
    Silence,
    /// As `localhost`.
    Localhost,
    /// With this error of the resolver, and this `errno`.
    Error(c_int, c_int),
}

static ANSWERS: LazyLock<Mutex<HashMap<String, Answer>>> = LazyLock::new(Mutex::default);

static CHANGED: Condvar = Condvar::new();

/// A name that is looked up here; it is forgotten, and whoever waits for it answered, when this is
/// dropped.
pub(crate) struct Name(String);

impl Name {
    fn new(answer: Answer) -> Name {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = Name(format!("n{}{DOMAIN}", NEXT.fetch_add(1, Relaxed)));
        name.is_answered(answer);
        name
    }

    fn is_answered(&self, answer: Answer) {
        ANSWERS.lock().unwrap().insert(self.0.clone(), answer);
        CHANGED.notify_all();
    }

    /// The name with a port.
    pub(crate) fn address(&self) -> (String, u16) {
        (self.0.clone(), 0)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        ANSWERS.lock().unwrap().remove(&self.0);
        CHANGED.notify_all();
    }
}

/// A name that nobody answers as long as it lives.
pub(crate) fn silent() -> io::Result<(Name, ())> {
    Ok((Name::new(Answer::Silence), ()))
}

/// What becomes of a name of the domain; this waits while that is not known.
fn answer(name: &str) -> Answer {
    let mut answers = ANSWERS.lock().unwrap();
    loop {
        match answers.get(name) {
            Some(Answer::Silence) => answers = CHANGED.wait(answers).unwrap(),
            Some(answer) => return *answer,
            None => return Answer::Error(libc::EAI_NONAME, 0),
        }
    }
}

type GetAddrInfo = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const libc::addrinfo,
    *mut *mut libc::addrinfo,
) -> c_int;

/// The system's function, which this program's own hides.
static OF_THE_SYSTEM: LazyLock<GetAddrInfo> = LazyLock::new(|| {
    // SAFETY: the name ends with a null byte.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"getaddrinfo".as_ptr()) };
    assert!(!found.is_null());
    // SAFETY: the C library's function of this name has this signature.
    unsafe { std::mem::transmute::<*mut libc::c_void, GetAddrInfo>(found) }
});

/// The function of the C library by which std, too, looks names up, for all of this program.
///
/// # Safety
///
/// As of the function in the C library.
#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const libc::addrinfo,
    found: *mut *mut libc::addrinfo,
) -> c_int {
    // SAFETY: the caller's name ends with a null byte, if there is one.
    let name = (!node.is_null()).then(|| unsafe { CStr::from_ptr(node) });
    let name = name.and_then(|name| name.to_str().ok()).filter(|name| name.ends_with(DOMAIN));
    let node = match name.map(answer) {
        None => node,
        Some(Answer::Error(code, errno)) => {
            // SAFETY: the place of this thread's `errno` is writable.
            unsafe { *libc::__errno_location() = errno };
            return code;
        }
        Some(_) => c"127.0.0.1".as_ptr(),
    };
    // SAFETY: the caller's arguments, and a name that ends with a null byte.
    unsafe { OF_THE_SYSTEM(node, service, hints, found) }
}

#[test]
fn a_name_that_is_answered_late_is_waited_for() {
    both(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let name = Name::new(Answer::Silence);
        let address = (name.0.clone(), listener.local_addr()?.port());
        let client = task::spawn(move || TcpStream::connect(address));
        settle();
        assert!(!client.is_finished());
        name.is_answered(Answer::Localhost);
        let mut client = client.wait()?;
        client.write_all(b"x")?;
        listener.accept()?.0.read_exact(&mut [0])
    });
}

/// Lookups wait on threads of their own, so neither the workers nor the timers are held up.
#[test]
fn many_slow_names_hold_up_nobody_else() {
    on_workers(|_| {
        let names: Vec<_> = (0..64).map(|_| Name::new(Answer::Silence)).collect();
        let lookups: Vec<_> = names
            .iter()
            .map(|name| {
                let address = name.address();
                task::spawn(move || address.to_socket_addrs().map(Iterator::count))
            })
            .collect();
        settle();
        gocoro::time::sleep(SOON);
        let other = Name::new(Answer::Localhost);
        assert!(other.address().to_socket_addrs().unwrap().count() > 0);
        assert!(lookups.iter().all(|lookup| !lookup.is_finished()));
        names.iter().for_each(|name| name.is_answered(Answer::Localhost));
        for lookup in lookups {
            assert_eq!(lookup.wait().unwrap(), 1);
        }
    });
}

#[test]
fn a_timeout_of_a_connection_covers_the_name() {
    both(|| {
        let name = Name::new(Answer::Silence);
        let connected = TcpStream::connect_within(name.address(), SOON);
        assert_eq!(kind(connected), ErrorKind::TimedOut);
        Ok(())
    });
}

/// An answer that comes when nobody waits any more harms nobody.
#[test]
fn an_answer_after_the_wait_was_cut_is_dropped() {
    on_workers(|_| {
        let names: Vec<_> = (0..16).map(|_| Name::new(Answer::Silence)).collect();
        for name in &names {
            let address = name.address();
            let task = task::spawn(move || address.to_socket_addrs().map(|_| ()));
            settle();
            task.cancel();
            assert!(task.join().unwrap_err().is_cancelled());
        }
        names.iter().for_each(|name| name.is_answered(Answer::Localhost));
        assert_eq!(names[0].address().to_socket_addrs().unwrap().count(), 1);
    });
}

/// Where a thread has no parker of its own any more, too, an answer ends the wait, not the time.
#[test]
fn in_a_thread_local_s_destructor_an_answer_ends_the_wait() {
    struct Last(mpsc::Sender<bool>);

    impl Drop for Last {
        fn drop(&mut self) {
            let lookup = || "localhost:80".to_socket_addrs().is_ok();
            self.0.send(timeout(NEVER, lookup).is_ok_and(|found| found)).unwrap();
            self.0.send(io_deadline(Instant::now() + NEVER, lookup)).unwrap();
        }
    }

    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }

    let (tell, told) = mpsc::channel();
    bounded(|| {
        // Used before the thread has a parker, so that it is dropped after that.
        LAST.with(|last| *last.borrow_mut() = Some(Last(tell)));
        assert!(timeout(SOON, task::park).is_err());
    });
    assert_eq!(told.into_iter().collect::<Vec<_>>(), [true, true]);
}

#[test]
fn a_runtime_ends_though_a_name_is_not_answered() {
    let name = Name::new(Answer::Silence);
    let runtime = with_workers(1);
    let address = name.address();
    let lookup = runtime.spawn(move || address.to_socket_addrs().map(|_| ()));
    assert!(runtime.run(move || lookup.join_timeout(SOON)).is_err());
    assert!(runtime.shutdown(HANG).is_ok());
}

/// The resolver's errors, with the system's where it names one.
const ERRORS: [(c_int, c_int); 6] = [
    (libc::EAI_NONAME, 0),
    (libc::EAI_AGAIN, 0),
    (libc::EAI_FAIL, 0),
    (libc::EAI_MEMORY, 0),
    (libc::EAI_SYSTEM, libc::EMFILE),
    (libc::EAI_SYSTEM, libc::EIO),
];

#[test]
fn each_operation_passes_on_what_std_says_of_a_name() {
    fn seen<T>(result: io::Result<T>) -> (ErrorKind, Option<i32>, String) {
        let error = result.err().expect("an error");
        (error.kind(), error.raw_os_error(), error.to_string())
    }
    both(|| {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        for (code, errno) in ERRORS {
            let name = Name::new(Answer::Error(code, errno));
            let addr = || name.address();
            let of_std = seen(std::net::ToSocketAddrs::to_socket_addrs(&addr()));
            println!("{of_std:?}");
            assert_eq!(seen(ToSocketAddrs::to_socket_addrs(&addr())), of_std);
            assert_eq!(seen(TcpStream::connect(addr())), of_std);
            assert_eq!(seen(TcpStream::connect_within(addr(), NEVER)), of_std);
            assert_eq!(seen(TcpListener::bind(addr())), of_std);
            assert_eq!(seen(TcpListener::builder().bind(addr())), of_std);
            assert_eq!(seen(UdpSocket::bind(addr())), of_std);
            assert_eq!(seen(socket.connect(addr())), of_std);
            assert_eq!(seen(socket.send_to(b"x", addr())), of_std);
        }
        Ok(())
    });
}
