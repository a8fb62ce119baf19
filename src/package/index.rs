//! A repository: a folder of packages with an `index.json` that tells of all of them, so that one request is enough.
//!
//! [`make`] writes the index of a folder, [`read`] reads one that somebody serves. The index holds the texts of the packages
//! as they are, and so a problem in one of them has the line that its author knows; and it holds the digests of their
//! manifests, to which they are pinned.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::Description;
use super::check::{self, FILE as PACKAGE, ICON, TEXT, Texts, VARS};
use crate::archive::{self, Archive};
use crate::code::Code;
use crate::manifest::{Fetcher, Limits, Reach, Source, digest, pin};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// The file that tells of all packages of a repository.
pub const FILE: &str = "index.json";
/// How large it may be, in bytes: all of it goes to Odoo in one report.
pub const BYTES: usize = 8 << 20;
/// How many packages there may be.
const MOST: usize = 5000;
/// How deep below the repository's folder a package may be.
const DEPTH: usize = 4;
/// How it is written.
fn make_it() -> Sentence {
    sentence!("Run `chandlery package index` on the repository's folder, and put the file there.")
}

/// The packages of a repository, as `chandlery package index` writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Index {
    /// The version of this format: 1.
    #[cfg_attr(test, schemars(range(min = 1, max = 1)))]
    format: u32,
    /// The packages, by their folders. Of one package there may be several versions, each in a folder of its own.
    #[cfg_attr(test, schemars(with = "Vec<Entry>", length(max = 5000)))]
    packages: Vec<Value>,
}

/// A package of the repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Its folder, or the archive that it is packed in, relative to the index.
    folder: String,
    /// The text of its `package.yml`.
    package: String,
    /// The text of its `vars.yml`, where it has one.
    vars: Option<String>,
    /// Its picture in base64, where it has one.
    icon: Option<String>,
    /// The digests of its manifests with the files that they name, by their paths.
    digests: BTreeMap<String, String>,
}

/// What is in a repository.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repository {
    pub packages: Vec<Package>,
    /// What is wrong with packages, which are left out.
    pub problems: Vec<Problem>,
}

/// A package of a repository.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    pub description: Description,
    /// The address of its folder or archive.
    pub url: Url,
    /// Of all that the index says of it: its texts, its picture and the digests of its manifests.
    pub digest: String,
    /// The text of its `package.yml`.
    pub text: String,
    /// The text of its `vars.yml`, where it has one.
    pub vars: Option<String>,
    /// Its picture in base64, where it has one.
    pub icon: Option<String>,
    /// By what they are for, in their order.
    pub manifests: Vec<(&'static str, Manifest)>,
}

/// A manifest of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub path: String,
    pub url: Url,
    /// What its content is, as [`pin::gather`] finds it.
    pub digest: String,
}

/// The address of a repository's folder, or of the archive that it is packed in.
///
/// # Errors
/// Where it is none.
pub fn folder(address: &str) -> Result<Url, Problem> {
    let wrong = |reason: Sentence| {
        Problem::new(
            Code::RepositoryFetch,
            sentence!(
                "The URL {address} cannot be that of a repository: {reason}.",
                address,
                reason
            ),
        )
        .hint(sentence!(
            "Give the address of the folder that the repository's index.json is in, or of an archive."
        ))
    };
    let mut url = Url::parse(address).map_err(|error| wrong(error.to_string().into()))?;
    if url.cannot_be_a_base() {
        return Err(wrong(sentence!("it has no path")));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(sentence!("it has a `?` or a `#`")));
    }
    if !url.path().ends_with('/') && !archive::is_named(url.path()) {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// The address of something below a folder or in an archive, given by a path that [`check::is_below`] it.
fn below(folder: &Url, path: &str) -> Url {
    if archive::is_named(folder.path()) {
        return archive::below(folder, path);
    }
    let mut url = folder.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/'));
    }
    url
}

