//! Other files in a template: `include`, `import`, `extends`, and the blocks that are replaced.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::files;
use crate::files::Files;
use crate::runtime::interpreter::{Interpreter, Printed, joined_values};
use crate::runtime::scope::{Context, NoVariables, Scope};
use crate::syntax::ast::{Block, Expr, Template};
use crate::syntax::compiled;
use crate::syntax::lexer::Syntax;
use crate::value::arguments::Given;
use crate::value::error::{Error, Result, fail};
use crate::value::object::Object;
use crate::value::{Value, caught, limits, print};

/// What a template and the files that it uses have in common.
pub struct Shared {
    pub files: Rc<Files>,
    /// All variables, also for files that see none of them.
    pub variables: Rc<dyn Context>,
    /// How they are all written.
    pub syntax: Syntax,
    /// Files used without context, which run once.
    modules: RefCell<HashMap<String, Rc<Module>>>,
}

/// The blocks of a template by name: its own first, then those of what it extends.
pub type Blocks = Rc<RefCell<HashMap<Rc<str>, Vec<BlockOf>>>>;

/// A block and the file that it stands in.
#[derive(Clone)]
pub struct BlockOf {
    block: Rc<Block>,
    file: Rc<str>,
}

/// What a template extends, once it does, and where the template itself says so.
pub type Parent = Rc<RefCell<Option<(File, usize)>>>;

/// A file and its name.
#[derive(Clone)]
pub struct File {
    pub name: Rc<str>,
    pub template: Rc<Template>,
}

impl Shared {
    pub fn new(files: Rc<Files>, variables: Rc<dyn Context>, syntax: Syntax) -> Rc<Self> {
        Rc::new(Self {
            files,
            variables,
            syntax,
            modules: RefCell::default(),
        })
    }

    /// Reads a file; none where there is no such file.
    fn load(&self, name: &str) -> Result<Option<File>> {
        let Some(name) = files::normal(name) else {
            return Ok(None);
        };
        match self.files.get(&name) {
            None => Err(Error::needs_file(&name)),
            Some(None) => Ok(None),
            Some(Some(text)) => {
                let name: Rc<str> = Rc::from(name);
                let template = compiled::compiled_file(text, &self.syntax)
                    .map_err(|error| error.in_file(&name, 0))?;
                Ok(Some(File { name, template }))
            }
        }
    }
}

/// Adds a template's blocks behind those that are known.
pub fn add_blocks(blocks: &Blocks, file: &File) {
    let mut blocks = blocks.borrow_mut();
    for block in &file.template.blocks {
        let known = blocks.entry(block.name.clone()).or_default();
        known.push(BlockOf {
            block: block.clone(),
            file: file.name.clone(),
        });
    }
}

fn missing(name: &str) -> Error {
    let hint = if files::normal(name).is_none() {
        "A name is a path below the template's folder, without `..`."
    } else {
        "Put the file beside the template or into `templates` there, correct its name, or write `ignore missing`."
    };
    Error::failed(format!("there is no file `{name}`")).hint(hint)
}

impl Interpreter {
    /// Runs a template, and what it extends.
    pub fn template(&self, file: &File, out: &mut Vec<Printed>) -> Result<()> {
        let parent = file.template.extends.then(Rc::default);
        let me = Self {
            file: file.name.clone(),
            parent: parent.clone(),
            ..self.clone()
        };
        let scope = Scope::outermost(&self.top, &file.template.body.unset);
        if file.template.uses_self {
            me.set_self(&scope);
        }
        me.statements(&file.template.body.statements, &scope, out)?;
        let parent = parent.and_then(|parent: Parent| parent.take());
        let Some((parent, used_at)) = parent else {
            return Ok(());
        };
        let me = Self {
            used_at,
            ..self.clone()
        };
        limits::deeper(|| me.template(&parent, out))
            .map_err(|error| error.in_file(&Rc::from(""), used_at))
    }

    /// A template of its own, with other names around it.
    fn of_file(&self, file: &File, top: Rc<Scope>, at: usize) -> Self {
        let blocks = Blocks::default();
        add_blocks(&blocks, file);
        Self {
            used_at: self.place_of_use(at),
            top,
            blocks,
            imported: Rc::default(),
            at_once: None,
            ..self.clone()
        }
    }

    /// Where the template itself uses a file that is named here.
    fn place_of_use(&self, at: usize) -> usize {
        if self.file.is_empty() {
            at
        } else {
            self.used_at
        }
    }

