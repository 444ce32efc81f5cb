//! Whether each public operation that waits for I/O is cut short in every way by a test: has a row
//! in the list from which those tests are made.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::macros::{Meanings, macros};
use super::{Source, each_sequence, ident, is_punct, module_of, report, sources};

/// How the paths of the list's files begin. A row begins with the name of its operation,
/// `Type::method` or `module::function`, which more words may follow.
const LIST: &str = "gocoro/tests/it/sockets/list";

/// The modules whose operations wait for what is outside of the process.
const HOMES: &[&str] = &["fs", "io", "net", "process", "signal"];

/// Traits of std whose methods may wait, though an implementation's docs do not say so.
const TRAITS: &[&str] = &["BufRead", "Iterator", "Read", "Seek", "Write"];

/// Operations without a row, or types (`Type::`) none of whose operations has one, each with the
/// reason.
const EXEMPT: &[(&str, &str)] = &[
    ("DirEntry::file_type", "waits only where a file is removed while its entry is read"),
    ("Command::spawn", "the pool starts a child at once: it/child/spawning fills the pool"),
    ("File::stream_position", "waits only for others at the position, as fs/position shows"),
    ("Incoming::", "the rows of TcpListener::incoming and UnixListener::incoming call it"),
    ("IntoIncoming::", "the row of TcpListener::into_incoming calls it"),
    ("Now::", "it never waits: the rows of Child::wait_with_output read by it"),
    ("Pending::", "it takes what has come, and does not wait"),
    ("Signals::next", "it has no error to end by: it/signal/cuts cuts it short"),
    (
        "signal::ctrl_c",
        "it would take Ctrl-C from those who run the tests: it/signal/programs cuts it short",
    ),
    ("Stdin::", STREAMS),
    ("StdinLock::", STREAMS),
    ("Stdout::", STREAMS),
    ("StdoutLock::", STREAMS),
    ("Stderr::", STREAMS),
    ("StderrLock::", STREAMS),
    ("UdpSocket::send", "the loopback interface always has room"),
    ("UdpSocket::wait_writable", "the loopback interface always has room"),
];

/// Why the standard streams have no rows.
const STREAMS: &str = "there is one of each in a process: io/stdio cuts them short in children";

/// How a `# Parks` section begins of what never waits and only gives way.
const GIVES_WAY: &str = "In a loop, once in a while";

/// What is known of the place in which an item stands.
#[derive(Clone, Default)]
struct Place {
    /// The macro in whose body it is.
    macro_name: Option<String>,
    /// The types that it belongs to; of a free function, its module.
    owners: Vec<String>,
    /// Whether the item is in an implementation of one of [`TRAITS`].
    is_of_std: bool,
    /// Whether the item is in the definition of a public trait.
    is_of_trait: bool,
}

/// The operations that wait, by name, each with the place where it was found.
struct Operations<'a> {
    macros: BTreeMap<String, Meanings>,
    source: &'a Source,
    found: BTreeMap<String, String>,
}

/// The last name of the path that these tokens begin with, and whether it is a macro's parameter.
fn head(tokens: &[TokenTree]) -> Option<(String, bool)> {
    let mut last = None;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word) if ["mut", "dyn"].iter().any(|other| word == other) => {}
            TokenTree::Ident(word) if word == "where" => break,
            TokenTree::Ident(word) => {
                let before = |wanted| is_punct(at.checked_sub(1).map(|at| &tokens[at]), wanted);
                if !before('\'') {
                    last = Some((word.to_string(), before('$')));
                }
            }
            token if is_punct(Some(token), '<') => break,
            _ => {}
        }
    }
    last
}

/// How many of these tokens the generics take that they begin with.
fn generics(tokens: &[TokenTree]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' => {
                let is_arrow = at > 0
                    && matches!(&tokens[at - 1], TokenTree::Punct(punct)
                        if punct.as_char() == '-' && punct.spacing() == Spacing::Joint);
                depth -= i32::from(!is_arrow);
            }
            _ => {}
        }
        if depth == 0 {
            return if at == 0 { 0 } else { at + 1 };
        }
    }
    0
}

