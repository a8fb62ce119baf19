//! Filters that write and read JSON, YAML and Base64.

use std::fmt::Write;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE};
use yaml_dialects::pyyaml::{self, emit};
use yaml_dialects::{ErrorKind, Limits};

use crate::filters::Filter;
use crate::python::methods::text::{decode, encode};
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Key, Value, data, limits, number, print};

pub const JINJA: &[Filter] = &[("tojson", &["indent"], tojson)];

pub const FILTERS: &[Filter] = &[
    (
        "to_json",
        &[
            "profile",
            "vault_to_text",
            "preprocess_unsafe",
            "*",
            "indent",
            "sort_keys",
            "ensure_ascii",
            "separators",
            "skipkeys",
            "allow_nan",
            "check_circular",
        ],
        to_json,
    ),
    (
        "to_nice_json",
        &[
            "indent",
            "sort_keys",
            "*",
            "ensure_ascii",
            "separators",
            "skipkeys",
            "allow_nan",
            "check_circular",
        ],
        to_nice_json,
    ),
    ("from_json", &["profile"], from_json),
    (
        "to_yaml",
        &[
            "*",
            "indent",
            "width",
            "sort_keys",
            "default_flow_style",
            "default_style",
            "explicit_start",
            "explicit_end",
            "canonical",
            "line_break",
            "version",
            "tags",
            "encoding",
            "stream",
        ],
        to_yaml,
    ),
    (
        "to_nice_yaml",
        &[
            "indent",
            "*",
            "width",
            "sort_keys",
            "default_flow_style",
            "default_style",
            "explicit_start",
            "explicit_end",
            "canonical",
            "line_break",
            "version",
            "tags",
            "encoding",
            "stream",
        ],
        to_nice_yaml,
    ),
    ("from_yaml", &[], from_yaml),
    ("from_yaml_all", &[], from_yaml_all),
    ("b64encode", &["encoding", "urlsafe"], b64encode),
    ("b64decode", &["encoding", "urlsafe"], b64decode),
];

fn indentation(arguments: &Arguments, default: Option<&str>) -> Result<Option<String>> {
    match arguments.get("indent") {
        None => Ok(default.map(str::to_owned)),
        Some(Value::None) => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text.to_string())),
        Some(_) => {
            let width = usize::try_from(arguments.number("indent")?.unwrap_or(0)).unwrap_or(0);
            limits::text(width)?;
            Ok(Some(" ".repeat(width)))
        }
    }
}

fn json(value: &Value, arguments: &Arguments, indent: Option<&str>, sort: bool) -> Result<Value> {
    let indent = indentation(arguments, indent)?;
    let separators = match arguments.some("separators") {
        Some(pair) if arguments.callee() == "to_json" => {
            let pair = pair.items()?;
            let [item, key] = pair.as_slice() else {
                return fail("`separators` are two texts");
            };
            (print::text(item)?, print::text(key)?)
        }
        _ => (
            (match indent {
                None if arguments.callee() != "to_nice_json" => ", ",
                _ => ",",
            })
            .to_owned(),
            ": ".to_owned(),
        ),
    };
    let style = JsonStyle {
        indent,
        separators,
        sort_keys: arguments.flag_or("sort_keys", sort)?,
        ascii: arguments.flag_or("ensure_ascii", true)?,
        extended: arguments.callee() != "tojson",
        allow_nan: arguments.flag_or("allow_nan", true)?,
    };
    style.text(value).map(Value::from)
}

fn to_json(value: &Value, arguments: &Arguments) -> Result<Value> {
    if arguments.some("profile").is_some() {
        return Err(Error::unsupported(
            "`to_json` with a profile is not supported",
            "Leave the profile out.",
        ));
    }
    json(value, arguments, None, false)
}

fn to_nice_json(value: &Value, arguments: &Arguments) -> Result<Value> {
    json(value, arguments, Some("    "), true)
}

/// Jinja2's own: keys sorted, safe inside of HTML.
fn tojson(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = json(value, arguments, None, true)?;
    Ok(Value::from(
        print::text(&text)?
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace('\'', "\\u0027"),
    ))
}

