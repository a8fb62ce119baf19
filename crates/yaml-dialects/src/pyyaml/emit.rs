//! YAML as Ansible writes it, for the filters `to_yaml` and `to_nice_yaml`: PyYAML's representation and libyaml's
//! emitter, which decide which scalars are quoted and how, where long ones are folded, how collections are indented.
//!
//! ```
//! use yaml_dialects::pyyaml::emit::{Flow, Item, Style};
//!
//! let style = Style {
//!     indent: 2,
//!     width: 80,
//!     flow: Flow::Never,
//!     explicit_start: false,
//!     explicit_end: false,
//!     scalars: None,
//!     canonical: false,
//!     line_break: "\n",
//! };
//! let text = |text: &str| Item::Text(text.to_owned());
//! let item = Item::Map(0, vec![(text("opens"), text("22:22"))]);
//! assert_eq!(style.text(&item)?, "opens: '22:22'\n");
//! # Ok::<(), yaml_dialects::pyyaml::emit::TooDeep>(())
//! ```

use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{float_text as python_float, means_something_else};

/// What is written: a scalar in its text, or a collection that may be written more than once.
#[derive(Clone, Debug)]
pub enum Item {
    /// What is no text, with the short name of its tag: a number, a boolean, null, a date.
    Plain(&'static str, String),
    Text(String),
    Bytes(Vec<u8>),
    /// What ansible-vault wrote: lines without blanks.
    Vault(String),
    /// A collection with what tells it from others: of two that are one, the second is written as an alias.
    List(usize, Vec<Item>),
    Map(usize, Vec<(Item, Item)>),
    Set(usize, Vec<Item>),
}

impl Item {
    fn identity(&self) -> Option<usize> {
        match self {
            Self::List(identity, _) | Self::Map(identity, _) | Self::Set(identity, _) => {
                Some(*identity)
            }
            _ => None,
        }
    }

    fn is_collection(&self) -> bool {
        self.identity().is_some()
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::List(_, items) | Self::Set(_, items) => items.is_empty(),
            Self::Map(_, pairs) => pairs.is_empty(),
            _ => false,
        }
    }

    fn tag(&self) -> &'static str {
        match self {
            Self::Plain(tag, _) => tag,
            Self::Text(_) => "str",
            Self::Bytes(_) => "binary",
            Self::Vault(_) => "!vault",
            Self::List(..) => "seq",
            Self::Map(..) => "map",
            Self::Set(..) => "set",
        }
    }
}

impl Item {
    fn tag_text(&self) -> String {
        match self {
            Self::Vault(_) => self.tag().to_owned(),
            _ => format!("!!{}", self.tag()),
        }
    }
}

/// The value is nested deeper than 150 levels, or holds itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this value is nested too deep, or holds itself")
    }
}

impl std::error::Error for TooDeep {}

/// Which collections are written on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// None but empty ones.
    Never,
    /// Those that hold only scalars.
    Leaves,
    /// All.
    Always,
}

/// How to write.
#[derive(Clone, Debug)]
pub struct Style {
    pub indent: usize,
    /// The column after which a text is folded at its next blank.
    pub width: usize,
    pub flow: Flow,
    /// Whether the document begins with `---`, and ends with `...`.
    pub explicit_start: bool,
    pub explicit_end: bool,
    /// How scalars are written where that is possible: `'`, `"`, `|` or `>`; any other character means plainly, but none
    /// of them on one line with others.
    pub scalars: Option<char>,
    /// Every tag is written out, every item on a line of its own.
    pub canonical: bool,
    pub line_break: &'static str,
}

impl Style {
    /// Writes a value as a document, with a line end. Fails for what holds itself or is nested too deep.
    pub fn text(mut self, value: &Item) -> Result<String, TooDeep> {
        if !(2..10).contains(&self.indent) {
            self.indent = 2;
        }
        if self.width <= self.indent * 2 {
            self.width = 80;
        }
        let mut anchors = HashMap::new();
        count(value, &mut anchors, &mut 0, 0)?;
        let mut emitter = Emitter {
            style: self,
            out: String::new(),
            column: 0,
            is_blank: true,
            is_indented: true,
            indent: -1,
            flow_level: 0,
            is_open: false,
            anchors,
        };
        emitter.document(value);
        Ok(emitter.out)
    }
}

