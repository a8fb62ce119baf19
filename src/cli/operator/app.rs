//! `chandlery app`: an operator's day with apps, by the same calls as the buttons make.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::client::Odoo;
use super::domains;
use super::job::{self, Patience};
use super::{Answer, Connection, end, id, number, table, text};
use crate::code::Code;
use crate::problem::Problem;

const MODEL: &str = "kubernetes.app";
/// What stands for a secret value, which Odoo does not give out.
const MASKED: &str = "********";
const LISTED: [&str; 9] = [
    "name",
    "environment_id",
    "state",
    "hostname",
    "partner_id",
    "cluster_id",
    "namespace_id",
    "wanted_state",
    "ingress_state",
];

#[derive(Debug, clap::Args)]
pub struct App {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

/// An app is named by `NAME/ENVIRONMENT`, by its address, or by its name alone where it is in one environment only.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// All apps, or some
    List {
        /// Of this cluster
        #[arg(long)]
        cluster: Option<String>,
        /// In this environment, by its code
        #[arg(long)]
        environment: Option<String>,
        /// In this state, such as running or failed
        #[arg(long)]
        state: Option<String>,
        /// Of customers whose name holds this
        #[arg(long)]
        customer: Option<String>,
    },
    /// One app with its values; those of secrets are masked, and what is not applied yet is marked
    Get { app: String },
    /// Makes an app of a package of the library and deploys it, without a sale
    Create(Create),
    /// Sets values of an app; they count from the next apply on
    Set(Set),
    /// Deploys an app with its present manifests and values
    Apply {
        #[arg(value_name = "APP", required = true)]
        apps: Vec<String>,
        /// Shows first what would change, and asks; with --yes, deploys only where something would
        #[arg(long)]
        diff: bool,
        /// Does not ask
        #[arg(long, short = 'y', requires = "diff")]
        yes: bool,
        #[command(flatten)]
        patience: Patience,
    },
    /// Shows what an apply would change; exit status 1 if anything would
    Diff {
        app: String,
        #[command(flatten)]
        patience: Patience,
    },
    /// Starts a stopped app
    Start(One),
    /// Stops an app; its data stays
    Stop(One),
    /// Replaces an app's pods
    Restart(One),
    /// Resets an app as its product says; never production
    Reset(One),
    /// Deletes an app
    Delete {
        app: String,
        /// The app's cluster and namespace, as `CLUSTER/NAMESPACE`, which no other app has
        #[arg(long, value_name = "CLUSTER/NAMESPACE")]
        confirm: String,
        /// Deletes its volumes, too
        #[arg(long)]
        volumes: bool,
        #[command(flatten)]
        patience: Patience,
    },
    /// The domains of an app's customer, and the DNS records that they need
    Domains {
        app: String,
        #[command(subcommand)]
        command: Option<domains::Command>,
    },
    /// The steps of an app's last job, or of another one
    Logs {
        #[arg(required_unless_present = "job")]
        app: Option<String>,
        /// The job's number
        #[arg(long)]
        job: Option<i64>,
        /// Follows it until it ends
        #[arg(long, short = 'f')]
        follow: bool,
    },
}

#[derive(Debug, clap::Args)]
struct One {
    app: String,
    #[command(flatten)]
    patience: Patience,
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The app's name
    name: String,
    /// The package's name
    #[arg(long)]
    package: String,
    /// The repository, where several have a package of this name
    #[arg(long)]
    repository: Option<String>,
    /// The cluster, where there are several
    #[arg(long)]
    cluster: Option<String>,
    /// An environment's code; may be repeated [default: production]
    #[arg(long)]
    environment: Vec<String>,
    /// The customer, by the exact name or e-mail address [default: your own company]
    #[arg(long)]
    customer: Option<String>,
    #[command(flatten)]
    values: Values,
    #[command(flatten)]
    patience: Patience,
}

#[derive(Debug, clap::Args)]
struct Set {
    app: String,
    #[command(flatten)]
    values: Values,
}

