//! From the characters of a text to tokens, by libyaml's grammar.
//!
//! All three readers that matter here descend from the same scanner, and so does this one: whatever they agree on is
//! written once, and each point where they part asks the [`Dialect`].
//!
//! A key is only known as one when its `:` comes, at most 1024 characters later and on the same line. Until then its
//! tokens wait in a queue, so that the token that announces it can still be put before them; nothing else is ever kept.
//!
//! Most texts never come to a point where the dialects part: [`Scanner::has_parted`] says whether this one did.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::Place;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

/// Whose reading is followed where the readers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// go.yaml.in/yaml/v2, which kubectl reads with.
    Go,
    /// libyaml 0.2.5, which Ansible reads with.
    Libyaml,
    /// PyYAML's own scanner, which Ansible's module kubernetes.core.k8s reads manifests with.
    Python,
}

/// A key must end within this many characters.
const LONGEST_KEY: usize = 1024;

#[derive(Clone, Debug, PartialEq)]
pub enum Kind<'a> {
    StreamEnd,
    /// `%YAML 1.1`
    Version(u32, u32),
    /// `%TAG !handle! prefix`
    TagDirective(&'a str, String),
    /// A directive that PyYAML skips.
    OtherDirective,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'a str),
    Anchor(&'a str),
    /// Handle and suffix; a tag without a handle is complete.
    Tag(&'a str, String),
    Scalar {
        text: Cow<'a, str>,
        plain: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Token<'a> {
    pub kind: Kind<'a>,
    pub start: Place,
    pub end: Place,
}

/// Where a key may have begun.
#[derive(Clone, Copy)]
struct SimpleKey {
    /// It can be nothing else but a key.
    required: bool,
    /// The number of its first token.
    token: usize,
    start: Place,
    index: usize,
}

pub struct Scanner<'a> {
    text: &'a str,
    dialect: Dialect,
    /// Byte offset.
    at: usize,
    /// Characters before it.
    index: usize,
    place: Place,
    tokens: VecDeque<Token<'a>>,
    /// How many tokens were taken out of the queue.
    taken: usize,
    /// The column of the block that is open, -1 outside of all.
    indent: i64,
    indents: Vec<i64>,
    /// The possible key of each flow level; the first is the block's.
    keys: Vec<Option<SimpleKey>>,
    /// No level below this one has a possible key.
    oldest_key: usize,
    /// Whether a key may begin here.
    key_allowed: bool,
    ended: bool,
    /// Whether the first token of the queue is known to stay the first.
    is_ready: bool,
    has_parted: bool,
}

type Result<T> = std::result::Result<T, Error>;

impl<'a> Scanner<'a> {
    /// Fails for characters that no YAML may hold, and for texts beyond all measure.
    pub fn new(text: &'a str, dialect: Dialect, limits: &Limits) -> Result<Self> {
        let (text, has_mark) = match text.strip_prefix('\u{feff}') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let scanner = Self {
            text,
            dialect,
            at: 0,
            index: 0,
            place: Place { line: 1, column: 1 },
            tokens: VecDeque::new(),
            taken: 0,
            indent: -1,
            indents: Vec::new(),
            keys: vec![None],
            oldest_key: 0,
            key_allowed: true,
            ended: false,
            is_ready: false,
            // Where a tab or a mark may stand is what the readers agree on least.
            has_parted: has_mark || text.contains('\t'),
        };
        if text.len() > limits.bytes {
            return Err(limits.too_long(scanner.place));
        }
        scanner.check_characters()?;
        Ok(scanner)
    }

    fn check_characters(&self) -> Result<()> {
        // Nearly every text is of such bytes alone.
        let is_common = |byte: u8| matches!(byte, b' '..=b'~' | b'\n');
        if self
            .text
            .bytes()
            .fold(true, |all, byte| all & is_common(byte))
        {
            return Ok(());
        }
        let forbidden = |character: char| !matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
        let Some((at, character)) = self
            .text
            .char_indices()
            .find(|(_, character)| forbidden(*character))
        else {
            return Ok(());
        };
        let before = &self.text[..at];
        let line = before.rsplit('\n').next().unwrap_or_default();
        Err(Error::at(
            Place {
                line: super::number(before.matches('\n').count() + 1),
                column: super::number(line.chars().count() + 1),
            },
            format!(
                "the control character {} cannot stand in YAML; write it as an escape in double quotes",
                character.escape_unicode()
            ),
        ))
    }

    /// The next token, which stays where it is.
    pub fn peek(&mut self) -> Result<&Token<'a>> {
        while !self.is_ready {
            if self.needs_more()? {
                self.fetch()?;
            } else {
                self.is_ready = true;
            }
        }
        Ok(&self.tokens[0])
    }

    /// Takes the next token; the last one stays.
    pub fn take(&mut self) -> Result<Token<'a>> {
        if self.peek()?.kind == Kind::StreamEnd {
            return Ok(self.tokens[0].clone());
        }
        self.is_ready = false;
        self.taken += 1;
        self.tokens
            .pop_front()
            .ok_or_else(|| self.here("the text is over"))
    }

    /// Whether there was anything so far that another dialect may read otherwise.
    pub fn has_parted(&self) -> bool {
        self.has_parted
    }

    /// More is needed while the next token may turn out to be the beginning of a key.
    fn needs_more(&mut self) -> Result<bool> {
        if self.tokens.is_empty() {
            return Ok(true);
        }
        if self.ended {
            return Ok(false);
        }
        self.forget_stale_keys()?;
        Ok(self
            .keys
            .get(self.oldest_key)
            .copied()
            .flatten()
            .is_some_and(|key| key.token == self.taken))
    }

    // Characters.

    fn byte(&self, ahead: usize) -> u8 {
        // A text holds no NUL: it stands for the end.
        self.text
            .as_bytes()
            .get(self.at + ahead)
            .copied()
            .unwrap_or(0)
    }

    fn is_break(&self, ahead: usize) -> bool {
        match self.byte(ahead) {
            b'\n' | b'\r' => true,
            0xc2 => self.byte(ahead + 1) == 0x85,
            0xe2 => self.byte(ahead + 1) == 0x80 && matches!(self.byte(ahead + 2), 0xa8 | 0xa9),
            _ => false,
        }
    }

    fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.byte(ahead), b' ' | b'\t')
    }

    fn is_break_or_end(&self, ahead: usize) -> bool {
        self.byte(ahead) == 0 || self.is_break(ahead)
    }

    fn is_blank_or_end(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_break_or_end(ahead)
    }

    fn is_word(&self, ahead: usize) -> bool {
        self.byte(ahead).is_ascii_alphanumeric() || matches!(self.byte(ahead), b'_' | b'-')
    }

    fn column(&self) -> i64 {
        i64::from(self.place.column) - 1
    }

    fn in_flow(&self) -> bool {
        self.keys.len() > 1
    }

    fn is_python(&self) -> bool {
        self.dialect == Dialect::Python
    }

    /// Moves over a character that is no line break.
    fn skip(&mut self) {
        let (width, counts) = match self.byte(0) {
            0 => return,
            1..0x80 => (1, true),
            0x80..0xe0 => (2, true),
            // PyYAML gives a byte order mark no column.
            0xef if self.byte(1) == 0xbb && self.byte(2) == 0xbf => {
                self.has_parted = true;
                (3, !self.is_python())
            }
            0xe0..0xf0 => (3, true),
            _ => (4, true),
        };
        self.at += width;
        self.index += 1;
        self.place.column += u32::from(counts);
    }

    /// Moves over ASCII characters of which none is a line break.
    fn skip_ascii(&mut self, wanted: impl Fn(u8) -> bool) {
        let rest = &self.text.as_bytes()[self.at..];
        let width = rest.iter().take_while(|byte| wanted(**byte)).count();
        self.at += width;
        self.index += width;
        self.place.column += super::number(width);
    }

    fn skip_while(&mut self, wanted: impl Fn(&Self) -> bool) -> &'a str {
        let start = self.at;
        while self.byte(0) != 0 && wanted(self) {
            self.skip();
        }
        &self.text[start..self.at]
    }

    /// Moves over a line break, if there is one: what it counts as.
    fn line_break(&mut self) -> &'static str {
        let (width, characters, text) = match (self.byte(0), self.byte(1), self.byte(2)) {
            (b'\r', b'\n', _) => (2, 2, "\n"),
            (b'\r' | b'\n', ..) => (1, 1, "\n"),
            (0xc2, 0x85, _) => (2, 1, "\n"),
            (0xe2, 0x80, 0xa8) => (3, 1, "\u{2028}"),
            (0xe2, 0x80, 0xa9) => (3, 1, "\u{2029}"),
            _ => return "",
        };
        self.at += width;
        self.index += characters;
        self.place.line = self.place.line.saturating_add(1);
        self.place.column = 1;
        text
    }

    fn skip_blanks(&mut self) {
        let tabs = !self.is_python();
        self.skip_ascii(|byte| byte == b' ' || tabs && byte == b'\t');
    }

    fn skip_comment(&mut self) {
        if self.byte(0) == b'#' {
            self.skip_line();
        }
    }

    /// Moves to the end of the line.
    fn skip_line(&mut self) -> &'a str {
        let start = self.at;
        loop {
            self.skip_ascii(|byte| matches!(byte, b' '..=b'~'));
            if self.is_break_or_end(0) {
                return &self.text[start..self.at];
            }
            self.skip();
        }
    }

    /// Whether `---` or `...` stands here, at the beginning of a line.
    fn at_document_marker(&self) -> bool {
        self.place.column == 1
            && matches!(
                (self.byte(0), self.byte(1), self.byte(2)),
                (b'-', b'-', b'-') | (b'.', b'.', b'.')
            )
            && self.is_blank_or_end(3)
    }

    fn here(&self, message: impl Into<String>) -> Error {
        Error::at(self.place, message)
    }

    fn tab(&self, message: &str) -> Error {
        Error::new(ErrorKind::Tab, self.place, message)
    }

    /// What stands here, for people.
    fn found(&self) -> String {
        match self.text[self.at..].chars().next() {
            None => "the end of the text".to_owned(),
            Some('\t') => "a tab".to_owned(),
            Some(_) if self.is_break(0) => "the end of the line".to_owned(),
            Some(character) => format!("`{character}`"),
        }
    }

    // Keys and indentation.

    fn forget_stale_keys(&mut self) -> Result<()> {
        while let Some(level) = self.keys.get(self.oldest_key) {
            if let Some(key) = level {
                // The deeper a level, the later its key: all others are younger.
                if key.start.line == self.place.line && key.index + LONGEST_KEY >= self.index {
                    return Ok(());
                }
                self.give_up_key(self.oldest_key)?;
            }
            if self.oldest_key + 1 == self.keys.len() {
                return Ok(());
            }
            self.oldest_key += 1;
        }
        Ok(())
    }

    fn give_up_key(&mut self, level: usize) -> Result<()> {
        match self.keys[level].take() {
            Some(key) if key.required => Err(Error::at(
                key.start,
                "a key begins here, but no `:` follows it on its line",
            )),
            _ => Ok(()),
        }
    }

    fn remove_key(&mut self) -> Result<()> {
        self.give_up_key(self.keys.len() - 1)
    }

    /// Notes that the token that comes now may begin a key.
    fn save_key(&mut self) -> Result<()> {
        if !self.key_allowed {
            return Ok(());
        }
        let key = SimpleKey {
            required: !self.in_flow() && self.indent == self.column(),
            token: self.taken + self.tokens.len(),
            start: self.place,
            index: self.index,
        };
        self.remove_key()?;
        let level = self.keys.len() - 1;
        self.keys[level] = Some(key);
        self.oldest_key = self.oldest_key.min(level);
        Ok(())
    }

    /// Opens a block when the column is a deeper one. `number` says before which token.
    fn roll_indent(&mut self, column: i64, number: Option<usize>, kind: Kind<'a>, place: Place) {
        if self.in_flow() || self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        let at = number.map_or(self.tokens.len(), |number| number - self.taken);
        self.insert(at, kind, place);
    }

    /// Closes the blocks that are deeper than a column.
    fn unroll_indent(&mut self, column: i64) {
        if self.in_flow() {
            return;
        }
        while self.indent > column {
            self.insert(self.tokens.len(), Kind::BlockEnd, self.place);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn insert(&mut self, at: usize, kind: Kind<'a>, place: Place) {
        let token = Token {
            kind,
            start: place,
            end: place,
        };
        self.tokens.insert(at, token);
    }

    fn push(&mut self, kind: Kind<'a>, start: Place) {
        self.tokens.push_back(Token {
            kind,
            start,
            end: self.place,
        });
    }

    /// Moves over an indicator of some characters.
    fn indicator(&mut self, kind: Kind<'a>, width: usize) {
        let start = self.place;
        for _ in 0..width {
            self.skip();
        }
        self.push(kind, start);
    }

    // Tokens.

    fn fetch(&mut self) -> Result<()> {
        self.skip_to_token();
        self.forget_stale_keys()?;
        self.unroll_indent(self.column());
        let byte = self.byte(0);
        if byte == 0 {
            return self.fetch_end();
        }
        if self.place.column == 1 && byte == b'%' {
            return self.fetch_directive();
        }
        if self.at_document_marker() {
            return self.fetch_document_marker();
        }
        match byte {
            b'[' => self.fetch_flow_start(Kind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(Kind::FlowMappingStart),
            b']' => self.fetch_flow_end(Kind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(Kind::FlowMappingEnd),
            b',' => {
                self.remove_key()?;
                self.key_allowed = true;
                self.indicator(Kind::FlowEntry, 1);
                Ok(())
            }
            b'-' if self.is_blank_or_end(1) => self.fetch_block_entry(),
            b'?' if self.in_flow() || self.is_blank_or_end(1) => self.fetch_key(),
            b':' if self.in_flow() || self.is_blank_or_end(1) => self.fetch_value(),
            b'*' | b'&' => {
                self.save_key()?;
                self.key_allowed = false;
                self.scan_anchor()
            }
            b'!' => {
                self.save_key()?;
                self.key_allowed = false;
                self.scan_tag()
            }
            b'|' | b'>' if !self.in_flow() => {
                self.remove_key()?;
                self.key_allowed = true;
                self.scan_block_scalar()
            }
            b'\'' | b'"' => {
                self.save_key()?;
                self.key_allowed = false;
                self.scan_quoted()
            }
            b'\t' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => Err(self.cannot_begin()),
            _ => {
                self.save_key()?;
                self.key_allowed = false;
                self.scan_plain()
            }
        }
    }

    fn cannot_begin(&self) -> Error {
        match self.byte(0) {
            b'\t' => self.tab("a tab stands where only blanks can"),
            b'%' => self.here(
                "a value cannot begin with `%`; quote it (a template that was not rendered?)",
            ),
            _ => self.here(format!(
                "a value cannot begin with {}; quote it",
                self.found()
            )),
        }
    }

    fn skip_to_token(&mut self) {
        loop {
            // libyaml lets a byte order mark begin a line, and counts it as a column.
            if self.dialect == Dialect::Libyaml
                && self.place.column == 1
                && self.text[self.at..].starts_with('\u{feff}')
            {
                self.skip();
            }
            // In a block a tab must not stand where a key may begin.
            let tabs = !self.is_python() && (self.in_flow() || !self.key_allowed);
            self.skip_ascii(|byte| byte == b' ' || tabs && byte == b'\t');
            self.skip_comment();
            if self.line_break().is_empty() {
                return;
            }
            if !self.in_flow() {
                self.key_allowed = true;
            }
        }
    }

    fn fetch_end(&mut self) -> Result<()> {
        self.unroll_indent(-1);
        self.remove_key()?;
        self.key_allowed = false;
        self.ended = true;
        self.push(Kind::StreamEnd, self.place);
        Ok(())
    }

    fn fetch_document_marker(&mut self) -> Result<()> {
        self.unroll_indent(-1);
        self.remove_key()?;
        self.key_allowed = false;
        let kind = match self.byte(0) {
            b'-' => Kind::DocumentStart,
            _ => Kind::DocumentEnd,
        };
        self.indicator(kind, 3);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: Kind<'a>) -> Result<()> {
        self.save_key()?;
        self.keys.push(None);
        self.key_allowed = true;
        self.indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: Kind<'a>) -> Result<()> {
        self.remove_key()?;
        if self.in_flow() {
            self.keys.pop();
            self.oldest_key = self.oldest_key.min(self.keys.len() - 1);
        }
        self.key_allowed = false;
        self.indicator(kind, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<()> {
        if !self.in_flow() {
            if !self.key_allowed {
                return Err(self.here("an item of a list must begin on a line of its own"));
            }
            self.roll_indent(self.column(), None, Kind::BlockSequenceStart, self.place);
        }
        self.remove_key()?;
        self.key_allowed = true;
        self.indicator(Kind::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<()> {
        if !self.in_flow() {
            if !self.key_allowed {
                return Err(self.here("a key marked by `?` must begin on a line of its own"));
            }
            self.roll_indent(self.column(), None, Kind::BlockMappingStart, self.place);
        }
        self.remove_key()?;
        self.key_allowed = !self.in_flow();
        self.indicator(Kind::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<()> {
        let level = self.keys.len() - 1;
        if let Some(key) = self.keys[level].take() {
            self.insert(key.token - self.taken, Kind::Key, key.start);
            let column = i64::from(key.start.column) - 1;
            self.roll_indent(column, Some(key.token), Kind::BlockMappingStart, key.start);
            self.key_allowed = false;
        } else {
            if !self.in_flow() {
                if !self.key_allowed {
                    return Err(self.here(
                        "a `:` followed by a blank makes a key, but no key can stand here; quote the value that holds it",
                    ));
                }
                self.roll_indent(self.column(), None, Kind::BlockMappingStart, self.place);
            }
            self.key_allowed = !self.in_flow();
        }
        self.indicator(Kind::Value, 1);
        Ok(())
    }

    // Directives.

    fn fetch_directive(&mut self) -> Result<()> {
        self.has_parted = true;
        self.unroll_indent(-1);
        self.remove_key()?;
        self.key_allowed = false;
        let start = self.place;
        self.skip();
        let name = self.skip_while(|scanner| scanner.is_word(0));
        if name.is_empty() || !self.ends_directive_word() {
            return Err(self.here(format!(
                "a line that begins with `%` is a directive, `%YAML` or `%TAG`, not {}",
                self.found()
            )));
        }
        let kind = match name {
            "YAML" => {
                self.skip_blanks();
                let major = self.version_number()?;
                if self.byte(0) != b'.' {
                    return Err(self.here("the version of `%YAML` is written as `1.1`"));
                }
                self.skip();
                let minor = self.version_number()?;
                if self.is_python() && !self.ends_directive_word() {
                    return Err(self.here("the version of `%YAML` is written as `1.1`"));
                }
                Kind::Version(major, minor)
            }
            "TAG" => {
                self.skip_blanks();
                let handle = self.tag_handle(true)?;
                if !(self.byte(0) == b' ' || self.byte(0) == b'\t' && !self.is_python()) {
                    return Err(self.here("a blank is expected behind the handle of `%TAG`"));
                }
                self.skip_blanks();
                let prefix = self.tag_text(String::new(), true, false)?;
                if !self.ends_directive_word() {
                    return Err(self.here(format!("{} cannot stand in a tag", self.found())));
                }
                Kind::TagDirective(handle, prefix)
            }
            _ if self.is_python() => {
                self.skip_line();
                Kind::OtherDirective
            }
            _ => {
                return Err(Error::at(
                    start,
                    format!("the directive `%{name}` is unknown; quote what begins with `%`"),
                ));
            }
        };
        self.push(kind, start);
        self.end_line("a directive")
    }

    fn ends_directive_word(&self) -> bool {
        self.is_blank_or_end(0) && !(self.is_python() && self.byte(0) == b'\t')
    }

    fn version_number(&mut self) -> Result<u32> {
        let digits = self.skip_while(|scanner| scanner.byte(0).is_ascii_digit());
        // libyaml takes two digits, PyYAML any number of them.
        let longest = if self.is_python() { 9 } else { 2 };
        digits
            .parse()
            .ok()
            .filter(|_| digits.len() <= longest)
            .ok_or_else(|| self.here("the version of `%YAML` is written as `1.1`"))
    }

    /// Only a comment may follow.
    fn end_line(&mut self, behind: &str) -> Result<()> {
        self.skip_blanks();
        self.skip_comment();
        if !self.is_break_or_end(0) {
            return Err(self.here(format!(
                "only a comment may follow {behind} on its line, not {}",
                self.found()
            )));
        }
        self.line_break();
        Ok(())
    }

    // Anchors and tags.

    fn scan_anchor(&mut self) -> Result<()> {
        let start = self.place;
        let is_alias = self.byte(0) == b'*';
        self.skip();
        let name = self.skip_while(|scanner| scanner.is_word(0));
        let ends = self.is_blank_or_end(0) || b"?:,]}%@`".contains(&self.byte(0));
        if name.is_empty() || !ends {
            return Err(Error::at(
                start,
                format!(
                    "{} stands where the name of an anchor is expected; quote a value that begins with `{}`",
                    self.found(),
                    if is_alias { '*' } else { '&' }
                ),
            ));
        }
        let kind = if is_alias {
            Kind::Alias(name)
        } else {
            Kind::Anchor(name)
        };
        self.push(kind, start);
        Ok(())
    }

    fn scan_tag(&mut self) -> Result<()> {
        self.has_parted = true;
        let start = self.place;
        let (handle, suffix) = if self.byte(1) == b'<' {
            self.skip();
            self.skip();
            let suffix = self.tag_text(String::new(), true, false)?;
            if self.byte(0) != b'>' {
                return Err(self.here(format!(
                    "a tag that begins with `!<` ends with `>`, not {}",
                    self.found()
                )));
            }
            self.skip();
            ("", suffix)
        } else if self.is_python() {
            self.python_tag()?
        } else {
            let handle = self.tag_handle(false)?;
            if handle.len() > 1 && handle.ends_with('!') {
                let suffix = self.tag_text(String::new(), self.dialect == Dialect::Go, false)?;
                (handle, suffix)
            } else {
                // It was no handle, but the beginning of the tag.
                let suffix =
                    self.tag_text(handle[1..].to_owned(), self.dialect == Dialect::Go, true)?;
                if suffix.is_empty() {
                    ("", "!".to_owned())
                } else {
                    ("!", suffix)
                }
            }
        };
        let ends = match self.dialect {
            Dialect::Go => self.is_blank_or_end(0),
            Dialect::Libyaml => self.is_blank_or_end(0) || self.in_flow() && self.byte(0) == b',',
            Dialect::Python => self.ends_directive_word(),
        };
        if !ends {
            return Err(self.here(format!(
                "a blank is expected behind a tag, not {}",
                self.found()
            )));
        }
        self.push(Kind::Tag(handle, suffix), start);
        Ok(())
    }

    fn python_tag(&mut self) -> Result<(&'a str, String)> {
        if self.is_blank_or_end(1) {
            self.skip();
            return Ok(("", "!".to_owned()));
        }
        let mut ahead = 1;
        while self.byte(ahead) != b' ' && !self.is_break_or_end(ahead) && self.byte(ahead) != b'!' {
            ahead += 1;
        }
        let handle = if self.byte(ahead) == b'!' {
            self.tag_handle(true)?
        } else {
            self.skip();
            "!"
        };
        Ok((handle, self.tag_text(String::new(), true, false)?))
    }

    /// `!`, `!word`, `!!` or `!word!`; `whole` asks for one of the handles `!`, `!!`, `!word!`.
    fn tag_handle(&mut self, whole: bool) -> Result<&'a str> {
        let start = self.at;
        if self.byte(0) == b'!' {
            self.skip();
            self.skip_while(|scanner| scanner.is_word(0));
            if self.byte(0) == b'!' {
                self.skip();
                return Ok(&self.text[start..self.at]);
            }
            let tab = self.byte(0) == b'\t' && !self.is_python();
            if !whole || self.at == start + 1 && (self.byte(0) == b' ' || tab) {
                return Ok(&self.text[start..self.at]);
            }
        }
        Err(self.here(format!(
            "the handle of a tag ends with `!`, not {}",
            self.found()
        )))
    }

    /// The text of a tag behind `head`; `wide` allows commas and brackets in it.
    fn tag_text(&mut self, head: String, wide: bool, may_be_empty: bool) -> Result<String> {
        let start = self.place;
        let mut bytes = head.into_bytes();
        loop {
            match self.byte(0) {
                b'%' => {
                    let digit = |ahead: usize| char::from(self.byte(ahead)).to_digit(16);
                    let (Some(high), Some(low)) = (digit(1), digit(2)) else {
                        return Err(
                            self.here("two hexadecimal digits are expected behind `%` in a tag")
                        );
                    };
                    bytes.extend(u8::try_from(high * 16 + low));
                    for _ in 0..3 {
                        self.skip();
                    }
                }
                byte if self.is_word(0)
                    || b";/?:@&=+$.!~*'()".contains(&byte)
                    || wide && b",[]".contains(&byte) =>
                {
                    bytes.push(byte);
                    self.skip();
                }
                _ => break,
            }
        }
        if bytes.is_empty() && !may_be_empty {
            return Err(self.here(format!("a tag is expected here, not {}", self.found())));
        }
        String::from_utf8(bytes).map_err(|_| Error::at(start, "the tag's escapes are not UTF-8"))
    }

    // Scalars.

    fn scan_block_scalar(&mut self) -> Result<()> {
        let start = self.place;
        let folded = self.byte(0) == b'>';
        self.skip();
        let (mut chomping, mut increment) = (None, None);
        for _ in 0..2 {
            match self.byte(0) {
                sign @ (b'+' | b'-') if chomping.is_none() => chomping = Some(sign),
                b'0' if increment.is_none() => {
                    return Err(self.here("the indentation of a block is a digit from 1 to 9"));
                }
                digit @ b'1'..=b'9' if increment.is_none() => increment = Some(digit - b'0'),
                _ => break,
            }
            self.skip();
        }
        if !self.ends_directive_word() {
            self.has_parted = true;
            if self.is_python() {
                return Err(self.here(format!(
                    "a block begins on the next line, not with {}",
                    self.found()
                )));
            }
        }
        self.end_line("the sign of a block")?;

        let least = (self.indent + 1).max(1);
        let mut indent = increment.map(|increment| least + i64::from(increment) - 1);
        let (mut text, mut lines) = (String::new(), String::new());
        self.block_lines(&mut indent, least, &mut lines)?;
        let indent = indent.unwrap_or(least);
        let mut last_break = "";
        let mut was_indented = false;
        while self.column() == indent && self.byte(0) != 0 {
            let is_indented = self.is_blank(0);
            if folded && last_break == "\n" && !was_indented && !is_indented {
                if lines.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(last_break);
            }
            text.push_str(&lines);
            lines.clear();
            was_indented = is_indented;
            text.push_str(self.skip_line());
            last_break = self.line_break();
            self.block_lines(&mut Some(indent), least, &mut lines)?;
        }
        if chomping != Some(b'-') {
            text.push_str(last_break);
        }
        if chomping == Some(b'+') {
            text.push_str(&lines);
        }
        let text = Cow::Owned(text);
        self.push(Kind::Scalar { text, plain: false }, start);
        Ok(())
    }

    /// The empty lines before a line of a block, and its indentation. The first lines say how deep the block is.
    fn block_lines(
        &mut self,
        indent: &mut Option<i64>,
        least: i64,
        lines: &mut String,
    ) -> Result<()> {
        let mut deepest = 0;
        loop {
            let within = |scanner: &Self| indent.is_none_or(|indent| scanner.column() < indent);
            self.skip_while(|scanner| scanner.byte(0) == b' ' && within(scanner));
            deepest = deepest.max(self.column());
            if !self.is_python() && self.byte(0) == b'\t' && within(self) {
                return Err(self.tab("a tab stands where a block is indented; use blanks"));
            }
            let line_break = self.line_break();
            if line_break.is_empty() {
                break;
            }
            lines.push_str(line_break);
        }
        indent.get_or_insert(deepest.max(least));
        Ok(())
    }

    fn scan_quoted(&mut self) -> Result<()> {
        let start = self.place;
        let quote = self.byte(0);
        self.skip();
        let mut text = Cow::Borrowed("");
        loop {
            if self.at_document_marker() {
                return Err(Error::at(
                    start,
                    "this quote is not closed before the document ends",
                ));
            }
            if self.byte(0) == 0 {
                return Err(Error::at(start, "this quote is never closed"));
            }
            let escaped_break = self.quoted_word(quote, &mut text)?;
            if self.byte(0) == quote {
                break;
            }
            self.quoted_blanks(escaped_break, text.to_mut());
        }
        self.skip();
        self.push(Kind::Scalar { text, plain: false }, start);
        Ok(())
    }

    /// What stands up to a blank, a line break or the closing quote; whether it ended with an escaped line break.
    fn quoted_word(&mut self, quote: u8, text: &mut Cow<'a, str>) -> Result<bool> {
        loop {
            let start = self.at;
            loop {
                self.skip_ascii(
                    |byte| matches!(byte, b'!'..=b'~' if byte != quote && byte != b'\\'),
                );
                let ends = self.byte(0) == quote || self.byte(0) == b'\\' && quote == b'"';
                if ends || self.is_blank_or_end(0) {
                    break;
                }
                self.skip();
            }
            *text += &self.text[start..self.at];
            match self.byte(0) {
                b'\'' if quote == b'\'' && self.byte(1) == b'\'' => {
                    text.to_mut().push('\'');
                    self.skip();
                    self.skip();
                }
                b'\\' if quote == b'"' => {
                    if self.is_break(1) {
                        self.skip();
                        self.line_break();
                        return Ok(true);
                    }
                    self.escape(text.to_mut())?;
                }
                _ => return Ok(false),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<()> {
        let start = self.place;
        self.has_parted |= matches!(self.byte(1), b'/' | b'\'');
        let digits = match self.byte(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            escape => {
                text.push(match escape {
                    b'0' => '\0',
                    b'a' => '\u{7}',
                    b'b' => '\u{8}',
                    b't' | b'\t' => '\t',
                    b'n' => '\n',
                    b'v' => '\u{b}',
                    b'f' => '\u{c}',
                    b'r' => '\r',
                    b'e' => '\u{1b}',
                    b' ' => ' ',
                    b'"' => '"',
                    b'\\' => '\\',
                    b'/' if self.dialect != Dialect::Go => '/',
                    b'\'' if self.dialect == Dialect::Go => '\'',
                    b'N' => '\u{85}',
                    b'_' => '\u{a0}',
                    b'L' => '\u{2028}',
                    b'P' => '\u{2029}',
                    _ => {
                        self.skip();
                        return Err(Error::at(
                            start,
                            format!(
                                "there is no escape of a backslash and {}; use single quotes, or two backslashes",
                                self.found()
                            ),
                        ));
                    }
                });
                0
            }
        };
        self.skip();
        self.skip();
        if digits == 0 {
            return Ok(());
        }
        let mut code = 0;
        for _ in 0..digits {
            let Some(digit) = char::from(self.byte(0)).to_digit(16) else {
                return Err(Error::at(
                    start,
                    format!(
                        "{digits} hexadecimal digits are expected in this escape, not {}",
                        self.found()
                    ),
                ));
            };
            code = (code << 4) | digit;
            self.skip();
        }
        let character = char::from_u32(code).ok_or_else(|| {
            Error::at(
                start,
                "this escape is no character of its own; write the character itself, or `\\U` and 8 digits",
            )
        })?;
        text.push(character);
        Ok(())
    }

    /// Blanks stay, unless a line ends: then it is folded.
    fn quoted_blanks(&mut self, escaped_break: bool, text: &mut String) {
        let mut first = "";
        let mut crossed = escaped_break;
        let mut more = String::new();
        let start = self.at;
        while self.is_blank(0) || self.is_break(0) {
            if self.is_blank(0) {
                self.skip();
                continue;
            }
            let line_break = self.line_break();
            if crossed {
                more.push_str(line_break);
            } else {
                first = line_break;
                crossed = true;
            }
        }
        if crossed {
            fold(first, &more, text);
        } else {
            text.push_str(&self.text[start..self.at]);
        }
    }

    fn scan_plain(&mut self) -> Result<()> {
        let start = self.place;
        let mut end = self.place;
        let indent = self.indent + 1;
        let begin = self.at;
        // It is as it stands in the text as long as no line ends within.
        let mut text = Cow::Borrowed("");
        let (mut first, mut more) = ("", String::new());
        let (mut blanks, mut crossed) = ("", false);
        loop {
            if self.at_document_marker() || self.byte(0) == b'#' {
                break;
            }
            let word = self.plain_word()?;
            if !word.is_empty() {
                if crossed {
                    fold(first, &more, text.to_mut());
                    more.clear();
                    crossed = false;
                    text += word;
                } else if let Cow::Owned(text) = &mut text {
                    text.push_str(blanks);
                    text.push_str(word);
                } else {
                    text = Cow::Borrowed(&self.text[begin..self.at]);
                }
                end = self.place;
            }
            let tab_ends = self.is_python() && (word.is_empty() || self.byte(0) == b'\t');
            if tab_ends || !(self.is_blank(0) || self.is_break(0)) {
                break;
            }
            let behind = self.at;
            while self.is_break(0)
                || self.is_blank(0) && !(self.is_python() && self.byte(0) == b'\t')
            {
                if self.is_blank(0) {
                    if crossed && self.column() < indent && self.byte(0) == b'\t' {
                        return Err(self.tab("a tab stands where a line is indented; use blanks"));
                    }
                    self.skip();
                    continue;
                }
                let line_break = self.line_break();
                if crossed {
                    more.push_str(line_break);
                } else {
                    first = line_break;
                    crossed = true;
                }
            }
            blanks = if crossed {
                ""
            } else {
                &self.text[behind..self.at]
            };
            if !self.in_flow() && self.column() < indent {
                break;
            }
        }
        if crossed {
            self.key_allowed = true;
        }
        self.tokens.push_back(Token {
            kind: Kind::Scalar { text, plain: true },
            start,
            end,
        });
        Ok(())
    }

    /// What stands up to a blank, or to what ends a plain scalar.
    fn plain_word(&mut self) -> Result<&'a str> {
        let start = self.at;
        let in_flow = self.in_flow();
        let ends_in_flow = |byte: u8| matches!(byte, b',' | b'[' | b']' | b'{' | b'}' | b'?');
        loop {
            self.skip_ascii(|byte| {
                matches!(byte, b'!'..=b'~' if byte != b':' && !(in_flow && ends_in_flow(byte)))
            });
            if self.is_blank_or_end(0) {
                break;
            }
            match self.byte(0) {
                b':' if self.is_blank_or_end(1) => break,
                b':' if in_flow && ends_in_flow(self.byte(1)) => {
                    self.has_parted = true;
                    match self.dialect {
                        Dialect::Libyaml => {
                            return Err(self.here(
                                "a blank is expected behind `:` here; quote a text that ends with `:`",
                            ));
                        }
                        Dialect::Python if self.byte(1) != b'?' => break,
                        _ => self.skip(),
                    }
                }
                b'?' if in_flow => {
                    self.has_parted = true;
                    if self.dialect != Dialect::Libyaml {
                        break;
                    }
                    self.skip();
                }
                byte if in_flow && ends_in_flow(byte) => break,
                _ => self.skip(),
            }
        }
        Ok(&self.text[start..self.at])
    }
}

/// The line breaks between two lines of a scalar: a single one is a blank, of more the first is dropped.
fn fold(first: &str, more: &str, text: &mut String) {
    match (first, more) {
        ("\n", "") => text.push(' '),
        ("\n", more) => text.push_str(more),
        (first, more) => {
            text.push_str(first);
            text.push_str(more);
        }
    }
}
