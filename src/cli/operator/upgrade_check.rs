//! `chandlery upgrade-check`: which versions run, whether they fit together, and what to update.

use std::cmp::Ordering;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Answer, Connection, end, table};
use crate::code::Code;
use crate::odoo::contract::{NEWEST, OLDEST};
use crate::problem::Problem;

/// The oldest Kubernetes that has all that Chandlery uses: its admission policies are of this version.
const OLDEST_KUBERNETES: (u32, u32) = (1, 30);
/// The newest one that this version was tried on.
const TRIED_KUBERNETES: (u32, u32) = (1, 35);
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Debug, clap::Args)]
pub struct UpgradeCheck {
    #[command(flatten)]
    connection: Connection,
}

/// What Odoo says of all that has a version.
#[derive(Debug, Deserialize)]
struct Seen {
    contract: u32,
    contract_minimum: u32,
    addons: Vec<Addon>,
    workers: Vec<Worker>,
    clusters: Vec<Cluster>,
    database_moved: bool,
}

#[derive(Debug, Deserialize)]
struct Addon {
    name: String,
    /// The version that the database is of, and the one on the server's disk; empty where there is none.
    installed: String,
    available: String,
}

#[derive(Debug, Deserialize)]
struct Worker {
    name: String,
    state: String,
    version: String,
    contract: u32,
    /// Which of the two is to be updated where they have no version in common; empty where they have one.
    outdated: String,
}

#[derive(Debug, Deserialize)]
struct Cluster {
    name: String,
    state: String,
    version: String,
}

/// How a thing fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Fit {
    /// Nothing to do.
    Fits,
    /// It works, and should be updated.
    Update,
    /// It does not work.
    Wrong,
    /// Nobody knows.
    Unknown,
}

/// One thing that has a version.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    thing: String,
    version: String,
    fit: Fit,
    /// What to do; empty where there is nothing.
    todo: String,
}

impl Row {
    fn new(thing: impl Into<String>, version: impl Into<String>, fit: Fit, todo: &str) -> Self {
        Self {
            thing: thing.into(),
            version: version.into(),
            fit,
            todo: todo.to_owned(),
        }
    }
}

/// Exit status 0 where all fits, 1 where something is to be done, 2 where it could not be looked at.
pub async fn run(check: &UpgradeCheck) -> ExitCode {
    end(look(&check.connection).await, check.connection.output)
}

async fn look(connection: &Connection) -> Result<Answer, Problem> {
    let odoo = connection.odoo()?;
    let seen = odoo
        .call("kubernetes.worker", "upgrade_check", &[], json!({}))
        .await?;
    let seen: Seen = serde_json::from_value(seen).map_err(|error| {
        Problem::new(
            Code::OdooUnreadable,
            format!("Odoo's answer cannot be read: {error}."),
        )
        .hint("The addons there are of another version than this program: update the older one.")
    })?;
    Ok(answer(&rows(&seen)))
}

fn answer(rows: &[Row]) -> Answer {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let fit = match row.fit {
                Fit::Fits => "fits",
                Fit::Update => "update",
                Fit::Wrong => "wrong",
                Fit::Unknown => "unknown",
            };
            vec![
                fit.to_owned(),
                row.thing.clone(),
                row.version.clone(),
                row.todo.clone(),
            ]
        })
        .collect();
    let well = rows.iter().all(|row| row.fit == Fit::Fits);
    Answer {
        json: json!({"fits": well, "checked": rows}),
        table: table(&["", "WHAT", "VERSION", "TO DO"], &cells),
        well,
    }
}

fn rows(seen: &Seen) -> Vec<Row> {
    let mut rows = Vec::new();
    if seen.database_moved {
        rows.push(Row::new(
            "database",
            "",
            Fit::Wrong,
            "It was restored or copied, and gives workers no jobs: say in Odoo's Needs Attention what it is.",
        ));
    }
    rows.extend(seen.addons.iter().map(addon));
    rows.push(contract(seen));
    rows.extend(seen.workers.iter().map(|one| worker(one, seen.contract)));
    rows.extend(seen.clusters.iter().map(cluster));
    rows
}

