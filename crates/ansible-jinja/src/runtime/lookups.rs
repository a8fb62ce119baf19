//! Ansible's `lookup`, `query` and `q`, as far as they read nothing from outside: variables, and what makes lists of lists.

use std::rc::Rc;
use std::sync::LazyLock;

use regex::Regex;

use crate::error::Advice;
use crate::error::Hint;
use crate::python::format;
use crate::python::regex::{Pattern, Searched};
use crate::runtime::globals;
use crate::runtime::scope::Context;
use crate::suggest;
use crate::syntax::compiled;
use crate::value::arguments::Given;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, caught, limits, number, print};

/// What makes a list of the terms and named arguments.
type Lookup = fn(&Call) -> Result<Vec<Value>>;

/// Those that are known, with the collection that Ansible takes them from where it is not ansible.builtin.
const LOOKUPS: &[(&str, Option<&str>, Lookup)] = &[
    ("cartesian", Some("community.general"), cartesian),
    ("dict", None, dict),
    ("flattened", Some("community.general"), flattened),
    ("indexed_items", None, indexed_items),
    ("items", None, items),
    ("list", None, list),
    ("nested", None, nested),
    ("sequence", None, sequence),
    ("subelements", None, subelements),
    ("together", None, together),
    ("varnames", None, varnames),
    ("vars", None, vars),
];

/// Those of Ansible that are refused, and why.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &[
            "csvfile",
            "file",
            "fileglob",
            "first_found",
            "ini",
            "template",
            "unvault",
        ],
        "reads files of the machine that Ansible runs on",
    ),
    (
        &["env"],
        "reads the environment of the machine that Ansible runs on",
    ),
    (
        &["lines", "pipe"],
        "runs a command on the machine that Ansible runs on",
    ),
    (
        &["password"],
        "makes a password and keeps it in a file of the machine that Ansible runs on",
    ),
    (&["url"], "asks a server for each rendering"),
    (&["config"], "reads Ansible's own settings"),
    (
        &["inventory_hostnames"],
        "reads Ansible's inventory, which does not exist here",
    ),
    (
        &[
            "random_choice",
            "community.general.random_choice",
            "community.general.random_pet",
            "community.general.random_string",
            "community.general.random_words",
        ],
        "gives another value at each rendering, so that nothing made of it would stay the same",
    ),
];

/// Values within one another that are looked at for templates.
const DEEP: usize = 100;

/// A call of a lookup.
struct Call<'a> {
    name: &'a str,
    terms: Vec<Value>,
    named: Vec<(String, Value)>,
    variables: &'a dyn Context,
}

impl Call<'_> {
    /// A named argument that is not none.
    fn option(&self, name: &str) -> Option<&Value> {
        let found = self.named.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value)
            .filter(|value| !value.is_none())
    }

    fn some_terms(&self) -> Result<()> {
        match self.terms.is_empty() {
            true => fail(format!(
                "the lookup '{}' needs at least one list",
                self.name
            )),
            false => Ok(()),
        }
    }
}

/// `lookup(name, …)`, or with `query` all of what it gives as a list.
pub fn call(given: Given, query: bool, variables: &dyn Context) -> Result<Value> {
    let mut positional = given.positional.into_iter();
    let name = match positional.next() {
        Some(Value::Text(name)) => name,
        Some(other) => {
            return fail(format!(
                "a lookup's name is a text, not {}",
                print::article(&other)
            ));
        }
        None => return fail("`lookup` needs the name of a lookup"),
    };
    let run = known(&name)?;
    let mut named = given.named;
    let mut take = |name: &str| {
        let index = named.iter().position(|(known, _)| known == name)?;
        Some(named.remove(index).1)
    };
    let wants_list = match take("wantlist") {
        _ if query => true,
        Some(wanted) => wanted.truth()?,
        None => false,
    };
    let is_lenient = matches!(
        take("errors").as_ref().and_then(Value::as_str),
        Some("ignore" | "warn")
    );
    let call = Call {
        name: &name,
        terms: positional.collect(),
        named,
        variables,
    };
    call.terms
        .iter()
        .try_for_each(|term| no_template(term, 0))?;
    let mut found = match run(&call) {
        Ok(found) => found,
        Err(error) if error.is_undefined() || error.is_fatal() => return caught(Err(error)),
        Err(_) if is_lenient && wants_list => return Ok(Value::list(Vec::new())),
        Err(_) if is_lenient => return Ok(Value::None),
        Err(error) => {
            return fail(format!("the lookup '{name}' failed: {error}"));
        }
    };
    if wants_list {
        return Ok(Value::list(found));
    }
    if found.len() == 1 {
        return Ok(found.swap_remove(0).forced());
    }
    // Several texts become one.
    let texts: Option<Vec<&str>> = found.iter().map(Value::as_str).collect();
    match texts {
        Some(texts) if !texts.is_empty() => {
            limits::text(texts.iter().map(|text| text.len() + 1).sum())?;
            Ok(Value::from(texts.join(",")))
        }
        _ => Ok(Value::list(found)),
    }
}

