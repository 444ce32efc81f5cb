//! The parser: tokens in, values out; and the reader, which is fed.

use gocoro::coroutine::{Coroutine, Step, Suspender};
use std::fmt::{self, Write};

use crate::tokens::{Error, Lexed, Position, Token, Tokenizer, Turn, tokenizer};

/// How deep values may lie in each other: the parser is recursive, and its stack has an end.
const LEVELS_MAX: usize = 128;
/// Enough for that many levels, of which each takes some 3 KiB where nothing is optimised. It is
/// address space: memory is taken for what is used.
const STACK_BYTES: usize = 1024 * 1024;

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// What the parser suspends with.
enum Parsed {
    Value(Value),
    Hungry,
}

/// Reads values from pieces of a text, which may end anywhere.
pub(crate) struct Reader {
    parser: Coroutine<Turn, Parsed, Result<(), Error>>,
    failed: Option<Error>,
}

impl Reader {
    pub(crate) fn new() -> Reader {
        let parser = Coroutine::with_stack_size(STACK_BYTES, |suspender, first| {
            let levels = LEVELS_MAX;
            let mut parser = Parser { suspender, tokenizer: tokenizer(), turn: first, levels };
            while let Some(token) = parser.next()? {
                let value = parser.value(token)?;
                parser.turn = suspender.suspend(Parsed::Value(value));
            }
            Ok(())
        });
        Reader { parser, failed: None }
    }

    /// Takes a piece, and has `each` called with each value that ends in it.
    pub(crate) fn feed(&mut self, piece: &[u8], each: impl FnMut(Value)) -> Result<(), Error> {
        self.resume(Turn::Piece(piece.to_vec()), each)
    }

    /// The text has ended. Only now a number at its end is whole.
    pub(crate) fn finish(mut self, each: impl FnMut(Value)) -> Result<(), Error> {
        self.resume(Turn::End, each)
    }

    fn resume(&mut self, mut turn: Turn, mut each: impl FnMut(Value)) -> Result<(), Error> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        loop {
            match self.parser.resume(turn).expect("it has not ended, and there is memory") {
                Step::Yielded(Parsed::Value(value)) => each(value),
                Step::Yielded(Parsed::Hungry) => return Ok(()),
                Step::Returned(end) => {
                    self.failed = end.clone().err();
                    return end;
                }
            }
            turn = Turn::Next;
        }
    }
}

struct Parser<'a> {
    suspender: &'a Suspender<Turn, Parsed>,
    tokenizer: Tokenizer,
    /// What the tokenizer is to be resumed with.
    turn: Turn,
    /// How many more levels there may be.
    levels: usize,
}

/// A token and where it is.
type Lexeme = (Token, Position);

impl Parser<'_> {
    /// The next token. `None`: the text has ended.
    fn next(&mut self) -> Result<Option<Lexeme>, Error> {
        Ok(self.pull()?.ok())
    }

    /// The next token, where there has to be one.
    fn expect(&mut self, expected: &str) -> Result<Lexeme, Error> {
        let ended = |at: Position| at.error(format!("expected {expected}, but the text ends here"));
        self.pull()?.map_err(ended)
    }

    /// The next token, or where the text ends. Nobody asks again after that.
    fn pull(&mut self) -> Result<Result<Lexeme, Position>, Error> {
        loop {
            let turn = std::mem::replace(&mut self.turn, Turn::Next);
            match self.tokenizer.resume(turn).expect("it has not ended, and there is memory") {
                Step::Yielded(Lexed::Token(token, at)) => return Ok(Ok((token, at))),
                Step::Yielded(Lexed::Hungry) => self.turn = self.suspender.suspend(Parsed::Hungry),
                Step::Returned(end) => return end.map(Err),
            }
        }
    }

    fn value(&mut self, (token, at): Lexeme) -> Result<Value, Error> {
        Ok(match token {
            Token::Null => Value::Null,
            Token::Bool(value) => Value::Bool(value),
            Token::Number(number) => Value::Number(number),
            Token::Text(text) => Value::Text(text),
            Token::Symbol(open @ ('[' | '{')) => {
                let Some(levels) = self.levels.checked_sub(1) else {
                    return Err(at.error(format!("more than {LEVELS_MAX} levels")));
                };
                self.levels = levels;
                let inner = if open == '[' { self.array() } else { self.object() };
                self.levels += 1;
                inner?
            }
            other => return unexpected("a value", (other, at)),
        })
    }

    fn array(&mut self) -> Result<Value, Error> {
        let mut items = vec![];
        let mut token = self.expect("a value or `]`")?;
        if token.0 == Token::Symbol(']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(token)?);
            match self.expect("`,` or `]`")? {
                (Token::Symbol(','), _) => token = self.expect("a value")?,
                (Token::Symbol(']'), _) => return Ok(Value::Array(items)),
                other => return unexpected("`,` or `]`", other),
            }
        }
    }

    fn object(&mut self) -> Result<Value, Error> {
        let mut members = vec![];
        let mut expected = "a string or `}`";
        loop {
            let name = match self.expect(expected)? {
                (Token::Text(name), _) => name,
                (Token::Symbol('}'), _) if members.is_empty() => {
                    return Ok(Value::Object(members));
                }
                other => return unexpected(expected, other),
            };
            match self.expect("`:`")? {
                (Token::Symbol(':'), _) => {}
                other => return unexpected("`:`", other),
            }
            let token = self.expect("a value")?;
            members.push((name, self.value(token)?));
            match self.expect("`,` or `}`")? {
                (Token::Symbol(','), _) => expected = "a string",
                (Token::Symbol('}'), _) => return Ok(Value::Object(members)),
                other => return unexpected("`,` or `}`", other),
            }
        }
    }
}

fn unexpected<T>(expected: &str, (found, at): Lexeme) -> Result<T, Error> {
    Err(at.error(format!("expected {expected}, found {found}")))
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Text(text) => write_text(f, text),
            Value::Array(items) => {
                f.write_char('[')?;
                for (i, item) in items.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "," })?;
                    item.fmt(f)?;
                }
                f.write_char(']')
            }
            Value::Object(members) => {
                f.write_char('{')?;
                for (i, (name, value)) in members.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "," })?;
                    write_text(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for char in text.chars() {
        match char {
            '"' | '\\' => write!(f, "\\{char}")?,
            '\n' => f.write_str("\\n")?,
            '\0'..' ' => write!(f, "\\u{:04x}", u32::from(char))?,
            _ => f.write_char(char)?,
        }
    }
    f.write_char('"')
}
