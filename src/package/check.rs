//! Everything that is wrong with a package.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use serde_json::{Value, json};

use super::Description;
use super::description::{Expression, Operator, Plan, SetBy, Type, Variable};
use super::located::Located;
use super::schema;
use crate::ansible::Variables;
use crate::archive::{self, Archive};
use crate::code::Code;
use crate::manifest::given::{Given, ORIGIN};
use crate::manifest::policy::{Rule, Rules, Whose, violations};
use crate::manifest::{preview, well_formed};
use crate::object::{Object, group_of};
use crate::policy::Policy;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// The file that describes a package.
pub const FILE: &str = "package.yml";
/// The file with values to start from.
pub const VARS: &str = "vars.yml";
/// How large a picture may be, in bytes.
pub const ICON: u64 = 32 << 10;
/// How large a description or a file with values may be, in bytes.
pub const TEXT: u64 = 1 << 20;
/// The environment of a package that names none.
const PRODUCTION: &str = "prod";

/// What nobody thinks of who writes a manifest, and customers type.
const AWKWARD: &str = r#"it's: "so" # \{x}"#;

/// What was found out about a package.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// What its `package.yml` says, where it can be read.
    pub description: Option<Description>,
    /// How many objects its manifests make with the defaults, those of a reset among them.
    pub objects: usize,
    /// Everything that is wrong, in the order of the file where it stands in one.
    pub problems: Vec<Problem>,
}

/// Checks the package in a folder or archive.
pub async fn check(path: &Path) -> Checked {
    if !(path.is_file() && path.to_str().is_some_and(archive::is_named)) {
        return check_folder(path).await;
    }
    let written = unpacked(path).and_then(|archive| {
        let folder = tempfile::tempdir().and_then(|folder| {
            archive.write(folder.path())?;
            Ok(folder)
        });
        let folder = folder.map_err(|error| {
            Problem::new(
                Code::Internal,
                sentence!("The archive cannot be unpacked: {error}.", error),
            )
        })?;
        let top = archive.top().unwrap_or_default().to_owned();
        Ok((folder, top))
    });
    let (folder, top) = match written {
        Ok(written) => written,
        Err(problem) => {
            return Checked {
                problems: vec![problem],
                ..Checked::default()
            };
        }
    };
    let root = folder.path().join(top);
    let mut checked = check_folder(&root).await;
    // Nobody knows where it was unpacked.
    let known = |name: &mut String| {
        if let Ok(within) = Path::new(name.as_str()).strip_prefix(&root) {
            *name = format!("{}#{}", path.display(), within.display());
        }
    };
    for problem in &mut checked.problems {
        let excerpts = problem.excerpts.iter_mut();
        let names = excerpts.filter_map(|excerpt| excerpt.name.as_mut());
        let names = names.chain(problem.manifest.as_mut());
        names.chain(problem.url.as_mut()).for_each(known);
    }
    checked
}

/// The archive of a package.
///
/// # Errors
/// Where it cannot be read, or is none that is unpacked.
pub fn unpacked(file: &Path) -> Result<Archive, Problem> {
    let name = file.display().to_string();
    let read = std::fs::read(file).map_err(|error| {
        let message = sentence!("The file cannot be read: {error}.", error);
        Problem::new(Code::PackageInvalid, message)
    });
    read.and_then(|bytes| Archive::unpack(&bytes))
        .map_err(|problem| problem.in_manifest(&name, &name))
}

async fn check_folder(folder: &Path) -> Checked {
    let mut checked = Checked::default();
    if let Err(problems) = look(folder, &mut checked).await {
        checked.problems = problems;
    }
    let place = |problem: &Problem| (problem.url.clone(), problem.line, problem.column);
    checked.problems.sort_by_key(place);
    checked.problems.dedup();
    checked
}

async fn look(folder: &Path, checked: &mut Checked) -> Result<(), Vec<Problem>> {
    let name = |file: &str| folder.join(file).display().to_string();
    let vars = folder.join(VARS);
    let mut unreadable = None;
    let vars = match vars.exists().then(|| text(&vars)) {
        Some(Ok(text)) => Some((name(VARS), text)),
        Some(Err(problem)) => {
            unreadable = Some(problem);
            None
        }
        None => None,
    };
    let texts = Texts {
        package: (name(FILE), text(&folder.join(FILE)).map_err(one)?),
        vars,
    };
    let (mut package, description) = Package::read(texts)?;
    package.problems.extend(unreadable);
    let files_are_there = package.files(folder, &description);
    if files_are_there && package.problems.is_empty() {
        checked.objects = package.render(folder, &description).await;
    }
    checked.problems = package.problems;
    checked.description = Some(description);
    Ok(())
}

