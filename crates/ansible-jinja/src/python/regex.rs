//! Regular expressions in Python's syntax, with Python's rules for matches that follow one another.

use std::cell::{Cell, OnceCell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use fancy_regex::{Expr, Input, Match, Regex, RegexBuilder, RegexInput};

use crate::value::error::{Error, Result, fail};
use crate::value::limits;

/// How often an expression may turn back before it is taken for one that never ends.
const BACKTRACKS: usize = 50_000;
/// The longest expression, in bytes.
const MAX_LENGTH: usize = 16 * 1024;
/// At most this much memory for one expression.
const MAX_SIZE: usize = 1 << 20;
/// Expressions kept for the next time.
const KEPT: usize = 64;

/// What an expression may be at most: its characters and classes, as often as each is repeated.
const MAX_STATES: usize = 20_000;
/// With more of them, a text may have to be compared with each at every character, which takes this many for a step.
const FEW_STATES: usize = 8;
const STATES_OF_STEP: usize = 20;
/// Bytes for a step where a text is only run through.
const BYTES_OF_STEP: usize = 64;
/// For a step, so often can the engine look at a character.
const LOOKS_OF_STEP: usize = 16;

/// A regular expression of Python's.
pub struct Pattern {
    source: String,
    ignore_case: bool,
    multi_line: bool,
    extent: Extent,
    regex: Regex,
    /// The same, for matches that must not end where the search begins.
    moving: OnceCell<Regex>,
    /// The same, for matches of the whole text.
    whole: OnceCell<Regex>,
}

/// The groups of one match.
pub type Captures<'t> = fancy_regex::Captures<'t, Searched<'t>>;

type Compiled = Vec<((String, bool, bool), Rc<Pattern>)>;

thread_local! {
    /// Those of one rendering, which is named.
    static COMPILED: RefCell<(u64, Compiled)> = const { RefCell::new((0, Vec::new())) };
}

/// How much of an expression there is.
#[derive(Clone, Copy, Default)]
struct Extent {
    /// Its characters and classes, as often as each is repeated.
    states: usize,
    /// The bytes that it can match, unless there is no end to them.
    reach: Option<usize>,
    /// Its groups, and those of them in what is tried for itself, such as a look ahead: where these begin and end is
    /// found each time, also when nothing comes of it.
    groups: usize,
    tried: usize,
}

impl Extent {
    fn of(expression: &Expr) -> Self {
        let one = Self {
            states: 1,
            reach: Some(4),
            ..Self::default()
        };
        match expression {
            Expr::Literal { val, .. } => Self {
                reach: Some(val.len() * 4),
                ..one
            },
            Expr::Repeat { child, lo, hi, .. } => {
                let child = Self::of(child);
                let times = if *hi == usize::MAX { (*lo).max(1) } else { *hi };
                Self {
                    states: child.states.saturating_mul(times),
                    reach: child
                        .reach
                        .filter(|_| *hi < usize::MAX)
                        .map(|reach| reach.saturating_mul(times)),
                    ..child
                }
            }
            Expr::Backref { .. } | Expr::BackrefWithRelativeRecursionLevel { .. } => {
                Self { reach: None, ..one }
            }
            inner if inner.is_leaf_node() => one,
            _ => {
                let mut all = expression
                    .children_iter()
                    .map(Self::of)
                    .fold(one, Self::and);
                match expression {
                    Expr::Group(_) => all.groups += 1,
                    Expr::LookAround(..) | Expr::AtomicGroup(_) | Expr::Conditional { .. } => {
                        all.tried = all.groups;
                    }
                    _ => {}
                }
                all
            }
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            states: self.states.saturating_add(other.states),
            reach: self
                .reach
                .zip(other.reach)
                .map(|(one, two)| one.saturating_add(two)),
            groups: self.groups + other.groups,
            tried: self.tried + other.tried,
        }
    }

    /// The steps that one look at so many bytes is worth.
    fn steps_of_look(self, bytes: usize) -> usize {
        match self.tried {
            0 => self.steps(bytes),
            groups => bytes.saturating_mul(self.states + groups) / STATES_OF_STEP,
        }
    }

    /// The steps that a search through so many bytes is worth.
    fn steps(self, bytes: usize) -> usize {
        let run = bytes / BYTES_OF_STEP;
        if self.states <= FEW_STATES {
            run
        } else {
            run + bytes.saturating_mul(self.states) / STATES_OF_STEP
        }
    }
}

/// A text that counts how often the engine looks at it: how long an expression with groups, assertions or repetitions
/// within one another takes, nothing else says before it ends.
pub struct Searched<'t> {
    text: &'t str,
    is_ascii: bool,
    /// What one look at the text from some place on is worth, in looks at a character.
    look: Cell<usize>,
    looks: Cell<usize>,
    /// Why the search ended early.
    problem: RefCell<Option<Error>>,
}

