//! `chandlery render`: what the worker would make of templates, where their values come from, and what applying them
//! would change in a cluster.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::extra_vars::{self, Given};
use super::refuse;
use crate::ansible::vault::{self, DEFAULT_ID, Vault};
use crate::ansible::{Resolved, Variables};
use crate::code::Code;
use crate::job::{self, clusters};
use crate::kubernetes::{self, Access, Cluster, Owner, namespace, storage};
use crate::manifest::policy::{self, Whose};
use crate::manifest::{self, Rules, Values, explain, preview};
use crate::odoo::contract::DiffAction;
use crate::policy::{PodSecurity, Policy};
use crate::problem::Problem;
use crate::settings::{Settings, at_home};
use crate::uid::Uid;

/// Exit status of `--diff` where something would change, as of `kubectl diff`.
const DIFFERENT: u8 = 1;
/// Exit status where something is wrong.
const WRONG: u8 = 2;

#[derive(Debug, clap::Args)]
pub struct Render {
    /// Variables as Ansible reads them; of two with one name the later file wins
    #[arg(long, value_name = "FILE")]
    vars: Vec<PathBuf>,
    /// Variables as for ansible-playbook: @FILE, name=value, or a mapping in YAML or JSON; they win over --vars
    #[arg(short = 'e', long = "extra-vars", value_name = "VARS")]
    extra_vars: Vec<String>,
    /// The password file of a vault id, as for ansible-playbook; without an id, of `default`
    #[arg(long = "vault-id", value_name = "[ID@]FILE")]
    vault_ids: Vec<String>,
    /// The password file of what is encrypted without a vault id
    #[arg(
        long = "vault-password-file",
        visible_alias = "vault-pass-file",
        value_name = "FILE"
    )]
    vault_password_files: Vec<PathBuf>,
    /// The rendered text, or the objects as parsed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Shows instead which variables each template uses, and where their values come from
    #[arg(long, conflicts_with = "diff")]
    explain: bool,
    /// Shows instead what applying would change in a cluster; exit status 1 if anything would
    #[arg(long, requires = "namespace")]
    diff: bool,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    allowed: Allowed,
    /// Files or URLs, in order
    #[arg(value_name = "TEMPLATE", required = true)]
    templates: Vec<String>,
}

/// Where `--diff` looks.
#[derive(Debug, clap::Args)]
struct Target {
    /// The app's namespace, for --diff
    #[arg(long, short = 'n', requires = "diff")]
    namespace: Option<String>,
    /// A cluster of the worker's settings, for --diff
    #[arg(long, requires = "diff", conflicts_with_all = ["kubeconfig", "context"])]
    cluster: Option<String>,
    /// A kubeconfig, for --diff [default: $KUBECONFIG, ~/.kube/config]
    #[arg(long, value_name = "FILE", requires = "diff")]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig, for --diff
    #[arg(long, requires = "diff")]
    context: Option<String>,
}

/// The cluster's policy, for `--diff`: it stands in Odoo, where the command does not look.
#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "The cluster's policy for --diff, as it stands in Odoo (strict unless said)"
)]
struct Allowed {
    /// The Pod Security level that pods must meet
    #[arg(long, value_name = "LEVEL", requires = "diff", default_value = "baseline", value_parser = ["privileged", "baseline", "restricted"])]
    pod_security: String,
    /// A kind beside the usual ones, such as `CronTab.example.com`; may be repeated
    #[arg(long = "allow-kind", value_name = "KIND", requires = "diff")]
    kinds: Vec<String>,
    /// A label or annotation beside the usual ones, such as `nginx.ingress.kubernetes.io/*`; may be repeated
    #[arg(long = "allow-annotation", value_name = "NAME", requires = "diff")]
    annotations: Vec<String>,
    /// A storage class without a provisioner that claims may name; may be repeated
    #[arg(
        long = "allow-static-storage-class",
        value_name = "NAME",
        requires = "diff"
    )]
    static_storage_classes: Vec<String>,
    /// Services of the type LoadBalancer
    #[arg(long = "allow-load-balancer", requires = "diff")]
    load_balancer: bool,
    /// Services of the type NodePort
    #[arg(long = "allow-node-port", requires = "diff")]
    node_port: bool,
}

