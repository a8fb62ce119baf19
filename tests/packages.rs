//! `chandlery package check` as whoever writes a package runs it. `tests/inputs/packages` has a folder for each, and in it
//! `expected.txt`, which is what the command says; `PACKAGE_WRITE=1` writes that anew, and it is there to be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

fn check(folder: &Path, packages: &[&str]) -> Output {
    assert_cmd::Command::cargo_bin("chandlery")
        .unwrap()
        .current_dir(folder)
        .args(["package", "check"])
        .args(packages)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

fn inputs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/packages")
}

#[test]
fn everything_that_is_wrong_with_a_package_is_told_with_its_line() {
    let folder = inputs();
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 10, "{names:?}");
    let mut different = Vec::new();
    for name in names {
        let output = check(&folder, &[&name]);
        let found = format!(
            "{}exit status {}\n",
            said(&output),
            output.status.code().unwrap()
        );
        let file = folder.join(&name).join("expected.txt");
        if std::env::var_os("PACKAGE_WRITE").is_some() {
            fs::write(file, found).unwrap();
        } else if fs::read_to_string(file).unwrap_or_default() != found {
            different.push(format!("{name}:\n{found}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn the_catalog_is_a_repository_of_packages() {
    let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog");
    let output = check(&catalog, &["odoo", "odoo-ha"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output).lines().count(), 2, "{}", said(&output));
}

fn index(folder: &Path, arguments: &[&str]) -> Output {
    assert_cmd::Command::cargo_bin("chandlery")
        .unwrap()
        .current_dir(folder)
        .args(["package", "index"])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_catalogs_index_is_what_its_packages_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = index(root, &["catalog", "--check"]);
    assert!(
        output.status.success(),
        "`chandlery package index catalog` writes it\n{}",
        said(&output)
    );
}

#[test]
fn one_command_makes_a_folder_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("packages/hello");
    fs::create_dir_all(&package).unwrap();
    for file in ["package.yml", "hello.yml"] {
        fs::copy(inputs().join("small").join(file), package.join(file)).unwrap();
    }
    let output = index(folder.path(), &["packages", "--check"]);
    assert_eq!(output.status.code(), Some(1), "nothing is written");
    assert!(!folder.path().join("packages/index.json").exists());
    let output = index(folder.path(), &["packages"]);
    assert_eq!(
        said(&output),
        "packages/index.json is written: packages: 1\n"
    );
    let output = index(folder.path(), &["packages", "--check"]);
    assert_eq!(
        said(&output),
        "packages/index.json is up to date: packages: 1\n"
    );
    // A file that a manifest is made of has changed.
    let manifest = package.join("hello.yml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("{text}# changed\n")).unwrap();
    let output = index(folder.path(), &["packages", "--check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("not what the packages say"));
    // What is wrong is told as `package check` tells it, and nothing is written.
    fs::remove_file(&manifest).unwrap();
    let before = fs::read(folder.path().join("packages/index.json")).unwrap();
    let output = index(folder.path(), &["packages"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("There is no file `hello.yml`"));
    let after = fs::read(folder.path().join("packages/index.json")).unwrap();
    assert_eq!(before, after);
}

#[test]
fn a_package_in_an_archive_is_checked_as_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["small", "render"] {
        let packed = fs::File::create(folder.path().join(format!("{name}.tar.gz"))).unwrap();
        let packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        let mut archive = tar::Builder::new(packed);
        archive.append_dir_all(name, inputs().join(name)).unwrap();
        archive.into_inner().unwrap().finish().unwrap();
    }
    let output = check(folder.path(), &["small.tar.gz"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("small.tar.gz: hello 1.0 is well"));
    // The places are those in the archive.
    let output = check(folder.path(), &["render.tar.gz"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = fs::read_to_string(inputs().join("render/expected.txt")).unwrap();
    let expected = expected.replace("render/", "render.tar.gz#");
    assert_eq!(format!("{}exit status 1\n", said(&output)), expected);
    fs::write(folder.path().join("no.zip"), "x").unwrap();
    let output = check(folder.path(), &["no.zip"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("The archive cannot be read"),
        "{}",
        said(&output)
    );
}

#[test]
fn of_several_packages_each_is_checked_and_one_that_is_wrong_is_enough() {
    let output = check(&inputs(), &["empty", "small", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains("small: hello 1.0 is well"), "{said}");
    assert!(said.contains("empty/package.yml"), "{said}");
    assert!(said.contains("nowhere/package.yml"), "{said}");
}

#[test]
fn a_link_out_of_the_package_and_a_file_that_is_too_long_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("package");
    fs::create_dir(&package).unwrap();
    fs::write(folder.path().join("outside.yml"), "secret: here\n").unwrap();
    std::os::unix::fs::symlink("../outside.yml", package.join("inside.yml")).unwrap();
    let description = fs::read_to_string(inputs().join("small/package.yml")).unwrap();
    let linked = description.replace("hello.yml", "inside.yml");
    fs::write(package.join("package.yml"), linked).unwrap();
    let said_of_link = said(&check(folder.path(), &["package"]));
    assert!(
        said_of_link.contains("`inside.yml` leads out of the package"),
        "{said_of_link}"
    );
    assert!(!said_of_link.contains("secret"), "{said_of_link}");

    fs::write(package.join("vars.yml"), "a: b\n".repeat(300_000)).unwrap();
    let said_of_length = said(&check(folder.path(), &["package"]));
    assert!(
        said_of_length.contains("longer than 1024 KiB"),
        "{said_of_length}"
    );
}
