//! `chandlery check`: one line per thing the worker needs: ok, or what is wrong and how to put it right; and what works, but
//! should be otherwise.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};

use crate::artefact::Format;
use crate::cli;
use crate::code::Code;
use crate::job::{Capabilities, clusters};
use crate::kubernetes::Cluster;
use crate::kubernetes::permissions::{
    Kept, NEEDED, NEEDED_CLUSTER_WIDE, NEEDED_FOR_CAPACITY, NEEDED_FOR_MAIL, NEEDED_TO_WATCH,
    Permission, grouped,
};
use crate::mailgun::{self, Mailgun};
use crate::odoo::contract::{CLUSTER_KIND, ClaimRequest, ClusterState, NEWEST, WorkerIdentity};
use crate::problem::Problem;
use crate::sentence::Sentence;
use crate::settings::Settings;

/// One thing, and how it is.
struct Line {
    thing: String,
    /// What there is to say when it works.
    found: Result<String, Problem>,
    /// Whether the worker works in spite of the problem.
    warning: bool,
}

/// How long before its end a token is warned of.
const TOKEN_NOTICE: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Line {
    fn new(thing: impl Into<String>, found: Result<String, Problem>) -> Self {
        Self {
            thing: thing.into(),
            found,
            warning: false,
        }
    }

    fn warning(thing: impl Into<String>, problem: Problem) -> Self {
        Self {
            warning: true,
            ..Self::new(thing, Err(problem))
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
    for Line {
        thing,
        found,
        warning,
    } in &lines
    {
        match found {
            Ok(found) => println!("ok     {thing}: {found}"),
            Err(problem) => {
                let word = if *warning { "warn " } else { "wrong" };
                let message = problem.message.replace('\n', "\n         ");
                println!("{word}  {thing}: {message}");
                if let Some(hint) = &problem.hint {
                    println!("         {hint}");
                }
            }
        }
    }
    match lines
        .iter()
        .any(|line| line.found.is_err() && !line.warning)
    {
        false => ExitCode::SUCCESS,
        true => ExitCode::FAILURE,
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
    lines.extend(check_tools(settings));
    // The settings have read the files: what is wrong with one is among their own problems.
    for (id, file) in &settings.vault.password_files {
        lines.push(Line::new(
            format!("vault password {id}"),
            Ok(format!("read from {}", file.display())),
        ));
    }
    lines.extend(readable_by_all(settings));
    for (name, of_cluster) in clusters {
        lines.extend(of_cluster);
        match unknown.get(name) {
            Some(true) => lines.push(Line::new(
                format!("cluster {name}"),
                Err(Problem::new(Code::ClusterUnknown, format!("Odoo has no cluster named '{name}' for this worker."))
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
    let Capabilities { kinds, mailgun } = Capabilities::of(settings);
    // A claim of no job changes nothing but when the worker was last seen.
    let request = ClaimRequest {
        worker: WorkerIdentity {
            name: settings.worker.name.clone(),
            // It does not stay: no process that works.
            instance: String::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine: gethostname::gethostname().to_string_lossy().into_owned(),
        },
        clusters,
        kinds,
        cluster_kinds: vec![CLUSTER_KIND.to_owned()],
        mailgun,
        capacity: 0,
    };
    let answer = async {
        let client = cli::client(settings)?;
        let answer = client.claim(&request).await;
        let answer = answer.map_err(|error| error.problem())?;
        Ok::<_, Problem>((answer, client.spoken().unwrap_or_default()))
    };
    match answer.await {
        Ok((answer, spoken)) => {
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
                versions(spoken),
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

/// Which versions of the contract Odoo and the worker speak, where both work with either.
fn versions(odoo: u32) -> Line {
    let older = match odoo.cmp(&NEWEST) {
        Ordering::Equal => {
            return Line::new("contract", Ok(format!("both sides speak version {NEWEST}")));
        }
        Ordering::Less => "the addons in Odoo",
        Ordering::Greater => "the worker",
    };
    Line::warning(
        "contract",
        Problem::new(
            Code::Contract,
            format!("Odoo speaks version {odoo}, this worker version {NEWEST}."),
        )
        .hint(format!(
            "They work together, but for what is new. Update {older}."
        )),
    )
}

/// Whether the tools that read charts and folders of others are there, and can be kept from the network. A worker needs them
/// for such manifests alone.
fn check_tools(settings: &Settings) -> Vec<Line> {
    let tools = settings.artefacts.tools();
    let formats = [
        ("Helm charts", Format::Helm),
        ("folders for Kustomize", Format::Kustomize),
    ];
    let lines = formats.into_iter().map(|(thing, format)| {
        let name = format.program();
        match tools.version(format) {
            Ok(version) => Line::new(thing, Ok(format!("{version}, without network"))),
            Err(_) if !tools.are_there(format) => {
                let found = format!(
                    "no {name} is found; only manifests of this format need it (artefacts.{name})"
                );
                Line::new(thing, Ok(found))
            }
            Err(problem) => Line::warning(thing, problem),
        }
    });
    lines.collect()
}

/// Whether the key opens the account, and the operator's own domain may send.
async fn check_mailgun(settings: &Settings) -> Result<String, Problem> {
    let Some(access) = settings.mailgun.access() else {
        return Ok("no key is set; Odoo sends invitations by its own outgoing mail".to_owned());
    };
    let region = access.region.as_str();
    let mailgun = Mailgun::new(access)?;
    let domains = mailgun::domain::count(&mailgun).await?;
    let mut said = format!(
        "{} answers and accepts the key; domains in the region {region}: {domains}",
        mailgun.address()
    );
    let name = &settings.mailgun.sending_domain;
    if !name.is_empty() {
        let state = match mailgun::domain::find(&mailgun, name).await? {
            Some(domain) if domain.state == mailgun::State::Active => {
                said += &format!("; invitations may come from {name}");
                return Ok(said);
            }
            Some(_) => "is not verified there",
            None => "is not there",
        };
        return Err(Problem::new(
            Code::MailgunSendingDomain,
            format!("Invitations cannot come from {name}: the domain {state} (region {region})."),
        )
        .hint("Register and verify it at Mailgun, or correct mailgun.sending_domain; without one, Odoo sends the invitations that cannot wait."));
    }
    Ok(said)
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
        message: Sentence::default(),
        capacity: None,
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
            lines.extend(token_ends(&thing, &cluster));
            lines.extend(permissions(&thing, &cluster, settings).await);
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

/// Files with secrets that every user of the machine may read.
fn readable_by_all(settings: &Settings) -> Vec<Line> {
    let clusters = settings.clusters.values();
    [
        ("worker key", &settings.odoo.key_file),
        ("Mailgun key", &settings.mailgun.key_file),
    ]
    .into_iter()
    .chain(
        settings
            .vault
            .password_files
            .values()
            .map(|file| ("vault password", file)),
    )
    .chain(clusters.map(|cluster| ("kubeconfig", &cluster.kubeconfig)))
    .filter(|(_, file)| is_readable_by_all(file))
    .map(|(what, file)| {
        let file = file.display();
        Line::warning(
            format!("file {file}"),
            Problem::new(
                Code::FileMode,
                format!("Every user of this machine may read this {what}."),
            )
            .hint(format!(
                "Give it to the user that the worker runs as, and to nobody else: chmod 600 {file}"
            )),
        )
    })
    .collect()
}

fn is_readable_by_all(file: &Path) -> bool {
    std::fs::metadata(file)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o004 != 0)
}

/// That the kubeconfig's token ends before long.
fn token_ends(thing: &str, cluster: &Cluster) -> Option<Line> {
    let ends = cluster.token_ends()?;
    let left = ends.duration_since(Timestamp::now());
    (left < TOKEN_NOTICE).then(|| {
        let left = match left.as_hours() {
            hours @ 48.. => format!("{} days", hours / 24),
            _ => format!("{} minutes", left.as_mins()),
        };
        Line::warning(
            format!("{thing}, token"),
            Problem::new(Code::ClusterToken, format!("The kubeconfig's token ends in {left}, at {ends:.0}."))
                .hint("The worker is refused from then on. config/rbac.yaml says in its first lines how to make one that stays valid."),
        )
    })
}

/// What the worker lacks in a cluster, and what it has too much.
async fn permissions(thing: &str, cluster: &Cluster, settings: &Settings) -> Vec<Line> {
    let all = match missing(cluster, settings).await {
        Ok(missing) if missing.is_empty() => Ok("the worker may do all it needs".to_owned()),
        Ok(missing) => Err(Problem::new(Code::Permissions, may_not(&missing))
            .hint("Grant them; config/rbac.yaml holds all that the worker needs.")),
        Err(problem) => Err(problem),
    };
    let complete = all.is_ok();
    let mut lines = vec![Line::new(format!("{thing}, permissions"), all)];
    lines.extend(too_much(thing, cluster).await);
    if complete {
        lines.push(own_namespaces(thing, cluster).await);
        lines.push(own_pods(thing, cluster).await);
        lines.extend(watching(thing, cluster, settings).await);
        lines.extend(counting(thing, cluster).await);
    }
    lines
}

async fn missing(cluster: &Cluster, settings: &Settings) -> Result<Vec<Permission>, Problem> {
    let mut missing = cluster.missing_permissions(NEEDED_CLUSTER_WIDE).await?;
    missing.extend(cluster.missing_in_apps(NEEDED).await?);
    if settings.mailgun.access().is_some() {
        missing.extend(cluster.missing_in_apps(NEEDED_FOR_MAIL).await?);
    }
    Ok(missing)
}

/// One right after the other where there are few, one line for each resource where there are many.
fn may_not(missing: &[Permission]) -> String {
    match grouped(missing).as_slice() {
        [only] => format!("The worker may not: {only}."),
        several => format!("The worker may not:\n{}", several.join("\n")),
    }
}

async fn too_much(thing: &str, cluster: &Cluster) -> Option<Line> {
    let thing = format!("{thing}, rights beyond");
    match cluster.needless_permissions().await {
        Ok(needless) if needless.is_empty() => None,
        Ok(needless) => Some(Line::warning(
            thing,
            Problem::new(Code::Permissions, format!("The worker may do what it never needs:\n{}", needless.join("\n")))
                .hint("Whoever gets hold of its credentials may, too. Give it the account of config/rbac.yaml, which says how to make its kubeconfig."),
        )),
        Err(problem) => Some(Line::warning(thing, problem)),
    }
}

async fn own_namespaces(thing: &str, cluster: &Cluster) -> Line {
    let found = cluster.keeps_to_its_namespaces().await;
    kept(
        format!("{thing}, admission policy"),
        found,
        "the worker is kept to its own namespaces",
        "Nothing keeps the worker to its own namespaces: it may change and delete others.",
        "Apply config/admission-policy.yaml (Kubernetes 1.30 or newer), and give the worker the account that it names. A new policy counts after some seconds.",
    )
}

async fn own_pods(thing: &str, cluster: &Cluster) -> Line {
    let found = cluster.keeps_pods_from_nodes().await;
    kept(
        format!("{thing}, Pod Security"),
        found,
        "the worker makes no pods that reach their nodes",
        "Nothing keeps the worker's account from pods that take over their nodes.",
        "Once every app was applied by this version, apply config/admission-pod-security.yaml (Kubernetes 1.30 or newer), and give the worker the account that it names. Only where the cluster's policy in Odoo says Pod Security: Privileged, do without it.",
    )
}

/// Whether an admission policy is in force.
fn kept(thing: String, found: Result<Kept, Problem>, good: &str, bad: &str, hint: &str) -> Line {
    match found {
        Ok(Kept::Wholly) => Line::new(thing, Ok(good.to_owned())),
        Ok(Kept::Nowhere) => {
            Line::warning(thing, Problem::new(Code::AdmissionPolicy, bad).hint(hint))
        }
        Ok(Kept::Outdated) => Line::warning(
            thing,
            Problem::new(
                Code::AdmissionPolicy,
                "The cluster's policy for the worker's account is one of an earlier version, which lets more pass.",
            )
            .hint(hint),
        ),
        Err(problem) => Line::warning(thing, problem),
    }
}

async fn watching(thing: &str, cluster: &Cluster, settings: &Settings) -> Option<Line> {
    let thing = format!("{thing}, watching");
    match cluster.missing_permissions(NEEDED_TO_WATCH).await {
        Ok(missing) if missing.is_empty() => None,
        Ok(missing) => Some(Line::new(
            thing,
            Ok(format!(
                "not allowed ({}): each app is looked at every {} s (worker.observe_seconds); apply config/rbac-watch.yaml to see at once what changes, and to ask for nothing else",
                grouped(&missing).join("; "),
                settings.worker.observe_seconds
            )),
        )),
        Err(problem) => Some(Line::warning(thing, problem)),
    }
}

/// Whether the worker may tell how much a cluster has.
async fn counting(thing: &str, cluster: &Cluster) -> Option<Line> {
    let thing = format!("{thing}, capacity");
    match cluster.missing_permissions(NEEDED_FOR_CAPACITY).await {
        Ok(missing) if missing.is_empty() => None,
        Ok(missing) => Some(Line::new(
            thing,
            Ok(format!(
                "not told ({} not allowed): Odoo does not show how much is free; apply config/rbac-watch.yaml to let it",
                grouped(&missing).join("; ")
            )),
        )),
        Err(problem) => Some(Line::warning(thing, problem)),
    }
}