/// Fetches the index of the repository in a folder or archive. Of an archive that is a package, one is made that tells of it
/// alone.
///
/// # Errors
/// Why there is none, or why it cannot be fetched.
pub async fn fetch(fetcher: &Fetcher, folder: &Url) -> Result<String, Problem> {
    if archive::is_named(folder.path()) {
        let unpacked = fetcher.archive(folder).await;
        let archive = unpacked.map_err(|problem| Problem {
            code: Code::RepositoryFetch,
            ..problem
        })?;
        return match archive.file(FILE) {
            Some(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            None => alone(&archive, folder, fetcher).await,
        };
    }
    let address = below(folder, FILE);
    let of_repository = |problem: Problem| Problem {
        code: Code::RepositoryFetch,
        ..problem
    };
    let text = fetcher
        .index(&address, BYTES)
        .await
        .map_err(of_repository)?;
    text.ok_or_else(|| {
        Problem::new(
            Code::RepositoryFetch,
            sentence!(
                "{address}: There is no {file} at this address.",
                address,
                file = FILE
            ),
        )
        .hint(sentence!("Correct the URL. If it is right:").and(" ", make_it()))
    })
}

/// The index of a package that is an archive.
async fn alone(
    archive: &Arc<Archive>,
    address: &Url,
    fetcher: &Fetcher,
) -> Result<String, Problem> {
    let shown = address.to_string();
    let entry = packed(archive, String::new(), address, fetcher).await;
    let entry = entry.ok_or_else(|| {
        Problem::new(
            Code::RepositoryFetch,
            sentence!(
                "{address}: The archive holds neither an {index} nor a {package}.",
                address = &shown,
                index = FILE,
                package = PACKAGE
            ),
        )
        .hint(sentence!(
            "Pack the folder of a package, or a repository after `chandlery package index`: the file stands at the archive's root, or in the one folder that holds everything."
        ))
    })?;
    let index = json!({"format": 1, "packages": [entry]});
    Ok(index.to_string())
}

/// What an archive says of the package that it is, where it is one. What is wrong with it shows when that is read.
async fn packed(
    archive: &Arc<Archive>,
    folder: String,
    address: &Url,
    fetcher: &Fetcher,
) -> Option<Entry> {
    let text = |name: &str| {
        let bytes = archive.file(name)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    };
    let name = |file: &str| below(address, file).to_string();
    let mut entry = Entry {
        folder,
        package: text(PACKAGE)?,
        vars: text(VARS),
        icon: None,
        digests: BTreeMap::new(),
    };
    let said = check::said(Texts {
        package: (name(PACKAGE), entry.package.clone()),
        vars: entry.vars.clone().map(|text| (name(VARS), text)),
    });
    let Ok(description) = said else {
        return Some(entry);
    };
    let icon = description.icon.as_deref();
    let icon = icon.and_then(|name| archive.file(name));
    entry.icon = icon.map(|bytes| BASE64.encode(bytes));
    for path in description.manifests.all().flat_map(|(_, paths)| paths) {
        let url = name(path);
        let Ok(source) = Source::packed(path, &url, archive.clone(), path) else {
            continue;
        };
        if let Ok(source) = pin::gather(fetcher, &url, source).await {
            entry.digests.insert(path.clone(), source.digest);
        }
    }
    Some(entry)
}

/// Reads the index of the repository in a folder or archive.
///
/// # Errors
/// Where it is none. What is wrong with one package is told beside the others.
pub fn read(text: &str, folder: &Url) -> Result<Repository, Problem> {
    let address = below(folder, FILE).to_string();
    let wrong = |message: Sentence| {
        Problem::new(Code::RepositoryInvalid, message)
            .hint(make_it())
            .in_manifest(FILE, &address)
    };
    let index: Index = serde_json::from_str(text).map_err(|error| Problem {
        line: u32::try_from(error.line()).ok(),
        column: u32::try_from(error.column().max(1)).ok(),
        ..wrong(sentence!("It is no index of packages: {error}.", error))
    })?;
    if index.format != 1 {
        let problem = wrong(sentence!("Its format is {format}.", format = index.format));
        return Err(problem.hint(sentence!(
            "This worker reads the format 1: update the worker."
        )));
    }
    if index.packages.len() > MOST {
        let number = index.packages.len();
        let problem = wrong(sentence!(
            "It has {number} packages; {most} are read.",
            number,
            most = MOST
        ));
        return Err(problem.hint(sentence!("Divide the repository into several.")));
    }
    let mut repository = Repository::default();
    let mut seen = BTreeMap::new();
    for (index, value) in index.packages.into_iter().enumerate() {
        let entry: Entry = match serde_json::from_value(value) {
            Ok(entry) => entry,
            Err(error) => {
                let place = format!("packages[{index}]");
                let message = sentence!("`{place}` is no package: {error}.", place, error);
                repository.problems.push(wrong(message));
                continue;
            }
        };
        let place = entry.folder.clone();
        match entry.read(folder) {
            Err(problems) => repository.problems.extend(problems),
            Ok(package) => {
                let Description { name, version, .. } = &package.description;
                match seen.insert((name.clone(), version.clone()), place.clone()) {
                    Some(other) => repository.problems.push(twice(&package, &other, &place)),
                    None => repository.packages.push(package),
                }
            }
        }
    }
    Ok(repository)
}

fn twice(package: &Package, one: &str, other: &str) -> Problem {
    let Description { name, version, .. } = &package.description;
    let address = below(&package.url, PACKAGE).to_string();
    Problem::new(
        Code::PackageInvalid,
        sentence!(
            "{name} {version} is in the folder `{one}`, too.",
            name,
            version,
            one
        ),
    )
    .hint(sentence!(
        "Give the one in `{other}` another version, or remove one of the two.",
        other
    ))
    .in_manifest(&address, &address)
}

impl Entry {
    fn read(self, folder: &Url) -> Result<Package, Vec<Problem>> {
        let is_packed = archive::is_named(folder.path());
        // A package that is an archive has no other folder.
        let is_alone = is_packed && self.folder.is_empty();
        let wrong = if is_packed && archive::is_named(&self.folder) {
            Some(sentence!(
                "The archive `{folder}` is in an archive itself: it is not looked at.",
                folder = &self.folder
            ))
        } else if !is_alone && !check::is_below(&self.folder) {
            Some(sentence!(
                "The folder `{folder}` is not below the repository's.",
                folder = &self.folder
            ))
        } else {
            None
        };
        if let Some(message) = wrong {
            let address = below(folder, FILE).to_string();
            let problem = Problem::new(Code::RepositoryInvalid, message).hint(make_it());
            return Err(vec![problem.in_manifest(FILE, &address)]);
        }
        let url = match is_alone {
            true => folder.clone(),
            false => below(folder, &self.folder),
        };
        let name = |file: &str| below(&url, file).to_string();
        let wrong = |message: Sentence| {
            let name = name(PACKAGE);
            let problem = Problem::new(Code::PackageInvalid, message).hint(make_it());
            problem.in_manifest(&name, &name)
        };
        let most = usize::try_from(TEXT).unwrap_or(usize::MAX);
        if self
            .package
            .len()
            .max(self.vars.as_ref().map_or(0, String::len))
            > most
        {
            let message = sentence!(
                "One of its texts is longer than {number} KiB.",
                number = TEXT >> 10
            );
            return Err(vec![wrong(message)]);
        }
        let description = check::said(Texts {
            package: (name(PACKAGE), self.package.clone()),
            vars: self.vars.clone().map(|text| (name(VARS), text)),
        })?;
        let mut problems = Vec::new();
        let mut manifests = Vec::new();
        for (purpose, paths) in description.manifests.all() {
            for path in paths {
                match self.digests.get(path) {
                    _ if !check::is_below(path) => {
                        problems.push(wrong(sentence!("`{path}` leads out of the package.", path)));
                    }
                    Some(digest) if is_digest(digest) => manifests.push((
                        purpose,
                        Manifest {
                            path: path.clone(),
                            url: below(&url, path),
                            digest: digest.clone(),
                        },
                    )),
                    Some(_) => {
                        problems.push(wrong(sentence!("The digest of `{path}` is none.", path)));
                    }
                    None => problems.push(wrong(sentence!(
                        "There is no file `{path}` in the package, as far as the index knows.",
                        path
                    ))),
                }
            }
        }
        if let Err(message) = self.picture(&description) {
            problems.push(wrong(message));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Package {
            digest: self.digest(),
            description,
            url,
            text: self.package,
            vars: self.vars,
            icon: self.icon,
            manifests,
        })
    }

    fn picture(&self, description: &Description) -> Result<(), Sentence> {
        let (name, text) = match (&description.icon, &self.icon) {
            (Some(name), Some(text)) => (name, text),
            (None, None) => return Ok(()),
            (Some(name), None) => {
                return Err(sentence!("The index has no picture `{name}`.", name));
            }
            (None, Some(_)) => {
                return Err(sentence!(
                    "The index has a picture that the package does not name."
                ));
            }
        };
        let bytes = BASE64.decode(text).unwrap_or_default();
        let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= ICON);
        match fits && check::is_picture(Path::new(name), &bytes) {
            true => Ok(()),
            false => Err(sentence!(
                "What the index has for `{name}` is no such picture.",
                name
            )),
        }
    }

    /// As `sha256sum` would print all of it: one line for each text, for the picture, and for each manifest with its own
    /// digest, by their names.
    fn digest(&self) -> String {
        let mut digests = self.digests.clone();
        digests.insert(PACKAGE.to_owned(), digest(&self.package));
        for (name, text) in [(VARS, &self.vars), ("icon", &self.icon)] {
            if let Some(text) = text {
                digests.insert(name.to_owned(), digest(text));
            }
        }
        let line = |(name, digest): (&String, &String)| {
            format!("{}  {name}\n", digest.trim_start_matches("sha256:"))
        };
        digest(digests.iter().map(line).collect::<String>())
    }
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    hex.len() == 64 && hex.bytes().all(is_hex)
}

