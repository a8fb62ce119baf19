//! Why an expression has no value: what is wrong, where, and whether a template may go on regardless.

use std::fmt;
use std::rc::Rc;

use crate::error::{ErrorKind, Hint};

/// A failure while reading or rendering a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Details>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    kind: Kind,
    unknown: Option<Unknown>,
    message: String,
    hint: Option<Hint>,
    cause: Cause,
    place: Option<usize>,
    length: usize,
    /// The file that the place is in; empty for the template itself.
    file: Option<Rc<str>>,
    /// Where the template itself uses that file.
    used_at: Option<usize>,
    needed_by: Vec<Need>,
    also: Vec<Error>,
    encrypted: Option<String>,
}

/// A variable through which a failure was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    pub name: String,
    /// The text of its value.
    pub text: String,
    /// What is wrong, as seen from within that text.
    pub message: String,
    /// Position and length in that text.
    pub place: Option<(usize, usize)>,
}

/// What a failure means for what stands around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something is not there; `default` and `is defined` can be asked of it. Holds the name as it was written, where
    /// there is one.
    Undefined(String),
    /// An operation, filter or test failed; it counts as not defined, but `default` does not replace it.
    Failed,
    /// Variables that need one another. Nothing may hide it either.
    Ring,
    /// Nothing may hide this: a limit, what is encrypted, or what is not supported.
    Fatal,
    /// A file of this name is needed, and nobody looked for it yet.
    Needs(String),
}

/// What the message says of a name that stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// That it is undefined.
    Only,
    /// The same, and why.
    Because(String),
}

/// Why it failed, as far as what stands around it does not mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Other,
    Syntax,
    Limit,
    Unsupported,
}

