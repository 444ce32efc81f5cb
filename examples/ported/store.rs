// store: keeps values under keys, for everybody who can reach its socket.
//
//     store SOCKET LOG
//
// Clients send lines: `get KEY`, `set KEY VALUE`, `delete KEY`, `keys` and `save`. Each is answered
// by a line, or by one for each key and an empty one. Changes are appended to the log, from which
// the store begins the next time; `save` answers when they are on the disk. It ends when standard
// input does. Two stores never share a log.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, RwLock};
use std::thread;

/// The one store of this process, which its threads share.
static STORE: OnceLock<Store> = OnceLock::new();
static ANSWERED: AtomicU64 = AtomicU64::new(0);

struct Store {
    values: RwLock<BTreeMap<String, String>>,
    log: Mutex<File>,
}

impl Store {
    /// Opens a log, and takes over what it says. A last line that is not whole was being written
    /// when a store was ended, and is dropped.
    fn open(path: &str) -> Result<Self, Box<dyn Error>> {
        let log = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        match log.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err("another store has this log".into()),
            Err(TryLockError::Error(e)) => return Err(e.into()),
        }
        let mut values = BTreeMap::new();
        let mut whole_bytes = 0;
        let mut input = BufReader::new(&log);
        let mut line = String::new();
        while input.read_line(&mut line)? > 0 && line.ends_with('\n') {
            whole_bytes += line.len() as u64;
            match line.trim_end_matches('\n').splitn(3, ' ').collect::<Vec<_>>()[..] {
                ["set", key, value] => drop(values.insert(key.to_owned(), value.to_owned())),
                ["delete", key] => drop(values.remove(key)),
                _ => return Err(format!("no log of a store: '{}'", line.trim_end()).into()),
            }
            line.clear();
        }
        log.set_len(whole_bytes)?;
        (&log).seek(SeekFrom::End(0))?;
        Ok(Self { values: RwLock::new(values), log: Mutex::new(log) })
    }

    /// Changes a value, the log first. Returns whether the key was there.
    fn change(&self, key: &str, value: Option<&str>) -> io::Result<bool> {
        let line = match value {
            Some(value) => format!("set {key} {value}\n"),
            None => format!("delete {key}\n"),
        };
        // Held all the time, so that the log has the order in which values change.
        let mut log = self.log.lock().unwrap();
        log.write_all(line.as_bytes())?;
        let mut values = self.values.write().unwrap();
        let old = match value {
            Some(value) => values.insert(key.to_owned(), value.to_owned()),
            None => values.remove(key),
        };
        Ok(old.is_some())
    }

    fn answer(&self, request: &str, output: &mut impl Write) -> io::Result<()> {
        ANSWERED.fetch_add(1, Ordering::Relaxed);
        match request.splitn(3, ' ').collect::<Vec<_>>()[..] {
            ["get", key] => match self.values.read().unwrap().get(key) {
                Some(value) => writeln!(output, "{value}"),
                None => writeln!(output),
            },
            ["set", key, value] => {
                let replaced = self.change(key, Some(value))?;
                writeln!(output, "{}", if replaced { "replaced" } else { "new" })
            }
            ["delete", key] => {
                let deleted = self.change(key, None)?;
                writeln!(output, "{}", if deleted { "deleted" } else { "none" })
            }
            ["keys"] => {
                let keys: Vec<_> = self.values.read().unwrap().keys().cloned().collect();
                keys.iter().try_for_each(|key| writeln!(output, "{key}"))?;
                writeln!(output)
            }
            ["save"] => {
                self.log.lock().unwrap().sync_data()?;
                writeln!(output, "saved")
            }
            _ => writeln!(output, "what?"),
        }
    }

    fn serve(&self, stream: UnixStream) -> io::Result<()> {
        let mut output = BufWriter::new(&stream);
        let mut input = BufReader::new(&stream);
        let mut line = String::new();
        while input.read_line(&mut line)? > 0 {
            self.answer(line.trim_end_matches(['\r', '\n']), &mut output)?;
            line.clear();
            if input.buffer().is_empty() {
                output.flush()?; // the client may wait for it before it asks again
            }
        }
        output.flush()
    }
}

fn run(socket: &str, log: &str) -> Result<(), Box<dyn Error>> {
    let opened = Store::open(log).map_err(|e| format!("{log}: {e}"))?;
    let store = STORE.get_or_init(|| opened);
    if Path::new(socket).exists() {
        fs::remove_file(socket)?; // nobody listens there: the log was free
    }
    let listener = UnixListener::bind(socket).map_err(|e| format!("{socket}: {e}"))?;
    println!("{} keys, listening", store.values.read().unwrap().len());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                if let Err(e) = store.serve(stream) {
                    eprintln!("store: a client: {e}");
                }
            });
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    store.log.lock().unwrap().sync_all()?;
    fs::remove_file(socket)?;
    println!("{} answers", ANSWERED.load(Ordering::Relaxed));
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let [socket, log] = &args[..] else {
        eprintln!("usage: store SOCKET LOG");
        return ExitCode::from(2);
    };
    match run(socket, log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("store: {e}");
            ExitCode::FAILURE
        }
    }
}
