//! Every case of `tests/parity` rendered and read here, compared with what Ansible and kubectl make of it.
//!
//! `known.txt` lists the cases that are not the same yet, each as `refused` or `different`: the list only shrinks. With
//! `PARITY_WRITE=1` it is written anew, with `PARITY_SHOW=family` what differs is shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ansible_jinja::vault::Vault;
use ansible_jinja::{Error, ErrorKind, Files, Resolved, Variable, Variables, render_with};
use serde_json::{Value as Json, json};
use yaml_dialects::divergence::{self, WarningKind};
use yaml_dialects::pyyaml::float_text;
use yaml_dialects::{Data, Limits};

#[path = "parity/compatibility.rs"]
mod compatibility;

use compatibility::Shown;

const FOLDER: &str = "tests/parity";
const PAGE: &str = "COMPATIBILITY.md";
const HEAD: &str = "apiVersion: parity/v1\nkind: Case\nmetadata:\n  name: case\n";

type Sections = BTreeMap<String, String>;

struct Case {
    name: String,
    sections: Sections,
}

#[derive(Default)]
struct Family {
    /// The comment at its beginning.
    about: String,
    shared: Sections,
    cases: Vec<Case>,
}

/// From the best to the worst: a case counts with the worst of its results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Same,
    Refused,
    Different,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Refused => "refused",
            Self::Different => "different",
        }
    }
}

/// What became of one result, and what to show of it.
struct Outcome(State, String);

/// A failure as the comparison needs it: whether it says where.
struct Failure {
    placed: bool,
    text: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            placed: error.line().is_some() && error.column().is_some(),
            text: error.to_string(),
        }
    }
}

impl From<yaml_dialects::Error> for Failure {
    fn from(error: yaml_dialects::Error) -> Self {
        Self {
            placed: true,
            text: error.to_string(),
        }
    }
}

