//! `chandlery package`: for who writes packages.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::refuse;
use crate::code::Code;
use crate::package::{Checked, check, index};
use crate::problem::Problem;

#[derive(Debug, clap::Subcommand)]
pub enum Package {
    /// Says everything that is wrong with packages, and renders their manifests with the defaults
    Check {
        /// Folders with a package.yml, or archives of such (.tar.gz, .tgz, .zip)
        #[arg(value_name = "PACKAGE", required = true)]
        folders: Vec<PathBuf>,
    },
    /// Makes a folder of packages a repository: checks all of them and writes its index.json
    Index {
        /// The folder that the packages are below
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Writes nothing; says whether index.json is what the packages say
        #[arg(long)]
        check: bool,
    },
}

/// Exit status 0 when all is well, 1 when something is wrong with a package.
pub async fn run(package: &Package) -> ExitCode {
    match package {
        Package::Check { folders } => check_all(folders).await,
        Package::Index { folder, check } => match make_index(folder, *check).await {
            Ok(said) => {
                println!("{said}");
                ExitCode::SUCCESS
            }
            Err(problems) => refuse(&problems, 1),
        },
    }
}

async fn check_all(folders: &[PathBuf]) -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    for folder in folders {
        let checked = check(folder).await;
        if checked.problems.is_empty() {
            println!("{}: {}", folder.display(), summary(&checked));
        } else {
            status = refuse(&checked.problems, 1);
        }
    }
    status
}

/// Writes the index of a folder, or only looks whether it is as it would be written; says what came of it.
async fn make_index(folder: &Path, only_look: bool) -> Result<String, Vec<Problem>> {
    let (text, packages) = index::make(folder).await?;
    let file = folder.join(index::FILE);
    let name = file.display().to_string();
    let wrong = |message: String| {
        let problem = Problem::new(Code::RepositoryInvalid, message);
        problem.in_manifest(&name, &name)
    };
    let is_current = std::fs::read_to_string(&file).is_ok_and(|found| found == text);
    if only_look && !is_current {
        let problem = wrong("It is not what the packages say.".to_owned());
        let command = format!("Run `chandlery package index {}`.", folder.display());
        return Err(vec![problem.hint(command)]);
    }
    if !is_current {
        std::fs::write(&file, text)
            .map_err(|error| vec![wrong(format!("It cannot be written: {error}."))])?;
    }
    let what = match is_current {
        true => "is up to date",
        false => "is written",
    };
    Ok(format!("{name} {what}: packages: {packages}"))
}

fn summary(checked: &Checked) -> String {
    let Some(description) = &checked.description else {
        return String::new();
    };
    let manifests: usize = description
        .manifests
        .all()
        .map(|(_, paths)| paths.len())
        .sum();
    format!(
        "{} {} is well: manifests: {manifests}, objects: {}, variables: {}",
        description.name,
        description.version,
        checked.objects,
        description.variables.len(),
    )
}
