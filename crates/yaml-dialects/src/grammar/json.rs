//! JSON as Go and Python read it, into the nodes that YAML gives.
//!
//! A text that is JSON is read by JSON's rules by kubectl (if it begins with `{`) and by Ansible (a file of variables);
//! if that fails, it is read as YAML.

use std::borrow::Cow;
use std::rc::Rc;

use super::scanner::Dialect;
use super::{Content, Node, Place, Scalar};
use crate::error::Error;
use crate::limits::Limits;

/// Reads values that follow one another.
pub struct Json<'a> {
    text: &'a str,
    dialect: Dialect,
    limits: Limits,
    /// Byte offset.
    at: usize,
    /// The place of `counted`, a byte offset before `at`.
    place: Place,
    counted: usize,
    nodes: usize,
}

type Result<T> = std::result::Result<T, Error>;

impl<'a> Json<'a> {
    pub fn new(text: &'a str, dialect: Dialect, limits: &Limits) -> Self {
        Self {
            text,
            dialect,
            limits: *limits,
            at: 0,
            place: Place { line: 1, column: 1 },
            counted: 0,
            nodes: 0,
        }
    }

    /// The next value, if there is one.
    pub fn value(&mut self) -> Result<Option<Rc<Node<'a>>>> {
        if self.text.len() > self.limits.bytes {
            let place = self.here();
            return Err(self.limits.too_long(place));
        }
        self.blanks();
        if self.at == self.text.len() {
            return Ok(None);
        }
        self.node(0).map(Some)
    }

    /// How many bytes were read.
    pub fn read(&self) -> usize {
        self.at
    }

    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn here(&mut self) -> Place {
        for character in self.text[self.counted..self.at].chars() {
            if character == '\n' {
                self.place.line = self.place.line.saturating_add(1);
                self.place.column = 1;
            } else {
                self.place.column = self.place.column.saturating_add(1);
            }
        }
        self.counted = self.at;
        self.place
    }

    fn wrong<T>(&mut self, message: &str) -> Result<T> {
        Err(Error::at(self.here(), message))
    }

    fn node(&mut self, depth: usize) -> Result<Rc<Node<'a>>> {
        let place = self.here();
        if depth > self.limits.depth {
            return Err(self.limits.too_deep(place));
        }
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(self.limits.too_many_nodes(place));
        }
        let content = match self.byte() {
            b'{' => Content::Mapping(self.object(depth)?),
            b'[' => Content::Sequence(self.array(depth)?),
            b'"' => Content::Scalar(Scalar {
                text: Cow::Owned(self.string()?),
                plain: false,
            }),
            _ => Content::Scalar(Scalar {
                text: Cow::Borrowed(self.literal()?),
                plain: true,
            }),
        };
        // Go fails for it without looking further, which its tag brings about.
        let is_beyond = self.dialect == Dialect::Go
            && matches!(&content, Content::Scalar(Scalar { text, plain: true })
                if text.parse().is_ok_and(f64::is_infinite));
        Ok(Rc::new(Node {
            place,
            tag: is_beyond.then(|| "tag:yaml.org,2002:float".to_owned()),
            is_unsafe: false,
            content,
        }))
    }

    /// Whether another item follows, in a collection that ends with `end`.
    fn goes_on(&mut self, is_first: bool, end: u8) -> Result<bool> {
        self.blanks();
        if self.byte() == end {
            self.at += 1;
            return Ok(false);
        }
        if !is_first {
            if self.byte() != b',' {
                return self.wrong("a comma, or the end of what is open, is expected here");
            }
            self.at += 1;
            self.blanks();
        }
        Ok(true)
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Rc<Node<'a>>>> {
        self.at += 1;
        let mut items = Vec::new();
        while self.goes_on(items.is_empty(), b']')? {
            items.push(self.node(depth + 1)?);
        }
        Ok(items)
    }

    fn object(&mut self, depth: usize) -> Result<Vec<(Rc<Node<'a>>, Rc<Node<'a>>)>> {
        self.at += 1;
        let mut pairs = Vec::new();
        while self.goes_on(pairs.is_empty(), b'}')? {
            if self.byte() != b'"' {
                return self.wrong("a key in double quotes is expected here");
            }
            let key = self.node(depth + 1)?;
            self.blanks();
            if self.byte() != b':' {
                return self.wrong("a `:` is expected behind a key");
            }
            self.at += 1;
            self.blanks();
            pairs.push((key, self.node(depth + 1)?));
        }
        Ok(pairs)
    }

    /// A number, or one of the words that JSON has.
    fn literal(&mut self) -> Result<&'a str> {
        let rest = &self.text[self.at..];
        let python: &[&str] = match self.dialect {
            Dialect::Go => &[],
            _ => &["NaN", "Infinity", "-Infinity"],
        };
        let length = ["null", "true", "false"]
            .iter()
            .chain(python)
            .find(|word| rest.starts_with(**word))
            .map(|word| word.len())
            .or_else(|| number_length(rest.as_bytes()));
        let Some(length) = length else {
            return self.wrong("a value is expected here");
        };
        self.at += length;
        Ok(&rest[..length])
    }

    fn string(&mut self) -> Result<String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let length = rest
                .bytes()
                .position(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'))
                .unwrap_or(rest.len());
            text.push_str(&rest[..length]);
            self.at += length;
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok(text);
                }
                b'\\' => {
                    self.at += 1;
                    let character = self.escape()?;
                    text.push(character);
                }
                _ => return self.wrong("a text must end on its line"),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let escape = self.byte();
        // Not into a character of several bytes, and not behind the end.
        self.at += usize::from(escape.is_ascii() && self.at < self.text.len());
        Ok(match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let (0xd800..0xdc00, true) = (unit, self.text[self.at..].starts_with("\\u")) else {
                    return self.character(unit);
                };
                let behind_first = self.at;
                self.at += 2;
                let second = self.unit()?;
                if let 0xdc00..0xe000 = second {
                    return self.character(0x10000 + (((unit - 0xd800) << 10) + (second - 0xdc00)));
                }
                self.at = behind_first;
                self.character(unit)?
            }
            _ => return self.wrong("there is no such escape in JSON"),
        })
    }

    /// Half of a character alone is replaced by Go, kept by Python.
    fn character(&mut self, code: u32) -> Result<char> {
        match char::from_u32(code) {
            Some(character) => Ok(character),
            None if self.dialect == Dialect::Go => Ok(char::REPLACEMENT_CHARACTER),
            None => self.wrong("this escape is only half of a character"),
        }
    }

    fn unit(&mut self) -> Result<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let Some(digits) = digits.and_then(|digits| std::str::from_utf8(digits).ok()) else {
            return self.wrong("four hexadecimal digits are expected here");
        };
        self.at += 4;
        Ok(u32::from_str_radix(digits, 16).unwrap_or(0))
    }
}

fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        from + text[from.min(text.len())..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let begin = usize::from(text.first() == Some(&b'-'));
    let mut end = match text.get(begin) {
        Some(b'0') => begin + 1,
        Some(b'1'..=b'9') => digits(begin),
        _ => return None,
    };
    if text.get(end) == Some(&b'.') {
        match digits(end + 1) {
            more if more > end + 1 => end = more,
            _ => return None,
        }
    }
    if let Some(b'e' | b'E') = text.get(end) {
        let begin = end + 1 + usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        match digits(begin) {
            more if more > begin => end = more,
            _ => return None,
        }
    }
    Some(end)
}
