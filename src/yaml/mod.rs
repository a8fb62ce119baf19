//! YAML as the two programs read it that operators know: [`kubectl`] for manifests, [`ansible`] for variables.
//!
//! A text goes through [`scanner`] (tokens) and [`parser`] (nodes, which remember where they stand and how they were
//! written), both by libyaml's grammar, of which all the programs' parsers are ports. A schema then says what each node
//! means. The programs disagree with each other, and with YAML 1.2, about the grammar in some points (the [`scanner::Dialect`])
//! and about words such as `yes`, `0644`, `1e3` or `22:22` in many: that is why both are ours. Both programs read a text
//! that is [`json`] by JSON's own rules. [`readings`] says where they part in a manifest. [`dump`] writes YAML as Ansible does.

pub mod ansible;
mod data;
pub mod dump;
mod json;
pub mod kubectl;
mod parser;
pub mod readings;
mod scanner;

use std::borrow::Cow;
use std::rc::Rc;

pub use data::Data;

/// At most this many nodes, aliases counted as often as they are used: a text that unfolds further is a bomb.
const MAX_NODES: usize = 200_000;
/// At most this many bytes of text by way of aliases.
const MAX_REPEATED: usize = 4 << 20;
/// At most this many bytes, many times what an API server takes.
const MAX_TEXT: usize = 8 << 20;
/// At most this many levels.
const MAX_DEPTH: usize = 100;

/// The tag of `<<`.
const MERGE: &str = "tag:yaml.org,2002:merge";

/// Where something stands: line and column, from 1, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    line: u32,
    column: u32,
}

/// Why a text cannot be read as YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    pub message: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// The other program reads this; only Chandlery cannot hold it. It concerns the value it stands in alone.
    pub unsupported: bool,
}

impl YamlError {
    /// What the other program reads, and Chandlery cannot hold.
    fn unsupported(place: Place, message: impl Into<String>) -> Self {
        Self {
            unsupported: true,
            ..Self::at(place, message)
        }
    }

    fn at(place: Place, message: impl Into<String>) -> Self {
        let mut message = message.into();
        // What is quoted may be as long as the text itself.
        if let Some((end, _)) = message.char_indices().nth(400) {
            message.truncate(end);
            message.push('…');
        }
        Self {
            message,
            line: place.line,
            column: place.column,
            unsupported: false,
        }
    }

    fn too_deep(place: Place) -> Self {
        Self::at(
            place,
            format!("this is nested more than {MAX_DEPTH} levels deep"),
        )
    }

    fn too_large(place: Place) -> Self {
        Self::at(
            place,
            format!("this unfolds to more than {MAX_NODES} values"),
        )
    }

    fn place(&self) -> Place {
        Place {
            line: self.line,
            column: self.column,
        }
    }
}

/// A value as it stands in the text.
#[derive(Debug)]
struct Node<'a> {
    place: Place,
    /// The explicit tag: `!!str` is `tag:yaml.org,2002:str`, `!unsafe` is itself.
    tag: Option<String>,
    /// Whether it stands within what is tagged `!unsafe`.
    is_unsafe: bool,
    content: Content<'a>,
}

/// What a node is.
#[derive(Debug)]
enum Content<'a> {
    Scalar(Scalar<'a>),
    Sequence(Vec<Rc<Node<'a>>>),
    Mapping(Vec<(Rc<Node<'a>>, Rc<Node<'a>>)>),
    Alias(Rc<Node<'a>>),
    /// An alias, by its name, that stands within what it stands for.
    Ring(&'a str),
}

/// A scalar as it was written.
#[derive(Debug)]
struct Scalar<'a> {
    text: Cow<'a, str>,
    /// Neither quoted nor a block.
    plain: bool,
}

impl Default for Content<'_> {
    /// Nothing at all, which reads as null.
    fn default() -> Self {
        Self::Scalar(Scalar {
            text: Cow::Borrowed(""),
            plain: true,
        })
    }
}

impl Node<'_> {
    /// What an alias stands for, or the node itself.
    fn target(self: &Rc<Self>) -> &Rc<Self> {
        match &self.content {
            Content::Alias(node) => node,
            _ => self,
        }
    }

    /// A scalar that is resolved by its text: plain without a tag, or tagged `!`.
    fn is_implicit(&self, scalar: &Scalar) -> bool {
        match self.tag.as_deref() {
            None => scalar.plain,
            Some(tag) => tag == "!",
        }
    }

    /// `<<`, not quoted, unless it is tagged as such.
    fn is_merge_key(&self) -> bool {
        let is_tagged = self.tag.as_deref() == Some(MERGE);
        matches!(&self.content, Content::Scalar(scalar)
            if scalar.text == "<<" && (is_tagged || self.is_implicit(scalar)))
    }
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A number of such digits that every program reads it alike.
fn decimal(text: &str) -> Option<i64> {
    let is_usual = text.len() <= 18
        && !(text.len() > 1 && text.starts_with('0'))
        && text.bytes().all(|byte| byte.is_ascii_digit());
    is_usual.then(|| text.parse().ok()).flatten()
}

/// The short name of a tag of YAML's own: `str` of `tag:yaml.org,2002:str`.
fn core_tag(tag: &str) -> Option<&str> {
    tag.strip_prefix("tag:yaml.org,2002:")
}
