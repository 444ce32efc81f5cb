//! Reads of files. What is read is in the system's page cache, so it is the way there that is
//! measured: none, a call that never waits, or a thread's.

use std::{
    env,
    fs::{self, File},
    io::{Read, Seek},
    os::unix::fs::FileExt,
    path::PathBuf,
    process,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    row::{Context, Figure, Outcome, Row, Run, cost, share, timed},
    system::{
        System::{self, Gocoro, Smol, Threads, TokioCt, TokioMt},
        on_smol, on_tokio,
    },
};

const FIGURES: &[Figure] = &[cost("", "ns/read")];

const CACHED: &[(System, Run)] = &[
    (Gocoro, cached_gocoro),
    (TokioCt, cached_tokio),
    (TokioMt, cached_tokio),
    (Smol, cached_smol),
    (Threads, cached_threads),
];

const POOL: &[(System, Run)] = &[
    (Gocoro, pool_gocoro),
    (TokioCt, pool_tokio),
    (TokioMt, pool_tokio),
    (Smol, pool_smol),
    (Threads, pool_threads),
];

const MANY: &[(System, Run)] = &[
    (Gocoro, many_gocoro),
    (TokioCt, many_tokio),
    (TokioMt, many_tokio),
    (Smol, many_smol),
    (Threads, many_threads),
];

/// A row's `size` is that of its reads, or the number of its tasks and files.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "file, 4 KiB from memory",
        figures: FIGURES,
        size: 4 << 10,
        quick: 4 << 10,
        on: CACHED,
        ..Row::DEFAULT
    },
    Row { name: "file, from the pool", figures: FIGURES, on: POOL, ..Row::DEFAULT },
    Row {
        name: "1 000 tasks read 1 000 files",
        figures: &[cost("", "ns/file")],
        size: 1_000,
        quick: 100,
        on: MANY,
        ..Row::DEFAULT
    },
];

/// How much the file has that is read from its beginning to its end, again and again.
const FILE_BYTES: usize = 4 << 20;

/// How much each of many files has.
const SMALL_BYTES: usize = 4 << 10;

/// What Linux cannot read without a wait, and makes up at once.
const MADE_UP: &str = "/proc/version";