impl Allowed {
    fn policy(&self) -> Policy {
        let mut policy = Policy {
            pod_security: match self.pod_security.as_str() {
                "privileged" => PodSecurity::Privileged,
                "restricted" => PodSecurity::Restricted,
                _ => PodSecurity::Baseline,
            },
            static_storage_classes: self.static_storage_classes.clone(),
            load_balancer: self.load_balancer,
            node_port: self.node_port,
            ..Policy::default()
        };
        policy.kinds.extend_from_slice(&self.kinds);
        policy.annotations.extend_from_slice(&self.annotations);
        policy
    }
}

/// Says of what the policy refuses that the command does not know the cluster's own.
fn with_flags(problem: Problem) -> Problem {
    if problem.code != Code::ManifestPolicy {
        return problem;
    }
    let hint = problem.hint.clone().unwrap_or_default();
    problem.hint(format!(
        "{hint} The command does not look into Odoo and takes the strict policy: what this cluster allows beyond it, say \
         with --pod-security, --allow-kind, --allow-annotation, --allow-static-storage-class, --allow-load-balancer and \
         --allow-node-port."
    ))
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Shows what was asked for. Exit status 0 when all is well, 1 where `--diff` finds differences, 2 for anything wrong.
pub async fn run(
    render: &Render,
    settings: impl FnOnce() -> Result<Settings, Vec<Problem>>,
) -> ExitCode {
    let shown = match variables(render) {
        Ok(layers) if render.diff => diff(render, &layers, settings).await,
        Ok(layers) if render.explain => explain(render, &layers).await,
        Ok(layers) => text(render, &layers).await,
        Err(problems) => Err(problems),
    };
    match shown {
        Ok((text, status)) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::from(status),
            Err(_) => ExitCode::from(WRONG),
        },
        Err(problems) => refuse(&problems, WRONG),
    }
}

/// What is to be printed, and the exit status.
type Shown = Result<(String, u8), Vec<Problem>>;

async fn text(render: &Render, layers: &[Variables]) -> Shown {
    let output = match render.output {
        Output::Text => preview::Output::Text,
        Output::Json => preview::Output::Json,
    };
    let values = merged(layers).resolve().map_err(|problem| vec![problem])?;
    let text = preview::preview(&values, &render.templates, output).await?;
    Ok((text, 0))
}

async fn explain(render: &Render, layers: &[Variables]) -> Shown {
    let layers: Vec<Variables> = layers.iter().cloned().map(discreet).collect();
    let values = merged(&layers).resolve().map_err(|problem| vec![problem])?;
    let used = preview::used(&render.templates).await?;
    Ok((explain::explain(&used, &layers, &values), 0))
}

async fn diff(
    render: &Render,
    layers: &[Variables],
    settings: impl FnOnce() -> Result<Settings, Vec<Problem>>,
) -> Shown {
    let one = |problem: Problem| vec![problem];
    let values = Values::new(&discreet(merged(layers))).map_err(one)?;
    let objects = preview::secret_objects(&values, &render.templates).await?;
    let values = values.secret();
    let access = access(&render.target, settings)?;
    let cluster = Cluster::connect(&access).await.map_err(one)?;
    let compared = compare(render, &cluster, objects, values).await;
    compared.map_err(|problem| vec![values.mask_problem(problem)])
}