    /// `include`
    pub fn include(
        &self,
        names: &Expr,
        with_context: bool,
        ignore_missing: bool,
        scope: &Rc<Scope>,
        out: &mut Vec<Printed>,
    ) -> Result<()> {
        let found = match self.eval(names, scope)?.usable()? {
            Value::Text(name) => (self.shared.load(&name)?, missing(&name)),
            list => {
                let names = list.iterate()?;
                let mut found = None;
                for name in names.iter().filter(|name| !name.is_marker()) {
                    let Some(name) = name.as_str() else {
                        return fail(format!("{} is no file's name", print::article(name)));
                    };
                    found = self.shared.load(name)?;
                    if found.is_some() {
                        break;
                    }
                }
                let shown: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                (found, missing(&shown.join("`, `")))
            }
        };
        match found {
            (Some(file), _) if with_context => limits::deeper(|| {
                self.of_file(&file, Scope::of_file(scope), names.at)
                    .template(&file, out)
            }),
            (Some(file), _) => {
                let module = self.module(&file, None, names.at)?;
                match &self.at_once {
                    Some(at_once) => at_once.borrow_mut().extend_from_slice(&module.body),
                    None => out.extend_from_slice(&module.body),
                }
                Ok(())
            }
            (None, _) if ignore_missing => Ok(()),
            (None, error) => Err(error),
        }
    }

    /// The file that an expression names.
    fn file(&self, name: &Expr, scope: &Rc<Scope>) -> Result<File> {
        let name = self.eval(name, scope)?.usable()?;
        let Some(name) = name.as_str() else {
            return fail(format!("{} is no file's name", print::article(&name)));
        };
        self.shared.load(name)?.ok_or_else(|| missing(name))
    }

    /// `import`: the file's own names.
    pub fn import(&self, name: &Expr, with_context: bool, scope: &Rc<Scope>) -> Result<Rc<Module>> {
        let file = self.file(name, scope)?;
        self.module(&file, with_context.then_some(scope), name.at)
    }

    /// Runs a file for its names. One without context runs once, and sees no variables.
    fn module(&self, file: &File, user: Option<&Rc<Scope>>, at: usize) -> Result<Rc<Module>> {
        let known = self.shared.modules.borrow().get(&*file.name).cloned();
        if let (Some(known), None) = (known, user) {
            return Ok(known);
        }
        let top = match user {
            Some(user) => Scope::of_file(user),
            None => Scope::top(Rc::new(NoVariables)),
        };
        let me = Self {
            undefined: None,
            ..self.of_file(file, top.clone(), at)
        };
        let mut body = Vec::new();
        limits::deeper(|| me.template(file, &mut body))?;
        let hidden = me.imported.take();
        let names = top
            .own()
            .into_iter()
            .filter(|(name, _)| !name.starts_with('_') && !hidden.contains(name));
        let module = Rc::new(Module {
            file: file.name.clone(),
            names: names.collect(),
            body,
        });
        if user.is_none() {
            let mut modules = self.shared.modules.borrow_mut();
            modules.insert(file.name.to_string(), module.clone());
        }
        Ok(module)
    }

    /// `extends`
    pub fn extends(&self, name: &Expr, scope: &Rc<Scope>) -> Result<()> {
        let Some(parent) = &self.parent else {
            return fail("`extends` stands where nothing can be extended");
        };
        if parent.borrow().is_some() {
            return fail("the template extends two others");
        }
        let file = self.file(name, scope)?;
        add_blocks(&self.blocks, &file);
        *parent.borrow_mut() = Some((file, self.place_of_use(name.at)));
        Ok(())
    }

    /// Whether the template extends another one by now, so that what it prints outside of blocks is lost.
    pub fn is_extending(&self) -> bool {
        self.parent
            .as_ref()
            .is_some_and(|parent| parent.borrow().is_some())
    }

    /// Where a block stands.
    pub fn block(&self, block: &Block, scope: &Rc<Scope>, out: &mut Vec<Printed>) -> Result<()> {
        let first = {
            let blocks = self.blocks.borrow();
            let all = blocks.get(&block.name).map_or(&[][..], Vec::as_slice);
            if block.required && all.len() <= 1 {
                return Err(Error::failed(format!(
                    "the required block `{}` is not there",
                    block.name
                ))
                .at(block.at)
                .hint("The template that extends this one must have this block."));
            }
            all.first().cloned()
        };
        let top = if block.scoped {
            Scope::of_file(scope)
        } else {
            self.top.clone()
        };
        let me = Self {
            top,
            ..self.clone()
        };
        match first {
            Some(first) => limits::deeper(|| me.run_block(&first, 0, out)),
            None => Ok(()),
        }
    }