/// How the engine is left early, which knows no other way.
struct TooLong;

impl<'t> Searched<'t> {
    /// A text to search in.
    pub fn new(text: &'t str) -> Self {
        Self {
            text,
            is_ascii: text.is_ascii(),
            look: Cell::new(1),
            looks: Cell::new(0),
            problem: RefCell::new(None),
        }
    }

    fn count(&self, looks: usize) {
        let looks = self.looks.get().saturating_add(looks);
        if looks < LOOKS_OF_STEP {
            self.looks.set(looks);
            return;
        }
        self.looks.set(looks % LOOKS_OF_STEP);
        if let Err(problem) = limits::step(looks / LOOKS_OF_STEP) {
            self.problem.replace(Some(problem));
            resume_unwind(Box::new(TooLong));
        }
    }
}

impl Input for Searched<'_> {
    type Match<'m>
        = Match<'m>
    where
        Self: 'm;

    fn len(&self) -> usize {
        self.count(1);
        self.text.len()
    }

    fn as_bytes(&self) -> &[u8] {
        self.count(self.look.get());
        self.text.as_bytes()
    }

    fn is_char_boundary(&self, at: usize) -> bool {
        self.count(1);
        self.text.is_char_boundary(at)
    }

    fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    fn prev_codepoint_ix(&self, at: usize) -> usize {
        self.count(1);
        Input::prev_codepoint_ix(self.text, at)
    }

    fn make_match<'m>(&'m self, start: usize, end: usize) -> Match<'m> {
        self.text.make_match(start, end)
    }

    fn advance_position(&self, at: usize) -> usize {
        self.count(1);
        self.text.advance_position(at)
    }
}

impl Pattern {
    /// Compiles an expression with Python's flags.
    pub fn new(source: &str, ignore_case: bool, multi_line: bool) -> Result<Rc<Self>> {
        let key = (source.to_owned(), ignore_case, multi_line);
        let known = COMPILED.with_borrow_mut(|(rendering, known)| {
            if *rendering != limits::rendering() {
                *rendering = limits::rendering();
                known.clear();
            }
            known
                .iter()
                .find(|(known, _)| *known == key)
                .map(|(_, known)| known.clone())
        });
        if let Some(known) = known {
            return Ok(known);
        }
        if source.len() > MAX_LENGTH {
            return Err(Error::unsupported(
                format!("this regular expression is longer than {MAX_LENGTH} bytes"),
                "Look for a repetition that is far too long.",
            ));
        }
        let translated = translate(source, multi_line)?;
        // What it is made of; what is wrong with it, the engine says.
        let extent = Expr::parse_tree(&translated)
            .map(|tree| Extent::of(&tree.expr))
            .unwrap_or_default();
        if extent.states > MAX_STATES {
            return Err(Error::unsupported(
                format!(
                    "this regular expression is longer than {MAX_STATES} characters, as often as each is repeated"
                ),
                "Repeat less often, or without a number: `+` or `*`.",
            ));
        }
        let pattern = Rc::new(Self {
            regex: build(&translated, ignore_case, multi_line, extent)?,
            source: translated,
            ignore_case,
            multi_line,
            extent,
            moving: OnceCell::new(),
            whole: OnceCell::new(),
        });
        COMPILED.with_borrow_mut(|(_, known)| {
            if known.len() >= KEPT {
                known.remove(0);
            }
            known.push((key, pattern.clone()));
        });
        Ok(pattern)
    }

    /// The first match.
    pub fn captures<'t>(&self, text: &'t Searched<'t>) -> Result<Option<Captures<'t>>> {
        self.search(&self.regex, RegexInput::new(text))
    }