/// Python's `json.dumps`.
struct JsonStyle {
    indent: Option<String>,
    separators: (String, String),
    sort_keys: bool,
    ascii: bool,
    /// Ansible's own profile knows more than Python: dates are texts, ranges are lists.
    extended: bool,
    allow_nan: bool,
}

impl JsonStyle {
    fn text(&self, value: &Value) -> Result<String> {
        let mut out = String::new();
        self.write(&mut out, value, 0)?;
        limits::text(out.len())?;
        Ok(out)
    }

    fn write(&self, out: &mut String, value: &Value, level: usize) -> Result<()> {
        limits::step(1)?;
        if level > 200 {
            return fail("this value is nested too deep, or holds itself");
        }
        if out.len() > 8 * 1024 * 1024 {
            limits::text(out.len())?;
        }
        match value {
            Value::None => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Float(float) => out.push_str(&self.float(*float)?),
            number if number.is_number() => out.push_str(&print::text(number)?),
            Value::Text(text) => self.write_text(out, text),
            Value::Date(_, _) if self.extended => self.write_text(out, &print::text(value)?),
            Value::Time(time) if self.extended => {
                self.write_text(out, &print::time_text(*time, 'T'))
            }
            Value::List(_) | Value::Tuple(_) => {
                let items = value.items()?;
                if items.is_empty() {
                    out.push_str("[]");
                    return Ok(());
                }
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.separate(out, index, level + 1)?;
                    self.write(out, item, level + 1)?;
                }
                self.end(out, level)?;
                out.push(']');
            }
            Value::Dict(_) => {
                let pairs = self.members(value)?;
                out.push('{');
                for (index, (key, item)) in pairs.iter().enumerate() {
                    self.separate(out, index, level + 1)?;
                    self.write_text(out, key);
                    out.push_str(&self.separators.1);
                    self.write(out, item, level + 1)?;
                }
                if !pairs.is_empty() {
                    self.end(out, level)?;
                }
                out.push('}');
            }
            Value::Object(object) if object.iterate().is_some() => {
                let items = object.iterate().unwrap_or_else(|| Ok(Vec::new()))?;
                self.write(out, &Value::list(items), level)?;
            }
            Value::Marker(error) => return Err((**error).clone()),
            Value::Lazy(lazy) => self.write(out, &lazy.value(), level)?,
            Value::Range(_) if self.extended => {
                return self.write(out, &Value::list(value.items()?), level);
            }
            other => {
                return fail(format!(
                    "Object of type {} is not JSON serializable",
                    other.type_name()
                ));
            }
        }
        Ok(())
    }

    /// The members of a mapping, their keys as texts. Ansible makes texts of the keys first, so that of two that are one
    /// text the later value stays, and sorts those; Python sorts the keys themselves.
    fn members(&self, value: &Value) -> Result<Vec<(String, Value)>> {
        value.check_values()?;
        let mut pairs = value.pairs().unwrap_or_default();
        if self.sort_keys && !self.extended {
            let pair = |(key, item)| Value::tuple(vec![key, item]);
            let key = |pair: &Value| Ok(pair.iterate()?.swap_remove(0));
            let sorted =
                crate::value::order::sorted(pairs.into_iter().map(pair).collect(), key, false)?;
            pairs = Vec::with_capacity(sorted.len());
            for pair in sorted {
                let mut pair = pair.iterate()?;
                pairs.extend(pair.pop().zip(pair.pop()).map(|(item, key)| (key, item)));
            }
        }
        let mut members = indexmap::IndexMap::with_capacity(pairs.len());
        for (key, item) in pairs {
            members.insert(self.key(&key)?, item);
        }
        if self.sort_keys && self.extended {
            members.sort_keys();
        }
        Ok(members.into_iter().collect())
    }

    fn key(&self, key: &Value) -> Result<String> {
        Ok(match key {
            Value::Text(text) => text.to_string(),
            Value::None => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Float(float) => self.float(*float)?,
            number if number.is_number() => print::text(number)?,
            other => {
                return fail(format!(
                    "keys must be str, int, float, bool or None, not {}",
                    other.type_name()
                ));
            }
        })
    }

    fn float(&self, float: f64) -> Result<String> {
        if float.is_finite() {
            return Ok(print::float_text(float));
        }
        if !self.allow_nan {
            return fail("Out of range float values are not JSON compliant");
        }
        Ok(if float.is_nan() {
            "NaN"
        } else if float > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned())
    }

    fn separate(&self, out: &mut String, index: usize, level: usize) -> Result<()> {
        if index > 0 {
            out.push_str(&self.separators.0);
        }
        self.end(out, level)
    }

    fn end(&self, out: &mut String, level: usize) -> Result<()> {
        if let Some(indent) = &self.indent {
            out.push('\n');
            limits::text(indent.len() * level)?;
            out.push_str(&indent.repeat(level));
        }
        Ok(())
    }

    fn write_text(&self, out: &mut String, text: &str) {
        out.push('"');
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                character if character < ' ' || self.ascii && character > '~' => {
                    let mut units = [0; 2];
                    for unit in character.encode_utf16(&mut units) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                character => out.push(character),
            }
        }
        out.push('"');
    }
}