/// What is known of a collection: its number, if it is written more than once, and whether it was written yet.
type Anchors = HashMap<usize, (Option<usize>, bool)>;

/// Numbers the collections that are written more than once, in the order in which they come back.
fn count(
    value: &Item,
    anchors: &mut Anchors,
    last: &mut usize,
    depth: usize,
) -> Result<(), TooDeep> {
    if depth > 150 {
        return Err(TooDeep);
    }
    if let Some(identity) = value.identity() {
        if let Some((number, _)) = anchors.get_mut(&identity) {
            if number.is_none() {
                *last += 1;
                *number = Some(*last);
            }
            return Ok(());
        }
        anchors.insert(identity, (None, false));
    }
    match value {
        Item::List(_, items) | Item::Set(_, items) => items
            .iter()
            .try_for_each(|item| count(item, anchors, last, depth + 1)),
        Item::Map(_, pairs) => pairs.iter().try_for_each(|(key, item)| {
            count(key, anchors, last, depth + 1)?;
            count(item, anchors, last, depth + 1)
        }),
        _ => Ok(()),
    }
}

/// libyaml's emitter: what it writes next depends on what it wrote last.
struct Emitter {
    style: Style,
    out: String,
    /// In characters.
    column: usize,
    /// Whether a blank was written last, and whether nothing but indentation was written on this line.
    is_blank: bool,
    is_indented: bool,
    /// -1 outside of all collections.
    indent: i64,
    flow_level: usize,
    /// Whether the last scalar has empty lines at its end, which only `...` would end.
    is_open: bool,
    anchors: Anchors,
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    /// A document or a list.
    List,
    /// A mapping: a key behind `?`, or a value.
    Mapping,
    /// A key on one line.
    SimpleKey,
}

impl Emitter {
    fn document(&mut self, value: &Item) {
        if self.style.explicit_start || self.style.canonical {
            self.indicator("---", true, false, false);
            if self.style.canonical {
                self.line();
            }
        }
        self.node(value, Within::List);
        self.line();
        if self.style.explicit_end || self.is_open {
            self.indicator("...", true, false, false);
            self.line();
        }
    }

    // Characters.

    fn put(&mut self, character: char) {
        self.out.push(character);
        self.column += 1;
    }

    fn put_break(&mut self) {
        self.out.push_str(self.style.line_break);
        self.column = 0;
    }

    /// A line break of a text.
    fn write_break(&mut self, character: char) {
        if character == '\n' {
            self.put_break();
        } else {
            self.out.push(character);
            self.column = 0;
        }
    }

