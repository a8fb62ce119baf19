//! `chandlery app domains`: the domains of an app's customer, and the records that they need.

use serde_json::{Value, json};

use super::client::Odoo;
use super::{Answer, number, table, text};
use crate::code::Code;
use crate::problem::Problem;

const MODEL: &str = "kubernetes.app.domain";
const FIELDS: [&str; 14] = [
    "name",
    "shown_name",
    "state",
    "enabled",
    "is_proven",
    "is_primary",
    "is_served",
    "by_cname",
    "message_shown",
    "record_value",
    "addresses",
    "proof_name",
    "proof_value",
    "certificate_ends",
];

/// What is done with an app's domains.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// All of them, with the records that are missing
    List,
    /// Adds one; it is served as soon as its DNS records prove whose it is
    Add { domain: String },
    /// Takes one away
    Remove { domain: String },
    /// Serves one again
    Enable { domain: String },
    /// Keeps one for the app without serving it
    Disable { domain: String },
    /// Lets the app's address name this one
    Primary { domain: String },
    /// Looks at the DNS records now
    Check { domain: String },
}

/// Does it, and shows all domains of the app as they are then.
pub(super) async fn run(
    odoo: &Odoo,
    app: i64,
    command: Option<&Command>,
) -> Result<Answer, Problem> {
    let enabled = |enabled: bool| json!({"vals": {"enabled": enabled}});
    let asked = match command {
        None | Some(Command::List) => None,
        Some(Command::Add { domain }) => {
            odoo.create(MODEL, json!({"app_id": app, "name": domain}))
                .await?;
            None
        }
        Some(Command::Remove { domain }) => Some((domain, "unlink", json!({}))),
        Some(Command::Enable { domain }) => Some((domain, "write", enabled(true))),
        Some(Command::Disable { domain }) => Some((domain, "write", enabled(false))),
        Some(Command::Primary { domain }) => Some((domain, "action_primary", json!({}))),
        Some(Command::Check { domain }) => Some((domain, "action_check", json!({}))),
    };
    if let Some((domain, method, arguments)) = asked {
        change(odoo, app, domain, method, arguments).await?;
    }
    Ok(shown(&of(odoo, app).await?))
}

async fn of(odoo: &Odoo, app: i64) -> Result<Vec<Value>, Problem> {
    let domain = json!([["app_id", "=", app]]);
    odoo.search(MODEL, domain, &FIELDS, "sequence, id").await
}

async fn change(
    odoo: &Odoo,
    app: i64,
    named: &str,
    method: &str,
    arguments: Value,
) -> Result<(), Problem> {
    let all = of(odoo, app).await?;
    let is_meant = |domain: &&Value| {
        ["name", "shown_name"]
            .iter()
            .any(|name| domain[name] == named)
    };
    let Some(domain) = all.iter().find(is_meant) else {
        let names: Vec<String> = all.iter().map(|domain| text(domain, "name")).collect();
        let problem = Problem::new(
            Code::OdooRefused,
            format!("The app has no domain '{named}'."),
        );
        return Err(match names.is_empty() {
            true => problem.hint("It has none: `chandlery app domains APP add DOMAIN` adds one."),
            false => problem.hint(format!("It has {}.", names.join(", "))),
        });
    };
    odoo.call(MODEL, method, &[number(domain)?], arguments)
        .await?;
    Ok(())
}

fn shown(domains: &[Value]) -> Answer {
    let heading = ["DOMAIN", "STATE", "ENABLED", "PRIMARY", "CERTIFICATE UNTIL"];
    let rows: Vec<Vec<String>> = domains
        .iter()
        .map(|domain| {
            [
                "shown_name",
                "state",
                "enabled",
                "is_primary",
                "certificate_ends",
            ]
            .iter()
            .map(|field| text(domain, field))
            .collect()
        })
        .collect();
    let missing = domains
        .iter()
        .filter(|domain| domain["state"] != "active")
        .map(records);
    let lines: Vec<String> = std::iter::once(table(&heading, &rows))
        .chain(missing)
        .collect();
    Answer::well(json!(domains), lines.join("\n\n"))
}

/// What is to be set at the DNS for a domain that is not served yet.
fn records(domain: &Value) -> String {
    let name = text(domain, "name");
    let mut lines = vec![format!("{name}:")];
    let said = text(domain, "message_shown");
    lines.extend((!said.is_empty()).then_some(said));
    lines.push(format!("{name}. CNAME {}.", text(domain, "record_value")));
    let addresses = text(domain, "addresses");
    lines.extend(
        (!addresses.is_empty())
            .then(|| format!("or, where no CNAME may stand, A or AAAA {addresses}")),
    );
    let proof = format!(
        "{}. TXT \"{}\"",
        text(domain, "proof_name"),
        text(domain, "proof_value")
    );
    lines.push(match domain["by_cname"] == true {
        true => format!("and without the CNAME {proof}"),
        false => format!("and {proof}"),
    });
    lines.join("\n  ")
}
