//! YAML as PyYAML writes it, for the filters `to_yaml` and `to_nice_yaml`: which scalars are quoted and how, where long
//! ones are folded, how collections are indented.

use serde_json::Value;

use super::ansible;

/// Which collections are written on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// None but empty ones.
    Never,
    /// Those that hold only scalars.
    Leaves,
}

/// How to write.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub indent: usize,
    /// The column after which a text is folded at its next blank.
    pub width: usize,
    pub sort_keys: bool,
    pub flow: Flow,
}

impl Style {
    /// Writes a value as a document, with a line end.
    pub fn text(self, value: &Value) -> String {
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
        };
        match value {
            Value::Array(_) | Value::Object(_) if !writer.on_one_line(value) => {
                writer.block(value, None, false)
            }
            Value::Array(_) | Value::Object(_) => writer.flow(value, indent, 0),
            _ => writer.scalar(value, self.indent, false, false),
        }
        writer.out.push('\n');
        writer.out
    }
}

struct Writer {
    style: Style,
    out: String,
    column: usize,
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

    fn on_one_line(&self, value: &Value) -> bool {
        let scalar = |value: &Value| !value.is_array() && !value.is_object();
        match value {
            Value::Array(items) => {
                items.is_empty() || self.style.flow == Flow::Leaves && items.iter().all(scalar)
            }
            Value::Object(map) => {
                map.is_empty() || self.style.flow == Flow::Leaves && map.values().all(scalar)
            }
            _ => true,
        }
    }

    /// The entries of a mapping in their order of writing.
    fn entries<'a>(&self, map: &'a serde_json::Map<String, Value>) -> Vec<(&'a String, &'a Value)> {
        let mut entries: Vec<_> = map.iter().collect();
        if self.style.sort_keys {
            entries.sort_by_key(|(key, _)| *key);
        }
        entries
    }

    /// Writes a collection with an entry per line. `outer` is the indentation around it; `after_dash` says that its
    /// first entry stands on the line of a list's dash.
    fn block(&mut self, value: &Value, outer: Option<usize>, after_dash: bool) {
        match value {
            Value::Array(items) => {
                // A list directly below a key is not indented further.
                let indent = match outer {
                    None => 0,
                    Some(outer) if after_dash => outer + self.style.indent,
                    Some(outer) => outer,
                };
                for (index, item) in items.iter().enumerate() {
                    let continues_line = index == 0 && (after_dash || self.out.is_empty());
                    if !continues_line {
                        self.line(indent);
                    }
                    self.push("-");
                    if after_dash || self.on_one_line(item) || item.is_array() || item.is_object() {
                        self.entry_of_list(item, indent);
                    }
                }
            }
            Value::Object(map) => {
                let indent = outer.map_or(0, |outer| outer + self.style.indent);
                for (index, (key, item)) in self.entries(map).into_iter().enumerate() {
                    let continues_line = index == 0 && (after_dash || self.out.is_empty());
                    if !continues_line {
                        self.line(indent);
                    }
                    self.entry_of_mapping(key, item, indent);
                }
            }
            _ => {}
        }
    }

    fn entry_of_list(&mut self, item: &Value, indent: usize) {
        if self.on_one_line(item) {
            self.push(" ");
            if item.is_array() || item.is_object() {
                self.flow(item, indent + self.style.indent, 0);
            } else {
                self.scalar(item, indent + self.style.indent, false, false);
            }
        } else {
            // `-` and blanks up to the indentation of what it holds.
            self.push(&" ".repeat(self.style.indent - 1));
            self.block(item, Some(indent), true);
        }
    }

    fn entry_of_mapping(&mut self, key: &str, item: &Value, indent: usize) {
        let key_value = Value::String(key.to_owned());
        let simple = key.chars().count() < 128 && !key.contains('\n');
        if simple {
            self.scalar(&key_value, indent, false, true);
            self.push(":");
        } else {
            self.push("? ");
            self.scalar(&key_value, indent + self.style.indent, false, false);
            self.line(indent);
            self.push(":");
        }
        if self.on_one_line(item) {
            self.push(" ");
            if item.is_array() || item.is_object() {
                self.flow(item, indent + self.style.indent, 0);
            } else {
                self.scalar(item, indent + self.style.indent, false, false);
            }
        } else {
            self.block(item, Some(indent), false);
        }
    }

    /// Writes a collection between brackets, continued on the next line when the width is used up.
    fn flow(&mut self, value: &Value, indent: usize, depth: usize) {
        let inner = indent + if depth > 0 { self.style.indent } else { 0 };
        let (open, close) = if value.is_array() {
            ("[", "]")
        } else {
            ("{", "}")
        };
        self.push(open);
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.next_in_flow(index, inner);
                    self.scalar(item, inner + self.style.indent, true, false);
                }
            }
            Value::Object(map) => {
                for (index, (key, item)) in self.entries(map).into_iter().enumerate() {
                    self.next_in_flow(index, inner);
                    self.scalar(&Value::String(key.clone()), inner, true, true);
                    self.push(": ");
                    self.scalar(item, inner + self.style.indent, true, false);
                }
            }
            _ => {}
        }
        self.push(close);
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

    fn scalar(&mut self, value: &Value, indent: usize, in_flow: bool, is_key: bool) {
        let text = match value {
            Value::Null => return self.push("null"),
            Value::Bool(value) => return self.push(if *value { "true" } else { "false" }),
            Value::Number(number) => return self.push(&number_text(number)),
            Value::String(text) => text,
            // Only leaves are written in flow.
            Value::Array(_) | Value::Object(_) => return self.flow(value, indent, 1),
        };
        let analysis = Analysis::of(text);
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
                character if is_printable(character) => character.to_string(),
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

fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => {
            let text = crate::ansible::float_text(float);
            // YAML 1.1 reads an exponent only behind a point.
            match text.split_once('e') {
                Some((digits, exponent)) if !digits.contains('.') => {
                    format!("{digits}.0e{exponent}")
                }
                _ => text,
            }
        }
        _ => number.to_string(),
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
    fn of(text: &str) -> Self {
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
            special |= !(character == '\n' || is_printable(character)) || character == '\t';
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