    /// Begins a line, unless nothing was written on this one, and indents it.
    fn line(&mut self) {
        let indent = usize::try_from(self.indent).unwrap_or(0);
        if !self.is_indented || self.column > indent || self.column == indent && !self.is_blank {
            self.put_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.is_blank = true;
        self.is_indented = true;
    }

    fn indicator(&mut self, text: &str, needs_blank: bool, is_blank: bool, is_indentation: bool) {
        if needs_blank && !self.is_blank {
            self.put(' ');
        }
        for character in text.chars() {
            self.put(character);
        }
        self.is_blank = is_blank;
        self.is_indented &= is_indentation;
    }

    fn is_too_long(&self) -> bool {
        self.style.canonical || self.column > self.style.width
    }

    // Nodes.

    fn node(&mut self, item: &Item, within: Within) {
        if self.anchor(item) {
            if within == Within::SimpleKey {
                self.put(' ');
            }
            return;
        }
        if !item.is_collection() {
            return self.scalar(item, within);
        }
        if self.style.canonical || matches!(item, Item::Set(..)) {
            self.tag(&item.tag_text());
        }
        let in_flow = self.flow_level > 0
            || self.style.canonical
            || item.is_empty()
            || match self.style.flow {
                Flow::Never => false,
                Flow::Always => true,
                Flow::Leaves => self.is_leaf(item),
            };
        let outer = self.indent;
        match item {
            Item::List(_, items) if in_flow => self.flow(("[", "]"), items, |emitter, item| {
                emitter.node(item, Within::List);
            }),
            Item::Set(_, keys) if in_flow => self.flow(("{", "}"), keys, |emitter, key| {
                emitter.flow_pair(key, &null());
            }),
            Item::Map(_, pairs) if in_flow => {
                self.flow(("{", "}"), pairs, |emitter, (key, value)| {
                    emitter.flow_pair(key, value);
                })
            }
            Item::List(_, items) => {
                // A list directly below a key is not indented further.
                self.deeper(false, within == Within::Mapping && !self.is_indented);
                for item in items {
                    self.line();
                    self.indicator("-", true, false, true);
                    self.node(item, Within::List);
                }
            }
            Item::Set(_, keys) => {
                self.deeper(false, false);
                keys.iter().for_each(|key| self.block_pair(key, &null()));
            }
            Item::Map(_, pairs) => {
                self.deeper(false, false);
                pairs
                    .iter()
                    .for_each(|(key, value)| self.block_pair(key, value));
            }
            _ => {}
        }
        self.indent = outer;
    }

    /// A collection of nothing but scalars without a style.
    fn is_leaf(&self, item: &Item) -> bool {
        let is_plain = |item: &Item| {
            !item.is_collection()
                && !matches!(item, Item::Bytes(_) | Item::Vault(_))
                && self.style.scalars.is_none()
        };
        match item {
            Item::List(_, items) | Item::Set(_, items) => items.iter().all(is_plain),
            Item::Map(_, pairs) => pairs
                .iter()
                .all(|(key, value)| is_plain(key) && is_plain(value)),
            _ => true,
        }
    }

    fn deeper(&mut self, in_flow: bool, stays: bool) {
        let step = i64::try_from(self.style.indent).unwrap_or(2);
        if self.indent < 0 {
            self.indent = if in_flow { step } else { 0 };
        } else if !stays {
            self.indent += step;
        }
    }

    fn flow<T>(
        &mut self,
        (open, close): (&str, &str),
        items: &[T],
        mut write: impl FnMut(&mut Self, &T),
    ) {
        let outer = self.indent;
        self.indicator(open, true, true, false);
        self.deeper(true, false);
        self.flow_level += 1;
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.indicator(",", false, false, false);
            }
            if self.is_too_long() {
                self.line();
            }
            write(self, item);
        }
        self.flow_level -= 1;
        self.indent = outer;
        if self.style.canonical && !items.is_empty() {
            self.indicator(",", false, false, false);
            self.line();
        }
        self.indicator(close, false, false, false);
    }

    fn flow_pair(&mut self, key: &Item, value: &Item) {
        if !self.style.canonical && self.is_simple(key) {
            self.node(key, Within::SimpleKey);
            self.indicator(":", false, false, false);
        } else {
            self.indicator("?", true, false, false);
            self.node(key, Within::Mapping);
            if self.is_too_long() {
                self.line();
            }
            self.indicator(":", true, false, false);
        }
        self.node(value, Within::Mapping);
    }

    fn block_pair(&mut self, key: &Item, value: &Item) {
        self.line();
        if self.is_simple(key) {
            self.node(key, Within::SimpleKey);
            self.indicator(":", false, false, false);
        } else {
            self.indicator("?", true, false, true);
            self.node(key, Within::Mapping);
            self.line();
            self.indicator(":", true, false, true);
        }
        self.node(value, Within::Mapping);
    }

    /// Whether a key can stand before its `:` on one line.
    fn is_simple(&self, key: &Item) -> bool {
        let anchor = key
            .identity()
            .and_then(|identity| self.anchors.get(&identity));
        let (anchor, is_alias) = match anchor {
            Some((Some(number), written)) => (name(*number).len(), *written),
            _ => (0, false),
        };
        let tag = if self.style.canonical
            || matches!(key, Item::Set(..) | Item::Bytes(_) | Item::Vault(_))
        {
            key.tag_text().len()
        } else {
            0
        };
        let length = match key {
            _ if is_alias => anchor,
            Item::Plain(_, text) | Item::Text(text) | Item::Vault(text)
                if text.contains(is_break) =>
            {
                return false;
            }
            Item::Plain(_, text) | Item::Text(text) | Item::Vault(text) => tag + text.len(),
            Item::Bytes(bytes) => {
                let text = base64_lines(bytes);
                if text.contains(is_break) {
                    return false;
                }
                tag + text.len()
            }
            collection if collection.is_empty() => anchor + tag,
            _ => return false,
        };
        length <= 128
    }

    /// Writes the anchor of what will be needed again, or an alias for what was written before, and says whether it did.
    fn anchor(&mut self, item: &Item) -> bool {
        let known = item
            .identity()
            .and_then(|identity| self.anchors.get_mut(&identity));
        let Some((Some(number), written)) = known else {
            return false;
        };
        let is_alias = std::mem::replace(written, true);
        let text = format!("{}{}", if is_alias { '*' } else { '&' }, name(*number));
        self.indicator(&text, true, false, false);
        is_alias
    }

    fn tag(&mut self, tag: &str) {
        self.indicator(tag, true, false, false);
    }

    // Scalars.

    fn scalar(&mut self, item: &Item, within: Within) {
        let base64;
        let (text, wanted) = match item {
            Item::Plain(_, text) | Item::Text(text) => (text.as_str(), self.style.scalars),
            Item::Vault(text) => (text.as_str(), Some('|')),
            Item::Bytes(bytes) => {
                base64 = base64_lines(bytes);
                (base64.as_str(), Some('|'))
            }
            _ => return,
        };
        let is_plain = match item {
            Item::Plain(..) => true,
            Item::Text(text) => !means_something_else(text),
            _ => false,
        };
        let is_text = matches!(item, Item::Text(_));
        let has_tag = self.style.canonical || !is_plain && !is_text;
        let style = self.scalar_style(text, wanted, within, has_tag || is_plain);
        if has_tag {
            self.tag(&item.tag_text());
        } else if !is_text && style != ' ' {
            // Quoted it would be a text.
            self.tag("!");
        }
        let outer = self.indent;
        self.deeper(true, false);
        let may_break = within != Within::SimpleKey;
        match style {
            '\'' => self.single_quoted(text, may_break),
            '"' => self.double_quoted(text, may_break),
            '|' => self.literal(text),
            '>' => self.folded(text),
            _ => self.plain(text, may_break),
        }
        self.indent = outer;
    }

    /// The style that is possible: a blank stands for a plain scalar.
    fn scalar_style(
        &self,
        text: &str,
        wanted: Option<char>,
        within: Within,
        may_be_plain: bool,
    ) -> char {
        let analysis = Analysis::of(text);
        let in_flow = self.flow_level > 0;
        let is_simple_key = within == Within::SimpleKey;
        let mut style = wanted
            .filter(|style| "'\"|>".contains(*style))
            .unwrap_or(' ');
        if self.style.canonical || is_simple_key && analysis.multi_line {
            style = '"';
        }
        if style == ' ' {
            let allowed = if in_flow {
                analysis.plain_in_flow
            } else {
                analysis.plain_in_block
            };
            if !allowed || text.is_empty() && (in_flow || is_simple_key) || !may_be_plain {
                style = '\'';
            }
        }
        if style == '\'' && !analysis.single_quoted {
            style = '"';
        }
        if matches!(style, '|' | '>') && (!analysis.block || in_flow || is_simple_key) {
            style = '"';
        }
        style
    }

    fn plain(&mut self, text: &str, may_break: bool) {
        if !self.is_blank && (!text.is_empty() || self.flow_level > 0) {
            self.put(' ');
        }
        self.words(text, may_break, None);
        self.is_blank = false;
        self.is_indented = false;
    }

    fn single_quoted(&mut self, text: &str, may_break: bool) {
        self.indicator("'", true, false, false);
        self.words(text, may_break, Some('\''));
        self.indicator("'", false, false, false);
        self.is_blank = false;
        self.is_indented = false;
    }

    /// Folds long lines at single blanks, and doubles line breaks, which folding would take away.
    fn words(&mut self, text: &str, may_break: bool, quote: Option<char>) {
        let (mut spaces, mut breaks) = (false, false);
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            if character == ' ' {
                let is_inside = quote.is_none() || at > 0 && next.is_some();
                let folds = may_break && !spaces && self.column > self.style.width;
                if folds && is_inside && next != Some(' ') {
                    self.line();
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else if is_break(character) {
                if !breaks && character == '\n' {
                    self.put_break();
                }
                self.write_break(character);
                self.is_indented = true;
                breaks = true;
            } else {
                if breaks {
                    self.line();
                }
                if Some(character) == quote {
                    self.put(character);
                }
                self.put(character);
                self.is_indented = false;
                spaces = false;
                breaks = false;
            }
        }
        if breaks && quote.is_some() {
            self.line();
        }
    }

    fn double_quoted(&mut self, text: &str, may_break: bool) {
        self.indicator("\"", true, false, false);
        let mut spaces = false;
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            let is_special =
                !is_printable(character) || is_break(character) || matches!(character, '"' | '\\');
            if is_special {
                for character in escape(character).chars() {
                    self.put(character);
                }
                spaces = false;
            } else if character == ' ' {
                let is_inside = at > 0 && next.is_some();
                if may_break && !spaces && self.column > self.style.width && is_inside {
                    self.line();
                    if next == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else {
                self.put(character);
                spaces = false;
            }
        }
        self.indicator("\"", false, false, false);
        self.is_blank = false;
        self.is_indented = false;
    }

    /// The sign of a block with what says how it is indented and how it ends.
    fn block_header(&mut self, sign: &str, text: &str) {
        self.indicator(sign, true, false, false);
        if text.starts_with(|first| first == ' ' || is_break(first)) {
            let hint = self.style.indent.to_string();
            self.indicator(&hint, false, false, false);
        }
        let mut backwards = text.chars().rev();
        let ends = backwards.next().is_some_and(is_break);
        self.is_open = ends && backwards.next().is_none_or(is_break);
        if self.is_open {
            self.indicator("+", false, false, false);
        } else if !ends {
            self.indicator("-", false, false, false);
        }
        self.put_break();
        self.is_indented = true;
        self.is_blank = true;
    }

    fn literal(&mut self, text: &str) {
        self.block_header("|", text);
        let mut breaks = true;
        for character in text.chars() {
            if is_break(character) {
                self.write_break(character);
                self.is_indented = true;
                breaks = true;
            } else {
                if breaks {
                    self.line();
                }
                self.put(character);
                self.is_indented = false;
                breaks = false;
            }
        }
    }

    fn folded(&mut self, text: &str) {
        self.block_header(">", text);
        let (mut breaks, mut leading_spaces) = (true, true);
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            let next = rest.clone().next();
            if is_break(character) {
                if !breaks && !leading_spaces && character == '\n' {
                    let behind = rest.as_str().trim_start_matches(is_break).chars().next();
                    if !behind.is_none_or(is_blank) {
                        self.put_break();
                    }
                }
                self.write_break(character);
                self.is_indented = true;
                breaks = true;
            } else {
                if breaks {
                    self.line();
                    leading_spaces = matches!(character, ' ' | '\t');
                }
                if !breaks
                    && character == ' '
                    && next != Some(' ')
                    && self.column > self.style.width
                {
                    self.line();
                } else {
                    self.put(character);
                }
                self.is_indented = false;
                breaks = false;
            }
        }
    }
}

