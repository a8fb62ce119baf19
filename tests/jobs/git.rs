//! An app's own repository on a real Gitea (GITEA_URL, GITEA_TOKEN: `make test SUITE=integration` starts one).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Method};

use super::*;

const OWNER: &str = "apps";

fn server() -> String {
    std::env::var("GITEA_URL").expect("GITEA_URL must name a Gitea to test on (testbed/gitea.py)")
}

fn token() -> String {
    std::env::var("GITEA_TOKEN").expect("GITEA_TOKEN must be a token for it")
}

/// A runner whose settings hold the server's token.
fn runner() -> Runner {
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, token()).unwrap();
    let host = server().replace("http://", "");
    let text = format!(
        "[odoo]\nurl = 'http://127.0.0.1:1'\nkey_file = '{token}'\n[clusters.demo]\nkubeconfig = '{kubeconfig}'\n\
         [deploy]\nready_seconds = {READY_SECONDS}\n{MANIFESTS}[manifests.hosts.'{host}']\ntoken_file = '{token}'\n",
        token = token_file.display(),
        kubeconfig = common::worker_kubeconfig().display(),
    );
    let file = folder.path().join("chandlery.toml");
    std::fs::write(&file, text).unwrap();
    Runner::new(&Settings::load(Some(&file)).unwrap()).unwrap()
}

/// Somebody at the repository.
struct Git {
    name: String,
    client: Client,
}

impl Git {
    fn of(app: &App) -> Self {
        Self {
            name: app.namespace.clone(),
            client: Client::new(),
        }
    }

    fn given(&self, known: Value) -> Value {
        json!({
            "url": server(), "owner": OWNER, "name": self.name, "known": known,
            "vars": "---\ntitle: The {{ app_name }}\nimage: docker.io/library/web:1\nnode_selector: {}\n",
            "hook": {"url": "http://127.0.0.1:1/hook", "secret": "h00k-s3cret"}, "on_delete": "archive",
        })
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/api/v1/repos/{OWNER}/{}{path}", server(), self.name);
        let request = self.client.request(method, url).bearer_auth(token());
        let response = request.json(&body).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask(Method::GET, path, Value::Null).await;
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    }

    async fn text(&self, path: &str) -> String {
        let file = self.get(&format!("/contents/{path}")).await;
        let content = file["content"].as_str().unwrap();
        String::from_utf8(BASE64_STANDARD.decode(content).unwrap()).unwrap()
    }

