//! What the environment says, which wins over the program.

use std::io;

/// Reads a variable of the environment. It is an error if the variable is set and no whole number.
pub(crate) fn number(name: &str) -> io::Result<Option<usize>> {
    let Some(text) = std::env::var_os(name) else {
        return Ok(None);
    };
    let number = text.to_str().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name} is {text:?}; it has to be a whole number"),
        )
    })
}
