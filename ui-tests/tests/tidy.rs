//! What the repository promises itself: layers, the list of unsafe modules, lengths, words; and
//! that its documents say what is so (in `tidy/documents.rs`), and that what waits is tested (in
//! `tidy/waits.rs`).
//!
//! Each check is a function from texts to complaints, so that it can be tried on bad ones (in
//! `tidy/bad.rs`). A failing test prints every complaint as `path:line: what is wrong`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Crates that only one folder may name, so that each can be replaced there.
const CONFINED: &[(&str, &str)] = &[
    ("corosensei", "runtime/src/stack/engine"),
    ("generator", "runtime/src/stack/engine"),
    ("mio", "runtime/src/reactor"),
    ("crossbeam_deque", "runtime/src/scheduler"),
    ("signal_hook", "runtime/src/signal"),
    ("signal_hook_registry", "runtime/src/signal"),
    ("gocoro_runtime", "gocoro/src"),
];

/// The crates that users get.
const LIBRARIES: &[&str] = &["gocoro/src/", "gocoro-macros/src/", "runtime/src/"];

/// Words that mean unfinished work; cut in two, for this file is read as well.
const BANNED: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("#[ig", "nore"),
    concat!("db", "g!("),
];

const LINES_MAX: usize = 500;

/// Where comments wrap. Tables and addresses cannot.
const COMMENT_WIDTH: usize = 100;

/// Where files stand that others include.
const INCLUDED: &str = "examples/ported/";

/// A Rust file: its path from the repository's root, its text, its tokens (no comments, no spaces).
struct Source {
    path: String,
    text: String,
    tokens: TokenStream,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let tokens = text.parse().unwrap_or_else(|e| panic!("{path} is no Rust: {e}"));
        Self { path: path.to_owned(), text: text.to_owned(), tokens }
    }

    fn is_library(&self) -> bool {
        LIBRARIES.iter().any(|folder| self.path.starts_with(folder))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("ui-tests lies in the repository").into()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every Rust file of the repository but the inputs of the compiler tests.
fn sources() -> Vec<Source> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            let name = path.file_name().expect("an entry has a name").to_string_lossy();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "ui" {
                visit(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    visit(&root(), &mut found);
    found.sort();
    assert!(found.len() > 30, "only {} files: is this the repository?", found.len());
    let source = |path: &PathBuf| {
        let short = path.strip_prefix(root()).expect("it was found there").to_string_lossy();
        Source::new(&short, &fs::read_to_string(path).expect("it was found"))
    };
    found.iter().map(source).collect()
}

/// Runs `check` over all files and fails with everything it complains about.
fn expect_none(check: impl Fn(&Source) -> Vec<String>) {
    report(sources().iter().flat_map(check).collect());
}

fn report(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{}\n", complaints.join("\n"));
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn ident(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

/// Calls `visit` with every sequence of tokens (the file, each group in it), and the inline modules
/// around it.
fn each_sequence(
    stream: &TokenStream,
    modules: &[String],
    visit: &mut dyn FnMut(&[TokenTree], &[String]),
) {
    let tokens: Vec<_> = stream.clone().into_iter().collect();
    visit(&tokens, modules);
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        let mut inside = modules.to_vec();
        if at >= 2 && ident(tokens.get(at - 2)).is_some_and(|word| word == "mod") {
            inside.extend(ident(tokens.get(at - 1)));
        }
        each_sequence(&group.stream(), &inside, visit);
    }
}

/// The modules a file of the runtime stands for: `runtime/src/a/b.rs` is `[a, b]`.
fn module_of(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix("runtime/src/")?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    (path != "lib").then(|| path.split('/').map(str::to_owned).collect())
}

/// Top-level modules that a file names by `crate::…` or by as many `super::` as lead to the root.
fn imports(source: &Source, module: &[String]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    each_sequence(&source.tokens, module, &mut |tokens, modules| {
        if modules.iter().any(|name| name == "tests") {
            return; // tests may look at anything
        }
        let mut at = 0;
        while at < tokens.len() {
            let start = at;
            let mut depth = match ident(tokens.get(at)).as_deref() {
                Some("crate") if is_path_separator(tokens, at + 1) => 0,
                Some("super") if is_path_separator(tokens, at + 1) => modules.len() - 1,
                _ => {
                    at += 1;
                    continue;
                }
            };
            at += 3;
            while ident(tokens.get(at)).is_some_and(|word| word == "super") {
                depth = depth.saturating_sub(1);
                at += 3;
            }
            if depth > 0 {
                continue; // a sibling inside the same top-level module
            }
            let line = tokens[start].span().start().line;
            match tokens.get(at) {
                Some(TokenTree::Ident(name)) if !is_punct(tokens.get(at + 1), '!') => {
                    found.push((name.to_string(), line));
                }
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    let mut first = true;
                    for token in group.stream() {
                        if let (true, TokenTree::Ident(name)) = (first, &token) {
                            found.push((name.to_string(), token.span().start().line));
                        }
                        first = is_punct(Some(&token), ',');
                    }
                }
                Some(token) if is_punct(Some(token), '*') => found.push(("*".to_owned(), line)),
                _ => {}
            }
        }
    });
    found
}

/// ARCHITECTURE.md's code map: the modules of `runtime/src`, line by line.
struct CodeMap(Vec<Vec<String>>);

impl CodeMap {
    fn new(architecture: &str) -> Self {
        let rows = section(architecture, "Code map").lines();
        let cells = rows.filter_map(|line| line.strip_prefix("| `")?.split('|').next());
        let names = |cell: &str| quoted(&format!("`{cell}")).map(str::to_owned).collect();
        Self(cells.map(names).collect())
    }

    fn layer(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|names| names.iter().any(|known| known == name))
    }
}

/// What a document has under a heading.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let section = document.split(&format!("\n## {heading}\n")).nth(1).unwrap_or("");
    section.split("\n## ").next().unwrap_or("")
}

