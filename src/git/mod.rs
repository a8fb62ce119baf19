//! An app's own repository on a Gitea or Forgejo server, by the server's API: [`Repository::ensure`] it, look at its
//! [`Repository::head`], read the [`Repository::texts`] of a commit, [`Repository::commit`] others, and in the end archive or
//! delete it. What a host may be asked, and which token it gets to read, is what holds for manifests.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use url::Url;

use crate::code::Code;
use crate::manifest::Fetcher;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// The only branch that is looked at.
pub const BRANCH: &str = "main";
/// With what the line of a commit's message begins that names the job.
pub const JOB: &str = "Chandlery-Job: ";
/// Characters of a commit's title and author that are told.
const SHOWN: usize = 200;
/// Bytes of one file that is read.
const LONGEST: usize = 1024 * 1024;
/// Files of a commit that are read, at most.
const MOST: usize = 200;

/// The files of a commit by their paths.
pub type Files = BTreeMap<String, String>;

/// Where a commit is, and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub commit: String,
    /// The first line of its message.
    pub title: String,
    pub author: String,
    /// The job that made it, by its [`JOB`] line.
    pub job: Option<String>,
}

/// A repository by its name.
pub struct Repository<'a> {
    fetcher: &'a Fetcher,
    api: Url,
    owner: String,
    name: String,
}

/// Where pushes are told of.
pub struct Hook<'a> {
    pub url: &'a str,
    pub secret: &'a str,
}