#[derive(Debug, clap::Args)]
struct Values {
    /// A value as a text; may be repeated
    #[arg(long = "value", value_name = "KEY=VALUE", value_parser = pair)]
    texts: Vec<(String, String)>,
    /// A value as YAML; may be repeated
    #[arg(long = "yaml", value_name = "KEY=YAML", value_parser = pair)]
    yaml: Vec<(String, String)>,
    /// A secret value, read from a file; may be repeated
    #[arg(long = "secret-file", value_name = "KEY=FILE", value_parser = pair)]
    secrets: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE".to_owned()),
    }
}

/// Runs a command on apps.
pub async fn run(app: &App) -> ExitCode {
    end(done(app).await, app.connection.output)
}

async fn done(app: &App) -> Result<Answer, Problem> {
    let odoo = app.connection.odoo()?;
    match &app.command {
        Command::List {
            cluster,
            environment,
            state,
            customer,
        } => {
            let mut domain = Vec::new();
            for (field, operator, value) in [
                ("cluster_id.name", "=", cluster),
                ("environment_id.code", "=", environment),
                ("state", "=", state),
                ("partner_id.name", "ilike", customer),
            ] {
                domain.extend(value.as_ref().map(|value| json!([field, operator, value])));
            }
            list(&odoo, json!(domain)).await
        }
        Command::Get { app } => get(&odoo, app).await,
        Command::Create(create) => make(&odoo, create).await,
        Command::Set(set) => set_values(&odoo, set).await,
        Command::Apply {
            apps,
            diff: false,
            patience,
            ..
        } => {
            let mut answers = Vec::new();
            for app in apps {
                answers.push(ask(&odoo, app, "action_apply", &["deploy"], *patience).await?);
            }
            Ok(together(answers))
        }
        Command::Apply {
            apps,
            yes,
            patience,
            ..
        } => {
            let mut answers = Vec::new();
            for app in apps {
                answers.push(apply_what_differs(&odoo, app, *yes, *patience).await?);
            }
            Ok(together(answers))
        }
        Command::Diff { app, patience } => {
            let found = find(&odoo, app).await?;
            Ok(compare(&odoo, &found, *patience).await?.1)
        }
        Command::Start(One { app, patience }) => {
            // What was never deployed is deployed by it.
            ask(&odoo, app, "action_start", &["start", "deploy"], *patience).await
        }
        Command::Stop(One { app, patience }) => {
            ask(&odoo, app, "action_stop", &["stop"], *patience).await
        }
        Command::Restart(One { app, patience }) => {
            ask(&odoo, app, "action_restart", &["restart"], *patience).await
        }
        Command::Reset(One { app, patience }) => {
            let found = find(&odoo, app).await?;
            let number = number(&found)?;
            // The button says first whether it may be reset at all.
            odoo.call(MODEL, "action_reset", &[number], json!({}))
                .await?;
            let wizard = ("kubernetes.app.reset", json!({"app_id": number}));
            confirm(&odoo, number, wizard, "reset", *patience).await
        }
        Command::Delete {
            app,
            confirm: typed,
            volumes,
            patience,
        } => {
            let found = find(&odoo, app).await?;
            let number = number(&found)?;
            let values =
                json!({"app_id": number, "confirmed_name": typed, "delete_volumes": volumes});
            let wizard = ("kubernetes.app.delete", values);
            confirm(&odoo, number, wizard, "delete", *patience).await
        }
        Command::Domains { app, command } => {
            let app = number(&find(&odoo, app).await?)?;
            domains::run(&odoo, app, command.as_ref()).await
        }
        Command::Logs { app, job, follow } => logs(&odoo, app.as_deref(), *job, *follow).await,
    }
}

/// The answers of several apps as one.
fn together(mut answers: Vec<Answer>) -> Answer {
    if answers.len() == 1 {
        return answers.remove(0);
    }
    Answer {
        well: answers.iter().all(|answer| answer.well),
        table: answers
            .iter()
            .map(|answer| answer.table.as_str())
            .collect::<Vec<_>>()
            .join("\n"),
        json: answers.into_iter().map(|answer| answer.json).collect(),
    }
}