/// What stands between backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn layer_complaints(source: &Source, map: &CodeMap) -> Vec<String> {
    let Some(module) = module_of(&source.path) else {
        return Vec::new();
    };
    if module.iter().any(|name| name == "tests") {
        return Vec::new();
    }
    let own = &module[0];
    let Some(here) = map.layer(own) else {
        return vec![format!("{}:1: `{own}` is not in ARCHITECTURE.md's code map", source.path)];
    };
    let complaint = |(name, line): (String, usize)| {
        let what = match map.layer(&name) {
            _ if name == *own => return None,
            Some(there) if there < here => return None,
            Some(there) if there == here => "beside it",
            Some(_) => "above it",
            None => "no module: name the one the item is in",
        };
        Some(format!("{}:{line}: `{own}` imports `{name}`, which is {what}", source.path))
    };
    imports(source, &module).into_iter().filter_map(complaint).collect()
}

/// Where the runtime's `lib.rs` has other modules than the code map, or in another order.
fn order_complaints(lib: &Source, map: &CodeMap) -> Vec<String> {
    let tokens: Vec<_> = lib.tokens.clone().into_iter().collect();
    let mut declared = Vec::new();
    for three in tokens.windows(3).filter(|three| is_punct(three.get(2), ';')) {
        if let (Some("mod"), Some(name)) = (ident(three.first()).as_deref(), ident(three.get(1))) {
            declared.push((name, three[0].span().start().line));
        }
    }
    declared.retain(|(name, _)| name != "tests");
    let mut complaints = Vec::new();
    let mut seen = HashSet::new();
    for name in map.0.iter().flatten().filter(|name| !seen.insert(*name)) {
        complaints.push(format!("ARCHITECTURE.md: the map has `{name}` twice"));
    }
    let mut last = 0;
    for (name, line) in &declared {
        match map.layer(name) {
            None => complaints.push(format!("{}:{line}: `{name}` is not in the map", lib.path)),
            Some(layer) if layer < last => {
                complaints.push(format!("{}:{line}: `{name}` stands higher in the map", lib.path));
            }
            Some(layer) => last = layer,
        }
    }
    for name in
        map.0.iter().flatten().filter(|name| declared.iter().all(|(known, _)| known != *name))
    {
        complaints.push(format!("ARCHITECTURE.md: there is no `{name}`, which the map has"));
    }
    complaints
}

/// Lines with the word `unsafe`, but not those that only parse it (`Token![unsafe]`).
fn unsafe_lines(source: &Source) -> Vec<usize> {
    let mut lines = Vec::new();
    each_sequence(&source.tokens, &[], &mut |tokens, _| {
        let only_parsed = tokens.len() == 1;
        for token in tokens {
            if !only_parsed && ident(Some(token)).is_some_and(|word| word == "unsafe") {
                lines.push(token.span().start().line);
            }
        }
    });
    lines
}

/// The first column of ARCHITECTURE.md's table of modules with unsafe code.
fn unsafe_modules(architecture: &str) -> Vec<String> {
    let cell = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    section(architecture, "Modules with unsafe code").lines().filter_map(cell).collect()
}

