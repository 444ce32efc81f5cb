//! What programs of std rely on and no signature shows: coercions, variance, what may be dropped
//! after what it borrows, what users may implement.

/// Compiles where it is called, with `std` as whatever there is of that name.
macro_rules! shapes {
    () => {
        const _: () = {
            use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, Once, OnceLock, RwLock};
            use std::sync::{RwLockReadGuard, RwLockWriteGuard, mpsc};

            // Locks in statics, and around what has no size of its own.
            static LOCK: Mutex<Vec<u32>> = Mutex::new(Vec::new());
            static SHARED: RwLock<Option<String>> = RwLock::new(None);
            static CHANGED: Condvar = Condvar::new();
            static ONCE: Once = Once::new();
            static CELL: OnceLock<String> = OnceLock::new();
            static LAZY: LazyLock<String> = LazyLock::new(|| "lazy".to_owned());

            fn unsized_locks() -> (Arc<Mutex<dyn Fn()>>, Arc<RwLock<[u8]>>, Box<Mutex<dyn Send>>) {
                let numbers: Arc<RwLock<[u8; 4]>> = Arc::new(RwLock::new([0; 4]));
                (Arc::new(Mutex::new(|| ())), numbers, Box::new(Mutex::new(1)))
            }

            // A longer borrow serves for a shorter one.
            fn shorter<'a, T>(guard: MutexGuard<'static, T>) -> MutexGuard<'a, T> {
                guard
            }
            fn shorter_read<'a>(
                guard: RwLockReadGuard<'static, &'static str>,
            ) -> RwLockReadGuard<'a, &'a str> {
                guard
            }
            fn shorter_write<'a, T>(guard: RwLockWriteGuard<'static, T>) -> RwLockWriteGuard<'a, T> {
                guard
            }
            fn shorter_iter<'a, T>(iter: mpsc::Iter<'static, T>) -> mpsc::Iter<'a, T> {
                iter
            }
            fn shorter_incoming<'a>(iter: std::net::Incoming<'static>) -> std::net::Incoming<'a> {
                iter
            }

            // A guard in a condition's temporary, and one that is handed over field by field.
            fn guards(pair: &(Mutex<(String, String)>, Condvar)) -> usize {
                if let Ok(guard) = pair.0.try_lock() {
                    return guard.0.len();
                }
                let mut guard = pair.0.lock().unwrap();
                while guard.0.is_empty() {
                    guard = pair.1.wait(guard).unwrap();
                }
                let (one, other) = &mut *guard;
                std::mem::swap(one, other);
                guard.1.len()
            }

            // What a cell borrows may be gone before the cell is.
            fn dangling() {
                let (lock, cell);
                let text = String::new();
                lock = Mutex::new(None);
                *lock.lock().unwrap() = Some(&text);
                cell = OnceLock::new();
                let _ = cell.set(&text);
            }

            // Threads that borrow, from each other's handles too.
            fn threads(words: &mut Vec<String>) -> usize {
                let count = std::thread::scope(|s| {
                    let first = s.spawn(|| words.len());
                    let second = s.spawn(|| s.spawn(|| words.len()).join().unwrap());
                    first.join().unwrap() + second.join().unwrap()
                });
                words.push(count.to_string());
                count
            }

            // Traits that users implement.
            struct Peer;
            impl std::net::ToSocketAddrs for Peer {
                type Iter = std::option::IntoIter<std::net::SocketAddr>;
                fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
                    Ok(None.into_iter())
                }
            }
            fn peer() -> std::io::Result<std::net::TcpStream> {
                std::net::TcpStream::connect(&Peer).or_else(|_| std::net::TcpStream::connect(Peer))
            }

            // What one kind of stream can be instead of another.
            fn streams(socket: std::net::TcpStream) -> Vec<Box<dyn std::io::Read + Send>> {
                vec![Box::new(socket), Box::new(std::io::stdin()), Box::new(std::io::empty())]
            }
        };
    };
}
