//! Programs that keep files in order.

use crate::process::{LIMIT, Process};
use crate::{Folder, Place, same};
use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

/// A time of change that every file has, so that it is seen to be kept.
const LONG_AGO: Duration = Duration::from_secs(1_000_000_000);

fn plant(folder: &Folder, name: &str, content: impl AsRef<[u8]>) {
    folder.write(name, content);
    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + LONG_AGO);
    File::open(folder.0.join(name)).unwrap().set_times(times).unwrap();
}

fn plant_tree(folder: &Folder) {
    for i in 0..200 {
        plant(folder, &format!("from/{}/{}/file {i}", i % 3, i % 7), format!("{i}\n").repeat(i));
    }
    plant(folder, "from/big", vec![b'x'; 3_000_000]);
    plant(folder, "from/tool", "#!/bin/sh\n");
    fs::set_permissions(folder.0.join("from/tool"), Permissions::from_mode(0o750)).unwrap();
    fs::create_dir(folder.0.join("from/empty")).unwrap();
    symlink("../tool", folder.0.join("from/0/link")).unwrap();
    symlink("nowhere", folder.0.join("from/dangling")).unwrap();
}

/// Everything below a folder: its path, its permissions, and what is in it or where it leads.
fn listing(folder: &Path) -> Vec<(String, u32, String, Option<SystemTime>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, metadata) = (entry.path(), entry.metadata().unwrap());
        let name = entry.file_name().into_string().unwrap();
        if metadata.is_dir() {
            let below = listing(&path).into_iter();
            found.extend(below.map(|(below, m, c, t)| (format!("{name}/{below}"), m, c, t)));
            found.push((name, metadata.permissions().mode(), String::new(), None));
        } else if metadata.is_symlink() {
            found.push((name, 0, fs::read_link(path).unwrap().display().to_string(), None));
        } else {
            let (content, mode) =
                (fs::read_to_string(&path).unwrap(), metadata.permissions().mode());
            found.push((name, mode, content, metadata.modified().ok()));
        }
    }
    found.sort();
    found
}

#[test]
fn mirror_copies_all_and_then_what_has_changed() {
    let said = same(|place| {
        let folder = &place.folder;
        plant_tree(folder);
        let only_told = place.run("mirror", &["-n", "from", "to"], "");
        assert!(!folder.0.join("to").exists());
        let first = place.run("mirror", &["from", "to"], "");
        assert!(listing(&folder.0.join("from")) == listing(&folder.0.join("to")));
        let second = place.run("mirror", &["-d", "from", "to"], "");

        folder.write("from/1/new", "new");
        folder.write("from/big", "small");
        fs::remove_file(folder.0.join("from/0/link")).unwrap();
        symlink("../big", folder.0.join("from/0/link")).unwrap();
        fs::remove_file(folder.0.join("from/dangling")).unwrap();
        folder.write("from/dangling/is now", "a folder");
        fs::remove_dir(folder.0.join("from/empty")).unwrap();
        fs::remove_dir_all(folder.0.join("from/2")).unwrap();
        let third = place.run("mirror", &["-d", "from", "to"], "");
        assert!(listing(&folder.0.join("from")) == listing(&folder.0.join("to")));
        [only_told, first, second, third]
    });
    assert_eq!(said.each_ref().map(|ended| ended.code), [Some(0); 4]);
    assert_eq!(said[0], said[1]);
    let folders = 1 + 3 + 3 * 7 + 1;
    assert_eq!(said[1].stdout().lines().count(), folders + 202 + 2);
    assert_eq!(said[2].stdout(), "");
    let expected = "remove to/2\nremove to/empty\nremove to/0/link\nlink to/0/link to ../big\n\
                    copy to/1/new\ncopy to/big\nremove to/dangling\nfolder to/dangling\n\
                    copy to/dangling/is now\n";
    assert_eq!(said[3].stdout(), expected);
}

#[test]
fn mirror_goes_on_after_what_it_cannot_copy() {
    let ended = same(|place| {
        plant(&place.folder, "from/a", "a");
        plant(&place.folder, "from/z", "z");
        let _socket = UnixListener::bind(place.folder.0.join("from/socket")).unwrap();
        let ended = place.run("mirror", &["from", "to"], "");
        assert!(place.folder.read("to/a") == b"a" && place.folder.read("to/z") == b"z");
        let missing = place.run("mirror", &["missing", "to"], "");
        let nowhere = place.run("mirror", &["from", "missing/to"], "");
        [ended, missing, nowhere, place.run("mirror", &["from"], "")]
    });
    let [ended, missing, nowhere, usage] = &ended;
    assert_eq!(ended.stderr(), "mirror: from/socket: no file, folder or link\n");
    assert!(missing.stderr().contains("missing: No such file"), "{missing:?}");
    assert_eq!(nowhere.stderr().lines().count(), 4, "{nowhere:?}");
    assert_eq!([ended, missing, nowhere, usage].map(|e| e.code.unwrap()), [1, 1, 1, 2]);
}

