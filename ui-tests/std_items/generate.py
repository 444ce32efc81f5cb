#!/usr/bin/env python3
"""Writes the lists beside this file: the stable items of std that `gocoro::std` has to have, each as a use of it.

    python3 ui-tests/std_items/generate.py "$(rustc --print sysroot)/share/doc/rust/html"

The argument is the documentation of std in HTML, which `rustup component add rust-docs` installs. Run this when the
pinned toolchain moves, read the difference, and see `cargo test -p ui-tests --test std_items`. CI does not run it.

A list has a line for each item, with the version that it is stable since where the documentation says so. The lines
are calls of macros, and `both.rs` compiles them through both paths. What a line of each kind shows:

    same          gocoro's item is std's own, so that nothing that belongs to it needs a line
    name          there is an item of this name
    constant      a constant has this type
    field         a type has this field, of this type
    declares      a macro declares statics of this type
    call          a function has this type, and no more generics
    const_call    the same of a function that constants may call
    implements    a type implements a trait, auto traits included
    associated    a trait has this associated type
    absent_…      std has it and gocoro has not; `std_map.md` says why
"""

import functools
import html
import re
import sys
from pathlib import Path

# The lists, and the modules of std in each.
LISTS = {
    "fs": ["fs"],
    "io": ["io", "io::prelude"],
    "net": ["net"],
    "os": [
        *("os", "os::fd", "os::raw", "os::unix", "os::unix::ffi", "os::unix::fs", "os::unix::io"),
        *("os::unix::net", "os::unix::prelude", "os::unix::process", "os::unix::raw", "os::unix::thread"),
        *("os::linux", "os::linux::fs", "os::linux::net", "os::linux::process", "os::linux::raw"),
    ],
    "process": ["process"],
    "sync": ["sync", "sync::mpsc"],
    "thread": ["thread"],
    "time": ["time", "sync::atomic"],
}

# What gocoro has an item of its own for. All else has to be std's own item.
REPLACED = {
    "fs": "DirBuilder DirEntry File OpenOptions ReadDir canonicalize copy create_dir create_dir_all exists hard_link"
    " metadata read read_dir read_link read_to_string remove_dir remove_dir_all remove_file rename set_permissions"
    " soft_link symlink_metadata write",
    "io": "IsTerminal PipeReader PipeWriter Stderr StderrLock Stdin StdinLock Stdout StdoutLock copy pipe stderr"
    " stdin stdout",
    "net": "Incoming IntoIncoming TcpListener TcpStream ToSocketAddrs UdpSocket",
    "os::linux::net": "TcpStreamExt",
    "os::unix::fs": "chown chroot fchown lchown symlink",
    "os::unix::net": "Incoming UnixDatagram UnixListener UnixStream",
    "os::unix::process": "CommandExt",
    "process": "Child ChildStderr ChildStdin ChildStdout Command",
    "sync": "Barrier BarrierWaitResult Condvar LazyLock Mutex MutexGuard Once ONCE_INIT OnceLock OnceState RwLock"
    " RwLockReadGuard RwLockWriteGuard WaitTimeoutResult",
    "sync::mpsc": "IntoIter Iter Receiver Sender SyncSender TryIter channel sync_channel",
    "thread": "AccessError Builder JoinHandle LocalKey Scope ScopedJoinHandle Thread ThreadId current park"
    " park_timeout park_timeout_ms scope sleep sleep_ms spawn yield_now",
}
REPLACED = {f"std::{module}::{name}" for module, names in REPLACED.items() for name in names.split()}

# The impls that gocoro leaves out.
ABSENT = {
    "std::sync::Arc<std::fs::File>: std::io::Read",
    "std::sync::Arc<std::fs::File>: std::io::Seek",
    "std::sync::Arc<std::fs::File>: std::io::Write",
    "std::thread::JoinHandle<T>: std::os::unix::thread::JoinHandleExt",
}

