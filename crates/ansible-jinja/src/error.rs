//! Why a template has no text, or variables cannot be read: what is wrong, where, and what to do about it.

use std::fmt;

/// More lines than this are not shown.
const MOST_SNIPPETS: usize = 50;

/// A failure, explained to the template's author.
///
/// Its texts may quote values of variables, but for those that are [secret](crate::Variable::secret). What else must not be
/// shown is for the caller to hide: see [`Resolved::secrets`](crate::Resolved::secrets).
#[derive(Clone, Debug, PartialEq)]
pub struct Error(Box<Details>);

#[derive(Clone, Debug, PartialEq)]
struct Details {
    kind: ErrorKind,
    message: String,
    hint: Hint,
    place: Option<(u32, u32)>,
    snippets: Vec<Snippet>,
    undefined: Vec<UndefinedNames>,
    source: Option<yaml_dialects::Error>,
}

/// What kind of failure it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A template is not written as Jinja2 reads it.
    Syntax,
    /// Something that a template uses is not there.
    Undefined,
    /// An operation, filter, test or lookup failed, as it does with Ansible.
    Failed,
    /// Variables need one another.
    Cycle,
    /// Ansible may do this, and this library does not.
    Unsupported,
    /// It takes more than the [`Limits`](crate::Limits).
    Limit,
    /// What is encrypted cannot be opened.
    Encrypted,
    /// A file of variables, or the text of a value, cannot be read as YAML; `source` says why, unless the file is secret.
    Yaml,
    /// A file of this name is needed, and nobody looked for it yet. Ansible looks for `templates/NAME` in the template's
    /// folder, then for `NAME`.
    NeedsFile(String),
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            message: message.into(),
            hint: Hint::default(),
            place: None,
            snippets: Vec::new(),
            undefined: Vec::new(),
            source: None,
        }))
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.0.hint = hint.into();
        self
    }

    /// Says line and column.
    pub(crate) fn at(mut self, place: Option<(u32, u32)>) -> Self {
        self.0.place = place;
        self
    }

    /// Says which names are undefined, in parts.
    pub(crate) fn undefined_names(mut self, names: Vec<UndefinedNames>) -> Self {
        self.0.undefined = names;
        self
    }

    /// Shows the lines it speaks of, each place once.
    pub(crate) fn with(mut self, snippets: impl IntoIterator<Item = Snippet>) -> Self {
        for snippet in snippets {
            if self.0.snippets.len() < MOST_SNIPPETS && !self.0.snippets.contains(&snippet) {
                self.0.snippets.push(snippet);
            }
        }
        self
    }

    /// Says that it comes from YAML that cannot be read.
    pub(crate) fn because(mut self, error: yaml_dialects::Error) -> Self {
        self.0.place = Some((error.line(), error.column()));
        self.0.source = Some(error);
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What is wrong, in whole sentences.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Of what is undefined the same in parts, for whoever says it in another language. Empty where the message says more.
    pub fn undefined(&self) -> &[UndefinedNames] {
        &self.0.undefined
    }

    /// What to do about it, in whole sentences.
    pub fn advice(&self) -> &[Advice] {
        &self.0.hint.0
    }

    /// The line in the template (or in the text that was to be read), from 1.
    pub fn line(&self) -> Option<u32> {
        self.0.place.map(|(line, _)| line)
    }

    /// The column in that line, from 1, in characters.
    pub fn column(&self) -> Option<u32> {
        self.0.place.map(|(_, column)| column)
    }

    /// The lines it speaks of, the most important one first.
    pub fn snippets(&self) -> &[Snippet] {
        &self.0.snippets
    }
}

impl fmt::Display for Error {
    /// One line for the place and what is wrong, one for what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.0.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.0.message)?;
        match self.0.hint.0.is_empty() {
            true => Ok(()),
            false => write!(f, "\n  {}", self.0.hint),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_ref();
        source.map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// Names that are undefined and used in the same places.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UndefinedNames {
    /// As the template writes them, without quotes.
    pub names: Vec<String>,
    /// The lines that use them, such as `3` or ``3 of `file` ``; empty where it is one name, whose place is the error's.
    pub lines: Vec<String>,
    /// The variables whose values need them, such as `` `a` (vars.yml, line 3) through `b` ``.
    pub needed_by: Option<String>,
}

impl fmt::Display for UndefinedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.names.iter().map(|name| format!("'{name}'")).collect();
        write!(f, "{} (", names.join(", "))?;
        if let Some(chain) = &self.needed_by {
            write!(f, "needed by {chain}, used in ")?;
        }
        let s = if self.lines.len() > 1 { "s" } else { "" };
        write!(f, "line{s} {})", self.lines.join(", "))
    }
}

/// What to do about a failure. Its text is neutral; a program that knows where its variables come from can say more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// This.
    Say(String),
    /// Set the variable of this name, which is not set, or correct the template.
    AddVariable(String),
    /// The same of a name that is near to one that is set.
    AddOrCorrect,
    /// The same of several.
    AddVariables,
    /// Set the variable of this name: the template means no other.
    SetVariable(String),
    /// Put this, such as "the value", into a variable.
    UseVariable(&'static str),
    /// Give the password of this vault id.
    VaultPassword(String),
    /// Helm's `.Release` with this member is written: use a variable.
    Release(String),
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Say(text) => f.write_str(text),
            Self::AddVariable(name) => {
                write!(f, "Set the variable '{name}', or correct the template.")
            }
            Self::AddOrCorrect => f.write_str("Set the variable, or correct the template."),
            Self::AddVariables => {
                f.write_str("Set the missing variables, or correct the template.")
            }
            Self::SetVariable(name) => write!(f, "Set the variable '{name}'."),
            Self::UseVariable(what) => write!(f, "Put {what} into a variable."),
            Self::VaultPassword(id) => write!(f, "Give the password of the vault id `{id}`."),
            Self::Release(member) => {
                write!(
                    f,
                    "There is no release here: use a variable for its `{member}`."
                )
            }
        }
    }
}

