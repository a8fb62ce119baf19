//! `chandlery repo`: the library's repositories and what is in them.

use std::process::ExitCode;

use serde_json::json;

use super::client::Odoo;
use super::job::{self, Patience};
use super::{Answer, Connection, end, number, table, text};
use crate::code::Code;
use crate::problem::Problem;

const MODEL: &str = "kubernetes.repository";

#[derive(Debug, clap::Args)]
pub struct Repo {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// All repositories
    List,
    /// Adds a repository and reads it
    Add {
        /// Its name
        name: String,
        /// The folder that its index.json is in
        #[arg(value_name = "URL")]
        folder: String,
        #[command(flatten)]
        patience: Patience,
    },
    /// Reads a repository now
    Index {
        name: String,
        #[command(flatten)]
        patience: Patience,
    },
    /// The packages of all repositories, or of one
    Packages {
        #[arg(long)]
        repository: Option<String>,
    },
    /// Takes a repository out of use; what was installed of it stays
    Disable { name: String },
    /// Takes it into use again
    Enable { name: String },
    /// Deletes a repository that no app uses
    Delete { name: String },
}

/// Runs a command on repositories.
pub async fn run(repo: &Repo) -> ExitCode {
    end(done(repo).await, repo.connection.output)
}

async fn done(repo: &Repo) -> Result<Answer, Problem> {
    let odoo = repo.connection.odoo()?;
    match &repo.command {
        Command::List => list(&odoo).await,
        Command::Add {
            name,
            folder,
            patience,
        } => {
            let made = odoo
                .create(MODEL, json!({"name": name, "url": folder}))
                .await?;
            index(&odoo, made, *patience).await
        }
        Command::Index { name, patience } => {
            index(&odoo, find(&odoo, name).await?, *patience).await
        }
        Command::Packages { repository } => packages(&odoo, repository.as_deref()).await,
        Command::Disable { name } => change(&odoo, name, "action_archive", "is disabled").await,
        Command::Enable { name } => change(&odoo, name, "action_unarchive", "is enabled").await,
        Command::Delete { name } => change(&odoo, name, "unlink", "is deleted").await,
    }
}

async fn list(odoo: &Odoo) -> Result<Answer, Problem> {
    let fields = [
        "name",
        "url",
        "active",
        "indexed_at",
        "package_count",
        "problem_count",
        "error",
    ];
    let repositories = odoo
        .search(
            MODEL,
            json!([["active", "in", [true, false]]]),
            &fields,
            "name",
        )
        .await?;
    let rows: Vec<Vec<String>> = repositories
        .iter()
        .map(|repository| {
            let state = match (repository["active"] == true, text(repository, "error")) {
                (false, _) => "disabled".to_owned(),
                (true, error) if error.is_empty() => "enabled".to_owned(),
                (true, error) => error.lines().next().unwrap_or_default().to_owned(),
            };
            vec![
                text(repository, "name"),
                text(repository, "url"),
                text(repository, "package_count"),
                text(repository, "problem_count"),
                text(repository, "indexed_at"),
                state,
            ]
        })
        .collect();
    let heading = ["NAME", "URL", "PACKAGES", "PROBLEMS", "READ", "STATE"];
    Ok(Answer::well(json!(repositories), table(&heading, &rows)))
}

async fn packages(odoo: &Odoo, repository: Option<&str>) -> Result<Answer, Problem> {
    let mut domain = Vec::new();
    domain.extend(repository.map(|name| json!(["repository_id.name", "=", name])));
    let fields = [
        "name",
        "version",
        "title",
        "category_id",
        "repository_id",
        "app_count",
        "outdated_count",
        "is_gone",
        "is_changed",
    ];
    let packages = odoo
        .search("kubernetes.package", json!(domain), &fields, "name, id")
        .await?;
    let rows: Vec<Vec<String>> = packages
        .iter()
        .map(|package| {
            let state = match (package["is_gone"] == true, package["is_changed"] == true) {
                (true, _) => "gone",
                (false, true) => "changed, to be accepted",
                (false, false) => "",
            };
            vec![
                text(package, "name"),
                text(package, "version"),
                text(package, "title"),
                text(package, "repository_id"),
                text(package, "app_count"),
                text(package, "outdated_count"),
                state.to_owned(),
            ]
        })
        .collect();
    let heading = [
        "NAME",
        "VERSION",
        "TITLE",
        "REPOSITORY",
        "APPS",
        "OUTDATED",
        "STATE",
    ];
    Ok(Answer::well(json!(packages), table(&heading, &rows)))
}

/// The repository of this name.
async fn find(odoo: &Odoo, name: &str) -> Result<i64, Problem> {
    let domain = json!([["name", "=", name], ["active", "in", [true, false]]]);
    let found = odoo.search(MODEL, domain, &["name"], "id").await?;
    match found.as_slice() {
        [one] => number(one),
        [] => Err(Problem::new(
            Code::OdooRefused,
            format!("There is no repository '{name}', or it is not yours."),
        )
        .hint("`chandlery repo list` names those that you may see.")),
        _ => Err(Problem::new(
            Code::OdooRefused,
            format!("Several repositories are named '{name}'."),
        )
        .hint("Give them different names in Odoo.")),
    }
}

async fn index(odoo: &Odoo, repository: i64, patience: Patience) -> Result<Answer, Problem> {
    let of = ("repository_id", repository);
    let before = job::newest(odoo, of).await?;
    odoo.call(MODEL, "action_index", &[repository], json!({}))
        .await?;
    job::follow(odoo, of, &["index"], before, patience).await
}

async fn change(odoo: &Odoo, name: &str, method: &str, said: &str) -> Result<Answer, Problem> {
    let repository = find(odoo, name).await?;
    odoo.call(MODEL, method, &[repository], json!({})).await?;
    Ok(Answer::well(
        json!({"id": repository}),
        format!("{name} {said}."),
    ))
}