impl<'a> Repository<'a> {
    /// `server` is its URL as people open it.
    pub fn new(
        fetcher: &'a Fetcher,
        server: &str,
        owner: &str,
        name: &str,
    ) -> Result<Self, Problem> {
        let mut api = Url::parse(server).map_err(|error| {
            refused(sentence!(
                "The URL of the Git server cannot be used: {error}.",
                error
            ))
            .hint(sentence!(
                "Correct it in the app's environment: https:// and the server's name."
            ))
        })?;
        if let Ok(mut path) = api.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]);
        }
        Ok(Self {
            fetcher,
            api,
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Where people see it.
    pub fn url(&self) -> String {
        let server = self.api.as_str().trim_end_matches("/api/v1");
        format!("{server}/{}/{}", self.owner, self.name)
    }

    /// Makes the repository where there is none, for code alone and seen by nobody else. `mark` stands in its description: a
    /// repository of the name without it is somebody else's. One that `is_known` was made in full before.
    pub async fn ensure(&self, mark: &str, is_known: bool, hook: &Hook<'_>) -> Result<(), Problem> {
        let there = self.get(&[]).await?;
        if let Some(there) = &there {
            self.own(there, mark)?;
            if there["archived"] == true {
                // The app was deleted, and is there again.
                self.done(Method::PATCH, &[], &json!({"archived": false}))
                    .await?;
            } else if is_known {
                return Ok(());
            }
        } else {
            self.make(mark).await?;
        }
        self.done(Method::PATCH, &[], &json!({
            "has_issues": false, "has_wiki": false, "has_packages": false, "has_projects": false,
            "has_pull_requests": false, "has_releases": false, "has_actions": false,
        }))
        .await?;
        let hooks = self.get(&["hooks"]).await?.unwrap_or_default();
        let mut hooks = hooks.as_array().into_iter().flatten();
        if hooks.any(|one| one["config"]["url"] == hook.url) {
            return Ok(());
        }
        self.done(
            Method::POST,
            &["hooks"],
            &json!({
                "type": "gitea", "active": true, "events": ["push"], "branch_filter": BRANCH,
                "config": {"url": hook.url, "secret": hook.secret, "content_type": "json"},
            }),
        )
        .await
    }

    /// It is an organisation's, or that of the user whose token it is.
    async fn make(&self, mark: &str) -> Result<(), Problem> {
        let wanted = json!({
            "name": self.name, "description": mark, "private": true, "auto_init": true, "default_branch": BRANCH,
        });
        let (status, answer) = self
            .of_server(Method::POST, &["orgs", &self.owner, "repos"], Some(&wanted))
            .await?;
        if status != StatusCode::NOT_FOUND {
            return accepted(status, &answer);
        }
        let (status, user) = self.of_server(Method::GET, &["user"], None).await?;
        accepted(status, &user)?;
        if user["login"].as_str() != Some(&self.owner) {
            return Err(refused(sentence!(
                "The server has no organisation `{owner}`, and the worker's token is not that user's.",
                owner = &self.owner
            ))
            .hint(sentence!(
                "Make the organisation on the server, or correct the owner in the app's environment."
            )));
        }
        let (status, answer) = self
            .of_server(Method::POST, &["user", "repos"], Some(&wanted))
            .await?;
        accepted(status, &answer)
    }

    fn own(&self, there: &Value, mark: &str) -> Result<(), Problem> {
        if there["description"].as_str() == Some(mark) {
            return Ok(());
        }
        Err(Problem::new(
            Code::GitForeign,
            sentence!(
                "The repository {url} is there, and is not this app's.",
                url = self.url()
            ),
        )
        .hint(sentence!(
            "Rename or delete it on the server. If it is meant, set its description to “{mark}”.",
            mark
        )))
    }

    /// The last commit; none where there is no such repository, or nothing in it.
    pub async fn head(&self) -> Result<Option<Head>, Problem> {
        let branch = self.get(&["branches", BRANCH]).await?;
        Ok(branch.map(|branch| {
            let commit = &branch["commit"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let message = text(&commit["message"]);
            let mut lines = message.lines();
            Head {
                commit: text(&commit["id"]),
                title: shown(lines.next().unwrap_or_default()),
                author: shown(&text(&commit["author"]["name"])),
                job: lines
                    .find_map(|line| line.strip_prefix(JOB))
                    .map(str::to_owned),
            }
        }))
    }

    /// The files of a commit for whose paths `wanted` holds.
    pub async fn texts(
        &self,
        commit: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Files, Problem> {
        let mut found = Files::new();
        for (path, blob) in self.tree(commit).await? {
            if !wanted(&path) {
                continue;
            }
            if found.len() >= MOST {
                return Err(refused(sentence!(
                    "The commit has more than {number} files.",
                    number = MOST
                ))
                .hint(sentence!("Take out what the app does not need.")));
            }
            let content = self
                .get(&["git", "blobs", &blob])
                .await?
                .unwrap_or_default();
            let bytes = content["content"]
                .as_str()
                .and_then(|text| BASE64_STANDARD.decode(text).ok());
            let text = bytes
                .filter(|bytes| bytes.len() <= LONGEST)
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(text) = text else {
                return Err(refused(sentence!(
                    "The file {path} is not a text in UTF-8 of {size} KiB at most.",
                    path,
                    size = LONGEST / 1024
                ))
                .hint(sentence!("Take it out, or put a text in its place.")));
            };
            found.insert(path, text);
        }
        Ok(found)
    }

    /// The paths of a commit's files, each with the id of its content.
    async fn tree(&self, commit: &str) -> Result<BTreeMap<String, String>, Problem> {
        let mut url = self.at(&["git", "trees", commit]);
        url.query_pairs_mut()
            .append_pair("recursive", "true")
            .append_pair("per_page", "1000");
        let (status, answer) = self.ask(Method::GET, &url, None).await?;
        accepted(status, &answer)?;
        if answer["truncated"] == true {
            return Err(refused(sentence!(
                "The commit has more files than the server tells at once."
            ))
            .hint(sentence!("Take out what the app does not need.")));
        }
        let entries = answer["tree"].as_array().cloned().unwrap_or_default();
        Ok(entries
            .iter()
            .filter(|entry| entry["type"] == "blob")
            .filter_map(|entry| {
                Some((
                    entry["path"].as_str()?.to_owned(),
                    entry["sha"].as_str()?.to_owned(),
                ))
            })
            .collect())
    }

    /// Makes one commit of all that differs from `head`: `files`, and what is in the folders `whole` and not among them. None
    /// where nothing differs.
    pub async fn commit(
        &self,
        head: &str,
        files: &Files,
        whole: &str,
        message: &str,
    ) -> Result<Option<String>, Problem> {
        let there = self.tree(head).await?;
        let mut changes = Vec::new();
        for (path, text) in files {
            let content = BASE64_STANDARD.encode(text);
            match there.get(path) {
                None => {
                    changes.push(json!({"operation": "create", "path": path, "content": content}))
                }
                Some(blob) if *blob == blob_id(text) => {}
                Some(blob) => changes.push(json!({
                    "operation": "update", "path": path, "content": content, "sha": blob,
                })),
            }
        }
        for (path, blob) in there.iter().filter(|(path, _)| path.starts_with(whole)) {
            if !files.contains_key(path) {
                changes.push(json!({"operation": "delete", "path": path, "sha": blob}));
            }
        }
        if changes.is_empty() {
            return Ok(None);
        }
        let wanted = json!({"branch": BRANCH, "message": message, "files": changes});
        let (status, answer) = self
            .ask(Method::POST, &self.at(&["contents"]), Some(&wanted))
            .await?;
        if matches!(
            status,
            StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY
        ) {
            // Somebody has pushed since the head was read.
            return Err(Problem {
                retry: true,
                ..refused_by(status, &answer)
            });
        }
        accepted(status, &answer)?;
        Ok(answer["commit"]["sha"].as_str().map(str::to_owned))
    }

    /// Nobody pushes to it any more.
    pub async fn archive(&self, mark: &str) -> Result<(), Problem> {
        let Some(there) = self.get(&[]).await? else {
            return Ok(());
        };
        self.own(&there, mark)?;
        match there["archived"] == true {
            true => Ok(()),
            false => {
                self.done(Method::PATCH, &[], &json!({"archived": true}))
                    .await
            }
        }
    }

    /// It goes with its history.
    pub async fn delete(&self, mark: &str) -> Result<(), Problem> {
        let Some(there) = self.get(&[]).await? else {
            return Ok(());
        };
        self.own(&there, mark)?;
        let (status, answer) = self.ask(Method::DELETE, &self.at(&[]), None).await?;
        accepted(status, &answer)
    }

    // -- calls ---------------------------------------------------------------------------------------------------------

    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.api.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .extend(["repos", &self.owner, &self.name])
                .extend(path);
        }
        url
    }

    /// What is there; none for a 404.
    async fn get(&self, path: &[&str]) -> Result<Option<Value>, Problem> {
        let (status, answer) = self.ask(Method::GET, &self.at(path), None).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        accepted(status, &answer)?;
        Ok(Some(answer))
    }

    async fn done(&self, method: Method, path: &[&str], body: &Value) -> Result<(), Problem> {
        let (status, answer) = self.ask(method, &self.at(path), Some(body)).await?;
        accepted(status, &answer)
    }

    async fn of_server(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), Problem> {
        let mut url = self.api.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        self.ask(method, &url, body).await
    }

    async fn ask(
        &self,
        method: Method,
        url: &Url,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), Problem> {
        let asked = self.fetcher.call(method, url, body).await;
        let (status, bytes) = asked.map_err(|problem| Problem {
            code: match problem.retry {
                true => Code::GitUnreachable,
                false => Code::GitRefused,
            },
            ..problem
        })?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }
}

fn refused(message: Sentence) -> Problem {
    Problem::new(Code::GitRefused, message)
}

fn refused_by(status: StatusCode, answer: &Value) -> Problem {
    let said = answer["message"].as_str().unwrap_or_default();
    refused(sentence!(
        "The Git server answered {status}. {said}",
        status,
        said
    ))
}

/// Takes an answer only if the server did what it was asked.
fn accepted(status: StatusCode, answer: &Value) -> Result<(), Problem> {
    if status.is_success() {
        return Ok(());
    }
    let problem = refused_by(status, answer);
    Err(match status.as_u16() {
        401 | 403 => problem.hint(sentence!("The worker's token for the server lacks the right, or there is none: whoever runs the worker sets it under [manifests.hosts] in the worker's settings.")),
        500..=599 | 429 => Problem { code: Code::GitUnreachable, retry: true, ..problem }.hint(sentence!("It is tried again. Look at the Git server.")),
        _ => problem.hint(sentence!("Look at the repository on the Git server, and at the app's environment in Odoo.")),
    })
}

/// As much as people read of what somebody else has written.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// How Git knows a content.
fn blob_id(text: &str) -> String {
    let mut sha = Sha1::new();
    sha.update(format!("blob {}\0", text.len()));
    sha.update(text);
    sha.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_known_as_git_knows_it() {
        // printf 'hello\n' | git hash-object --stdin
        assert_eq!(
            blob_id("hello\n"),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
        assert_eq!(blob_id(""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    }
}
