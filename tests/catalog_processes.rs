//! The catalog's scripts, run as a container runs them: as the first process of a pid namespace, which a signal does not
//! end unless it is handled. In the place of Odoo and PostgreSQL stand programs that write down that they were called.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chandlery::ansible::Variables;
use chandlery::manifest::{Source, parse, render};

/// Long enough for a busy machine; what does not handle the signal never ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// The script of a ConfigMap of the catalog.
fn script(template: &str, config_map: &str, key: &str, case: &str) -> String {
    let mut variables = Variables::new();
    for path in [
        "catalog/odoo/vars.yml".to_owned(),
        format!("tests/inputs/catalog/{case}/vars.yml"),
    ] {
        let text = std::fs::read_to_string(&path).unwrap();
        variables.extend(Variables::read(&text, &path).unwrap());
    }
    let variables = variables.resolve().unwrap();
    let source = Source::read(Path::new(&format!("catalog/odoo/{template}.yml"))).unwrap();
    let objects = parse(&render(&source, &variables).unwrap(), &variables)
        .unwrap()
        .objects;
    let object = objects
        .iter()
        .find(|object| object.kind() == "ConfigMap" && object.name() == config_map)
        .unwrap();
    object.value["data"][key].as_str().unwrap().to_owned()
}

/// A folder that stands for a container's files.
struct Container {
    folder: tempfile::TempDir,
}

