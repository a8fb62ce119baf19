//! Where secrets are hidden: every text that leaves the worker goes through a [`Redactor`], which knows them in the forms
//! in which they turn up in texts.
//!
//! It finds what a secret is, or is written as. What is made of a secret in another way is known as
//! [`Dependent`](crate::dependence::Dependent) on it: such texts are given to the redactor as further secrets.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use ansible_jinja::{escaped, url_encoded};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::excerpt::Excerpt;
use crate::problem::Problem;
use crate::sentence::Sentence;

/// Stands for what must not be shown.
pub const HIDDEN: &str = "***";
/// Shorter secrets are hidden where they stand as a word: elsewhere they would blacken every other one.
const SHORT: usize = 4;

/// Hides secrets in texts.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Arc<Vec<String>>,
    /// The variables that hold them, or what is made of them.
    names: Arc<HashSet<String>>,
    /// Made when the first text is looked at: most jobs have none to tell that could hold one.
    finder: Arc<OnceLock<Option<Finder>>>,
}

struct Finder {
    forms: Vec<Form>,
    finder: AhoCorasick,
}

/// A way to write a secret.
struct Form {
    text: String,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// In upper or lower case, anywhere.
    Anywhere,
    /// As it is, and not within a word.
    Word,
    /// A part of base64, to which what stands around it belongs.
    Base64,
}

impl Redactor {
    /// One that hides these texts. What says no more than yes or no is no secret.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        Self::default().and(secrets)
    }

    /// One that hides these texts, too.
    pub fn and(&self, more: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<String> = more
            .into_iter()
            .flat_map(|secret| {
                // One of several lines may be quoted by one of them.
                let lines = secret.lines().filter(|line| *line != secret);
                let mut all: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
                all.push(secret);
                all
            })
            .filter(|secret| !says_nothing(secret))
            .collect();
        secrets.extend(self.secrets.iter().cloned());
        secrets.sort();
        secrets.dedup();
        if secrets.len() == self.secrets.len() {
            return self.clone();
        }
        Self {
            secrets: Arc::new(secrets),
            names: self.names.clone(),
            finder: Arc::default(),
        }
    }

    /// The same, which knows what the variables are called that hold secrets, or what is made of them.
    pub fn knowing(self, names: HashSet<String>) -> Self {
        Self {
            names: Arc::new(names),
            ..self
        }
    }

    /// Whether a variable of this name holds a secret, or what is made of one.
    pub fn hides_variable(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// One that hides what another one hides, too.
    pub fn with(&self, other: &Self) -> Self {
        self.and(other.secrets.iter().cloned())
    }

    /// A text in which no secret can be read.
    pub fn text(&self, text: &str) -> String {
        let Some(finder) = self.finder.get_or_init(|| Finder::new(&self.secrets)) else {
            return text.to_owned();
        };
        let mut hidden = String::new();
        let mut done = 0;
        for (start, end) in finder.found(text) {
            hidden.push_str(&text[done..start]);
            hidden.push_str(HIDDEN);
            done = end;
        }
        hidden + &text[done..]
    }

    /// A sentence in which no secret can be read, neither in its text nor in what it is made of.
    pub fn sentence(&self, sentence: &Sentence) -> Sentence {
        sentence.hidden(|text| self.text(text))
    }

    /// A problem in which no secret can be read. Manifest and URL are Odoo's, and made of no values.
    pub fn problem(&self, problem: Problem) -> Problem {
        if problem.is_free_of_secrets {
            return problem;
        }
        let some = |text: Option<String>| text.map(|text| self.text(&text));
        Problem {
            message: self.sentence(&problem.message),
            hint: problem.hint.map(|hint| self.sentence(&hint)),
            object: some(problem.object),
            field: some(problem.field),
            excerpts: problem
                .excerpts
                .into_iter()
                .map(|excerpt| Excerpt {
                    name: some(excerpt.name.clone()),
                    ..excerpt.masked(|text| self.text(text))
                })
                .collect(),
            ..problem
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor of {} secrets", self.secrets.len())
    }
}

impl Finder {
    fn new(secrets: &[String]) -> Option<Self> {
        let forms: Vec<Form> = secrets.iter().flat_map(|secret| forms(secret)).collect();
        let finder = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            // Made for every job, used for a few texts: it must be cheap to make.
            .kind(Some(AhoCorasickKind::NoncontiguousNFA))
            .build(forms.iter().map(|form| &form.text));
        match forms.is_empty() {
            true => None,
            false => Some(Self {
                forms,
                finder: finder.ok()?,
            }),
        }
    }

    /// Where secrets stand, in order, those that touch one another together.
    fn found(&self, text: &str) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = self
            .finder
            .find_overlapping_iter(text)
            .filter_map(|found| {
                let (start, end) = (found.start(), found.end());
                let form = &self.forms[found.pattern().as_usize()];
                match form.how {
                    How::Anywhere => Some((start, end)),
                    How::Word => {
                        let is_inner = |next: char| next.is_alphanumeric() || next == '_';
                        let alone = !text[..start].ends_with(is_inner)
                            && !text[end..].starts_with(is_inner);
                        (alone && text[start..end] == form.text).then_some((start, end))
                    }
                    How::Base64 => {
                        let is_inner = |next: char| {
                            next.is_ascii_alphanumeric() || matches!(next, '+' | '-' | '_' | '=')
                        };
                        let start = text[..start].trim_end_matches(is_inner).len();
                        let behind = text[end..].trim_start_matches(is_inner).len();
                        Some((start, text.len() - behind))
                    }
                }
            })
            .collect();
        found.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::new();
        for (start, end) in found {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        merged
    }
}

/// The ways in which a secret is written.
fn forms(secret: &str) -> Vec<Form> {
    let mut forms = Vec::new();
    let mut add = |text: String, how: How| {
        if !text.is_empty() && forms.iter().all(|form: &Form| form.text != text) {
            forms.push(Form { text, how });
        }
    };
    let is_short = secret.chars().count() < SHORT;
    let how = match is_short {
        true => How::Word,
        false => How::Anywhere,
    };
    add(secret.to_owned(), how);
    for written in [quoted(secret), ascii(secret), secret.replace('\'', "\\'")] {
        add(written, how);
    }
    add(secret.replace('\'', "''"), how);
    add(escaped(secret), how);
    for keep_slash in [false, true] {
        let encoded = url_encoded(secret, keep_slash);
        let query = encoded.replace("%20", "+");
        add(encoded, how);
        add(query, how);
    }
    if is_short {
        add(STANDARD.encode(secret.as_bytes()), how);
        return forms;
    }
    add(secret.to_uppercase(), how);
    add(secret.to_lowercase(), how);
    add(
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        how,
    );
    for offset in 0..3 {
        for encode in [
            |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes),
            |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes),
        ] {
            let bytes = [&[0; 2][..offset], secret.as_bytes()].concat();
            let encoded = encode(&bytes);
            // What the neighbours have no part in.
            let sure = &encoded[[0, 2, 3][offset]..bytes.len() * 8 / 6];
            if sure.len() >= SHORT {
                add(sure.to_owned(), How::Base64);
            }
        }
    }
    forms
}