fn one(problem: Problem) -> Vec<Problem> {
    vec![problem]
}

/// The texts in which a package says what it is, each after what people call it.
pub struct Texts {
    /// `package.yml`.
    pub package: (String, String),
    /// `vars.yml`, where there is one.
    pub vars: Option<(String, String)>,
}

/// What the texts of a package say, where nothing is wrong with them. Its other files are not looked at.
///
/// # Errors
/// Everything that is wrong.
pub fn said(texts: Texts) -> Result<Description, Vec<Problem>> {
    let (package, description) = Package::read(texts)?;
    match package.problems.is_empty() {
        true => Ok(description),
        false => Err(package.problems),
    }
}

/// A text file of a package.
pub fn text(file: &Path) -> Result<String, Problem> {
    let name = file.display().to_string();
    let wrong = |message: Sentence| {
        Err(Problem::new(Code::PackageInvalid, message).in_manifest(&name, &name))
    };
    match std::fs::metadata(file) {
        Ok(found) if found.len() > TEXT => {
            return wrong(sentence!(
                "The file is longer than {number} KiB.",
                number = TEXT >> 10
            ));
        }
        Ok(_) => {}
        Err(error) => return wrong(sentence!("The file cannot be read: {error}.", error)),
    }
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) => wrong(sentence!("The file cannot be read: {error}.", error)),
    }
}

struct Package {
    located: Located,
    /// What stands in `vars.yml`, and what people call that file.
    vars: Variables,
    vars_name: String,
    problems: Vec<Problem>,
}

impl Package {
    /// Reads the texts, and says in `problems` what is wrong with what stands in them; where that is not even as the
    /// schema has it, there is nothing but problems.
    fn read(texts: Texts) -> Result<(Self, Description), Vec<Problem>> {
        let (name, text) = texts.package;
        let (located, value) = Located::read(&name, text).map_err(one)?;
        let problems = schema::problems(&located, &value).map_err(one)?;
        if !problems.is_empty() {
            return Err(problems);
        }
        let description: Description = serde_json::from_value(value).map_err(|error| {
            let problem = Problem::new(Code::Internal, format!("{error}."));
            one(located.locate("", problem))
        })?;
        let mut package = Self {
            located,
            vars: Variables::new(),
            vars_name: VARS.to_owned(),
            problems,
        };
        if let Some((name, text)) = texts.vars {
            match Variables::read(&text, &name) {
                Ok(vars) => package.vars = vars,
                Err(problem) => package.problems.push(problem),
            }
            package.vars_name = name;
        }
        package.variables(&description);
        package.plans(&description);
        package.placement(&description);
        Ok((package, description))
    }

    fn wrong(&mut self, path: &str, message: impl Into<Sentence>, hint: impl Into<Sentence>) {
        let problem = Problem::new(Code::PackageInvalid, message).hint(hint);
        self.problems.push(self.located.locate(path, problem));
    }

    fn variables(&mut self, description: &Description) {
        for name in Given::NAMES {
            if self.vars.get(name).is_some() {
                let problem = given(name).in_manifest(&self.vars_name, &self.vars_name);
                self.problems.push(problem);
            }
        }
        let mut seen = BTreeSet::new();
        let mut first_password = None;
        for (index, variable) in description.variables.iter().enumerate() {
            let path = format!("variables[{index}]");
            let name = &variable.name;
            if variable.first_password
                && let Some(other) = first_password.replace(name)
            {
                self.wrong(
                    &format!("{path}.first_password"),
                    sentence!("`{other}` is the first password, too.", other),
                    sentence!("Keep one of the two: the invitation tells one password."),
                );
            }
            if !seen.insert(name) {
                self.wrong(
                    &format!("{path}.name"),
                    sentence!("There are two variables `{name}`.", name),
                    sentence!("Remove one of them."),
                );
            }
            if Given::NAMES.contains(&name.as_str()) {
                let problem = self.located.locate(&format!("{path}.name"), given(name));
                self.problems.push(problem);
            }
            self.variable(variable, &path);
        }
    }