/// Asks the API server what applying would change. What deploys of the app left behind counts as its inventory.
async fn compare(
    render: &Render,
    cluster: &Cluster,
    objects: Vec<crate::object::Object>,
    values: &Resolved,
) -> Result<(String, u8), Problem> {
    let target = &render.target;
    let namespace = target.namespace.as_deref().unwrap_or_default();
    let policy = render.allowed.policy();
    let kinds = cluster.kinds().await?;
    let given = |name: &str| match values.get(name) {
        Some(serde_json::Value::String(text)) => text,
        _ => String::new(),
    };
    let siblings = match values.get("sibling_namespaces") {
        Some(siblings) => serde_json::from_value(siblings).unwrap_or_default(),
        None => Vec::new(),
    };
    let name = target.cluster.as_deref().unwrap_or("(the cluster)");
    let (class, hostname) = (given("ingress_class"), given("hostname"));
    // The app's own hostname is one of them.
    let domains: Vec<String> = match values.get("hostnames") {
        Some(names) => serde_json::from_value(names).unwrap_or_default(),
        None => Vec::new(),
    };
    let node_ports: Vec<u16> = match values.get("node_ports") {
        Some(ports) => serde_json::from_value(ports).unwrap_or_default(),
        None => Vec::new(),
    };
    let whose = Whose {
        namespace,
        hostname: &hostname,
        domains: &domains,
        siblings: &siblings,
        node_ports: &node_ports,
    };
    let storage_classes = match policy::are_claimed(&objects) {
        true => match storage::classes(cluster).await {
            Ok(classes) => Some(classes),
            // Developers may seldom read them; the deploy does.
            Err(problem) if problem.code == Code::ClusterForbidden => None,
            Err(problem) => return Err(problem),
        },
        false => None,
    };
    let rules = Rules {
        kinds: &kinds,
        policy: policy::Rules {
            storage_classes: storage_classes.as_ref(),
            ..policy::Rules::new(&policy, name, &class, whose)
        },
    };
    let objects = manifest::check(objects, &rules).map_err(with_flags)?;
    let owner = match namespace::owner(cluster, namespace).await? {
        Some(owner) => owner,
        // It is not there yet: nothing is anybody's.
        None => Owner {
            uid: Uid::nobody(),
            instance: String::new(),
            app: 0,
            name: String::new(),
            environment: String::new(),
        },
    };
    let app = kubernetes::App {
        cluster: cluster.clone(),
        namespace: namespace.to_owned(),
        owner,
    };
    let comparison = kubernetes::compare(&app, &objects, &[], |_| {}).await?;
    let diff = job::readable(&comparison, values.redactor());
    let mut text = String::new();
    for object in &diff.objects {
        let action = match object.action {
            DiffAction::Create => "would be created",
            DiffAction::Change => "would be changed",
            DiffAction::Delete => "would be removed",
        };
        text.push_str(&format!("{} {action}\n{}", object.object, object.text));
        if !object.text.is_empty() {
            text.push('\n');
        }
    }
    let summary = job::summary(&comparison, &diff, namespace);
    text.push_str(&format!("{summary}.\n"));
    let status = if diff.objects.is_empty() {
        0
    } else {
        DIFFERENT
    };
    Ok((text, status))
}

fn access(
    target: &Target,
    settings: impl FnOnce() -> Result<Settings, Vec<Problem>>,
) -> Result<Access, Vec<Problem>> {
    if let Some(name) = &target.cluster {
        let settings = settings()?;
        let known = settings.clusters.get(name).ok_or_else(|| {
            let names: Vec<&str> = settings.clusters.keys().map(String::as_str).collect();
            vec![
                Problem::new(
                    Code::ClusterUnknown,
                    format!("The settings have no cluster '{name}'."),
                )
                .hint(format!("They have: {}.", names.join(", "))),
            ]
        })?;
        return Ok(clusters::access(known));
    }
    let of_environment = || {
        let given = std::env::var_os("KUBECONFIG").filter(|given| !given.is_empty());
        given
            .map(PathBuf::from)
            .or_else(|| std::env::home_dir().map(|home| home.join(".kube").join("config")))
    };
    let path = target.kubeconfig.clone().or_else(of_environment);
    Ok(Access::Kubeconfig {
        path: path.unwrap_or_default(),
        context: target.context.clone(),
    })
}

/// Reads all variables, the files of `--vars` first; later ones win.
fn variables(render: &Render) -> Result<Vec<Variables>, Vec<Problem>> {
    let vault = passwords(&render.vault_ids, &render.vault_password_files)?;
    // The first one holds nothing but the vault.
    let mut layers = vec![Variables::opened_by(&vault)];
    let mut problems = Vec::new();
    let files = render.vars.iter();
    let files = files.map(|path| Ok(read_file(path, &vault)?.0));
    let extra = render
        .extra_vars
        .iter()
        .map(|argument| match extra_vars::read(argument)? {
            Given::File(path) => match read_file(Path::new(&path), &vault)? {
                (variables, true) => Ok(variables),
                (_, false) => Err(extra_vars::nothing_in(&path)),
            },
            Given::Variables(variables) => Ok(variables),
        });
    for read in files.chain(extra) {
        match read {
            Ok(variables) => layers.push(variables),
            Err(problem) => problems.push(problem),
        }
    }
    match problems.is_empty() {
        true => Ok(layers),
        false => Err(problems),
    }
}

