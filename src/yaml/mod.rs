//! YAML as the two programs read it that operators know: [`kubectl`] for manifests, [`ansible`] for variables.
//!
//! A text goes through `granit_parser` (the parser below serde-saphyr) into a tree of [`Node`]s that remember where
//! they stand and how they were written; a schema then says what each plain scalar means. Both programs disagree with
//! each other, and with YAML 1.2, about words such as `yes`, `0644`, `1e3` or `22:22`: that is why the schema is ours.

pub mod ansible;
mod data;
pub mod dump;
pub mod kubectl;

use std::collections::HashMap;

pub use data::Data;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

/// At most this many nodes, aliases counted as often as they are used: a text that unfolds further is a bomb.
const MAX_NODES: usize = 200_000;
/// At most this many levels.
const MAX_DEPTH: usize = 100;

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
    fn unsupported(node: &Node, message: impl Into<String>) -> Self {
        Self {
            unsupported: true,
            ..Self::at(node, message)
        }
    }

    fn at(node: &Node, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            line: node.line,
            column: node.column,
            unsupported: false,
        }
    }
}

/// A value as it stands in the text.
#[derive(Clone, Debug)]
pub struct Node {
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// The explicit tag of a list or a mapping, as of a [`Scalar`].
    pub tag: Option<String>,
    pub content: Content,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Content {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

/// A scalar as it was written.
#[derive(Clone, Debug)]
pub struct Scalar {
    pub text: String,
    /// Neither quoted nor a block.
    pub plain: bool,
    /// An explicit tag: `!!str` is `tag:yaml.org,2002:str`, `!unsafe` is itself.
    pub tag: Option<String>,
}

impl Node {
    fn is_merge_key(&self) -> bool {
        matches!(&self.content, Content::Scalar(scalar)
            if scalar.text == "<<" && scalar.plain && scalar.tag.is_none()
            || scalar.text == "<<" && scalar.tag.as_deref() == Some("tag:yaml.org,2002:merge"))
    }
}

/// Reads the documents of a text into nodes. A document without any content is left out.
pub fn read(text: &str) -> Result<Vec<Node>, YamlError> {
    let mut reader = Reader {
        events: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(documents),
            (Event::DocumentStart(..), _) => {
                reader.anchors.clear();
                let next = reader.next()?;
                documents.push(reader.node(next, 0)?);
            }
            _ => {}
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    /// The next event that is not a comment.
    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        loop {
            match self.events.next_event() {
                Some(Ok((Event::Comment(..) | Event::Anchor(..), _))) => {}
                Some(Ok(event)) => return Ok(event),
                Some(Err(error)) => return Err(scan_error(&error)),
                None => return Ok((Event::StreamEnd, Span::default())),
            }
        }
    }

    fn node(&mut self, (event, span): (Event<'a>, Span), depth: usize) -> Result<Node, YamlError> {
        let mut node = Node {
            line: number(span.start.line()),
            column: number(span.start.col() + 1),
            tag: None,
            content: Content::Sequence(Vec::new()),
        };
        if depth > MAX_DEPTH {
            return Err(YamlError::at(
                &node,
                format!("this is nested more than {MAX_DEPTH} levels deep"),
            ));
        }
        let before = self.nodes;
        self.count(&node, 1)?;
        let anchor = match event {
            Event::Scalar(text, style, anchor, tag) => {
                node.content = Content::Scalar(Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                    tag: tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix())),
                });
                anchor
            }
            Event::SequenceStart(_, anchor, tag) => {
                node.tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        event => items.push(self.node(event, depth + 1)?),
                    }
                }
                node.content = Content::Sequence(items);
                anchor
            }
            Event::MappingStart(_, anchor, tag) => {
                node.tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
                let mut pairs = Vec::new();
                loop {
                    match self.next()? {
                        (Event::MappingEnd, _) => break,
                        event => {
                            let key = self.node(event, depth + 1)?;
                            let event = self.next()?;
                            pairs.push((key, self.node(event, depth + 1)?));
                        }
                    }
                }
                node.content = Content::Mapping(pairs);
                anchor
            }
            Event::Alias(id) => {
                let Some((target, size)) = self.anchors.get(&id).cloned() else {
                    return Err(YamlError::at(
                        &node,
                        "this alias stands inside of what it stands for",
                    ));
                };
                self.count(&node, size)?;
                node.content = target.content;
                node.tag = target.tag;
                return Ok(node);
            }
            _ => return Err(YamlError::at(&node, "a value is missing here")),
        };
        if anchor != 0 {
            self.anchors
                .insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    fn count(&mut self, node: &Node, more: usize) -> Result<(), YamlError> {
        self.nodes += more;
        if self.nodes > MAX_NODES {
            return Err(YamlError::at(
                node,
                format!("this unfolds to more than {MAX_NODES} values"),
            ));
        }
        Ok(())
    }
}

fn scan_error(error: &ScanError) -> YamlError {
    let marker = error.marker();
    YamlError {
        message: error.info(),
        line: number(marker.line().max(1)),
        column: number(marker.col() + 1),
        unsupported: false,
    }
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The short name of a tag of YAML's own: `str` of `tag:yaml.org,2002:str`.
fn core_tag(tag: &str) -> Option<&str> {
    tag.strip_prefix("tag:yaml.org,2002:")
        .or_else(|| tag.strip_prefix("!!"))
}
