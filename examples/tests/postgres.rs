//! The client of PostgreSQL against PostgreSQL itself, where that is installed.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A database of its own, in a folder that goes with it.
struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    user: u32,
    /// `None`: it was not started yet.
    server: Option<Child>,
}

/// Where PostgreSQL's programs are: Debian's packages do not put them into the path.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.extend(versions.map(|version| version.path().join("bin")));
    folders.into_iter().find(|folder| {
        ["initdb", "postgres", "pg_ctl"].iter().all(|program| folder.join(program).exists())
    })
}

impl Postgres {
    /// `None`: it is not installed.
    fn start() -> Option<Postgres> {
        let programs = programs()?;
        // The path of a socket has to be short.
        let folder = Path::new("/tmp").join(format!("gocoro-postgres.{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        // It refuses to run as root; `nobody` has a number everywhere.
        let mine = fs::metadata(&folder).unwrap().uid();
        let user = if mine == 0 { 65_534 } else { mine };
        chown(&folder, Some(user), None).unwrap();
        let mut postgres = Postgres { folder, programs, user, server: None };

        let options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        let made = postgres.program("initdb").args(options).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let log = postgres.folder.join("log");
        let mut server = postgres
            .program("postgres")
            .arg("-k")
            .arg(&postgres.folder)
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(server.stderr.take().unwrap());
        postgres.server = Some(server);
        while !said.contains("ready to accept connections") {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "it has ended: {said}");
        }
        // What it says from here on must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut File::create(log).unwrap()));
        Some(postgres)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.arg("-D").arg(self.folder.join("data")).current_dir(&self.folder);
        if self.user == 65_534 {
            command.uid(self.user).gid(self.user);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let stopped = self.program("pg_ctl").args(["stop", "-m", "fast", "-s"]).status();
            let _ = server.kill(); // it is gone, unless that has failed
            let _ = server.wait();
            if !std::thread::panicking() {
                assert!(stopped.is_ok_and(|status| status.success()), "it did not stop");
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn statements_are_answered_by_the_real_one() {
    let Some(postgres) = Postgres::start() else {
        return println!("skipped: no PostgreSQL here");
    };
    for workers in ["1", "4"] {
        let mut client = Command::new(env!("CARGO_BIN_EXE_postgres"));
        let url = format!("user=postgres host={}", postgres.folder.display());
        let ended = client.arg(url).env("GOCORO_WORKERS", workers).output().unwrap();
        let complained = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{workers} workers: {complained}");
    }
}
