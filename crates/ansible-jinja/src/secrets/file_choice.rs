//! Whether a secret has a say in which files a template uses, told from what is written, before anything is rendered.
//!
//! Errs on the side of yes: a name that depends on a secret anywhere counts as such everywhere. Whether a secret is there
//! at all may decide (`if smtp_password`), what it holds may not.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use yaml_dialects::Data;

use crate::files::Files;
use crate::syntax::ast::{Expr, For, Macro, Node, Stmt, Target, Template};
use crate::syntax::compiled;
use crate::syntax::compiled::Place;
use crate::syntax::names;
use crate::syntax::names::{arguments, parts};
use crate::value::{Value, limits, settings};
use crate::variables::Resolved;

use crate::error;

/// Filters and tests that only ask whether something is there.
const OF_PRESENCE: [&str; 10] = [
    "default",
    "d",
    "bool",
    "length",
    "count",
    "defined",
    "undefined",
    "none",
    "truthy",
    "falsy",
];
/// Words of the statements that use files.
const USES: [&str; 3] = ["include", "import", "extends"];

/// What is made of what is made of a secret, and so on: templates in which that takes more rounds are written to mislead.
const ROUNDS: usize = 50;

/// Where a template uses a file of which a secret decides the name, or whether it is used: the line of the template, if
/// it is the template itself that does.
pub fn decides_file(text: &str, files: &Files, variables: &Resolved) -> Option<Option<u32>> {
    settings::within(&variables.settings, || decided(text, files, variables))
}

fn decided(text: &str, files: &Files, variables: &Resolved) -> Option<Option<u32>> {
    let mut values = Vec::new();
    for name in variables.names() {
        if let Some(given) = variables.given(name).filter(|given| !given.literal) {
            texts(&given.value, &mut |text| values.push((name, text)));
        }
    }
    let uses = |text: &str| USES.iter().any(|word| text.contains(word));
    let mut all = values.iter().map(|(_, text)| *text);
    if !uses(text) && !files.texts().any(|(_, text)| uses(text)) && !all.any(uses) {
        return None;
    }
    let mut secrecy = Secrecy::default();
    for name in variables.names() {
        if variables.is_secret(name) {
            secrecy.secret.insert(Rc::from(name));
        }
        if let Some(member) = variables.given(name).and_then(|given| given.secret_member) {
            secrecy.members.insert(Rc::from(name), member);
        }
    }
    // What cannot be read is a problem of its own, where it is used.
    let template = compiled::compiled(text, Place::Template).ok()?;
    let others = files.texts();
    let others: Vec<Rc<Template>> = others
        .filter_map(|(_, text)| compiled::compiled_file(text, &template.syntax).ok())
        .collect();
    let values: Vec<(&str, Rc<Template>)> = values
        .into_iter()
        .filter_map(|(name, text)| Some((name, compiled::compiled(text, Place::Value).ok()?)))
        .collect();
    for _ in 0..ROUNDS {
        let known = secrecy.secret.len();
        secrecy.decided.clear();
        secrecy.printed = false;
        secrecy.body(&template.body.statements, false);
        let of_template = secrecy.decided.first().copied();
        for other in &others {
            secrecy.body(&other.body.statements, false);
        }
        for (name, value) in &values {
            secrecy.printed = false;
            secrecy.body(&value.body.statements, false);
            if secrecy.printed {
                secrecy.secret.insert(Rc::from(*name));
            }
        }
        if secrecy.secret.len() == known {
            let line = of_template.map(|at| error::place(text, at).0);
            return (!secrecy.decided.is_empty()).then_some(line);
        }
    }
    Some(None)
}

fn texts<'a>(value: &'a Data, heard: &mut dyn FnMut(&'a str)) {
    match value {
        Data::Text(text) if compiled::is_template(text) => heard(text),
        Data::List(items) => items.iter().for_each(|item| texts(item, heard)),
        Data::Map(pairs) => pairs.iter().for_each(|(_, item)| texts(item, heard)),
        _ => {}
    }
}

#[derive(Default)]
struct Secrecy {
    /// Names that depend on a secret.
    secret: HashSet<Rc<str>>,
    /// Variables of which one member is secret.
    members: HashMap<Rc<str>, &'static str>,
    /// The parameters of all macros by their names.
    parameters: HashMap<Rc<str>, Vec<Rc<str>>>,
    /// Where files are used that a secret decides.
    decided: Vec<usize>,
    /// Whether something that depends on a secret was printed.
    printed: bool,
}

