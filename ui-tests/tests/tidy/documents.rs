//! Whether the documents say what is so: names, links, programs, the length of one of them.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use super::{Source, each_sequence, ident, quoted, read, report, root, sources};

const ARCHITECTURE_LINES_MAX: usize = 240;

/// What the pages that show the README have room for.
const CODE_WIDTH_MAX: usize = 80;

/// Modules of gocoro that, without `gocoro::` in front, are no module of std's either.
const OWN_MODULES: &[&str] =
    &["blocking", "channel", "coroutine", "future", "net", "runtime", "task"];

/// Paths between backticks, and links, in which a message or a page names an item of gocoro that
/// the facade does not have.
pub(super) fn name_complaints(path: &str, text: &str, facade: &str) -> Vec<String> {
    let code = facade.lines().filter(|line| !line.trim_start().starts_with("//"));
    let words: Vec<_> = code
        .flat_map(|line| line.split(|char: char| !char.is_alphanumeric() && char != '_'))
        .collect();
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let linked = line.split("docs.rs/gocoro/latest/").skip(1);
        for named in quoted(line).chain(linked) {
            let end = named.find(|char: char| !char.is_alphanumeric() && !"_:/.".contains(char));
            let named = named[..end.unwrap_or(named.len())].trim_end_matches(".html");
            let mut parts = named.split(['/', '.', ':']).filter(|part| !part.is_empty()).peekable();
            let is_ours = parts.next_if_eq(&"gocoro").is_some();
            let is_ours = is_ours || parts.peek().is_some_and(|part| OWN_MODULES.contains(part));
            let kinds = ["enum", "fn", "index", "macro", "struct", "trait"];
            // What follows a type is its method.
            let items = parts.filter(|part| !kinds.contains(part)).take(2);
            let unknown = |part: &str| !words.contains(&part);
            if is_ours && named.contains([':', '/']) && items.into_iter().any(unknown) {
                complaints.push(format!("{path}:{number}: there is no `{named}`"));
            }
        }
    }
    complaints
}

/// The lines of the first fenced Rust block.
pub(super) fn first_block(text: &str) -> Option<Vec<&str>> {
    let opens =
        |line: &&str| line.strip_prefix("```").is_some_and(|info| !info.starts_with("text"));
    let mut lines = text.lines().skip_while(|line| !opens(line));
    lines.next()?;
    Some(lines.take_while(|line| !line.starts_with("```")).collect())
}

/// Lines of code in README.md that have to be scrolled to be read.
pub(super) fn width_complaints(readme: &str) -> Vec<String> {
    let mut inside = false;
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(readme.lines()) {
        inside ^= line.starts_with("```");
        if inside && line.chars().count() > CODE_WIDTH_MAX {
            complaints.push(format!("README.md:{number}: more than {CODE_WIDTH_MAX} columns"));
        }
    }
    complaints
}

pub(super) fn readme_complaints(readme: &str, facade: &str) -> Vec<String> {
    let docs: Vec<_> = facade.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    let docs: Vec<_> = docs.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let docs = docs.join("\n");
    let Some(example) = first_block(&docs) else {
        return Vec::new();
    };
    let shown: Vec<_> =
        example.into_iter().filter(|line| *line != "#" && !line.starts_with("# ")).collect();
    if first_block(readme) == Some(shown) {
        return Vec::new();
    }
    vec!["README.md: its program is not the first example of gocoro/src/lib.rs".to_owned()]
}

/// Examples that neither a pattern nor their name makes `.ci/run` run.
pub(super) fn example_complaints(names: &[String], ci: &str) -> Vec<String> {
    if ci.contains("in examples/src/bin/*;") {
        return Vec::new();
    }
    let missing = names.iter().filter(|name| !ci.contains(name.as_str()));
    missing.map(|name| format!(".ci/run: does not run the example `{name}`")).collect()
}