fn known(name: &str) -> Result<Lookup> {
    let short = name
        .strip_prefix("ansible.builtin.")
        .or_else(|| name.strip_prefix("ansible.legacy."));
    let plain = short.unwrap_or(name);
    let found = LOOKUPS.iter().find(|(known, collection, _)| {
        plain == *known || collection.is_some_and(|of| name == format!("{of}.{known}"))
    });
    if let Some((.., run)) = found {
        return Ok(*run);
    }
    if let Some((_, reason)) = REFUSED.iter().find(|(names, _)| names.contains(&plain)) {
        return Err(Error::unsupported(
            format!("the lookup '{name}' is refused: it {reason}"),
            Advice::UseVariable("the value that it would give"),
        ));
    }
    let hint = match suggest::nearest(name, LOOKUPS.iter().map(|(name, ..)| *name)) {
        Some(near) => format!("Did you mean '{near}'?").into(),
        None => Hint::from(Advice::UseVariable("the value that it would give")),
    };
    Err(Error::unsupported(
        format!("The lookup '{name}' is unknown."),
        hint,
    ))
}

/// Ansible renders what is written as a template in the arguments, and not what only came to hold one: nothing tells here
/// which it is.
fn no_template(term: &Value, depth: usize) -> Result<()> {
    limits::step(1)?;
    match term {
        Value::Text(text) if compiled::is_template(text) => Err(Error::unsupported(
            "a template within the arguments of a lookup is not supported",
            "Join the parts with `~`: `lookup('vars', 'port_' ~ name)`.",
        )),
        // What is not evaluated yet comes from variables.
        Value::Lazy(_) => Ok(()),
        Value::List(list) if depth < DEEP => {
            let items = list.items.borrow();
            items
                .iter()
                .try_for_each(|item| no_template(item, depth + 1))
        }
        Value::Tuple(items) if depth < DEEP => items
            .iter()
            .try_for_each(|item| no_template(item, depth + 1)),
        Value::Dict(dict) if depth < DEEP => {
            let entries = dict.entries.borrow();
            entries
                .values()
                .try_for_each(|item| no_template(item, depth + 1))
        }
        _ => Ok(()),
    }
}

fn vars(call: &Call) -> Result<Vec<Value>> {
    let default = call.option("default");
    let value = |term: &Value| {
        let Value::Text(name) = term else {
            return fail(format!(
                "a variable's name is a text, not {}",
                print::article(term)
            ));
        };
        if let Some(value) = variable(call.variables, name)? {
            return Ok(value);
        }
        Ok(default.cloned().unwrap_or_else(|| {
            let why = "there is no variable of this name";
            Value::Marker(Rc::new(Error::unknown_because(name, why)))
        }))
    };
    call.terms.iter().map(value).collect()
}

/// A variable by its name, unless it is one of those that Ansible makes itself.
pub fn variable(variables: &dyn Context, name: &str) -> Result<Option<Value>> {
    limits::step(1)?;
    match globals::of_ansible(name) && !variables.names().any(|known| known == name) {
        true => Err(globals::controller(name)),
        false => Ok(variables.get(name)),
    }
}

fn varnames(call: &Call) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for term in &call.terms {
        let Value::Text(pattern) = term else {
            return fail(format!(
                "a pattern for names is a text, not {}",
                print::article(term)
            ));
        };
        let expression = Pattern::new(pattern, false, false)?;
        let matches = |name: &str| Ok(expression.captures(&Searched::new(name))?.is_some());
        for name in globals::OF_ANSIBLE {
            if matches(name)? {
                return Err(Error::unsupported(
                    format!(
                        "`varnames` with `{pattern}` would also give `{name}`, which Ansible alone has"
                    ),
                    "Write a pattern that fits your own names only, such as '^port_'.",
                ));
            }
        }
        for name in call.variables.names() {
            limits::step(1)?;
            if matches(name)? {
                found.push(Value::text(name));
            }
        }
    }
    Ok(found)
}

