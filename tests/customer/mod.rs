//! What customers choose, in the catalog's manifests: the fuzz target `customer` reads this file, too.

use chandlery::ansible::vault::Vault;
use chandlery::ansible::{Failure, Variables};
use chandlery::job::variables::variables;
use chandlery::kubernetes::generated::Generated;
use chandlery::manifest::{Source, parse, render};
use chandlery::odoo::contract::{Action, Job, Manifests, Work};
use chandlery::problem::Problem;
use serde_json::Value;

const CLAIM: &str = include_str!("../contract/claim_response.json");
const VARS: [&str; 2] = [
    include_str!("../../catalog/odoo/vars.yml"),
    include_str!("../inputs/catalog/given/vars.yml"),
];
const TEMPLATES: [(&str, &str); 3] = [
    ("postgres", include_str!("../../catalog/odoo/postgres.yml")),
    ("odoo", include_str!("../../catalog/odoo/odoo.yml")),
    ("reset", include_str!("../../catalog/odoo/reset.yml")),
];

/// The objects that the catalog's manifests give for an app of this name: their kinds, keys and types of values.
fn structure(name: &str) -> Result<Vec<Value>, Problem> {
    let mut claim: Value = serde_json::from_str(CLAIM).expect("the golden file is JSON");
    let mut job = claim["jobs"][0].take();
    for of in ["app", "production"] {
        job[of]["name"] = name.into();
        job[of]["namespace"] = format!("{name}-prod").into();
        job[of]["hostname"] = format!("{name}.apps.example.com").into();
        job[of]["url"] = format!("https://{name}.apps.example.com").into();
    }
    job["config_map"] = Value::Array(Vec::new());
    let job = Job::read(&job).map_err(|unreadable| unreadable.problem)?;
    let Work::App(job) = job.work else {
        panic!("the golden file begins with a deploy");
    };
    let Action::Deploy(Manifests { values, .. }) = &job.action else {
        panic!("the golden file begins with a deploy");
    };
    let secrets = ["postgres_password", "odoo_admin_password"];
    let secrets = secrets.map(|key| (key.to_owned(), "a password".to_owned().into()));
    let (generated, vault) = (Generated::from(secrets), Vault::default());
    let mut all = Variables::new();
    for text in VARS {
        all.extend(Variables::read(text, "vars.yml")?);
    }
    all.extend(variables(
        values,
        &job.app,
        &job.cluster,
        &generated,
        Some(&generated),
        &vault,
    )?);
    let all = all.resolve()?;
    let mut objects = Vec::new();
    for (title, text) in TEMPLATES {
        let source = Source::new(title, title, text.to_owned());
        let rendered = render(&source, &all).map_err(|failure| match failure {
            Failure::Problem(problem) => *problem,
            other => panic!("the catalog includes no files: {other}"),
        })?;
        for object in parse(&rendered, &all)?.objects {
            let mut shape = shape(object.value.clone());
            shape["kind"] = object.value["kind"].clone();
            objects.push(shape);
        }
    }
    Ok(objects)
}

/// Values as the names of their types; keys that hold an app's name are none.
fn shape(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| (key, shape(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(shape).collect(),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "true or false".into(),
        Value::Null => Value::Null,
    }
}

/// Whether the name is refused as one; if it is not, the manifests must be those of any other app.
pub fn is_refused(name: &str) -> bool {
    match structure(name) {
        Err(problem) => {
            assert_eq!(problem.code.as_str(), "contract", "{name:?}: {problem}");
            true
        }
        Ok(found) => {
            assert_eq!(found, structure("shop").expect("a usual name"), "{name:?}");
            false
        }
    }
}
