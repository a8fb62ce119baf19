//! What Ansible calls all variables: `vars`, and `hostvars[inventory_hostname]` for the one host that there is here.
//!
//! Each variable can be asked for by its name. As a whole they cannot be looked at: Ansible's hold names of its own, too.

use std::rc::{Rc, Weak};

use crate::runtime::scope::Context;
use crate::runtime::{globals, lookups};
use crate::value::Value;
use crate::value::arguments::Given;
use crate::value::error::{Error, Result};
use crate::value::object::Object;

/// What a name of these stands for.
pub fn get(name: &str, variables: &Weak<dyn Context>) -> Option<Value> {
    let all = |name| AllVariables {
        name,
        variables: variables.clone(),
    };
    match name {
        "vars" => Some(Value::object(all("vars"))),
        "hostvars" => Some(Value::object(AllHosts(all("hostvars[inventory_hostname]")))),
        HOST => Some(Value::object(Host)),
        _ => None,
    }
}

/// The name of the host, which only `hostvars` knows.
const HOST: &str = "inventory_hostname";
/// Methods of Python's mappings, but for `get`, which can be called.
const METHODS: [&str; 10] = [
    "clear",
    "copy",
    "fromkeys",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
];

/// `vars`, or the same by its host.
#[derive(Clone)]
struct AllVariables {
    name: &'static str,
    variables: Weak<dyn Context>,
}

impl AllVariables {
    fn variable(&self, name: &str) -> Result<Option<Value>> {
        let Some(variables) = self.variables.upgrade() else {
            return Err(Error::fatal("the variables are gone"));
        };
        if name == globals::MANAGED.0 && !variables.names().any(|known| known == name) {
            return Ok(None);
        }
        lookups::variable(&*variables, name)
    }

    fn whole(&self) -> Error {
        Error::unsupported(
            format!(
                "`{0}` as a whole also holds what Ansible knows of its run and its hosts, which does not exist here",
                self.name
            ),
            format!("Ask for a variable by its name: `{}['name']`.", self.name),
        )
    }
}

impl Object for AllVariables {
    fn type_name(&self) -> &'static str {
        "dict"
    }

    fn text(&self) -> Result<String> {
        Err(self.whole())
    }

    fn attribute(&self, name: &str) -> Option<Result<Value>> {
        METHODS.contains(&name).then(|| Err(self.whole()))
    }

    fn methods(&self) -> &'static [&'static str] {
        &["get"]
    }

    fn call_method(&self, name: &str, given: Given) -> Result<Value> {
        let given = given.bind(name, &["key", "default"])?;
        let found = match given.needed("key")? {
            Value::Text(name) => self.variable(name)?,
            _ => None,
        };
        let default = || given.get("default").cloned().unwrap_or(Value::None);
        Ok(found.unwrap_or_else(default))
    }

    fn item(&self, index: &Value) -> Option<Result<Value>> {
        self.variable(index.as_str()?).transpose()
    }

    fn iterate(&self) -> Option<Result<Vec<Value>>> {
        Some(Err(self.whole()))
    }

    fn contains(&self, item: &Value) -> Option<Result<bool>> {
        let found = item.as_str().map_or(Ok(None), |name| self.variable(name));
        Some(found.map(|found| found.is_some()))
    }

    fn not_as_a_whole(&self) -> Option<Error> {
        Some(self.whole())
    }
}

/// `hostvars`
struct AllHosts(AllVariables);

impl AllHosts {
    fn host(&self, index: &Value) -> Result<Value> {
        match index {
            Value::Object(object) if object.type_name() == HOST => {
                Ok(Value::object(self.0.clone()))
            }
            _ => Err(globals::controller("hostvars")),
        }
    }
}

impl Object for AllHosts {
    fn type_name(&self) -> &'static str {
        "HostVars"
    }

    fn text(&self) -> Result<String> {
        Err(globals::controller("hostvars"))
    }

    fn attribute(&self, _name: &str) -> Option<Result<Value>> {
        Some(Err(globals::controller("hostvars")))
    }

    fn methods(&self) -> &'static [&'static str] {
        &["get"]
    }

    fn call_method(&self, name: &str, given: Given) -> Result<Value> {
        self.host(given.bind(name, &["key", "default"])?.needed("key")?)
    }

    fn item(&self, index: &Value) -> Option<Result<Value>> {
        Some(self.host(index))
    }

    fn iterate(&self) -> Option<Result<Vec<Value>>> {
        Some(Err(globals::controller("hostvars")))
    }

    fn contains(&self, item: &Value) -> Option<Result<bool>> {
        Some(self.host(item).map(|_| true))
    }

    fn not_as_a_whole(&self) -> Option<Error> {
        Some(globals::controller("hostvars"))
    }
}

/// `inventory_hostname`
struct Host;

impl Object for Host {
    fn type_name(&self) -> &'static str {
        HOST
    }

    fn text(&self) -> Result<String> {
        Err(globals::controller(HOST))
    }

    fn attribute(&self, _name: &str) -> Option<Result<Value>> {
        Some(Err(globals::controller(HOST)))
    }

    fn item(&self, _index: &Value) -> Option<Result<Value>> {
        Some(Err(globals::controller(HOST)))
    }

    fn iterate(&self) -> Option<Result<Vec<Value>>> {
        Some(Err(globals::controller(HOST)))
    }

    fn not_as_a_whole(&self) -> Option<Error> {
        Some(globals::controller(HOST))
    }
}

/// `lookup`, `query` and `q`.
pub fn lookup(name: &str, variables: &Rc<dyn Context>) -> Value {
    let (query, variables) = (name != "lookup", variables.clone());
    crate::value::function::Function::value(name, move |given| {
        lookups::call(given, query, &*variables)
    })
}