fn addon(addon: &Addon) -> Row {
    let thing = format!("addon {}", addon.name);
    let version = match addon.installed == addon.available {
        true => addon.installed.clone(),
        false => format!("{} installed, {} on disk", addon.installed, addon.available),
    };
    match (
        addon.available.is_empty(),
        addon.installed == addon.available,
    ) {
        (true, _) => Row::new(
            thing,
            addon.installed.clone(),
            Fit::Wrong,
            "The server has no such addon any more: put odoo_addon of this release in place.",
        ),
        (false, true) => Row::new(thing, version, Fit::Fits, ""),
        (false, false) => Row::new(
            thing,
            version,
            Fit::Update,
            "Make a backup, then `odoo -d DATABASE -u kubernetes_hosting --stop-after-init`.",
        ),
    }
}

/// Whether this program, as a worker, and the addons understand each other.
fn contract(seen: &Seen) -> Row {
    let thing = format!("contract with this program ({VERSION})");
    let version = format!("Odoo {}, program {NEWEST}", seen.contract);
    if NEWEST < seen.contract_minimum {
        return Row::new(thing, version, Fit::Wrong, "Update this program.");
    }
    if seen.contract < OLDEST {
        return Row::new(thing, version, Fit::Wrong, "Update the addons in Odoo.");
    }
    match seen.contract.cmp(&NEWEST) {
        Ordering::Equal => Row::new(thing, version, Fit::Fits, ""),
        Ordering::Less => Row::new(
            thing,
            version,
            Fit::Update,
            "They work together, but for what is new: update the addons in Odoo.",
        ),
        Ordering::Greater => Row::new(
            thing,
            version,
            Fit::Update,
            "They work together, but for what is new: update this program.",
        ),
    }
}

fn worker(worker: &Worker, spoken: u32) -> Row {
    let thing = format!("worker {}", worker.name);
    let version = format!("{} (contract {})", worker.version, worker.contract);
    match (worker.outdated.as_str(), worker.state.as_str()) {
        ("worker", _) => Row::new(
            thing,
            version,
            Fit::Wrong,
            "Its calls are refused: update this worker.",
        ),
        ("addons", _) => Row::new(
            thing,
            version,
            Fit::Wrong,
            "Its calls are refused: update the addons in Odoo.",
        ),
        (_, "new") => Row::new(thing, "", Fit::Unknown, "It has never called: start it."),
        (_, "offline") => Row::new(
            thing,
            version,
            Fit::Unknown,
            "It was not seen lately: start it.",
        ),
        _ if worker.contract < spoken => Row::new(
            thing,
            version,
            Fit::Update,
            "It works, but for what is new: update this worker.",
        ),
        _ if worker.contract > spoken => Row::new(
            thing,
            version,
            Fit::Update,
            "It works, but for what is new: update the addons in Odoo.",
        ),
        _ if worker.version != VERSION => Row::new(
            thing,
            version,
            Fit::Update,
            &format!("This program is {VERSION}: run the same on all machines."),
        ),
        _ => Row::new(thing, version, Fit::Fits, ""),
    }
}

fn cluster(cluster: &Cluster) -> Row {
    let thing = format!("cluster {}", cluster.name);
    let Some(found) = minor(&cluster.version) else {
        return Row::new(thing, "", Fit::Unknown, "No worker has reached it yet.");
    };
    let version = cluster.version.as_str();
    if found < OLDEST_KUBERNETES {
        return Row::new(
            thing,
            version,
            Fit::Wrong,
            "Update the cluster: Kubernetes 1.30 or newer has the admission policies that keep the worker to its own namespaces.",
        );
    }
    if found > TRIED_KUBERNETES {
        return Row::new(
            thing,
            version,
            Fit::Unknown,
            "This release was tried on Kubernetes up to 1.35.",
        );
    }
    match cluster.state.as_str() {
        "reachable" => Row::new(thing, version, Fit::Fits, ""),
        _ => Row::new(
            thing,
            version,
            Fit::Unknown,
            "It is not reached at the moment; the version is the last one seen.",
        ),
    }
}

