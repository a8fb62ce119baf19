//! From tokens to a tree, by Jinja2's grammar.

use std::rc::Rc;

use crate::python::chars;
use crate::suggest;
use crate::syntax::ast::{Args, Block, Body, Expr, For, Macro, Node, Stmt, Target, Template};
use crate::syntax::lexer::{Kind, Syntax, Token};
use crate::syntax::{frames, lexer, names};
use crate::value::error::{Error, Result};
use crate::value::{Value, limits};
use crate::{filters, predicates};

/// Nesting of brackets, operators and statements that a template may have.
const MAX_DEPTH: usize = 120;
/// Expressions within one another: in `a + b + c` or `a | b | c` each is within the next. Python gives up earlier.
const MAX_CHAIN: usize = 400;

/// Statements of Jinja2 that Ansible does not switch on, and those that need other files.
const STATEMENTS: [&str; 15] = [
    "for",
    "if",
    "block",
    "extends",
    "print",
    "macro",
    "include",
    "from",
    "import",
    "set",
    "with",
    "autoescape",
    "call",
    "filter",
    "raw",
];

/// Filters that give something else within `autoescape`.
const ESCAPING: [&str; 5] = ["join", "replace", "tojson", "urlize", "xmlattr"];

/// Reads a template, whose line ends are normalised, from a position of its text on.
pub fn parse(source: &str, start: usize, syntax: Syntax) -> Result<Template> {
    let tokens = lexer::tokens(source, start, &syntax)?;
    let mut parser = Parser {
        source,
        tokens,
        position: 0,
        depth: 0,
        too_long: None,
        blocks: Vec::new(),
        open: Vec::new(),
        extends: false,
        autoescape: false,
    };
    let mut body = parser.plain_body(&[])?;
    if let Some(at) = parser.too_long {
        return Err(Error::unsupported(
            format!("this expression has more than {MAX_CHAIN} parts within one another"),
            "Write it as several: `{% set part = … %}`.",
        )
        .at(at));
    }
    let uses_self = names::uses(&body.statements, "self");
    let mut names = names::undeclared(&body.statements);
    names.retain(|(name, _)| &**name != "self");
    let extends = parser.extends;
    Ok(Template {
        blocks: frames::analyse(&mut body),
        body,
        names,
        uses_self,
        extends,
        syntax,
    })
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
    /// Where an expression begins that has too many parts.
    too_long: Option<usize>,
    /// The names of the blocks so far: each must be its own.
    blocks: Vec<Rc<str>>,
    /// The statements that wait for their end, with the place where each begins.
    open: Vec<(String, usize)>,
    /// Whether there is an `extends`.
    extends: bool,
    /// Whether this stands in an `autoescape` that is not switched off.
    autoescape: bool,
}

