//! The files that a template uses: looked for when a rendering needs them, below the template's own folder and nowhere
//! else.

use std::io::ErrorKind;
use std::path::Path;

use super::{Fetcher, Source, computed};
use crate::ansible::Failure;
use crate::archive::Archive;
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;

/// How many files a template may ask for.
const FILES: usize = 50;
/// Bytes of all of them together.
const BYTES: usize = 1024 * 1024;

/// Makes something of a template, and looks for the files that it turns out to need. `address` is where the template came
/// from: a URL or a path. Gives what was made, and the template with its files.
pub async fn with_files<T: Send + 'static>(
    fetcher: &Fetcher,
    address: &str,
    mut source: Source,
    make: impl Fn(&Source) -> Result<T, Failure> + Clone + Send + 'static,
) -> Result<(Source, T), Problem> {
    loop {
        let make = make.clone();
        let (given, made) = computed(move || {
            let made = make(&source);
            (source, made)
        })
        .await?;
        source = given;
        let name = match made {
            Ok(made) => return Ok((source, made)),
            Err(Failure::Problem(problem)) => return Err(*problem),
            Err(Failure::Needs(name)) => name,
        };
        let refused = |problem: Problem| {
            Problem {
                message: sentence!(
                    "The file `{name}`, which the template uses: {message}",
                    name,
                    message = problem.message
                ),
                ..problem
            }
            .in_manifest(&source.title, &source.url)
        };
        let text = match &source.packed {
            Some((archive, folder)) => unpacked(archive, folder, &name),
            None => look(fetcher, address, &name).await,
        };
        let text = text.map_err(refused)?;
        let bytes = source.files.bytes() + text.as_ref().map_or(0, String::len);
        if source.files.len() >= FILES || bytes > BYTES {
            return Err(refused(
                Problem::new(
                    Code::ManifestFetch,
                    sentence!(
                        "it is too much: a template may use {number} files of {size} KiB together.",
                        number = FILES,
                        size = BYTES / 1024
                    ),
                )
                .hint(sentence!(
                    "Put parts of them into the template, or split it into several."
                )),
            ));
        }
        source.files.insert(&name, text);
    }
}

/// Where Ansible looks: in `templates` beside the template, then beside it.
fn places(name: &str) -> [String; 2] {
    [format!("templates/{name}"), name.to_owned()]
}

fn unpacked(archive: &Archive, folder: &str, name: &str) -> Result<Option<String>, Problem> {
    let within = |path: String| match folder {
        "" => path,
        folder => format!("{folder}/{path}"),
    };
    let mut found = places(name).into_iter();
    let Some(bytes) = found.find_map(|path| archive.file(&within(path))) else {
        return Ok(None);
    };
    String::from_utf8(bytes.to_vec())
        .map(Some)
        .map_err(|error| {
            Problem::new(
                Code::ManifestFetch,
                sentence!("it cannot be read: {error}.", error),
            )
        })
}

async fn look(fetcher: &Fetcher, address: &str, name: &str) -> Result<Option<String>, Problem> {
    for path in places(name) {
        let text = if address.starts_with("http://") || address.starts_with("https://") {
            fetcher.beside(address, &path).await?
        } else {
            read(&Path::new(address).with_file_name("").join(path))?
        };
        if text.is_some() {
            return Ok(text);
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<Option<String>, Problem> {
    if path.is_dir() {
        return Ok(None);
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(Problem::new(
            Code::ManifestFetch,
            sentence!("it cannot be read: {error}.", error),
        )),
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