#[test]
fn the_same_files_give_the_same_objects() {
    let mut states: BTreeMap<String, State> = BTreeMap::new();
    let mut counts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut shown: Vec<Shown> = Vec::new();
    let mut families = compatibility::Families::new();
    let show = std::env::var("PARITY_SHOW").ok();
    // What panics is reported with the case that caused it.
    std::panic::set_hook(Box::new(|_| {}));
    let mut count = |family: &str, name: &str, sections: &Sections, outcome: Outcome| {
        let Outcome(state, text) = outcome;
        shown.push(Shown {
            family: family.to_owned(),
            name: name.to_owned(),
            state,
            source: sections
                .values()
                .fold(String::new(), |all, text| all + text + "\n"),
            named: ["template", "vars", "yaml", "stream"]
                .iter()
                .any(|section| sections.contains_key(*section)),
            reason: reason(&text),
        });
        if state != State::Same
            && show
                .as_deref()
                .is_some_and(|wanted| family.contains(wanted))
        {
            println!("{} {family}: {name}\n{text}", state.word());
        }
        counts.entry(family.to_owned()).or_default()[state as usize] += 1;
        if states.insert(format!("{family}: {name}"), state).is_some() {
            panic!("two cases are named {family}: {name}");
        }
    };
    for kind in ["jinja", "vars", "yaml"] {
        for path in files(&format!("{FOLDER}/cases/{kind}")) {
            let family = read_family(kind, &path);
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let expected: BTreeMap<String, Json> =
                read_json(Path::new(&format!("{FOLDER}/expected/{kind}/{stem}.json")));
            assert_eq!(expected.len(), family.cases.len(), "{kind}/{stem}");
            families.insert(format!("{kind}/{stem}"), family.about.clone());
            for case in &family.cases {
                let expected = &expected[&case.name];
                let outcome = guarded(|| run(kind, &family.shared, &case.sections, expected));
                let mut sections = case.sections.clone();
                if let Some(expression) = sections.get("expression").or(sections.get("refused")) {
                    sections.insert("expression".to_owned(), format!("{{{{ {expression} }}}}"));
                }
                count(&format!("{kind}/{stem}"), &case.name, &sections, outcome);
            }
        }
    }
    for folder in files(&format!("{FOLDER}/templates")) {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let sections = Sections::from([("template".to_owned(), template_of(&folder).1)]);
        count(
            "templates",
            &name,
            &sections,
            guarded(|| run_whole(&folder, &name)),
        );
    }
    families.insert(
        "templates".to_owned(),
        "Whole templates, as operators keep them: their text, and the objects that kubectl reads in it.".to_owned(),
    );
    let _ = std::panic::take_hook();

    let mut total = [0; 3];
    for (family, counts) in &counts {
        println!("{family:24} {}", line(*counts));
        for (sum, count) in total.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    println!("{}", line(total));
    check_known(&states);
    let names: Json = read_json(Path::new(&format!("{FOLDER}/expected/names.json")));
    check_page(&compatibility::page(&shown, &families, &names));
}

/// Lines before a template, so that what is told of the first line is told of the wrong place: such as are printed, and such
/// as leave a template that is one value.
const BEFORE: [&str; 2] = ["a\nb\nc\n", "{# a #}\n{# b #}\n{# c #}\n"];

#[test]
fn what_is_wrong_is_told_where_it_stands() {
    let mut wrong = Vec::new();
    for path in files(&format!("{FOLDER}/cases/jinja")) {
        let family = read_family("jinja", &path);
        for case in &family.cases {
            let both = [&family.shared, &case.sections];
            let mut variables = Variables::opened_by(&vault(both));
            let mut texts = both.iter().filter_map(|sections| sections.get("vars"));
            if texts.any(|text| variables.load(text, "vars.yml").is_err()) {
                continue;
            }
            let resolved = variables.resolve();
            let of = |name: &str| case.sections.get(name);
            let template = match of("expression").or(of("refused")) {
                Some(expression) => format!("{{{{ {expression} }}}}"),
                None => match of("template").filter(|text| !text.starts_with("#jinja2:")) {
                    Some(text) => text.clone(),
                    None => continue,
                },
            };
            for before in BEFORE {
                let text = format!("{before}{template}");
                let beside = |name: &str| {
                    let name = format!("file {name}");
                    both.iter()
                        .rev()
                        .find_map(|sections| sections.get(&name))
                        .cloned()
                };
                if let Err(problem) = rendered_with(&text, &resolved, beside)
                    && problem.line().is_none_or(|line| line <= 3)
                {
                    wrong.push(format!("{}: {problem}", case.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The page of the documentation must be what the cases give.
fn check_page(page: &str) {
    if std::env::var_os("PARITY_WRITE").is_some() {
        std::fs::write(PAGE, page).unwrap();
    } else {
        let stored = std::fs::read_to_string(PAGE).unwrap_or_default();
        assert!(stored == page, "{PAGE} is stale: PARITY_WRITE=1 writes it");
    }
}

/// The first line of what went wrong here, out of what is shown of an outcome.
fn reason(shown: &str) -> String {
    let here = shown.split_once("    here   ").map_or("", |(_, here)| here);
    let line = here.lines().next().unwrap_or_default();
    let line = line.split(" (placed: ").next().unwrap_or_default();
    // The place is the case's own.
    let message = line
        .split_once(", column ")
        .and_then(|(_, rest)| rest.split_once(": "));
    message.map_or("", |(_, message)| message).to_owned()
}

fn line([same, refused, different]: [usize; 3]) -> String {
    format!("{same} same, {refused} refused, {different} different")
}

/// Compares with the stored list, in which every case stands that is not the same.
fn check_known(states: &BTreeMap<String, State>) {
    let path = format!("{FOLDER}/known.txt");
    let found: BTreeMap<String, &str> = states
        .iter()
        .filter(|(_, state)| **state != State::Same)
        .map(|(name, state)| (name.clone(), state.word()))
        .collect();
    if std::env::var_os("PARITY_WRITE").is_some() {
        let mut text = String::new();
        for (name, state) in &found {
            writeln!(text, "{state} {name}").unwrap();
        }
        std::fs::write(path, text).unwrap();
        return;
    }
    let text = std::fs::read_to_string(path).unwrap();
    let known: BTreeMap<String, &str> = text
        .lines()
        .map(|line| line.split_once(' ').expect("a state and a name"))
        .map(|(state, name)| (name.to_owned(), state))
        .collect();
    let mut wrong = Vec::new();
    for (name, state) in &found {
        if known.get(name) != Some(state) {
            let stored = known.get(name).unwrap_or(&"same");
            wrong.push(format!("{state}, {stored} in the list: {name}"));
        }
    }
    for name in known.keys().filter(|name| !found.contains_key(*name)) {
        wrong.push(format!("same (or gone), but in the list: {name}"));
    }
    assert!(
        wrong.is_empty(),
        "known.txt does not fit (PARITY_SHOW=family shows more, PARITY_WRITE=1 writes it):\n{}",
        wrong.join("\n")
    );
}

fn guarded(run: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Outcome(State::Different, "  here    a crash".to_owned()))
}

fn run(kind: &str, shared: &Sections, sections: &Sections, expected: &Json) -> Outcome {
    match kind {
        "jinja" => run_jinja(shared, sections, expected),
        "vars" => run_vars(shared, sections, expected),
        _ => run_yaml(sections, expected),
    }
}

fn run_jinja(shared: &Sections, sections: &Sections, expected: &Json) -> Outcome {
    let variables = [shared, sections]
        .iter()
        .filter_map(|sections| sections.get("vars"))
        .try_fold(
            Variables::opened_by(&vault([shared, sections])),
            |mut all, text| {
                all.load(text, "vars.yml")?;
                Ok::<_, Error>(all)
            },
        );
    let expression = sections
        .get("expression")
        .or_else(|| sections.get("refused"));
    let template = expression
        .map(|expression| format!("<{{{{ {expression} }}}}>"))
        .or_else(|| sections.get("template").cloned());
    let value = expression
        .map(|expression| format!("{{{{ {expression} }}}}"))
        .or_else(|| sections.get("value").cloned());
    let rendered = |text: &str| {
        let resolved = variables.clone()?.resolve();
        let beside = |name: &str| sections.get(name).or(shared.get(name)).cloned();
        with_files(text, &resolved, |name| beside(&format!("file {name}")))
    };
    let evaluated = |text: &str| {
        let mut variables = variables.clone()?;
        variables.insert(
            "parity_value",
            Variable {
                secret_member: None,
                value: Data::from(text),
                origin: "case".to_owned(),
                literal: false,
                secret: false,
                written: None,
            },
        );
        Ok::<_, Failure>(typed(&variables.resolve().value("parity_value")?))
    };
    if expected["must"] == "refuse" {
        return match template.map(|text| rendered(&text)) {
            Some(Err(failure)) if failure.placed => {
                Outcome(State::Same, format!("    here   {}", failure.text))
            }
            Some(Err(failure)) => Outcome(State::Different, failure.text),
            other => Outcome(
                State::Different,
                format!("  here    {:?}", other.map(Result::ok)),
            ),
        };
    }
    let random = expected["order"] == "random";
    let mut outcomes = Vec::new();
    if let (Some(wanted), false) = (expected.get("text"), random) {
        let ours = rendered(&template.expect("a template")).map(Json::from);
        outcomes.push(compare("text", ours, wanted, false));
    }
    if let Some(wanted) = expected.get("value") {
        let ours = evaluated(&value.expect("a value"));
        outcomes.push(compare("value", ours, wanted, random));
    }
    worst(outcomes)
}

/// Renders a template, which finds its files in `templates/`, then beside it.
fn with_files(
    text: &str,
    resolved: &Resolved,
    beside: impl Fn(&str) -> Option<String>,
) -> Result<String, Failure> {
    Ok(rendered_with(text, resolved, beside)?)
}

fn rendered_with(
    text: &str,
    resolved: &Resolved,
    beside: impl Fn(&str) -> Option<String>,
) -> Result<String, Error> {
    let mut files = Files::default();
    loop {
        let error = match render_with(text, resolved, &files) {
            Ok(rendered) => return Ok(rendered.text),
            Err(error) => error,
        };
        let ErrorKind::NeedsFile(name) = error.kind() else {
            return Err(error);
        };
        let text = beside(&format!("templates/{name}")).or_else(|| beside(name));
        files.insert(name, text);
    }
}

fn run_vars(shared: &Sections, sections: &Sections, expected: &Json) -> Outcome {
    let text = match sections.get("scalar") {
        Some(scalar) => format!("value: {scalar}\n"),
        None => [shared, sections]
            .iter()
            .filter_map(|sections| sections.get("vars").cloned())
            .collect(),
    };
    let wanted = &expected["vars"];
    let mut read = Variables::opened_by(&vault([shared, sections]));
    let resolved = read.load(&text, "vars.yml").map(|()| read.resolve());
    let resolved = match (resolved, wanted.get("refused")) {
        (Ok(resolved), None) => resolved,
        (Err(_), Some(_)) => return Outcome(State::Same, String::new()),
        (Ok(_), Some(_)) => return Outcome(State::Different, format!("  Ansible {wanted}")),
        (Err(problem), None) => {
            return compare("vars", Err(problem.into()), wanted, false);
        }
    };
    worst(
        wanted
            .as_object()
            .expect("variables by name")
            .iter()
            .map(|(name, wanted)| {
                let ours = resolved
                    .value(name)
                    .map_err(Failure::from)
                    .map(|value| typed(&value));
                compare(name, ours, wanted, expected["order"] == "random")
            })
            .collect(),
    )
}

/// What the sections `passwords` open: lines of `id: password`.
fn vault<'a>(all: impl IntoIterator<Item = &'a Sections>) -> Vault {
    let lines = all
        .into_iter()
        .filter_map(|sections| sections.get("passwords"))
        .flat_map(|text| text.lines());
    Vault::new(lines.filter_map(|line| {
        let (id, password) = line.split_once(": ")?;
        Some((id.to_owned(), password.as_bytes().to_vec().into()))
    }))
}

fn run_yaml(sections: &Sections, expected: &Json) -> Outcome {
    let stream = match (sections.get("scalar"), sections.get("key")) {
        (Some(scalar), _) => format!("{HEAD}value: {scalar}\n"),
        (_, Some(key)) => format!("{HEAD}value:\n  {key}: 1\n"),
        _ => match sections.get("yaml") {
            Some(fields) => format!("{HEAD}{fields}"),
            None => sections["stream"].clone(),
        },
    };
    let wrapped = !sections.contains_key("stream");
    let read = documents(&stream);
    let warned = read.as_ref().is_ok_and(|(_, warned)| *warned);
    let ours = read.map(|(documents, _)| {
        let documents = documents.into_iter().map(|mut document| {
            if wrapped && let Some(pairs) = document.get_mut("dict").and_then(Json::as_array_mut) {
                pairs.retain(|pair| {
                    !["apiVersion", "kind", "metadata"].contains(&pair[0].as_str().unwrap_or(""))
                });
            }
            document
        });
        documents.collect()
    });
    let both =
        expected["kubectl"].get("refused").is_none() && expected["pyyaml"].get("refused").is_none();
    let wanted_warning = both && expected["readings"] == "differ";
    let outcome = compare("kubectl", ours, &expected["kubectl"], false);
    if outcome.0 == State::Same && both && warned != wanted_warning {
        return Outcome(
            State::Different,
            format!(
                "  warned {warned}, wanted {wanted_warning}; {}",
                expected["pyyaml"]
            ),
        );
    }
    outcome
}

/// The objects of a stream in the corpus' notation, and whether the other reading of one is warned of.
fn documents(stream: &str) -> Result<(Vec<Json>, bool), Failure> {
    let read = divergence::read(stream, &Limits::default())?;
    let mut warned = read
        .warnings
        .iter()
        .any(|warning| warning.kind == WarningKind::Differs);
    let mut documents = Vec::new();
    for document in &read.documents {
        warned |= document.value.get("items").is_some();
        documents.extend(objects(&document.value)?);
    }
    let documents = documents.iter().map(as_go_prints);
    Ok((documents.map(without_empty_labels).collect(), warned))
}

/// The objects that kubectl takes out of a document, if it is one that it takes at all.
fn objects(value: &Json) -> Result<Vec<Json>, Failure> {
    let refused = |why: &str| Failure {
        placed: true,
        text: format!("{why}: {value}"),
    };
    let is_text = |field: &Json| field.as_str().is_some_and(|text| !text.is_empty());
    if !is_text(&value["kind"]) {
        return Err(refused("no kind"));
    }
    let version = &value["apiVersion"];
    if !version.is_null()
        && version
            .as_str()
            .is_none_or(|text| text.matches('/').count() > 1)
    {
        return Err(refused("no version"));
    }
    let metadata = &value["metadata"];
    if !metadata.is_null() && !metadata.is_object() {
        return Err(refused("no metadata"));
    }
    for name in ["name", "namespace", "generateName"] {
        if !metadata[name].is_null() && !metadata[name].is_string() {
            return Err(refused("no text"));
        }
    }
    for name in ["labels", "annotations"] {
        let values = &metadata[name];
        let texts = values.as_object().is_some_and(|values| {
            let mut values = values.values();
            values.all(|value| value.is_string() || value.is_null())
        });
        if !values.is_null() && !texts {
            return Err(refused("no texts"));
        }
    }
    match value.get("items") {
        None => Ok(vec![value.clone()]),
        Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(items)) => {
            let all = items.iter().map(|item| objects(&inherited(item, value)));
            Ok(all.collect::<Result<Vec<_>, _>>()?.concat())
        }
        Some(_) => Err(refused("no list")),
    }
}

/// An item of a list, with the kind that a `ConfigMapList` gives to items that have none.
fn inherited(item: &Json, list: &Json) -> Json {
    let mut item = item.clone();
    let kind = list["kind"]
        .as_str()
        .and_then(|kind| kind.strip_suffix("List"));
    if let (Some(kind), Some(object)) = (kind.filter(|kind| !kind.is_empty()), item.as_object_mut())
    {
        for (name, value) in [
            ("apiVersion", list["apiVersion"].clone()),
            ("kind", kind.into()),
        ] {
            if object.get(name).is_none_or(Json::is_null) {
                object.insert(name.to_owned(), value);
            }
        }
    }
    item
}

fn without_empty_labels(mut document: Json) -> Json {
    let empty = json!({"dict": []});
    if let Some(pairs) = document.get_mut("dict").and_then(Json::as_array_mut) {
        for pair in pairs.iter_mut().filter(|pair| pair[0] == "metadata") {
            if let Some(metadata) = pair[1].get_mut("dict").and_then(Json::as_array_mut) {
                metadata.retain(|pair| pair[0] != "labels" || pair[1] != empty);
            }
        }
        pairs.retain(|pair| pair[0] != "metadata" || pair[1] != empty);
    }
    document
}

fn template_of(folder: &Path) -> (PathBuf, String) {
    let path = files(folder.to_str().unwrap())
        .into_iter()
        .find(|path| {
            path.file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("template")
        })
        .expect("a template");
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

fn run_whole(folder: &Path, name: &str) -> Outcome {
    let (_, template) = template_of(folder);
    let expected = PathBuf::from(format!("{FOLDER}/expected/templates/{name}"));
    let wanted = std::fs::read_to_string(expected.join("rendered")).unwrap();
    let rendered = || {
        let vars = std::fs::read_to_string(folder.join("vars.yml")).unwrap();
        let passwords = std::fs::read_to_string(folder.join("passwords")).unwrap_or_default();
        let sections = Sections::from([("passwords".to_owned(), passwords)]);
        let mut read = Variables::opened_by(&vault([&sections]));
        read.load(&vars, "vars.yml")?;
        let resolved = read.resolve();
        with_files(&template, &resolved, |name| {
            std::fs::read_to_string(folder.join(name)).ok()
        })
    };
    let text = match rendered() {
        Ok(text) => text,
        Err(failure) => return compare("text", Err(failure), &Json::from(wanted), false),
    };
    let mut outcomes = vec![compare(
        "text",
        Ok(Json::from(text.as_str())),
        &Json::from(wanted),
        false,
    )];
    let wanted: Json = read_json(&expected.join("documents.json"));
    if !wanted.is_null() {
        let ours = documents(&text).map(|(documents, _)| Json::from(documents));
        outcomes.push(compare("documents", ours, &wanted, false));
    }
    worst(outcomes)
}

fn worst(outcomes: Vec<Outcome>) -> Outcome {
    outcomes
        .into_iter()
        .reduce(|one, other| if other.0 > one.0 { other } else { one })
        .unwrap_or_else(|| Outcome(State::Same, String::new()))
}

fn compare(what: &str, ours: Result<Json, Failure>, wanted: &Json, random: bool) -> Outcome {
    let sorted = |value: &Json| if random { sort(value) } else { value.clone() };
    let state = match (&ours, wanted.get("refused")) {
        (Ok(ours), None) if sorted(ours) == sorted(wanted) => State::Same,
        (Err(failure), None) if failure.placed => State::Refused,
        (Err(_), Some(_)) => State::Same,
        _ => State::Different,
    };
    let ours = match ours {
        Ok(ours) => ours.to_string(),
        Err(failure) => format!("{} (placed: {})", failure.text, failure.placed),
    };
    Outcome(
        state,
        format!("  {what}\n    here   {ours}\n    wanted {wanted}"),
    )
}

fn sort(value: &Json) -> Json {
    match value {
        Json::Array(items) => {
            let mut items: Vec<Json> = items.iter().map(sort).collect();
            items.sort_by_key(Json::to_string);
            Json::from(items)
        }
        Json::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), sort(value)))
            .collect(),
        plain => plain.clone(),
    }
}

/// A value in the corpus' notation, with its type.
fn typed(value: &Data) -> Json {
    match value {
        Data::Null => Json::Null,
        Data::Bool(value) => Json::Bool(*value),
        Data::Text(text) | Data::Literal(text) => Json::from(text.as_str()),
        Data::Int(number) => integer(&number.to_string()),
        Data::Big(number) => integer(&number.to_string()),
        Data::Float(number) => json!({"float": float_text(*number)}),
        Data::List(items) => items.iter().map(typed).collect(),
        Data::Map(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, item)| json!([typed(key), typed(item)]));
            json!({"dict": pairs.collect::<Vec<_>>()})
        }
        Data::Set(items) => {
            let mut items: Vec<Json> = items.iter().map(typed).collect();
            items.sort_by_key(Json::to_string);
            json!({"set": items})
        }
        Data::Bytes(bytes) => {
            json!({"bytes": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()})
        }
        Data::Date(date) => json!({"date": date.to_string()}),
        Data::Time(..) => json!({"datetime": value.iso_text()}),
        Data::Vault(text) => json!({"other": text}),
        Data::Unreadable(problem) => json!({"other": problem.message()}),
    }
}

fn integer(digits: &str) -> Json {
    match digits.parse::<i64>() {
        Ok(number) if number.unsigned_abs() < 1 << 53 => Json::from(number),
        _ => json!({"int": digits}),
    }
}

/// An object in the corpus' notation, its numbers as Go prints them, its keys sorted.
fn as_go_prints(value: &Json) -> Json {
    match value {
        Json::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or_default();
            let text = go_float(number);
            if text.contains(['.', 'e']) {
                json!({"float": text})
            } else {
                integer(&text)
            }
        }
        Json::Number(number) => integer(&number.to_string()),
        Json::Array(items) => items.iter().map(as_go_prints).collect(),
        Json::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().collect();
            let pairs = sorted
                .into_iter()
                .map(|(key, value)| json!([key, as_go_prints(value)]));
            json!({"dict": pairs.collect::<Vec<_>>()})
        }
        plain => plain.clone(),
    }
}