    fn variable(&mut self, variable: &Variable, path: &str) {
        let name = &variable.name;
        let in_vars = self.vars.get(name).is_some();
        let at = |member: &str| format!("{path}.{member}");
        if variable.default.is_some() && in_vars {
            self.wrong(
                &at("default"),
                sentence!("`{name}` has a value in vars.yml, too.", name),
                sentence!("Keep one of the two."),
            );
        }
        if variable.secret && (variable.default.is_some() || in_vars) {
            let member = if in_vars { "secret" } else { "default" };
            self.wrong(
                &at(member),
                sentence!("`{name}` is secret and has a value that everybody can read here.", name),
                sentence!("Remove the value: let it be `generated`, or `required` of who installs the package."),
            );
        }
        if variable.first_password && (!variable.secret || variable.r#type != Type::String) {
            self.wrong(
                &at("first_password"),
                sentence!(
                    "`{name}` is the first password, and not a secret line of text.",
                    name
                ),
                sentence!("Add `secret: true`, and leave out `type`."),
            );
        }
        if variable.generated.is_some() && !variable.secret {
            self.wrong(
                &at("generated"),
                sentence!("`{name}` is generated and not secret.", name),
                sentence!("Add `secret: true`: what is generated is kept in the cluster alone."),
            );
        }
        if variable.generated.is_some() && variable.r#type != Type::String {
            self.wrong(
                &at("type"),
                sentence!("`{name}` is generated, so it is a line of text.", name),
                sentence!("Leave out `type`."),
            );
        }
        if variable.set_by != SetBy::Operator
            && matches!(variable.r#type, Type::List | Type::Mapping)
        {
            self.wrong(
                &at("set_by"),
                sentence!(
                    "`{name}` is a list or a mapping, which no form can ask customers for.",
                    name
                ),
                sentence!("Take `type: text`, or leave out `set_by`."),
            );
        }
        let has_value = variable.default.is_some() || in_vars || variable.generated.is_some();
        if variable.required && has_value {
            self.wrong(
                &at("required"),
                sentence!(
                    "`{name}` is required, but has a value without anybody setting it.",
                    name
                ),
                sentence!("Leave out `required`."),
            );
        }
        if !variable.required && !has_value {
            self.wrong(
                &at("name"),
                sentence!("`{name}` has no value where nobody sets it.", name),
                sentence!("Give it a `default` (or a value in vars.yml), or say `required: true`."),
            );
        }
        if let Some(default) = &variable.default {
            self.value(variable, default, &at("default"));
            if !variable.choices.is_empty() && !variable.choices.contains(default) {
                self.wrong(
                    &at("default"),
                    sentence!("The default of `{name}` is none of its choices.", name),
                    sentence!("Add it to the choices, or take one of them."),
                );
            }
        }
        for (index, choice) in variable.choices.iter().enumerate() {
            let place = format!("{path}.choices[{index}]");
            self.value(variable, choice, &place);
            if variable.choices[..index].contains(choice) {
                self.wrong(
                    &place,
                    sentence!("{choice} stands there twice.", choice),
                    sentence!("Remove one."),
                );
            }
        }
    }

    fn plans(&mut self, description: &Description) {
        let plans = &description.plans;
        for (index, plan) in plans.iter().enumerate() {
            let path = format!("plans[{index}]");
            let before = &plans[..index];
            if before.iter().any(|other| other.name == plan.name) {
                self.wrong(
                    &format!("{path}.name"),
                    sentence!("There are two plans `{name}`.", name = plan.name),
                    sentence!("Remove one of them."),
                );
            }
            if before.iter().any(|other| other.title == plan.title) {
                self.wrong(
                    &format!("{path}.title"),
                    sentence!(
                        "Another plan is called `{title}`, too: customers could not tell them apart.",
                        title = plan.title
                    ),
                    sentence!("Give each a title of its own."),
                );
            }
            for (name, value) in &plan.values {
                self.plan_value(description, name, value, &format!("{path}.values.{name}"));
            }
        }
    }

