//! `chandlery check`: one line per thing the worker needs: ok, or what is wrong and how to put it right.

use std::collections::BTreeMap;
use std::process::ExitCode;

use crate::cli;
use crate::job::{Abilities, clusters};
use crate::kubernetes::Cluster;
use crate::kubernetes::permissions::{NEEDED, NEEDED_FOR_MAIL};
use crate::mailgun::{self, Mailgun};
use crate::odoo::contract::{ClaimRequest, ClusterState, WorkerIdentity};
use crate::problem::Problem;
use crate::settings::Settings;

/// One thing, and how it is.
struct Line {
    thing: String,
    /// What there is to say when it works.
    found: Result<String, Problem>,
}

impl Line {
    fn new(thing: impl Into<String>, found: Result<String, Problem>) -> Self {
        Self {
            thing: thing.into(),
            found,
        }
    }
}

/// Checks everything and prints it. Exit status 1 if anything is wrong.
pub async fn run(settings: Result<Settings, Vec<Problem>>) -> ExitCode {
    let lines = match settings {
        Ok(settings) => {
            let mut lines = vec![Line::new("settings", Ok("read".to_owned()))];
            lines.extend(check(&settings).await);
            lines
        }
        Err(problems) => problems
            .into_iter()
            .map(|problem| Line::new("settings", Err(problem)))
            .collect(),
    };
    for Line { thing, found } in &lines {
        match found {
            Ok(found) => println!("ok     {thing}: {found}"),
            Err(problem) => {
                println!("wrong  {thing}: {}", problem.message);
                if let Some(hint) = &problem.hint {
                    println!("         {hint}");
                }
            }
        }
    }
    match lines.iter().filter(|line| line.found.is_err()).count() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

async fn check(settings: &Settings) -> Vec<Line> {
    let mut clusters = Vec::new();
    let mut states = Vec::new();
    for (name, cluster) in &settings.clusters {
        let (state, lines) = check_cluster(name, cluster, settings).await;
        states.push(state);
        clusters.push((name.as_str(), lines));
    }
    let (mut lines, unknown) = check_odoo(settings, states).await;
    lines.push(Line::new("Mailgun", check_mailgun(settings).await));
    // The settings have read the files: what is wrong with one is among their own problems.
    for (id, file) in &settings.vault.password_files {
        lines.push(Line::new(
            format!("vault password {id}"),
            Ok(format!("read from {}", file.display())),
        ));
    }
    for (name, of_cluster) in clusters {
        lines.extend(of_cluster);
        match unknown.get(name) {
            Some(true) => lines.push(Line::new(
                format!("cluster {name}"),
                Err(Problem::new("cluster_unknown", format!("Odoo has no cluster named '{name}' for this worker."))
                    .hint("Let the worker serve it in Odoo (Kubernetes > Configuration > Workers), after creating it there under Clusters; or correct its name in the worker's settings.")),
            )),
            Some(false) => lines.push(Line::new(format!("cluster {name}"), Ok("known to Odoo".to_owned()))),
            // Odoo could not be asked.
            None => {}
        }
    }
    lines
}

/// Odoo, the key and the database; and of each cluster whether Odoo lacks it, where it could be asked.
async fn check_odoo(
    settings: &Settings,
    clusters: Vec<ClusterState>,
) -> (Vec<Line>, BTreeMap<String, bool>) {
    let names: Vec<String> = clusters
        .iter()
        .map(|cluster| cluster.name.clone())
        .collect();
    let Abilities { kinds, mailgun } = Abilities::of(settings);
    // A claim of no job changes nothing but when the worker was last seen.
    let request = ClaimRequest {
        worker: WorkerIdentity {
            name: settings.worker.name.clone(),
            instance: uuid::Uuid::new_v4().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        clusters,
        kinds,
        mailgun,
        capacity: 0,
    };
    let answer = match cli::client(settings) {
        Ok(client) => client
            .claim(&request)
            .await
            .map_err(|error| error.problem()),
        Err(problem) => Err(problem),
    };
    match answer {
        Ok(answer) => {
            let unknown = names
                .into_iter()
                .map(|name| {
                    let unknown = answer.unknown_clusters.contains(&name);
                    (name, unknown)
                })
                .collect();
            let lines = vec![
                Line::new(
                    "Odoo",
                    Ok(format!("{} answers and accepts the key", settings.odoo.url)),
                ),
                Line::new(
                    "database",
                    Ok(match settings.odoo.database.as_str() {
                        "" => answer.database,
                        name => format!("{name} ({})", answer.database),
                    }),
                ),
            ];
            (lines, unknown)
        }
        Err(problem) => (vec![Line::new("Odoo", Err(problem))], BTreeMap::new()),
    }
}

/// Whether the key opens the account.
async fn check_mailgun(settings: &Settings) -> Result<String, Problem> {
    let Some(access) = settings.mailgun.access() else {
        return Ok("no key is set; Odoo sends invitations by its own outgoing mail".to_owned());
    };
    let region = access.region.as_str();
    let mailgun = Mailgun::new(access)?;
    let domains = mailgun::domain::count(&mailgun).await?;
    Ok(format!(
        "{} answers and accepts the key; domains in the region {region}: {domains}",
        mailgun.address()
    ))
}

async fn check_cluster(
    name: &str,
    cluster: &crate::settings::Cluster,
    settings: &Settings,
) -> (ClusterState, Vec<Line>) {
    let mut state = ClusterState {
        name: name.to_owned(),
        reachable: false,
        version: None,
        message: String::new(),
    };
    let thing = format!("cluster {name}");
    let reached = async {
        let cluster = Cluster::connect(&clusters::access(cluster)).await?;
        let version = cluster.version().await?;
        Ok::<_, Problem>((cluster, version))
    };
    match reached.await {
        Ok((cluster, version)) => {
            let mut lines = vec![Line::new(
                thing.as_str(),
                Ok(format!("{} answers, Kubernetes {version}", cluster.url())),
            )];
            lines.push(Line::new(
                format!("{thing}, permissions"),
                permissions(&cluster, settings).await,
            ));
            state.reachable = true;
            state.version = Some(version);
            (state, lines)
        }
        Err(problem) => {
            state.message.clone_from(&problem.message);
            (state, vec![Line::new(thing, Err(problem))])
        }
    }
}

async fn permissions(cluster: &Cluster, settings: &Settings) -> Result<String, Problem> {
    let mut missing = cluster.missing_permissions(NEEDED).await?;
    if settings.mailgun.access().is_some() {
        missing.extend(cluster.missing_permissions(NEEDED_FOR_MAIL).await?);
    }
    if missing.is_empty() {
        return Ok("the worker may do all it needs".to_owned());
    }
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    Err(Problem::new(
        "permissions",
        format!("The worker may not: {}.", missing.join(", ")),
    )
    .hint("Grant them; config/rbac.yaml holds all that the worker needs."))
}
