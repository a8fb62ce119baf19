//! From a template's text to tokens, as Jinja2 cuts it.

use std::borrow::Cow;
use std::rc::Rc;

use num_bigint::BigInt;

use crate::python::chars::is_blank;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, number};

/// How templates are written: what a `#jinja2:` line can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syntax {
    pub block: (String, String),
    pub variable: (String, String),
    pub comment: (String, String),
    pub trim_blocks: bool,
    pub lstrip_blocks: bool,
    pub keep_trailing_newline: bool,
    /// Backslashes of text literals in `{{ }}` are taken as they are: Ansible's way with values of variables.
    pub plain_backslashes: bool,
}

impl Default for Syntax {
    /// As Ansible sets them for templates.
    fn default() -> Self {
        let pair = |open: &str, close: &str| (open.to_owned(), close.to_owned());
        Self {
            block: pair("{%", "%}"),
            variable: pair("{{", "}}"),
            comment: pair("{#", "#}"),
            trim_blocks: true,
            lstrip_blocks: false,
            keep_trailing_newline: false,
            plain_backslashes: false,
        }
    }
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Data(Rc<str>),
    BlockBegin,
    BlockEnd,
    VariableBegin,
    VariableEnd,
    Name(Rc<str>),
    Text(Rc<str>),
    Number(Constant),
    Operator(&'static str),
    End,
}

/// A number as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    Whole(BigInt),
    Float(f64),
}

impl Constant {
    pub fn value(&self) -> Value {
        match self {
            Self::Whole(number) => Value::big(number.clone()),
            Self::Float(number) => Value::Float(*number),
        }
    }
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub at: usize,
    pub end: usize,
}

const OPERATORS: [&str; 29] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
    ">", "<", "=", ".", ":", "|", ",", ";", "!=", "==", "**",
];