    /// A variable that a plan sets: who pays for it does not get it otherwise, and nobody else sets it.
    fn plan_value(&mut self, description: &Description, name: &String, value: &Value, path: &str) {
        if Given::NAMES.contains(&name.as_str()) {
            let problem = self.located.locate(path, given(name));
            self.problems.push(problem);
            return;
        }
        let Some(variable) = description.variables.iter().find(|one| one.name == *name) else {
            if self.vars.get(name).is_none() {
                self.wrong(
                    path,
                    sentence!("There is no variable `{name}`, which the plan sets.", name),
                    sentence!("Correct its name, or add it to `variables` or vars.yml."),
                );
            }
            return;
        };
        if variable.secret {
            self.wrong(
                path,
                sentence!(
                    "`{name}` is secret and has a value that everybody can read here.",
                    name
                ),
                sentence!("Leave it out of the plan."),
            );
        } else if variable.set_by != SetBy::Operator {
            self.wrong(
                path,
                sentence!(
                    "Customers set `{name}`, and could change what the plan is paid for.",
                    name
                ),
                sentence!("Leave it out of the plan, or leave out its `set_by`."),
            );
        }
        self.value(variable, value, path);
        if !variable.choices.is_empty() && !variable.choices.contains(value) {
            self.wrong(
                path,
                sentence!("{value} is none of the choices of `{name}`.", value, name),
                sentence!("Add it to the choices, or take one of them."),
            );
        }
    }