fn from_json(value: &Value, arguments: &Arguments) -> Result<Value> {
    if arguments.some("profile").is_some() {
        return Err(Error::unsupported(
            "`from_json` with a profile is not supported",
            "Leave the profile out.",
        ));
    }
    let text = match value {
        Value::Text(text) => text.to_string(),
        Value::Bytes(bytes) => decode(bytes, "utf-8")?,
        other => {
            return fail(format!(
                "the JSON object must be str, bytes or bytearray, not {}",
                other.type_name()
            ));
        }
    };
    JsonReader { text: &text, at: 0 }.whole()
}

/// Python's `json.loads`: whole numbers of any size, `NaN`, and of keys that stand there twice the last.
struct JsonReader<'a> {
    text: &'a str,
    at: usize,
}

impl JsonReader<'_> {
    fn whole(mut self) -> Result<Value> {
        let value = self.value(0)?;
        self.blanks();
        if self.at < self.text.len() {
            return self.wrong("Extra data");
        }
        Ok(value)
    }

    fn wrong<T>(&self, what: &str) -> Result<T> {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        fail(format!(
            "this is not JSON: {what}: line {line} column {column}"
        ))
    }

    fn blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.text[self.at..].starts_with(wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        limits::step(1)?;
        if depth > 200 {
            return self.wrong("nested too deep");
        }
        self.blanks();
        for (word, value) in [
            ("null", Value::None),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Float(f64::NAN)),
            ("Infinity", Value::Float(f64::INFINITY)),
            ("-Infinity", Value::Float(f64::NEG_INFINITY)),
        ] {
            if self.take(word) {
                return Ok(value);
            }
        }
        match self.text[self.at..].chars().next() {
            Some('"') => Ok(Value::from(self.string()?)),
            Some('[') => {
                self.at += 1;
                let mut items = Vec::new();
                self.blanks();
                if self.take("]") {
                    return Ok(Value::list(items));
                }
                loop {
                    items.push(self.value(depth + 1)?);
                    self.blanks();
                    if self.take("]") {
                        limits::items(items.len())?;
                        return Ok(Value::list(items));
                    }
                    if !self.take(",") {
                        return self.wrong("Expecting ',' delimiter");
                    }
                }
            }
            Some('{') => {
                self.at += 1;
                let mut entries = indexmap::IndexMap::new();
                self.blanks();
                if self.take("}") {
                    return Ok(Value::from_entries(entries));
                }
                loop {
                    self.blanks();
                    if !self.text[self.at..].starts_with('"') {
                        return self.wrong("Expecting property name enclosed in double quotes");
                    }
                    let key = self.string()?;
                    self.blanks();
                    if !self.take(":") {
                        return self.wrong("Expecting ':' delimiter");
                    }
                    let value = self.value(depth + 1)?;
                    entries.insert(Key::text(&key), value);
                    self.blanks();
                    if self.take("}") {
                        limits::items(entries.len())?;
                        return Ok(Value::from_entries(entries));
                    }
                    if !self.take(",") {
                        return self.wrong("Expecting ',' delimiter");
                    }
                }
            }
            Some('-' | '0'..='9') => self.number(),
            _ => self.wrong("Expecting value"),
        }
    }

    fn number(&mut self) -> Result<Value> {
        let bytes = self.text.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let start = self.at;
        let first = start + usize::from(bytes[start] == b'-');
        let mut end = if bytes.get(first) == Some(&b'0') {
            first + 1
        } else {
            digits(first)
        };
        if end == first {
            return self.wrong("Expecting value");
        }
        let whole = end;
        if bytes.get(end) == Some(&b'.') && digits(end + 1) > end + 1 {
            end = digits(end + 1);
        }
        if bytes
            .get(end)
            .is_some_and(|byte| byte.eq_ignore_ascii_case(&b'e'))
        {
            let signed =
                end + 1 + usize::from(bytes.get(end + 1).is_some_and(|sign| b"+-".contains(sign)));
            if digits(signed) > signed {
                end = digits(signed);
            }
        }
        self.at = end;
        let text = &self.text[start..end];
        if end == whole {
            return match number::parse_integer(text, 10) {
                Some(whole) => Ok(Value::big(whole)),
                None => fail("Exceeds the limit (4300 digits) for integer string conversion"),
            };
        }
        Ok(Value::Float(text.parse().unwrap_or(f64::NAN)))
    }

    fn string(&mut self) -> Result<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(character) = self.text[self.at..].chars().next() else {
                return self.wrong("Unterminated string");
            };
            self.at += character.len_utf8();
            match character {
                '"' => return Ok(out),
                '\\' => {
                    let Some(escaped) = self.text[self.at..].chars().next() else {
                        return self.wrong("Unterminated string");
                    };
                    self.at += escaped.len_utf8();
                    out.push(match escaped {
                        '"' | '\\' | '/' => escaped,
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'u' => self.unit()?,
                        _ => return self.wrong("Invalid \\escape"),
                    });
                }
                character if character < ' ' => return self.wrong("Invalid control character"),
                character => out.push(character),
            }
        }
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn unit(&mut self) -> Result<char> {
        let Some(code) = self.hexadecimal() else {
            return self.wrong("Invalid \\uXXXX escape");
        };
        if (0xd800..0xdc00).contains(&code)
            && self.take("\\u")
            && let Some(low) = self
                .hexadecimal()
                .filter(|low| (0xdc00..0xe000).contains(low))
        {
            let code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        char::from_u32(code).ok_or_else(|| {
            Error::unsupported(
                "half of a character, such as `\\ud83c`, is not supported",
                "Write the whole character.",
            )
        })
    }
}

