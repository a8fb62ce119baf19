//! The tools that read artefacts: where they are, and how they are run.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::confined;
use super::process::{self, Failure, Limits, Said};
use super::{Archive, Format};
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// How far a tool may go.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(20),
    output: 4 * 1024 * 1024,
};
/// What Go, in which both are written, says where it gets no memory.
const NO_MEMORY: [&str; 2] = ["out of memory", "cannot allocate memory"];

/// Where the tools are. One runs at a time, so that the memory of one is enough.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    helm: PathBuf,
    kustomize: PathBuf,
    /// The program that confines them; empty: this one.
    launcher: PathBuf,
    turn: Arc<Mutex<()>>,
}

impl PartialEq for Tools {
    fn eq(&self, other: &Self) -> bool {
        (&self.helm, &self.kustomize) == (&other.helm, &other.kustomize)
    }
}

impl Eq for Tools {}

/// What a tool is given beside its arguments.
pub struct Work<'a> {
    pub archive: &'a Archive,
    /// A file that is put into the archive's folder, in place of one of the same path.
    pub file: Option<(&'a str, String)>,
    /// On its standard input.
    pub input: String,
}

impl Tools {
    /// The tools at these places; where one is empty, what `PATH` leads to. `launcher` is the program that confines them;
    /// empty: this one.
    pub fn new(helm: &Path, kustomize: &Path, launcher: &Path) -> Self {
        Self {
            helm: helm.to_owned(),
            kustomize: kustomize.to_owned(),
            launcher: launcher.to_owned(),
            turn: Arc::default(),
        }
    }

    /// Where a tool is.
    fn find(&self, format: Format) -> Result<PathBuf, Problem> {
        let (name, set) = (format.program(), self.set(format));
        let missing = |message: Sentence| {
            Err(Problem::new(Code::ManifestTool, message).hint(sentence!(
                "Install {name} where the worker runs, or set artefacts.{name} in its settings; `chandlery check` says whether it is found.",
                name
            )))
        };
        if !set.as_os_str().is_empty() {
            return match is_program(set) {
                true => Ok(set.to_owned()),
                false => missing(sentence!(
                    "The worker finds no program at {path}, where its settings have {name}.",
                    path = set.display(),
                    name
                )),
            };
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|path| path.is_absolute() && is_program(path));
        match found {
            Some(path) => Ok(path),
            None => missing(sentence!("The worker finds no program {name}.", name)),
        }
    }

    /// Whether one is named in the settings, or found.
    pub fn are_there(&self, format: Format) -> bool {
        !self.set(format).as_os_str().is_empty() || self.find(format).is_ok()
    }

    /// Where the settings have a tool; empty: nowhere.
    fn set(&self, format: Format) -> &Path {
        match format {
            Format::Helm => &self.helm,
            Format::Kustomize => &self.kustomize,
        }
    }

    /// What a tool says of its version, as it runs confined.
    pub fn version(&self, format: Format) -> Result<String, Problem> {
        let arguments: &[&str] = match format {
            Format::Helm => &["version", "--short"],
            Format::Kustomize => &["version"],
        };
        let work = Work {
            archive: &Archive::default(),
            file: None,
            input: String::new(),
        };
        let said = self.run(format, arguments, work)?;
        let version = String::from_utf8_lossy(&said.output).trim().to_owned();
        match said.status.success() {
            true => Ok(format!("{} {version}", self.find(format)?.display())),
            false => Err(self.ended(format, &said.complaint)),
        }
    }