impl Parser<'_> {
    fn token(&self) -> &Token {
        &self.tokens[self.position.min(self.tokens.len() - 1)]
    }

    fn ahead(&self) -> &Kind {
        &self.tokens[(self.position + 1).min(self.tokens.len() - 1)].kind
    }

    fn at(&self) -> usize {
        self.token().at
    }

    fn next(&mut self) -> Token {
        let token = self.token().clone();
        self.position += 1;
        token
    }

    fn is(&self, operator: &str) -> bool {
        matches!(&self.token().kind, Kind::Operator(known) if *known == operator)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(&self.token().kind, Kind::Name(known) if &**known == name)
    }

    fn skip(&mut self, operator: &str) -> bool {
        let found = self.is(operator);
        self.position += usize::from(found);
        found
    }

    fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.position += usize::from(found);
        found
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T> {
        let token = self.token();
        Err(Error::failed(message)
            .at(token.at)
            .spanning(token.end.saturating_sub(token.at)))
    }

    fn shown(&self) -> String {
        match &self.token().kind {
            Kind::End => "the end of the template".to_owned(),
            Kind::Data(_) => "text".to_owned(),
            _ => format!(
                "`{}`",
                self.source[self.token().at..self.token().end].trim_end()
            ),
        }
    }

    fn expect(&mut self, operator: &str) -> Result<()> {
        if self.skip(operator) {
            return Ok(());
        }
        self.error(format!("expected `{operator}`, but found {}", self.shown()))
    }

    fn expect_name(&mut self, name: &str) -> Result<()> {
        if self.skip_name(name) {
            return Ok(());
        }
        self.error(format!("expected `{name}`, but found {}", self.shown()))
    }

    fn name(&mut self, what: &str) -> Result<Rc<str>> {
        match &self.token().kind {
            Kind::Name(name) => {
                let name = name.clone();
                self.position += 1;
                Ok(name)
            }
            _ => self.error(format!("expected {what}, but found {}", self.shown())),
        }
    }

    fn block_end(&mut self) -> Result<()> {
        if self.token().kind == Kind::BlockEnd {
            self.position += 1;
            return Ok(());
        }
        self.error(format!(
            "expected the end of the tag, but found {}",
            self.shown()
        ))
    }

    fn nested<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let at = self.at();
            return Err(Error::unsupported(
                format!("this is nested more than {MAX_DEPTH} levels deep"),
                "Set parts of it as values of their own.",
            )
            .at(at));
        }
        let result = limits::with_stack(|| run(self));
        self.depth -= 1;
        result
    }

    fn expr(&mut self, node: Node, at: usize) -> Expr {
        let end = self.tokens[self.position.saturating_sub(1)].end;
        let depth = 1 + node.depth();
        let mut expr = Expr {
            node,
            at,
            length: end.saturating_sub(at),
            depth,
        };
        // It is read to its end for other errors, and kept no deeper.
        if depth > MAX_CHAIN {
            self.too_long.get_or_insert(at);
            expr.node = Node::Const(Value::None);
            expr.depth = 1;
        }
        expr
    }

    /// Statements up to one of the ends, whose name is the next token then.
    fn statements(&mut self, ends: &[&str]) -> Result<Vec<Stmt>> {
        let mut body = Vec::new();
        loop {
            match self.token().kind.clone() {
                Kind::Data(text) => {
                    self.position += 1;
                    body.push(Stmt::Text(text));
                }
                Kind::VariableBegin => {
                    self.position += 1;
                    let value = self.tuple(true)?;
                    if self.token().kind != Kind::VariableEnd {
                        return self.error(format!(
                            "expected the end of the tag, but found {}",
                            self.shown()
                        ));
                    }
                    self.position += 1;
                    body.push(Stmt::Output(value));
                }
                Kind::BlockBegin => {
                    self.position += 1;
                    if let Kind::Name(name) = &self.token().kind
                        && ends.contains(&&**name)
                    {
                        return Ok(body);
                    }
                    let at = self.at();
                    let keyword = match &self.token().kind {
                        Kind::Name(name) => name.clone(),
                        _ => {
                            return self.error(
                                "expected a statement's name behind the opening of the tag",
                            );
                        }
                    };
                    self.open.push((keyword.to_string(), at));
                    let statement = self.nested(|parser| parser.statement(&keyword, at))?;
                    self.open.pop();
                    match statement {
                        Stmt::Scope(parts) if &*keyword == "print" => {
                            body.extend(parts.statements);
                        }
                        statement => body.push(statement),
                    }
                    self.block_end()?;
                }
                _ if ends.is_empty() => return Ok(body),
                _ => {
                    let (name, at) = self.open.last().cloned().unwrap_or_default();
                    return Err(Error::failed(format!(
                        "the `{name}` that begins here has no `{}`",
                        ends.last().copied().unwrap_or_default()
                    ))
                    .at(at)
                    .spanning(name.len()));
                }
            }
        }
    }

    /// Statements that set names of their own.
    fn plain_body(&mut self, ends: &[&str]) -> Result<Body> {
        Ok(Body {
            statements: self.statements(ends)?,
            unset: Vec::new(),
        })
    }

    /// The body of a statement, up to its end, which is taken.
    fn body(&mut self, end: &str) -> Result<Body> {
        self.block_end()?;
        let body = self.plain_body(&[end])?;
        self.position += 1;
        Ok(body)
    }

    fn statement(&mut self, keyword: &str, at: usize) -> Result<Stmt> {
        if STATEMENTS.contains(&keyword) {
            self.position += 1;
        }
        if self.autoescape && matches!(keyword, "macro" | "call" | "include" | "import" | "from") {
            return Err(escapes(keyword).at(at).spanning(keyword.len()));
        }
        match keyword {
            "for" => self.for_statement(at),
            "if" => self.if_statement(),
            "set" => self.set_statement(),
            "with" => self.with_statement(),
            "macro" => {
                let name = self.name("the macro's name")?;
                let parameters = self.parameters()?;
                let body = self.body("endmacro")?;
                check_caller(&parameters, &body, at)?;
                Ok(Stmt::Macro(Rc::new(macro_of(name, parameters, body))))
            }
            "call" => {
                let parameters = if self.is("(") { self.parameters()? } else { Vec::new() };
                let call = self.expression()?;
                if !matches!(call.node, Node::Call(..)) {
                    return Err(Error::failed("`call` needs the call of a macro").at(call.at).spanning(call.length));
                }
                let body = self.body("endcall")?;
                check_caller(&parameters, &body, at)?;
                let caller = macro_of(Rc::from("caller"), parameters, body);
                Ok(Stmt::CallBlock(Rc::new(caller), call))
            }
            "filter" => {
                let filter = self.filters(None, true)?;
                let body = self.body("endfilter")?;
                Ok(Stmt::FilterBlock(filter, body))
            }
            "autoescape" => {
                let value = self.expression()?;
                let around = self.autoescape;
                self.autoescape = !matches!(value.node, Node::Const(Value::Bool(false)));
                let body = self.body("endautoescape")?;
                self.autoescape = around;
                Ok(Stmt::Scope(body))
            }
            "print" => {
                let mut parts = Vec::new();
                while self.token().kind != Kind::BlockEnd {
                    if !parts.is_empty() {
                        self.expect(",")?;
                    }
                    parts.push(Stmt::Output(self.expression()?));
                }
                Ok(Stmt::Scope(Body {
                    statements: parts,
                    unset: Vec::new(),
                }))
            }
            "block" => self.block_statement(at),
            "include" => self.include_statement(),
            "import" => self.import_statement(),
            "from" => self.import_names(),
            "extends" => self.extends_statement(at),
            "do" | "break" | "continue" | "debug" | "trans" | "pluralize" => Err(Error::failed(format!(
                "the statement `{keyword}` belongs to an extension of Jinja2 that Ansible does not switch on"
            ))
            .hint(if keyword == "do" {
                "Write `{% set _ = … %}` instead."
            } else {
                "Write the template without it."
            })
            .at(at)
            .spanning(keyword.len())),
            _ => {
                let waiting = self.open.iter().rev().nth(1).map(|(name, _)| name.clone());
                let message = match (keyword.strip_prefix("end"), waiting) {
                    (Some(_), Some(open)) => {
                        format!("`{keyword}` does not end the `{open}` that is open here; `end{open}` does")
                    }
                    (Some(opened), None) => format!("`{keyword}` has no `{opened}` before it"),
                    (None, _) if matches!(keyword, "else" | "elif") => {
                        format!("`{keyword}` stands outside of `if` and `for`")
                    }
                    (None, _) => format!("there is no statement `{keyword}`"),
                };
                let error = Error::failed(message).at(at).spanning(keyword.len());
                Err(match suggest::nearest(keyword, STATEMENTS.iter().copied()) {
                    Some(near) if near != keyword => error.hint(format!("Did you mean `{near}`?")),
                    _ => error,
                })
            }
        }
    }

    fn for_statement(&mut self, at: usize) -> Result<Stmt> {
        let target = self.target(&["in"])?;
        self.expect_name("in")?;
        let iterable = self.tuple_until(&["recursive", "if"], false)?;
        let filter = if self.skip_name("if") {
            Some(self.expression()?)
        } else {
            None
        };
        let recursive = self.skip_name("recursive");
        self.block_end()?;
        let body = self.plain_body(&["endfor", "else"])?;
        let otherwise = if self.next().kind == Kind::Name(Rc::from("else")) {
            self.body("endfor")?
        } else {
            Body::default()
        };
        if names::sets(&target, "loop")
            || assigns_loop(&body.statements)
            || assigns_loop(&otherwise.statements)
        {
            return Err(Error::failed(
                "`loop` cannot be set in a `for`: it is what tells of the loop",
            )
            .hint("Take another name.")
            .at(at)
            .spanning("for".len()));
        }
        let uses_loop = recursive
            || names::uses(&body.statements, "loop")
            || has_scoped_block(&body.statements);
        Ok(Stmt::For(Rc::new(For {
            target,
            iterable,
            filter,
            body,
            otherwise,
            recursive,
            uses_loop,
        })))
    }

    fn if_statement(&mut self) -> Result<Stmt> {
        let mut branches = Vec::new();
        loop {
            let condition = self.tuple(false)?;
            self.block_end()?;
            let body = self.statements(&["elif", "else", "endif"])?;
            branches.push((condition, body));
            let Kind::Name(end) = self.next().kind else {
                return self.error("expected `endif`");
            };
            match &*end {
                "elif" => {}
                "else" => return Ok(Stmt::If(branches, self.body("endif")?.statements)),
                _ => return Ok(Stmt::If(branches, Vec::new())),
            }
        }
    }

    fn set_statement(&mut self) -> Result<Stmt> {
        let target = self.target(&[])?;
        if self.skip("=") {
            return Ok(Stmt::Set(target, self.tuple(true)?));
        }
        let filter = if self.is("|") {
            Some(self.filters(None, false)?)
        } else {
            None
        };
        if self.autoescape {
            return self.error(
                "a block in `set` within `autoescape` escapes, which is not supported here",
            );
        }
        let body = self.body("endset")?;
        Ok(Stmt::SetBlock(target, filter, body))
    }

    fn with_statement(&mut self) -> Result<Stmt> {
        let mut values = Vec::new();
        while self.token().kind != Kind::BlockEnd {
            if !values.is_empty() {
                self.expect(",")?;
            }
            let target = self.single_target()?;
            self.expect("=")?;
            values.push((target, self.expression()?));
        }
        Ok(Stmt::With(values, self.body("endwith")?))
    }

    fn block_statement(&mut self, at: usize) -> Result<Stmt> {
        let name = self.name("the block's name")?;
        if self.blocks.contains(&name) {
            return Err(Error::failed(format!("the block `{name}` exists twice")).at(at));
        }
        self.blocks.push(name.clone());
        let (mut scoped, mut required) = (false, false);
        loop {
            if self.skip_name("scoped") {
                scoped = true;
            } else if self.skip_name("required") {
                required = true;
            } else {
                break;
            }
        }
        if self.is("-") {
            return self.error("a block's name holds no hyphens");
        }
        let body = self.body("endblock")?;
        self.skip_name(&name);
        if required
            && !body
                .statements
                .iter()
                .all(|part| matches!(part, Stmt::Text(text) if text.chars().all(chars::is_blank)))
        {
            return Err(Error::failed("a required block holds nothing but blanks").at(at));
        }
        let uses = |name: &str| names::uses(&body.statements, name);
        Ok(Stmt::Block {
            block: Rc::new(Block {
                uses_self: uses("self"),
                uses_super: uses("super"),
                name,
                scoped,
                required,
                body,
                at,
            }),
            outermost: self.is_outermost(),
        })
    }

    /// Whether the statement being read stands in no loop, macro or the like.
    fn is_outermost(&self) -> bool {
        let around = self.open.split_last().map_or(&[][..], |(_, around)| around);
        around.iter().all(|(name, _)| name == "if")
    }

    fn include_statement(&mut self) -> Result<Stmt> {
        let file = self.expression()?;
        let ignore_missing =
            self.is_name("ignore") && *self.ahead() == Kind::Name(Rc::from("missing"));
        if ignore_missing {
            self.position += 2;
        }
        Ok(Stmt::Include {
            file,
            ignore_missing,
            with_context: self.context().unwrap_or(true),
        })
    }

    fn import_statement(&mut self) -> Result<Stmt> {
        let file = self.expression()?;
        self.expect_name("as")?;
        let name = self.assignable("a name for the file")?;
        Ok(Stmt::Import {
            file,
            name,
            with_context: self.context().unwrap_or(false),
        })
    }

    fn import_names(&mut self) -> Result<Stmt> {
        let file = self.expression()?;
        self.expect_name("import")?;
        let mut names = Vec::new();
        let with_context = loop {
            if !names.is_empty() {
                self.expect(",")?;
            }
            if matches!(self.token().kind, Kind::Name(_)) {
                let with_context = self.context();
                if with_context.is_some() {
                    break with_context;
                }
            }
            let at = self.at();
            let name = self.assignable("a name of the file")?;
            if name.starts_with('_') {
                return Err(Error::failed(format!(
                    "`{name}` cannot be imported: names with `_` at their beginning belong to their file"
                ))
                .at(at)
                .spanning(name.len()));
            }
            let known = if self.skip_name("as") {
                self.assignable("a name")?
            } else {
                name.clone()
            };
            names.push((name, known));
            let with_context = self.context();
            if with_context.is_some() || !self.is(",") {
                break with_context;
            }
        };
        Ok(Stmt::FromImport {
            file,
            names,
            with_context: with_context.unwrap_or(false),
        })
    }

    fn extends_statement(&mut self, at: usize) -> Result<Stmt> {
        if !self.is_outermost() {
            return Err(
                Error::failed("`extends` stands within a loop, a macro or a block")
                    .at(at)
                    .spanning("extends".len()),
            );
        }
        self.extends = true;
        Ok(Stmt::Extends {
            file: self.expression()?,
        })
    }

    /// `with context` or `without context`, if it stands here.
    fn context(&mut self) -> Option<bool> {
        let with = self.is_name("with");
        let found =
            (with || self.is_name("without")) && *self.ahead() == Kind::Name(Rc::from("context"));
        found.then(|| {
            self.position += 2;
            with
        })
    }

    fn parameters(&mut self) -> Result<Vec<(Rc<str>, Option<Expr>)>> {
        self.expect("(")?;
        let mut parameters: Vec<(Rc<str>, Option<Expr>)> = Vec::new();
        while !self.is(")") {
            if !parameters.is_empty() {
                self.expect(",")?;
            }
            let name = self.assignable("the parameter's name")?;
            let default = if self.skip("=") {
                Some(self.expression()?)
            } else if parameters
                .last()
                .is_some_and(|(_, default)| default.is_some())
            {
                return self.error("a parameter without a default follows one with a default");
            } else {
                None
            };
            parameters.push((name, default));
        }
        self.expect(")")?;
        Ok(parameters)
    }

    fn assignable(&mut self, what: &str) -> Result<Rc<str>> {
        let at = self.at();
        let name = self.name(what)?;
        if ["true", "false", "none", "True", "False", "None"].contains(&&*name) {
            return Err(Error::failed(format!("`{name}` cannot be assigned to"))
                .at(at)
                .spanning(name.len()));
        }
        Ok(name)
    }

    /// What is assigned to: a name, or several in parentheses or with commas.
    fn target(&mut self, ends: &[&str]) -> Result<Target> {
        let first = self.single_target()?;
        if !self.is(",") {
            return Ok(first);
        }
        let mut targets = vec![first];
        while self.skip(",") {
            let ends_here = ends.iter().any(|end| self.is_name(end))
                || self.is("=")
                || self.token().kind == Kind::BlockEnd;
            if ends_here {
                break;
            }
            targets.push(self.single_target()?);
        }
        Ok(Target::Tuple(targets))
    }

    fn single_target(&mut self) -> Result<Target> {
        let close = if self.skip("(") {
            ")"
        } else if self.skip("[") {
            "]"
        } else {
            let at = self.at();
            if !matches!(self.token().kind, Kind::Name(_)) {
                return self.error(format!("{} cannot be assigned to", self.shown()));
            }
            let name = self.assignable("a name")?;
            if self.is(".") && matches!(self.ahead(), Kind::Name(_)) {
                self.position += 1;
                return Ok(Target::Attribute(
                    name,
                    self.name("the attribute's name")?,
                    at,
                ));
            }
            return Ok(Target::Name(name));
        };
        let mut targets = Vec::new();
        let mut commas = false;
        while !self.is(close) {
            if !targets.is_empty() {
                self.expect(",")?;
                commas = true;
                if self.is(close) {
                    break;
                }
            }
            targets.push(self.nested(Self::single_target)?);
        }
        self.expect(close)?;
        match targets.pop() {
            Some(only) if targets.is_empty() && !commas && close == ")" => Ok(only),
            Some(last) => {
                targets.push(last);
                Ok(Target::Tuple(targets))
            }
            None => self.error("nothing is assigned to"),
        }
    }

    /// One or more expressions with commas between them; several are a tuple.
    fn tuple(&mut self, with_conditions: bool) -> Result<Expr> {
        self.tuple_until(&[], with_conditions)
    }

    fn tuple_until(&mut self, ends: &[&str], with_conditions: bool) -> Result<Expr> {
        let at = self.at();
        let one = |parser: &mut Self| {
            if with_conditions {
                parser.expression()
            } else {
                parser.nested(Self::or)
            }
        };
        if self.ends_tuple(ends) {
            return self.error(format!(
                "expected an expression, but found {}",
                self.shown()
            ));
        }
        let first = one(self)?;
        if !self.is(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.skip(",") {
            if self.ends_tuple(ends) {
                break;
            }
            items.push(one(self)?);
        }
        Ok(self.expr(Node::Tuple(items), at))
    }

    fn ends_tuple(&self, ends: &[&str]) -> bool {
        matches!(
            self.token().kind,
            Kind::VariableEnd | Kind::BlockEnd | Kind::End
        ) || self.is(")")
            || ends.iter().any(|end| self.is_name(end))
    }

    fn expression(&mut self) -> Result<Expr> {
        self.nested(|parser| {
            let at = parser.at();
            let mut value = parser.or()?;
            while parser.skip_name("if") {
                let condition = parser.or()?;
                let otherwise = if parser.skip_name("else") {
                    Some(Box::new(parser.expression()?))
                } else {
                    None
                };
                value = parser.expr(
                    Node::If(Box::new(condition), Box::new(value), otherwise),
                    at,
                );
            }
            Ok(value)
        })
    }

    fn or(&mut self) -> Result<Expr> {
        let at = self.at();
        let mut left = self.and()?;
        while self.skip_name("or") {
            let right = self.and()?;
            left = self.expr(Node::Binary("or", Box::new(left), Box::new(right)), at);
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr> {
        let at = self.at();
        let mut left = self.not()?;
        while self.skip_name("and") {
            let right = self.not()?;
            left = self.expr(Node::Binary("and", Box::new(left), Box::new(right)), at);
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr> {
        let at = self.at();
        if self.skip_name("not") {
            let value = self.nested(Self::not)?;
            return Ok(self.expr(Node::Unary("not", Box::new(value)), at));
        }
        self.compare()
    }

    fn compare(&mut self) -> Result<Expr> {
        let at = self.at();
        let first = self.sum()?;
        let mut others = Vec::new();
        loop {
            let operator = ["==", "!=", "<=", ">=", "<", ">"]
                .into_iter()
                .find(|operator| self.is(operator));
            let operator = match operator {
                Some(operator) => {
                    self.position += 1;
                    operator
                }
                None if self.is_name("in") => {
                    self.position += 1;
                    "in"
                }
                None if self.is_name("not") && *self.ahead() == Kind::Name(Rc::from("in")) => {
                    self.position += 2;
                    "not in"
                }
                None => break,
            };
            others.push((operator, self.sum()?));
        }
        if others.is_empty() {
            return Ok(first);
        }
        Ok(self.expr(Node::Compare(Box::new(first), others), at))
    }

    fn sum(&mut self) -> Result<Expr> {
        self.left(&["+", "-"], Self::concat)
    }

    fn concat(&mut self) -> Result<Expr> {
        let at = self.at();
        let mut parts = vec![self.product()?];
        while self.skip("~") {
            parts.push(self.product()?);
        }
        match parts.pop() {
            Some(only) if parts.is_empty() => Ok(only),
            last => {
                parts.extend(last);
                Ok(self.expr(Node::Concat(parts), at))
            }
        }
    }

    fn product(&mut self) -> Result<Expr> {
        self.left(&["*", "/", "//", "%"], Self::power)
    }

    fn power(&mut self) -> Result<Expr> {
        self.left(&["**"], |parser| parser.unary(true))
    }

    fn left(
        &mut self,
        operators: &[&'static str],
        inner: impl Fn(&mut Self) -> Result<Expr>,
    ) -> Result<Expr> {
        let at = self.at();
        let mut left = inner(self)?;
        while let Some(operator) = operators.iter().find(|operator| self.is(operator)) {
            self.position += 1;
            let right = inner(self)?;
            left = self.expr(Node::Binary(operator, Box::new(left), Box::new(right)), at);
        }
        Ok(left)
    }

    fn unary(&mut self, with_filters: bool) -> Result<Expr> {
        let at = self.at();
        let sign = ["-", "+"].into_iter().find(|sign| self.is(sign));
        let value = match sign {
            Some(sign) => {
                self.position += 1;
                let value = self.nested(|parser| parser.unary(false))?;
                self.expr(Node::Unary(sign, Box::new(value)), at)
            }
            None => self.primary()?,
        };
        let value = self.postfix(value)?;
        if with_filters {
            self.filters(Some(value), false)
        } else {
            Ok(value)
        }
    }

    fn primary(&mut self) -> Result<Expr> {
        let at = self.at();
        match self.token().kind.clone() {
            Kind::Name(name) => {
                self.position += 1;
                let node = match &*name {
                    "true" | "True" => Node::Const(Value::Bool(true)),
                    "false" | "False" => Node::Const(Value::Bool(false)),
                    "none" | "None" => Node::Const(Value::None),
                    _ => Node::Name(name),
                };
                Ok(self.expr(node, at))
            }
            Kind::Text(first) => {
                self.position += 1;
                let mut text = first.to_string();
                while let Kind::Text(more) = self.token().kind.clone() {
                    self.position += 1;
                    text.push_str(&more);
                }
                Ok(self.expr(Node::Const(Value::text(text)), at))
            }
            Kind::Number(number) => {
                self.position += 1;
                Ok(self.expr(Node::Const(number.value()), at))
            }
            Kind::Operator("(") => {
                self.position += 1;
                if self.skip(")") {
                    return Ok(self.expr(Node::Tuple(Vec::new()), at));
                }
                let inner = self.tuple_until(&[], true)?;
                self.expect(")")?;
                Ok(inner)
            }
            Kind::Operator("[") => {
                self.position += 1;
                let mut items = Vec::new();
                while !self.is("]") {
                    if !items.is_empty() {
                        self.expect(",")?;
                        if self.is("]") {
                            break;
                        }
                    }
                    items.push(self.expression()?);
                }
                self.expect("]")?;
                Ok(self.expr(Node::List(items), at))
            }
            Kind::Operator("{") => {
                self.position += 1;
                let mut pairs = Vec::new();
                while !self.is("}") {
                    if !pairs.is_empty() {
                        self.expect(",")?;
                        if self.is("}") {
                            break;
                        }
                    }
                    let key = self.expression()?;
                    self.expect(":")?;
                    pairs.push((key, self.expression()?));
                }
                self.expect("}")?;
                Ok(self.expr(Node::Dict(pairs), at))
            }
            _ => self.error(format!(
                "expected an expression, but found {}",
                self.shown()
            )),
        }
    }

    fn postfix(&mut self, mut value: Expr) -> Result<Expr> {
        loop {
            if self.is(".") || self.is("[") {
                value = self.subscript(value)?;
            } else if self.is("(") {
                value = self.call(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn filters(&mut self, value: Option<Expr>, mut begins: bool) -> Result<Expr> {
        let mut value = value;
        loop {
            let at = value.as_ref().map_or(self.at(), |value| value.at);
            if begins || self.skip("|") {
                begins = false;
                let name_at = self.at();
                let name = self.dotted_name("the filter's name")?;
                if self.autoescape && ESCAPING.contains(&&*name) {
                    return Err(escapes(&name).at(name_at).spanning(name.len()));
                }
                if !filters::exists(&name) {
                    return Err(filters::unknown(&name).at(name_at).spanning(name.len()));
                }
                let args = if self.is("(") {
                    self.arguments()?
                } else {
                    Args::default()
                };
                value = Some(self.expr(Node::Filter(value.map(Box::new), name, args), at));
            } else if let Some(subject) = value.take_if(|_| self.is_name("is")) {
                value = Some(self.test(subject)?);
            } else if let Some(callee) = value.take_if(|_| self.is("(")) {
                value = Some(self.call(callee)?);
            } else {
                return match value {
                    Some(value) => Ok(value),
                    None => self.error("expected a filter"),
                };
            }
        }
    }

    fn dotted_name(&mut self, what: &str) -> Result<Rc<str>> {
        let mut name = self.name(what)?.to_string();
        while self.skip(".") {
            name.push('.');
            name.push_str(&self.name(what)?);
        }
        Ok(Rc::from(name))
    }

    fn test(&mut self, value: Expr) -> Result<Expr> {
        let at = value.at;
        self.position += 1;
        let negated = self.skip_name("not");
        let name_at = self.at();
        let name = self.dotted_name("the test's name")?;
        if !predicates::exists(&name) {
            return Err(predicates::unknown(&name).at(name_at).spanning(name.len()));
        }
        let begins_argument = match &self.token().kind {
            Kind::Name(name) => !["else", "or", "and"].contains(&&**name),
            Kind::Text(_) | Kind::Number(_) => true,
            Kind::Operator(operator) => matches!(*operator, "[" | "{"),
            _ => false,
        };
        let args = if self.is("(") {
            self.arguments()?
        } else if begins_argument {
            if self.is_name("is") {
                return self.error(
                    "two tests with `is` cannot follow one another; put the first in parentheses",
                );
            }
            let argument = self.primary()?;
            Args {
                positional: vec![self.postfix(argument)?],
                ..Args::default()
            }
        } else {
            Args::default()
        };
        let test = self.expr(Node::Test(Box::new(value), name, args), at);
        Ok(if negated {
            self.expr(Node::Unary("not", Box::new(test)), at)
        } else {
            test
        })
    }

    fn call(&mut self, callee: Expr) -> Result<Expr> {
        let at = callee.at;
        let args = self.arguments()?;
        Ok(self.expr(Node::Call(Box::new(callee), args), at))
    }

    fn arguments(&mut self) -> Result<Args> {
        self.expect("(")?;
        let mut args = Args::default();
        let mut first = true;
        while !self.is(")") {
            if !first {
                self.expect(",")?;
                if self.is(")") {
                    break;
                }
            }
            first = false;
            let wrong = "the order of arguments is: by position, by name, `*`, `**`";
            if self.skip("*") {
                if args.rest.is_some() || args.rest_named.is_some() {
                    return self.error(wrong);
                }
                args.rest = Some(Box::new(self.expression()?));
            } else if self.skip("**") {
                if args.rest_named.is_some() {
                    return self.error(wrong);
                }
                args.rest_named = Some(Box::new(self.expression()?));
            } else if let (Kind::Name(name), Kind::Operator("=")) =
                (&self.token().kind, self.ahead())
            {
                let name = name.to_string();
                if args.rest_named.is_some() {
                    return self.error(wrong);
                }
                if args.named.iter().any(|(known, _)| *known == name) {
                    return self.error(format!("the argument `{name}` is given twice"));
                }
                self.position += 2;
                args.named.push((name, self.expression()?));
            } else {
                if args.rest.is_some() || args.rest_named.is_some() || !args.named.is_empty() {
                    return self.error(wrong);
                }
                args.positional.push(self.expression()?);
            }
        }
        self.expect(")")?;
        Ok(args)
    }

    fn subscript(&mut self, value: Expr) -> Result<Expr> {
        let at = value.at;
        if self.skip(".") {
            return match self.next().kind {
                Kind::Name(name) => Ok(self.expr(Node::Attribute(Box::new(value), name), at)),
                Kind::Number(lexer::Constant::Whole(number)) => {
                    let index = self.expr(Node::Const(Value::big(number)), at);
                    Ok(self.expr(Node::Item(Box::new(value), Box::new(index)), at))
                }
                _ => {
                    self.position -= 1;
                    self.error(format!(
                        "expected a name or a number behind `.`, but found {}",
                        self.shown()
                    ))
                }
            };
        }
        self.expect("[")?;
        let mut parts = Vec::new();
        let mut comma = false;
        let inner_at = self.at();
        while !self.is("]") {
            if !parts.is_empty() {
                self.expect(",")?;
                comma = true;
            }
            parts.push(self.subscribed()?);
        }
        self.expect("]")?;
        match (parts.pop(), comma) {
            (Some(Part::Slice(parts)), false) => {
                Ok(self.expr(Node::Slice(Box::new(value), parts), at))
            }
            (Some(Part::Index(index)), false) => {
                Ok(self.expr(Node::Item(Box::new(value), Box::new(index)), at))
            }
            (Some(last), _) => {
                parts.push(last);
                let mut items = Vec::new();
                for part in parts {
                    match part {
                        Part::Index(index) => items.push(index),
                        Part::Slice(_) => {
                            return self.error("a slice among several indices cannot be used");
                        }
                    }
                }
                let index = self.expr(Node::Tuple(items), inner_at);
                Ok(self.expr(Node::Item(Box::new(value), Box::new(index)), at))
            }
            (None, _) => {
                self.position -= 1;
                self.error("expected an index between the brackets")
            }
        }
    }

    fn subscribed(&mut self) -> Result<Part> {
        let mut parts = [None, None, None];
        if !self.is(":") {
            let value = self.expression()?;
            if !self.is(":") {
                return Ok(Part::Index(value));
            }
            parts[0] = Some(Box::new(value));
        }
        self.expect(":")?;
        let ends = |parser: &Self| parser.is("]") || parser.is(",");
        if !ends(self) && !self.is(":") {
            parts[1] = Some(Box::new(self.expression()?));
        }
        if self.skip(":") && !ends(self) {
            parts[2] = Some(Box::new(self.expression()?));
        }
        Ok(Part::Slice(parts))
    }
}

enum Part {
    Index(Expr),
    Slice([Option<Box<Expr>>; 3]),
}

fn macro_of(name: Rc<str>, parameters: Vec<(Rc<str>, Option<Expr>)>, body: Body) -> Macro {
    let uses = |name: &str| names::uses(&body.statements, name);
    Macro {
        uses_varargs: uses("varargs"),
        uses_kwargs: uses("kwargs"),
        uses_caller: uses("caller"),
        name,
        parameters,
        body,
    }
}

/// Why something cannot stand within `autoescape`.
fn escapes(what: &str) -> Error {
    Error::unsupported(
        format!("`{what}` within `autoescape` escapes, which is not supported here"),
        "Write the filter `escape` where it is needed, and leave `autoescape` out.",
    )
}

/// A macro that uses its caller may name it among its parameters only with a default.
fn check_caller(parameters: &[(Rc<str>, Option<Expr>)], body: &Body, at: usize) -> Result<()> {
    let needed =
        |(name, default): &(Rc<str>, Option<Expr>)| &**name == "caller" && default.is_none();
    if parameters.iter().any(needed) && names::uses(&body.statements, "caller") {
        return Err(Error::failed(
            "the parameter `caller` of a macro needs a default, or must be left out",
        )
        .at(at)
        .spanning("macro".len()));
    }
    Ok(())
}

/// Whether a scoped block stands among statements, however deep.
/// Whether statements set `loop` by `set`, wherever within them. A `for` within them has said so already.
fn assigns_loop(body: &[Stmt]) -> bool {
    body.iter().any(|statement| match statement {
        Stmt::Set(target, _) => names::sets(target, "loop"),
        Stmt::SetBlock(target, _, body) => {
            names::sets(target, "loop") || assigns_loop(&body.statements)
        }
        Stmt::Block { block, .. } => assigns_loop(&block.body.statements),
        Stmt::If(branches, otherwise) => {
            branches.iter().any(|(_, body)| assigns_loop(body)) || assigns_loop(otherwise)
        }
        Stmt::With(_, body) | Stmt::FilterBlock(_, body) | Stmt::Scope(body) => {
            assigns_loop(&body.statements)
        }
        Stmt::Macro(definition) | Stmt::CallBlock(definition, _) => {
            assigns_loop(&definition.body.statements)
        }
        _ => false,
    })
}

fn has_scoped_block(body: &[Stmt]) -> bool {
    body.iter().any(|statement| match statement {
        Stmt::Block { block, .. } => block.scoped || has_scoped_block(&block.body.statements),
        Stmt::If(branches, otherwise) => {
            branches.iter().any(|(_, body)| has_scoped_block(body)) || has_scoped_block(otherwise)
        }
        Stmt::For(each) => {
            has_scoped_block(&each.body.statements) || has_scoped_block(&each.otherwise.statements)
        }
        Stmt::With(_, body)
        | Stmt::SetBlock(_, _, body)
        | Stmt::FilterBlock(_, body)
        | Stmt::Scope(body) => has_scoped_block(&body.statements),
        Stmt::Macro(definition) | Stmt::CallBlock(definition, _) => {
            has_scoped_block(&definition.body.statements)
        }
        _ => false,
    })
}
