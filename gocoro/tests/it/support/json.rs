//! JSON, read strictly, for tests of what gocoro writes.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// A value of JSON, as far as gocoro writes it: numbers are not negative.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(u64),
    /// A number with a point.
    Decimal(f64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads a text that is one value and nothing else.
    pub(crate) fn read(text: &str) -> Json {
        let mut chars = text.chars().peekable();
        let value = Json::value(&mut chars);
        assert_eq!(chars.next(), None);
        value
    }

    fn value(chars: &mut Peekable<Chars<'_>>) -> Json {
        while chars.next_if_eq(&'\n').is_some() {}
        match chars.next().expect("a value") {
            '{' => {
                let mut fields = BTreeMap::new();
                while !chars.next_if_eq(&'}').is_some_and(|_| fields.is_empty()) {
                    let Json::Text(name) = Json::value(chars) else { panic!("a name") };
                    assert_eq!(chars.next(), Some(':'));
                    assert_eq!(fields.insert(name, Json::value(chars)), None, "twice");
                    if chars.next_if_eq(&',').is_none() {
                        assert_eq!(chars.next(), Some('}'));
                        break;
                    }
                }
                Json::Object(fields)
            }
            '[' => {
                let mut values = Vec::new();
                if chars.next_if_eq(&']').is_some() {
                    return Json::List(values);
                }
                loop {
                    values.push(Json::value(chars));
                    match chars.next() {
                        Some(',') => {}
                        end => {
                            assert_eq!(end, Some(']'));
                            return Json::List(values);
                        }
                    }
                }
            }
            '"' => Json::Text(Json::text(chars)),
            digit @ '0'..='9' => {
                let mut number = digit.to_string();
                while let Some(digit) = chars.next_if(|c| c.is_ascii_digit() || *c == '.') {
                    number.push(digit);
                }
                match number.contains('.') {
                    true => Json::Decimal(number.parse().unwrap()),
                    false => Json::Number(number.parse().unwrap()),
                }
            }
            letter => {
                let mut word = letter.to_string();
                while let Some(letter) = chars.next_if(char::is_ascii_lowercase) {
                    word.push(letter);
                }
                match &*word {
                    "null" => Json::Null,
                    "true" => Json::Bool(true),
                    "false" => Json::Bool(false),
                    _ => panic!("{word}"),
                }
            }
        }
    }

    fn text(chars: &mut Peekable<Chars<'_>>) -> String {
        let mut text = String::new();
        loop {
            match chars.next().expect("the string ends") {
                '"' => return text,
                '\\' => text.push(match chars.next() {
                    Some('n') => '\n',
                    Some('u') => {
                        let code: String = chars.by_ref().take(4).collect();
                        char::from_u32(u32::from_str_radix(&code, 16).unwrap()).unwrap()
                    }
                    char => char.filter(|char| "\"\\".contains(*char)).expect("an escape"),
                }),
                char => {
                    assert!(char >= ' ', "{char:?} is not permitted in a string");
                    text.push(char);
                }
            }
        }
    }

    /// The field of an object, or of an object in it.
    #[track_caller]
    pub(crate) fn at(&self, path: &str) -> &Json {
        path.split('.').fold(self, |value, name| match value {
            Json::Object(fields) => fields.get(name).unwrap_or_else(|| panic!("no {name}")),
            value => panic!("no object: {value:?}"),
        })
    }

    /// The field of an object that may not have it.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        let Json::Object(fields) = self else { panic!("no object: {self:?}") };
        fields.get(name)
    }

    #[track_caller]
    pub(crate) fn as_text(&self) -> &str {
        let Json::Text(text) = self else { panic!("no text: {self:?}") };
        text
    }

    #[track_caller]
    pub(crate) fn as_number(&self) -> u64 {
        let Json::Number(number) = self else { panic!("no whole number: {self:?}") };
        *number
    }

    #[track_caller]
    pub(crate) fn list(&self, name: &str) -> &[Json] {
        let Json::List(values) = self.at(name) else { panic!("{name} is no list") };
        values
    }
}

pub(crate) fn number(value: impl TryInto<u64, Error: std::fmt::Debug>) -> Json {
    Json::Number(value.try_into().unwrap())
}