    /// Holds a value against its variable's type. A text with `{{` is a template: what comes of it is seen when it is
    /// rendered.
    fn value(&mut self, variable: &Variable, value: &Value, path: &str) {
        if value.as_str().is_some_and(|text| text.contains("{{")) {
            return;
        }
        let (fits, what) = match variable.r#type {
            Type::String => (
                value.as_str().is_some_and(|text| !text.contains('\n')),
                sentence!("one line of text"),
            ),
            Type::Text => (value.is_string(), sentence!("a text")),
            Type::Integer => (
                value.is_i64() || value.is_u64(),
                sentence!("a whole number"),
            ),
            Type::Number => (value.is_number(), sentence!("a number")),
            Type::Boolean => (value.is_boolean(), sentence!("true or false")),
            Type::Quantity => (
                is_quantity(value),
                sentence!("an amount as Kubernetes writes it, such as 500m or 2Gi"),
            ),
            Type::List => (value.is_array(), sentence!("a list")),
            Type::Mapping => (value.is_object(), sentence!("a mapping")),
        };
        if !fits {
            let hint = match (variable.r#type, value) {
                (Type::String | Type::Text, Value::Number(_) | Value::Bool(_)) => {
                    sentence!("Put it in quotation marks.")
                }
                _ => sentence!("Change the value, or the variable's `type`."),
            };
            self.wrong(
                path,
                sentence!(
                    "{value} is not {what}, which `{name}` has to be.",
                    value,
                    what,
                    name = variable.name
                ),
                hint,
            );
        }
    }

    /// Labels, selector and environments.
    fn placement(&mut self, description: &Description) {
        let codes = &description.environments;
        for (index, code) in codes.iter().enumerate() {
            if codes[..index].contains(code) {
                self.wrong(
                    &format!("environments[{index}]"),
                    sentence!("`{code}` stands there twice.", code),
                    sentence!("Remove one."),
                );
            }
        }
        if !description.manifests.reset.is_empty() && codes.len() < 2 {
            self.wrong(
                "manifests.reset",
                sentence!("A reset copies production into another environment, and the package has no other."),
                sentence!("Name the others in `environments`, such as `[prod, int]`."),
            );
        }
        let mut labels: Vec<(String, &str, &str)> = Vec::new();
        for (key, value) in &description.labels {
            labels.push((format!("labels.{key}"), key, value));
        }
        let selector = description.selector.clone().unwrap_or_default();
        for (key, value) in &selector.match_labels {
            labels.push((format!("selector.matchLabels.{key}"), key, value));
        }
        for (path, key, value) in labels {
            self.label(&path, key, value);
        }
        for (index, expression) in selector.match_expressions.iter().enumerate() {
            self.expression(&format!("selector.matchExpressions[{index}]"), expression);
        }
    }

    fn expression(&mut self, path: &str, expression: &Expression) {
        let Expression {
            key,
            operator,
            values,
        } = expression;
        self.label(&format!("{path}.key"), key, "");
        for (index, value) in values.iter().enumerate() {
            self.label(&format!("{path}.values[{index}]"), key, value);
        }
        let speaks_of_values = matches!(operator, Operator::In | Operator::NotIn);
        if speaks_of_values && values.is_empty() {
            self.wrong(
                &format!("{path}.operator"),
                sentence!("The condition on `{key}` names no values.", key),
                sentence!("Add `values`."),
            );
        }
        if !speaks_of_values && !values.is_empty() {
            self.wrong(
                &format!("{path}.values"),
                sentence!("The condition on `{key}` looks at no value.", key),
                sentence!("Remove `values`, or say `In` or `NotIn`."),
            );
        }
    }

    fn label(&mut self, path: &str, key: &str, value: &str) {
        if !is_label_key(key) {
            self.wrong(
                path,
                sentence!("`{key}` cannot be a label.", key),
                sentence!("A label is up to 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit; a DNS name and `/` may stand before it."),
            );
        } else if !is_label_value(value) {
            self.wrong(
                path,
                sentence!("The label `{key}` cannot have the value `{value}`.", key, value),
                sentence!("A value is up to 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit."),
            );
        }
    }

    /// Whether all manifests are there.
    fn files(&mut self, folder: &Path, description: &Description) -> bool {
        let mut all_there = true;
        for (purpose, paths) in description.manifests.all() {
            for (index, path) in paths.iter().enumerate() {
                let place = format!("manifests.{purpose}[{index}]");
                all_there &= self.file(folder, &place, path);
                if paths[..index].contains(path) {
                    self.wrong(
                        &place,
                        sentence!("`{path}` stands there twice.", path),
                        sentence!("Remove one."),
                    );
                }
            }
        }
        if let Some(icon) = &description.icon
            && self.file(folder, "icon", icon)
            && let Err(message) = picture(&folder.join(icon))
        {
            self.wrong(
                "icon",
                message,
                sentence!("Give an SVG or PNG of at most 32 KiB."),
            );
        }
        all_there
    }

    /// Whether a path leads to a file of the package.
    fn file(&mut self, folder: &Path, place: &str, path: &str) -> bool {
        if !is_below(path) {
            self.wrong(
                place,
                sentence!("`{path}` leads out of the package.", path),
                sentence!("Name a file below the package's folder, without `..`."),
            );
            return false;
        }
        let file = folder.join(path);
        // A link may lead anywhere.
        let found = file.canonicalize().ok().filter(|file| file.is_file());
        let folder = folder.canonicalize().unwrap_or_default();
        match found {
            None => {
                self.wrong(
                    place,
                    sentence!("There is no file `{path}` in the package.", path),
                    sentence!("Correct the path, or add the file."),
                );
                false
            }
            Some(found) if !found.starts_with(folder) => {
                self.wrong(
                    place,
                    sentence!("`{path}` leads out of the package.", path),
                    sentence!("Put the file itself there instead of a link."),
                );
                false
            }
            Some(_) => true,
        }
    }

    /// Renders all manifests with the defaults, for each environment and with each plan; gives the number of objects.
    async fn render(&mut self, folder: &Path, description: &Description) -> usize {
        let path = |name: &String| folder.join(name).display().to_string();
        let deploy: Vec<String> = description.manifests.deploy.iter().map(path).collect();
        let reset: Vec<String> = description.manifests.reset.iter().map(path).collect();
        let production = [PRODUCTION.to_owned()];
        let environments = match description.environments.as_slice() {
            [] => &production,
            named => named,
        };
        // Without a plan, too: so is what an operator installs.
        let plans: Vec<Option<&Plan>> = std::iter::once(None)
            .chain(description.plans.iter().map(Some))
            .collect();
        let (mut objects, mut problems) = (BTreeMap::new(), Vec::new());
        for (index, environment) in environments.iter().enumerate() {
            let mut wanted = deploy.clone();
            if index > 0 {
                wanted.extend(reset.iter().cloned());
            }
            for plan in &plans {
                let values = self.with_stand_ins(description, environment, *plan);
                let (made, wrong) = made(&values, &wanted).await;
                let made = made.into_iter();
                objects.extend(made.map(|object| (object.reference().to_string(), object)));
                for problem in wrong {
                    // What is wrong without a plan is wrong with all of them.
                    if problems.contains(&problem) {
                        continue;
                    }
                    let problem = match plan {
                        Some(plan) => with_plan(problem, plan),
                        None => problem,
                    };
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                }
            }
        }
        let rendered = problems.is_empty();
        self.problems.extend(problems);
        if rendered {
            let all: Vec<String> = deploy.into_iter().chain(reset).collect();
            self.unused(description, &all).await;
            let environment = environments.last().map_or(PRODUCTION, |code| code);
            self.customers_text(description, environment, &all).await;
            let objects: Vec<Object> = objects.into_values().collect();
            self.kinds(description, objects.iter());
            self.node_ports(description, &objects);
            return objects.len();
        }
        objects.len()
    }

    /// The defaults and what a plan has in their place, what Chandlery gives, and something for what is not known before
    /// an installation.
    fn with_stand_ins(
        &self,
        description: &Description,
        environment: &str,
        plan: Option<&Plan>,
    ) -> Variables {
        let mut variables = self.vars.clone();
        let mut secrets = serde_json::Map::new();
        for variable in &description.variables {
            let name = &variable.name;
            if let Some(generated) = &variable.generated {
                let value = "x".repeat(generated.length as usize);
                secrets.insert(name.clone(), value.as_str().into());
                variables.set_secret(name, value, FILE, true);
            } else if let Some(value) = &variable.default {
                variables.set(name, value.clone(), FILE);
            } else if variable.required {
                variables.set(name, stand_in(variable), FILE);
            }
        }
        for (name, value) in plan.iter().flat_map(|plan| &plan.values) {
            variables.set(name, value.clone(), FILE);
        }
        let namespace = format!("{}-{environment}", description.name);
        let hostname = format!("{namespace}.example.com");
        let siblings = [format!("{}-{PRODUCTION}", description.name)];
        let node_ports = node_ports(description);
        let given = Given {
            app_name: &description.name,
            environment,
            hostname: &hostname,
            hostnames: &["www.example.com".to_owned(), hostname.clone()],
            primary_hostname: "www.example.com",
            url: "https://www.example.com",
            namespace: &namespace,
            cluster_name: "cluster",
            cluster_domain: "example.com",
            ingress_class: "nginx",
            tls_issuer: "issuer",
            sibling_namespaces: &siblings,
            node_ports: &node_ports,
        };
        given.set(&mut variables);
        let production = json!({
            "name": description.name,
            "namespace": siblings[0],
            "hostname": "example.com",
            "url": "https://example.com",
            "secrets": secrets,
        });
        variables.set("production", production, ORIGIN);
        variables
    }

    /// Names the variables that no manifest uses, be it by another variable.
    async fn unused(&mut self, description: &Description, templates: &[String]) {
        let Ok(used) = preview::used(templates).await else {
            return;
        };
        let used: BTreeSet<&str> = used
            .iter()
            .flat_map(|used| used.variables.iter().map(String::as_str))
            .collect();
        let mut values: Vec<String> = self
            .vars
            .iter()
            .map(|(_, one)| format!("{:?}", one.value))
            .collect();
        let defaults = description
            .variables
            .iter()
            .filter_map(|one| one.default.as_ref());
        let of_plans = description
            .plans
            .iter()
            .flat_map(|plan| plan.values.values());
        values.extend(defaults.chain(of_plans).map(Value::to_string));
        for (index, variable) in description.variables.iter().enumerate() {
            let name = &variable.name;
            let by_another = values
                .iter()
                .any(|value| value.contains("{{") && value.contains(name));
            if !used.contains(name.as_str()) && !by_another {
                self.wrong(
                    &format!("variables[{index}].name"),
                    sentence!("No manifest uses `{name}`.", name),
                    sentence!("Correct its name, or remove it."),
                );
            }
        }
    }

    /// Says where a text of a customer's would not stay one text.
    async fn customers_text(
        &mut self,
        description: &Description,
        environment: &str,
        templates: &[String],
    ) {
        for variable in &description.variables {
            let text = match variable.r#type {
                Type::String => AWKWARD.to_owned(),
                Type::Text => format!("{AWKWARD}\n{AWKWARD}"),
                _ => continue,
            };
            if variable.set_by == SetBy::Operator || !variable.choices.is_empty() {
                continue;
            }
            let name = &variable.name;
            let mut values = self.with_stand_ins(description, environment, None);
            match variable.secret {
                true => values.set_secret(name, text, FILE, true),
                false => values.set(name, text, FILE),
            }
            let (_, wrong) = made(&values, templates).await;
            self.problems.extend(wrong.into_iter().map(|problem| {
                let message = sentence!(
                    "Customers set `{name}`, and with quotation marks in it: {problem}",
                    name,
                    problem = problem.message
                );
                Problem { message, ..problem }.hint(sentence!(
                    "Write `{{{{ {name} | to_json }}}}`, without quotation marks around it: any text is one text then.",
                    name
                ))
            }));
        }
    }

    /// Compares the ports of the nodes that Services take with those that the package asks for. Where it asks for none, its
    /// Services may take any on clusters whose policy allows that.
    fn node_ports(&mut self, description: &Description, objects: &[Object]) {
        let own = node_ports(description);
        if own.is_empty() {
            return;
        }
        let policy = Policy::default();
        let whose = Whose {
            namespace: "",
            hostname: "",
            domains: &[],
            siblings: &[],
            node_ports: &own,
        };
        for violation in violations(objects, &Rules::new(&policy, "", "", whose)) {
            if violation.rule == Rule::NodePort {
                let problem =
                    Problem::new(Code::PackageInvalid, violation.message).hint(sentence!(
                        "Write `nodePort: {{{{ node_ports[0] }}}}`, without quotation marks."
                    ));
                let problem = violation.object.locate_field(&violation.field, problem);
                self.problems.push(problem);
            }
        }
        let taken: Vec<&Value> = objects
            .iter()
            .filter(|object| object.kind() == "Service")
            .filter_map(|service| service.value["spec"]["ports"].as_array())
            .flatten()
            .map(|port| &port["nodePort"])
            .collect();
        for (index, port) in own.iter().enumerate() {
            if !taken.iter().any(|taken| *taken == port) {
                self.wrong(
                    "needs.node_ports",
                    sentence!("With the defaults no Service takes `node_ports[{index}]`.", index),
                    sentence!("Write `nodePort: {{{{ node_ports[{index}] }}}}` in a Service of the type NodePort, or ask for fewer.", index),
                );
            }
        }
    }

    /// Compares the kinds that the manifests have with those that the package says it needs.
    fn kinds<'a>(&mut self, description: &Description, objects: impl Iterator<Item = &'a Object>) {
        let mut used = BTreeSet::new();
        for object in objects {
            let group = group_of(object.api_version());
            if !is_of_kubernetes(group) {
                used.insert(format!("{}.{group}", object.kind()));
            }
        }
        let needed = &description.needs.kinds;
        for kind in used.iter().filter(|kind| !needed.contains(kind)) {
            self.wrong(
                "needs.kinds",
                sentence!(
                    "The manifests have objects of the kind {kind}, which not every cluster knows.",
                    kind
                ),
                sentence!("Add `{kind}` to `needs.kinds`.", kind),
            );
        }
        for (index, kind) in needed.iter().enumerate() {
            if !used.contains(kind) {
                self.wrong(
                    &format!("needs.kinds[{index}]"),
                    sentence!("With the defaults no manifest has an object of the kind {kind}.", kind),
                    sentence!("Remove it, or correct its name: kind and API group, such as `Certificate.cert-manager.io`."),
                );
            }
        }
    }
}

