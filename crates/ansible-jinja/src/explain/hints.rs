//! What authors write who think in another language for a moment: Python, Go, Helm, JavaScript, shell. The parser says
//! what it did not expect; this says what to write instead, and shows what a mistake belongs to.

use crate::python::chars::is_blank;

use crate::error::{self, Advice, Hint, Label};

/// What to tell the author of a template that cannot be read.
pub struct Told {
    pub message: String,
    pub hint: Option<Hint>,
    /// Position and length: the parser's, or a better one.
    pub place: Option<(usize, usize)>,
    /// A second place with its length, and what is to be said there.
    pub also: Option<(usize, usize, Label)>,
}

/// What begins where the parser stopped, and what is meant by it. The longer ones come first.
const SIGNS: [(&str, &str); 17] = [
    ("&&", "Write `and`."),
    ("&", "Write `and`; there are no operators for single bits."),
    ("!", "Write `not`, or `!=` for a comparison."),
    (
        "?.",
        "Write `.` alone, and `| default('…')` behind it for what may be missing.",
    ),
    (
        "??",
        "Write `| default('…')` for what to take when it is missing.",
    ),
    (
        "?:",
        "Write `| default('…', true)` for what to take when it is missing or empty.",
    ),
    (
        "?",
        "Write `A if CONDITION else B` instead of `CONDITION ? A : B`.",
    ),
    ("$", "Write the variable's name alone, without `$`."),
    ("“", "Write straight quotes: `'` or `\"`."),
    ("”", "Write straight quotes: `'` or `\"`."),
    ("„", "Write straight quotes: `'` or `\"`."),
    ("‘", "Write straight quotes: `'` or `\"`."),
    ("’", "Write straight quotes: `'` or `\"`."),
    ("`", "Write straight quotes: `'` or `\"`."),
    ("#", "Comments have tags of their own: `{# … #}`."),
    (
        "\\",
        "Quotes within a tag take no backslash before them; within `\"…\"` use `'`.",
    ),
    (
        ";",
        "Nothing stands between a tag's words and its end; leave the `;` out.",
    ),
];

/// Statements of Jinja and of Go's templates that authors put into `{{ }}`.
const STATEMENTS: [(&str, &str); 17] = [
    ("if", "{% if … %}"),
    ("elif", "{% elif … %}"),
    ("else", "{% else %}"),
    ("endif", "{% endif %}"),
    ("for", "{% for … in … %}"),
    ("endfor", "{% endfor %}"),
    ("set", "{% set … = … %}"),
    ("endset", "{% endset %}"),
    ("macro", "{% macro … %}"),
    ("endmacro", "{% endmacro %}"),
    ("with", "{% with … = … %}"),
    ("raw", "{% raw %}"),
    ("range", "{% for … in … %}"),
    ("end", "{% endif %}` or `{% endfor %}"),
    ("include", "{% include '…' %}"),
    ("template", "{% include '…' %}"),
    ("define", "{% macro … %}"),
];

/// Names and methods of other languages, and how the same is written here. `x` stands for the value.
const NAMES: [(&str, &str); 35] = [
    ("null", "none"),
    ("nil", "none"),
    ("NULL", "none"),
    ("undefined", "none` or `is undefined"),
    ("TRUE", "true"),
    ("FALSE", "false"),
    ("len", "x | length"),
    ("length", "x | length"),
    ("size", "x | length"),
    ("count", "x | length"),
    ("str", "x | string"),
    ("toString", "x | string"),
    ("int", "x | int"),
    ("float", "x | float"),
    ("bool", "x | bool"),
    ("list", "x | list"),
    ("sorted", "x | sort"),
    ("reversed", "x | reverse | list"),
    ("sum", "x | sum"),
    ("min", "x | min"),
    ("max", "x | max"),
    ("abs", "x | abs"),
    ("round", "x | round"),
    ("enumerate", "loop.index0"),
    ("isinstance", "x is string"),
    ("type", "x | type_debug"),
    ("map", "x | map('…')"),
    ("filter", "x | select('…')"),
    ("toUpperCase", "x | upper"),
    ("toLowerCase", "x | lower"),
    ("trim", "x | trim"),
    ("contains", "'…' in x"),
    ("includes", "'…' in x"),
    ("has", "'…' in x"),
    ("push", "x + ['…']"),
];