/// Whether a text says no more than yes, no or nothing.
fn says_nothing(text: &str) -> bool {
    const WORDS: [&str; 14] = [
        "", "0", "1", "~", "y", "n", "yes", "no", "on", "off", "true", "false", "null", "none",
    ];
    let text = text.trim();
    text.len() <= 5 && WORDS.contains(&text.to_lowercase().as_str())
}

/// As in JSON, in Go and in a YAML text with double quotes, without the quotes.
fn quoted(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The same, of ASCII only.
fn ascii(text: &str) -> String {
    let mut units = [0; 2];
    quoted(text)
        .chars()
        .map(|next| match next.is_ascii() {
            true => next.to_string(),
            false => next
                .encode_utf16(&mut units)
                .iter()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::excerpt::TextOf;
    use crate::sentence;

    fn hidden(secret: &str, text: &str) -> String {
        Redactor::new([secret.to_owned()]).text(text)
    }

    #[test]
    fn a_secret_is_hidden_in_whatever_form_it_is_written() {
        let secret = "Gröm/p\"a's+s & 7";
        let base64 = |prefix: &str| STANDARD.encode(format!("{prefix}{secret}:x").as_bytes());
        for text in [
            secret.to_owned(),
            secret.to_uppercase(),
            secret.to_lowercase(),
            quoted(secret),
            ascii(secret),
            "Gr%C3%B6m%2Fp%22a%27s%2Bs%20%26%207".to_owned(),
            "Gr%c3%b6m/p%22a%27s%2bs+%26+7".to_owned(),
            base64(""),
            base64("u"),
            base64("us"),
            base64("use").replace('+', "-").replace('/', "_"),
            STANDARD.encode(secret.as_bytes()),
            escaped(secret),
            secret.replace('\'', "''"),
            secret.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ] {
            let shown = hidden(secret, &format!("x=<{text}>; y"));
            assert_eq!(shown, "x=<***>; y", "{text}");
        }
    }

    #[test]
    fn a_short_secret_is_hidden_where_it_is_a_word() {
        assert_eq!(
            hidden("abc", "abc, (abc) abcd xabc ABC YWJj"),
            "***, (***) abcd xabc ABC ***"
        );
        assert_eq!(hidden("7", "port 7 of 77"), "port *** of 77");
        for no_secret in ["", "true", "0", "no"] {
            assert_eq!(hidden(no_secret, "true or no: 0"), "true or no: 0");
        }
    }

    #[test]
    fn secrets_that_overlap_leave_nothing_between_them() {
        let redactor = Redactor::new(["abcdef", "defghi"].map(str::to_owned));
        assert_eq!(redactor.text("xabcdefghix"), "x***x");
        assert_eq!(redactor.text("abcdefabcdef"), "***");
        assert_eq!(
            hidden("one line\nand another", "he said: and another!"),
            "he said: ***!"
        );
    }

    #[test]
    fn every_text_of_a_problem_is_hidden() {
        let secret = "hunter2";
        let problem = Problem {
            object: Some("ConfigMap/n-hunter2".to_owned()),
            field: Some("data.hunter2".to_owned()),
            excerpts: vec![
                Excerpt::line(TextOf::Rendered, "a: hunter2", 1, 4, 7)
                    .unwrap()
                    .named("x-hunter2")
                    .label("hunter2!"),
            ],
            ..Problem::new(
                Code::Internal,
                sentence!("{name} is wrong", name = "hunter2"),
            )
            .hint(sentence!("not {name}", name = "hunter2"))
        };
        let redactor = Redactor::new([secret.to_owned()]);
        let shown = format!("{:?} {redactor:?}", redactor.problem(problem));
        assert!(!shown.contains("hunter"), "{shown}");
    }
}