impl Container {
    fn new() -> Self {
        let container = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for folder in ["bin", "home", "smtp", "prepared", "data", "run"] {
            std::fs::create_dir(container.path(folder)).unwrap();
        }
        for (template, map, key) in [
            ("odoo", "odoo", "odoo.conf"),
            ("odoo", "odoo", "common.sh"),
            ("odoo", "odoo", "setup.sh"),
            ("odoo", "odoo", "start.sh"),
            ("odoo", "odoo", "files.py"),
            ("postgres", "postgres", "setup.sh"),
        ] {
            let name = match map {
                "postgres" => "postgres-setup.sh",
                _ => key,
            };
            container.write(name, &script(template, map, key, "all"));
        }
        let reset = script("reset", "odoo-reset", "reset.sh", "given");
        container.write("reset.sh", &reset);
        container
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn place(&self, text: &str) -> String {
        let here = self.folder.path().to_str().unwrap();
        text.replace("/etc/odoo", here)
            .replace("/etc/chandlery-smtp", &format!("{here}/smtp"))
            .replace("/usr/share/odoo/prepared", &format!("{here}/prepared"))
            .replace("/var/lib/odoo", &format!("{here}/home"))
            .replace("/var/run/postgresql", &format!("{here}/run"))
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), self.place(text)).unwrap();
    }

    /// A program that notes that it was called, and how, and then does what `body` says.
    fn program(&self, name: &str, body: &str) {
        let path = self.path("bin").join(name);
        let here = self.folder.path().display();
        let text = format!("#!/bin/bash\necho \"{name} $*\" >> {here}/called\n{body}\n");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn called(&self) -> String {
        std::fs::read_to_string(self.path("called")).unwrap_or_default()
    }

    /// Starts it as the first process of a container.
    fn start(&self, words: &[&str]) -> Process {
        let here = self.folder.path();
        let path = std::env::var("PATH").unwrap();
        // Whoever runs the tests may have left a signal ignored, as `nohup` does; a container begins with none.
        let child = Command::new("env")
            .args([
                "--default-signal",
                "unshare",
                "--user",
                "--map-root-user",
                "--pid",
                "--mount-proc",
                "--fork",
            ])
            .arg("--kill-child")
            .args(words)
            .current_dir(here)
            .envs([
                ("PATH", format!("{}:{path}", here.join("bin").display())),
                ("HOME", here.join("home").display().to_string()),
                ("PGDATA", here.join("data/pgdata").display().to_string()),
                ("ODOO_RC", here.join("run/odoo.conf").display().to_string()),
            ])
            .envs([
                ("PGPASSWORD", "x"),
                ("PGDATABASE", "odoo"),
                ("ODOO_MODULES", "base"),
                ("ODOO_LANGUAGE", "de_DE"),
                ("ODOO_URL", "https://shop"),
                ("ODOO_ADMIN_PASSWORD", "x"),
                ("PRODUCTION_HOST", "production"),
                ("PRODUCTION_PASSWORD", "x"),
                ("PRODUCTION_DATABASE", "odoo"),
                ("FILES_PORT", "0"),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Process { child }
    }
}

struct Process {
    child: Child,
}

impl Process {
    /// Sends a signal to the container's first process.
    fn signal(&self, signal: &str) {
        let outer = self.child.id();
        let children = format!("/proc/{outer}/task/{outer}/children");
        let first = until("the first process is there", || {
            let children = std::fs::read_to_string(&children).unwrap();
            children.split_whitespace().next().map(str::to_owned)
        });
        let done = Command::new("kill")
            .args([signal, &first])
            .status()
            .unwrap();
        assert!(done.success());
    }

    /// What it wrote, when it has ended.
    fn ended(&mut self) -> (Option<i32>, String) {
        let status = until("the process has ended", || self.child.try_wait().unwrap());
        let mut text = String::new();
        for stream in [
            std::io::read_to_string(self.child.stdout.take().unwrap()),
            std::io::read_to_string(self.child.stderr.take().unwrap()),
        ] {
            text += &stream.unwrap();
        }
        (status.code(), text)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = seen() {
            return seen;
        }
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts a script, waits until it has called a program, and tells it to end.
fn ends_when_told(container: &Container, words: &[&str], called: &str) {
    let mut process = container.start(words);
    until(&format!("{words:?} calls {called}"), || {
        container.called().contains(called).then_some(())
    });
    process.signal("-TERM");
    process.ended();
}

#[test]
fn every_script_that_waits_for_postgresql_ends_when_it_is_told_to() {
    for words in [["sh", "setup.sh"], ["sh", "start.sh"], ["bash", "reset.sh"]] {
        let container = Container::new();
        container.program("pg_isready", "exit 2");
        ends_when_told(&container, &words, "pg_isready");
    }
}

#[test]
fn every_script_ends_when_it_is_told_to_while_a_program_of_it_works() {
    for (words, program) in [
        (["sh", "setup.sh"], "odoo --init"),
        (["sh", "start.sh"], "odoo"),
        (["sh", "postgres-setup.sh"], "initdb"),
        (["bash", "reset.sh"], "pg_dump --no-owner"),
    ] {
        let container = Container::new();
        let works = "exec sleep 1000";
        container.program("pg_isready", "");
        container.program("psql", "echo 0; cat > /dev/null");
        container.program("initdb", works);
        container.program(
            "pg_dump",
            &format!("[ $1 = --version ] && echo 17 || {works}"),
        );
        container.program("python3", "");
        let odoo = format!("[ $1 = neutralize ] && echo is_neutralized || {works}");
        container.program("odoo", &odoo);
        // It writes to /tmp, which in a container is its own.
        container.write(
            "reset.sh",
            &script("reset", "odoo-reset", "reset.sh", "given").replace("/tmp/", "run/"),
        );
        ends_when_told(&container, &words, program);
    }
}

#[test]
fn the_server_that_the_setup_of_postgresql_has_started_is_stopped_with_it() {
    let container = Container::new();
    let data = container.path("data/pgdata").display().to_string();
    container.program(
        "initdb",
        "mkdir \"${1#--pgdata=}\"; echo 17 > \"${1#--pgdata=}/PG_VERSION\"",
    );
    container.program(
        "pg_ctl",
        &format!("case \"$*\" in *start) touch {data}/postmaster.pid ;; *) rm {data}/postmaster.pid ;; esac"),
    );
    container.program("psql", "exec sleep 1000");
    ends_when_told(&container, &["sh", "postgres-setup.sh"], "psql");
    assert!(container.called().contains("--mode=fast stop"));
    assert!(!Path::new(&data).join("postmaster.pid").exists());
}

#[test]
fn a_server_of_postgresql_that_was_killed_with_its_node_starts_again() {
    let container = Container::new();
    let data = container.path("data/pgdata");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("PG_VERSION"), "17\n").unwrap();
    std::fs::write(data.join("postmaster.pid"), "1\n").unwrap();
    let socket = container.path("run/.s.PGSQL.5432.lock");
    std::fs::write(&socket, "1\n").unwrap();
    // As PostgreSQL: number 1 is a process that is there.
    let free = format!(
        "[ ! -e \"$PGDATA/postmaster.pid\" ] && [ ! -e {} ]",
        socket.display()
    );
    container.program("pg_ctl", &free);
    container.program("psql", "cat > /dev/null");
    let (status, said) = container.start(&["sh", "postgres-setup.sh"]).ended();
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn data_of_postgresql_that_cannot_be_read_is_told_from_what_is_no_database() {
    let container = Container::new();
    let data = container.path("data/pgdata");
    std::fs::create_dir(&data).unwrap();
    // What root may do besides is taken from it: a container has none of it.
    let words = [
        "setpriv",
        "--bounding-set=-dac_override,-dac_read_search",
        "sh",
        "postgres-setup.sh",
    ];
    for (mode, means) in [(0o000, "Permission denied"), (0o700, "no database")] {
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(mode)).unwrap();
        let (status, said) = container.start(&words).ended();
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(means), "{said}");
    }
    assert_eq!(container.called(), "");
}

#[test]
fn the_server_of_the_files_ends_when_it_is_told_to() {
    let container = Container::new();
    let mut process = container.start(&["python3", "files.py"]);
    let outer = process.child.id();
    until("it listens", || {
        let children = format!("/proc/{outer}/task/{outer}/children");
        let first = std::fs::read_to_string(children).unwrap();
        let status = std::fs::read_to_string(format!("/proc/{}/status", first.trim())).ok()?;
        // Bit 14 is SIGTERM's: caught.
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))?;
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        (caught & (1 << 14) != 0).then_some(())
    });
    process.signal("-TERM");
    assert_eq!(process.ended().0, Some(0));
}

