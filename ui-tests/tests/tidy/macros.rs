//! What the parameters of macros stand for: names of types and methods that an implementation in a
//! macro has, as its calls give them.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Group, TokenStream, TokenTree};

use super::{Source, ident, is_punct, module_of};

/// The identifiers that each parameter of a macro stands for, in any of its calls.
pub(super) type Meanings = BTreeMap<String, BTreeSet<String>>;

/// What a call gives to a macro's parameters; one that is a parameter itself, of the macro in whose
/// body the call stands, has its `$`.
fn bind(pattern: &[TokenTree], args: &[TokenTree], meanings: &mut Meanings) -> usize {
    let inside = |group: &Group| group.stream().into_iter().collect::<Vec<_>>();
    let (mut at, mut arg) = (0, 0);
    while at < pattern.len() && arg < args.len() {
        match (&pattern[at], pattern.get(at + 1)) {
            (dollar, Some(TokenTree::Group(group))) if is_punct(Some(dollar), '$') => {
                let repeated = inside(group);
                let end = pattern[at..].iter().position(|token| {
                    ['*', '+', '?'].iter().any(|mark| is_punct(Some(token), *mark))
                });
                let end = end.map_or(pattern.len(), |count| at + count);
                let is_separated = end > at + 2;
                while arg < args.len() {
                    let count = bind(&repeated, &args[arg..], meanings);
                    arg += count + usize::from(is_separated);
                    if count == 0 {
                        break;
                    }
                }
                at = end + 1;
            }
            (dollar, Some(TokenTree::Ident(name))) if is_punct(Some(dollar), '$') => {
                let next = pattern.get(at + 4);
                if ident(pattern.get(at + 3)).is_some_and(|kind| kind == "ident") {
                    let is_passed_on = is_punct(args.get(arg), '$');
                    arg += usize::from(is_passed_on);
                    let mark = if is_passed_on { "$" } else { "" };
                    let given = ident(args.get(arg)).map(|given| format!("{mark}{given}"));
                    meanings.entry(name.to_string()).or_default().extend(given);
                    arg += 1;
                } else if let Some(TokenTree::Punct(end)) = next
                    && end.as_char() != '$'
                {
                    let is_end = |token: &TokenTree| is_punct(Some(token), end.as_char());
                    arg += args[arg..].iter().position(is_end).unwrap_or(args.len() - arg);
                } else {
                    arg = if next.is_none() { args.len() } else { arg + 1 };
                }
                at += 4;
            }
            (TokenTree::Group(group), _) => {
                if let TokenTree::Group(given) = &args[arg] {
                    bind(&inside(group), &inside(given), meanings);
                }
                (at, arg) = (at + 1, arg + 1);
            }
            _ => (at, arg) = (at + 1, arg + 1),
        }
    }
    arg.min(args.len())
}

/// The macros of these sources, each with what its parameters stand for. Only a macro's first rule
/// is looked at.
pub(super) fn macros(sources: &[&Source]) -> BTreeMap<String, Meanings> {
    let mut patterns = BTreeMap::new();
    let mut calls = Vec::new();
    for source in sources {
        let module = module_of(&source.path).unwrap_or_default();
        find_macros(source.tokens.clone(), &module[0], None, &mut patterns, &mut calls);
    }
    let mut macros = BTreeMap::<String, Meanings>::new();
    let mut passed_on = BTreeSet::new();
    for (around, name, args) in calls {
        let Some(pattern) = patterns.get(&name) else {
            continue;
        };
        let mut meanings = Meanings::new();
        bind(pattern, &args, &mut meanings);
        for (parameter, given) in meanings {
            for given in given {
                if let Some(outer) = given.strip_prefix('$') {
                    let (to, from) = ((name.clone(), parameter.clone()), outer.to_owned());
                    passed_on.extend(around.clone().map(|around| (around, from, to)));
                } else {
                    let known = macros.entry(name.clone()).or_default();
                    known.entry(parameter.clone()).or_default().insert(given);
                }
            }
        }
    }
    for _ in 0..passed_on.len() {
        for (around, from, (name, parameter)) in &passed_on {
            let given = macros.get(around).and_then(|known| known.get(from)).cloned();
            let known = macros.entry(name.clone()).or_default();
            known.entry(parameter.clone()).or_default().extend(given.unwrap_or_default());
        }
    }
    macros
}

/// Finds the patterns of macros, and the calls, each with the macro in whose body it stands. A name
/// has its top-level module in front, since two of them may use the same.
fn find_macros(
    stream: TokenStream,
    module: &str,
    around: Option<&String>,
    patterns: &mut BTreeMap<String, Vec<TokenTree>>,
    calls: &mut Vec<(Option<String>, String, Vec<TokenTree>)>,
) {
    let tokens: Vec<_> = stream.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        let before = |count| at.checked_sub(count).and_then(|at| tokens.get(at));
        let full = |name: String| format!("{module}::{name}");
        if ident(before(3)).is_some_and(|word| word == "macro_rules") {
            let name = full(ident(before(1)).unwrap_or_default());
            if let Some(TokenTree::Group(first)) = group.stream().into_iter().next() {
                patterns.insert(name.clone(), first.stream().into_iter().collect());
            }
            find_macros(group.stream(), module, Some(&name), patterns, calls);
            continue;
        }
        if let (true, Some(name)) = (is_punct(before(1), '!'), ident(before(2))) {
            calls.push((around.cloned(), full(name), group.stream().into_iter().collect()));
        }
        find_macros(group.stream(), module, around, patterns, calls);
    }
}