impl Operations<'_> {
    /// Adds those among these tokens, which are items.
    fn add(&mut self, stream: TokenStream, place: &Place) {
        let tokens: Vec<_> = stream.into_iter().collect();
        let (mut docs, mut is_public) = (Vec::new(), false);
        let mut at = 0;
        // The position of the next brace, which is a body, or else of the next semicolon.
        let body = |at: usize| {
            let is_end = |token: &TokenTree| match token {
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                token => is_punct(Some(token), ';'),
            };
            tokens[at..].iter().position(is_end).map_or(tokens.len(), |count| at + count)
        };
        while at < tokens.len() {
            let next = tokens.get(at + 1);
            match &tokens[at] {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if let Some(TokenTree::Group(group)) = next {
                        docs.extend(doc_line(group.stream()));
                    }
                    at += 2;
                    continue;
                }
                TokenTree::Ident(word) if word == "pub" => {
                    let is_restricted = matches!(next, Some(TokenTree::Group(group))
                        if group.delimiter() == Delimiter::Parenthesis);
                    is_public = !is_restricted;
                    at += 1 + usize::from(is_restricted);
                    continue;
                }
                TokenTree::Ident(word) if word == "macro_rules" => {
                    let module = module_of(&self.source.path).unwrap_or_default();
                    let name = ident(tokens.get(at + 2)).unwrap_or_default();
                    let macro_name = Some(format!("{}::{name}", module[0]));
                    let inside = Place { macro_name, ..Place::default() };
                    if let Some(TokenTree::Group(rules)) = tokens.get(at + 3) {
                        self.add_rules(rules.stream(), &inside);
                    }
                    at += 3;
                }
                TokenTree::Ident(word) if word == "impl" => {
                    let end = body(at);
                    let begin = (at + 1 + generics(&tokens[at + 1..])).min(end);
                    let inside = self.place_of_impl(&tokens[begin..end], place);
                    self.add_group(tokens.get(end), &inside);
                    at = end;
                }
                TokenTree::Ident(word) if word == "trait" => {
                    let end = body(at);
                    let owners = ident(next).into_iter().collect();
                    let inside = Place { owners, is_of_trait: is_public, ..place.clone() };
                    self.add_group(tokens.get(end), &inside);
                    at = end;
                }
                TokenTree::Ident(word) if word == "mod" => {
                    let end = body(at);
                    if ident(next).is_some_and(|name| name != "tests") {
                        self.add_group(tokens.get(end), place);
                    }
                    at = end;
                }
                TokenTree::Ident(word) if word == "fn" => {
                    let end = body(at);
                    // In a macro the name may be a parameter.
                    let names = match ident(next) {
                        Some(name) => vec![name],
                        None => self.meanings(place, ident(tokens.get(at + 2)).as_deref()),
                    };
                    let parks = docs.iter().position(|line: &String| line == "# Parks");
                    let is_wait = parks.is_some_and(|at| {
                        let text = docs[at + 1..].iter().find(|line| !line.is_empty());
                        text.is_none_or(|text| !text.starts_with(GIVES_WAY))
                    });
                    let documented = is_wait && (is_public || place.is_of_trait);
                    let of_std = place.is_of_std && !is_ok(tokens.get(end));
                    if documented || of_std {
                        let line = tokens[at].span().start().line;
                        let names = names.iter().filter(|name| *name != "consume");
                        for (owner, name) in place
                            .owners
                            .iter()
                            .flat_map(|owner| names.clone().map(move |name| (owner, name)))
                        {
                            let found = format!("{}:{line}", self.source.path);
                            self.found.entry(format!("{owner}::{name}")).or_insert(found);
                        }
                    }
                    at = end;
                }
                // A repetition in a macro's body, or items that a macro is given.
                TokenTree::Group(group)
                    if ['$', '!']
                        .iter()
                        .any(|mark| is_punct(at.checked_sub(1).map(|at| &tokens[at]), *mark)) =>
                {
                    self.add(group.stream(), place);
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {}
                token if is_punct(Some(token), ';') => {}
                _ => {
                    at += 1;
                    continue;
                }
            }
            at += 1;
            docs.clear();
            is_public = false;
        }
    }

    /// Adds the operations of each rule's body.
    fn add_rules(&mut self, rules: TokenStream, place: &Place) {
        let mut is_body = false;
        for token in rules {
            match &token {
                TokenTree::Group(group) if is_body => self.add(group.stream(), place),
                _ => {}
            }
            is_body = is_punct(Some(&token), '>');
        }
    }

    fn add_group(&mut self, token: Option<&TokenTree>, place: &Place) {
        if let Some(TokenTree::Group(group)) = token {
            self.add(group.stream(), place);
        }
    }

    /// What a parameter of the macro around stands for. If that is not known, the macro's name, of
    /// which there is no row.
    fn meanings(&self, place: &Place, parameter: Option<&str>) -> Vec<String> {
        let name = place.macro_name.clone().unwrap_or_default();
        let given = self.macros.get(&name).and_then(|known| known.get(parameter?));
        given.map_or_else(|| vec![format!("{name}!")], |given| given.iter().cloned().collect())
    }

    /// What stands between `impl` with its generics and the body tells the type and the trait.
    fn place_of_impl(&self, tokens: &[TokenTree], around: &Place) -> Place {
        let is = |wanted: &'static str| {
            move |token: &TokenTree| ident(Some(token)).is_some_and(|word| word == wanted)
        };
        // A bound may have a `for<'a>` of its own.
        let end = tokens.iter().position(is("where")).unwrap_or(tokens.len());
        let tokens = &tokens[..end];
        let (of, ty) = match tokens.iter().position(is("for")) {
            Some(at) => (head(&tokens[..at]), head(&tokens[at + 1..])),
            None => (None, head(tokens)),
        };
        let owners = match ty {
            Some((parameter, true)) => self.meanings(around, Some(&parameter)),
            Some((name, false)) => vec![name],
            // A type without a name, of which there is no row.
            None => vec!["?".to_owned()],
        };
        let is_of_std = of.is_some_and(|(name, _)| TRAITS.contains(&name.as_str()));
        Place { owners, is_of_std, ..around.clone() }
    }
}

