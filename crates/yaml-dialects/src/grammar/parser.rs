//! From tokens to the nodes of a document, by libyaml's grammar, with aliases resolved.
//!
//! A document is read only as far as its end is known: go-yaml never looks at what stands behind the first one.

use std::collections::HashMap;
use std::rc::Rc;

use super::scanner::{Dialect, Kind, Scanner, Token};
use super::{Content, Node, Place, Scalar};
use crate::error::Error;
use crate::limits::Limits;

/// Reads documents, one after another.
pub struct Parser<'a> {
    scanner: Scanner<'a>,
    dialect: Dialect,
    limits: Limits,
    /// No document was read yet.
    begins: bool,
    /// The prefix of each handle that the document declares.
    handles: HashMap<&'a str, String>,
    anchors: HashMap<&'a str, Anchor<'a>>,
    /// How much the documents hold so far.
    size: Size,
    /// How much of the text came by way of aliases.
    repeated: usize,
    /// How many anchors there are so far.
    number: usize,
    /// How many of the nodes that are open are tagged `!unsafe`.
    unsafe_depth: usize,
    has_parted: bool,
}

/// How much there is of something, aliases counted as often as they are used.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    /// Bytes of all scalars.
    text: usize,
}

struct Anchor<'a> {
    /// Which one it is: a name may be given again.
    number: usize,
    /// What it names, once that is known, and its size.
    node: Option<(Rc<Node<'a>>, Size)>,
}

type Result<T> = std::result::Result<T, Error>;

impl<'a> Parser<'a> {
    pub fn new(text: &'a str, dialect: Dialect, limits: &Limits) -> Result<Self> {
        Ok(Self {
            scanner: Scanner::new(text, dialect, limits)?,
            dialect,
            limits: *limits,
            begins: true,
            handles: HashMap::new(),
            anchors: HashMap::new(),
            size: Size::default(),
            repeated: 0,
            number: 0,
            unsafe_depth: 0,
            has_parted: false,
        })
    }

    /// Whether there was anything so far that another dialect may read otherwise.
    pub fn has_parted(&self) -> bool {
        self.has_parted || self.scanner.has_parted()
    }