    /// Searches with this expression or with one made of it.
    fn search<'t>(
        &self,
        regex: &Regex,
        input: RegexInput<'t, Searched<'t>>,
    ) -> Result<Option<Captures<'t>>> {
        let text = input.haystack();
        let from = input.start();
        let rest = text.text.len() - from;
        // It may look at the whole rest each time; where it cannot reach so far, it counts how far it got.
        let whole = self.extent.steps(rest);
        let reach = self.extent.reach.unwrap_or(rest).min(rest);
        match self.extent.reach {
            None => limits::step(1 + whole)?,
            Some(_) => limits::room(whole)?,
        }
        text.look
            .set(4 + LOOKS_OF_STEP * self.extent.steps_of_look(reach) / 8);
        let found = catch_unwind(AssertUnwindSafe(|| regex.captures_input(input)));
        let found = match found {
            Ok(found) => found.map_err(|error| {
                Error::unsupported(
                    format!("this regular expression takes too long: {error}"),
                    "Look for repetitions within repetitions, such as `(a+)+`.",
                )
            })?,
            Err(other) if !other.is::<TooLong>() => resume_unwind(other),
            Err(_) => {
                let problem = text.problem.take();
                return Err(problem.unwrap_or_else(|| Error::failed("the search ended early")));
            }
        };
        if self.extent.reach.is_some() {
            let whole = found.as_ref().and_then(|found| found.get(0));
            let end = whole.map_or(rest, |whole| whole.end() - from);
            limits::step(1 + self.extent.steps((end + reach).min(rest)))?;
        }
        // Where its groups begin and end, is found in a run of its own, also of those that only look ahead.
        if let Some(found) = found.as_ref().filter(|found| found.len() > 1) {
            let groups = found.iter().flatten();
            let bytes: usize = groups.map(|group| group.as_str().len()).sum();
            limits::step(bytes / 2)?;
        }
        Ok(found)
    }

    /// All matches, one after the other, as Python's `finditer` gives them.
    pub fn all<'t>(&self, text: &'t Searched<'t>, limit: usize) -> Result<Vec<Captures<'t>>> {
        let mut found = Vec::new();
        let length = text.text.len();
        let (mut from, mut moving) = (0, false);
        while found.len() < limit && from <= length {
            // Behind an empty match, another one that ends there is none: first the longer ones that begin there.
            let mut next = None;
            if moving {
                let regex = self.variant(&self.moving, |source| format!("(?:{source})(?!\\G)"))?;
                let input = RegexInput::new(text).from_pos(from).anchored(true);
                next = self.search(regex, input)?;
                if next.is_none() {
                    let Some(character) = text.text[from..].chars().next() else {
                        break;
                    };
                    from += character.len_utf8();
                }
            }
            if next.is_none() {
                next = self.search(&self.regex, RegexInput::new(text).from_pos(from))?;
            }
            let Some(captures) = next else {
                break;
            };
            let Some(whole) = captures.get(0) else {
                break;
            };
            moving = whole.start() == whole.end();
            from = whole.end();
            // A match takes more than its groups.
            limits::items(6 + captures.len())?;
            found.push(captures);
        }
        Ok(found)
    }

    /// Whether it matches at the very beginning.
    pub fn matches_start(&self, text: &str) -> Result<bool> {
        let text = Searched::new(text);
        let input = RegexInput::new(&text).anchored(true);
        Ok(self.search(&self.regex, input)?.is_some())
    }

    /// Whether it matches the whole text.
    pub fn matches_whole(&self, text: &str) -> Result<bool> {
        let regex = self.variant(&self.whole, |source| format!("\\A(?:{source})\\z"))?;
        let text = Searched::new(text);
        Ok(self.search(regex, RegexInput::new(&text))?.is_some())
    }

    /// An expression made of this one, once.
    fn variant<'s>(
        &self,
        kept: &'s OnceCell<Regex>,
        make: impl FnOnce(&str) -> String,
    ) -> Result<&'s Regex> {
        if let Some(regex) = kept.get() {
            return Ok(regex);
        }
        let source = make(&self.source);
        let regex = build(&source, self.ignore_case, self.multi_line, self.extent)?;
        Ok(kept.get_or_init(|| regex))
    }

    pub fn groups(&self) -> usize {
        self.regex.captures_len()
    }

    pub fn has_group(&self, name: &str) -> bool {
        self.regex
            .capture_names()
            .flatten()
            .any(|known| known == name)
    }
}