/// Makes the index of the packages below a folder, each of which is checked.
///
/// # Errors
/// Everything that is wrong with any of them.
pub async fn make(folder: &Path) -> Result<(String, usize), Vec<Problem>> {
    let shown = folder.display().to_string();
    let one = |problem: Problem| vec![problem.in_manifest(&shown, &shown)];
    let of = |message: String| one(Problem::new(Code::RepositoryInvalid, message));
    let mut folders = Vec::new();
    packages_below(folder, 0, &mut folders)
        .map_err(|error| of(format!("The folder cannot be read: {error}.")))?;
    if folders.is_empty() {
        let problem = Problem::new(
            Code::RepositoryInvalid,
            "There is no package in this folder.",
        );
        let hint = format!(
            "A package is a folder with a {PACKAGE}, or an archive of one: docs/packages.md shows one."
        );
        return Err(one(problem.hint(hint)));
    }
    folders.sort();
    let fetcher = Fetcher::new(Limits::default(), Reach::default()).map_err(one)?;
    let (mut packages, mut problems) = (Vec::new(), Vec::new());
    for package in folders {
        let made = match package.is_file() {
            true => archive_entry(folder, &package, &fetcher).await,
            false => entry(folder, &package, &fetcher).await.map(Some),
        };
        match made {
            Ok(entry) => packages.extend(entry),
            Err(wrong) => problems.extend(wrong),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let number = packages.len();
    let defect = |error: serde_json::Error| one(Problem::new(Code::Internal, error.to_string()));
    let packages: Result<Vec<Value>, _> = packages.iter().map(serde_json::to_value).collect();
    let index = Index {
        format: 1,
        packages: packages.map_err(defect)?,
    };
    let text = serde_json::to_string_pretty(&index).map_err(defect)? + "\n";
    // What the worker says of it is said here already.
    if text.len() > BYTES {
        let size = text.len() / 1024;
        return Err(of(format!(
            "The index would have {size} KiB; {} are read. Divide the repository into several.",
            BYTES / 1024
        )));
    }
    let address = Url::parse("https://example.com/").map_err(|error| of(error.to_string()))?;
    let read = read(&text, &address).map_err(one)?;
    match read.problems.is_empty() {
        true => Ok((text, number)),
        false => Err(read.problems),
    }
}

/// The folders with a package, and archives: no links, nothing hidden, and nothing below a package.
fn packages_below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let (path, kind) = (entry.path(), entry.file_type()?);
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_file() && name.to_str().is_some_and(archive::is_named) {
            found.push(path);
            continue;
        }
        if !kind.is_dir() {
            continue;
        }
        if path.join(PACKAGE).is_file() {
            found.push(path);
        } else if depth + 1 < DEPTH {
            packages_below(&path, depth + 1, found)?;
        }
    }
    Ok(())
}