    /// The next document; an empty one is an empty scalar.
    pub fn document(&mut self) -> Result<Option<Rc<Node<'a>>>> {
        if !self.begins {
            while *self.kind()? == Kind::DocumentEnd {
                self.scanner.take()?;
            }
        }
        let is_implicit = self.begins && !self.at_document_start()?;
        self.begins = false;
        if *self.kind()? == Kind::StreamEnd {
            return Ok(None);
        }
        self.directives()?;
        if !is_implicit {
            self.expect(&Kind::DocumentStart, "a document begins with a line `---`")?;
        }
        self.anchors.clear();
        let is_empty = !is_implicit
            && (self.at_document_start()?
                || matches!(self.kind()?, Kind::DocumentEnd | Kind::StreamEnd));
        let node = if is_empty {
            let place = self.scanner.peek()?.start;
            self.empty(place)?
        } else {
            self.node(true, false, 0)?
        };
        if *self.kind()? == Kind::DocumentEnd {
            self.scanner.take()?;
        }
        Ok(Some(node))
    }

    /// Where something stands behind the document that was read last, if anything does.
    pub fn rest(&mut self) -> Option<Place> {
        match self.scanner.peek() {
            Ok(token) if token.kind == Kind::StreamEnd => None,
            Ok(token) => Some(token.start),
            Err(error) => Some(error.place()),
        }
    }

    fn kind(&mut self) -> Result<&Kind<'a>> {
        Ok(&self.scanner.peek()?.kind)
    }

    fn at_document_start(&mut self) -> Result<bool> {
        Ok(matches!(
            self.kind()?,
            Kind::Version(..) | Kind::TagDirective(..) | Kind::OtherDirective | Kind::DocumentStart
        ))
    }

    fn expect(&mut self, kind: &Kind, message: &str) -> Result<Token<'a>> {
        let token = self.scanner.peek()?;
        if token.kind != *kind {
            return Err(unexpected(token, message));
        }
        self.scanner.take()
    }

    fn directives(&mut self) -> Result<()> {
        self.handles.clear();
        let mut has_version = false;
        loop {
            let start = self.scanner.peek()?.start;
            match self.kind()?.clone() {
                Kind::Version(major, minor) => {
                    if has_version {
                        return Err(Error::at(start, "`%YAML` stands here a second time"));
                    }
                    has_version = true;
                    let is_known = match self.dialect {
                        Dialect::Go => (major, minor) == (1, 1),
                        Dialect::Libyaml => major == 1 && matches!(minor, 1 | 2),
                        Dialect::Python => major == 1,
                    };
                    if !is_known {
                        return Err(Error::at(start, "the version of `%YAML` must be 1.1"));
                    }
                }
                Kind::TagDirective(handle, prefix) => {
                    if self.handles.insert(handle, prefix).is_some() {
                        return Err(Error::at(
                            start,
                            format!("`%TAG {handle}` stands here a second time"),
                        ));
                    }
                }
                Kind::OtherDirective => {}
                _ => break,
            }
            self.scanner.take()?;
        }
        Ok(())
    }

    fn prefix(&self, handle: &str) -> Option<&str> {
        match (self.handles.get(handle), handle) {
            (Some(prefix), _) => Some(prefix),
            (None, "!") => Some("!"),
            (None, "!!") => Some("tag:yaml.org,2002:"),
            (None, _) => None,
        }
    }

    /// A value; in a flow collection no block can begin, and only a mapping's value can be a list without indentation.
    fn node(&mut self, block: bool, indentless: bool, depth: usize) -> Result<Rc<Node<'a>>> {
        let start = self.scanner.peek()?.start;
        if depth > self.limits.depth {
            return Err(self.limits.too_deep(start));
        }
        self.count(start, 1)?;
        if let Kind::Alias(name) = *self.kind()? {
            self.scanner.take()?;
            return self.alias(name, start);
        }
        let before = self.size;
        let (anchor, mut tag) = self.properties()?;
        let number = match anchor {
            Some(name) => self.announce(name, start)?,
            None => 0,
        };
        let is_bare = anchor.is_none() && tag.is_none();
        let is_unsafe = tag.as_deref() == Some("!unsafe");
        self.unsafe_depth += usize::from(is_unsafe);
        let token = self.scanner.peek()?;
        let content = match &token.kind {
            Kind::BlockEntry if indentless => Content::Sequence(self.indentless_sequence(depth)?),
            Kind::Scalar { .. } => match self.scanner.take()?.kind {
                Kind::Scalar { text, plain } => {
                    self.size.text += text.len();
                    Content::Scalar(Scalar { text, plain })
                }
                _ => Content::default(),
            },
            Kind::FlowSequenceStart => Content::Sequence(self.flow_sequence(depth)?),
            Kind::FlowMappingStart => Content::Mapping(self.flow_mapping(depth)?),
            Kind::BlockSequenceStart if block => Content::Sequence(self.block_sequence(depth)?),
            Kind::BlockMappingStart if block => Content::Mapping(self.block_mapping(depth)?),
            _ if is_bare => return Err(unexpected(token, "a value is expected here")),
            _ => {
                // To libyaml `!` alone is an empty text.
                if self.dialect == Dialect::Libyaml && tag.as_deref() == Some("!") {
                    tag = Some("tag:yaml.org,2002:str".to_owned());
                }
                Content::default()
            }
        };
        let node = Rc::new(Node {
            place: start,
            tag,
            is_unsafe: self.unsafe_depth > 0,
            content,
        });
        self.unsafe_depth -= usize::from(is_unsafe);
        // Within it the name may have been given to another node.
        if let Some(anchor) = anchor.and_then(|name| self.anchors.get_mut(name))
            && anchor.number == number
        {
            let size = Size {
                nodes: self.size.nodes - before.nodes + 1,
                text: self.size.text - before.text,
            };
            anchor.node = Some((node.clone(), size));
        }
        Ok(node)
    }

    /// Anchor and tag, in any order.
    fn properties(&mut self) -> Result<(Option<&'a str>, Option<String>)> {
        let (mut anchor, mut tag) = (None, None);
        loop {
            let start = self.scanner.peek()?.start;
            match self.kind()? {
                Kind::Anchor(name) if anchor.is_none() => anchor = Some(*name),
                Kind::Tag(handle, suffix) if tag.is_none() => {
                    let (handle, suffix) = (*handle, suffix.clone());
                    tag = Some(match self.prefix(handle) {
                        _ if handle.is_empty() => suffix,
                        Some(prefix) => format!("{prefix}{suffix}"),
                        None => {
                            return Err(Error::at(
                                start,
                                format!(
                                    "the handle `{handle}` of this tag is unknown; `%TAG` declares one"
                                ),
                            ));
                        }
                    });
                }
                _ => return Ok((anchor, tag)),
            }
            self.scanner.take()?;
        }
    }

    fn announce(&mut self, name: &'a str, start: Place) -> Result<usize> {
        self.number += 1;
        let anchor = Anchor {
            number: self.number,
            node: None,
        };
        if self.anchors.insert(name, anchor).is_some() {
            self.has_parted = true;
            if self.dialect != Dialect::Go {
                return Err(Error::at(
                    start,
                    format!("the anchor `&{name}` stands here a second time"),
                ));
            }
        }
        Ok(self.number)
    }

    fn alias(&mut self, name: &'a str, place: Place) -> Result<Rc<Node<'a>>> {
        let content = match self.anchors.get(name) {
            Some(Anchor {
                node: Some((node, size)),
                ..
            }) => {
                let (node, size) = (node.clone(), *size);
                self.size.text += size.text;
                self.repeated += size.text;
                if self.repeated > self.limits.repeated_bytes {
                    return Err(self.limits.too_much_repeated(place));
                }
                self.count(place, size.nodes)?;
                Content::Alias(node)
            }
            Some(Anchor { node: None, .. }) => Content::Ring(name),
            None => {
                return Err(Error::at(
                    place,
                    format!(
                        "there is no anchor `&{name}` before this alias; quote a text that begins with `*`"
                    ),
                ));
            }
        };
        Ok(Rc::new(Node {
            place,
            tag: None,
            is_unsafe: self.unsafe_depth > 0,
            content,
        }))
    }

    fn empty(&mut self, place: Place) -> Result<Rc<Node<'a>>> {
        self.count(place, 1)?;
        Ok(Rc::new(Node {
            place,
            tag: None,
            is_unsafe: self.unsafe_depth > 0,
            content: Content::default(),
        }))
    }

    fn count(&mut self, place: Place, more: usize) -> Result<()> {
        self.size.nodes += more;
        if self.size.nodes > self.limits.nodes {
            return Err(self.limits.too_many_nodes(place));
        }
        Ok(())
    }

    /// A value, unless the next token says that there is none: then an empty scalar at `place`.
    fn optional(
        &mut self,
        absent: impl Fn(&Kind) -> bool,
        place: Place,
        block: bool,
        depth: usize,
    ) -> Result<Rc<Node<'a>>> {
        if absent(self.kind()?) {
            return self.empty(place);
        }
        self.node(block, block, depth + 1)
    }

    fn block_sequence(&mut self, depth: usize) -> Result<Vec<Rc<Node<'a>>>> {
        self.scanner.take()?;
        let mut items = Vec::new();
        loop {
            let token = self.scanner.peek()?;
            match token.kind {
                Kind::BlockEntry => {
                    let place = self.scanner.take()?.end;
                    items.push(match self.kind()? {
                        Kind::BlockEntry | Kind::BlockEnd => self.empty(place)?,
                        _ => self.node(true, false, depth + 1)?,
                    });
                }
                Kind::BlockEnd => {
                    self.scanner.take()?;
                    return Ok(items);
                }
                _ => {
                    return Err(unexpected(
                        token,
                        "an item that begins with `- ` is expected here, or less indentation",
                    ));
                }
            }
        }
    }

    /// A list as deep as the key that it belongs to.
    fn indentless_sequence(&mut self, depth: usize) -> Result<Vec<Rc<Node<'a>>>> {
        let mut items = Vec::new();
        while *self.kind()? == Kind::BlockEntry {
            let place = self.scanner.take()?.end;
            items.push(match self.kind()? {
                Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd => self.empty(place)?,
                _ => self.node(true, false, depth + 1)?,
            });
        }
        Ok(items)
    }

    fn block_mapping(&mut self, depth: usize) -> Result<Vec<(Rc<Node<'a>>, Rc<Node<'a>>)>> {
        let absent = |kind: &Kind| matches!(kind, Kind::Key | Kind::Value | Kind::BlockEnd);
        self.scanner.take()?;
        let mut pairs = Vec::new();
        loop {
            let token = self.scanner.peek()?;
            match token.kind {
                Kind::Key => {}
                Kind::BlockEnd => {
                    self.scanner.take()?;
                    return Ok(pairs);
                }
                _ => {
                    return Err(unexpected(
                        token,
                        "a key is expected here, at the indentation of those before, or less of it",
                    ));
                }
            }
            let place = self.scanner.take()?.end;
            let key = self.optional(absent, place, true, depth)?;
            let token = self.scanner.peek()?;
            let value = if token.kind == Kind::Value {
                let place = self.scanner.take()?.end;
                self.optional(absent, place, true, depth)?
            } else {
                let place = token.start;
                self.empty(place)?
            };
            pairs.push((key, value));
        }
    }

    fn flow_sequence(&mut self, depth: usize) -> Result<Vec<Rc<Node<'a>>>> {
        self.scanner.take()?;
        let mut items = Vec::new();
        while *self.kind()? != Kind::FlowSequenceEnd {
            if !items.is_empty() {
                self.expect(&Kind::FlowEntry, "a `,` or `]` is expected here")?;
            }
            match self.kind()? {
                Kind::Key => items.push(self.single_pair(depth + 1)?),
                Kind::FlowSequenceEnd => break,
                _ => items.push(self.node(false, false, depth + 1)?),
            }
        }
        self.scanner.take()?;
        Ok(items)
    }

    /// A mapping of one key without braces: `[a: 1]`.
    fn single_pair(&mut self, depth: usize) -> Result<Rc<Node<'a>>> {
        let absent = |kind: &Kind| matches!(kind, Kind::FlowEntry | Kind::FlowSequenceEnd);
        let start = self.scanner.peek()?.start;
        self.count(start, 1)?;
        let place = self.scanner.take()?.end;
        let key = if *self.kind()? == Kind::Value || absent(self.kind()?) {
            self.has_parted = true;
            // libyaml drops this token without a look.
            if self.dialect != Dialect::Python {
                self.scanner.take()?;
            }
            self.empty(place)?
        } else {
            self.node(false, false, depth + 1)?
        };
        if *self.kind()? == Kind::Value {
            self.scanner.take()?;
            return self.pair(start, key, absent, depth);
        }
        self.pair(start, key, |_| true, depth)
    }

    fn pair(
        &mut self,
        place: Place,
        key: Rc<Node<'a>>,
        absent: impl Fn(&Kind) -> bool,
        depth: usize,
    ) -> Result<Rc<Node<'a>>> {
        let end = self.scanner.peek()?.start;
        let value = self.optional(absent, end, false, depth)?;
        Ok(Rc::new(Node {
            place,
            tag: None,
            is_unsafe: self.unsafe_depth > 0,
            content: Content::Mapping(vec![(key, value)]),
        }))
    }

    fn flow_mapping(&mut self, depth: usize) -> Result<Vec<(Rc<Node<'a>>, Rc<Node<'a>>)>> {
        let absent = |kind: &Kind| matches!(kind, Kind::FlowEntry | Kind::FlowMappingEnd);
        self.scanner.take()?;
        let mut pairs = Vec::new();
        while *self.kind()? != Kind::FlowMappingEnd {
            if !pairs.is_empty() {
                self.expect(&Kind::FlowEntry, "a `,` or `}` is expected here")?;
            }
            match self.kind()? {
                Kind::Key => {
                    let place = self.scanner.take()?.end;
                    let key = self.optional(
                        |kind| *kind == Kind::Value || absent(kind),
                        place,
                        false,
                        depth,
                    )?;
                    let end = self.scanner.peek()?.start;
                    let value = if *self.kind()? == Kind::Value {
                        let end = self.scanner.take()?.end;
                        self.optional(absent, end, false, depth)?
                    } else {
                        self.empty(end)?
                    };
                    pairs.push((key, value));
                }
                Kind::FlowMappingEnd => break,
                _ => {
                    let key = self.node(false, false, depth + 1)?;
                    let end = self.scanner.peek()?.start;
                    let value = self.empty(end)?;
                    pairs.push((key, value));
                }
            }
        }
        self.scanner.take()?;
        Ok(pairs)
    }
}

fn unexpected(token: &Token, message: &str) -> Error {
    let found = match &token.kind {
        Kind::StreamEnd => "the end of the text",
        Kind::DocumentStart => "`---`",
        Kind::DocumentEnd => "`...`",
        Kind::Version(..) | Kind::TagDirective(..) | Kind::OtherDirective => "a directive",
        Kind::BlockSequenceStart | Kind::BlockEntry => "`- `",
        Kind::BlockMappingStart | Kind::Key => "a key",
        Kind::BlockEnd => "less indentation",
        Kind::FlowSequenceStart => "`[`",
        Kind::FlowSequenceEnd => "`]`",
        Kind::FlowMappingStart => "`{`",
        Kind::FlowMappingEnd => "`}`",
        Kind::FlowEntry => "`,`",
        Kind::Value => "`:`",
        Kind::Alias(_) => "an alias",
        Kind::Anchor(_) => "an anchor",
        Kind::Tag(..) => "a tag",
        Kind::Scalar { .. } => "a value",
    };
    Error::at(token.start, format!("{message}, not {found}"))
}
