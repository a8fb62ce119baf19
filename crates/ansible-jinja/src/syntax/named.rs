//! The files that a template uses by a name that stands in it: known before anything is rendered.

use std::collections::{BTreeSet, VecDeque};

use crate::files;
use crate::files::Files;
use crate::syntax::ast::{Expr, Node, Stmt};
use crate::syntax::compiled;
use crate::syntax::compiled::Place;

/// The first file that nobody looked for yet, of those that a template names as text and that those name in turn. Whether a name is ever used does not matter; names that are computed are not known here.
///
/// What is wrong with a template is for the rendering to say.
pub fn next_named(text: &str, files: &Files) -> Option<String> {
    if !compiled::is_template(text) {
        return None;
    }
    let Ok(template) = compiled::compiled(text, Place::Template) else {
        return None;
    };
    let mut seen = BTreeSet::new();
    let mut open = VecDeque::new();
    named(&template.body.statements, &mut open);
    while let Some(name) = open.pop_front() {
        let Some(name) = files::normal(&name) else {
            continue;
        };
        if seen.contains(&name) {
            continue;
        }
        match files.get(&name) {
            None => return Some(name),
            Some(None) => {}
            Some(Some(text)) => {
                if let Ok(file) = compiled::compiled_file(text, &template.syntax) {
                    named(&file.body.statements, &mut open);
                }
            }
        }
        seen.insert(name);
    }
    None
}

fn named(body: &[Stmt], into: &mut VecDeque<String>) {
    for statement in body {
        match statement {
            Stmt::Include { file, .. }
            | Stmt::Import { file, .. }
            | Stmt::FromImport { file, .. }
            | Stmt::Extends { file } => names(file, into),
            Stmt::If(branches, otherwise) => {
                branches.iter().for_each(|(_, body)| named(body, into));
                named(otherwise, into);
            }
            Stmt::For(each) => {
                named(&each.body.statements, into);
                named(&each.otherwise.statements, into);
            }
            Stmt::SetBlock(_, _, body)
            | Stmt::With(_, body)
            | Stmt::FilterBlock(_, body)
            | Stmt::Scope(body) => named(&body.statements, into),
            Stmt::Macro(definition) | Stmt::CallBlock(definition, _) => {
                named(&definition.body.statements, into);
            }
            Stmt::Block { block, .. } => named(&block.body.statements, into),
            Stmt::Text(_) | Stmt::Output(_) | Stmt::Set(..) => {}
        }
    }
}

/// The names that an expression may give, as far as they stand in it.
fn names(expr: &Expr, into: &mut VecDeque<String>) {
    match &expr.node {
        Node::Const(value) => into.extend(value.as_str().map(str::to_owned)),
        Node::List(items) | Node::Tuple(items) => {
            items.iter().for_each(|item| names(item, into));
        }
        Node::If(_, value, otherwise) => {
            names(value, into);
            otherwise.iter().for_each(|value| names(value, into));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All files asked for, where each has this text.
    fn asked(text: &str, files: &[(&str, &str)]) -> Vec<String> {
        let mut known = Files::default();
        let mut asked = Vec::new();
        while let Some(name) = next_named(text, &known) {
            let file = files.iter().find(|(known, _)| *known == name);
            known.insert(&name, file.map(|(_, text)| (*text).to_owned()));
            asked.push(name);
        }
        asked
    }

    #[test]
    fn every_file_that_is_named_is_asked_for_wherever_the_name_stands() {
        let text = "{% extends 'base' %}{% import './m' as m %}{% from 'f' import x %}\
             {% if false %}{% include 'a' %}{% elif x %}{% include ['b', 'c'] %}{% else %}{% include 'd' if x else 'e' %}{% endif %}\
             {% for i in x %}{% include 'g' %}{% else %}{% include 'h' ignore missing %}{% endfor %}\
             {% block k %}{% include 'i' %}{% endblock %}{% macro n() %}{% include 'j' %}{% endmacro %}\
             {% set s %}{% include 'l' %}{% endset %}{% with %}{% include 'o' %}{% endwith %}\
             {% filter upper %}{% include 'p' %}{% endfilter %}{% call n() %}{% include 'q' %}{% endcall %}\
             {% include '../outside' %}{% include 'r' ~ x %}{% include y %}{% include 'a' %}";
        let mut names = asked(text, &[]);
        names.sort();
        let expected = "a b base c d e f g h i j l m o p q".split(' ');
        assert_eq!(names, expected.collect::<Vec<_>>());
    }

    #[test]
    fn files_name_files_in_turn_without_end() {
        let files = [
            ("a", "{% include 'b' %}"),
            ("b", "{% include 'a' %}{% include 'c' %}"),
            ("c", "{% include"),
        ];
        assert_eq!(asked("{% include 'a' %}", &files), ["a", "b", "c"]);
        assert_eq!(asked("plain", &files), [""; 0]);
        assert_eq!(asked("{% include 'a' ", &files), [""; 0]);
    }
}
