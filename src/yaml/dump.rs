//! YAML as PyYAML writes it, for the filters `to_yaml` and `to_nice_yaml`: which scalars are quoted and how, where long
//! ones are folded, how collections are indented.

use std::collections::HashMap;

use super::ansible;

/// What is written: a scalar in its text, or a collection that may be written more than once.
#[derive(Clone, Debug)]
pub enum Item {
    /// Written as it stands: a number, a boolean, null.
    Plain(String),
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
}

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
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub indent: usize,
    /// The column after which a text is folded at its next blank.
    pub width: usize,
    pub sort_keys: bool,
    pub flow: Flow,
    /// Whether the document begins with `---`, and ends with `...`.
    pub explicit_start: bool,
    pub explicit_end: bool,
    /// Whether letters beyond ASCII are written as they are.
    pub unicode: bool,
}

impl Style {
    /// Writes a value as a document, with a line end. Fails for what holds itself or is nested too deep.
    pub fn text(self, value: &Item) -> Result<String, String> {
        let indent = if (2..10).contains(&self.indent) {
            self.indent
        } else {
            2
        };
        let width = if self.width > indent * 2 {
            self.width
        } else {
            80
        };
        let mut writer = Writer {
            style: Self {
                indent,
                width,
                ..self
            },
            out: String::new(),
            column: 0,
            anchors: HashMap::new(),
        };
        let mut seen = HashMap::new();
        let mut order = Vec::new();
        count(value, &mut seen, &mut order, 0)?;
        if self.flow == Flow::Always && has_block_key(value) {
            return Err("an encrypted or binary key cannot be written on one line".to_owned());
        }
        let repeated = order
            .into_iter()
            .filter(|identity| seen.get(identity).is_some_and(|count| *count > 1));
        for (index, identity) in repeated.enumerate() {
            writer.anchors.insert(identity, (index + 1, false));
        }
        if self.explicit_start {
            writer.push("---");
        }
        if value.is_collection() && !writer.on_one_line(value) {
            if self.explicit_start {
                writer.line(0);
            }
            writer.block(value, None, false);
        } else {
            if self.explicit_start {
                writer.push(" ");
            }
            if value.is_collection() {
                writer.flow(value, indent, 0);
            } else {
                writer.scalar(value, self.indent, false, false);
            }
        }
        writer.out.push('\n');
        if self.explicit_end && !writer.out.ends_with("...\n") {
            writer.out.push_str("...\n");
        }
        Ok(writer.out)
    }
}

/// Whether a key would need lines of its own.
fn has_block_key(value: &Item) -> bool {
    match value {
        Item::List(_, items) => items.iter().any(has_block_key),
        Item::Map(_, pairs) => pairs.iter().any(|(key, item)| {
            matches!(key, Item::Vault(_) | Item::Bytes(_)) || has_block_key(item)
        }),
        Item::Set(_, keys) => keys
            .iter()
            .any(|key| matches!(key, Item::Vault(_) | Item::Bytes(_))),
        _ => false,
    }
}

/// How often each collection is written, in the order in which they come.
fn count(
    value: &Item,
    seen: &mut HashMap<usize, usize>,
    order: &mut Vec<usize>,
    depth: usize,
) -> Result<(), String> {
    if depth > 150 {
        return Err("this value is nested too deep, or holds itself".to_owned());
    }
    if let Some(identity) = value.identity() {
        let times = seen.entry(identity).or_default();
        *times += 1;
        if *times > 1 {
            return Ok(());
        }
        order.push(identity);
    }
    match value {
        Item::List(_, items) | Item::Set(_, items) => items
            .iter()
            .try_for_each(|item| count(item, seen, order, depth + 1)),
        Item::Map(_, pairs) => pairs.iter().try_for_each(|(key, item)| {
            count(key, seen, order, depth + 1)?;
            count(item, seen, order, depth + 1)
        }),
        _ => Ok(()),
    }
}

struct Writer {
    style: Style,
    out: String,
    column: usize,
    /// The number of each collection that is written more than once, and whether it has been.
    anchors: HashMap<usize, (usize, bool)>,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn line(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.push_str(&" ".repeat(indent));
        self.column = indent;
    }

    /// Writes an alias for what was written before (and says so), or the anchor for what will be needed again.
    fn anchored(&mut self, value: &Item) -> bool {
        let Some((number, written)) = value
            .identity()
            .and_then(|identity| self.anchors.get_mut(&identity))
        else {
            return false;
        };
        let again = std::mem::replace(written, true);
        let name = format!("{}id{number:03}", if again { '*' } else { '&' });
        self.push(&name);
        again
    }

