//! The Dockerfile's build stage, run as it stands in a temporary copy: what `COPY` names is all there is. Only the
//! profile is the development one, so that the build shares what the tests have compiled.

use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What distroless/cc-debian12 holds beside the loader.
const LIBRARIES: [&str; 5] = [
    "linux-vdso.so",
    "libc.so",
    "libm.so",
    "libgcc_s.so",
    "ld-linux",
];

fn instructions() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(format!("{ROOT}/Dockerfile")).unwrap();
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| line.split_once(' ').expect("one instruction per line"))
        .map(|(word, rest)| (word.to_owned(), rest.to_owned()))
        .collect()
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

#[test]
fn the_build_stage_builds_and_its_program_runs_on_the_final_stage() {
    let folder = tempfile::tempdir().unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let (mut stage, mut runs, mut copied) = (0, 0, None);
    let mut variables = Vec::new();
    for (word, rest) in instructions() {
        match (word.as_str(), stage) {
            ("FROM", _) => {
                stage += 1;
                let image = rest.trim_end_matches(" AS build");
                let (_, digest) = image.split_once("@sha256:").expect("pinned by digest");
                assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
                // Neither root nor a shell.
                assert!(stage == 1 || image.contains("/distroless/cc-debian12:nonroot@"));
            }
            ("ARG", 1) => assert_eq!(rest, "PROFILE=release"),
            ("WORKDIR", 1) => assert_eq!(rest, "/build"),
            ("COPY", 1) => {
                let names: Vec<&str> = rest.split(' ').collect();
                let (to, from) = names.split_last().unwrap();
                for from in from {
                    let to = if *to == "./" { from } else { to };
                    copy(&Path::new(ROOT).join(from), &folder.path().join(to));
                }
            }
            ("RUN", 1) => {
                let status = Command::new("sh")
                    .args(["-ec", &rest])
                    .current_dir(folder.path())
                    .env("PROFILE", "dev")
                    .env("CARGO_TARGET_DIR", target)
                    .status()
                    .unwrap();
                assert!(status.success(), "{rest}");
                runs += 1;
            }
            ("COPY", 2) => copied = rest.strip_prefix("--from=build /build/").map(str::to_owned),
            ("ENV", 2) => {
                let unit = std::fs::read_to_string(format!("{ROOT}/config/chandlery.service"));
                let line = format!("\nEnvironment={rest}\n");
                assert!(unit.unwrap().contains(&line), "{rest} is not in the unit");
                variables.push(rest);
            }
            ("USER", 2) => assert_eq!(rest, "65532:65532", "not root"),
            ("EXPOSE" | "ENTRYPOINT" | "CMD", 2) => {}
            (word, stage) => panic!("stage {stage}: {word} is not known to this test"),
        }
    }
    assert_eq!((stage, runs), (2, 1));
    assert_eq!(
        variables,
        ["MALLOC_ARENA_MAX=1"],
        "one heap for all threads"
    );
    let copied = copied.expect("the final stage takes the program from the build stage");
    let (from, to) = copied.split_once(' ').unwrap();
    assert_eq!(to, "/usr/bin/chandlery");
    let program = folder.path().join(from);

    let version = Command::new(&program).arg("--version").output().unwrap();
    let expected = format!("chandlery {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(version.stdout).unwrap(), expected);

    let libraries = Command::new("ldd").arg(&program).output().unwrap();
    let libraries = String::from_utf8(libraries.stdout).unwrap();
    for line in libraries.lines() {
        assert!(
            LIBRARIES.iter().any(|known| line.contains(known)),
            "not in the final stage: {line}"
        );
    }
}