fn null() -> Item {
    Item::Plain("null", "null".to_owned())
}

fn name(number: usize) -> String {
    format!("id{number:03}")
}

/// Python's lines of Base64.
fn base64_lines(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let mut lines = String::with_capacity(text.len() + text.len() / 76 + 1);
    for line in text.as_bytes().chunks(76) {
        lines.push_str(&String::from_utf8_lossy(line));
        lines.push('\n');
    }
    lines
}

fn escape(character: char) -> String {
    match character {
        '\0' => "\\0".to_owned(),
        '\u{7}' => "\\a".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\u{b}' => "\\v".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\r' => "\\r".to_owned(),
        '\u{1b}' => "\\e".to_owned(),
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\u{85}' => "\\N".to_owned(),
        '\u{a0}' => "\\_".to_owned(),
        '\u{2028}' => "\\L".to_owned(),
        '\u{2029}' => "\\P".to_owned(),
        character => match u32::from(character) {
            code @ 0..=0xff => format!("\\x{code:02X}"),
            code @ 0x100..=0xffff => format!("\\u{code:04X}"),
            code => format!("\\U{code:08X}"),
        },
    }
}

/// How PyYAML writes a float.
pub fn float_text(float: f64) -> String {
    if float.is_nan() {
        return ".nan".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = python_float(float);
    // YAML 1.1 reads an exponent only behind a point.
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    }
}

