//! The examples of coroutines from outside: what they print.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn printed(command: &mut Command) -> String {
    let ended = command.output().expect("the example was built");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
fn greenlets_print_what_the_originals_are_documented_to_print() {
    let printed = printed(&mut Command::new(env!("CARGO_BIN_EXE_greenlets")));
    let documented = "\
entering greenlet 1
in func1 (greenlet 1)
re-entering greenlet 1
exiting func1 (greenlet 1)
exiting program
12
56
34
    <<< hello
(Processing command: hello)
    <<< quit
Are you sure?
    <<< y
(Exiting loop.)
";
    assert_eq!(printed, documented);
}

#[test]
fn a_tree_walk_finds_what_is_there() {
    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            found.insert(entry.path().display().to_string());
            if entry.file_type().unwrap().is_dir() {
                collect(&entry.path(), found);
            }
        }
    }
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let printed = printed(Command::new(env!("CARGO_BIN_EXE_tree_walk")).arg(root));
    let mut expected = BTreeSet::new();
    collect(Path::new(root), &mut expected);
    assert_eq!(printed.lines().map(String::from).collect::<BTreeSet<_>>(), expected);
    assert_eq!(printed.lines().count(), expected.len(), "each once");
}

#[test]
fn a_parser_answers_before_the_text_ends() {
    use std::io::{BufRead, BufReader};

    let mut parser = Command::new(env!("CARGO_BIN_EXE_parser"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, stdout) = (parser.stdin.take().unwrap(), parser.stdout.take().unwrap());
    let mut lines = BufReader::new(stdout).lines().map(Result::unwrap);
    // What ends in the middle of a token waits there, while what is before it is answered.
    stdin.write_all(b"[1, 2]  {\"a\\u00").unwrap();
    assert_eq!(lines.next().as_deref(), Some("[1,2]"));
    stdin.write_all(b"e9\": tr").unwrap();
    stdin.write_all(b"ue}\n 7").unwrap();
    assert_eq!(lines.next().as_deref(), Some("{\"aé\":true}"));
    stdin.write_all(b"8 ]").unwrap();
    assert_eq!(lines.next().as_deref(), Some("78"));
    assert_eq!(lines.next(), None);
    drop(stdin);
    let ended = parser.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let complaint = "line 2, column 5: expected a value, found `]`\n";
    assert_eq!(String::from_utf8_lossy(&ended.stderr), complaint);
}
