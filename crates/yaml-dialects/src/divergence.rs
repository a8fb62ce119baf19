//! A manifest as [`kubectl`] reads it, and where Ansible reads it differently: what an operator who comes from Ansible
//! must know.
//!
//! Ansible's module kubernetes.core.k8s reads with PyYAML. The text is read a second time for it only where the two may
//! part: most come to no point at which the grammars differ, and `are_surely_alike` says of their scalars that they
//! mean the same to both.

use std::rc::Rc;

use crate::error::Error;
use crate::grammar::parser::Parser;
use crate::grammar::scanner::Dialect;
use crate::grammar::{Content, Node, Place, core_tag, decimal};
use crate::kubectl::{self, Document, KeyKind, MANY, Read, Resolved};
use crate::limits::Limits;
use crate::pyyaml::{self, Data, Reading};

/// What kubectl reads in a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stream {
    /// Empty ones are left out.
    pub documents: Vec<Document>,
    /// What is probably not meant, each with the number of its document: keys that stand there twice, of which the last
    /// counts; what kubectl drops; what Ansible (its module kubernetes.core.k8s, with PyYAML) reads differently, unless
    /// it cannot read the stream at all.
    pub warnings: Vec<Warning>,
}

/// What is read, but probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    pub kind: WarningKind,
    /// The number of its document, from 1.
    pub document: u32,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// It begins in lower case and has no full stop.
    pub message: String,
}

/// What a warning warns of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WarningKind {
    /// A key stands in a mapping more than once.
    DuplicateKey,
    /// kubectl does not read this.
    Dropped,
    /// Ansible reads something else.
    Differs,
}

impl Warning {
    pub(crate) fn new(
        kind: WarningKind,
        document: u32,
        place: Place,
        message: impl Into<String>,
    ) -> Self {
        // What is quoted is cut as in errors.
        let error = Error::at(place, message);
        Self {
            kind,
            document,
            line: error.line(),
            column: error.column(),
            message: error.message().to_owned(),
        }
    }
}

/// Reads a stream as kubectl does, and says where Ansible reads something else.
///
/// # Errors
///
/// Where kubectl refuses the stream, and where a limit is passed. An error says the number of its document.
pub fn read(stream: &str, limits: &Limits) -> Result<Stream, Error> {
    kubectl::reading(stream, limits, |reader| {
        let documents = reader.documents;
        let mut warnings = reader.warnings;
        // What Ansible cannot read, nobody deploys with it.
        let compare = || differences(stream, limits, &documents, reader.number).unwrap_or_default();
        if reader.may_differ || !documents.iter().all(|read| are_surely_alike(&read.node)) {
            warnings.extend(compare());
        } else {
            debug_assert_eq!(compare(), [], "{stream}");
        }
        let documents = documents.into_iter().map(|read| read.document).collect();
        Stream {
            documents,
            warnings,
        }
    })
}

/// Whether Ansible surely reads what kubectl reads, the grammar being the same to both. That it may not says nothing.
fn are_surely_alike(node: &Rc<Node>) -> bool {
    if node.tag.is_some() {
        return false;
    }
    match &node.content {
        Content::Scalar(scalar) if !scalar.plain || is_surely_text(&scalar.text) => true,
        Content::Scalar(scalar) if decimal(&scalar.text).is_some() => true,
        Content::Scalar(scalar) => {
            let Ok(theirs) = pyyaml::scalar_of_manifest(node, scalar) else {
                return false;
            };
            kubectl::resolve(node, scalar).is_ok_and(|ours| reading(ours) == Reading::from(&theirs))
        }
        Content::Sequence(items) => items.iter().all(are_surely_alike),
        Content::Mapping(pairs) => pairs
            .iter()
            .all(|(key, value)| is_surely_text_key(key) && are_surely_alike(value)),
        Content::Alias(_) | Content::Ring(_) => false,
    }
}

/// Whether a plain scalar is a text by its first character, and no word that means something else.
fn is_surely_text(text: &str) -> bool {
    let is_suspect =
        |byte: &u8| matches!(byte, b'+' | b'-' | b'.' | b'0'..=b'9' | b'~' | b'=' | b'<');
    !text.as_bytes().first().is_none_or(is_suspect)
        && (text.len() > "false".len() || kubectl::word(text).is_none())
}

fn is_surely_text_key(key: &Node) -> bool {
    let Content::Scalar(scalar) = &key.content else {
        return false;
    };
    if key.tag.is_some() {
        return false;
    }
    if !scalar.plain || is_surely_text(&scalar.text) {
        return true;
    }
    matches!(kubectl::key_text(key), Ok((_, KeyKind::Text)))
        && matches!(pyyaml::scalar_of_manifest(key, scalar), Ok(Data::Text(_)))
        && scalar.text != "<<"
}

