//! `--extra-vars` as `ansible-playbook` reads it: `@FILE`, a mapping in YAML or JSON, or `key=value` pairs.

use crate::ansible::Variables;
use crate::code::Code;
use crate::problem::Problem;

/// Where these variables come from, for people.
const ORIGIN: &str = "--extra-vars";

/// What one `--extra-vars` stands for.
#[derive(Debug)]
pub enum Given {
    /// The file to read.
    File(String),
    Variables(Variables),
}

/// Reads one argument. Values of `key=value` are texts, whatever they look like; `key={{ other }}` is a template.
pub fn read(argument: &str) -> Result<Given, Problem> {
    let wrong =
        |message: String, hint: &str| Err(Problem::new(Code::Variables, message).hint(hint));
    match argument.chars().next() {
        None => Ok(Given::Variables(Variables::new())),
        Some('@') => Ok(Given::File(argument[1..].to_owned())),
        Some('/' | '.') => wrong(
            format!("`{ORIGIN} {argument}` names a file without an `@` before it."),
            "Write `@` before a file's name, as for ansible-playbook.",
        ),
        Some('[') => wrong(
            format!("`{ORIGIN} {argument}` is a list, not a mapping of names to values."),
            "Write `{\"name\": value}`, `name=value`, or `@FILE`.",
        ),
        Some('{') => Variables::read(argument, ORIGIN).map(Given::Variables),
        Some(_) => pairs(argument).map(Given::Variables),
    }
}

/// Why a file that holds nothing is refused, as ansible-playbook does: most likely it is the wrong one.
pub fn nothing_in(path: &str) -> Problem {
    let message = format!("The file of `{ORIGIN}` holds no variables.");
    Problem::new(Code::Variables, message)
        .in_manifest(path, path)
        .hint("Write `name: value` lines into it, or `{}`, or leave it out.")
}

fn pairs(argument: &str) -> Result<Variables, Problem> {
    let mut variables = Variables::new();
    for word in words(argument)? {
        let word = unescaped(&word);
        let Some(at) = equals(&word) else {
            return Err(Problem::new(
                Code::Variables,
                format!("`{}` in `{ORIGIN}` is not `name=value`.", word.trim()),
            )
            .hint("Put a value that holds blanks into quotes: `-e 'title=\"My shop\"'`."));
        };
        let (name, value) = (word[..at].trim(), unquoted(word[at + 1..].trim()));
        variables.set(name, value, ORIGIN);
    }
    Ok(variables)
}

/// The first `=` behind a name that no backslash stands before.
fn equals(word: &str) -> Option<usize> {
    word.match_indices('=')
        .map(|(at, _)| at)
        .find(|at| *at > 0 && !word[..*at].ends_with('\\'))
}

/// A text without the quotes around it.
fn unquoted(text: &str) -> &str {
    let mut characters = text.chars();
    match (characters.next(), characters.next_back()) {
        (Some(first @ ('"' | '\'')), Some(last))
            if first == last && characters.next_back() != Some('\\') =>
        {
            &text[1..text.len() - 1]
        }
        _ => text,
    }
}

/// Splits at blanks and line ends that stand in no quotes and no tags of Jinja. A blank more belongs to the word before.
fn words(argument: &str) -> Result<Vec<String>, Problem> {
    let mut words: Vec<String> = Vec::new();
    let mut quote = None;
    let mut depths = [0usize; 3];
    let lines: Vec<&str> = argument.split('\n').collect();
    for (number, line) in lines.iter().enumerate() {
        let mut continued = false;
        for (index, token) in line.split(' ').enumerate() {
            if token.is_empty() && index > 0 {
                match words.last_mut() {
                    Some(word) => word.push(' '),
                    None => words.push(" ".to_owned()),
                }
                continue;
            }
            if token == "\\" && quote.is_none() {
                continued = true;
                continue;
            }
            let was_quoted = quote.is_some();
            quote = quote_after(token, quote);
            let was_inside = depths.iter().any(|depth| *depth > 0);
            let joins = was_inside || was_quoted;
            for (depth, (open, close)) in
                depths
                    .iter_mut()
                    .zip([("{{", "}}"), ("{%", "%}"), ("{#", "#}")])
            {
                let (opened, closed) = (token.matches(open).count(), token.matches(close).count());
                *depth = (*depth + opened).saturating_sub(closed);
            }
            match words.last_mut().filter(|_| joins) {
                Some(word) if index == 0 && was_quoted => word.push_str(token),
                Some(word) => {
                    if index > 0 {
                        word.push(' ');
                    }
                    word.push_str(token);
                }
                None if token.is_empty() => {}
                None => words.push(token.to_owned()),
            }
        }
        if number + 1 < lines.len() && !continued {
            match words.last_mut() {
                Some(word) => word.push('\n'),
                None => words.push("\n".to_owned()),
            }
        }
    }
    if quote.is_some() || depths.iter().any(|depth| *depth > 0) {
        return Err(Problem::new(
            Code::Variables,
            format!("`{ORIGIN}` has a quote or a tag that is not closed."),
        )
        .hint(
            "Close every quote and every `{{`, or put the values into a file and write `@FILE`.",
        ));
    }
    Ok(words)
}