/// `(1, 35)` of `v1.35.4`.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.');
    let major = parts.next()?.parse().ok()?;
    // Some providers write 1.30+.
    let minor = parts.next()?.trim_end_matches('+').parse().ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen {
            contract: NEWEST,
            contract_minimum: OLDEST,
            addons: vec![Addon {
                name: "kubernetes_hosting".to_owned(),
                installed: "19.0.1.4.0".to_owned(),
                available: "19.0.1.4.0".to_owned(),
            }],
            workers: vec![Worker {
                name: "worker-1".to_owned(),
                state: "online".to_owned(),
                version: VERSION.to_owned(),
                contract: NEWEST,
                outdated: String::new(),
            }],
            clusters: vec![Cluster {
                name: "demo".to_owned(),
                state: "reachable".to_owned(),
                version: "v1.35.4".to_owned(),
            }],
            database_moved: false,
        }
    }

    /// The rows that do not fit, after a change.
    fn unfit(change: impl Fn(&mut Seen)) -> Vec<(Fit, String)> {
        let mut seen = seen();
        change(&mut seen);
        rows(&seen)
            .into_iter()
            .filter(|row| row.fit != Fit::Fits)
            .map(|row| (row.fit, row.todo))
            .collect()
    }

    #[test]
    fn what_fits_asks_for_nothing() {
        assert_eq!(unfit(|_| {}), []);
        let answer = answer(&rows(&seen()));
        assert!(answer.well);
        assert_eq!(answer.table.lines().count(), 5, "{}", answer.table);
    }

    /// How something fits after a change, and what is to be done.
    type Case = (Fit, &'static str, fn(&mut Seen));

    #[test]
    fn what_does_not_fit_says_what_to_do() {
        let cases: [Case; 11] = [
            (Fit::Wrong, "say in Odoo's Needs Attention", |seen| {
                seen.database_moved = true
            }),
            (Fit::Update, "-u kubernetes_hosting", |seen| {
                seen.addons[0].available = "19.0.1.5.0".to_owned();
            }),
            (Fit::Wrong, "put odoo_addon of this release", |seen| {
                seen.addons[0].available.clear();
            }),
            (Fit::Wrong, "update this worker", |seen| {
                seen.workers[0].outdated = "worker".to_owned();
            }),
            (Fit::Wrong, "update the addons", |seen| {
                seen.workers[0].outdated = "addons".to_owned();
            }),
            (
                Fit::Update,
                "but for what is new: update this worker",
                |seen| {
                    seen.workers[0].contract = 1;
                },
            ),
            (Fit::Update, "run the same on all machines", |seen| {
                seen.workers[0].version = "0.0.1".to_owned();
            }),
            (Fit::Unknown, "never called", |seen| {
                seen.workers[0].state = "new".to_owned()
            }),
            (Fit::Wrong, "Kubernetes 1.30 or newer", |seen| {
                seen.clusters[0].version = "v1.29.9+rke2".to_owned();
            }),
            (Fit::Unknown, "tried on Kubernetes up to 1.35", |seen| {
                seen.clusters[0].version = "v1.40.0".to_owned();
            }),
            (Fit::Unknown, "No worker has reached it", |seen| {
                seen.clusters[0].version.clear();
            }),
        ];
        for (fit, todo, change) in cases {
            let found = unfit(change);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].0 == fit && found[0].1.contains(todo), "{found:?}");
        }
    }

    #[test]
    fn this_program_and_the_addons_may_have_no_version_in_common() {
        let found = unfit(|seen| {
            seen.contract = NEWEST + 2;
            seen.contract_minimum = NEWEST + 1;
            seen.workers.clear();
        });
        assert_eq!(found, [(Fit::Wrong, "Update this program.".to_owned())]);
        let found = unfit(|seen| {
            seen.contract = OLDEST - 1;
            seen.workers.clear();
        });
        assert_eq!(
            found,
            [(Fit::Wrong, "Update the addons in Odoo.".to_owned())]
        );
    }

    #[test]
    fn a_version_is_read_as_providers_write_it() {
        assert_eq!(minor("v1.30.0-gke.100"), Some((1, 30)));
        assert_eq!(minor("1.31+"), Some((1, 31)));
        assert_eq!(minor(""), None);
    }
}