/// Looks at the place in a template or value where the parser stopped.
pub fn advice(
    message: &str,
    hint: Option<&Hint>,
    place: Option<(usize, usize)>,
    text: &str,
) -> Told {
    let mut advice = Told {
        message: message.to_owned(),
        hint: hint.cloned(),
        place,
        also: None,
    };
    let Some((offset, length)) = place else {
        return advice;
    };
    let (Some(before), Some(rest)) = (text.get(..offset), text.get(offset..)) else {
        return advice;
    };
    if let Some(tag) = Tag::around(text, offset) {
        // The parser knows that a tag has to end, this knows how.
        let end = format!("expected `{}` or an operator", tag.close());
        advice.message = advice.message.replace("expected the end of the tag", &end);
        if advice.hint.is_none() && is_of_syntax(&advice.message) {
            tag.advise(before, rest, length, &mut advice);
        }
    }
    statement(&mut advice, text, offset, rest);
    advice
}

/// Whether the parser or the lexer says so: what it did not expect, or what does not fit together.
fn is_of_syntax(message: &str) -> bool {
    [
        "expected ",
        "unexpected ",
        "'}' closes",
        "')' closes",
        "']' closes",
    ]
    .iter()
    .any(|begin| message.starts_with(begin))
}

/// The tag that a place stands in.
struct Tag<'a> {
    /// Where it begins.
    start: usize,
    is_block: bool,
    /// What stands in it before the place, and where that begins.
    inner: &'a str,
    inner_at: usize,
}

impl<'a> Tag<'a> {
    fn around(text: &'a str, offset: usize) -> Option<Self> {
        // An inner `{{` is the mistake itself: the first opening since the last tag's end counts.
        let before = &text[..offset];
        let closed = ["}}", "%}", "#}"]
            .iter()
            .filter_map(|close| before.rfind(close))
            .max();
        let from = closed.map_or(0, |closed| closed + 2);
        let open = |sign: &str| before[from..].find(sign).map(|found| from + found);
        let start = [open("{{"), open("{%")].into_iter().flatten().min()?;
        let inner = before[start + 2..].trim_start_matches(['-', '+']);
        let inner = inner.trim_start_matches(is_blank);
        Some(Self {
            start,
            is_block: before[start..].starts_with("{%"),
            inner,
            inner_at: offset - inner.len(),
        })
    }

