//! Python's formatting: `'…' % values`, `'…'.format(…)` and the format specifications inside of it.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use crate::python::{methods, operators, time};
use crate::value::arguments::Given;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, limits, number, print};

/// The widest field and the most digits that may be asked for.
const MAX_WIDTH: usize = 100_000;

/// `format % values`.
pub fn percent(format: &str, values: &Value) -> Result<String> {
    let mut out = String::new();
    let mut rest = format;
    let positional: Vec<Value> = match values {
        Value::Tuple(items) => items.to_vec(),
        other => vec![other.clone()],
    };
    let mut next = positional.into_iter();
    let mut by_name = false;
    while let Some(start) = rest.find('%') {
        out.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        let mut argument = || {
            next.next()
                .ok_or_else(|| Error::failed("not enough arguments for format string"))?
                .usable()
        };
        let mut named = None;
        if let Some(inner) = rest.strip_prefix('(') {
            let mut depth = 1;
            let end = inner.find(|character| {
                match character {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            let Some(end) = end else {
                return fail("incomplete format key");
            };
            if !matches!(values, Value::Dict(_)) {
                return fail("format requires a mapping");
            }
            by_name = true;
            let key = &inner[..end];
            named = Some(
                values
                    .member(key)
                    .ok_or_else(|| Error::failed(format!("the mapping has no key '{key}'")))?
                    .usable()?,
            );
            rest = &inner[end + 1..];
        }
        let flags_end = rest
            .find(|character| !"#0- +".contains(character))
            .unwrap_or(rest.len());
        let flags = &rest[..flags_end];
        rest = &rest[flags_end..];
        let mut left = flags.contains('-');
        let whole =
            |rest: &mut &str, argument: &mut dyn FnMut() -> Result<Value>| -> Result<Option<i64>> {
                if let Some(after) = rest.strip_prefix('*') {
                    *rest = after;
                    let value = argument()?;
                    return match value {
                        Value::Int(number) => Ok(Some(number)),
                        _ => fail("* wants int"),
                    };
                }
                let end = rest
                    .find(|character: char| !character.is_ascii_digit())
                    .unwrap_or(rest.len());
                let digits = &rest[..end];
                *rest = &rest[end..];
                if digits.is_empty() {
                    return Ok(None);
                }
                digits
                    .parse()
                    .map(Some)
                    .map_err(|_| Error::failed("width too big"))
            };
        let mut width = whole(&mut rest, &mut argument)?.unwrap_or(0);
        if width < 0 {
            left = true;
            width = -width;
        }
        let mut precision = None;
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            precision = Some(bounded(
                whole(&mut rest, &mut argument)?.unwrap_or(0).max(0),
            )?);
        }
        let width = bounded(width)?;
        rest = rest.strip_prefix(['h', 'l', 'L']).unwrap_or(rest);
        let Some(kind) = rest.chars().next() else {
            return fail("incomplete format");
        };
        rest = &rest[kind.len_utf8()..];
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match named {
            Some(value) => value,
            None => argument()?,
        };
        let plus = if flags.contains('+') {
            "+"
        } else if flags.contains(' ') {
            " "
        } else {
            ""
        };
        let (sign, body) = match kind {
            's' | 'r' | 'a' => {
                let text = match kind {
                    's' => print::text(&value)?,
                    'r' => print::repr(&value)?,
                    _ => ascii(&print::repr(&value)?),
                };
                let text = match precision {
                    Some(precision) => text.chars().take(precision).collect(),
                    None => text,
                };
                (String::new(), text)
            }
            'c' => {
                let character = match &value {
                    Value::Text(text) if text.chars().count() == 1 => text.to_string(),
                    Value::Int(code) => u32::try_from(*code)
                        .ok()
                        .and_then(char::from_u32)
                        .map(String::from)
                        .ok_or_else(|| Error::failed("%c arg not in range(0x110000)"))?,
                    _ => return fail("%c requires int or char"),
                };
                (String::new(), character)
            }
            'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
                let whole = match &value {
                    Value::Float(float) if "diu".contains(kind) => {
                        match number::truncated(*float) {
                            Some(value) => number::integer(&value).unwrap_or_default(),
                            None => return fail("cannot convert float infinity or NaN to integer"),
                        }
                    }
                    other => number::integer(other).ok_or_else(|| {
                        Error::failed(format!(
                            "%{kind} format: a{} is required, not {}",
                            if "diu".contains(kind) {
                                " real number"
                            } else {
                                "n integer"
                            },
                            value.type_name()
                        ))
                    })?,
                };
                let (prefix, digits) = match kind {
                    'x' => ("0x", whole.magnitude().to_str_radix(16)),
                    'X' => ("0X", whole.magnitude().to_str_radix(16).to_uppercase()),
                    'o' => ("0o", whole.magnitude().to_str_radix(8)),
                    _ => ("", whole.magnitude().to_string()),
                };
                let digits = match precision {
                    Some(precision) => format!("{digits:0>precision$}"),
                    None => digits,
                };
                let sign = if whole.is_negative() { "-" } else { plus };
                let prefix = if flags.contains('#') { prefix } else { "" };
                (format!("{sign}{prefix}"), digits)
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                if !value.is_number() {
                    return fail(format!("must be real number, not {}", value.type_name()));
                }
                let float = number::float(&value)?;
                let body = float_body(float, kind, precision, flags.contains('#'));
                let sign = if float.is_sign_negative() && !float.is_nan() {
                    "-"
                } else {
                    plus
                };
                (sign.to_owned(), body)
            }
            other => {
                return fail(format!(
                    "unsupported format character '{other}' (0x{:x})",
                    u32::from(other)
                ));
            }
        };
        let zero = flags.contains('0') && !left && !"sracx".replace('x', "").contains(kind);
        limits::text(width + body.len())?;
        out.push_str(&padded(
            &sign,
            &body,
            width,
            if left { '<' } else { '>' },
            ' ',
            zero,
        ));
    }
    out.push_str(rest);
    let all_used = next.next().is_none();
    // Whatever can be asked for an item counts as a mapping, of which not all is used.
    let as_mapping = matches!(
        values,
        Value::Dict(_) | Value::List(_) | Value::Bytes(_) | Value::Range(_) | Value::Nothing
    );
    if !all_used && !by_name && !as_mapping {
        return fail("not all arguments converted during string formatting");
    }
    limits::text(out.len())?;
    Ok(out)
}

fn bounded(number: i64) -> Result<usize> {
    match usize::try_from(number) {
        Ok(number) if number <= MAX_WIDTH => Ok(number),
        _ => Err(Error::unsupported(
            format!("a field of more than {MAX_WIDTH} characters is refused"),
            "Make the field narrower.",
        )),
    }
}

fn padded(sign: &str, body: &str, width: usize, align: char, fill: char, zero: bool) -> String {
    let length = sign.chars().count() + body.chars().count();
    let missing = width.saturating_sub(length);
    let fills = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    if zero {
        return format!("{sign}{}{body}", "0".repeat(missing));
    }
    match align {
        '<' => format!("{sign}{body}{}", fills(missing)),
        '^' => format!(
            "{}{sign}{body}{}",
            fills(missing / 2),
            fills(missing - missing / 2)
        ),
        '=' => format!("{sign}{}{body}", fills(missing)),
        _ => format!("{}{sign}{body}", fills(missing)),
    }
}

/// Python's `ascii()` of what `repr` gave.
fn ascii(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        let code = u32::from(character);
        match code {
            0..=0x7f => out.push(character),
            0x80..=0xff => out.push_str(&format!("\\x{code:02x}")),
            0x100..=0xffff => out.push_str(&format!("\\u{code:04x}")),
            _ => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out
}

/// The digits of a float, without its sign.
fn float_body(number: f64, kind: char, precision: Option<usize>, alternate: bool) -> String {
    let magnitude = number.abs();
    let upper = kind.is_ascii_uppercase();
    let text = if magnitude.is_nan() {
        "nan".to_owned()
    } else if magnitude.is_infinite() {
        "inf".to_owned()
    } else {
        let precision = precision.unwrap_or(6);
        match kind.to_ascii_lowercase() {
            'f' => {
                let text = format!("{magnitude:.precision$}");
                if alternate && precision == 0 {
                    text + "."
                } else {
                    text
                }
            }
            'e' => exponent(magnitude, precision, alternate),
            _ => general(magnitude, precision.max(1), alternate),
        }
    };
    if upper { text.to_uppercase() } else { text }
}

fn exponent(magnitude: f64, precision: usize, alternate: bool) -> String {
    let text = format!("{magnitude:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{digits}{point}e{sign}{exponent:0>2}")
}

fn general(magnitude: f64, precision: usize, alternate: bool) -> String {
    let scientific = format!("{magnitude:.*e}", precision - 1);
    let power: i64 = scientific
        .split_once('e')
        .and_then(|(_, power)| power.parse().ok())
        .unwrap_or(0);
    let fraction = |text: &str| {
        if alternate {
            text.to_owned()
        } else if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if (-4..precision as i64).contains(&power) {
        let decimals = usize::try_from(precision as i64 - 1 - power).unwrap_or(0);
        fraction(&format!("{magnitude:.decimals$}"))
    } else {
        let text = exponent(magnitude, precision - 1, false);
        let (digits, power) = text.split_once('e').unwrap_or((&text, "+00"));
        format!("{}e{power}", fraction(digits))
    }
}

/// `text.format(…)`.
pub fn format(text: &str, given: &Given) -> Result<String> {
    let mut automatic = Automatic::Unknown;
    let result = fields(text, given, &mut automatic, 2)?;
    limits::text(result.len())?;
    Ok(result)
}

enum Automatic {
    Unknown,
    /// The next position of `{}`.
    Yes(usize),
    No,
}

fn fields(text: &str, given: &Given, automatic: &mut Automatic, depth: usize) -> Result<String> {
    if depth == 0 {
        return fail("Max string recursion exceeded");
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        if brace == "}" {
            return fail("Single '}' encountered in format string");
        }
        let mut level = 1;
        let mut in_index = false;
        let end = rest.find(|character| {
            match character {
                '[' if level == 1 => in_index = true,
                ']' => in_index = false,
                '{' => level += 1,
                '}' if !in_index => level -= 1,
                _ => {}
            }
            level == 0
        });
        let Some(end) = end else {
            return fail("expected '}' before end of string");
        };
        let field = &rest[..end];
        rest = &rest[end + 1..];
        let cut = field_end(field);
        let (name, tail) = field.split_at(cut);
        let (conversion, spec) = match tail.strip_prefix('!') {
            Some(tail) => {
                let conversion = tail.chars().next();
                let after = &tail[conversion.map_or(0, char::len_utf8)..];
                match (conversion, after.strip_prefix(':')) {
                    (Some(conversion), Some(spec)) => (Some(conversion), spec),
                    (Some(conversion), None) if after.is_empty() => (Some(conversion), ""),
                    _ => return fail("expected ':' after conversion specifier"),
                }
            }
            None => (None, tail.strip_prefix(':').unwrap_or(tail)),
        };
        let value = field_value(name, given, automatic)?;
        let value = match conversion {
            None => value,
            Some('s') => Value::from(print::text(&value)?),
            Some('r') => Value::from(print::repr(&value)?),
            Some('a') => Value::from(ascii(&print::repr(&value)?)),
            Some(other) => return fail(format!("Unknown conversion specifier '{other}'")),
        };
        let spec = fields(spec, given, automatic, depth - 1)?;
        out.push_str(&formatted(&value, &spec)?);
    }
    out.push_str(rest);
    Ok(out)
}

/// Where a field's name ends: before `!` or `:` outside of brackets.
fn field_end(field: &str) -> usize {
    let mut in_index = false;
    field
        .find(|character| {
            match character {
                '[' => in_index = true,
                ']' => in_index = false,
                _ => {}
            }
            !in_index && (character == '!' || character == ':')
        })
        .unwrap_or(field.len())
}

fn field_value(name: &str, given: &Given, automatic: &mut Automatic) -> Result<Value> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut path) = name.split_at(end);
    let position = if first.is_empty() {
        match automatic {
            Automatic::No => {
                return fail(
                    "cannot switch from manual field specification to automatic field numbering",
                );
            }
            Automatic::Unknown => {
                *automatic = Automatic::Yes(1);
                Some(0)
            }
            Automatic::Yes(next) => {
                *next += 1;
                Some(*next - 1)
            }
        }
    } else if first.bytes().all(|byte| byte.is_ascii_digit()) {
        if matches!(automatic, Automatic::Yes(_)) {
            return fail(
                "cannot switch from automatic field numbering to manual field specification",
            );
        }
        *automatic = Automatic::No;
        first.parse::<usize>().ok()
    } else {
        None
    };
    let mut value = match position {
        Some(position) => given.positional.get(position).cloned().ok_or_else(|| {
            Error::failed(format!(
                "Replacement index {position} out of range for positional args tuple"
            ))
        })?,
        None => given
            .named
            .iter()
            .find(|(known, _)| known == first)
            .map(|(_, value)| value.clone())
            .ok_or_else(|| Error::failed(format!("`format` got no argument '{first}'")))?,
    };
    while !path.is_empty() {
        if let Some(inner) = path.strip_prefix('[') {
            let Some(end) = inner.find(']') else {
                return fail("Missing ']' in format string");
            };
            let index = match inner[..end].parse::<i64>() {
                Ok(index) => Value::Int(index),
                Err(_) => Value::text(&inner[..end]),
            };
            value = operators::item(&value, &index, || name.to_owned())?.usable()?;
            path = &inner[end + 1..];
        } else if let Some(inner) = path.strip_prefix('.') {
            let end = inner.find(['.', '[']).unwrap_or(inner.len());
            if inner.starts_with('_') {
                return Err(Error::unsupported(
                    format!("`{}` asks for what is Python's own", &path[..=end]),
                    "Write the text itself.",
                ));
            }
            value = match methods::attribute(&value, &inner[..end]) {
                Some(found) => found?.usable()?,
                None => {
                    return fail(format!(
                        "'{}' object has no attribute '{}'",
                        value.type_name(),
                        &inner[..end]
                    ));
                }
            };
            path = &inner[end..];
        } else {
            return fail("Only '.' or '[' may follow ']' in format field specifier");
        }
    }
    value.usable()
}

/// Python's format specification: `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`.
struct Spec {
    fill: char,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Spec {
    fn read(text: &str) -> Result<Self> {
        let characters: Vec<char> = text.chars().collect();
        let mut position = 0;
        let peek = |position: usize| characters.get(position).copied();
        let is_align =
            |character: Option<char>| character.is_some_and(|character| "<>=^".contains(character));
        let mut spec = Self {
            fill: ' ',
            align: None,
            sign: None,
            alternate: false,
            zero: false,
            width: 0,
            grouping: None,
            precision: None,
            kind: None,
        };
        if is_align(peek(1)) {
            spec.fill = characters[0];
            spec.align = peek(1);
            position = 2;
        } else if is_align(peek(0)) {
            spec.align = peek(0);
            position = 1;
        }
        if let Some(sign @ ('+' | '-' | ' ')) = peek(position) {
            spec.sign = Some(sign);
            position += 1;
        }
        if peek(position) == Some('z') {
            position += 1;
        }
        if peek(position) == Some('#') {
            spec.alternate = true;
            position += 1;
        }
        if peek(position) == Some('0') {
            spec.zero = true;
            position += 1;
            // A fill of its own stands before the alignment.
            if !is_align(peek(1)) {
                spec.fill = '0';
            }
        }
        let digits = |position: &mut usize| -> Result<Option<usize>> {
            let start = *position;
            while peek(*position).is_some_and(|character| character.is_ascii_digit()) {
                *position += 1;
            }
            if start == *position {
                return Ok(None);
            }
            let text: String = characters[start..*position].iter().collect();
            let number = text
                .parse()
                .map_err(|_| Error::failed("Too many decimal digits in format string"))?;
            bounded(number).map(Some)
        };
        spec.width = digits(&mut position)?.unwrap_or(0);
        if let Some(grouping @ (',' | '_')) = peek(position) {
            spec.grouping = Some(grouping);
            position += 1;
        }
        if peek(position) == Some('.') {
            position += 1;
            spec.precision = Some(
                digits(&mut position)?
                    .ok_or_else(|| Error::failed("Format specifier missing precision"))?,
            );
        }
        spec.kind = peek(position);
        position += usize::from(spec.kind.is_some());
        if position < characters.len() {
            return fail(format!("Invalid format specifier '{text}'"));
        }
        Ok(spec)
    }

    fn sign_of(&self, negative: bool) -> &'static str {
        match (negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            (false, _) => "",
        }
    }

    /// Adds separators and pads; `digits` are those before the point, `tail` is what follows.
    fn number(&self, sign: &str, digits: &str, tail: &str, group: usize) -> String {
        let zero = self.zero && matches!(self.align, None | Some('='))
            || self.align == Some('=') && self.fill == '0';
        let mut digits = digits.to_owned();
        if let Some(separator) = self.grouping {
            let grouped = |digits: &str| {
                let length = digits.len();
                let mut out = String::new();
                for (index, digit) in digits.chars().enumerate() {
                    if index > 0 && (length - index).is_multiple_of(group) {
                        out.push(separator);
                    }
                    out.push(digit);
                }
                out
            };
            if zero {
                // Zeros are grouped, too, and none but a zero stands first.
                let mut padded = digits.clone();
                while sign.len() + grouped(&padded).len() + tail.len() < self.width {
                    padded.insert(0, '0');
                }
                return format!("{sign}{}{tail}", grouped(&padded));
            }
            digits = grouped(&digits);
        }
        let body = format!("{digits}{tail}");
        padded(
            sign,
            &body,
            self.width,
            self.align.unwrap_or('>'),
            self.fill,
            zero,
        )
    }
}

/// Python's `format(value, spec)`.
pub fn formatted(value: &Value, spec_text: &str) -> Result<String> {
    value.check()?;
    if spec_text.is_empty() {
        return print::text(value);
    }
    match value {
        Value::Time(_) | Value::Date(_, _) => return time::strftime(value, spec_text),
        Value::Text(_) => {}
        other if other.is_number() => {}
        other => {
            return fail(format!(
                "unsupported format string passed to {}.__format__",
                other.type_name()
            ));
        }
    }
    let spec = Spec::read(spec_text)?;
    limits::text(spec.width)?;
    let unknown = |kind: char| {
        fail(format!(
            "Unknown format code '{kind}' for object of type '{}'",
            value.type_name()
        ))
    };
    match value {
        Value::Text(text) => {
            if let Some(kind) = spec.kind.filter(|kind| *kind != 's') {
                return unknown(kind);
            }
            if spec.sign.is_some()
                || spec.grouping.is_some()
                || spec.align == Some('=')
                || spec.alternate
            {
                return fail("this format specification is for numbers only");
            }
            let text: String = match spec.precision {
                Some(precision) => text.chars().take(precision).collect(),
                None => text.to_string(),
            };
            let fill = spec.fill;
            Ok(padded(
                "",
                &text,
                spec.width,
                spec.align.unwrap_or('<'),
                fill,
                false,
            ))
        }
        Value::Float(float) => float_formatted(*float, &spec, unknown),
        Value::Bool(value)
            if spec.kind.is_none()
                && spec.grouping.is_none()
                && !spec.zero
                && spec.align.is_none()
                && spec.sign.is_none() =>
        {
            // A width alone makes a number of it, too.
            let digits = i64::from(*value).to_string();
            Ok(spec.number("", &digits, "", 3))
        }
        _ => {
            let whole = number::integer(value).unwrap_or_default();
            let kind = spec.kind.unwrap_or('d');
            match kind {
                'd' | 'n' | 'b' | 'o' | 'x' | 'X' => {
                    if spec.precision.is_some() {
                        return fail("Precision not allowed in integer format specifier");
                    }
                    integer_formatted(&whole, kind, &spec)
                }
                'c' => {
                    let character = whole
                        .to_u32()
                        .and_then(char::from_u32)
                        .ok_or_else(|| Error::failed("%c arg not in range(0x110000)"))?;
                    Ok(padded(
                        "",
                        &character.to_string(),
                        spec.width,
                        spec.align.unwrap_or('<'),
                        spec.fill,
                        false,
                    ))
                }
                'e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%' => {
                    float_formatted(number::float(value)?, &spec, unknown)
                }
                other => unknown(other),
            }
        }
    }
}

fn integer_formatted(whole: &BigInt, kind: char, spec: &Spec) -> Result<String> {
    let (prefix, digits, group) = match kind {
        'b' => ("0b", whole.magnitude().to_str_radix(2), 4),
        'o' => ("0o", whole.magnitude().to_str_radix(8), 4),
        'x' => ("0x", whole.magnitude().to_str_radix(16), 4),
        'X' => ("0X", whole.magnitude().to_str_radix(16).to_uppercase(), 4),
        _ => ("", whole.magnitude().to_string(), 3),
    };
    if spec.grouping == Some(',') && group == 4 {
        return fail(format!("Cannot specify ',' with '{kind}'."));
    }
    let prefix = if spec.alternate { prefix } else { "" };
    let sign = format!(
        "{}{prefix}",
        spec.sign_of(whole.is_negative() && !whole.is_zero())
    );
    Ok(spec.number(&sign, &digits, "", group))
}

fn float_formatted(
    float: f64,
    spec: &Spec,
    unknown: impl Fn(char) -> Result<String>,
) -> Result<String> {
    let sign = spec.sign_of(float.is_sign_negative() && !float.is_nan());
    let (body, percent) = match spec.kind {
        None => {
            let body = match spec.precision {
                None => print::float_text(float.abs()),
                Some(precision) => {
                    let body = float_body(float, 'g', Some(precision), spec.alternate);
                    // Like repr, it shows that it is no whole number.
                    if float.is_finite() && !body.contains(['.', 'e']) {
                        body + ".0"
                    } else {
                        body
                    }
                }
            };
            (body, "")
        }
        Some('n') => (float_body(float, 'g', spec.precision, spec.alternate), ""),
        Some('%') => (
            float_body(float * 100.0, 'f', spec.precision, spec.alternate),
            "%",
        ),
        Some(kind @ ('e' | 'E' | 'f' | 'F' | 'g' | 'G')) => {
            (float_body(float, kind, spec.precision, spec.alternate), "")
        }
        Some(other) => return unknown(other),
    };
    let split = body
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(body.len());
    let (digits, tail) = body.split_at(split);
    Ok(spec.number(sign, digits, &format!("{tail}{percent}"), 3))
}
