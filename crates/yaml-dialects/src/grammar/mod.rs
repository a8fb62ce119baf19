//! From text to nodes, which remember where they stand and how they were written: [`scanner`] (tokens) and [`parser`],
//! both by libyaml's grammar, of which all the programs' parsers are ports, and [`json`].

pub mod json;
pub mod parser;
pub mod scanner;

use std::borrow::Cow;
use std::rc::Rc;

/// The tag of `<<`.
pub const MERGE: &str = "tag:yaml.org,2002:merge";

/// Where something stands: line and column, from 1, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

impl Place {
    /// The place in a whole of which `first_line` is the first line here.
    pub fn below(self, first_line: u32) -> Self {
        Self {
            line: self.line.saturating_add(first_line - 1),
            ..self
        }
    }
}

/// A value as it stands in the text.
#[derive(Debug)]
pub struct Node<'a> {
    pub place: Place,
    /// The explicit tag: `!!str` is `tag:yaml.org,2002:str`, `!unsafe` is itself.
    pub tag: Option<String>,
    /// Whether it stands within what is tagged `!unsafe`.
    pub is_unsafe: bool,
    pub content: Content<'a>,
}

/// What a node is.
#[derive(Debug)]
pub enum Content<'a> {
    Scalar(Scalar<'a>),
    Sequence(Vec<Rc<Node<'a>>>),
    Mapping(Vec<(Rc<Node<'a>>, Rc<Node<'a>>)>),
    Alias(Rc<Node<'a>>),
    /// An alias, by its name, that stands within what it stands for.
    Ring(&'a str),
}

/// A scalar as it was written.
#[derive(Debug)]
pub struct Scalar<'a> {
    pub text: Cow<'a, str>,
    /// Neither quoted nor a block.
    pub plain: bool,
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
    pub fn target(self: &Rc<Self>) -> &Rc<Self> {
        match &self.content {
            Content::Alias(node) => node,
            _ => self,
        }
    }

    /// A scalar that is resolved by its text: plain without a tag, or tagged `!`.
    pub fn is_implicit(&self, scalar: &Scalar) -> bool {
        match self.tag.as_deref() {
            None => scalar.plain,
            Some(tag) => tag == "!",
        }
    }

    /// `<<`, not quoted, unless it is tagged as such.
    pub fn is_merge_key(&self) -> bool {
        let is_tagged = self.tag.as_deref() == Some(MERGE);
        matches!(&self.content, Content::Scalar(scalar)
            if scalar.text == "<<" && (is_tagged || self.is_implicit(scalar)))
    }
}

pub fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A number of such digits that every program reads it alike.
pub fn decimal(text: &str) -> Option<i64> {
    let is_usual = text.len() <= 18
        && !(text.len() > 1 && text.starts_with('0'))
        && text.bytes().all(|byte| byte.is_ascii_digit());
    is_usual.then(|| text.parse().ok()).flatten()
}

/// The short name of a tag of YAML's own: `str` of `tag:yaml.org,2002:str`.
pub fn core_tag(tag: &str) -> Option<&str> {
    tag.strip_prefix("tag:yaml.org,2002:")
}