async fn list(odoo: &Odoo, domain: Value) -> Result<Answer, Problem> {
    let apps = odoo
        .search(MODEL, domain, &LISTED, "name, environment_id, id")
        .await?;
    let rows: Vec<Vec<String>> = apps
        .iter()
        .map(|app| {
            [
                "name",
                "environment_id",
                "state",
                "hostname",
                "cluster_id",
                "partner_id",
            ]
            .iter()
            .map(|field| text(app, field))
            .collect()
        })
        .collect();
    let heading = [
        "NAME",
        "ENVIRONMENT",
        "STATE",
        "ADDRESS",
        "CLUSTER",
        "CUSTOMER",
    ];
    Ok(Answer::well(json!(apps), table(&heading, &rows)))
}

/// The app that is meant.
async fn find(odoo: &Odoo, named: &str) -> Result<Value, Problem> {
    let domain = match named.split_once('/') {
        Some((name, environment)) => json!([
            ["name", "=", name],
            "|",
            ["environment_id.code", "=", environment],
            ["environment_id.name", "=", environment],
        ]),
        None => json!(["|", ["name", "=", named], ["hostname", "=", named]]),
    };
    let mut fields = LISTED.to_vec();
    fields.extend([
        "uid",
        "url",
        "images",
        "state_message_shown",
        "config_map_id",
        "secret_id",
        "manifest_line_ids",
        "change_ids",
    ]);
    let mut found = odoo.search(MODEL, domain, &fields, "id").await?;
    // The name of a deleted app may be another one's by now.
    if found.len() > 1 {
        found.retain(|app| app["state"] != "deleted");
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Problem::new(
            Code::OdooRefused,
            format!("There is no app '{named}', or it is not yours."),
        )
        .hint("`chandlery app list` names those that you may see.")),
        _ => {
            let names: Vec<String> = found.iter().map(|app| text(app, "hostname")).collect();
            Err(Problem::new(
                Code::OdooRefused,
                format!("Several apps are named '{named}'."),
            )
            .hint(format!("Name one by its address: {}.", names.join(", "))))
        }
    }
}

async fn get(odoo: &Odoo, named: &str) -> Result<Answer, Problem> {
    let mut app = find(odoo, named).await?;
    let changes = odoo
        .search(
            "kubernetes.app.change",
            json!([["app_id", "=", number(&app)?]]),
            &["source", "name"],
            "id",
        )
        .await?;
    let is_changed = |source: &str, key: &str| {
        changes
            .iter()
            .any(|change| change["source"] == source && change["name"] == key)
    };
    let (mut values, mut secrets) = (Vec::new(), Vec::new());
    if let Some(config_map) = id(&app["config_map_id"]) {
        let lines = odoo
            .search(
                "kubernetes.config.map.line",
                json!([["config_map_id", "=", config_map]]),
                &["key", "type", "value"],
                "key",
            )
            .await?;
        values.extend(lines.iter().map(|line| {
            let key = text(line, "key");
            json!({"key": key, "type": line["type"], "value": text(line, "value"), "applied": !is_changed("config_map", &key)})
        }));
    }
    if let Some(secret) = id(&app["secret_id"]) {
        let lines = odoo
            .search(
                "kubernetes.secret.line",
                json!([["secret_id", "=", secret]]),
                &["key", "type", "is_set", "generate"],
                "key",
            )
            .await?;
        secrets.extend(lines.iter().map(|line| {
            let key = text(line, "key");
            let value = match (line["generate"] == true, line["is_set"] == true) {
                (true, _) => Some("generated in the cluster"),
                (false, true) => Some(MASKED),
                (false, false) => None,
            };
            json!({"key": key, "type": line["type"], "value": value, "applied": !is_changed("secret", &key)})
        }));
    }
    let rows = [
        ("Name", text(&app, "name")),
        ("Environment", text(&app, "environment_id")),
        ("State", text(&app, "state")),
        ("", text(&app, "state_message_shown")),
        ("Address", text(&app, "url")),
        ("Ingress", text(&app, "ingress_state")),
        ("Images", text(&app, "images")),
        ("Cluster", text(&app, "cluster_id")),
        ("Namespace", text(&app, "namespace_id")),
        ("Customer", text(&app, "partner_id")),
        ("UID", text(&app, "uid")),
    ];
    let mut lines: Vec<String> = rows
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(label, value)| format!("{label:<12} {value}"))
        .collect();
    for (title, of) in [("Values", &values), ("Secrets", &secrets)] {
        lines.extend((!of.is_empty()).then(|| format!("\n{title}")));
        lines.extend(of.iter().map(shown_value));
    }
    app["values"] = Value::Array(values);
    app["secrets"] = Value::Array(secrets);
    app["not_applied"] = json!(changes);
    Ok(Answer::well(app, lines.join("\n")))
}