fn dict(call: &Call) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for term in &call.terms {
        let Some(pairs) = term.pairs() else {
            return fail(format!(
                "a mapping is expected, not {}",
                print::article(term)
            ));
        };
        term.check_values()?;
        limits::items(8 * pairs.len())?;
        found.extend(
            pairs
                .into_iter()
                .map(|(key, value)| Value::record([("key", key), ("value", value)])),
        );
    }
    Ok(found)
}

/// Lists among the terms give their items; all else stays.
fn flat<'a>(terms: impl IntoIterator<Item = &'a Value>) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for term in terms {
        match term {
            Value::List(_) | Value::Tuple(_) => found.extend(term.items()?),
            other => found.push(other.clone()),
        }
    }
    // It may become a list of its own.
    limits::items(found.len() + 4)?;
    Ok(found)
}

fn items(call: &Call) -> Result<Vec<Value>> {
    flat(&call.terms)
}

fn list(call: &Call) -> Result<Vec<Value>> {
    Ok(call.terms.clone())
}

fn indexed_items(call: &Call) -> Result<Vec<Value>> {
    let items = flat(&call.terms)?.into_iter().enumerate();
    Ok(items
        .map(|(index, item)| Value::tuple(vec![Value::from(index), item]))
        .collect())
}

fn nested(call: &Call) -> Result<Vec<Value>> {
    let Some((first, others)) = call.terms.split_first() else {
        return fail("the lookup 'nested' needs at least one list");
    };
    let mut found = first.items()?;
    for other in others {
        let other = other.items()?;
        let mut longer = Vec::new();
        for one in &found {
            for two in &other {
                longer.push(Value::list(flat([one, two])?));
            }
        }
        found = longer;
    }
    let flattened = |item: &Value| Ok(Value::list(flat(&item.items()?)?));
    found.iter().map(flattened).collect()
}

fn cartesian(call: &Call) -> Result<Vec<Value>> {
    call.some_terms()?;
    let mut found: Vec<Vec<Value>> = vec![Vec::new()];
    for term in &call.terms {
        let items = match term {
            Value::Text(text) => vec![Value::text(text.trim())],
            other => other.items().unwrap_or_else(|_| vec![other.clone()]),
        };
        let mut longer = Vec::new();
        for one in &found {
            for item in &items {
                limits::items(one.len() + 4)?;
                let mut one = one.clone();
                one.push(item.clone());
                longer.push(one);
            }
        }
        found = longer;
    }
    found
        .iter()
        .map(|items| flat(items).map(Value::list))
        .collect()
}

fn together(call: &Call) -> Result<Vec<Value>> {
    call.some_terms()?;
    let lists: Vec<Vec<Value>> = call.terms.iter().map(Value::items).collect::<Result<_>>()?;
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    limits::items(longest.saturating_mul(lists.len()))?;
    let row = |index: usize| {
        let items: Vec<Value> = lists
            .iter()
            .map(|list| list.get(index).cloned().unwrap_or(Value::None))
            .collect();
        flat(&items).map(Value::list)
    };
    (0..longest).map(row).collect()
}

fn flattened(call: &Call) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    flatten(&call.terms, &mut found)?;
    Ok(found)
}

fn flatten(terms: &[Value], found: &mut Vec<Value>) -> Result<()> {
    limits::deeper(|| {
        for term in terms {
            limits::items(1)?;
            let mut term = term.clone();
            while let Value::List(_) = &term
                && term.len()? == 1
            {
                term = term.items()?.swap_remove(0);
            }
            match &term {
                Value::Text(text) if matches!(&**text, "None" | "null") => break,
                Value::Text(text) => found.push(Value::text(text.trim())),
                Value::List(_) => flatten(&term.items()?, found)?,
                _ => found.push(term),
            }
        }
        Ok(())
    })
}

