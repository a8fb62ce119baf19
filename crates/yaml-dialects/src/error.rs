//! Why a text cannot be read.

use std::fmt;

use crate::grammar::Place;

/// Why a text cannot be read as YAML, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    place: Place,
    document: Option<u32>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// It is no YAML, or not of values that the program knows: the program refuses it, too.
    Invalid,
    /// A tab stands where only blanks can indent: the program refuses it, too.
    Tab,
    /// It is nested deeper than [`Limits::depth`](crate::Limits::depth).
    TooDeep,
    /// It holds more than [`Limits::nodes`](crate::Limits::nodes) values, or unfolds to as many.
    TooManyNodes,
    /// Aliases repeat more than [`Limits::repeated_bytes`](crate::Limits::repeated_bytes) of text.
    TooMuchRepeated,
    /// It is longer than [`Limits::bytes`](crate::Limits::bytes).
    TooLong,
    /// The program reads this, and this library cannot hold it. It concerns the value that it stands in alone.
    Unsupported,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, place: Place, message: impl Into<String>) -> Self {
        let mut message = message.into();
        // What is quoted may be as long as the text itself.
        if let Some((end, _)) = message.char_indices().nth(400) {
            message.truncate(end);
            message.push('…');
        }
        Self {
            kind,
            message,
            place,
            document: None,
        }
    }

    pub(crate) fn at(place: Place, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, place, message)
    }

    pub(crate) fn unsupported(place: Place, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, place, message)
    }

    /// The same failure at another place.
    pub(crate) fn moved(self, place: Place) -> Self {
        Self { place, ..self }
    }

    pub(crate) fn in_document(self, number: u32) -> Self {
        Self {
            document: Some(number),
            ..self
        }
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What is wrong, without the place: it begins in lower case and has no full stop.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The line, from 1.
    pub fn line(&self) -> u32 {
        self.place.line
    }

    /// The column, from 1, in characters.
    pub fn column(&self) -> u32 {
        self.place.column
    }

    /// The number of the document in its stream, from 1, where a stream is read.
    pub fn document(&self) -> Option<u32> {
        self.document
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "line {line}, column {column}: {}", self.message)
    }
}

impl std::error::Error for Error {}