fn shown_value(line: &Value) -> String {
    let value = line["value"].as_str().unwrap_or("(not set)");
    let mark = match line["applied"] == true {
        true => "",
        false => "   (not applied yet)",
    };
    let value = value.trim_end().replace('\n', "\n    ");
    format!("  {} = {value}{mark}", text(line, "key"))
}

async fn make(odoo: &Odoo, create: &Create) -> Result<Answer, Problem> {
    let mut domain = vec![json!(["name", "=", create.package])];
    domain.extend(
        create
            .repository
            .as_ref()
            .map(|name| json!(["repository_id.name", "=", name])),
    );
    let package = only(
        odoo,
        "kubernetes.package",
        json!(domain),
        &create.package,
        "package",
    )
    .await?;
    let action = odoo
        .call(
            "kubernetes.package",
            "action_install",
            &[package],
            json!({}),
        )
        .await?;
    let wizard = "kubernetes.package.install";
    let install = number(&json!({"id": action["res_id"]}))?;
    let mut values = Map::from_iter([("name".to_owned(), json!(create.name))]);
    if let Some(name) = &create.cluster {
        let domain = json!([["name", "=", name]]);
        let cluster = only(odoo, "kubernetes.cluster", domain, name, "cluster").await?;
        values.insert("cluster_id".to_owned(), json!(cluster));
    }
    if let Some(name) = &create.customer {
        let domain = json!(["|", ["name", "=", name], ["email", "=", name]]);
        let customer = only(odoo, "res.partner", domain, name, "customer").await?;
        values.insert("partner_id".to_owned(), json!(customer));
    }
    let mut environments = Vec::new();
    for code in &create.environment {
        let domain = json!([["code", "=", code]]);
        environments.push(only(odoo, "kubernetes.environment", domain, code, "environment").await?);
    }
    if !environments.is_empty() {
        // Odoo's command that replaces what is there.
        values.insert("environment_ids".to_owned(), json!([[6, 0, environments]]));
    }
    odoo.call(wizard, "write", &[install], json!({"vals": values}))
        .await?;
    let lines = odoo
        .search(
            "kubernetes.package.install.line",
            json!([["install_id", "=", install]]),
            &["key", "is_secret"],
            "id",
        )
        .await?;
    for (key, value, kind) in create.values.read()? {
        let Some(line) = lines.iter().find(|line| text(line, "key") == key) else {
            return Err(Problem::new(
                Code::Variables,
                format!("The package {} does not ask for '{key}'.", create.package),
            )
            .hint("Set it by `chandlery app set` when the app is there."));
        };
        let field = match line["is_secret"] == true {
            true => "secret_value",
            false => "value",
        };
        let mut vals = Map::from_iter([(field.to_owned(), json!(value))]);
        if kind != Kind::Secret {
            vals.insert("type".to_owned(), json!(kind.odoo()));
        }
        odoo.call(
            "kubernetes.package.install.line",
            "write",
            &[number(line)?],
            json!({"vals": vals}),
        )
        .await?;
    }
    let action = odoo
        .call(wizard, "action_install", &[install], json!({}))
        .await?;
    let made = odoo
        .search(MODEL, action["domain"].clone(), &LISTED, "id")
        .await?;
    let mut answers = Vec::new();
    for app in &made {
        let number = number(app)?;
        answers.push(job::follow(odoo, ("app_id", number), &["deploy"], 0, create.patience).await?);
    }
    Ok(together(answers))
}

/// The one record that is meant.
async fn only(
    odoo: &Odoo,
    model: &str,
    domain: Value,
    named: &str,
    what: &str,
) -> Result<i64, Problem> {
    let found = odoo.search(model, domain, &["display_name"], "id").await?;
    match found.as_slice() {
        [one] => number(one),
        [] => Err(Problem::new(
            Code::OdooRefused,
            format!("There is no {what} '{named}', or you may not see it."),
        )),
        several => Err(Problem::new(
            Code::OdooRefused,
            format!(
                "'{named}' names {} of them, and one {what} is meant.",
                several.len()
            ),
        )),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Yaml,
    Secret,
}

impl Kind {
    fn odoo(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Text | Self::Secret => "string",
        }
    }
}