/// A client of `store`.
struct Client(BufReader<UnixStream>);

impl Client {
    fn connect(place: &Place) -> Self {
        let stream = UnixStream::connect(place.folder.0.join("socket")).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Self(BufReader::new(stream))
    }

    fn hears(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer");
        assert!(line.ends_with('\n'), "the store is gone: {line}");
        line.trim_end().to_owned()
    }

    fn ask(&mut self, request: &str) -> String {
        self.0.get_mut().write_all(format!("{request}\n").as_bytes()).unwrap();
        self.hears()
    }
}

fn open_store(place: &Place, keys: usize) -> Process {
    let mut store = place.start("store", &["socket", "log"]);
    assert_eq!(store.line(), format!("{keys} keys, listening"));
    store
}

#[test]
fn store_keeps_what_it_is_told() {
    let said = same(|place| {
        let store = open_store(place, 0);
        let mut client = Client::connect(place);
        let requests = [
            "get a",
            "set a 1",
            "set a 2 and 3",
            "get a",
            "set b x",
            "delete b",
            "delete b",
            "set c ß",
            "save",
            "nonsense",
            "set a",
            "",
        ];
        let answers = requests.map(|request| client.ask(request));
        let first = store.end();
        assert!(!place.folder.0.join("socket").exists());

        let store = open_store(place, 2);
        let mut client = Client::connect(place);
        let keys = [client.ask("keys"), client.hears(), client.hears()];
        let value = client.ask("get a");
        (answers, first, keys, value, store.end())
    });
    let (answers, first, keys, value, second) = said;
    let expected = [
        "", "new", "replaced", "2 and 3", "new", "deleted", "none", "new", "saved", "what?",
        "what?", "what?",
    ];
    assert_eq!(answers, expected);
    assert_eq!((first.code, first.stdout(), first.stderr()), (Some(0), "12 answers\n", ""));
    assert_eq!((keys, &*value), (["a", "c", ""].map(str::to_owned), "2 and 3"));
    assert_eq!(second.stdout(), "2 answers\n");
}

#[test]
fn store_serves_many_at_a_time() {
    same(|place| {
        let store = open_store(place, 0);
        thread::scope(|s| {
            for i in 0..30 {
                let mut client = Client::connect(place);
                s.spawn(move || {
                    for j in 0..30 {
                        assert_eq!(client.ask(&format!("set {i}.{j} {}", i * j)), "new");
                        assert_eq!(client.ask(&format!("get {i}.{j}")), (i * j).to_string());
                    }
                    // Many requests at once, and many answers.
                    client.0.get_mut().write_all("get 0.0\n".repeat(5000).as_bytes()).unwrap();
                    (0..5000).for_each(|_| drop(client.hears()));
                    assert_eq!(client.ask("save"), "saved");
                });
            }
        });
        let ended = store.end();
        assert_eq!(place.folder.read("log").iter().filter(|&&byte| byte == b'\n').count(), 900);
        ended
    });
}

#[test]
fn store_drops_what_was_written_in_part_and_refuses_what_is_no_log() {
    let refused = same(|place| {
        place.folder.write("log", "set a 1\nset b 2\ndelete a\nset c 3");
        let store = open_store(place, 1);
        assert_eq!(Client::connect(place).ask("set d 4"), "new");
        // The log belongs to one store at a time.
        let second = place.run("store", &["other", "log"], "");
        drop(store); // killed
        assert_eq!(place.folder.read("log"), b"set a 1\nset b 2\ndelete a\nset d 4\n");
        open_store(place, 2).end();

        let log = OpenOptions::new().append(true).open(place.folder.0.join("log"));
        log.unwrap().write_all(b"Dear diary\n").unwrap();
        let third = place.run("store", &["socket", "log"], "");
        place.folder.write("file", "");
        [second, third, place.run("store", &["socket", "file/log"], "")]
    });
    let complaints = [
        "store: log: another store has this log\n",
        "store: log: no log of a store: 'Dear diary'\n",
        "store: file/log: Not a directory (os error 20)\n",
    ];
    assert_eq!(refused.each_ref().map(|ended| ended.stderr()), complaints);
}
