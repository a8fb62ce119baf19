//! Prepares a template's text for minijinja, where minijinja and Jinja2 read it differently.
//!
//! - Line ends become `\n`, as Jinja2 makes them.
//! - `{% raw %}` does not swallow the line end after it.
//! - Chains such as `a.b.c | default('x')` or `a.b.c is defined` work when `a` is undefined, while using an undefined
//!   value otherwise fails: the parts of such a chain are passed through the inner filter [`CHAIN`].
//! - What minijinja would quietly read in another way is refused by name.

use std::borrow::Cow;

/// The inner filter that lets a chain go on below an undefined value. Not to be written in templates.
pub const CHAIN: &str = "__chain";
/// The inner filter that keeps a value that is set from growing without end. Not to be written in templates.
pub const LIMIT: &str = "__limit";
/// At most this many operators that make a value longer, in one tag.
const MAX_JOINS: usize = 256;
const MAX_REPEATS: usize = 8;

/// Names that Jinja2 finds on a dictionary before its keys.
const DICTIONARY_METHODS: [&str; 11] = [
    "clear",
    "copy",
    "fromkeys",
    "get",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
];

/// A text ready for minijinja, and the way back to places in the original.
#[derive(Debug, Default)]
pub struct Prepared {
    pub text: String,
    /// Where something was inserted: position in the prepared text, number of bytes.
    inserted: Vec<(usize, usize)>,
}

/// Why a template is refused before minijinja sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Position in the (newline-normalised) text.
    pub offset: usize,
    pub message: String,
    pub hint: String,
}

impl Prepared {
    /// The position in the original of a position in the prepared text.
    pub fn original(&self, offset: usize) -> usize {
        let mut before = 0;
        for &(position, length) in &self.inserted {
            if position + length <= offset {
                before += length;
            } else if position < offset {
                before += offset - position;
            }
        }
        offset - before
    }
}

/// Line ends as Jinja2 sees them.
pub fn normalise(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Where a text stands: Ansible takes the backslashes of text literals in values of variables as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Template,
    Value,
}

/// Prepares a whole template, whose line ends are normalised.
pub fn prepare(text: &str, place: Place) -> Result<Prepared, Refusal> {
    check_header(text)?;
    let mut edits = Vec::new();
    let mut position = 0;
    while let Some((start, open)) = next_tag(text, position) {
        match open {
            "{#" => {
                position = text[start..]
                    .find("#}")
                    .map_or(text.len(), |end| start + end + 2)
            }
            "{%" if keyword(&text[start + 2..]) == "raw" => {
                let (_, end) = tokens(text, start + 2, "%}");
                let close = end.saturating_sub(2);
                if text[..close].ends_with("raw") || text[..close].ends_with(' ') {
                    edits.push((close, "+"));
                }
                position = end_of_raw(text, end);
            }
            _ => {
                let close = if open == "{{" { "}}" } else { "%}" };
                let (tokens, end) = tokens(text, start + 2, close);
                check(&tokens)?;
                escapes(
                    &tokens,
                    if open == "{{" { place } else { Place::Template },
                    &mut edits,
                )?;
                limit(&tokens, &mut edits);
                chains(&tokens, &mut edits);
                position = end;
            }
        }
    }
    Ok(edited(text, edits))
}

/// Prepares a bare expression.
pub fn prepare_expression(text: &str) -> Result<Prepared, Refusal> {
    let (tokens, _) = tokens(text, 0, "}}");
    let mut edits = Vec::new();
    check(&tokens)?;
    escapes(&tokens, Place::Value, &mut edits)?;
    chains(&tokens, &mut edits);
    Ok(edited(text, edits))
}

/// The expression of a text that consists of nothing but `{{ expression }}`.
pub fn single_expression(text: &str) -> Option<&str> {
    if !text.starts_with("{{") {
        return None;
    }
    let (_, end) = tokens(text, 2, "}}");
    if end != text.len() || !text.ends_with("}}") || text.len() < 4 {
        return None;
    }
    let inner = &text[2..text.len() - 2];
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    Some(inner.strip_suffix(['-', '+']).unwrap_or(inner))
}