/// A directory for a measurement's files, which goes with them.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = env::temp_dir().join(format!("gocoro-benches-{}", process::id()));
        fs::create_dir(&path).expect("a directory for files");
        Folder(path)
    }

    fn file(&self, name: &str, size: usize) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, vec![b'x'; size]).expect("write a file");
        path
    }

    fn files(&self, count: usize) -> Vec<PathBuf> {
        (0..count).map(|n| self.file(&n.to_string(), SMALL_BYTES)).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Reads so often, on every system whose files are `Read`.
fn read(mut file: impl Read + Seek, size: usize, reads: u64) {
    let mut buffer = vec![0; size];
    for _ in 0..reads {
        if file.read(&mut buffer).expect("read the file") == 0 {
            file.rewind().expect("go back");
        }
    }
}

fn cached_gocoro(ctx: &Context) -> Outcome {
    let (runtime, folder, size) = (ctx.gocoro(), Folder::new(), ctx.size);
    let path = folder.file("file", FILE_BYTES);
    let nanos = ctx.per_op(|reads| {
        let path = path.clone();
        runtime.run(move || {
            let file = gocoro::fs::File::open(path).expect("open the file");
            timed(|| read(&file, size, reads))
        })
    });
    Ok(vec![nanos])
}

fn cached_tokio(ctx: &Context) -> Outcome {
    use tokio::io::{AsyncReadExt, AsyncSeekExt};
    let (runtime, folder, size) = (ctx.tokio(), Folder::new(), ctx.size);
    let path = folder.file("file", FILE_BYTES);
    let nanos = ctx.per_op(|reads| {
        let path = path.clone();
        on_tokio(&runtime, async move {
            let mut file = tokio::fs::File::open(path).await.expect("open the file");
            let mut buffer = vec![0; size];
            let start = Instant::now();
            for _ in 0..reads {
                if file.read(&mut buffer).await.expect("read the file") == 0 {
                    file.rewind().await.expect("go back");
                }
            }
            start.elapsed()
        })
    });
    Ok(vec![nanos])
}

fn cached_smol(ctx: &Context) -> Outcome {
    use smol::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
    let (executor, folder, size) = (ctx.smol(), Folder::new(), ctx.size);
    let path = folder.file("file", FILE_BYTES);
    let nanos = ctx.per_op(|reads| {
        let path = path.clone();
        on_smol(executor, async move {
            let mut file = smol::fs::File::open(path).await.expect("open the file");
            let mut buffer = vec![0; size];
            let start = Instant::now();
            for _ in 0..reads {
                if file.read(&mut buffer).await.expect("read the file") == 0 {
                    file.seek(SeekFrom::Start(0)).await.expect("go back");
                }
            }
            start.elapsed()
        })
    });
    Ok(vec![nanos])
}

fn cached_threads(ctx: &Context) -> Outcome {
    let (folder, size) = (Folder::new(), ctx.size);
    let path = folder.file("file", FILE_BYTES);
    let nanos = ctx.per_op(|reads| {
        let file = File::open(&path).expect("open the file");
        timed(|| read(&file, size, reads))
    });
    Ok(vec![nanos])
}

fn pool_gocoro(ctx: &Context) -> Outcome {
    let runtime = ctx.gocoro();
    let nanos = ctx.per_op(|reads| {
        runtime.run(move || {
            let file = gocoro::fs::File::open(MADE_UP).expect("open the file");
            let mut buffer = [0; 512];
            timed(|| {
                for _ in 0..reads {
                    file.read_at(&mut buffer, 0).expect("read the file");
                }
            })
        })
    });
    Ok(vec![nanos])
}

/// A file that several threads read by turns, with the buffer that goes along.
type Lent = (Arc<File>, Vec<u8>);

fn lent() -> Lent {
    (Arc::new(File::open(MADE_UP).expect("open the file")), vec![0; 512])
}

fn read_lent((file, mut buffer): Lent) -> Lent {
    file.read_at(&mut buffer, 0).expect("read the file");
    (file, buffer)
}

fn pool_tokio(ctx: &Context) -> Outcome {
    let runtime = ctx.tokio();
    let nanos = ctx.per_op(|reads| {
        on_tokio(&runtime, async move {
            let mut lent = lent();
            let start = Instant::now();
            for _ in 0..reads {
                let reading = tokio::task::spawn_blocking(move || read_lent(lent));
                lent = reading.await.expect("a thread");
            }
            start.elapsed()
        })
    });
    Ok(vec![nanos])
}

fn pool_smol(ctx: &Context) -> Outcome {
    let executor = ctx.smol();
    let nanos = ctx.per_op(|reads| {
        on_smol(executor, async move {
            let mut lent = lent();
            let start = Instant::now();
            for _ in 0..reads {
                lent = smol::unblock(move || read_lent(lent)).await;
            }
            start.elapsed()
        })
    });
    Ok(vec![nanos])
}

fn pool_threads(ctx: &Context) -> Outcome {
    let nanos = ctx.per_op(|reads| {
        let (file, mut buffer) = lent();
        timed(|| {
            for _ in 0..reads {
                file.read_at(&mut buffer, 0).expect("read the file");
            }
        })
    });
    Ok(vec![nanos])
}

/// Nanoseconds for a file: `all` has each task read its file so often, and says how long it took.
fn per_file(ctx: &Context, mut all: impl FnMut(u64) -> Duration) -> Outcome {
    let tasks = ctx.size as u64;
    let nanos = ctx.per_op(|reads| {
        let each = share(reads, tasks);
        all(each).mul_f64(reads as f64 / (each * tasks) as f64)
    });
    Ok(vec![nanos])
}

fn read_whole(path: &PathBuf) {
    let mut bytes = Vec::new();
    let mut file = gocoro::fs::File::open(path).expect("open a file");
    file.read_to_end(&mut bytes).expect("read a file");
    assert_eq!(bytes.len(), SMALL_BYTES);
}

fn many_gocoro(ctx: &Context) -> Outcome {
    let (runtime, folder) = (ctx.gocoro(), Folder::new());
    let paths = folder.files(ctx.size);
    per_file(ctx, |each| {
        let paths = paths.clone();
        runtime.run(move || {
            timed(|| {
                let reading = paths.into_iter().map(|path| {
                    gocoro::go!({
                        for _ in 0..each {
                            read_whole(&path);
                        }
                    })
                });
                let reading: Vec<_> = reading.collect();
                reading.into_iter().for_each(|task| task.wait());
            })
        })
    })
}

fn many_tokio(ctx: &Context) -> Outcome {
    let (runtime, folder) = (ctx.tokio(), Folder::new());
    let paths = folder.files(ctx.size);
    per_file(ctx, |each| {
        let paths = paths.clone();
        on_tokio(&runtime, async move {
            let start = Instant::now();
            let reading = paths.into_iter().map(|path| {
                tokio::spawn(async move {
                    for _ in 0..each {
                        let bytes = tokio::fs::read(&path).await.expect("read a file");
                        assert_eq!(bytes.len(), SMALL_BYTES);
                    }
                })
            });
            for task in reading.collect::<Vec<_>>() {
                task.await.expect("a task");
            }
            start.elapsed()
        })
    })
}

fn many_smol(ctx: &Context) -> Outcome {
    let (executor, folder) = (ctx.smol(), Folder::new());
    let paths = folder.files(ctx.size);
    per_file(ctx, |each| {
        let paths = paths.clone();
        on_smol(executor, async move {
            let start = Instant::now();
            let reading = paths.into_iter().map(|path| {
                executor.spawn(async move {
                    for _ in 0..each {
                        let bytes = smol::fs::read(&path).await.expect("read a file");
                        assert_eq!(bytes.len(), SMALL_BYTES);
                    }
                })
            });
            for task in reading.collect::<Vec<_>>() {
                task.await;
            }
            start.elapsed()
        })
    })
}

fn many_threads(ctx: &Context) -> Outcome {
    let folder = Folder::new();
    let paths = folder.files(ctx.size);
    per_file(ctx, |each| {
        let paths = paths.clone();
        timed(|| {
            let reading = paths.into_iter().map(|path| {
                thread::spawn(move || {
                    for _ in 0..each {
                        let bytes = fs::read(&path).expect("read a file");
                        assert_eq!(bytes.len(), SMALL_BYTES);
                    }
                })
            });
            let reading: Vec<_> = reading.collect();
            reading.into_iter().for_each(|thread| thread.join().expect("a thread"));
        })
    })
}
