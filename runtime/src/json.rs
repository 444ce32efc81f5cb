//! Strings in JSON.

use std::fmt::{self, Display, Write};

/// A string, quoted.
#[derive(Debug)]
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for char in self.0.chars() {
            match char {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                char if char.is_control() => write!(f, "\\u{:04x}", u32::from(char))?,
                char => f.write_char(char)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let show = |text| Text(text).to_string();
        assert_eq!(show(r#"a "b" c:\d"#), r#""a \"b\" c:\\d""#);
        assert_eq!(show("1\n2\t3\0\u{7f}\u{9f}é€😀"), r#""1\n2\u00093\u0000\u007f\u009fé€😀""#);
        assert_eq!(show(""), r#""""#);
    }
}