/// The quote that is open behind a token.
fn quote_after(token: &str, mut quote: Option<char>) -> Option<char> {
    let mut before = None;
    for character in token.chars() {
        if matches!(character, '"' | '\'') && before != Some('\\') {
            match quote {
                None => quote = Some(character),
                Some(open) if open == character => quote = None,
                Some(_) => {}
            }
        }
        before = Some(character);
    }
    quote
}

/// Python's escapes of one character and by number; others stay as they are.
fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        result.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut characters = rest.chars().skip(1);
        let sign = characters.next();
        let by_number = |length: usize| {
            let digits = rest.get(2..2 + length)?;
            let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let code = u32::from_str_radix(digits, 16).ok().filter(|_| all)?;
            Some((char::from_u32(code)?, 2 + length))
        };
        let found = match sign {
            Some('\\' | '\'' | '"') => sign.map(|sign| (sign, 2)),
            Some('a') => Some(('\u{7}', 2)),
            Some('b') => Some(('\u{8}', 2)),
            Some('f') => Some(('\u{c}', 2)),
            Some('n') => Some(('\n', 2)),
            Some('r') => Some(('\r', 2)),
            Some('t') => Some(('\t', 2)),
            Some('v') => Some(('\u{b}', 2)),
            Some('x') => by_number(2),
            Some('u') => by_number(4),
            Some('U') => by_number(8),
            _ => None,
        };
        let (character, length) = found.unwrap_or(('\\', 1));
        result.push(character);
        rest = &rest[length..];
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn value(argument: &str) -> Value {
        let Given::Variables(variables) = read(argument).unwrap() else {
            panic!("{argument} is a file");
        };
        let resolved = variables.resolve().unwrap();
        let pairs = variables
            .iter()
            .map(|(name, _)| (name.to_owned(), resolved.get(name).unwrap()));
        Value::Object(pairs.collect())
    }

    /// As ansible-playbook 2.19 reads the same arguments.
    #[test]
    fn pairs_are_texts_and_mappings_have_types() {
        for (argument, expected) in [
            ("a=1 b=yes", json!({"a": "1", "b": "yes"})),
            ("a='x y'  b=\"z\"", json!({"a": "x y", "b": "z"})),
            ("a=b=c", json!({"a": "b=c"})),
            ("a=x b={{ a }}", json!({"a": "x", "b": "x"})),
            ("a={{ 'x y' }}", json!({"a": "x y"})),
            (r"a=x\ny", json!({"a": "x\ny"})),
            (r#"a="it's""#, json!({"a": "it's"})),
            ("a=", json!({"a": ""})),
            ("a=1 a=2", json!({"a": "2"})),
            ("a=1\nb=2", json!({"a": "1", "b": "2"})),
            (r#"{"a": 1, "b": [true]}"#, json!({"a": 1, "b": [true]})),
            ("{a: 0644, b: yes}", json!({"a": 420, "b": true})),
            ("", json!({})),
        ] {
            assert_eq!(value(argument), expected, "{argument}");
        }
        assert!(matches!(read("@vars.yml").unwrap(), Given::File(path) if path == "vars.yml"));
    }

    #[test]
    fn what_cannot_be_read_is_told_with_the_way_out() {
        for (argument, reason) in [
            ("/etc/vars.yml", "names a file without an `@`"),
            ("./vars.yml", "names a file without an `@`"),
            ("[1]", "is a list"),
            ("a=1 word", "`word` in `--extra-vars` is not `name=value`"),
            ("a='x", "not closed"),
            ("{a: [}", "--extra-vars"),
        ] {
            let problem = read(argument).unwrap_err().to_string();
            assert!(problem.contains(reason), "{argument}: {problem}");
        }
    }
}