fn build(source: &str, ignore_case: bool, multi_line: bool, extent: Extent) -> Result<Regex> {
    // What such a class as `\w` is made of, counts most.
    limits::step(source.len() + 64 * extent.states)?;
    RegexBuilder::new(source)
        .case_insensitive(ignore_case)
        .multi_line(multi_line)
        .backtrack_limit(BACKTRACKS)
        .delegate_size_limit(MAX_SIZE)
        .delegate_dfa_size_limit(MAX_SIZE)
        .build()
        .map_err(|error| {
            let reason = error.to_string();
            let reason = reason
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_owned();
            Error::unsupported(
                format!("this regular expression cannot be used: {reason}"),
                "Write it in another way; Python's module `re` sets the syntax.",
            )
        })
}

/// From Python's syntax to the engine's.
fn translate(pattern: &str, multi_line: bool) -> Result<String> {
    let mut result = String::with_capacity(pattern.len() + 16);
    let mut characters = pattern.chars().peekable();
    let mut in_class = false;
    let multi_line = multi_line
        || pattern
            .strip_prefix("(?")
            .and_then(|rest| rest.split_once(')'))
            .is_some_and(|(flags, _)| {
                flags.contains('m') && flags.chars().all(|flag| flag.is_ascii_lowercase())
            });
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                None => return fail("the regular expression ends with a single `\\`"),
                Some('Z') if !in_class => result.push_str("\\z"),
                Some(
                    other @ ('z' | 'G' | 'K' | 'h' | 'H' | 'R' | 'X' | 'p' | 'P' | 'e' | 'E' | 'Q'
                    | 'C' | 'y' | 'Y' | 'i' | 'I' | 'j' | 'J' | 'k' | 'l' | 'L' | 'm'
                    | 'M' | 'o' | 'O' | 'q' | 'T' | 'V' | 'c' | 'g' | 'F'),
                ) => {
                    return fail(format!("bad escape \\{other} in a regular expression"));
                }
                Some('0') => {
                    let mut code = 0;
                    for _ in 0..2 {
                        if let Some(digit) = characters.peek().and_then(|next| next.to_digit(8)) {
                            code = code * 8 + digit;
                            characters.next();
                        }
                    }
                    result.push_str(&format!("\\x{{{code:x}}}"));
                }
                Some(other @ ('a' | 'f' | 'n' | 'r' | 't' | 'v')) => {
                    result.push('\\');
                    result.push(other);
                }
                Some('b') if in_class => result.push_str("\\x08"),
                Some(other) => {
                    let plain = !other.is_ascii_alphanumeric();
                    if plain && !other.is_ascii() {
                        result.push(other);
                    } else {
                        result.push('\\');
                        result.push(other);
                    }
                }
            },
            '[' if in_class => result.push_str("\\["),
            '[' => {
                in_class = true;
                result.push('[');
                if characters.next_if_eq(&'^').is_some() {
                    result.push('^');
                }
                if characters.next_if_eq(&']').is_some() {
                    result.push_str("\\]");
                }
            }
            ']' if in_class => {
                in_class = false;
                result.push(']');
            }
            ']' => result.push_str("\\]"),
            // Two of these are set operations there, and plain characters in Python.
            '&' | '~' | '|' if in_class => {
                result.push('\\');
                result.push(character);
            }
            '-' if in_class && characters.peek() == Some(&'-') => result.push_str("\\-"),
            '$' if !in_class && !multi_line => result.push_str("(?=\\n?\\z)"),
            '{' if !in_class => {
                // Only what reads as a repetition is one.
                let is_number = |next: &char| next.is_ascii_digit() || *next == ',';
                let rest: String = characters.clone().take_while(is_number).collect();
                let closed = characters.clone().nth(rest.len()) == Some('}');
                let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
                let repeats = closed
                    && match rest.split_once(',') {
                        Some((low, high)) => digits(low) && digits(high),
                        None => !rest.is_empty() && digits(&rest),
                    };
                if !repeats {
                    result.push_str("\\{");
                } else if rest.starts_with(',') {
                    result.push_str("{0");
                } else {
                    result.push('{');
                }
            }
            '}' if !in_class && !ends_repetition(&result) => result.push_str("\\}"),
            character => result.push(character),
        }
    }
    if in_class {
        return fail("unterminated character set in a regular expression");
    }
    Ok(result)
}

fn ends_repetition(before: &str) -> bool {
    before.rfind('{').is_some_and(|at| {
        !before[..at].ends_with('\\')
            && before[at + 1..]
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b',')
    }) || before.rfind("\\x{").is_some_and(|at| {
        before[at + 3..]
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
    })
}