fn edited(text: &str, mut edits: Vec<(usize, &'static str)>) -> Prepared {
    // Stable: at one position, what was asked for first stands first.
    edits.sort_by_key(|&(position, _)| position);
    let mut prepared = String::with_capacity(text.len() + 16 * edits.len());
    let mut inserted = Vec::new();
    let mut done = 0;
    for (position, insertion) in edits {
        prepared.push_str(&text[done..position]);
        inserted.push((prepared.len(), insertion.len()));
        prepared.push_str(insertion);
        done = position;
    }
    prepared.push_str(&text[done..]);
    Prepared {
        text: prepared,
        inserted,
    }
}

fn next_tag(text: &str, from: usize) -> Option<(usize, &str)> {
    let bytes = text.as_bytes();
    (from..bytes.len().saturating_sub(1))
        .find(|&index| bytes[index] == b'{' && matches!(bytes[index + 1], b'{' | b'%' | b'#'))
        .map(|index| (index, &text[index..index + 2]))
}

/// The word with which a statement begins.
fn keyword(statement: &str) -> &str {
    let statement = statement
        .strip_prefix(['-', '+'])
        .unwrap_or(statement)
        .trim_start();
    let end = statement
        .find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(statement.len());
    &statement[..end]
}

fn end_of_raw(text: &str, from: usize) -> usize {
    let mut position = from;
    while let Some(found) = text[position..].find("{%") {
        let start = position + found + 2;
        if keyword(&text[start..]) == "endraw" {
            return text[start..]
                .find("%}")
                .map_or(text.len(), |end| start + end + 2);
        }
        position = start;
    }
    text.len()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Name,
    Number,
    Text,
    Operator,
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
    end: usize,
}

impl Token<'_> {
    fn is(&self, operator: &str) -> bool {
        self.kind == Kind::Operator && self.text == operator
    }

    fn is_name(&self, name: &str) -> bool {
        self.kind == Kind::Name && self.text == name
    }
}

