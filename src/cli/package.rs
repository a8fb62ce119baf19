//! `chandlery package`: for who writes packages.

use std::path::PathBuf;
use std::process::ExitCode;

use super::refuse;
use crate::package::{Checked, check};

#[derive(Debug, clap::Subcommand)]
pub enum Package {
    /// Says everything that is wrong with packages, and renders their manifests with the defaults
    Check {
        /// Folders with a package.yml
        #[arg(value_name = "DIR", required = true)]
        folders: Vec<PathBuf>,
    },
}

/// Exit status 0 when all is well, 1 when something is wrong with a package.
pub async fn run(package: &Package) -> ExitCode {
    let Package::Check { folders } = package;
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