/// Each item of the lists that stand at a path of mappings, with the mapping, from which the list is taken out.
fn subelements(call: &Call) -> Result<Vec<Value>> {
    let wrong = || {
        fail(
            "two or three arguments are expected: a list or mapping, a path, and a mapping with `skip_missing`",
        )
    };
    let (of, path, flags) = match call.terms.as_slice() {
        [of, Value::Text(path)] => (of, path, None),
        [of, Value::Text(path), flags @ Value::Dict(_)] => (of, path, Some(flags)),
        _ => return wrong(),
    };
    let skips = match flags.and_then(|flags| flags.member("skip_missing")) {
        None => false,
        Some(Value::Bool(skips)) => skips,
        Some(Value::Text(text)) => matches!(
            text.to_lowercase().as_str(),
            "y" | "yes" | "on" | "1" | "true" | "t"
        ),
        Some(other) => number::whole(&other).is_some_and(|one| one == 1.into()),
    };
    let skipped = |mapping: &Value| {
        let found = mapping.member("skipped");
        found.is_some_and(|found| !matches!(found, Value::Bool(false)))
    };
    let elements = match of {
        Value::Dict(_) if skipped(of) => return Ok(Vec::new()),
        Value::Dict(_) => of
            .pairs()
            .unwrap_or_default()
            .into_iter()
            .map(|(_, value)| value)
            .collect(),
        Value::List(_) => of.items()?,
        _ => return wrong(),
    };
    let keys: Vec<&str> = path.split('.').collect();
    if keys[..keys.len() - 1].contains(&keys[keys.len() - 1]) {
        return Err(Error::unsupported(
            "a path whose last key stands in it twice is not supported by the lookup 'subelements'",
            "Rename one of the keys.",
        ));
    }
    let mut found = Vec::new();
    for element in elements {
        let element = element.usable()?;
        if !matches!(element, Value::Dict(_)) {
            return fail(format!(
                "a mapping is expected, not {}",
                print::article(&element)
            ));
        }
        if skipped(&element) {
            continue;
        }
        limits::deeper(|| {
            if let Some((rest, items)) = taken_out(&element, &keys, skips)? {
                limits::items(4 * items.len())?;
                found.extend(
                    items
                        .into_iter()
                        .map(|item| Value::tuple(vec![rest.clone(), item])),
                );
            }
            Ok(())
        })?;
    }
    Ok(found)
}

/// A mapping without the list at a path in it, and that list; none where it is missing and may be.
fn taken_out(mapping: &Value, keys: &[&str], skips: bool) -> Result<Option<(Value, Vec<Value>)>> {
    let (Value::Dict(dict), [key, further @ ..]) = (mapping, keys) else {
        return Ok(None);
    };
    let missing = |message: String| match skips {
        true => Ok(None),
        false => fail(message),
    };
    let Some(inner) = mapping.member(key) else {
        // Ansible goes on with the next key of the path in the same mapping.
        return match further {
            [] => missing(format!("there is no key '{key}'")),
            _ if skips => taken_out(mapping, further, skips),
            _ => fail(format!("there is no key '{key}'")),
        };
    };
    let inner = inner.usable()?;
    let mut entries = dict.entries.borrow().clone();
    limits::items(3 * entries.len() + 4)?;
    let key_of = crate::value::Key::text(key);
    if further.is_empty() {
        let Value::List(_) = inner else {
            return fail(format!(
                "the key '{key}' must hold a list, not {}",
                print::article(&inner)
            ));
        };
        entries.shift_remove(&key_of);
        return Ok(Some((Value::from_entries(entries), inner.items()?)));
    }
    if !matches!(inner, Value::Dict(_)) {
        return match skips {
            true => taken_out(mapping, further, skips),
            false => fail(format!(
                "the key '{key}' must hold a mapping, not {}",
                print::article(&inner)
            )),
        };
    }
    Ok(taken_out(&inner, further, skips)?.map(|(rest, items)| {
        entries.insert(key_of, rest);
        (Value::from_entries(entries), items)
    }))
}

/// What `sequence` counts by.
#[derive(Default)]
struct Counting {
    start: Option<Value>,
    end: Option<Value>,
    count: Option<Value>,
    stride: Option<Value>,
    format: Option<Value>,
}

impl Counting {
    fn set(&mut self, name: &str, value: Value) -> bool {
        let field = match name {
            "start" => &mut self.start,
            "end" => &mut self.end,
            "count" => &mut self.count,
            "stride" => &mut self.stride,
            "format" => &mut self.format,
            _ => return false,
        };
        *field = Some(value);
        true
    }
}

