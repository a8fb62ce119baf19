//! Templates as they were read, each text once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::syntax::ast::Template;
use crate::syntax::lexer::{self, Syntax};
use crate::syntax::parser;
use crate::value::error::{Error, Result, fail};
use crate::value::settings;

/// What a first line begins with that sets Jinja's own settings.
const HEADER: &str = "#jinja2:";
/// How much source of templates is kept compiled for the next time, in bytes: twice this, by thread. A tree takes some
/// ten times its source.
const KEPT: usize = 256 * 1024;

/// Where a text stands: Ansible takes the backslashes of text literals in values of variables as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    Template,
    Value,
    /// A file that a template uses: it is written as that is, and has no line `#jinja2:`.
    File,
}

thread_local! {
    static COMPILED: RefCell<Compiled> = RefCell::default();
}

/// Templates by the digest of their text. When the new ones are many, the old ones go that were not asked for since.
#[derive(Default)]
struct Compiled {
    new: HashMap<Known, (usize, Rc<Template>)>,
    old: HashMap<Known, (usize, Rc<Template>)>,
    /// Bytes of source in `new`.
    bytes: usize,
}

type Digest = [u8; 32];
/// Also which filters and tests there are: see [`settings::names`].
type Known = (Place, u64, Digest);

impl Compiled {
    fn get(&mut self, key: &Known) -> Option<Rc<Template>> {
        if let Some((_, template)) = self.new.get(key) {
            return Some(template.clone());
        }
        let (length, template) = self.old.remove(key)?;
        self.keep(*key, length, template.clone());
        Some(template)
    }

    fn keep(&mut self, key: Known, length: usize, template: Rc<Template>) {
        // A short text has a tree, too.
        let length = length.max(64);
        if length > KEPT {
            return;
        }
        if self.bytes + length > KEPT {
            self.old = std::mem::take(&mut self.new);
            self.bytes = 0;
        }
        self.bytes += length;
        self.new.insert(key, (length, template));
    }
}

/// Whether a text holds anything for Jinja.
pub fn is_template(text: &str) -> bool {
    text.starts_with(HEADER) || ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

/// Reads a template, unless it was read before.
pub fn compiled(text: &str, place: Place) -> Result<Rc<Template>> {
    let syntax = Syntax {
        plain_backslashes: place == Place::Value,
        ..Syntax::default()
    };
    read(text, place, syntax, Sha256::digest(text).into())
}

/// Reads a file that a template uses, unless it was read before.
pub fn compiled_file(text: &str, syntax: &Syntax) -> Result<Rc<Template>> {
    let syntax = Syntax {
        plain_backslashes: false,
        ..syntax.clone()
    };
    // It is read as the template that uses it is written.
    let digest = Sha256::new()
        .chain_update(format!("{syntax:?}"))
        .chain_update(text)
        .finalize();
    read(text, Place::File, syntax, digest.into())
}

fn read(text: &str, place: Place, mut syntax: Syntax, digest: Digest) -> Result<Rc<Template>> {
    let key = (place, settings::names(), digest);
    if let Some(template) = COMPILED.with_borrow_mut(|known| known.get(&key)) {
        return Ok(template);
    }
    let normal = lexer::normalise(text);
    let start = match place {
        Place::File => 0,
        Place::Template | Place::Value => header(&normal, &mut syntax).map_err(Error::of_syntax)?,
    };
    let parsed = parser::parse(&normal, start, syntax).map_err(Error::of_syntax)?;
    let template = Rc::new(parsed);
    COMPILED.with_borrow_mut(|known| known.keep(key, text.len(), template.clone()));
    Ok(template)
}

/// Reads a first line `#jinja2: name: value, …`; gives the place where the template begins.
fn header(text: &str, syntax: &mut Syntax) -> Result<usize> {
    let Some(rest) = text.strip_prefix(HEADER) else {
        return Ok(0);
    };
    let Some(end) = rest.find('\n') else {
        return fail("a line `#jinja2:` needs a line end").map_err(|error: Error| error.at(0));
    };
    for pair in rest[..end].split(',') {
        let wrong = |message: String| Error::failed(message).at(0).spanning(HEADER.len() + end);
        let Some((name, value)) = pair.split_once(':') else {
            return Err(wrong(format!(
                "`{}` in the line `#jinja2:` is no `name: value`",
                pair.trim()
            )));
        };
        let (name, value) = (name.trim(), value.trim());
        let text = || {
            let quoted = |quote: char| {
                value
                    .strip_prefix(quote)
                    .and_then(|value| value.strip_suffix(quote))
            };
            quoted('\'')
                .or_else(|| quoted('"'))
                .filter(|text| !text.is_empty() && !text.contains(['\\', '\'', '"']))
                .map(str::to_owned)
                .ok_or_else(|| {
                    wrong(format!(
                        "`{name}` in the line `#jinja2:` must be a text in quotes"
                    ))
                })
        };
        let flag = || match value {
            "True" => Ok(true),
            "False" => Ok(false),
            _ => Err(wrong(format!(
                "`{name}` in the line `#jinja2:` must be True or False"
            ))),
        };
        match name {
            "trim_blocks" => syntax.trim_blocks = flag()?,
            "lstrip_blocks" => syntax.lstrip_blocks = flag()?,
            "keep_trailing_newline" => syntax.keep_trailing_newline = flag()?,
            "block_start_string" => syntax.block.0 = text()?,
            "block_end_string" => syntax.block.1 = text()?,
            "variable_start_string" => syntax.variable.0 = text()?,
            "variable_end_string" => syntax.variable.1 = text()?,
            "comment_start_string" => syntax.comment.0 = text()?,
            "comment_end_string" => syntax.comment.1 = text()?,
            "newline_sequence" | "line_statement_prefix" | "line_comment_prefix" => {
                return Err(Error::unsupported(
                    format!("`{name}` in the line `#jinja2:` is not supported"),
                    "Write the template with Jinja's usual settings.",
                )
                .at(0));
            }
            _ => {
                return Err(wrong(format!(
                    "there is no setting `{name}` for the line `#jinja2:`"
                )));
            }
        }
    }
    Ok(HEADER.len() + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, place: Place) -> Rc<Template> {
        compiled(text, place).unwrap()
    }

    #[test]
    fn a_template_is_read_once_and_as_a_value_once_more() {
        let first = read("{{ '\\n' }}", Place::Template);
        assert!(Rc::ptr_eq(&first, &read("{{ '\\n' }}", Place::Template)));
        assert!(!Rc::ptr_eq(&first, &read("{{ '\\n' }}", Place::Value)));
    }

    #[test]
    fn templates_that_nobody_asks_for_again_are_forgotten() {
        let (asked, other) = ("{{ asked }}", "{{ other }}");
        let asked_first = read(asked, Place::Template);
        let other_first = Rc::downgrade(&read(other, Place::Template));
        for number in 0..3 {
            let filling = format!("{{{{ x{number} }}}}{}", " ".repeat(KEPT / 2));
            read(&filling, Place::Template);
            assert!(Rc::ptr_eq(&asked_first, &read(asked, Place::Template)));
        }
        for number in 3..6 {
            let filling = format!("{{{{ x{number} }}}}{}", " ".repeat(KEPT / 2));
            read(&filling, Place::Template);
        }
        assert!(other_first.upgrade().is_none());
    }
}