/// The result of everything that evaluates.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            unknown: None,
            message: message.into(),
            hint: None,
            cause: Cause::Other,
            place: None,
            length: 1,
            file: None,
            used_at: None,
            needed_by: Vec::new(),
            also: Vec::new(),
            encrypted: None,
        }))
    }

    /// An operation that Ansible refuses, too.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// Something that does not exist.
    pub fn undefined(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Undefined(name.into()), message)
    }

    /// A name that stands for nothing.
    pub fn unknown_name(name: &str) -> Self {
        let mut error = Self::undefined(name, format!("'{name}' is undefined"));
        error.0.unknown = Some(Unknown::Only);
        error
    }

    /// The same where it can be said why.
    pub fn unknown_because(name: &str, why: impl Into<String>) -> Self {
        let why = why.into();
        let mut error = Self::undefined(name, format!("'{name}' is undefined: {why}"));
        error.0.unknown = Some(Unknown::Because(why));
        error
    }

    /// What no `default` may hide.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::new(Kind::Fatal, message)
    }

    /// Variables that need one another.
    pub fn ring(message: impl Into<String>) -> Self {
        Self::new(Kind::Ring, message)
    }

    /// What Ansible may do, and this library does not.
    pub fn unsupported(message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Self::new(Kind::Fatal, message)
            .hint(hint)
            .caused(Cause::Unsupported)
    }

    /// What takes too much.
    pub fn limit(message: impl Into<String>, hint: impl Into<Hint>) -> Self {
        Self::new(Kind::Fatal, message)
            .hint(hint)
            .caused(Cause::Limit)
    }

    /// The same of a template that cannot be read, unless something else is known of it.
    pub fn of_syntax(self) -> Self {
        match self.0.cause {
            Cause::Other => self.caused(Cause::Syntax),
            _ => self,
        }
    }

    fn caused(mut self, cause: Cause) -> Self {
        self.0.cause = cause;
        self
    }

    /// What it is to the caller of this library.
    pub fn error_kind(&self) -> ErrorKind {
        match (&self.0.kind, self.0.cause) {
            (Kind::Needs(name), _) => ErrorKind::NeedsFile(name.clone()),
            (Kind::Ring, _) => ErrorKind::Cycle,
            (_, Cause::Syntax) => ErrorKind::Syntax,
            (_, Cause::Limit) => ErrorKind::Limit,
            (_, Cause::Unsupported) => ErrorKind::Unsupported,
            (Kind::Undefined(_), _) => ErrorKind::Undefined,
            _ if self.0.encrypted.is_some() => ErrorKind::Encrypted,
            _ => ErrorKind::Failed,
        }
    }

    /// A file that nobody looked for yet.
    pub fn needs_file(file: &str) -> Self {
        let message = format!("the file `{file}` is needed, and cannot be read here");
        Self::new(Kind::Needs(file.to_owned()), message)
            .hint("Put the file's text into this template.")
    }

    /// What stays encrypted; `text` is what ansible-vault wrote.
    pub fn encrypted(message: impl Into<String>, text: &str) -> Self {
        let mut error = Self::fatal(message);
        error.0.encrypted = Some(text.to_owned());
        error
    }

    /// Adds the way out.
    pub fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says where it happened, unless that is known more precisely already.
    pub fn at(mut self, offset: usize) -> Self {
        self.0.place.get_or_insert(offset);
        self
    }

    /// How many bytes of the source are meant.
    pub fn spanning(mut self, length: usize) -> Self {
        self.0.length = length.max(1);
        self
    }

    /// Says which file its place is in (empty for the template itself), unless that is known. Of a failure in another
    /// file the template keeps the place (`at`) where it uses it.
    pub fn in_file(mut self, file: &Rc<str>, at: usize) -> Self {
        if self.0.place.is_none() {
            return self;
        }
        match &self.0.file {
            None => self.0.file = Some(file.clone()),
            Some(known) if !known.is_empty() && file.is_empty() => {
                self.0.used_at.get_or_insert(at);
            }
            Some(_) => {}
        }
        self
    }

    /// Whether a file has something to add to where it happened.
    pub fn lacks_place(&self, file: &str) -> bool {
        match &self.0.file {
            None => true,
            Some(known) => !known.is_empty() && file.is_empty() && self.0.used_at.is_none(),
        }
    }

    /// The file that the place is in, and where the template itself uses it; none for the template itself.
    pub fn file(&self) -> Option<(&str, usize)> {
        let file = self.0.file.as_deref().filter(|file| !file.is_empty())?;
        Some((file, self.0.used_at.unwrap_or_default()))
    }

    /// The same failure as it appears to what uses the value: with another message, and a place still to be found.
    pub fn seen_from_outside(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self.0.place = None;
        self.0.length = 1;
        self.0.file = None;
        self.0.used_at = None;
        // The others stand in the same place as seen from there.
        for other in &mut self.0.also {
            other.0.place = None;
            other.0.length = 1;
            other.0.file = None;
            other.0.used_at = None;
        }
        self
    }

    /// Says that it stands in the value of a variable, `text`, where its place is so far. The variable that is used comes
    /// first.
    pub fn needed_by(mut self, name: &str, text: &str) -> Self {
        let need = Need {
            name: name.to_owned(),
            text: text.to_owned(),
            message: self.message().to_owned(),
            place: self.place(),
        };
        self.0.needed_by.insert(0, need);
        let also = std::mem::take(&mut self.0.also).into_iter();
        let also = also.map(|error| match self.place() {
            Some((offset, length)) if error.place().is_none() => error.at(offset).spanning(length),
            _ => error,
        });
        self.0.also = also.map(|error| error.needed_by(name, text)).collect();
        self
    }

    /// Whether it is of a name that stands for nothing, and what is said of that.
    pub fn unknown(&self) -> Option<&Unknown> {
        self.0.unknown.as_ref()
    }

    /// The variables through which it was met.
    pub fn needs(&self) -> &[Need] {
        &self.0.needed_by
    }

    /// What ansible-vault wrote, where that could not be opened.
    pub fn encrypted_text(&self) -> Option<&str> {
        self.0.encrypted.as_deref()
    }

    /// Adds what else is undefined in the same value.
    pub fn and(mut self, others: impl IntoIterator<Item = Self>) -> Self {
        self.0.also.extend(others);
        self
    }

    /// What else is undefined in the same value.
    pub fn also(&self) -> &[Self] {
        &self.0.also
    }

    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn advice(&self) -> Option<&Hint> {
        self.0.hint.as_ref()
    }

    /// Position and length in the (newline-normalised) source.
    pub fn place(&self) -> Option<(usize, usize)> {
        self.0.place.map(|place| (place, self.0.length))
    }

    pub fn is_undefined(&self) -> bool {
        matches!(self.0.kind, Kind::Undefined(_))
    }

    pub fn is_fatal(&self) -> bool {
        matches!(self.0.kind, Kind::Fatal | Kind::Ring | Kind::Needs(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// An operation that Ansible refuses, too.
pub fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::failed(message))
}