/// What Ansible reads differently of the documents of a stream, each with the number of its document. `last` is the
/// number of the last one. Fails where Ansible cannot read the stream.
fn differences(
    stream: &str,
    limits: &Limits,
    documents: &[Read],
    last: u32,
) -> Result<Vec<Warning>, Error> {
    let mut theirs = Ansible(Parser::new(stream, Dialect::Python, limits)?);
    let mut found = Vec::new();
    for read in documents {
        let document = &read.document;
        let found_here = match theirs.next()? {
            Some((node, data)) => of_document(read, &node, &data),
            None => vec![differs(
                document.number,
                Place {
                    line: document.line,
                    column: read.node.place.column,
                },
                "kubectl reads a document here, Ansible reads none; begin each with a line `---`",
            )],
        };
        found.extend(found_here);
    }
    let mut more = None;
    while let Some((node, _)) = theirs.next()? {
        more.get_or_insert(node.place);
    }
    if let Some(place) = more {
        let message =
            "kubectl reads no document here, Ansible reads one; begin each with a line `---`";
        found.push(differs(last.max(1), place, message));
    }
    Ok(found)
}

fn differs(document: u32, place: Place, message: impl Into<String>) -> Warning {
    Warning::new(WarningKind::Differs, document, place, message)
}

/// Ansible's reading of a stream.
struct Ansible<'a>(Parser<'a>);

impl<'a> Ansible<'a> {
    /// The next document that is not null.
    fn next(&mut self) -> Result<Option<(Rc<Node<'a>>, Data)>, Error> {
        while let Some(node) = self.0.document()? {
            match pyyaml::of_manifest(&node)? {
                Data::Null => {}
                data => return Ok(Some((node, data))),
            }
        }
        Ok(None)
    }
}

/// Where Ansible reads a document differently: the scalars and keys themselves, if it is they that differ.
fn of_document(read: &Read, theirs: &Rc<Node>, data: &Data) -> Vec<Warning> {
    let Document { value, line, .. } = &read.document;
    let Some(path) = pyyaml::first_difference(value, data) else {
        return Vec::new();
    };
    let mut comparison = Comparison {
        found: Vec::new(),
        document: read.document.number,
        first_line: read.first_line,
    };
    comparison.node(&read.node, theirs);
    if comparison.found.is_empty() {
        let (line, column) = read.places().get(&path).copied().unwrap_or((*line, 1));
        comparison.found.push(differs(
            read.document.number,
            Place { line, column },
            "kubectl reads this by another grammar than Ansible reads it; write it in plain lines, its texts in quotes",
        ));
    }
    comparison.found
}

/// Finds scalars that mean something else.
struct Comparison {
    found: Vec<Warning>,
    document: u32,
    first_line: u32,
}

impl Comparison {
    fn node(&mut self, ours: &Rc<Node>, theirs: &Rc<Node>) {
        if self.found.len() >= MANY || matches!(ours.content, Content::Alias(_)) {
            return;
        }
        match (&ours.content, &theirs.content) {
            (Content::Scalar(one), Content::Scalar(other)) => {
                let Ok(read) = kubectl::resolve(ours, one).map(reading) else {
                    return;
                };
                let theirs = pyyaml::scalar_of_manifest(theirs, other);
                let theirs = theirs.map_or(Reading::Other("nothing"), |data| Reading::from(&data));
                if read != theirs {
                    self.push(ours, &one.text, &read, &theirs);
                }
            }
            (Content::Sequence(one), Content::Sequence(other)) => {
                self.collection(ours);
                for (one, other) in one.iter().zip(other) {
                    self.node(one, other);
                }
            }
            (Content::Mapping(one), Content::Mapping(other)) => {
                self.collection(ours);
                for ((key, value), (other_key, other_value)) in one.iter().zip(other) {
                    if !key.is_merge_key() {
                        self.key(key, other_key);
                    }
                    self.node(value, other_value);
                }
            }
            _ => {}
        }
    }

    fn collection(&mut self, node: &Node) {
        let tag = node.tag.as_deref().and_then(core_tag);
        if let Some(tag @ ("set" | "omap" | "pairs")) = tag {
            let theirs = Reading::Other("a collection of its own kind");
            self.push(node, tag, &Reading::Other("what stands there"), &theirs);
        }
    }

    fn key(&mut self, ours: &Rc<Node>, theirs: &Rc<Node>) {
        let (Content::Scalar(one), Content::Scalar(other)) =
            (&ours.target().content, &theirs.target().content)
        else {
            return;
        };
        let Ok((name, _)) = kubectl::key_text(ours.target()) else {
            return;
        };
        let Ok(read) = pyyaml::scalar_of_manifest(theirs.target(), other) else {
            return;
        };
        if pyyaml::sent_key(&read).is_none_or(|theirs| theirs != name) {
            self.push(ours, &one.text, &Reading::Text(name), &Reading::from(&read));
        }
    }

    fn push(&mut self, node: &Node, shown: &str, ours: &Reading, theirs: &Reading) {
        let shown: String = shown.chars().take(80).collect();
        self.found.push(differs(
            self.document,
            node.place.below(self.first_line),
            format!("kubectl reads `{shown}` as {ours}, Ansible reads {theirs}; quote it to make it a text for both"),
        ));
    }
}

fn reading(resolved: Resolved) -> Reading {
    match resolved {
        Resolved::Null => Reading::Null,
        Resolved::Bool(value) => Reading::Bool(value),
        Resolved::Int(number) => Reading::Number(number as f64),
        Resolved::Unsigned(number) => Reading::Number(number as f64),
        Resolved::Float(number) => Reading::Number(number),
        Resolved::Text(text) => Reading::Text(text),
    }
}

#[cfg(test)]
#[path = "divergence_tests.rs"]
mod tests;