fn unsafe_complaints(sources: &[Source], architecture: &str) -> Vec<String> {
    let listed = unsafe_modules(architecture);
    let mut used = vec![false; listed.len()];
    let mut complaints = Vec::new();
    let safe = |path: &str| path.starts_with("examples/");
    for source in sources.iter().filter(|source| source.is_library() || safe(&source.path)) {
        let path = source.path.trim_start_matches("runtime/src/").trim_end_matches(".rs");
        let covers = |module: &String| {
            path.strip_prefix(module.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let lines = unsafe_lines(source);
        match listed.iter().position(covers) {
            Some(row) => used[row] |= !lines.is_empty(),
            None => complaints.extend(lines.iter().map(|line| {
                format!(
                    "{}:{line}: `unsafe` in a module that ARCHITECTURE.md does not list",
                    source.path
                )
            })),
        }
    }
    for (module, _) in listed.iter().zip(&used).filter(|(_, used)| !**used) {
        complaints.push(format!("ARCHITECTURE.md: `{module}` is listed, but has no `unsafe`"));
    }
    complaints
}

fn confined_complaints(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for &(name, home) in CONFINED {
        let at_home =
            source.path.strip_prefix(home).is_some_and(|rest| rest.starts_with(['/', '.']));
        let everywhere = name == "gocoro_runtime" && !source.path.starts_with("runtime/");
        if at_home || !(source.is_library() || everywhere) {
            continue;
        }
        each_sequence(&source.tokens, &[], &mut |tokens, _| {
            for (at, token) in tokens.iter().enumerate() {
                let before = at.checked_sub(1).and_then(|before| tokens.get(before));
                let named = ident(Some(token)).is_some_and(|word| word == name);
                let imported = ident(before).is_some_and(|word| word == "use" || word == "crate");
                let inside = at >= 2 && is_path_separator(tokens, at - 2);
                let path = is_path_separator(tokens, at + 1) && !inside;
                if named && (imported || path) {
                    let line = token.span().start().line;
                    complaints.push(format!("{}:{line}: `{name}` outside of {home}", source.path));
                }
            }
        });
    }
    complaints
}

fn text_complaints(source: &Source) -> Vec<String> {
    let Source { path, text, .. } = source;
    let mut complaints = Vec::new();
    // The compiler refuses inner documentation in what is included.
    let included = path.starts_with(INCLUDED) && text.starts_with("// ");
    if !text.starts_with("//! ") && !included {
        complaints
            .push(format!("{path}:1: begins without a `//!` line that says what the file is"));
    }
    let count = text.lines().count();
    if count > LINES_MAX {
        complaints.push(format!("{path}:{count}: more than {LINES_MAX} lines: split it"));
    }
    let folder = path.trim_end_matches(".rs");
    if source.is_library() && root().join(folder).is_dir() {
        complaints.push(format!("{path}:1: stands beside its folder: make it {folder}/mod.rs"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        let attribute = line.trim_start();
        let has = |word: &str| match word.starts_with('#') {
            true => attribute.starts_with(word), // docs may speak of it
            false => line.contains(word),
        };
        let is_prose =
            attribute.starts_with("//") && !line.contains(['|']) && !line.contains("://");
        if is_prose && line.chars().count() > COMMENT_WIDTH {
            complaints
                .push(format!("{path}:{number}: a comment of more than {COMMENT_WIDTH} columns"));
        }
        for word in BANNED.iter().filter(|word| has(word)) {
            complaints.push(format!("{path}:{number}: {word}"));
        }
    }
    complaints
}

#[test]
fn modules_import_one_way_only() {
    let map = CodeMap::new(&read("ARCHITECTURE.md"));
    expect_none(|source| layer_complaints(source, &map));
    let path = "runtime/src/lib.rs";
    report(order_complaints(&Source::new(path, &read(path)), &map));
}

#[test]
fn unsafe_stays_in_the_listed_modules() {
    report(unsafe_complaints(&sources(), &read("ARCHITECTURE.md")));
}

#[test]
fn foreign_crates_are_named_in_one_place() {
    expect_none(confined_complaints);
}

#[test]
fn files_say_what_they_are_and_are_finished() {
    expect_none(text_complaints);
}

#[path = "tidy/documents.rs"]
mod documents;

#[path = "tidy/macros.rs"]
mod macros;

#[path = "tidy/waits.rs"]
mod waits;

#[path = "tidy/bad.rs"]
mod bad;