/// Whether this is a body that only says `Ok(())`.
fn is_ok(body: Option<&TokenTree>) -> bool {
    matches!(body, Some(TokenTree::Group(group))
        if group.stream().to_string().split_whitespace().collect::<String>() == "Ok(())")
}

/// The line of documentation that an attribute is, without the spaces around it.
fn doc_line(attribute: TokenStream) -> Option<String> {
    let tokens: Vec<_> = attribute.into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(word), _, TokenTree::Literal(text)] if word == "doc" => {
            Some(text.to_string().trim_matches('"').trim().to_owned())
        }
        _ => None,
    }
}

/// The words among these tokens, those in groups included.
fn words(tokens: &[TokenTree]) -> BTreeSet<String> {
    let stream: TokenStream = tokens.iter().cloned().collect();
    let mut words = BTreeSet::new();
    each_sequence(&stream, &[], &mut |tokens, _| {
        words.extend(tokens.iter().filter_map(|token| ident(Some(token))));
    });
    words
}

/// The rows of the list: the operation that each names, and the words of its code and of the
/// functions there that it names.
fn rows(list: &Source) -> Vec<(String, BTreeSet<String>, usize)> {
    let (mut rows, mut functions) = (Vec::new(), BTreeMap::new());
    each_sequence(&list.tokens, &[], &mut |tokens, _| {
        for (at, _) in tokens.iter().enumerate().filter(|(_, token)| is_fn(token)) {
            let is_body = |token: &TokenTree| {
                matches!(token, TokenTree::Group(group)
                if group.delimiter() == Delimiter::Brace)
            };
            let body = tokens[at..].iter().find(|token| is_body(token)).cloned();
            functions.insert(ident(tokens.get(at + 1)), words(&Vec::from_iter(body)));
        }
        let [TokenTree::Literal(name), comma, code @ ..] = tokens else {
            return;
        };
        let text = name.to_string();
        let text = text.trim_matches('"');
        let end = text.find(|char: char| !char.is_alphanumeric() && !"_:".contains(char));
        let named = &text[..end.unwrap_or(text.len())];
        if is_punct(Some(comma), ',') && named.contains("::") {
            rows.push((named.to_owned(), words(code), name.span().start().line));
        }
    });
    for (_, words, _) in &mut rows {
        let inside = words.iter().filter_map(|word| functions.get(&Some(word.clone())));
        let inside: Vec<_> = inside.flatten().cloned().collect();
        words.extend(inside);
    }
    rows
}

fn is_fn(token: &TokenTree) -> bool {
    ident(Some(token)).is_some_and(|word| word == "fn")
}

/// Operations without a row or a reason why not, rows that do not do what they name, and reasons
/// that are out of date.
pub(super) fn wait_complaints(
    sources: &[Source],
    list: &[&Source],
    exempt: &[(&str, &str)],
) -> Vec<String> {
    let home = |source: &&Source| {
        module_of(&source.path).is_some_and(|module| HOMES.contains(&module[0].as_str()))
    };
    let homes: Vec<_> = sources.iter().filter(home).collect();
    let mut found = BTreeMap::new();
    let macros = macros(&homes);
    for source in homes {
        let module = module_of(&source.path).unwrap_or_default();
        let place = Place { owners: module[..1].to_vec(), ..Place::default() };
        let mut operations =
            Operations { macros: macros.clone(), source, found: std::mem::take(&mut found) };
        operations.add(source.tokens.clone(), &place);
        found = operations.found;
    }
    let rows: Vec<_> = list
        .iter()
        .flat_map(|file| rows(file).into_iter().map(|row| (row, file.path.as_str())))
        .collect();
    let has_row = |name: &str| rows.iter().any(|((named, ..), _)| named == name);
    let covers =
        |known: &str, name: &str| known == name || known.ends_with("::") && name.starts_with(known);
    let is_exempt = |name: &str| exempt.iter().any(|(known, _)| covers(known, name));
    let mut complaints = Vec::new();
    for (name, place) in &found {
        if !has_row(name) && !is_exempt(name) {
            complaints.push(format!("{place}: `{name}` waits, and {LIST}*.rs has no row of it"));
        }
    }
    for ((name, words, line), path) in &rows {
        if name.rsplit("::").next().is_some_and(|method| !words.contains(method)) {
            complaints.push(format!("{path}:{line}: a row of `{name}` that does not call it"));
        }
    }
    for (name, _) in exempt {
        if !found.keys().any(|known| covers(name, known) && !has_row(known)) {
            complaints.push(format!("`{name}` needs no exemption: it has a row or does not wait"));
        }
    }
    complaints
}

#[test]
fn each_operation_that_waits_is_cut_short_by_a_test() {
    let sources = sources();
    let list: Vec<_> = sources.iter().filter(|source| source.path.starts_with(LIST)).collect();
    report(wait_complaints(&sources, &list, EXEMPT));
}
