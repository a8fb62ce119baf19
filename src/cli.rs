//! The commands, and how they end: exit status 0 when all is well, 1 when something is wrong, 2 for bad input.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::ansible::vault::{self, DEFAULT_ID, Vault};
use crate::job::Runner;
use crate::manifest::preview;
use crate::odoo::{Client, wake};
use crate::problem::Problem;
use crate::settings::{Settings, at_home};
use crate::telemetry::{Health, Metrics, health, logs, systemd};
use crate::worker::Worker;

/// Deploys the applications that an Odoo shop sells onto Kubernetes.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Arguments {
    /// The settings file [default: /etc/chandlery/chandlery.toml, where it exists]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Takes jobs from Odoo and does them, until it is told to end (SIGTERM or Ctrl-C)
    Worker,
    /// Says of everything the worker needs whether it works, and how to put right what does not
    Check,
    /// Shows what the worker would make of templates
    Render {
        /// Variables as Ansible reads them; of two with one name the later file wins
        #[arg(long, value_name = "FILE", num_args = 1..)]
        vars: Vec<PathBuf>,
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
        /// Files or URLs, in order
        #[arg(value_name = "TEMPLATE", required = true)]
        templates: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Runs a command.
pub async fn run(arguments: Arguments) -> ExitCode {
    let settings = || Settings::load(arguments.config.as_deref());
    match arguments.command {
        Command::Worker => match settings() {
            Ok(settings) => work(settings).await,
            Err(problems) => refuse(&problems, 1),
        },
        Command::Check => crate::check::run(settings()).await,
        Command::Render {
            vars,
            vault_ids,
            vault_password_files,
            output,
            templates,
        } => match passwords(&vault_ids, &vault_password_files) {
            Ok(vault) => render(&vars, &vault, output, &templates).await,
            Err(problems) => refuse(&problems, 2),
        },
    }
}

async fn work(settings: Settings) -> ExitCode {
    logs::start(&settings.telemetry.log);
    match start(&settings).await {
        Ok((worker, client)) => {
            let closing = CancellationToken::new();
            match signals() {
                Ok(signals) => tokio::spawn(obey(signals, closing.clone())),
                Err(error) => {
                    return refuse(
                        &[Problem::new(
                            "internal",
                            format!("Signals cannot be received: {error}."),
                        )],
                        1,
                    );
                }
            };
            let (bell, channel) = (worker.bell(), worker.wake());
            tokio::spawn(async move { wake::listen(client, channel, &bell).await });
            tokio::spawn(systemd::watchdog());
            info!(
                odoo = settings.odoo.url,
                clusters = ?settings.clusters.keys().collect::<Vec<_>>(),
                capacity = settings.worker.capacity,
                "the worker {} {} begins",
                settings.worker.name,
                env!("CARGO_PKG_VERSION"),
            );
            systemd::ready(&format!("serving {} clusters", settings.clusters.len()));
            Arc::new(worker).run(closing).await;
            info!("the worker has ended");
            ExitCode::SUCCESS
        }
        Err(problem) => refuse(&[problem], 1),
    }
}

async fn start(settings: &Settings) -> Result<(Worker<Client, Runner>, Client), Problem> {
    let (health, metrics) = (Arc::<Health>::default(), Arc::<Metrics>::default());
    if let Ok(address) = settings.telemetry.listen.parse() {
        health::serve(address, health.clone(), metrics.clone()).await?;
    }
    let client = client(settings)?;
    let runner = Runner::new(settings)?;
    let worker = Worker::new(client.clone(), runner, &settings.worker, health, metrics);
    Ok((worker, client))
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
                    "settings",
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

async fn render(vars: &[PathBuf], vault: &Vault, output: Output, templates: &[String]) -> ExitCode {
    let output = match output {
        Output::Text => preview::Output::Text,
        Output::Json => preview::Output::Json,
    };
    match preview::preview(vars, vault, templates, output).await {
        Ok(text) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(problems) => refuse(&problems, 2),
    }
}

/// The client that the settings describe.
pub fn client(settings: &Settings) -> Result<Client, Problem> {
    let odoo = &settings.odoo;
    let timeout = Duration::from_secs(odoo.timeout_seconds);
    Client::new(&odoo.url, &odoo.database, odoo.key().clone(), timeout)
}

fn signals() -> std::io::Result<[Signal; 2]> {
    Ok([
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    ])
}

/// The first signal closes, the second one ends the process where it stands.
async fn obey([mut terminate, mut interrupt]: [Signal; 2], closing: CancellationToken) {
    for time in 1.. {
        let number = tokio::select! {
            _ = terminate.recv() => 15,
            _ = interrupt.recv() => 2,
        };
        if time == 1 {
            info!("told to end; a second signal ends at once");
            systemd::stopping();
            closing.cancel();
        } else {
            error!(
                "ended by a second signal; jobs at work go to another worker when their lease ends"
            );
            std::process::exit(128 + number);
        }
    }
}

fn refuse(problems: &[Problem], status: u8) -> ExitCode {
    for problem in problems {
        eprintln!("chandlery: {problem}");
    }
    ExitCode::from(status)
}