/// The tokens from a position up to the closing tag, and the position after it.
fn tokens<'a>(text: &'a str, from: usize, close: &str) -> (Vec<Token<'a>>, usize) {
    let mut tokens = Vec::new();
    let mut position = from;
    let mut depth = 0usize;
    while let Some(character) = text[position..].chars().next() {
        let start = position;
        let rest = &text[position..];
        if depth == 0 && rest.starts_with(close) {
            return (tokens, position + 2);
        }
        if character.is_whitespace() {
            position += character.len_utf8();
            continue;
        }
        let kind = if character == '\'' || character == '"' {
            position += 1;
            let mut escaped = false;
            for inner in text[position..].chars() {
                position += inner.len_utf8();
                match inner {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    inner if inner == character => break,
                    _ => {}
                }
            }
            Kind::Text
        } else if character.is_alphabetic() || character == '_' {
            position += rest
                .find(|next: char| !next.is_alphanumeric() && next != '_')
                .unwrap_or(rest.len());
            Kind::Name
        } else if character.is_ascii_digit() {
            position += rest
                .find(|next: char| !next.is_alphanumeric() && next != '_')
                .unwrap_or(rest.len());
            Kind::Number
        } else {
            match character {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            position += character.len_utf8();
            Kind::Operator
        };
        tokens.push(Token {
            kind,
            text: &text[start..position],
            start,
            end: position,
        });
    }
    (tokens, text.len())
}

/// Doubles the backslashes of literals in values; refuses escapes that minijinja does not know.
fn escapes(
    tokens: &[Token],
    place: Place,
    edits: &mut Vec<(usize, &'static str)>,
) -> Result<(), Refusal> {
    for token in tokens.iter().filter(|token| token.kind == Kind::Text) {
        let mut characters = token.text.char_indices();
        while let Some((index, character)) = characters.next() {
            if character != '\\' {
                continue;
            }
            let Some((_, escaped)) = characters.next() else {
                break;
            };
            let offset = token.start + index;
            match (place, escaped) {
                (Place::Value, '\\' | '\'' | '"')
                    if escaped == '\\' || token.text.starts_with(escaped) =>
                {
                    edits.push((offset, "\\\\"));
                }
                (Place::Value, _) => edits.push((offset, "\\")),
                (Place::Template, 'a' | 'v' | 'N' | 'U' | '\n') => {
                    return Err(Refusal {
                        offset,
                        message: format!(
                            "the escape `\\{}` is not supported",
                            escaped.escape_debug()
                        ),
                        hint: "Write the character itself, or `\\u` and four digits.".to_owned(),
                    });
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Refuses the first line that sets Jinja's own settings.
fn check_header(text: &str) -> Result<(), Refusal> {
    if !text.starts_with("#jinja2:") {
        return Ok(());
    }
    Err(Refusal {
        offset: 0,
        message: "a line `#jinja2:` that sets Jinja's own settings is not supported".to_owned(),
        hint: "Write the template with Jinja's usual settings.".to_owned(),
    })
}

/// Refuses what minijinja would read in another way without a word.
fn check(tokens: &[Token]) -> Result<(), Refusal> {
    for (index, token) in tokens.iter().enumerate() {
        let name = tokens.get(index + 1);
        if token.is(".")
            && index > 0
            && let Some(name) = name.filter(|name| name.kind == Kind::Name)
            && DICTIONARY_METHODS.contains(&name.text)
            && !tokens.get(index + 2).is_some_and(|next| next.is("("))
            && !tokens[..index]
                .iter()
                .any(|token| token.is("|") || token.is_name("is"))
        {
            return Err(Refusal {
                offset: name.start,
                message: format!(
                    "`.{0}` without parentheses means Python's method `{0}`, not the key of this name",
                    name.text
                ),
                hint: format!(
                    "Write `['{0}']` for the key, or `.{0}()` for the method.",
                    name.text
                ),
            });
        }
        if token.kind == Kind::Number
            && token.text.len() > 1
            && token.text.starts_with('0')
            && token.text.bytes().all(|byte| byte.is_ascii_digit())
            && !(index > 0 && tokens[index - 1].is("."))
        {
            return Err(Refusal {
                offset: token.start,
                message: format!("Jinja2 does not read `{}` as a number", token.text),
                hint: "Write it without the leading zero, or in quotes.".to_owned(),
            });
        }
        if token.is_name("is")
            && tokens
                .get(index + 1)
                .is_some_and(|test| matches!(test.text, "defined" | "undefined" | "none"))
            && tokens.get(index + 2).is_some_and(|next| next.is_name("is"))
        {
            return Err(Refusal {
                offset: token.start,
                message: "Jinja2 does not take two tests with `is` in a row".to_owned(),
                hint: "Put the first one in parentheses.".to_owned(),
            });
        }
        if token.is_name(CHAIN) || token.is_name(LIMIT) {
            return Err(Refusal {
                offset: token.start,
                message: format!("the name `{}` is reserved", token.text),
                hint: "Use another name.".to_owned(),
            });
        }
    }
    let many = |operators: &[&str], limit: usize| {
        tokens
            .iter()
            .filter(|token| operators.iter().any(|operator| token.is(operator)))
            .nth(limit)
    };
    if let Some(token) = many(&["~", "+"], MAX_JOINS).or_else(|| many(&["*"], MAX_REPEATS)) {
        return Err(Refusal {
            offset: token.start,
            message: "this joins or repeats too many values at once".to_owned(),
            hint: "Use a list and the filter `join`.".to_owned(),
        });
    }
    if tokens.first().is_some_and(|token| token.is_name("with")) {
        check_with(tokens)?;
    }
    Ok(())
}

/// Jinja2 evaluates all values of a `with` before it sets any of its names.
fn check_with(tokens: &[Token]) -> Result<(), Refusal> {
    let mut depth = 0usize;
    let mut set: Vec<&str> = Vec::new();
    let mut expects_name = true;
    for (index, token) in tokens.iter().enumerate().skip(1) {
        match token.text {
            "(" | "[" | "{" if token.kind == Kind::Operator => depth += 1,
            ")" | "]" | "}" if token.kind == Kind::Operator => depth = depth.saturating_sub(1),
            "," if depth == 0 && token.kind == Kind::Operator => expects_name = true,
            name if token.kind == Kind::Name => {
                let assigns = tokens.get(index + 1).is_some_and(|next| next.is("="));
                if expects_name && assigns && depth == 0 {
                    set.push(name);
                    expects_name = false;
                } else if set.len() > 1
                    && set[..set.len() - 1].contains(&name)
                    && !tokens[index - 1].is(".")
                {
                    return Err(Refusal {
                        offset: token.start,
                        message: format!(
                            "in one `with`, `{name}` means the outer value for Ansible, not the one just set"
                        ),
                        hint: "Write a second `with` inside of the first.".to_owned(),
                    });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Passes the value of `set name = value` through the inner filter that limits it.
fn limit(tokens: &[Token], edits: &mut Vec<(usize, &'static str)>) {
    // The whitespace control of the tag's end is no part of the value.
    let tokens = match tokens.split_last() {
        Some((last, head)) if last.is("-") || last.is("+") => head,
        _ => tokens,
    };
    let statement = match tokens.split_first() {
        Some((first, rest)) if first.is("-") || first.is("+") => rest,
        _ => tokens,
    };
    let assigns = statement.iter().find(|token| token.is("="));
    if let (Some(set), Some(assigns), Some(last)) = (statement.first(), assigns, statement.last())
        && set.is_name("set")
        && last.start > assigns.start
    {
        edits.push((assigns.end, "("));
        edits.push((last.end, ")|__limit"));
    }
}

/// Words that are no values.
const KEYWORDS: [&str; 22] = [
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "elif",
    "for",
    "set",
    "with",
    "recursive",
    "import",
    "from",
    "include",
    "block",
    "macro",
    "call",
    "filter",
    "do",
    "endfor",
    "endif",
];

/// Marks the chains whose undefined parts do not matter.
fn chains(tokens: &[Token], edits: &mut Vec<(usize, &'static str)>) {
    for index in 0..tokens.len() {
        let token = tokens[index];
        let follows_value = index > 0 && {
            let before = tokens[index - 1];
            before.is(".")
                || before.is("|")
                || before.is(")")
                || before.is("]")
                || before.kind == Kind::Text
                || before.is_name("is")
                || (before.kind == Kind::Name && !KEYWORDS.contains(&before.text))
        };
        let primary_end = match token.kind {
            Kind::Name if !follows_value && !KEYWORDS.contains(&token.text) => index,
            Kind::Operator if token.text == "(" && !follows_value => {
                match matching(tokens, index) {
                    Some(end) => end,
                    None => continue,
                }
            }
            _ => continue,
        };
        let mut bases = Vec::new();
        let mut last = primary_end;
        loop {
            let next = tokens.get(last + 1);
            if next.is_some_and(|next| next.is("."))
                && tokens
                    .get(last + 2)
                    .is_some_and(|name| matches!(name.kind, Kind::Name | Kind::Number))
            {
                bases.push(tokens[last].end);
                last += 2;
            } else if next.is_some_and(|next| next.is("[")) {
                let Some(end) = matching(tokens, last + 1) else {
                    break;
                };
                bases.push(tokens[last].end);
                last = end;
            } else if next.is_some_and(|next| next.is("(")) {
                let Some(end) = matching(tokens, last + 1) else {
                    break;
                };
                // What is called must be there: `a.b()` fails in Ansible too when `a` is undefined.
                bases.clear();
                last = end;
            } else {
                break;
            }
        }
        if !bases.is_empty() && tolerates_undefined(&tokens[last + 1..]) {
            for base in bases {
                edits.push((token.start, "("));
                edits.push((base, "|__chain)"));
            }
        }
    }
}

/// Whether what follows a value can deal with an undefined one.
fn tolerates_undefined(rest: &[Token]) -> bool {
    match rest {
        [pipe, filter, ..] if pipe.is("|") => {
            let mut rest = &rest[1..];
            // Full names: `ansible.builtin.default`.
            while let [_, dot, tail @ ..] = rest {
                if !dot.is(".") {
                    break;
                }
                rest = tail;
            }
            let name = rest.first().unwrap_or(filter);
            matches!(name.text, "default" | "d" | "mandatory" | "type_debug")
        }
        [is, not, test, ..] if is.is_name("is") && not.is_name("not") => {
            matches!(test.text, "defined" | "undefined")
        }
        [is, test, ..] if is.is_name("is") => matches!(test.text, "defined" | "undefined"),
        _ => false,
    }
}

/// The token that closes the bracket at `open`.
fn matching(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        if token.kind == Kind::Operator {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(index);
                    }
                }
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(text: &str) -> String {
        prepare(text, Place::Template).unwrap().text
    }

    #[test]
    fn chains_before_default_and_defined_are_marked() {
        assert_eq!(
            prepared("{{ a.b.c | default('x') }}"),
            "{{ ((a|__chain).b|__chain).c | default('x') }}"
        );
        assert_eq!(
            prepared("{% if a['b'].c is not defined %}"),
            "{% if ((a|__chain)['b']|__chain).c is not defined %}"
        );
        assert_eq!(
            prepared("{{ (a.b | d({})).c | d(1) }}"),
            "{{ (((a|__chain).b | d({}))|__chain).c | d(1) }}"
        );
    }

    #[test]
    fn other_chains_and_texts_stay() {
        for text in [
            "{{ a.b.c }}",
            "{{ a | default('x') }}",
            "{{ 'a.b | default' }}",
            "{% raw +%}{{ a.b | default('x') }}{% endraw %}",
            "{# a.b | default('x') #}",
            "{{ a.b() | default('x') }}",
            "no template",
        ] {
            assert_eq!(prepared(text), text);
        }
    }

    #[test]
    fn values_that_are_set_are_limited() {
        assert_eq!(
            prepared("{% set a = b ~ b -%}"),
            "{% set a =( b ~ b)|__limit -%}"
        );
        assert_eq!(
            prepared("{%- set a.b = c == 1 %}"),
            "{%- set a.b =( c == 1)|__limit %}"
        );
        assert_eq!(
            prepared("{% set a %}{% endset %}"),
            "{% set a %}{% endset %}"
        );
        assert_eq!(
            prepared("{% set a=b.c.d|d(1)%}"),
            "{% set a=(((b|__chain).c|__chain).d|d(1))|__limit%}"
        );
    }

    #[test]
    fn raw_keeps_the_line_end_after_it() {
        assert_eq!(
            prepared("{% raw %}\n{{ x }}{% endraw %}\n"),
            "{% raw +%}\n{{ x }}{% endraw %}\n"
        );
        assert_eq!(prepared("{%raw%}\n{%endraw%}"), "{%raw+%}\n{%endraw%}");
    }

    #[test]
    fn places_lead_back_to_the_original() {
        let prepared = prepare("{{ a.b | default('x') }}{{ y }}", Place::Template).unwrap();
        let place = prepared.text.find("y }}").unwrap();
        assert_eq!(
            prepared.original(place),
            "{{ a.b | default('x') }}{{ ".len()
        );
    }

    #[test]
    fn a_value_of_one_expression_is_told_from_a_text() {
        assert_eq!(single_expression("{{ a }}"), Some(" a "));
        assert_eq!(
            single_expression("{{ {'a': {'b': '}}'}} }}"),
            Some(" {'a': {'b': '}}'}} ")
        );
        assert_eq!(single_expression("{{ a }}{{ b }}"), None);
        assert_eq!(single_expression("{{ a }} "), None);
        assert_eq!(single_expression("x{{ a }}"), None);
    }

    #[test]
    fn a_method_name_as_a_key_is_refused() {
        let refusal = prepare("{{ d.items }}", Place::Template).unwrap_err();
        assert!(refusal.message.contains("items"), "{}", refusal.message);
        assert!(prepare("{{ d.items() }}{{ d['items'] }}", Place::Template).is_ok());
    }

    #[test]
    fn a_with_that_refers_to_itself_is_refused() {
        assert!(prepare("{% with a=1, b=a %}{% endwith %}", Place::Template).is_err());
        assert!(prepare("{% with a=1, b=c.a %}{% endwith %}", Place::Template).is_ok());
        assert!(prepare("{% with a=1, b=2 %}{% endwith %}", Place::Template).is_ok());
    }
}