/// Line ends as Jinja2 sees them.
pub fn normalise(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Words and signs in all tags of a template: far beyond any that somebody writes.
const MAX_TOKENS: usize = 250_000;
/// The longest name, in bytes.
const MAX_WORD: usize = 10_000;

/// Cuts a text, whose line ends are normalised, into tokens from a position on.
pub fn tokens(source: &str, start: usize, syntax: &Syntax) -> Result<Vec<Token>> {
    let source = match source.strip_suffix('\n') {
        Some(shorter) if !syntax.keep_trailing_newline => shorter,
        _ => source,
    };
    let position = start.min(source.len());
    let next = |open: &str| source[position..].find(open).map(|found| position + found);
    let mut opens = [
        (&*syntax.block.0, Tag::Block, next(&syntax.block.0)),
        (&*syntax.variable.0, Tag::Variable, next(&syntax.variable.0)),
        (&*syntax.comment.0, Tag::Comment, next(&syntax.comment.0)),
    ];
    opens.sort_by_key(|(open, ..)| std::cmp::Reverse(open.len()));
    Lexer {
        source,
        syntax,
        opens,
        position,
        tokens: Vec::new(),
        line_begins: true,
    }
    .run()
}

struct Lexer<'a> {
    source: &'a str,
    syntax: &'a Syntax,
    /// What tags begin with, the longest first, and where each is found next.
    opens: [(&'a str, Tag, Option<usize>); 3],
    position: usize,
    tokens: Vec<Token>,
    /// Whether nothing but blanks may stand before a tag for `lstrip_blocks`.
    line_begins: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Block,
    Variable,
    Comment,
}

impl<'a> Lexer<'a> {
    fn run(mut self) -> Result<Vec<Token>> {
        while self.position < self.source.len() {
            let Some((start, tag)) = self.next_tag() else {
                self.data(self.position, self.source.len(), None);
                self.position = self.source.len();
                break;
            };
            let open = match tag {
                Tag::Block => &self.syntax.block.0,
                Tag::Variable => &self.syntax.variable.0,
                Tag::Comment => &self.syntax.comment.0,
            };
            let after = start + open.len();
            let sign = self.source[after..]
                .chars()
                .next()
                .filter(|sign| "-+".contains(*sign));
            let strip = match sign {
                Some('-') => Some(true),
                Some(_) => None,
                None => (self.syntax.lstrip_blocks && tag != Tag::Variable).then_some(false),
            };
            self.data(self.position, start, strip);
            self.position = after + sign.map_or(0, char::len_utf8);
            match tag {
                Tag::Comment => self.comment(start)?,
                Tag::Block => match self.raw() {
                    Some(end) => self.raw_text(start, end)?,
                    None => self.tag(tag, start)?,
                },
                Tag::Variable => self.tag(tag, start)?,
            }
        }
        let end = self.source.len();
        self.push(Kind::End, end, end);
        Ok(self.tokens)
    }

    fn push(&mut self, kind: Kind, at: usize, end: usize) {
        self.tokens.push(Token { kind, at, end });
    }

    /// The next place where a tag begins. Of tags that begin at one place the longest wins.
    fn next_tag(&mut self) -> Option<(usize, Tag)> {
        // What was found behind the position is found again: a text without comments is searched for them once.
        for (open, _, next) in &mut self.opens {
            if next.is_some_and(|next| next < self.position) {
                let found = self.source[self.position..].find(*open);
                *next = found.map(|found| self.position + found);
            }
        }
        let tags = self.opens.iter();
        tags.filter_map(|(_, tag, next)| Some(((*next)?, *tag)))
            .min_by_key(|(at, _)| *at)
    }

    /// Adds text between tags. `strip`: all blanks at its end are dropped (`Some(true)`), those of its last line if it
    /// holds nothing else (`Some(false)`).
    fn data(&mut self, from: usize, to: usize, strip: Option<bool>) {
        let mut text = &self.source[from..to];
        match strip {
            Some(true) => text = text.trim_end_matches(is_blank),
            Some(false) => {
                let line = text.rfind('\n').map_or(0, |end| end + 1);
                let begins = line > 0 || self.line_begins;
                if begins && text[line..].chars().all(is_blank) {
                    text = &text[..line];
                }
            }
            None => {}
        }
        if to > from {
            self.line_begins = self.source[..to].ends_with('\n');
        }
        if !text.is_empty() {
            self.push(Kind::Data(Rc::from(text)), from, from + text.len());
        }
    }

    /// Goes behind a closing tag at the position; `None` where there is none.
    fn close(&mut self, close: &str, trims: bool) -> bool {
        let rest = &self.source[self.position..];
        let after = |length: usize| self.position + length;
        if let Some(inner) = rest.strip_prefix('-')
            && inner.starts_with(close)
        {
            let end = after(1 + close.len());
            let blanks =
                self.source[end..].len() - self.source[end..].trim_start_matches(is_blank).len();
            self.position = end + blanks;
        } else if let Some(inner) = rest.strip_prefix('+')
            && inner.starts_with(close)
            && trims
        {
            self.position = after(1 + close.len());
        } else if rest.starts_with(close) {
            self.position = after(close.len());
            if trims && self.syntax.trim_blocks && self.source[self.position..].starts_with('\n') {
                self.position += 1;
            }
        } else {
            return false;
        }
        self.line_begins = self.source[..self.position].ends_with('\n');
        true
    }

    fn comment(&mut self, start: usize) -> Result<()> {
        let close = self.syntax.comment.1.clone();
        match self.source[self.position..].find(&close) {
            Some(end) => {
                // A sign before the closing tag belongs to it.
                let end = self.position + end;
                let signed = end > self.position && self.source[..end].ends_with(['-', '+']);
                self.position = end - usize::from(signed);
                self.close(&close, true);
                Ok(())
            }
            None => Err(Error::failed("the comment that begins here does not end")
                .at(start)
                .spanning(2)),
        }
    }

    /// Behind the tag, if it is `raw`.
    fn raw(&self) -> Option<usize> {
        let rest = self.source[self.position..]
            .trim_start_matches(is_blank)
            .strip_prefix("raw")?;
        let rest = rest.trim_start_matches(is_blank);
        let close = &self.syntax.block.1;
        let at = self.source.len() - rest.len();
        if rest.starts_with(close.as_str()) {
            return Some(at + close.len());
        }
        let inner = rest.strip_prefix('-')?.strip_prefix(close.as_str())?;
        Some(self.source.len() - inner.trim_start_matches(is_blank).len())
    }

    fn raw_text(&mut self, start: usize, from: usize) -> Result<()> {
        let (open, close) = self.syntax.block.clone();
        let mut search = from;
        while let Some(found) = self.source[search..].find(&open) {
            let at = search + found;
            let after = at + open.len();
            let sign = self.source[after..]
                .chars()
                .next()
                .filter(|sign| "-+".contains(*sign));
            self.position = after + sign.map_or(0, char::len_utf8);
            let rest = self.source[self.position..].trim_start_matches(is_blank);
            if let Some(rest) = rest.strip_prefix("endraw") {
                let rest = rest.trim_start_matches(is_blank);
                self.position = self.source.len() - rest.len();
                let position = self.position;
                if self.close(&close, true) {
                    let end = self.position;
                    let strip = match sign {
                        Some('-') => Some(true),
                        Some(_) => None,
                        None => self.syntax.lstrip_blocks.then_some(false),
                    };
                    self.line_begins = self.source[..from].ends_with('\n');
                    self.data(from, at, strip);
                    self.line_begins = self.source[..end].ends_with('\n');
                    self.position = end;
                    return Ok(());
                }
                self.position = position;
            }
            search = after;
        }
        Err(Error::failed("the `raw` that begins here has no `endraw`")
            .at(start)
            .spanning(2))
    }

    fn tag(&mut self, tag: Tag, start: usize) -> Result<()> {
        let (begin, finish, close) = match tag {
            Tag::Block => (
                Kind::BlockBegin,
                Kind::BlockEnd,
                self.syntax.block.1.clone(),
            ),
            _ => (
                Kind::VariableBegin,
                Kind::VariableEnd,
                self.syntax.variable.1.clone(),
            ),
        };
        self.push(begin, start, self.position);
        let mut open: Vec<(char, usize)> = Vec::new();
        loop {
            let at = self.position;
            if self.tokens.len() > MAX_TOKENS {
                return Err(Error::unsupported(
                    format!("this template has more than {MAX_TOKENS} words and signs in its tags"),
                    "Cut it into several templates.",
                )
                .at(at));
            }
            if open.is_empty() && self.close(&close, tag == Tag::Block) {
                self.push(finish, at, self.position);
                return Ok(());
            }
            let rest = &self.source[at..];
            let Some(character) = rest.chars().next() else {
                return Err(Error::failed(format!(
                    "the tag that begins here is not closed: `{close}` is missing"
                ))
                .at(start)
                .spanning(2));
            };
            if is_blank(character) {
                self.position += character.len_utf8();
                continue;
            }
            if let Some((kind, length)) = number(rest, self.source[..at].ends_with('.')) {
                if matches!(kind, Constant::Float(number) if number.is_infinite()) {
                    return Err(Error::failed("this number is too large for a float")
                        .at(at)
                        .spanning(length));
                }
                self.position += length;
                self.push(Kind::Number(kind), at, self.position);
            } else if character == '_' || character.is_alphanumeric() {
                let length = rest
                    .find(|next: char| !(next.is_alphanumeric() || next == '_' || is_mark(next)))
                    .unwrap_or(rest.len());
                if length > MAX_WORD {
                    return Err(Error::unsupported(
                        format!("this name or number is longer than {MAX_WORD} bytes"),
                        "Look for a repetition that is far too long.",
                    )
                    .at(at));
                }
                self.position += length;
                if character.is_numeric() {
                    return Err(Error::failed(format!(
                        "`{}` is neither a number nor a name",
                        &rest[..length]
                    ))
                    .at(at)
                    .spanning(length));
                }
                self.push(Kind::Name(Rc::from(&rest[..length])), at, self.position);
            } else if character == '\'' || character == '"' {
                let length = literal(rest).ok_or_else(|| {
                    Error::failed("the text that begins here has no closing quote").at(at)
                })?;
                self.position += length;
                let inner = &rest[1..length - 1];
                let plain = self.syntax.plain_backslashes && tag == Tag::Variable;
                let text = if plain || !inner.contains('\\') {
                    Rc::from(inner)
                } else {
                    Rc::from(unescaped(inner).map_err(|error| error.at(at).spanning(length))?)
                };
                self.push(Kind::Text(text), at, self.position);
            } else if let Some(operator) = OPERATORS
                .iter()
                .find(|operator| rest.starts_with(**operator))
            {
                match *operator {
                    "(" | "[" | "{" => open.push((character, at)),
                    ")" | "]" | "}" => {
                        let wanted = match character {
                            ')' => '(',
                            ']' => '[',
                            _ => '{',
                        };
                        match open.pop() {
                            None => {
                                return Err(
                                    Error::failed(format!("unexpected '{character}'")).at(at)
                                );
                            }
                            Some((last, _)) if last != wanted => {
                                return Err(Error::failed(format!(
                                    "'{character}' closes what '{last}' opened"
                                ))
                                .at(at));
                            }
                            Some(_) => {}
                        }
                    }
                    _ => {}
                }
                self.position += operator.len();
                self.push(Kind::Operator(operator), at, self.position);
            } else {
                return Err(Error::failed(format!("unexpected character '{character}'")).at(at));
            }
        }
    }
}

fn is_mark(character: char) -> bool {
    // Combining marks continue a name, as in decomposed letters.
    matches!(u32::from(character), 0x300..=0x36f | 0x483..=0x487 | 0x591..=0x5bd | 0x610..=0x61a | 0x64b..=0x65f | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f)
}

/// Jinja2's numbers at the beginning of a text, with their length.
fn number(text: &str, after_point: bool) -> Option<(Constant, usize)> {
    let bytes = text.as_bytes();
    if !bytes.first()?.is_ascii_digit() {
        return None;
    }
    // Digits with single underscores between them, from a position on.
    let digits = |from: usize| {
        let mut end = from;
        while end < bytes.len() {
            let underscored = bytes[end] == b'_'
                && end > from
                && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
            if !(bytes[end].is_ascii_digit() || underscored) {
                break;
            }
            end += 1;
        }
        end
    };
    if !after_point {
        let whole = digits(0);
        let mut end = whole;
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
        }
        if bytes
            .get(end)
            .is_some_and(|byte| byte.eq_ignore_ascii_case(&b'e'))
        {
            let signed =
                end + 1 + usize::from(bytes.get(end + 1).is_some_and(|sign| b"+-".contains(sign)));
            if bytes.get(signed).is_some_and(u8::is_ascii_digit) {
                end = digits(signed);
            }
        }
        if end > whole {
            let number = text[..end].replace('_', "").parse().ok()?;
            return Some((Constant::Float(number), end));
        }
    }
    let lower = text.get(..2).unwrap_or("").to_ascii_lowercase();
    for (prefix, base) in [("0b", 2), ("0o", 8), ("0x", 16)] {
        if lower == prefix {
            let mut end = 2;
            while end < bytes.len() {
                let digit = |index: usize| {
                    bytes
                        .get(index)
                        .is_some_and(|byte| char::from(*byte).is_digit(base))
                };
                if !(digit(end) || bytes[end] == b'_' && digit(end + 1)) {
                    break;
                }
                end += 1;
            }
            if end > 2 {
                return Some((
                    Constant::Whole(number::parse_integer(&text[..end], 0)?),
                    end,
                ));
            }
        }
    }
    let end = if bytes[0] == b'0' {
        let mut end = 1;
        while bytes.get(end) == Some(&b'0')
            || bytes.get(end) == Some(&b'_') && bytes.get(end + 1) == Some(&b'0')
        {
            end += 1;
        }
        end
    } else {
        digits(0)
    };
    // Python reads no more.
    if end > 4300 {
        return None;
    }
    let number = BigInt::parse_bytes(text[..end].replace('_', "").as_bytes(), 10)?;
    Some((Constant::Whole(number), end))
}

/// The length of a quoted text, quotes included.
fn literal(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let mut characters = text.char_indices().skip(1);
    while let Some((index, character)) = characters.next() {
        if character == '\\' {
            characters.next()?;
        } else if character == quote {
            return Some(index + 1);
        }
    }
    None
}

/// Python's escapes in a text.
fn unescaped(text: &str) -> Result<String> {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            result.push(character);
            continue;
        }
        let Some(escaped) = characters.next() else {
            return fail("a text ends with a single `\\`");
        };
        let mut hexadecimal = |length: usize| {
            let digits: String = std::iter::from_fn(|| characters.next_if(char::is_ascii_hexdigit))
                .take(length)
                .collect();
            let code = u32::from_str_radix(&digits, 16)
                .ok()
                .filter(|_| digits.len() == length);
            match code {
                None => fail(format!("`\\{escaped}` needs {length} hexadecimal digits")),
                Some(code) => char::from_u32(code).ok_or_else(|| {
                    Error::unsupported(
                        format!("`\\{escaped}{digits}` is no character"),
                        "Write the character itself.",
                    )
                }),
            }
        };
        match escaped {
            '\n' => {}
            '\\' | '\'' | '"' => result.push(escaped),
            'a' => result.push('\u{7}'),
            'b' => result.push('\u{8}'),
            'f' => result.push('\u{c}'),
            'n' => result.push('\n'),
            'r' => result.push('\r'),
            't' => result.push('\t'),
            'v' => result.push('\u{b}'),
            'x' => result.push(hexadecimal(2)?),
            'u' => result.push(hexadecimal(4)?),
            'U' => result.push(hexadecimal(8)?),
            'N' => {
                return Err(Error::unsupported(
                    "characters by their names (`\\N{…}`) are not supported",
                    "Write the character itself, or `\\u` and four digits.",
                ));
            }
            '0'..='7' => {
                let mut code = escaped.to_digit(8).unwrap_or_default();
                for _ in 0..2 {
                    match characters.peek().and_then(|next| next.to_digit(8)) {
                        Some(digit) => {
                            code = code * 8 + digit;
                            characters.next();
                        }
                        None => break,
                    }
                }
                result.push(char::from_u32(code).unwrap_or_default());
            }
            other => {
                result.push('\\');
                result.push(other);
            }
        }
    }
    Ok(result)
}