/// Go's JSON: exponents below 1e-6 and from 1e21.
fn go_float(number: f64) -> String {
    if number != 0.0 && !(1e-6..1e21).contains(&number.abs()) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').expect("an exponent");
        return match exponent.strip_prefix('-') {
            // encoding/json writes e-09 as e-9.
            Some(exponent) => format!("{digits}e-{exponent}"),
            None => format!("{digits}e+{exponent:0>2}"),
        };
    }
    format!("{number}")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads a family; the README describes the format.
fn read_family(kind: &str, path: &Path) -> Family {
    let named = match kind {
        "jinja" => "template",
        kind => kind,
    };
    let shorts: &[(&str, &str)] = match kind {
        "jinja" => &[("> ", "expression"), ("! ", "refused")],
        "vars" => &[("> ", "scalar")],
        _ => &[("> ", "scalar"), ("? ", "key")],
    };
    let text = std::fs::read_to_string(path).unwrap();
    let about = text.lines().take_while(|line| line.starts_with('#'));
    let mut family = Family {
        about: about
            .map(|line| line.trim_start_matches('#').trim())
            .collect::<Vec<_>>()
            .join(" "),
        ..Family::default()
    };
    let mut case: Option<Case> = None;
    let mut section: Option<(String, bool, Vec<&str>)> = None;
    for line in text.split('\n').chain(["==="]) {
        let begins = line == "===" || line.starts_with("=== ");
        if (begins || line.starts_with("==> "))
            && let Some((name, escaped, lines)) = section.take()
        {
            let text = section_text(&name, escaped, lines);
            if !(text.is_empty() && name == named && !escaped) {
                let sections = match &mut case {
                    Some(case) => &mut case.sections,
                    None => &mut family.shared,
                };
                sections.insert(name, text);
            }
        }
        if begins {
            family.cases.extend(case.take());
            if let Some(name) = line.strip_prefix("=== ") {
                case = Some(Case {
                    name: name.trim().to_owned(),
                    sections: Sections::new(),
                });
                section = Some((named.to_owned(), false, Vec::new()));
            }
        } else if let Some(words) = line.strip_prefix("==> ") {
            let words = words.trim();
            let (name, escaped) = match words.strip_suffix(" escaped") {
                Some(name) => (name, true),
                None => (words, false),
            };
            section = Some((name.to_owned(), escaped, Vec::new()));
        } else if let Some((_, _, lines)) = &mut section {
            lines.push(line);
        } else if let Some((short, rest)) = shorts
            .iter()
            .find_map(|(mark, short)| Some((*short, line.strip_prefix(mark)?)))
        {
            family.cases.extend(case.take());
            let name = match short {
                "key" => format!("? {rest}"),
                _ => rest.to_owned(),
            };
            family.cases.push(Case {
                name,
                sections: Sections::from([(short.to_owned(), rest.to_owned())]),
            });
        }
    }
    family
}

fn section_text(name: &str, escaped: bool, mut lines: Vec<&str>) -> String {
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    if escaped {
        return unescape(&lines.concat());
    }
    let text: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
    match name {
        "value" => text.strip_suffix('\n').unwrap_or(&text).to_owned(),
        _ => text,
    }
}

fn unescape(text: &str) -> String {
    let mut result = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            result.push(character);
            continue;
        }
        let length = match characters.next().expect("an escape") {
            'n' => {
                result.push('\n');
                continue;
            }
            'r' => {
                result.push('\r');
                continue;
            }
            't' => {
                result.push('\t');
                continue;
            }
            '0' => {
                result.push('\0');
                continue;
            }
            '\\' => {
                result.push('\\');
                continue;
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            other => panic!("no such escape: {other}"),
        };
        let code: String = characters.by_ref().take(length).collect();
        let code = u32::from_str_radix(&code, 16).expect("hexadecimal digits");
        result.push(char::from_u32(code).expect("a character"));
    }
    result
}