    fn close(&self) -> &'static str {
        if self.is_block { "%}" } else { "}}" }
    }

    fn advise(&self, before: &str, rest: &str, length: usize, advice: &mut Told) {
        let trimmed = before.trim_end_matches(is_blank);
        let found = &rest[..error::floor(rest, length)];
        let word = first_word(match self.inner.is_empty() {
            true => rest,
            false => self.inner,
        });
        let hint: Hint = if let Some(open) = self.inner.find("{{") {
            let at = self.inner_at + open;
            advice.message = "`{{` stands within a tag already".to_owned();
            advice.place = Some((at, 2));
            "Within a tag a variable is written by its name alone, without `{{` and `}}`.".into()
        } else if advice.message.contains(" closes what ")
            || found == "}" && self.unclosed().is_some()
        {
            let Some(open) = self.unclosed() else { return };
            let sign = &before[open..=open];
            advice.message = format!("the `{sign}` that opens here is not closed");
            advice.place = Some((open, 1));
            advice.also = Some((before.len(), 1, Label::ExpectedBefore));
            let close = match sign {
                "(" => ")",
                "[" => "]",
                _ => "}",
            };
            format!("Write `{close}` where it ends.").into()
        } else if found == "}" && self.is_block && rest.starts_with("}}") {
            advice.message = "expected `%}`, but found `}}`".to_owned();
            advice.place = Some((before.len(), 2));
            advice.also = Some((self.start, 2, Label::TagBegins("{%")));
            "A tag that begins with `{%` ends with `%}`.".into()
        } else if found == "}" && !self.is_block && before.ends_with('%') {
            advice.message = "expected `}}`, but found `%}`".to_owned();
            advice.place = Some((before.len() - 1, 2));
            advice.also = Some((self.start, 2, Label::TagBegins("{{")));
            "A tag that begins with `{{` ends with `}}`.".into()
        } else if found == "}" {
            let close = self.close();
            advice.message = format!("expected `{close}`, but found a single `}}`");
            format!("Write `{close}` to end the tag.").into()
        } else if trimmed.ends_with('|') && rest.starts_with('|') {
            advice.message = "unexpected `||`".to_owned();
            advice.place = Some((trimmed.len() - 1, 2));
            "Write `or`.".into()
        } else if trimmed.ends_with("==") && rest.starts_with('=') {
            advice.message = "unexpected `===`".to_owned();
            advice.place = Some((trimmed.len() - 2, 3));
            "Write `==`.".into()
        } else if trimmed.ends_with("++") || trimmed.ends_with("--") {
            advice.place = Some((trimmed.len() - 2, 2));
            "Nothing counts by `++`; write `{% set n = n + 1 %}`, or `loop.index` within a loop."
                .into()
        } else if rest.starts_with(":=") {
            "Write `=`.".into()
        } else if let Some(written) = self.misplaced(word) {
            advice.message = format!("`{word}` is a statement, but `{{{{ }}}}` prints a value");
            advice.place = Some((self.inner_at, word.len()));
            format!("Write `{written}`.").into()
        } else if rest.starts_with('.') && !rest.starts_with("..") {
            go_name(rest)
        } else if found == "=" && !self.is_block {
            "Write `{% set name = value %}` to set a value, `==` to compare.".into()
        } else if found == "=" && ["if", "elif", "for"].contains(&word) {
            "Write `==` to compare; a single `=` sets a value.".into()
        } else if word == "set" && self.is_block && !self.inner.contains('=') {
            advice.message = advice.message.replace("`%}` or an operator", "`=` or `%}`");
            "Write `{% set name = value %}`.".into()
        } else if found == "for" {
            "A list is made of another one by filters: `ports | map('string') | list`, `| select('…')`, `| selectattr('…')`; or by a loop.".into()
        } else if last_word(trimmed) == "lambda" {
            "Filters take the name of another filter or test instead of a function: `ports | map('string')`, `ports | select('odd')`.".into()
        } else if rest.starts_with(['"', '\'']) && before.ends_with('f') && found.contains('{') {
            "Join texts with `~`: `\"http://\" ~ hostname`, or put the variable into tags of its own.".into()
        } else if let Some((_, hint)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            (*hint).into()
        } else if advice.message.contains("or an operator") && !last_word(trimmed).is_empty() {
            format!(
                "A `.`, a `|` or an operator is missing between `{}` and `{}`.",
                last_word(trimmed),
                found
            )
            .into()
        } else if advice.message.starts_with("expected the filter's name") {
            "A filter's name stands behind every `|`; take the `|` out if none is meant.".into()
        } else {
            return;
        };
        advice.hint = Some(hint);
    }

    /// What to write instead of a statement in a tag that prints.
    fn misplaced(&self, word: &str) -> Option<&'static str> {
        let found = STATEMENTS.iter().find(|(name, _)| *name == word);
        found
            .filter(|_| !self.is_block)
            .map(|(_, written)| *written)
    }

    /// The innermost bracket of the tag that is open at the place.
    fn unclosed(&self) -> Option<usize> {
        let mut open = Vec::new();
        let mut quote = None;
        for (index, character) in self.inner.char_indices() {
            match (quote, character) {
                (Some(sign), _) if sign == character => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(character),
                (None, '(' | '[' | '{') => open.push(index),
                (None, ')' | ']' | '}') => drop(open.pop()),
                _ => {}
            }
        }
        open.pop().map(|index| index + self.inner_at)
    }
}

/// Statements that do not fit: which one is open, and what is written instead.
fn statement(advice: &mut Told, text: &str, offset: usize, rest: &str) {
    let word = first_word(rest);
    let instead = match word {
        "elseif" | "elsif" | "elsf" => Some("elif"),
        "if" if last_word(text[..offset].trim_end()) == "else" => Some("elif"),
        "foreach" | "range" | "loop" => Some("for … in …"),
        "switch" | "case" | "unless" | "while" => Some("if …"),
        _ => None,
    };
    let is_unknown = advice.message.starts_with("there is no statement");
    if let Some(instead) = instead
        && (is_unknown || word == "if")
    {
        advice.hint = Some(format!("Write `{{% {instead} %}}`.").into());
    }
    if advice.message.contains("does not end the")
        && let Some((at, name)) = innermost(text, offset)
    {
        advice.also = Some((at, name.len(), Label::IsOpen(name.to_owned())));
        if word == "end" {
            advice.hint = Some(format!("Write `{{% end{name} %}}`.").into());
        } else if advice.hint.is_none() || word.starts_with("end") {
            advice.hint = Some(format!(
                "Blocks end in the opposite order of their beginning: `{{% end{name} %}}` comes first."
            ).into());
        }
    }
}