/// Types and files that ARCHITECTURE.md names and that are not there; and whether it is too long.
///
/// A type is a word in backticks that is written as types are, and occurs in the libraries' code. A
/// file is one with a slash or an extension in it; it is there below the repository's root or the
/// runtime's, with or without its `.rs`.
pub(super) fn architecture_complaints(
    text: &str,
    words: &HashSet<String>,
    exists: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for named in quoted(line).filter(|named| !named.contains(' ')) {
            let is_file =
                named.contains('/') || [".rs", ".md"].iter().any(|end| named.ends_with(end));
            let is_type = |word: &&str| {
                word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase)
            };
            let unknown = |word: &&str| is_type(word) && !words.contains(*word);
            let mut parts = named.split(|char: char| !char.is_alphanumeric() && char != '_');
            if is_file && !exists(named) || !is_file && parts.any(|word| unknown(&word)) {
                complaints.push(format!("ARCHITECTURE.md:{number}: there is no `{named}`"));
            }
        }
    }
    let count = text.lines().count();
    if count > ARCHITECTURE_LINES_MAX {
        complaints.push(format!("ARCHITECTURE.md: {count} lines; it is to be read at a sitting"));
    }
    complaints
}

/// Addresses of the project's own on the network, of which there are none yet, and links in a
/// Markdown text to files that are not there.
pub(super) fn link_complaints(
    path: &str,
    text: &str,
    exists: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for address in line.split("://").skip(1) {
            let address = address.split([' ', ')', '>', '"', '`']).next().unwrap_or("");
            if address.contains("gocoro") {
                complaints.push(format!("{path}:{number}: {address} does not exist"));
            }
        }
        let links = line.split("](").skip(1).filter(|_| path.ends_with(".md"));
        for target in links.filter_map(|rest| rest.split([')', '#']).next()) {
            if !target.is_empty() && !target.contains("://") && !exists(target) {
                complaints.push(format!("{path}:{number}: there is no {target}"));
            }
        }
    }
    complaints
}

#[test]
fn links_lead_to_what_exists() {
    let mut complaints = Vec::new();
    for source in sources() {
        complaints.extend(link_complaints(&source.path, &source.text, &|_| true));
    }
    for folder in ["", "gocoro", "gocoro-macros", "runtime", "examples", "benches", "ui-tests"] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder of the repository") {
            let path = entry.expect("readable").path();
            if path.extension().is_some_and(|extension| extension == "md" || extension == "toml") {
                let short = path.strip_prefix(root()).expect("it was found there");
                let exists = |target: &str| root().join(folder).join(target).exists();
                let short = short.to_string_lossy();
                complaints.extend(link_complaints(&short, &read(&short), &exists));
            }
        }
    }
    report(complaints);
}

#[test]
fn messages_and_pages_name_what_exists() {
    let facade = [
        "lib.rs",
        "blocking.rs",
        "fs.rs",
        "coroutine.rs",
        "runtime.rs",
        "future.rs",
        "io.rs",
        "macros.rs",
        "process.rs",
        "std/mod.rs",
        "std/os.rs",
    ];
    let facade = facade.map(|file| read(&format!("gocoro/src/{file}"))).concat();
    let pages = ["README.md", "gocoro/src/std_map.md", "gocoro/clippy-snippet.toml"];
    let pages = pages.map(|page| (page.to_owned(), read(page)));
    let sources = sources().into_iter().filter(Source::is_library);
    let texts = sources.map(|source| (source.path, source.text)).chain(pages);
    report(texts.flat_map(|(path, text)| name_complaints(&path, &text, &facade)).collect());
}

#[test]
fn readme_and_crate_docs_show_the_same_program() {
    let readme = read("README.md");
    report(readme_complaints(&readme, &read("gocoro/src/lib.rs")));
    report(width_complaints(&readme));
}

#[test]
fn ci_runs_what_the_readme_says_and_every_example() {
    let names = fs::read_dir(root().join("examples/src/bin")).expect("examples");
    let stem = |path: PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let names: Vec<_> = names.map(|entry| stem(entry.expect("readable").path())).collect();
    let ci = read(".ci/run");
    report(example_complaints(&names, &ci));
    assert!(read("README.md").contains("$ cargo test\n") && ci.contains(" cargo test "));
}

#[test]
fn the_architecture_is_a_short_read_of_what_is_there() {
    let mut words = HashSet::new();
    for source in sources().iter().filter(|source| source.is_library()) {
        each_sequence(&source.tokens, &[], &mut |tokens, _| {
            words.extend(tokens.iter().filter_map(|token| ident(Some(token))));
        });
    }
    let exists = |named: &str| {
        let places = [root().join(named), root().join("runtime/src").join(named)];
        places.iter().any(|path| path.exists() || path.with_extension("rs").exists())
    };
    report(architecture_complaints(&read("ARCHITECTURE.md"), &words, &exists));
}