#[test]
fn odoo_gets_the_signal_and_its_time_to_end() {
    let container = Container::new();
    container.program("pg_isready", "");
    container.program(
        "odoo",
        "trap 'echo told >> called; sleep 0.2; echo over >> called; exit 7' TERM\necho Odoo is up >> called\nwhile :; do sleep 0.1; done",
    );
    let mut process = container.start(&["sh", "start.sh"]);
    until("Odoo runs", || {
        container.called().contains("is up").then_some(())
    });
    process.signal("-TERM");
    assert_eq!(process.ended().0, Some(7), "the exit status is Odoo's");
    assert!(container.called().contains("told\nover"));
}

#[test]
fn a_container_ends_when_odoo_does() {
    let container = Container::new();
    container.program("pg_isready", "");
    container.program("odoo", "exit 3");
    assert_eq!(container.start(&["sh", "start.sh"]).ended().0, Some(3));
}

/// A mail login, file by file.
const LOGIN: [(&str, &str); 5] = [
    ("from", "Shop <noreply@shop.example>"),
    ("host", "smtp.example"),
    ("password", "secret"),
    ("port", "465"),
    ("username", "noreply"),
];

/// An Odoo that takes its configuration anew at SIGHUP: what it was told of last stands in `told`.
fn odoo_that_is_told(container: &Container) {
    container.program("pg_isready", "");
    container.program(
        "odoo",
        "trap 'cp run/odoo.conf told' HUP\necho Odoo is up >> called\nwhile :; do sleep 0.1; done",
    );
}

/// Waits until Odoo has the whole login; all five files may come one after the other here.
fn told(container: &Container) -> String {
    let told = until("Odoo is told", || {
        let told = std::fs::read_to_string(container.path("told")).ok()?;
        told.contains("smtp_user = noreply").then_some(told)
    });
    let called = container.called();
    let odoos = called.lines().filter(|call| call.starts_with("odoo"));
    assert_eq!(odoos.count(), 1, "one Odoo all the time: {called}");
    told
}

#[test]
fn a_mail_login_that_comes_later_reaches_odoo_without_a_restart() {
    let container = Container::new();
    odoo_that_is_told(&container);
    let process = container.start(&["sh", "start.sh"]);
    until("Odoo runs", || {
        container.called().contains("is up").then_some(())
    });
    let conf = std::fs::read_to_string(container.path("run/odoo.conf")).unwrap();
    assert!(!conf.contains("smtp_server"));
    for (key, value) in LOGIN {
        std::fs::write(container.path("smtp").join(key), value).unwrap();
    }
    let told = told(&container);
    assert!(told.contains("smtp_server = smtp.example\nsmtp_port = 465\nsmtp_ssl = True\n"));
    assert!(told.contains("smtp_password = secret\n"));
    assert!(told.contains("from_filter = shop.example\n"));
    drop(process);
}

#[test]
fn a_mail_login_that_comes_in_the_moment_of_the_start_reaches_odoo() {
    let container = Container::new();
    odoo_that_is_told(&container);
    // The configuration was made without it when it is moved to its place.
    let mut comes = "/bin/mv \"$@\"\n".to_owned();
    for (key, value) in LOGIN {
        comes += &format!("printf %s '{value}' > smtp/{key}\n");
    }
    container.program("mv", &comes);
    let process = container.start(&["sh", "start.sh"]);
    told(&container);
    drop(process);
}

/// What the setup calls where the database has `tables` and the image has a prepared one for `prepared`.
fn set_up(prepared: &str, tables: &str, begun: bool) -> (Option<i32>, String) {
    let container = Container::new();
    std::fs::create_dir_all(container.path("prepared").join(prepared)).unwrap();
    container.program("pg_isready", "");
    container.program("psql", &format!("echo {tables}"));
    let begun_file = container.path("home/.database-begun");
    if begun {
        std::fs::write(&begun_file, "").unwrap();
    }
    container.program("odoo-restore", "");
    container.program("odoo", "[ $1 != shell ] || rm home/.database-begun");
    let ended = container.start(&["sh", "setup.sh"]).ended();
    assert!(!begun_file.exists(), "{}", ended.1);
    let calls = container.called();
    let calls = calls.lines().filter(|call| call.starts_with("odoo"));
    let words = calls.map(|call| call.split(' ').take(2).collect::<Vec<_>>().join(" "));
    (ended.0, words.collect::<Vec<_>>().join(", "))
}

#[test]
fn a_new_database_is_restored_where_the_image_has_it_and_made_where_not() {
    let made = "odoo --init=base, odoo shell";
    for (prepared, tables, begun, calls) in [
        ("base/de_DE", "0", false, "odoo-restore "),
        // Another language, other modules.
        ("base/en_US", "0", false, made),
        ("base,sale/de_DE", "0", false, made),
        // What was begun is completed, what is there is left alone.
        ("base/de_DE", "100", true, made),
        ("base/de_DE", "100", false, ""),
        ("base/de_DE", "0", true, "odoo-restore "),
    ] {
        let seen = set_up(prepared, tables, begun);
        assert_eq!(
            seen,
            (Some(0), calls.to_owned()),
            "{prepared} {tables} {begun}"
        );
    }
}