/// The objects that templates make with these values, and all that is wrong. The templates go one by one, so that what is
/// wrong with one hides nothing of the others.
async fn made(values: &Variables, templates: &[String]) -> (Vec<Object>, Vec<Problem>) {
    let values = match values.resolve() {
        Ok(values) => values,
        Err(problem) => return (Vec::new(), vec![problem]),
    };
    let (mut objects, mut problems) = (Vec::new(), Vec::new());
    for template in templates {
        match preview::objects(&values, std::slice::from_ref(template)).await {
            Ok(made) => {
                problems.extend(made.iter().filter_map(|object| well_formed(object).err()));
                objects.extend(made);
            }
            Err(wrong) => problems.extend(wrong),
        }
    }
    (objects, problems)
}

/// Ports of the nodes in the place of those that an app will have.
fn node_ports(description: &Description) -> Vec<u16> {
    (30000..)
        .take(description.needs.node_ports as usize)
        .collect()
}

fn with_plan(problem: Problem, plan: &Plan) -> Problem {
    let message = sentence!(
        "With the plan `{name}`: {problem}",
        name = plan.name,
        problem = problem.message
    );
    Problem { message, ..problem }
}

/// That nobody but Chandlery sets a variable.
fn given(name: &str) -> Problem {
    Problem::new(
        Code::PackageInvalid,
        sentence!(
            "Chandlery itself gives `{name}`: another value has no effect.",
            name
        ),
    )
    .hint(sentence!("Take another name, or leave it out."))
}