impl Secrecy {
    fn body(&mut self, body: &[Stmt], decided: bool) {
        for statement in body {
            limits::with_stack(|| self.statement(statement, decided));
        }
    }

    /// `decided`: a secret decides whether this is done at all.
    fn statement(&mut self, statement: &Stmt, decided: bool) {
        match statement {
            Stmt::Text(_) => self.printed |= decided,
            Stmt::Output(value) => self.printed |= self.depends(value) || decided,
            Stmt::If(branches, otherwise) => {
                let mut decided = decided;
                for (condition, body) in branches {
                    decided |= self.depends(condition) && !is_of_presence(condition);
                    self.body(body, decided);
                }
                self.body(otherwise, decided);
            }
            Stmt::For(each) => self.each(each, decided),
            Stmt::Set(target, value) => self.set(target, value, decided),
            Stmt::SetBlock(target, filter, body) => {
                let of_filter = filter.as_ref().is_some_and(|filter| self.depends(filter));
                if self.prints(body.statements.as_slice(), decided) || of_filter || decided {
                    self.target(target);
                }
            }
            Stmt::With(values, body) => {
                for (target, value) in values {
                    self.set(target, value, decided);
                }
                self.body(&body.statements, decided);
            }
            Stmt::FilterBlock(filter, body) => {
                self.printed |= self.depends(filter);
                self.body(&body.statements, decided);
            }
            Stmt::Macro(definition) => self.definition(definition, decided),
            Stmt::CallBlock(definition, call) => {
                self.printed |= self.depends(call);
                self.definition(definition, decided);
            }
            Stmt::Block { block, .. } => self.body(&block.body.statements, decided),
            Stmt::Scope(body) => self.body(&body.statements, decided),
            Stmt::Include { file, .. } | Stmt::Extends { file } => self.file(file, decided),
            Stmt::Import { file, name, .. } => {
                self.file(file, decided);
                if self.depends(file) {
                    self.secret.insert(name.clone());
                }
            }
            Stmt::FromImport { file, names, .. } => {
                self.file(file, decided);
                for (of_file, here) in names {
                    if self.secret.contains(of_file) || self.depends(file) {
                        self.secret.insert(here.clone());
                    }
                    if let Some(parameters) = self.parameters.get(of_file).cloned() {
                        self.parameters.insert(here.clone(), parameters);
                    }
                }
            }
        }
    }

    fn file(&mut self, file: &Expr, decided: bool) {
        if decided || self.depends(file) {
            self.decided.push(file.at);
        }
    }

    fn each(&mut self, each: &For, decided: bool) {
        let over_secret = self.depends(&each.iterable);
        if over_secret {
            self.target(&each.target);
        }
        let chosen = each
            .filter
            .as_ref()
            .is_some_and(|filter| self.depends(filter));
        let decided = decided || chosen || over_secret && !is_of_presence(&each.iterable);
        self.body(&each.body.statements, decided);
        self.body(&each.otherwise.statements, decided);
    }