/// What libyaml writes as it is: nothing beyond 16 bits.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && character != '\u{feff}'
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank(character: char) -> bool {
    matches!(character, '\0' | ' ' | '\t') || is_break(character)
}

/// Which ways of writing a text are open.
struct Analysis {
    plain_in_block: bool,
    plain_in_flow: bool,
    single_quoted: bool,
    block: bool,
    multi_line: bool,
}

impl Analysis {
    fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self {
                plain_in_block: true,
                plain_in_flow: false,
                single_quoted: true,
                block: false,
                multi_line: false,
            };
        }
        let is_marker = text.starts_with("---") || text.starts_with("...");
        let (mut in_block, mut in_flow) = (!is_marker, !is_marker);
        let (mut breaks, mut special) = (false, false);
        let (mut break_space, mut space_break) = (false, false);
        let mut previous = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let followed = characters.peek().is_none_or(|next| is_blank(*next));
            let preceded = previous.is_none_or(is_blank);
            let (ends_block, ends_flow) = match (character, previous) {
                ('?' | ':', None) => (followed, true),
                ('-', None) => (followed, followed),
                (
                    '#' | '[' | ']' | '{' | '}' | ',' | '&' | '*' | '!' | '|' | '>' | '\'' | '"'
                    | '%' | '@' | '`',
                    None,
                ) => (true, true),
                (',' | '?' | '[' | ']' | '{' | '}', Some(_)) => (false, true),
                (':', Some(_)) => (followed, true),
                ('#', Some(_)) => (preceded, preceded),
                _ => (false, false),
            };
            in_block &= !ends_block;
            in_flow &= !ends_flow;
            special |= !is_printable(character);
            breaks |= is_break(character);
            break_space |= character == ' ' && previous.is_some_and(is_break);
            space_break |= is_break(character) && previous == Some(' ');
            previous = Some(character);
        }
        let at_edge = |character: char| character == ' ' || is_break(character);
        let edges = text.starts_with(at_edge) || text.ends_with(at_edge);
        let may_be_plain = !(edges || breaks || break_space || space_break || special);
        Self {
            plain_in_block: in_block && may_be_plain,
            plain_in_flow: in_flow && may_be_plain,
            single_quoted: !(break_space || space_break || special),
            block: !(text.ends_with(' ') || space_break || special),
            multi_line: breaks,
        }
    }
}