/// Something of the variable's type for what must be set and is not known here.
fn stand_in(variable: &Variable) -> Value {
    if let Some(first) = variable.choices.first() {
        return first.clone();
    }
    match variable.r#type {
        Type::String | Type::Text => "example".into(),
        Type::Integer | Type::Number => 1.into(),
        Type::Boolean => true.into(),
        Type::Quantity => "1".into(),
        Type::List => json!([]),
        Type::Mapping => json!({}),
    }
}

/// Whether it is a quantity: a number, with a suffix of ten or two if need be.
fn is_quantity(value: &Value) -> bool {
    let Some(text) = value.as_str() else {
        return value.as_f64().is_some_and(|number| number >= 0.0);
    };
    let number = text.trim_end_matches(|sign: char| sign.is_ascii_alphabetic());
    let suffixes = [
        "", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    let is_number =
        number.starts_with(|sign: char| sign.is_ascii_digit()) && number.parse::<f64>().is_ok();
    is_number && suffixes.contains(&&text[number.len()..])
}

/// Whether Kubernetes itself serves what is in an API group.
fn is_of_kubernetes(group: &str) -> bool {
    !group.contains('.') || group.ends_with(".k8s.io")
}

fn is_label_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let is_sign = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    let prefix_fits = prefix.is_none_or(|prefix| {
        !prefix.is_empty() && prefix.len() <= 253 && prefix.bytes().all(is_sign)
    });
    prefix_fits && !name.is_empty() && is_label_value(name)
}