    fn set(&mut self, target: &Target, value: &Expr, decided: bool) {
        if self.depends(value) || decided {
            self.target(target);
        }
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Name(name) | Target::Attribute(name, ..) => {
                self.secret.insert(name.clone());
            }
            Target::Tuple(targets) => targets.iter().for_each(|target| self.target(target)),
        }
    }

    /// A macro whose body prints what depends on a secret is such a name itself.
    fn definition(&mut self, definition: &Macro, decided: bool) {
        let parameters = definition.parameters.iter();
        let mut parameters: Vec<Rc<str>> = parameters.map(|(name, _)| name.clone()).collect();
        parameters.extend(["varargs", "kwargs"].map(Rc::from));
        for (name, default) in &definition.parameters {
            if default
                .as_ref()
                .is_some_and(|default| self.depends(default))
            {
                self.secret.insert(name.clone());
            }
        }
        self.parameters.insert(definition.name.clone(), parameters);
        if self.prints(&definition.body.statements, decided) {
            self.secret.insert(definition.name.clone());
        }
    }

    /// Whether statements print something that depends on a secret.
    fn prints(&mut self, body: &[Stmt], decided: bool) -> bool {
        let before = std::mem::take(&mut self.printed);
        self.body(body, decided);
        std::mem::replace(&mut self.printed, before)
    }

    /// Whether what asks for a variable by its name may get a secret: any of them where the name is computed, or where what
    /// is asked is passed on.
    fn depends_by_name(&mut self, expr: &Expr) -> Option<bool> {
        let any = !self.secret.is_empty() || !self.members.is_empty();
        let args = match &expr.node {
            Node::Name(name) => {
                let asks = matches!(&**name, "vars" | "hostvars" | "lookup" | "query" | "q");
                return asks.then_some(any || self.secret.contains(name));
            }
            Node::Item(of, _) | Node::Attribute(of, _) if names::is_all(of) => None,
            Node::Call(callee, args) => match names::looks_up(expr) {
                Some("vars" | "") => Some(args),
                // All others give what they are given.
                Some(_) => {
                    let given = arguments(args);
                    return Some(given.into_iter().any(|value| self.depends(value)));
                }
                None => match &callee.node {
                    Node::Attribute(of, _) if names::is_all(of) => Some(args),
                    _ => return None,
                },
            },
            _ => return None,
        };
        let asked = names::asked_for(expr);
        let is_told = match args {
            Some(args) => {
                let of_lookup = usize::from(names::looks_up(expr).is_some());
                args.rest.is_none()
                    && args.named.is_empty()
                    && asked.len() + of_lookup == args.positional.len()
            }
            None => !asked.is_empty(),
        };
        let is_secret =
            |name: &Rc<str>| self.secret.contains(name) || self.members.contains_key(name);
        Some(match is_told {
            true => asked.iter().any(|(name, _)| is_secret(name)),
            false => any,
        })
    }

    /// Whether an expression depends on a secret. Parameters of macros do that are called with such.
    fn depends(&mut self, expr: &Expr) -> bool {
        if let Some(found) = self.depends_by_name(expr) {
            return found;
        }
        let of_member = |value: &Expr, name: &str| match &value.node {
            Node::Name(variable) => self.members.get(variable).map(|member| *member == name),
            _ => None,
        };
        let found = match &expr.node {
            Node::Name(name) => {
                return self.secret.contains(name) || self.members.contains_key(name);
            }
            Node::Attribute(value, name) => of_member(value, name),
            Node::Item(value, key) => match &key.node {
                Node::Const(Value::Text(key)) => of_member(value, key),
                _ => None,
            },
            _ => None,
        };
        if let Some(found) = found {
            return found;
        }
        let mut found = match &expr.node {
            Node::Attribute(_, name) => self.secret.contains(name),
            _ => false,
        };
        for part in parts(expr) {
            found |= self.depends(part);
        }
        if let Node::Call(callee, args) = &expr.node
            && arguments(args).into_iter().any(|value| self.depends(value))
        {
            let name = match &callee.node {
                Node::Name(name) | Node::Attribute(_, name) => Some(name),
                _ => None,
            };
            let parameters = name.and_then(|name| self.parameters.get(name));
            self.secret.extend(
                parameters
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect::<Vec<_>>(),
            );
        }
        found
    }
}