fn sequence(call: &Call) -> Result<Vec<Value>> {
    let nothing = [Value::text("")];
    let terms = match call.terms.is_empty() && !call.named.is_empty() {
        true => &nothing[..],
        false => &call.terms,
    };
    let mut found = Vec::new();
    for term in terms {
        let Value::Text(term) = term else {
            return fail(format!(
                "a text such as `1-5` is expected, not {}",
                print::article(term)
            ));
        };
        let mut counting = Counting::default();
        for (name, value) in call.named.iter().filter(|(_, value)| !value.is_none()) {
            counting.set(name, value.clone());
        }
        shortcut_or_pairs(term, &mut counting)?;
        counted(&counting, &mut found)?;
    }
    Ok(found)
}

/// Reads `start-end/stride:format`, or `name=value` pairs.
fn shortcut_or_pairs(term: &str, counting: &mut Counting) -> Result<()> {
    static SHORTCUT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)^(?:(0?x?[0-9a-f]+)-)?(0?x?[0-9a-f]+)(?:/(0?x?[0-9a-f]+))?(?::(.+))?$")
            .ok()
    });
    let line = term.strip_suffix('\n').unwrap_or(term);
    if let Some(parts) = SHORTCUT
        .as_ref()
        .and_then(|shortcut| shortcut.captures(line))
    {
        let names = ["start", "end", "stride", "format"];
        for (index, name) in (1..).zip(names) {
            if let Some(part) = parts.get(index) {
                counting.set(name, Value::text(part.as_str()));
            }
        }
        return Ok(());
    }
    if term.contains(['"', '\'', '\\']) {
        return Err(Error::unsupported(
            "quotes within the text of the lookup 'sequence' are not supported",
            "Name the arguments: `lookup('sequence', start=1, end=3, format='a b%d')`.",
        ));
    }
    for word in term.split_ascii_whitespace() {
        let known = word
            .split_once('=')
            .is_some_and(|(name, value)| counting.set(name, Value::text(value)));
        if !known {
            return fail(format!(
                "`{word}` is neither `start-end/stride:format` nor one of start, end, count, stride and format with a `=`"
            ));
        }
    }
    Ok(())
}

fn whole(value: Option<&Value>) -> Result<Option<i64>> {
    let Some(value) = value else { return Ok(None) };
    let whole = match value {
        Value::Text(text) => match number::parse_integer(text, 10) {
            Some(whole) => Some(whole),
            None if number::parse_float(text).is_some_and(|float| float.fract() == 0.0) => {
                return Err(Error::unsupported(
                    format!("`{text}` is not read as a whole number here"),
                    "Write it without a point and an exponent.",
                ));
            }
            None => None,
        },
        other => number::whole(other),
    };
    match whole.map(i64::try_from) {
        Some(Ok(whole)) => Ok(Some(whole)),
        Some(Err(_)) => fail(format!("{} is too large", print::text(value)?)),
        None => fail(format!(
            "a whole number is expected, not {}",
            print::repr(value)?
        )),
    }
}

fn counted(counting: &Counting, found: &mut Vec<Value>) -> Result<()> {
    let start = whole(counting.start.as_ref())?.unwrap_or(1);
    let stride = whole(counting.stride.as_ref())?.unwrap_or(1);
    let (end, count) = (
        whole(counting.end.as_ref())?,
        whole(counting.count.as_ref())?,
    );
    let format = match &counting.format {
        None => "%d".into(),
        Some(format) => print::text(format)?,
    };
    let end = match (end, count) {
        (None, None) => return fail("`end` or `count` is missing"),
        (Some(_), Some(_)) => return fail("`end` and `count` exclude one another"),
        (None, Some(0)) => return Ok(()),
        (Some(end), None) => Some(end),
        (None, Some(count)) => count
            .checked_mul(stride)
            .and_then(|span| start.checked_add(span)?.checked_sub(1)),
    };
    let Some(end) = end else {
        return fail("the numbers become too large");
    };
    if stride > 0 && end < start {
        return fail("to count backwards `stride` must be negative");
    }
    if stride < 0 && end > start {
        return fail("to count forwards `stride` must not be negative");
    }
    if stride == 0 {
        return Ok(());
    }
    if format.matches('%').count() != 1 {
        return fail(format!("the format `{format}` must have one `%`"));
    }
    let numbers = crate::value::Range {
        start,
        stop: end.saturating_add(stride.signum()),
        step: stride,
    };
    limits::items(numbers.len())?;
    limits::step(numbers.len())?;
    for index in 0..numbers.len() {
        let Some(number) = numbers.get(index) else {
            break;
        };
        let text = format::percent(&format, &number)?;
        limits::text(text.len())?;
        found.push(Value::from(text));
    }
    Ok(())
}
