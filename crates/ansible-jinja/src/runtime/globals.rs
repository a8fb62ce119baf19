//! The functions that every template can call.

use std::rc::Rc;

use crate::error::Advice;
use crate::error::Hint;
use crate::python::dict;
use crate::runtime::callables::{Cycler, Joiner, Namespace};
use crate::runtime::play;
use crate::runtime::scope::Context;
use crate::value::arguments::Given;
use crate::value::error::{Error, Result, fail};
use crate::value::function::Function;
use crate::value::{Range, Value, print};

/// Their names.
pub const NAMES: [&str; 12] = [
    "cycler",
    "dict",
    "joiner",
    "lipsum",
    "lookup",
    "namespace",
    "now",
    "omit",
    "q",
    "query",
    "range",
    "undef",
];

/// What a name stands for that is no variable.
pub fn get(name: &str, variables: &Rc<dyn Context>) -> Option<Value> {
    Some(match name {
        "omit" => Value::Omit,
        "range" => Function::value("range", range),
        "dict" => Function::value("dict", dict::dict),
        "namespace" => Function::value("namespace", Namespace::create),
        "cycler" => Function::value("cycler", Cycler::create),
        "joiner" => Function::value("joiner", Joiner::create),
        "undef" => Function::value("undef", undef),
        "lipsum" => Function::value("lipsum", |_| {
            Err(Error::unsupported(
                "`lipsum` makes another text each time",
                "Write the text itself: what is applied must not change by itself.",
            ))
        }),
        "now" => Function::value("now", |_| Err(controller("now"))),
        "lookup" | "query" | "q" => play::lookup(name, variables),
        _ => return None,
    })
}

/// Why a name of Ansible's own has no value here.
pub fn controller(name: &str) -> Error {
    let (what, hint): (String, Hint) = match name {
        "now" => (
            "gives another time at each rendering, so that nothing made of it would stay the same"
                .to_owned(),
            Advice::UseVariable("the time").into(),
        ),
        "hostvars" | "inventory_hostname" => (
            "comes from Ansible's inventory, which does not exist here, but for the variables of the one host".to_owned(),
            "Write `vars['name']`, or `hostvars[inventory_hostname]['name']`.".into(),
        ),
        "group_names" | "groups" | "play_hosts" => (
            "comes from Ansible's inventory, which does not exist here".to_owned(),
            Advice::UseVariable("the value").into(),
        ),
        name if name.starts_with("inventory_") => (
            "comes from Ansible's inventory, which does not exist here".to_owned(),
            Advice::UseVariable("the value").into(),
        ),
        "vars" => (
            "as a whole also holds what Ansible knows of its run and its hosts, which does not exist here".to_owned(),
            "Ask for a variable by its name: `vars['name']`.".into(),
        ),
        _ => (
            "is what Ansible knows of its own run or finds out about a machine, neither of which exists here".to_owned(),
            Advice::UseVariable("the value").into(),
        ),
    };
    Error::unsupported(format!("`{name}` {what}"), hint)
}

/// What Ansible calls itself in every template, unless a variable has this name.
pub const MANAGED: (&str, &str) = ("ansible_managed", "Ansible managed");

/// Names of what Ansible knows of the play, the inventory and the machine, in every play; others begin with `ansible_`, too.
pub const OF_ANSIBLE: [&str; 54] = [
    "ansible_check_mode",
    "ansible_config_file",
    "ansible_connection",
    "ansible_current_hosts",
    "ansible_dependent_role_names",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_failed_hosts",
    "ansible_forks",
    "ansible_host",
    "ansible_inventory_sources",
    "ansible_local",
    "ansible_module_compression",
    "ansible_pipelining",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_name",
    "ansible_play_role_names",
    "ansible_playbook_python",
    "ansible_python_interpreter",
    "ansible_role_name",
    "ansible_role_names",
    "ansible_run_tags",
    "ansible_search_path",
    "ansible_shell_executable",
    "ansible_shell_type",
    "ansible_skip_tags",
    "ansible_ssh_host",
    "ansible_timeout",
    "ansible_verbosity",
    "ansible_version",
    "environment",
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_names",
    "role_path",
    "role_uuid",
    "template_destpath",
    "template_fullpath",
    "template_host",
    "template_mtime",
    "template_path",
    "template_run_date",
    "template_uid",
    "vars",
];

/// Those of which a part can be asked for.
pub const IN_PART: [&str; 3] = ["hostvars", "inventory_hostname", "vars"];

/// Whether Ansible gives this name a meaning of its own.
pub fn of_ansible(name: &str) -> bool {
    OF_ANSIBLE.contains(&name) || name.starts_with("ansible_") && name != MANAGED.0
}

/// Whether Ansible gives this name a meaning that does not exist here at all.
pub fn is_controllers(name: &str) -> bool {
    of_ansible(name) && !IN_PART.contains(&name)
}

fn range(given: Given) -> Result<Value> {
    let numbers: Vec<i64> = given
        .positional
        .iter()
        .map(|value| {
            value.as_index().ok_or_else(|| {
                Error::failed(format!(
                    "'{}' object cannot be interpreted as an integer",
                    value.type_name()
                ))
            })
        })
        .collect::<Result<_>>()?;
    if !given.named.is_empty() {
        return fail("range() takes no keyword arguments");
    }
    let (start, stop, step) = match numbers.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [_, _, 0] => return fail("range() arg 3 must not be zero"),
        [start, stop, step] => (*start, *stop, *step),
        other => {
            return fail(format!(
                "range expected 1 to 3 arguments, got {}",
                other.len()
            ));
        }
    };
    Ok(Value::Range(Range { start, stop, step }))
}

fn undef(given: Given) -> Result<Value> {
    let given = given.bind("undef", &["hint"])?;
    let message = match given.some("hint") {
        Some(hint) => print::text(hint)?,
        None => "Mandatory variable has not been overridden".to_owned(),
    };
    Ok(Value::Marker(Rc::new(Error::undefined("", message))))
}