# Lines that no page gives.
BY_HAND = {"thread": ['declares!("1.0.0", std::thread_local, std::thread::LocalKey);']}

# Traits whose associated types gocoro's own trait need not share.
OPAQUE = {"std::net::ToSocketAddrs"}

WORD = r"'?\w+"
LEFT_OUT = "'_"
CLOSING = {"<": ">", "(": ")", "[": "]", "{": "}"}


def fail(what):
    sys.exit(f"generate.py: {what}")


def text_of(markup):
    """Rust's text of a signature in HTML, in which each item is named by its path."""

    def name(match):
        kind, attributes, shown = match.groups()
        path = re.search(r'title="\w+ ([\w:]+)"', attributes)
        if kind in ("enum", "macro", "struct", "trait", "type", "union") and path:
            return path[1]
        return shown

    markup = re.sub(r'<a class="(\w+)"([^>]*)>(.*?)</a>', name, markup)
    text = html.unescape(re.sub(r"<[^>]*>", "", markup.replace("<div", " <div")))
    return " ".join(text.replace("ⓘ", " ").split())


def split(text, separator=","):
    """Splits at the separators that stand in no brackets."""
    parts, depth, start, at = [], 0, 0, 0
    while at < len(text):
        char = text[at]
        if text.startswith("->", at):
            at += 2
            continue
        if char in CLOSING:
            depth += 1
        elif char in CLOSING.values():
            depth -= 1
        elif depth == 0 and text.startswith(separator, at):
            parts.append(text[start:at])
            at = start = at + len(separator)
            continue
        at += 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def bracketed(text):
    """The text in the brackets that `text` begins with, and what is behind them."""
    depth, at = 0, 0
    while at < len(text):
        if text.startswith("->", at):
            at += 2
            continue
        depth += (text[at] in CLOSING) - (text[at] in CLOSING.values())
        at += 1
        if depth == 0:
            return text[1 : at - 1], text[at:].strip()
    fail(f"no end of {text}")


class Generics:
    """The parameters of an item and of what it stands in, lifetimes first, and their bounds."""

    def __init__(self):
        self.lifetimes, self.types, self.bounds = [], [], []

    def copy(self):
        copy = Generics()
        copy.lifetimes, copy.types, copy.bounds = self.lifetimes[:], self.types[:], self.bounds[:]
        return copy

    def add(self, parameters):
        for parameter in split(parameters):
            (self.lifetimes if parameter.startswith("'") else self.types).append(parameter)

    def lifetime(self):
        """A lifetime of its own, for one that is left out in a place where it cannot be."""
        name = f"'l{len(self.lifetimes)}"
        self.lifetimes.append(name)
        return name

    def name_left_out(self, text):
        """`text` with a name for each lifetime that is left out."""
        text = re.sub(r"'_\b", lambda _: self.lifetime(), text)
        return re.sub(r"&(?! ?'|&)", lambda _: f"&{self.lifetime()} ", text)

    def names(self):
        """The names of the types, to be given to a function that is generic over them."""
        names = [re.match(r"(?:const )?(\w+)", one)[1] for one in self.types]
        return f" <{', '.join(names)}>" if names else ""

    def __str__(self):
        # What is borrowed may be of any type, which has to live as long.
        names = self.names().strip(" <>").split(", ") if self.types and self.lifetimes else []
        lifetimes = " + ".join(re.match(r"'\w+", one)[0] for one in self.lifetimes)
        bounds = self.bounds + [f"{name}: {lifetimes}" for name in names]
        bounds = f" [{', '.join(bounds)}]" if bounds else ""
        return f"[{', '.join(self.lifetimes + self.types)}]{bounds}"