/// Pieces of advice that follow one another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hint(pub Vec<Advice>);

impl Hint {
    /// Whether it begins with these words.
    pub fn starts_with(&self, words: &str) -> bool {
        matches!(self.0.first(), Some(Advice::Say(text)) if text.starts_with(words))
    }

    /// The same behind this.
    pub fn behind(mut self, first: impl Into<String>) -> Self {
        self.0.insert(0, Advice::Say(first.into()));
        self
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(Advice::to_string).collect();
        f.write_str(&texts.join(" "))
    }
}

impl From<Advice> for Hint {
    fn from(advice: Advice) -> Self {
        Self(vec![advice])
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        Advice::Say(text.to_owned()).into()
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Advice::Say(text).into()
    }
}

/// Which text a line is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextOf {
    /// The template, or a file that it uses.
    Template,
    /// The value of a variable, or the file it stands in.
    Value,
}

/// A line with a mark. All columns count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snippet {
    /// Which text it is from.
    pub of: TextOf,
    /// The file or the variable that the text belongs to; `None`: the template itself.
    pub name: Option<String>,
    /// From 1.
    pub line: u32,
    /// Where the part that is meant begins.
    pub column: u32,
    /// How many characters are meant.
    pub length: u32,
    /// The line, without its end.
    pub text: String,
    /// What is to be said at the mark.
    pub label: Option<Label>,
}

/// What is said at a mark. [`Display`](fmt::Display) gives it in English.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Label {
    /// The line uses this file, in which something is wrong.
    Uses(String),
    /// The value needs this variable.
    Needs(String),
    /// What the line uses, the first, needs the second.
    NeededBy(String, String),
    /// Nobody has set it.
    NotSet,
    /// Nobody has set it, but one of a similar name.
    NotSetButNear(String),
    /// The variable is set, but has nothing of this name.
    NotThere,
    /// The end of what is open is expected before this.
    ExpectedBefore,
    /// The tag begins here, with this.
    TagBegins(&'static str),
    /// A statement of this name is open.
    IsOpen(String),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uses(file) => write!(f, "uses `{file}`"),
            Self::Needs(name) => write!(f, "needs `{name}`"),
            Self::NeededBy(first, second) => write!(f, "`{first}` needs `{second}`"),
            Self::NotSet => f.write_str("not set"),
            Self::NotSetButNear(near) => write!(f, "not set; did you mean '{near}'?"),
            Self::NotThere => f.write_str("not there"),
            Self::ExpectedBefore => f.write_str("expected before this"),
            Self::TagBegins(sign) => write!(f, "the tag begins with `{sign}`"),
            Self::IsOpen(name) => write!(f, "this `{name}` is open"),
        }
    }
}

impl Snippet {
    /// Takes a line out of a text; `None` where there is no such line. What is meant ends with the line.
    pub(crate) fn line(
        of: TextOf,
        text: &str,
        line: u32,
        column: u32,
        length: u32,
    ) -> Option<Self> {
        let index = (line as usize).checked_sub(1)?;
        // A file that ends with a line end has an empty line behind it.
        let whole = text.split('\n').nth(index)?;
        let whole = whole.strip_suffix('\r').unwrap_or(whole);
        let characters = whole.chars().count();
        let start = (column.max(1) as usize - 1).min(characters);
        Some(Self {
            of,
            name: None,
            line,
            column: number(start + 1),
            length: number((length as usize).min((characters - start).max(1))),
            text: whole.to_owned(),
            label: None,
        })
    }

    /// The same by a position in the text: `offset` and `length` count bytes.
    pub(crate) fn at(of: TextOf, text: &str, offset: usize, length: usize) -> Option<Self> {
        let offset = floor(text, offset);
        let (line, column) = place(text, offset);
        let meant = &text[offset..floor(text, offset.saturating_add(length))];
        let meant = meant.split('\n').next().unwrap_or_default();
        Self::line(of, text, line, column, number(meant.chars().count().max(1)))
    }

    /// Says whose text it is.
    pub(crate) fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says something at the mark.
    pub(crate) fn label(mut self, label: impl Into<Option<Label>>) -> Self {
        self.label = label.into();
        self
    }
}

/// Line and column of a position in bytes, from 1.
pub(crate) fn place(text: &str, offset: usize) -> (u32, u32) {
    let before = &text[..floor(text, offset)];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (number(line), number(before[start..].chars().count() + 1))
}

/// The position itself, or the nearest one before it that stands between two characters of the text.
pub(crate) fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A text with a full stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_in_bytes_becomes_a_line_with_columns_in_characters() {
        let text = "a: 1\nß: {{ größe }}\r\nc: 3\n";
        let offset = text.find("größe").unwrap();
        let found = Snippet::at(TextOf::Template, text, offset, "größe".len()).unwrap();
        assert_eq!((found.line, found.column, found.length), (2, 7, 5));
        assert_eq!(found.text, "ß: {{ größe }}");
    }

    #[test]
    fn what_is_meant_ends_with_its_line_and_may_stand_behind_the_last_character() {
        let found = Snippet::at(TextOf::Template, "{% if\nx", 3, 4).unwrap();
        assert_eq!((found.length, found.text.as_str()), (2, "{% if"));
        let end = Snippet::at(TextOf::Template, "a: 1", 4, 1).unwrap();
        assert_eq!((end.column, end.length), (5, 1));
        assert_eq!(Snippet::line(TextOf::Template, "a", 2, 1, 1), None);
    }
}
