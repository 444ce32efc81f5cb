//! Every example passes its own test, unoptimised too, on one worker and on several.

use std::fs;
use std::path::Path;
use std::process::Command;

fn pass(workers: &str) {
    let folder = Path::new(env!("CARGO_BIN_EXE_hello")).parent().expect("it is in a folder");
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin");
    let mut count = 0;
    for source in fs::read_dir(sources).unwrap() {
        let name = source.unwrap().path().file_stem().unwrap().to_owned();
        if name == "inspect" && cfg!(not(feature = "inspect")) {
            continue;
        }
        let mut example = Command::new(folder.join(&name));
        let ended = example.arg("--self-test").env("GOCORO_WORKERS", workers).output().unwrap();
        let (said, complained) =
            (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success(), "{name:?}: {}\n{said}{complained}", ended.status);
        count += 1;
    }
    assert!(count > 10, "{count} examples were found in {sources}");
}

#[test]
fn on_one_worker() {
    pass("1");
}

#[test]
fn on_four_workers() {
    pass("4");
}