    fn is_alias(&self, value: &Item) -> bool {
        value
            .identity()
            .and_then(|identity| self.anchors.get(&identity))
            .is_some_and(|(_, written)| *written)
    }

    fn on_one_line(&self, value: &Item) -> bool {
        if !value.is_collection()
            || value.is_empty()
            || self.style.flow == Flow::Always
            || self.is_alias(value)
        {
            return true;
        }
        let leaves = self.style.flow == Flow::Leaves;
        // What holds a block of its own takes lines, too.
        let is_block = |item: &Item| matches!(item, Item::Vault(_) | Item::Bytes(_));
        let takes_lines = |item: &Item| item.is_collection() || is_block(item);
        match value {
            Item::List(_, items) => leaves && !items.iter().any(takes_lines),
            Item::Map(_, pairs) => {
                leaves
                    && !pairs
                        .iter()
                        .any(|(key, item)| is_block(key) || takes_lines(item))
            }
            _ => leaves,
        }
    }

    /// The entries of a mapping.
    fn entries(value: &Item) -> Vec<(&Item, Item)> {
        match value {
            Item::Map(_, pairs) => pairs
                .iter()
                .map(|(key, item)| (key, item.clone()))
                .collect(),
            Item::Set(_, keys) => keys
                .iter()
                .map(|key| (key, Item::Plain("null".to_owned())))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Writes a collection with an entry per line. `outer` is the indentation around it; `after_dash` says that its
    /// first entry stands on the line of a list's dash.
    fn block(&mut self, value: &Item, outer: Option<usize>, after_dash: bool) {
        let mut begins = self.out.is_empty() || self.out.ends_with('\n');
        if value
            .identity()
            .is_some_and(|identity| self.anchors.contains_key(&identity))
            || matches!(value, Item::Set(..))
        {
            if self.out.ends_with(':') || self.out.ends_with('-') {
                self.push(" ");
            }
            self.anchored(value);
            if let Item::Set(..) = value {
                self.push("!!set");
            }
            begins = false;
            if after_dash {
                // The first entry begins on a line of its own then.
                return self.block_body(value, outer, false, begins, true);
            }
        }
        self.block_body(value, outer, after_dash, begins, false);
    }

    fn block_body(
        &mut self,
        value: &Item,
        outer: Option<usize>,
        after_dash: bool,
        begins: bool,
        in_list: bool,
    ) {
        match value {
            Item::List(_, items) => {
                // A list directly below a key is not indented further.
                let indent = match outer {
                    None => 0,
                    Some(outer) if after_dash || in_list => outer + self.style.indent,
                    Some(outer) => outer,
                };
                for (index, item) in items.iter().enumerate() {
                    if index > 0 || !(after_dash || begins) {
                        self.line(indent);
                    }
                    self.push("-");
                    self.entry_of_list(item, indent);
                }
            }
            _ => {
                let indent = outer.map_or(0, |outer| outer + self.style.indent);
                for (index, (key, item)) in Self::entries(value).into_iter().enumerate() {
                    if index > 0 || !(after_dash || begins) {
                        self.line(indent);
                    }
                    self.entry_of_mapping(key, &item, indent);
                }
            }
        }
    }

    fn entry_of_list(&mut self, item: &Item, indent: usize) {
        if self.on_one_line(item) {
            self.push(" ");
            self.inline(item, indent + self.style.indent);
        } else if item
            .identity()
            .is_some_and(|identity| self.anchors.contains_key(&identity))
        {
            self.block(item, Some(indent), true);
        } else {
            // `-` and blanks up to the indentation of what it holds.
            self.push(&" ".repeat(self.style.indent - 1));
            self.block(item, Some(indent), true);
        }
    }

    fn inline(&mut self, item: &Item, indent: usize) {
        if item.is_collection() {
            self.flow(item, indent, 0);
        } else {
            self.scalar(item, indent, false, false);
        }
    }

    fn entry_of_mapping(&mut self, key: &Item, item: &Item, indent: usize) {
        let simple = match key {
            Item::Text(text) => text.chars().count() < 128 && !text.contains('\n'),
            Item::Plain(_) => true,
            _ => false,
        };
        if simple {
            self.scalar(key, indent, false, true);
            self.push(":");
        } else {
            self.push("? ");
            self.inline(key, indent + self.style.indent);
            self.line(indent);
            self.push(":");
        }
        if self.on_one_line(item) {
            self.push(" ");
            self.inline(item, indent + self.style.indent);
        } else {
            self.block(item, Some(indent), false);
        }
    }

    /// Writes a collection between brackets, continued on the next line when the width is used up.
    fn flow(&mut self, value: &Item, indent: usize, depth: usize) {
        if self.anchored(value) {
            return;
        }
        if self.out.ends_with(|last: char| last.is_ascii_digit())
            && value
                .identity()
                .is_some_and(|identity| self.anchors.contains_key(&identity))
        {
            self.push(" ");
        }
        if let Item::Set(..) = value {
            self.push("!!set ");
        }
        let inner = indent + if depth > 0 { self.style.indent } else { 0 };
        match value {
            Item::List(_, items) => {
                self.push("[");
                for (index, item) in items.iter().enumerate() {
                    self.next_in_flow(index, inner);
                    self.in_flow(item, inner + self.style.indent, false);
                }
                self.push("]");
            }
            _ => {
                self.push("{");
                for (index, (key, item)) in Self::entries(value).into_iter().enumerate() {
                    self.next_in_flow(index, inner);
                    self.in_flow(key, inner, true);
                    self.push(": ");
                    self.in_flow(&item, inner + self.style.indent, false);
                }
                self.push("}");
            }
        }
    }

    fn in_flow(&mut self, item: &Item, indent: usize, is_key: bool) {
        if item.is_collection() {
            self.flow(item, indent.saturating_sub(self.style.indent), 1);
        } else {
            self.scalar(item, indent, true, is_key);
        }
    }

    fn next_in_flow(&mut self, index: usize, indent: usize) {
        if index > 0 {
            self.push(",");
        }
        if self.column > self.style.width {
            self.line(indent);
        } else if index > 0 {
            self.push(" ");
        }
    }

    fn scalar(&mut self, value: &Item, indent: usize, in_flow: bool, is_key: bool) {
        let text = match value {
            Item::Plain(text) => return self.push(text),
            Item::Text(text) => text,
            Item::Bytes(bytes) => {
                let text = crate::ansible::encode_base64(bytes);
                let lines = text.as_bytes().chunks(76).map(String::from_utf8_lossy);
                if in_flow {
                    self.push("!!binary ");
                    let text: String = lines.flat_map(|line| [line, "\n".into()]).collect();
                    return self.double_quoted(&text, indent, is_key);
                }
                self.push("!!binary |");
                for line in lines {
                    self.line(indent);
                    self.push(&line);
                }
                return;
            }
            Item::Vault(text) if in_flow => {
                self.push("!vault ");
                return self.double_quoted(text, indent, is_key);
            }
            Item::Vault(text) => {
                self.push(if text.ends_with('\n') {
                    "!vault |"
                } else {
                    "!vault |-"
                });
                for line in text.lines() {
                    self.line(indent);
                    self.push(line);
                }
                return;
            }
            // Only leaves are written in flow.
            _ => return self.flow(value, indent, 1),
        };
        let analysis = Analysis::of(text, self.style.unicode);
        let resolves_otherwise = ansible::means_something_else(text);
        let plain = if in_flow {
            analysis.plain_in_flow
        } else {
            analysis.plain_in_block
        };
        if plain && !resolves_otherwise && !analysis.multi_line {
            self.plain(text, indent, is_key);
        } else if analysis.single_quoted && !(is_key && analysis.multi_line) {
            self.single_quoted(text, indent, is_key);
        } else {
            self.double_quoted(text, indent, is_key);
        }
    }

    fn plain(&mut self, text: &str, indent: usize, is_key: bool) {
        let mut words = text.split(' ').peekable();
        while let Some(word) = words.next() {
            self.push(word);
            if words.peek().is_some() {
                self.blank_or_fold(
                    indent,
                    is_key || words.peek().is_some_and(|next| next.is_empty()) || word.is_empty(),
                );
            }
        }
    }

    /// A single blank between words may become a line end once the width is used up.
    fn blank_or_fold(&mut self, indent: usize, keep: bool) {
        if !keep && self.column > self.style.width {
            self.line(indent);
        } else {
            self.push(" ");
        }
    }

    fn single_quoted(&mut self, text: &str, indent: usize, is_key: bool) {
        self.push("'");
        let lines: Vec<&str> = text.split('\n').collect();
        let mut index = 0;
        while index < lines.len() {
            if index > 0 {
                // n line ends are written as n + 1; empty lines between stand for themselves.
                self.out.push('\n');
                while index < lines.len() - 1 && lines[index].is_empty() {
                    self.out.push('\n');
                    index += 1;
                }
                self.line(indent);
            }
            let line = lines[index].replace('\'', "''");
            let words: Vec<&str> = line.split(' ').collect();
            for (position, word) in words.iter().enumerate() {
                self.push(word);
                if let Some(next) = words.get(position + 1) {
                    let at_edge = position == 0 && word.is_empty()
                        || position + 2 == words.len() && next.is_empty();
                    self.blank_or_fold(
                        indent,
                        is_key || at_edge || next.is_empty() || word.is_empty(),
                    );
                }
            }
            index += 1;
        }
        self.push("'");
    }

    fn double_quoted(&mut self, text: &str, indent: usize, is_key: bool) {
        self.push("\"");
        let characters: Vec<char> = text.chars().collect();
        let unicode = self.style.unicode;
        for (index, &character) in characters.iter().enumerate() {
            let inside = index > 0 && index + 1 < characters.len();
            if character == ' ' && !is_key && inside && self.column > self.style.width {
                self.line(indent);
                if characters[index + 1] == ' ' {
                    self.push("\\");
                }
                continue;
            }
            let escaped = match character {
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
                character if is_printable(character) && (unicode || character.is_ascii()) => {
                    character.to_string()
                }
                character => match u32::from(character) {
                    code @ 0..=0xff => format!("\\x{code:02X}"),
                    code @ 0x100..=0xffff => format!("\\u{code:04X}"),
                    code => format!("\\U{code:08X}"),
                },
            };
            self.push(&escaped);
        }
        self.push("\"");
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
    let text = crate::ansible::float_text(float);
    // YAML 1.1 reads an exponent only behind a point.
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
        _ => text,
    }
}

/// What libyaml writes as it is: nothing beyond 16 bits.
fn is_printable(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' )
        && character != '\u{feff}'
}

/// Which ways of writing a text are open.
struct Analysis {
    plain_in_block: bool,
    plain_in_flow: bool,
    single_quoted: bool,
    multi_line: bool,
}

impl Analysis {
    fn of(text: &str, unicode: bool) -> Self {
        let characters: Vec<char> = text.chars().collect();
        let blank_or_end = |index: usize| {
            characters.get(index).is_none_or(|character| {
                matches!(
                    character,
                    '\0' | ' ' | '\t' | '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}'
                )
            })
        };
        let is_break =
            |character: char| matches!(character, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let mut block = !(text.starts_with("---") || text.starts_with("..."));
        let mut flow = block;
        let (mut multi_line, mut special) = (false, false);
        let (mut leading, mut trailing, mut break_space, mut space_break) =
            (false, false, false, false);
        let mut before_blank = true;
        let mut previous = None;
        for (index, &character) in characters.iter().enumerate() {
            let followed = blank_or_end(index + 1);
            if index == 0 {
                if "#,[]{}&*!|>'\"%@`".contains(character) {
                    block = false;
                    flow = false;
                }
                if "?:".contains(character) {
                    flow = false;
                    block &= !followed;
                }
                if character == '-' && followed {
                    block = false;
                    flow = false;
                }
            } else {
                if ",?[]{}".contains(character) {
                    flow = false;
                }
                if character == ':' {
                    flow = false;
                    block &= !followed;
                }
                if character == '#' && before_blank {
                    flow = false;
                    block = false;
                }
            }
            multi_line |= is_break(character);
            special |= !(character == '\n'
                || is_printable(character) && (unicode || character.is_ascii()))
                || character == '\t';
            if character == ' ' {
                leading |= index == 0;
                trailing |= index + 1 == characters.len();
                break_space |= previous.is_some_and(is_break);
            } else if is_break(character) {
                leading |= index == 0;
                trailing |= index + 1 == characters.len();
                space_break |= previous == Some(' ');
            }
            before_blank = blank_or_end(index) || character == '\0';
            previous = Some(character);
        }
        let edges = leading || trailing || break_space || special;
        Self {
            plain_in_block: block && !edges && !space_break && !text.is_empty(),
            plain_in_flow: flow && !edges && !space_break && !text.is_empty(),
            single_quoted: !(special || space_break || break_space),
            multi_line,
        }
    }
}