    fn run_block(&self, of: &BlockOf, depth: usize, out: &mut Vec<Printed>) -> Result<()> {
        let block = &of.block;
        let me = Self {
            file: of.file.clone(),
            parent: None,
            at_once: None,
            ..self.clone()
        };
        let scope = Scope::inner(&self.top, &block.body.unset);
        if block.uses_self {
            me.set_self(&scope);
        }
        if block.uses_super {
            let above = me.block_reference(&block.name, depth + 1);
            scope.set_own(
                &Rc::from("super"),
                above.unwrap_or_else(|| no_parent(&block.name)),
            );
        }
        me.statements(&block.body.statements, &scope, out)
    }

    fn set_self(&self, scope: &Rc<Scope>) {
        let mut inner = self.clone();
        inner.undefined = None;
        scope.set_own(&Rc::from("self"), Value::object(SelfReference(inner)));
    }

    fn block_reference(&self, name: &Rc<str>, depth: usize) -> Option<Value> {
        self.blocks.borrow().get(name)?.get(depth)?;
        let mut interpreter = self.clone();
        interpreter.undefined = None;
        Some(Value::object(BlockReference {
            name: name.clone(),
            depth,
            interpreter,
        }))
    }
}

fn no_parent(name: &str) -> Value {
    Value::Marker(Rc::new(Error::undefined(
        "super",
        format!("there is no parent block called '{name}'"),
    )))
}

/// A file's own names, for those who import it.
pub struct Module {
    file: Rc<str>,
    names: Vec<(Rc<str>, Value)>,
    /// What it prints.
    body: Vec<Printed>,
}

impl Module {
    /// What one of its names stands for.
    pub fn name(&self, name: &str) -> Value {
        let found = self.names.iter().find(|(known, _)| &**known == name);
        found.map_or_else(
            || {
                Value::Marker(Rc::new(Error::unknown_because(
                    name,
                    format!("the file `{}` sets no such name", self.file),
                )))
            },
            |(_, value)| value.clone(),
        )
    }
}

impl Object for Rc<Module> {
    fn type_name(&self) -> &'static str {
        "TemplateModule"
    }

    fn text(&self) -> Result<String> {
        match joined_values(self.body.clone())? {
            Value::None => Ok(String::new()),
            value => print::text(&value),
        }
    }

    fn attribute(&self, name: &str) -> Option<Result<Value>> {
        let found = self.names.iter().find(|(known, _)| &**known == name)?;
        Some(Ok(found.1.clone()))
    }
}

/// `self`
struct SelfReference(Interpreter);

impl Object for SelfReference {
    fn type_name(&self) -> &'static str {
        "TemplateReference"
    }

    fn attribute(&self, name: &str) -> Option<Result<Value>> {
        self.0.block_reference(&Rc::from(name), 0).map(Ok)
    }

    fn item(&self, index: &Value) -> Option<Result<Value>> {
        self.attribute(index.as_str()?)
    }
}

/// `self.name` and `super`: a block that can be called.
struct BlockReference {
    name: Rc<str>,
    depth: usize,
    interpreter: Interpreter,
}

impl Object for BlockReference {
    fn type_name(&self) -> &'static str {
        "BlockReference"
    }

    fn attribute(&self, name: &str) -> Option<Result<Value>> {
        let above = || {
            self.interpreter
                .block_reference(&self.name, self.depth + 1)
                .unwrap_or_else(|| no_parent(&self.name))
        };
        (name == "super").then(|| Ok(above()))
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, given: Given) -> Result<Value> {
        given.bind(&self.name, &[])?;
        let of = {
            let blocks = self.interpreter.blocks.borrow();
            blocks
                .get(&self.name)
                .and_then(|all| all.get(self.depth))
                .cloned()
        };
        let Some(of) = of else {
            return Ok(no_parent(&self.name));
        };
        let run = || {
            let mut out = Vec::new();
            self.interpreter.run_block(&of, self.depth, &mut out)?;
            joined_values(out)
        };
        caught(run())
    }
}