/// What the index says of the package in an archive; nothing where it is that of something else.
async fn archive_entry(
    root: &Path,
    file: &Path,
    fetcher: &Fetcher,
) -> Result<Option<Entry>, Vec<Problem>> {
    let archive = Arc::new(check::unpacked(file).map_err(|problem| vec![problem])?);
    if archive.file(PACKAGE).is_none() {
        return Ok(None);
    }
    let checked = check::check(file).await;
    if !checked.problems.is_empty() {
        return Err(checked.problems);
    }
    let shown = file.display().to_string();
    let wrong = |message: Sentence| {
        let problem = Problem::new(Code::RepositoryInvalid, message);
        vec![problem.in_manifest(&shown, &shown)]
    };
    let relative = file.strip_prefix(root).unwrap_or(file).to_str();
    let relative = relative
        .map(str::to_owned)
        .ok_or_else(|| wrong(sentence!("The archive's name is no text in UTF-8.")))?;
    let address = Url::parse("https://example.com/")
        .map(|folder| below(&folder, &relative))
        .map_err(|error| wrong(error.to_string().into()))?;
    Ok(packed(&archive, relative, &address, fetcher).await)
}

/// What the index says of the package in a folder.
async fn entry(root: &Path, folder: &Path, fetcher: &Fetcher) -> Result<Entry, Vec<Problem>> {
    let checked = check::check(folder).await;
    if !checked.problems.is_empty() {
        return Err(checked.problems);
    }
    let one = |problem: Problem| vec![problem];
    let shown = folder.display().to_string();
    let wrong = |message: Sentence| {
        let problem = Problem::new(Code::RepositoryInvalid, message);
        vec![problem.in_manifest(&shown, &shown)]
    };
    let relative = folder.strip_prefix(root).unwrap_or(folder).to_str();
    let vars = folder.join(VARS);
    let mut entry = Entry {
        folder: relative
            .ok_or_else(|| wrong(sentence!("The folder's name is no text in UTF-8.")))?
            .to_owned(),
        package: check::text(&folder.join(PACKAGE)).map_err(one)?,
        vars: match vars.exists() {
            true => Some(check::text(&vars).map_err(one)?),
            false => None,
        },
        icon: None,
        digests: BTreeMap::new(),
    };
    let Some(description) = checked.description else {
        return Ok(entry);
    };
    if let Some(icon) = &description.icon {
        let bytes = check::picture(&folder.join(icon)).map_err(wrong)?;
        entry.icon = Some(BASE64.encode(bytes));
    }
    for path in description.manifests.all().flat_map(|(_, paths)| paths) {
        let file = folder.join(path);
        let source = Source::read(&file).map_err(one)?;
        let address = file.display().to_string();
        let source = pin::gather(fetcher, &address, source).await.map_err(one)?;
        entry.digests.insert(path.clone(), source.digest);
    }
    Ok(entry)
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
