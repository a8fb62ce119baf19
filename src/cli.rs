//! The commands, and how they end: exit status 0 when all is well, 1 when something is wrong, 2 for bad input or when Odoo
//! could not be asked (of `render --diff` 1 when something would change, 2 when something is wrong, as of `kubectl diff`).

mod extra_vars;
mod operator;
mod package;
mod render;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::artefact::confined;
use crate::code::Code;
use crate::job::Runner;
use crate::odoo::{Client, wake};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::telemetry::{Health, Metrics, health, logs, systemd};
use crate::worker::Worker;

/// How wide problems are drawn where no terminal says it.
const WIDTH: usize = 120;

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
    /// Shows what the worker would make of templates, and what applying that would change
    Render(Box<render::Render>),
    /// For who writes packages of applications
    #[command(subcommand)]
    Package(package::Package),
    /// For operators: apps, by the same calls as Odoo's buttons make
    App(operator::app::App),
    /// For operators: the library's repositories
    Repo(operator::repo::Repo),
    /// Says which versions of addons, workers, contract and clusters run, what does not fit and what to do
    UpgradeCheck(operator::upgrade_check::UpgradeCheck),
    /// Runs a program without network: how the worker runs helm and kustomize
    #[command(name = confined::COMMAND, hide = true)]
    Confined {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
    /// Prints a script that completes commands and arguments in a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
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
        Command::Render(render) => render::run(&render, settings).await,
        Command::Package(package) => package::run(&package).await,
        Command::App(app) => operator::app::run(&app).await,
        Command::Repo(repo) => operator::repo::run(&repo).await,
        Command::UpgradeCheck(check) => operator::upgrade_check::run(&check).await,
        Command::Confined { command } => {
            let reason = match command.split_first() {
                Some((program, arguments)) => confined::become_program(program, arguments),
                None => "no program is named".to_owned(),
            };
            eprintln!("{reason}");
            ExitCode::from(confined::NOT_BEGUN)
        }
        Command::Completion { shell } => {
            let mut command = Arguments::command();
            let name = command.get_name().to_owned();
            clap_complete::generate(shell, &mut command, name, &mut std::io::stdout());
            ExitCode::SUCCESS
        }
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
                            Code::Internal,
                            format!("Signals cannot be received: {error}."),
                        )],
                        1,
                    );
                }
            };
            let worker = Arc::new(worker);
            tokio::spawn(listen(client, worker.clone()));
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
            worker.run(closing).await;
            info!("the worker has ended");
            ExitCode::SUCCESS
        }
        Err(problem) => refuse(&[problem], 1),
    }
}

async fn listen(client: Client, worker: Arc<Worker<Client, Runner>>) {
    let (wake_up, listening) = (worker.wake_up(), worker.listening());
    let ear = wake::Ear {
        wake_up: &wake_up,
        listening: &listening,
        cancelled: &|ids| worker.cancelled(ids),
    };
    wake::listen(client, worker.wake(), ear).await;
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

/// The client that the settings describe.
pub fn client(settings: &Settings) -> Result<Client, Problem> {
    let odoo = &settings.odoo;
    let timeout = Duration::from_secs(odoo.timeout_seconds);
    let mut client = Client::new(&odoo.url, &odoo.database, odoo.key().clone(), timeout)?;
    if let Ok(url) = odoo.websocket_url.parse() {
        client = client.with_websocket_at(url);
    }
    Ok(match odoo.key_in_file() {
        Some(file) => client.with_key_in(file),
        None => client,
    })
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
    let width = terminal_size::terminal_size_of(std::io::stderr());
    let width = width.map_or(WIDTH, |(width, _)| width.0.into());
    for problem in problems {
        // Colours are left out where nobody sees them.
        anstream::eprintln!("{}", problem.drawn(width, true));
    }
    ExitCode::from(status)
}
