//! The tokenizer: bytes in, tokens out.

use gocoro::coroutine::{Coroutine, Suspender};
use std::fmt;

/// Lines and columns count from one, columns in characters.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Position {
    line: usize,
    column: usize,
}

impl Position {
    pub(crate) fn error(self, what: impl Into<String>) -> Error {
        Error { at: self, what: what.into() }
    }
}

/// What is wrong with a text, and where.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Error {
    at: Position,
    what: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { at: Position { line, column }, what } = self;
        write!(f, "line {line}, column {column}: {what}")
    }
}

impl std::error::Error for Error {}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Token {
    /// One of `[]{}:,`.
    Symbol(char),
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Symbol(symbol) => write!(f, "`{symbol}`"),
            Token::Text(text) => write!(f, "the string {text:?}"),
            Token::Number(number) => write!(f, "the number {number}"),
            Token::Bool(value) => write!(f, "`{value}`"),
            Token::Null => write!(f, "`null`"),
        }
    }
}

/// What a coroutine here is resumed with.
pub(crate) enum Turn {
    /// The coroutine has handed something out, and is to go on.
    Next,
    /// More of the text, for a coroutine that has asked for it.
    Piece(Vec<u8>),
    /// The end of the text, for a coroutine that has asked for more.
    End,
}

/// What the tokenizer suspends with.
pub(crate) enum Lexed {
    Token(Token, Position),
    Hungry,
}

/// The coroutine that cuts a text into tokens. It returns the position where the text ends.
pub(crate) type Tokenizer = Coroutine<Turn, Lexed, Result<Position, Error>>;

pub(crate) fn tokenizer() -> Tokenizer {
    Coroutine::new(|suspender, first| {
        let start = Position { line: 1, column: 1 };
        let mut source = Source { suspender, piece: vec![], used: 0, has_ended: false, at: start };
        source.take(first);
        source.tokenize()
    })
}

/// The text, as if all of it were there.
struct Source<'a> {
    suspender: &'a Suspender<Turn, Lexed>,
    piece: Vec<u8>,
    used: usize,
    has_ended: bool,
    at: Position,
}

impl Source<'_> {
    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Piece(piece) => (self.piece, self.used) = (piece, 0),
            Turn::End => self.has_ended = true,
            Turn::Next => {}
        }
    }

    /// The next byte. `None`: the text has ended.
    fn peek(&mut self) -> Option<u8> {
        while self.used == self.piece.len() && !self.has_ended {
            let turn = self.suspender.suspend(Lexed::Hungry);
            self.take(turn);
        }
        self.piece.get(self.used).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.used += 1;
        match byte {
            b'\n' => self.at = Position { line: self.at.line + 1, column: 1 },
            0x80..0xc0 => {} // not the first one of its character
            _ => self.at.column += 1,
        }
        Some(byte)
    }

    fn next_while(&mut self, accept: impl Fn(u8) -> bool) -> String {
        let mut taken = String::new();
        while let Some(byte) = self.peek().filter(|byte| accept(*byte)) {
            taken.push(char::from(byte));
            self.next();
        }
        taken
    }

    fn tokenize(&mut self) -> Result<Position, Error> {
        loop {
            let at = self.at;
            let token = match self.peek() {
                None => return Ok(at),
                Some(b' ' | b'\t' | b'\r' | b'\n') => {
                    self.next();
                    continue;
                }
                Some(symbol @ (b'[' | b']' | b'{' | b'}' | b':' | b',')) => {
                    self.next();
                    Token::Symbol(char::from(symbol))
                }
                Some(b'"') => Token::Text(self.text()?),
                Some(b'-' | b'0'..=b'9') => Token::Number(self.number()?),
                Some(b'a'..=b'z' | b'A'..=b'Z') => self.word()?,
                Some(other) => {
                    let other = other.escape_ascii();
                    return Err(at.error(format!("no value begins with `{other}`")));
                }
            };
            let turn = self.suspender.suspend(Lexed::Token(token, at));
            self.take(turn);
        }
    }

    fn word(&mut self) -> Result<Token, Error> {
        let at = self.at;
        match self.next_while(|byte| byte.is_ascii_alphanumeric()).as_str() {
            "true" => Ok(Token::Bool(true)),
            "false" => Ok(Token::Bool(false)),
            "null" => Ok(Token::Null),
            word => Err(at.error(format!("`{word}` is neither `true`, `false` nor `null`"))),
        }
    }

    fn number(&mut self) -> Result<f64, Error> {
        let at = self.at;
        let text = self.next_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        match text.parse::<f64>() {
            Ok(number) if is_number(&text) && number.is_finite() => Ok(number),
            Ok(_) if is_number(&text) => Err(at.error(format!("`{text}` is too large"))),
            _ => Err(at.error(format!("`{text}` is not a number"))),
        }
    }

    fn text(&mut self) -> Result<String, Error> {
        let start = self.at;
        let no_end = || start.error("this string has no end");
        self.next();
        let mut bytes = vec![];
        loop {
            let at = self.at;
            match self.next().ok_or_else(no_end)? {
                b'"' => break,
                b'\\' => {
                    let escaped = self.escaped(at)?.ok_or_else(no_end)?;
                    bytes.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                }
                byte @ 0..0x20 => {
                    let what = format!("the byte {byte:#04x} in a string has to be an escape");
                    return Err(at.error(what));
                }
                byte => bytes.push(byte),
            }
        }
        String::from_utf8(bytes).map_err(|_| start.error("this string is not UTF-8"))
    }

    /// What stands behind a backslash, which is at `at`. `None`: the text has ended.
    fn escaped(&mut self, at: Position) -> Result<Option<char>, Error> {
        let Some(kind) = self.next() else { return Ok(None) };
        Ok(Some(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code(at),
            _ => return Err(at.error("an escape that does not exist")),
        }))
    }

    /// The character that one or two escapes of four digits stand for.
    fn code(&mut self, at: Position) -> Result<Option<char>, Error> {
        let half = || at.error("half of a surrogate pair");
        let Some(first) = self.digits(at)? else { return Ok(None) };
        let code = match first {
            0xd800..0xdc00 => {
                for expected in [b'\\', b'u'] {
                    match self.next() {
                        None => return Ok(None),
                        Some(byte) if byte == expected => {}
                        Some(_) => return Err(half()),
                    }
                }
                let Some(second) = self.digits(at)? else { return Ok(None) };
                let second = second.checked_sub(0xdc00).filter(|s| *s < 0x400).ok_or_else(half)?;
                0x10000 + (first - 0xd800) * 0x400 + second
            }
            code => code,
        };
        char::from_u32(code).map(Some).ok_or_else(half)
    }

    fn digits(&mut self, at: Position) -> Result<Option<u32>, Error> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(byte) = self.next() else { return Ok(None) };
            let digit = char::from(byte).to_digit(16);
            code = code * 16 + digit.ok_or_else(|| at.error("four digits have to follow `\\u`"))?;
        }
        Ok(Some(code))
    }
}

/// Whether JSON's grammar has such a number. Rust's permits more.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (text, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && digits(fraction)
        && digits(exponent)
}