def header(text, declared):
    """The generics of `impl<…> … where …`, and what is between them.

    What `declared`, the parameters of the type, bounds by lifetimes is bounded in the impl without being said again.
    """
    generics = Generics()
    text = text.removeprefix("impl").strip()
    if text.startswith("<"):
        parameters, text = bracketed(text)
        generics.add(parameters)
    lifetimes = [name for name in declared if name.startswith("'")]
    left_out = f"<{', '.join(len(lifetimes) * [LEFT_OUT])}>"
    if any(declared.values()) and lifetimes and left_out in text:
        generics.lifetimes += lifetimes
        text = text.replace(left_out, f"<{', '.join(lifetimes)}>")
    for parameters in (generics.lifetimes, generics.types):
        parameters[:] = [f"{one}: {bound}" if (bound := declared.get(one)) else one for one in parameters]
    text, *bounds = split(text, " where ")
    for bound in bounds:
        generics.bounds += split(bound)
    return generics, text


@functools.cache
class Page:
    """A page of the documentation."""

    def __init__(self, root, path):
        self.markup = (root / path).read_text()
        self.top = self.markup.partition('<details class="toggle top-doc"')[0]

    def declaration(self):
        """The declaration that the page begins with."""
        return re.search(r'<pre class="rust item-decl"><code>(.*?)</code></pre>', self.top, re.S)[1]

    def section(self, name):
        start = self.markup.find(f'<h2 id="{name}"')
        if start < 0:
            return ""
        end = self.markup.find('<h2 id="', start + 1)
        return self.markup[start : end if end > 0 else len(self.markup)]


def since(markup):
    """The version of the mark at the head of an item, or nothing if the item is not stable."""
    if "stab unstable" in markup:
        return None
    version = re.search(r'class="since"[^>]*>([\d.]+)', markup)
    return version and version[1]


def is_here(markup):
    """Whether an item is there on Linux."""
    where = re.search(r'stab portability">(.*?)</div>', markup, re.S)
    where = text_of(where[1]) if where else ""
    return "Linux" in where or "Unix" in where or not re.search("Apple|WASI|Windows", where)


def impls(section):
    """The impls of a section of a page: head, header's text, body."""
    starts = [match.start() for match in re.finditer(r'<section id="impl-', section)]
    for start, end in zip(starts, starts[1:] + [len(section)]):
        markup = section[start:end]
        head, _, body = markup.partition('<div class="impl-items">')
        shown = re.search(r'<h3 class="code-header">(.*?)</h3>', head, re.S)
        yield head, text_of(shown[1]), body


def methods(body):
    """The functions in an impl or a trait: name, head, header's text."""
    for section in body.split("<section id=")[1:]:
        if name := re.match(r'"(?:ty)?method\.(\w+?)(?:-\d+)?"', section):
            head = re.split("<div class=.docblock.>", section)[0]
            shown = re.search(r'<h4 class="code-header">(.*?)</h4>', head, re.S)
            yield name[1], head, text_of(shown[1])