fn to_yaml(value: &Value, arguments: &Arguments) -> Result<Value> {
    dump(value, arguments, None, emit::Flow::Leaves)
}

fn to_nice_yaml(value: &Value, arguments: &Arguments) -> Result<Value> {
    dump(value, arguments, Some(4), emit::Flow::Never)
}

fn dump(
    value: &Value,
    arguments: &Arguments,
    indent: Option<i64>,
    flow: emit::Flow,
) -> Result<Value> {
    for name in ["version", "tags", "encoding", "stream"] {
        if arguments.some(name).is_some() {
            return Err(Error::unsupported(
                format!("`{}` with `{name}` is not supported", arguments.callee()),
                "Leave it out.",
            ));
        }
    }
    let flow = match arguments.get("default_flow_style") {
        None => flow,
        Some(Value::None) => emit::Flow::Leaves,
        Some(style) if style.truth()? => emit::Flow::Always,
        Some(_) => emit::Flow::Never,
    };
    let number = |name: &str, default: i64| -> Result<usize> {
        Ok(usize::try_from(arguments.number(name)?.unwrap_or(default)).unwrap_or(0))
    };
    let style = emit::Style {
        indent: number("indent", indent.unwrap_or(2))?,
        // A negative width means none.
        width: match arguments.number("width")? {
            Some(..0) => usize::MAX,
            _ => number("width", 80)?,
        },
        flow,
        explicit_start: arguments.flag("explicit_start")?,
        explicit_end: arguments.flag("explicit_end")?,
        scalars: match arguments.get("default_style") {
            Some(Value::Text(text)) if text.chars().nth(1).is_none() => text.chars().next(),
            Some(style) if style.truth()? => Some('x'),
            _ => None,
        },
        canonical: arguments.flag("canonical")?,
        line_break: match arguments.get("line_break") {
            Some(Value::Text(text)) if **text == *"\r\n" => "\r\n",
            Some(Value::Text(text)) if **text == *"\r" => "\r",
            _ => "\n",
        },
    };
    let node = data::dumped(value, arguments.flag_or("sort_keys", true)?)?;
    let text = style
        .text(&node)
        .map_err(|error| Error::failed(error.to_string()))?;
    limits::text(text.len())?;
    Ok(Value::from(text))
}