impl Values {
    /// All values with their kinds; those of secrets from their files.
    fn read(&self) -> Result<Vec<(String, String, Kind)>, Problem> {
        let mut read = Vec::new();
        for (pairs, kind) in [(&self.texts, Kind::Text), (&self.yaml, Kind::Yaml)] {
            read.extend(
                pairs
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone(), kind)),
            );
        }
        for (key, file) in &self.secrets {
            let file = PathBuf::from(file);
            let value = std::fs::read_to_string(&file).map_err(|error| {
                Problem::new(
                    Code::Variables,
                    format!(
                        "The value of {key} in {} cannot be read: {error}.",
                        file.display()
                    ),
                )
            })?;
            read.push((
                key.clone(),
                value.trim_end_matches('\n').to_owned(),
                Kind::Secret,
            ));
        }
        Ok(read)
    }
}

async fn set_values(odoo: &Odoo, set: &Set) -> Result<Answer, Problem> {
    let app = find(odoo, &set.app).await?;
    let values = set.values.read()?;
    if values.is_empty() {
        return Err(Problem::new(Code::Variables, "Nothing is given to be set.")
            .hint("Give --value KEY=VALUE, --yaml KEY=YAML or --secret-file KEY=FILE."));
    }
    for (key, value, kind) in &values {
        let (model, field) = match kind {
            Kind::Secret => ("kubernetes.secret.line", "secret_id"),
            Kind::Text | Kind::Yaml => ("kubernetes.config.map.line", "config_map_id"),
        };
        let set_of = id(&app[field]).ok_or_else(|| {
            Problem::new(
                Code::OdooRefused,
                format!("The app {} has no values.", set.app),
            )
        })?;
        let domain = json!([[field, "=", set_of], ["key", "=", key]]);
        let lines = odoo.search(model, domain, &["key"], "id").await?;
        let vals = json!({"value": value, "type": kind.odoo()});
        match lines.first() {
            Some(line) => {
                odoo.call(model, "write", &[number(line)?], json!({"vals": vals}))
                    .await?;
            }
            None => {
                let mut vals = vals;
                vals[field] = json!(set_of);
                vals["key"] = json!(key);
                odoo.create(model, vals).await?;
            }
        }
    }
    let mut answer = get(odoo, &set.app).await?;
    answer.table += &format!(
        "\n\nSet: {}. `chandlery app apply {}` applies it.",
        values.len(),
        set.app
    );
    Ok(answer)
}

/// Presses a button of one app and waits for its job.
async fn ask(
    odoo: &Odoo,
    named: &str,
    button: &str,
    kinds: &[&str],
    patience: Patience,
) -> Result<Answer, Problem> {
    let number = number(&find(odoo, named).await?)?;
    let before = job::newest(odoo, ("app_id", number)).await?;
    odoo.call(MODEL, button, &[number], json!({})).await?;
    job::follow(odoo, ("app_id", number), kinds, before, patience).await
}

/// Confirms a wizard of one app and waits for its job.
async fn confirm(
    odoo: &Odoo,
    app: i64,
    (wizard, values): (&str, Value),
    kind: &str,
    patience: Patience,
) -> Result<Answer, Problem> {
    let before = job::newest(odoo, ("app_id", app)).await?;
    let asked = odoo.create(wizard, values).await?;
    odoo.call(wizard, "action_confirm", &[asked], json!({}))
        .await?;
    job::follow(odoo, ("app_id", app), &[kind], before, patience).await
}