/// The variables of a file, and whether it holds a mapping.
fn read_file(path: &Path, vault: &Vault) -> Result<(Variables, bool), Problem> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Problem::new(
            Code::Variables,
            format!("The file cannot be read: {error}."),
        )
        .in_manifest(&name, &name)
        .hint("Name a file of variables, as for `ansible-playbook -e @FILE`.")
    })?;
    let mut variables = Variables::opened_by(vault);
    let is_mapping = variables.load_some(&text, &name)?;
    Ok((variables, is_mapping))
}

/// The vault that password files open.
fn passwords(ids: &[String], files: &[PathBuf]) -> Result<Vault, Vec<Problem>> {
    let named = ids.iter().map(|given| match given.split_once('@') {
        Some((id, file)) => (id, PathBuf::from(file), "--vault-id"),
        None => (DEFAULT_ID, PathBuf::from(given), "--vault-id"),
    });
    let plain = files
        .iter()
        .map(|file| (DEFAULT_ID, file.clone(), "--vault-password-file"));
    let (mut passwords, mut problems) = (Vec::new(), Vec::new());
    for (id, file, option) in named.chain(plain) {
        let read = match file.to_str() {
            Some("prompt" | "prompt_ask_vault_pass") => Err(
                "Chandlery does not ask for passwords: write it into a file and name that"
                    .to_owned(),
            ),
            _ => vault::read_password(&at_home(&file)),
        };
        match read {
            Ok(password) => passwords.push((id.to_owned(), password)),
            Err(reason) => {
                problems.push(Problem::new(
                    Code::Settings,
                    format!("{option} {id}: {reason}."),
                ));
            }
        }
    }
    match problems.is_empty() {
        true => Ok(Vault::new(passwords)),
        false => Err(problems),
    }
}

fn merged(layers: &[Variables]) -> Variables {
    let mut layers = layers.iter().cloned();
    let mut all = layers.next().unwrap_or_default();
    layers.for_each(|layer| all.extend(layer));
    all
}

/// The variables with those secret that are called like one: they are not shown.
fn discreet(variables: Variables) -> Variables {
    let mut discreet = variables.clone();
    for (name, variable) in variables.iter() {
        let mut variable = variable.clone();
        variable.secret |= explain::looks_secret(name);
        discreet.insert(name, variable);
    }
    discreet
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        render: Render,
    }

    fn parsed(arguments: &[&str]) -> Result<Render, clap::Error> {
        Program::try_parse_from([&["render"], arguments, &["m.yml"]].concat())
            .map(|program| program.render)
    }

    #[test]
    fn a_difference_is_held_against_the_strict_policy_or_what_is_said_to_be_allowed() {
        let diff = ["--diff", "-n", "shop"];
        assert_eq!(parsed(&diff).unwrap().allowed.policy(), Policy::default());
        let flags = [
            "--pod-security=privileged",
            "--allow-kind=CronTab.example.com",
            "--allow-kind=ClusterRole.rbac.authorization.k8s.io",
            "--allow-annotation=grafana_dashboard",
            "--allow-static-storage-class=disks",
            "--allow-load-balancer",
            "--allow-node-port",
        ];
        let policy = parsed(&[&diff[..], &flags].concat())
            .unwrap()
            .allowed
            .policy();
        assert_eq!(policy.pod_security, PodSecurity::Privileged);
        let strict = Policy::default();
        assert_eq!(policy.kinds[..strict.kinds.len()], strict.kinds);
        assert_eq!(
            policy.kinds[strict.kinds.len()..],
            [
                "CronTab.example.com",
                "ClusterRole.rbac.authorization.k8s.io"
            ]
        );
        assert_eq!(policy.annotations.last().unwrap(), "grafana_dashboard");
        assert_eq!(policy.static_storage_classes, ["disks"]);
        assert!(policy.load_balancer && policy.node_port);
        // Where nothing is compared, nothing is held against it.
        assert!(parsed(&[]).is_ok());
        for flag in flags {
            assert!(parsed(&[flag]).is_err(), "{flag}");
        }
    }

    #[test]
    fn a_refusal_names_the_flags_and_other_problems_do_not() {
        let refused = Problem::new(Code::ManifestPolicy, "No.").hint("Remove it.");
        let hint = with_flags(refused).hint.unwrap();
        assert!(
            hint.starts_with("Remove it. ") && hint.contains("--allow-kind"),
            "{hint}"
        );
        let other = Problem::new(Code::ManifestCheck, "No.").hint("Remove it.");
        assert_eq!(with_flags(other).hint.unwrap(), "Remove it.");
    }
}