fn from_yaml(value: &Value, _: &Arguments) -> Result<Value> {
    let Value::Text(text) = value else {
        return Ok(value.clone());
    };
    limits::text(text.len())?;
    let read = pyyaml::value(text, pyyaml::Tags::Standard, &Limits::default())
        .map_err(|error| unreadable("from_yaml", &error))?;
    data::plain(&read)
}

fn from_yaml_all(value: &Value, _: &Arguments) -> Result<Value> {
    let text = match value {
        Value::None => return Ok(Value::list(Vec::new())),
        Value::Text(text) => text,
        other => return Ok(other.clone()),
    };
    limits::text(text.len())?;
    let read = pyyaml::values(text, &Limits::default())
        .map_err(|error| unreadable("from_yaml_all", &error))?;
    read.iter()
        .map(data::plain)
        .collect::<Result<Vec<_>>>()
        .map(Value::list)
}

fn unreadable(filter: &str, error: &yaml_dialects::Error) -> Error {
    let message = format!(
        "`{filter}` cannot read this: line {}: {}",
        error.line(),
        error.message()
    );
    if error.kind() == ErrorKind::Unsupported {
        Error::unsupported(message, "Quote the value in the YAML.")
    } else {
        Error::failed(message)
    }
}

fn b64encode(value: &Value, arguments: &Arguments) -> Result<Value> {
    let bytes = match value {
        Value::Bytes(bytes) => bytes.to_vec(),
        Value::Text(text) => encode(text, arguments.text_or("encoding", "utf-8")?)?,
        other => encode(
            &print::text(other)?,
            arguments.text_or("encoding", "utf-8")?,
        )?,
    };
    let engine = if arguments.flag("urlsafe")? {
        &URL_SAFE
    } else {
        &STANDARD
    };
    Ok(Value::from(engine.encode(bytes)))
}

/// Python drops what does not belong to the alphabet, and stops at the padding.
fn b64decode(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = print::text(value)?;
    if !text.is_ascii() {
        return fail("`b64decode` needs Base64");
    }
    let mut digits: String = text
        .chars()
        .map(|character| match character {
            '-' if arguments.flag("urlsafe").unwrap_or(false) => '+',
            '_' if arguments.flag("urlsafe").unwrap_or(false) => '/',
            other => other,
        })
        .filter(|character| character.is_ascii_alphanumeric() || "+/=".contains(*character))
        .collect();
    let plain = digits.find('=').unwrap_or(digits.len());
    let padding = digits[plain..]
        .bytes()
        .take_while(|byte| *byte == b'=')
        .count();
    match plain % 4 {
        0 => {}
        1 => {
            return fail(
                "Invalid base64-encoded string: number of data characters cannot be 1 more than a multiple of 4",
            );
        }
        rest if padding + rest < 4 => return fail("Incorrect padding"),
        _ => {}
    }
    digits.truncate(plain);
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true);
    let bytes = GeneralPurpose::new(&alphabet::STANDARD, config)
        .decode(digits)
        .map_err(|error| Error::failed(format!("`b64decode` needs Base64: {error}")))?;
    decode(&bytes, arguments.text_or("encoding", "utf-8")?)
        .map(Value::from)
        .map_err(|error| {
            Error::unsupported(
                format!("`b64decode` gives bytes that are no text: {error}"),
                "Keep the value in Base64: `data` of a Secret takes it as it is.",
            )
        })
}