    async fn paths(&self) -> Vec<String> {
        let tree = self.get("/git/trees/main?recursive=true").await;
        let files = tree["tree"].as_array().unwrap().iter();
        let files = files.filter(|entry| entry["type"] == "blob");
        files
            .map(|entry| entry["path"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Pushes another text of a file. Gives the commit.
    async fn push(&self, path: &str, text: &str) -> String {
        let sha = self.get(&format!("/contents/{path}")).await["sha"].clone();
        let (status, answer) = self
            .ask(Method::PUT, &format!("/contents/{path}"), json!({
                "content": BASE64_STANDARD.encode(text), "sha": sha, "message": "Less memory\n\nIt was too much.",
                "branch": "main", "author": {"name": "Ada", "email": "ada@example.com"},
            }))
            .await;
        assert_eq!(status, 200, "{answer}");
        answer["commit"]["sha"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_makes_the_repository_and_commits_what_it_deploys_without_secrets() {
    with_app(|app| async move {
        let (runner, git) = (runner(), Git::of(&app));
        app.serve("own.yml", &format!("{{% include 'x.j2' %}}\n{}", common::CONFIG)).await;
        app.serve("x.j2", "# of the file\n").await;
        let mut job = app.job("deploy");
        job["manifests"][0]["url"] = json!(format!("{}/own.yml", app.server.uri()));
        job["app"]["git"] = git.given(Value::Null);
        job["secret"] = json!([{"key": "postgres_password", "type": "string", "value": "hunter2-hunter2", "generate": null}]);
        let (first, steps) = run(&runner, job.clone()).await;
        assert_done(&first);
        assert!(message(&steps, StepCode::Git).ends_with(" committed"), "{}", message(&steps, StepCode::Git));

        let repository = git.get("").await;
        assert_eq!(repository["private"], true);
        for part in ["has_issues", "has_wiki", "has_packages", "has_projects", "has_pull_requests"] {
            assert_eq!(repository[part], false, "{part}");
        }
        assert_eq!(
            git.paths().await,
            [
                "README.md",
                "manifests/010-config/manifest.yml",
                "manifests/010-config/templates/x.j2",
                "manifests/020-workload/manifest.yml",
                "vars.yml",
            ]
        );
        assert_eq!(git.text("manifests/020-workload/manifest.yml").await, common::WORKLOAD);
        assert!(git.text("vars.yml").await.contains("image: docker.io/library/web:1"));
        let readme = git.text("README.md").await;
        assert!(readme.contains("The way back") && readme.contains(&app.namespace), "{readme}");
        for path in git.paths().await {
            assert!(!git.text(&path).await.contains("hunter2"), "{path}");
        }
        let hooks = git.get("/hooks").await;
        assert_eq!(hooks[0]["config"]["url"], "http://127.0.0.1:1/hook");
        let seen = first.result.git.clone().unwrap();
        assert_eq!(seen.url, format!("{}/{OWNER}/{}", server(), git.name));
        assert_eq!(git.get("/branches/main").await["commit"]["id"], seen.commit.as_str());

        // Nothing has changed: no commit. What has goes into one, and what is gone goes.
        let mut again = after(job.clone(), &first);
        again["app"]["git"] = git.given(json!(seen.commit));
        let (same, _) = run(&runner, again.clone()).await;
        assert_done(&same);
        assert_eq!(same.result.git.unwrap().commit, seen.commit);
        again["manifests"].as_array_mut().unwrap().pop();
        let (less, _) = run(&runner, again).await;
        assert_done(&less);
        assert!(!git.paths().await.iter().any(|path| path.contains("workload")));
        let head = git.get("/branches/main").await;
        let parents = git.get(&format!("/git/commits/{}", head["commit"]["id"].as_str().unwrap())).await;
        assert_eq!(parents["parents"][0]["sha"], seen.commit.as_str());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_is_told_and_not_overwritten() {
    with_app(|app| async move {
        let (runner, git) = (runner(), Git::of(&app));
        let mut job = app.job("deploy");
        job["app"]["git"] = git.given(Value::Null);
        let (first, _) = run(&runner, job.clone()).await;
        assert_done(&first);
        let known = first.result.git.clone().unwrap().commit;

        let mut look = app.job("git");
        look["app"]["git"] = git.given(json!(known));
        let (nothing, _) = run(&runner, look.clone()).await;
        assert_done(&nothing);
        assert_eq!(nothing.result.git.as_ref().unwrap().manifests, None);

        let other = common::CONFIG.replace("settings", "changed");
        let pushed = git.push("manifests/010-config/manifest.yml", &other).await;
        let (seen, steps) = run(&runner, look.clone()).await;
        assert_done(&seen);
        let told = seen.result.git.unwrap();
        assert_eq!((told.commit.as_str(), told.title.as_str(), told.author.as_str()), (pushed.as_str(), "Less memory", "Ada"));
        assert_eq!(told.manifests.as_ref().unwrap()[0].content, other);
        assert_eq!(told.manifests.as_ref().unwrap()[1].content, common::WORKLOAD);
        assert!(told.vars.unwrap().contains("node_selector"));
        assert!(message(&steps, StepCode::Git).ends_with("was pushed: Less memory"));

        // Nobody has taken it over: a deploy says so, and brings nothing.
        let mut again = after(job.clone(), &first);
        again["app"]["git"] = git.given(json!(known));
        let (refused, _) = run(&runner, again.clone()).await;
        let error = refused.error.unwrap();
        assert_eq!((error.code.as_str(), error.retry), ("git_changed", false));
        assert!(error.message.contains("Ada"), "{error}");
        assert_eq!(git.text("manifests/010-config/manifest.yml").await, other);

        // Taken over, it is what is deployed.
        again["app"]["git"] = git.given(json!(pushed));
        again["manifests"][0]["content"] = json!({"text": other, "files": []});
        let (taken, _) = run(&runner, again).await;
        assert_done(&taken);
        assert_eq!(taken.result.git.unwrap().commit, pushed);

        let (status, _) = git.ask(Method::DELETE, "/contents/manifests/010-config/manifest.yml", json!({
            "sha": git.get("/contents/manifests/010-config/manifest.yml").await["sha"], "message": "Gone", "branch": "main",
        })).await;
        assert_eq!(status, 200);
        let (lacking, _) = run(&runner, look).await;
        let error = lacking.error.unwrap();
        assert!(error.message.contains("manifests/010-config/manifest.yml"), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_app_its_repository_is_archived_or_deleted_and_another_ones_stays() {
    with_app(|app| async move {
        let (runner, git) = (runner(), Git::of(&app));
        let mut job = app.job("deploy");
        job["app"]["git"] = git.given(Value::Null);
        let (first, _) = run(&runner, job.clone()).await;
        assert_done(&first);
        let known = json!(first.result.git.clone().unwrap().commit);

        let mut foreign = after(job, &first);
        foreign["app"]["git"] = git.given(Value::Null);
        git.ask(Method::PATCH, "", json!({"description": "Somebody else's"}))
            .await;
        let (refused, _) = run(&runner, foreign).await;
        assert_eq!(refused.error.unwrap().code.as_str(), "git_foreign");
        let mark = format!("Chandlery app {}", app.uid);
        git.ask(Method::PATCH, "", json!({"description": mark}))
            .await;

        let mut delete = after(app.job("delete"), &first);
        delete["options"] = json!({"keep_volumes": false});
        delete["app"]["git"] = git.given(known);
        let (archived, _) = run(&runner, delete.clone()).await;
        assert_done(&archived);
        assert_eq!(git.get("").await["archived"], true);
        delete["app"]["git"]["on_delete"] = json!("delete");
        for _ in 0..2 {
            let (deleted, _) = run(&runner, delete.clone()).await;
            assert_done(&deleted);
            assert_eq!(git.ask(Method::GET, "", Value::Null).await.0, 404);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_holds_no_app_up() {
    with_app(|app| async move {
        let git = Git::of(&app);
        let mut job = app.job("deploy");
        job["app"]["git"] = git.given(Value::Null);
        job["app"]["git"]["url"] = json!("http://127.0.0.1:1");
        let (done, steps) = run(&runner(), job).await;
        assert_done(&done);
        assert_eq!(done.result.git, None);
        let step = steps
            .iter()
            .find(|step| step.code == StepCode::Git)
            .unwrap();
        assert_eq!(step.state, StepState::Warning);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_cut_off_after_its_commit_is_repeated_and_another_job_is_not_it() {
    with_app(|app| async move {
        let (runner, git) = (runner(), Git::of(&app));
        let mut job = app.job("deploy");
        job["app"]["git"] = git.given(Value::Null);
        let (first, _) = run(&runner, job.clone()).await;
        assert_done(&first);
        let known = json!(first.result.git.clone().unwrap().commit);

        app.serve("config.yml", common::CONFIG.replace("settings", "changed"))
            .await;
        let mut again = after(job, &first);
        again["app"]["git"] = git.given(known);
        let (second, _) = run(&runner, again.clone()).await;
        assert_done(&second);
        // Nobody has heard of the second commit.
        let (repeated, _) = run(&runner, again.clone()).await;
        assert_done(&repeated);
        assert_eq!(repeated.result.git, second.result.git);
        again["uid"] = json!(uuid::Uuid::new_v4().simple().to_string());
        let (other, _) = run(&runner, again).await;
        assert_eq!(other.error.unwrap().code.as_str(), "git_changed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_manifest_of_the_server_is_fetched_with_the_same_token() {
    with_app(|app| async move {
        let (runner, git) = (runner(), Git::of(&app));
        let mut job = app.job("deploy");
        job["app"]["git"] = git.given(Value::Null);
        let (first, _) = run(&runner, job.clone()).await;
        assert_done(&first);
        let url = format!(
            "{}/{OWNER}/{}/raw/branch/main/manifests/010-config/manifest.yml",
            server(),
            git.name
        );
        let mut private = after(job, &first);
        private["app"]["git"] = Value::Null;
        private["manifests"][0]["url"] = json!(url);
        let (done, _) = run(&runner, private).await;
        assert_done(&done);
        assert_eq!(done.result.objects.changed, 0);
        let without = git.client.get(url).send().await.unwrap();
        assert_eq!(without.status(), 404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_is_nobodys_is_named() {
    with_app(|app| async move {
        let git = Git::of(&app);
        let mut job = app.job("deploy");
        job["app"]["git"] = git.given(Value::Null);
        job["app"]["git"]["owner"] = json!("nobody");
        let (refused, _) = run(&runner(), job).await;
        let error = refused.error.unwrap();
        assert_eq!(error.code.as_str(), "git_refused");
        assert!(
            error.message.contains("no organisation `nobody`"),
            "{error}"
        );
    })
    .await;
}