/// Whether a condition asks no more than whether something is there.
fn is_of_presence(condition: &Expr) -> bool {
    let is_plain = match &condition.node {
        Node::Const(_) | Node::Name(_) | Node::Attribute(..) => true,
        Node::Item(_, key) => matches!(key.node, Node::Const(Value::Text(_))),
        Node::Unary(sign, _) => *sign == "not",
        Node::Binary(sign, ..) => matches!(*sign, "and" | "or"),
        Node::Filter(_, name, _) | Node::Test(_, name, _) => OF_PRESENCE.contains(&&**name),
        _ => false,
    };
    is_plain && parts(condition).into_iter().all(is_of_presence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variables::{Variable, Variables};

    fn decides(text: &str, files: &[(&str, &str)]) -> Option<Option<u32>> {
        let mut variables = Variables::new();
        variables.set_secret("password", "hunter2", "secret", true);
        variables.set("derived", "{{ password | upper }}", "config map");
        variables.set("twice", "{{ derived }}!", "config map");
        variables.set("name", "shop", "config map");
        variables.set("of_files", "{% include 'x-' ~ chosen %}", "config map");
        let production = Variable {
            value: serde_json::json!({"name": "shop", "secrets": {"p": "hunter2"}}).into(),
            origin: "the program".to_owned(),
            literal: true,
            secret: false,
            secret_member: Some("secrets"),
            written: None,
        };
        variables.insert("production", production);
        let mut known = Files::default();
        for (name, text) in files {
            known.insert(name, Some((*text).to_owned()));
        }
        decides_file(text, &known, &variables.resolve())
    }

    #[test]
    fn a_secret_that_decides_which_file_is_used_is_seen_before_anything_is_rendered() {
        for text in [
            "{% include 'x-' ~ password ignore missing %}",
            "{% include (password | regex_replace('[a-z0-9]', '')) %}",
            "{% include ['a', twice] %}",
            "{% import derived as x %}",
            "{% from production.secrets.p import x %}",
            "{% extends production['secrets'].p %}",
            "{% include 'a' if '!' in password else 'b' %}",
            "{% if '!' in password %}{% include 'a' %}{% endif %}",
            "{% if name == password[0] %}x{% else %}{% include 'a' %}{% endif %}",
            "{% for c in password %}{% include 'x' ~ c %}{% endfor %}",
            "{% for c in 'abc' if c in password %}{% include c %}{% endfor %}",
            "{% set x = [password] %}{% set y = x[0] %}{% include y %}",
            "{% set x %}{{ password }}{% endset %}{% include x %}",
            "{% set ns = namespace(a='') %}{% set ns.a = password %}{% include ns.a %}",
            "{% macro m(p) %}{% include p %}{% endmacro %}{{ m(password) }}",
            "{% macro m() %}{{ password }}{% endmacro %}{% include m() %}",
            "{% with x = password %}{% include x %}{% endwith %}",
            "{% include vars.password %}",
            "{% include vars['derived'] %}",
            "{% include vars['pass' ~ 'word'] %}",
            "{% include vars.get('password') %}",
            "{% include vars.get('nosuch', 'a') %}",
            "{% set v = vars %}{% include v.name %}",
            "{% include 'password' | extract(vars) %}",
            "{% include lookup('vars', 'password') %}",
            "{% include q('ansible.builtin.vars', 'name', 'derived') %}",
            "{% include lookup('vars', *q('varnames', 'p')) %}",
            "{% include lookup('va' ~ 'rs', 'name') %}",
            "{% set l = lookup %}{% include l('vars', 'name') %}",
            "{% include lookup('items', [password]) %}",
            "{% include hostvars[inventory_hostname].password %}",
            "{% include hostvars.get(inventory_hostname)['twice'] %}",
            "{% set y = 'a' %}{% if password is match('h') %}{% set y = 'b' %}{% endif %}{% include y %}",
        ] {
            assert_eq!(
                decides(&format!("a: 1\n{text}\n"), &[]),
                Some(Some(2)),
                "{text}"
            );
        }
        let file = [("f", "{% include password %}")];
        assert_eq!(decides("{% include 'f' %}", &file), Some(None));
        let file = [("f", "{% macro m(p) %}{% include p %}{% endmacro %}")];
        assert_eq!(
            decides("{% import 'f' as f %}{{ f.m(password) }}", &file),
            Some(None)
        );
        assert_eq!(
            decides("{% set chosen = password %}{{ of_files }}", &[]),
            Some(None)
        );
    }

    #[test]
    fn other_files_are_used_as_ever() {
        for text in [
            "{% include 'a' %}{{ password }}",
            "{% include name ~ '.j2' %}",
            "{% include vars['name'] ~ lookup('vars', 'name') %}{{ vars.password }}",
            "{% include vars.get('name') %}{% include hostvars[inventory_hostname].name %}",
            "{% for n in q('sequence', '3') %}{% include 'a' ~ n %}{% endfor %}",
            "{% if vars.password is defined %}{% include 'a' %}{% endif %}",
            "{% include production.name %}",
            "{% if password %}{% include 'a' %}{% endif %}",
            "{% if password is defined and not derived | default('') %}{% include name %}{% endif %}",
            "{% if production.secrets.p is defined %}{% include 'a' %}{% endif %}",
            "{% for n in [1, 2] %}{% include 'a' ~ n %}{% endfor %}{{ password | upper }}",
            "{% macro m(p) %}{{ p }}{% endmacro %}{{ m(password) }}{% include 'a' %}",
            "{{ password }}",
        ] {
            assert_eq!(decides(text, &[("a", "{{ password }}")]), None, "{text}");
        }
    }
}