fn is_label_value(value: &str) -> bool {
    let is_edge = |sign: Option<char>| sign.is_none_or(|sign| sign.is_ascii_alphanumeric());
    let is_sign = |sign: char| sign.is_ascii_alphanumeric() || "-_.".contains(sign);
    value.len() <= 63
        && value.chars().all(is_sign)
        && is_edge(value.chars().next())
        && is_edge(value.chars().next_back())
}

/// Whether a path leads to something below the folder that it is relative to.
pub fn is_below(path: &str) -> bool {
    let parts = Path::new(path).components();
    parts.clone().count() > 0
        && parts
            .into_iter()
            .all(|part| matches!(part, Component::Normal(_)))
        && !path.contains(['\\', '\0'])
}

/// Reads a picture for the library.
///
/// # Errors
/// Why it is none.
pub fn picture(file: &Path) -> Result<Vec<u8>, Sentence> {
    let size = std::fs::metadata(file).map_or(0, |found| found.len());
    if size > ICON {
        return Err(sentence!(
            "The picture has {number} KiB.",
            number = size.div_ceil(1 << 10)
        ));
    }
    let bytes = std::fs::read(file)
        .map_err(|error| sentence!("The picture cannot be read: {error}.", error))?;
    match is_picture(file, &bytes) {
        true => Ok(bytes),
        false => Err(sentence!("The file is not the picture that its name says.")),
    }
}

/// Whether these are the bytes of a picture of the kind that its name says.
pub fn is_picture(name: &Path, bytes: &[u8]) -> bool {
    match name.extension().and_then(|extension| extension.to_str()) {
        Some("png") => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        Some("svg") => String::from_utf8_lossy(bytes).contains("<svg"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_those_of_kubernetes() {
        for right in ["500m", "2Gi", "1.5", "0", "10k", "1E"] {
            assert!(is_quantity(&right.into()), "{right}");
        }
        for wrong in ["2GB", "", "Gi", "-1", "1 Gi", "1e3x", ".5Gi"] {
            assert!(!is_quantity(&wrong.into()), "{wrong}");
        }
        assert!(is_quantity(&json!(2)) && !is_quantity(&json!(true)));
    }

    #[test]
    fn labels_are_those_of_kubernetes() {
        for right in ["gpu", "example.com/tier", "a.b_c-d"] {
            assert!(is_label_key(right), "{right}");
        }
        for wrong in [
            "",
            "-a",
            "a/",
            "/a",
            "A B",
            "Example.com/x",
            &"a".repeat(64),
        ] {
            assert!(!is_label_key(wrong), "{wrong}");
        }
        assert!(is_label_value("") && !is_label_value("a b") && !is_label_value("b-"));
    }
}