    /// Runs a tool in a folder of its own with an archive in it.
    pub fn run(
        &self,
        format: Format,
        arguments: &[impl AsRef<OsStr>],
        work: Work<'_>,
    ) -> Result<Said, Problem> {
        let program = self.find(format)?;
        let name = format.program();
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::Builder::new()
            .prefix("chandlery-")
            .tempdir()
            .map_err(|error| no_folder(&error))?;
        let (home, archive) = (folder.path().join("home"), folder.path().join("archive"));
        for folder in [&home, &archive] {
            std::fs::create_dir(folder).map_err(|error| no_folder(&error))?;
        }
        work.archive
            .write(&archive)
            .map_err(|error| no_folder(&error))?;
        if let Some((path, text)) = work.file {
            std::fs::write(archive.join(path), text).map_err(|error| no_folder(&error))?;
        }
        let launcher = match self.launcher.as_os_str().is_empty() {
            true => std::env::current_exe().map_err(|error| not_begun(name, &error.to_string()))?,
            false => self.launcher.clone(),
        };
        let mut command = Command::new(launcher);
        command
            .arg(confined::COMMAND)
            .arg(OsString::from(&program))
            .args(arguments)
            .current_dir(&archive)
            .env_clear()
            .env("HOME", &home)
            .env("TMPDIR", &home)
            .env("HELM_CACHE_HOME", home.join("cache"))
            .env("HELM_CONFIG_HOME", home.join("config"))
            .env("HELM_DATA_HOME", home.join("data"))
            // Less than it may take: it is to clean up before it is refused.
            .env("GOMEMLIMIT", "256MiB");
        let said = process::run(&mut command, work.input.into_bytes(), LIMITS);
        let mut said = said.map_err(|failure| match failure {
            Failure::Broken(error) => not_begun(name, &error.to_string()),
            Failure::TooLong => refused(
                sentence!(
                    "{name} did not come to an end within {seconds} s.",
                    name,
                    seconds = LIMITS.time.as_secs()
                ),
                sentence!("Look for loops in the templates that go round too often."),
            ),
            Failure::TooMuch => refused(
                sentence!(
                    "{name} makes more than {number} MiB of it.",
                    name,
                    number = LIMITS.output / 1024 / 1024
                ),
                sentence!("Look for loops in the templates that go round too often, or divide it."),
            ),
        })?;
        // Where it lay is nobody's concern, and another place each time.
        said.complaint = said.complaint.replace(&archive.display().to_string(), ".");
        if said.status.code() == Some(confined::NOT_BEGUN.into()) {
            return Err(not_begun(name, said.complaint.trim()));
        }
        let is_starved = NO_MEMORY.iter().any(|what| said.complaint.contains(*what));
        if !said.status.success() && is_starved {
            return Err(refused(
                sentence!("{name} needs more memory for it than it may have.", name),
                sentence!("Look for loops in the templates that go round too often, or divide it."),
            ));
        }
        Ok(said)
    }

    /// A tool's end that says nothing of what it has read.
    pub fn ended(&self, format: Format, complaint: &str) -> Problem {
        let name = format.program();
        let complaint = complaint.trim().trim_start_matches("Error: ");
        // Advice on helm's own command line is of no use here.
        let lines = complaint
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("Use --debug flag"));
        let lines: Vec<&str> = lines.take(LINES).collect();
        refused(
            match lines.is_empty() {
                true => sentence!("{name} ended without a word.", name),
                false => sentence!("{name} says: {message}", name, message = lines.join("\n")),
            },
            match format {
                Format::Helm => sentence!(
                    "Correct the chart or its values; `chandlery render CHART.tgz --vars FILE` shows the same."
                ),
                Format::Kustomize => sentence!(
                    "Correct the folder; `chandlery render FOLDER.tar.gz --vars FILE` shows the same."
                ),
            },
        )
    }
}

/// Lines of what a tool complains of that are told.
const LINES: usize = 12;

fn refused(message: Sentence, hint: Sentence) -> Problem {
    Problem::new(Code::TemplateRender, message).hint(hint)
}

fn not_begun(name: &str, reason: &str) -> Problem {
    Problem::new(
        Code::ManifestTool,
        sentence!(
            "{name} is not run, since it cannot be kept from the network: {reason}.",
            name,
            reason
        ),
    )
    .hint(sentence!(
        "`chandlery check` shows the same where the worker runs: allow it there to filter system calls (seccomp) and to run the program."
    ))
}

fn no_folder(error: &std::io::Error) -> Problem {
    Problem::new(
        Code::ManifestTool,
        sentence!(
            "The worker can make no folder for temporary files: {error}.",
            error
        ),
    )
    .hint(sentence!(
        "Give it a /tmp that it may write to, or set TMPDIR."
    ))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