/// The statement that is open at a place: where its name stands, and the name.
fn innermost(text: &str, offset: usize) -> Option<(usize, &str)> {
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut position = 0;
    while let Some(found) = text[position..offset].find("{%") {
        let at = position + found + 2;
        let rest = text[at..]
            .trim_start_matches(['-', '+'])
            .trim_start_matches(is_blank);
        let word = first_word(rest);
        let at = text.len() - rest.len();
        match word {
            "for" | "if" | "macro" | "call" | "filter" | "block" | "with" | "autoescape" => {
                open.push((at, word));
            }
            "set" if !rest.split("%}").next().unwrap_or_default().contains('=') => {
                open.push((at, word));
            }
            _ if word.starts_with("end") && at < offset => drop(open.pop()),
            _ => {}
        }
        position = at.min(offset);
    }
    open.pop()
}

/// `.Values.image` and the like of Helm and Go.
fn go_name(rest: &str) -> Hint {
    let end = rest
        .find(|next: char| !(next.is_alphanumeric() || next == '.' || next == '_'))
        .unwrap_or(rest.len());
    let path = rest[..end].trim_matches('.');
    match path.split_once('.') {
        Some(("Values", name)) => {
            format!("Variables are named directly: write `{name}` instead of `.Values.{name}`.").into()
        }
        Some(("Release", member @ ("Name" | "Namespace"))) => {
            Advice::Release(member.to_owned()).into()
        }
        _ if path.is_empty() => {
            "Write the name of the loop's variable: `{% for port in ports %}{{ port }}{% endfor %}`.".into()
        }
        _ => format!("Names do not begin with a `.`: write `{path}`.").into(),
    }
}

/// How something that other languages have is written here; `name` is what is undefined, as it was written.
pub fn of_name(name: &str) -> Option<String> {
    let (value, last) = match name.rsplit_once('.') {
        Some((value, last)) => (value, last),
        None => ("x", name),
    };
    let (_, written) = NAMES.iter().find(|(known, _)| *known == last)?;
    let is_method = name.contains('.');
    if is_method && !written.contains('x') {
        return None;
    }
    let mut written = (*written).to_owned();
    if is_method {
        written = match written.strip_prefix("x ") {
            Some(filter) => format!("{value} {filter}"),
            None => written.replace(" x", &format!(" {value}")),
        };
    }
    Some(format!(
        "`{last}` is another language's word: write `{written}`."
    ))
}

/// What a hyphen makes of a name.
pub fn of_hyphen(text: &str, (offset, length): (usize, usize)) -> Option<String> {
    let end = offset + length;
    let is_part =
        |character: char| character.is_alphanumeric() || character == '_' || character == '-';
    let tail = text.get(end..)?;
    let after = tail.find(|next| !is_part(next)).unwrap_or(tail.len());
    let head = text.get(..offset)?;
    let start = head.rfind(|next| !is_part(next)).map_or(0, |found| {
        found + head[found..].chars().next().map_or(1, char::len_utf8)
    });
    let whole = text.get(start..end + after)?;
    if !whole.contains('-') || whole.starts_with('-') || whole.ends_with('-') {
        return None;
    }
    Some(match whole.rsplit_once('.') {
        Some((value, key)) => {
            format!("`-` subtracts here; a key with a hyphen is written `{value}['{key}']`.")
        }
        None if text[..start].ends_with('.') => {
            format!(
                "`-` subtracts here; a key with a hyphen is written `['{whole}']`, without the `.` before it."
            )
        }
        None => format!(
            "`-` subtracts here: names hold `_` instead. Did you mean '{}'?",
            whole.replace('-', "_")
        ),
    })
}

fn first_word(text: &str) -> &str {
    let end = text
        .find(|next: char| !(next.is_alphanumeric() || next == '_'))
        .unwrap_or(text.len());
    &text[..end]
}

fn last_word(text: &str) -> &str {
    let start = text
        .rfind(|next: char| !(next.is_alphanumeric() || next == '_'))
        .map_or(0, |found| {
            found + text[found..].chars().next().map_or(1, char::len_utf8)
        });
    &text[start..]
}