class Maker:
    """Makes the lines of one module."""

    def __init__(self, root, module):
        self.root, self.module, self.lines = root, module, []
        self.folder = Path("std", *module.split("::"))

    def add(self, line):
        if line not in self.lines:
            self.lines.append(line)

    def module_lines(self):
        index = Page(self.root, self.folder / "index.html").markup
        for entry in re.findall(r"<dt(?: class=\"\w+\")?>(.*?)</dt>", index, re.S):
            link = re.search(r'<a class="(\w+)" href="([^"/]*)" title="\w+ ([\w:]+)"', entry)
            if link and link[1] not in ("mod", "primitive") and "stab unstable" not in entry:
                self.item(link[1], link[2], f"std::{self.module}::{link[3].rpartition('::')[2]}")
        for markup in re.findall(r"<code>pub use ([^;*]+);</code>", index):
            link = re.search(r'href="([^"#]*)" title="\w+ ([\w:]+)">(\w+)</a>$', markup)
            if link and "stab unstable" not in Page(self.root, self.folder / link[1]).top:
                is_replaced = link[2] in REPLACED
                path = f"std::{self.module}"
                self.add(f'name!("", {path}::{link[3]});' if is_replaced else f'same!("", {path}, {link[3]});')
        self.lines += BY_HAND.get(self.module, [])
        return [f"// std::{self.module}", *self.lines] if self.lines else []

    def item(self, kind, target, path):
        page = Page(self.root, self.folder / target)
        version = since(page.top)
        if not version or not is_here(page.top):
            return
        if path not in REPLACED:
            module, _, name = path.rpartition("::")
            self.add(f'same!("{version}", {module}, {name});')
        elif kind == "fn":
            self.function(version, text_of(page.declaration()), Generics(), None, path)
        elif kind == "constant":
            type = text_of(page.declaration()).partition(": ")[2].partition(" = ")[0].rstrip(";")
            self.add(f'constant!("{version}", {type} = {path});')
        else:
            self.add(f'name!("{version}", {path});')
            if kind == "trait":
                self.trait(page, path)
            else:
                self.type(page, path)

    def type(self, page, path):
        fields = page.section("fields").split('<span id="structfield.')[1:]
        for name, markup in (field.split('"', 1) for field in fields):
            shown = text_of(re.search(r"<code>(.*?)</code>", markup, re.S)[1])
            self.add(f'field!("", {path}, {shown});')
        if page.section("variants"):
            fail(f"{path}: lines for variants are to be written yet")
        declared = text_of(page.declaration()).partition(path.rpartition("::")[2])[2]
        declared = split(bracketed(declared)[0]) if declared.startswith("<") else []
        declared = {name.strip(): bound.strip() for name, _, bound in (one.partition(":") for one in declared)}
        declared = {name: bound if bound.startswith("'") else "" for name, bound in declared.items()}
        for head, text, body in impls(page.section("implementations")):
            if "stab unstable" not in head and is_here(head):
                generics, implementor = header(text, declared)
                for name, markup, signature in methods(body):
                    if (version := since(markup)) and is_here(markup):
                        value = f"<{implementor}>::{name}"
                        self.function(version, signature, generics.copy(), implementor, value)
        for section in ("trait-implementations", "synthetic-implementations"):
            for head, text, body in impls(page.section(section)):
                self.implementation(self.folder, head, text, body, declared)
        # What is implemented for types around this one is not on its page.
        for trait in sorted(self.root.glob("std/**/trait.*.html")):
            trait = trait.relative_to(self.root)
            for head, text, body in impls(Page(self.root, trait).section("implementors")):
                if re.search(rf" for std::[\w:]+<{path}>$", text):
                    self.implementation(trait.parent, head, text, body, {})

    def trait(self, page, path):
        generics, own = Generics(), "Own"
        only = [header(text, {})[1].partition(" for ")[2] for _, text, _ in impls(page.section("implementors"))]
        if "Sealed" in page.declaration() and len(only) == 1:
            own = only[0]  # a sealed trait that one type has is part of that type
        else:
            generics.types.append(f"{own}: {path}")
        for section in ("required-associated-types", "provided-associated-types"):
            for name in re.findall(r'<section id="associatedtype\.(\w+)"', page.section(section)):
                self.add(f'associated!("", {path}, {name});')
        for section in ("required-methods", "provided-methods"):
            for name, markup, signature in methods(page.section(section)):
                if "stab unstable" not in markup:
                    value = f"<{own} as {path}>::{name}"
                    self.function(since(markup) or since(page.top), signature, generics.copy(), own, value)
        for section in ("foreign-impls", "implementors"):
            for head, text, body in impls(page.section(section)):
                self.implementation(self.folder, head, text, body, {})

    def implementation(self, folder, head, text, body, declared):
        generics, text = header(text, declared)
        trait, implementor = split(text, " for ")
        # A negative impl promises nothing, and nobody asks for `Drop`.
        if trait.startswith("!") or trait == "std::ops::Drop" or "stab unstable" in head or not is_here(head):
            return
        # That a trait is not stable is not told by its impls.
        link = re.search(rf'href="([^"]*)" title="trait {re.sub("<.*", "", trait)}"', head)
        if "stab unstable" in Page(self.root, folder / link[1]).top:
            return
        what = "absent_impl" if f"{implementor}: {trait}" in ABSENT else "implements"
        implementor, bound = generics.name_left_out(implementor), generics.name_left_out(trait)
        types = re.findall(r'<h4 class="code-header">type (.*?)</h4>', body, re.S)
        types = [re.sub(r"\bSelf\b", implementor, text_of(markup)) for markup in types if " = " in markup]
        if types and trait not in OPAQUE:
            bound = (bound[:-1] + ", " if bound.endswith(">") else bound + "<") + ", ".join(types) + ">"
        version = since(head) or ""
        self.add(f'{what}!("{version}", {generics}{generics.names()}, {implementor}: {bound});')

    def function(self, version, signature, generics, implementor, value):
        words, _, rest = signature.replace("pub ", "").partition("fn ")
        rest = rest[min(at for at in (rest.find("<"), rest.find("(")) if at >= 0) :]
        parameters = ""
        if rest.startswith("<"):
            parameters, rest = bracketed(rest)
        arguments, rest = bracketed(rest)
        result, *bounds = split(f" {rest.removeprefix('->')}", " where ") or [""]
        if rest.startswith("where "):
            result, bounds = "", [result.removeprefix("where ")]
        generics.add(parameters)
        for bound in bounds:
            generics.bounds += split(bound)
        taken, is_nameable = [], True
        for argument in split(arguments):
            if re.fullmatch(r"(&('\w+ )?)?(mut )?self", argument):
                reference = re.match(r"&('\w+)?", argument)
                if reference:
                    # What is left out of the result is the receiver's lifetime, which a function pointer has to name.
                    lifetime = reference[1] or generics.lifetime()
                    inside = [re.match(WORD, one)[0] for one in generics.lifetimes]
                    generics.bounds += [f"{one}: {lifetime}" for one in inside if one != lifetime]
                    result = re.sub(r"&(?! ?')", f"&{lifetime} ", result.replace(LEFT_OUT, lifetime))
                    mutable = "mut " if "mut " in argument else ""
                    taken.append(f"&{lifetime} {mutable}{implementor}")
                else:
                    taken.append(implementor)
                continue
            type = argument.partition(": ")[2]
            if type.startswith("impl "):
                is_nameable = False
                generics.types.append(f"A{len(taken)}: {type.removeprefix('impl ')}")
                type = f"A{len(taken)}"
            taken.append(type)
            if reference := re.match(r"&('\w+) .*<", type):
                inside = [one for one in re.findall(r"'\w+", type) if one != reference[1]]
                generics.bounds += [f"{one}: {reference[1]}" for one in inside]
        given = [re.match(r"(?:const )?(\w+)", one)[1] for one in split(parameters) if not one.startswith("'")]
        if given and is_nameable:
            value += f"::<{', '.join(given)}>"
        result = result or "()"
        if implementor:
            named = lambda text: re.sub(r"\bSelf\b", implementor, text)
            taken, result = [named(type) for type in taken], named(result)
            generics.bounds = [named(bound) for bound in generics.bounds]
        if "const " in words:
            arguments = ", ".join(f"a{at}: {type}" for at, type in enumerate(taken))
            self.add(f'const_call!("{version}", {generics}, fn({arguments}) -> {result} = {value});')
        else:
            self.add(f'call!("{version}", {generics}, {words}fn({", ".join(taken)}) -> {result} = {value});')


def main():
    if len(sys.argv) != 2 or not Path(sys.argv[1], "std").is_dir():
        fail("wants the folder of the documentation, which has a folder `std`")
    root = Path(sys.argv[1])
    for name, modules in LISTS.items():
        lines = [line for module in modules for line in Maker(root, module).module_lines()]
        Path(__file__).with_name(f"{name}.txt").write_text("\n".join(lines) + "\n")


main()
