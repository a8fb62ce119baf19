//! Functions and bound methods as values.

use crate::error::{Advice, Hint};
use crate::value::Value;
use crate::value::arguments::Given;
use crate::value::error::{Error, Result};
use crate::value::object::Object;

/// A function of Jinja2 or Ansible, or a method bound to its value.
pub struct Function {
    pub name: String,
    pub run: Box<dyn Fn(Given) -> Result<Value>>,
}

impl Function {
    pub fn value(name: &str, run: impl Fn(Given) -> Result<Value> + 'static) -> Value {
        Value::object(Self {
            name: name.to_owned(),
            run: Box::new(run),
        })
    }
}

impl Object for Function {
    fn type_name(&self) -> &'static str {
        "function"
    }

    fn text(&self) -> Result<String> {
        Err(without_call(&self.name).unwrap_or_else(|| {
            Error::unsupported(
                format!(
                    "`{}` is a method, and its text would be different each time",
                    self.name
                ),
                format!(
                    "Call it, with its arguments in the brackets: `{}(…)`.",
                    self.name
                ),
            )
        }))
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, given: Given) -> Result<Value> {
        (self.run)(given)
    }
}

/// Why a function is no value where it is not called: most likely a variable of its name is meant, which is not set.
pub fn without_call(name: &str) -> Option<Error> {
    let call = match name {
        "range" => Some("`range(5)`"),
        "dict" => Some("`dict(key='value')`"),
        "namespace" => Some("`namespace(key='value')`"),
        "cycler" => Some("`cycler('a', 'b')`"),
        "joiner" => Some("`joiner(', ')`"),
        "lookup" | "query" | "q" => Some("`lookup('vars', 'name')`"),
        "now" | "lipsum" | "undef" => None,
        _ => return None,
    };
    let set = Advice::SetVariable(name.to_owned());
    let hint = match call {
        Some(call) => vec![
            set,
            Advice::Say(format!(
                "The function of this name is called with arguments, such as {call}."
            )),
        ],
        None => vec![set],
    };
    Some(Error::unsupported(
        format!("`{name}` is not set"),
        Hint(hint),
    ))
}