/// Compares an app with its cluster, as *Apply* does before it is confirmed. The wizard, and what would change.
async fn compare(odoo: &Odoo, app: &Value, patience: Patience) -> Result<(i64, Answer), Problem> {
    let action = odoo
        .call(MODEL, "action_review", &[number(app)?], json!({}))
        .await?;
    let wizard = number(&json!({"id": action["res_id"]}))?;
    let found = odoo
        .search(
            "kubernetes.app.apply",
            json!([["id", "=", wizard]]),
            &["job_id"],
            "id",
        )
        .await?;
    let job = found
        .first()
        .and_then(|wizard| id(&wizard["job_id"]))
        .ok_or_else(|| Problem::new(Code::OdooUnreadable, "Odoo asked for no comparison."))?;
    let state = job::wait(odoo, job, patience).await?;
    if state["state"] != "done" {
        let answer = Answer {
            table: job::told(&state),
            well: job::is_well(&state),
            json: state,
        };
        return Ok((wizard, answer));
    }
    let found = odoo
        .search(
            "kubernetes.job",
            json!([["id", "=", job]]),
            &["result", "diff_summary"],
            "id",
        )
        .await?;
    let objects = found[0]["result"]["diff"]["objects"].clone();
    let mut texts: Vec<String> = objects
        .as_array()
        .into_iter()
        .flatten()
        .map(|object| {
            let head = format!("{} {}", text(object, "action"), text(object, "object"));
            format!("{head}\n{}", text(object, "text").trim_end())
        })
        .collect();
    let well = texts.is_empty();
    texts.push(text(&found[0], "diff_summary"));
    let answer = Answer {
        json: json!({"app": app["hostname"], "objects": objects, "summary": found[0]["diff_summary"]}),
        table: texts.join("\n"),
        well,
    };
    Ok((wizard, answer))
}

async fn apply_what_differs(
    odoo: &Odoo,
    named: &str,
    yes: bool,
    patience: Patience,
) -> Result<Answer, Problem> {
    let app = find(odoo, named).await?;
    let (wizard, compared) = compare(odoo, &app, patience).await?;
    if compared.well || !compared.json["objects"].is_array() {
        return Ok(compared);
    }
    eprintln!("{}", compared.table);
    if !yes && !is_confirmed(&format!("Apply {named}?")) {
        return Ok(Answer::well(compared.json, "Nothing was changed."));
    }
    let number = number(&app)?;
    let before = job::newest(odoo, ("app_id", number)).await?;
    odoo.call(
        "kubernetes.app.apply",
        "action_confirm",
        &[wizard],
        json!({}),
    )
    .await?;
    job::follow(odoo, ("app_id", number), &["deploy"], before, patience).await
}

/// Asks at the terminal; without one nobody says yes.
fn is_confirmed(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    eprint!("{question} [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok()
        && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

async fn logs(
    odoo: &Odoo,
    named: Option<&str>,
    job: Option<i64>,
    follow: bool,
) -> Result<Answer, Problem> {
    let job = match (job, named) {
        (Some(job), _) => job,
        (None, Some(named)) => {
            job::newest(odoo, ("app_id", number(&find(odoo, named).await?)?)).await?
        }
        (None, None) => 0,
    };
    if job == 0 {
        return Ok(Answer::well(Value::Null, "There was no job yet."));
    }
    let patience = if follow {
        Patience::to_the_end()
    } else {
        Patience::none()
    };
    let mut state = job::wait(odoo, job, patience).await?;
    let steps = job::steps(odoo, job).await?;
    let rows: Vec<Vec<String>> = steps
        .iter()
        .map(|step| {
            ["attempt", "started_at", "name", "state", "message_shown"]
                .iter()
                .map(|field| text(step, field))
                .collect()
        })
        .collect();
    let steps_table = table(&["ATTEMPT", "STARTED", "STEP", "STATE", "MESSAGE"], &rows);
    let answer = format!("{}\n{steps_table}", job::told(&state));
    let well = job::is_well(&state);
    state["steps"] = json!(steps);
    Ok(Answer {
        json: state,
        table: answer,
        well,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_applied_yet_is_marked() {
        let line = |applied| json!({"key": "workers", "value": "4", "applied": applied});
        assert_eq!(shown_value(&line(true)), "  workers = 4");
        assert_eq!(
            shown_value(&line(false)),
            "  workers = 4   (not applied yet)"
        );
        let unset = json!({"key": "token", "value": null, "applied": true});
        assert_eq!(shown_value(&unset), "  token = (not set)");
    }

    #[test]
    fn a_value_may_hold_the_sign_that_ends_its_key() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(pair("=b").is_err() && pair("b").is_err());
    }
}
