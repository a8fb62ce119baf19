//! `chandlery render` as an operator runs it.

use std::fs;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn render(folder: &Path, arguments: &[&str]) -> Output {
    render_in("UTC", folder, arguments)
}

/// `zone` is the machine's time zone.
fn render_in(zone: &str, folder: &Path, arguments: &[&str]) -> Output {
    assert_cmd::Command::cargo_bin("chandlery")
        .unwrap()
        .current_dir(folder)
        .env_remove("KUBECONFIG")
        .env("TZ", zone)
        .arg("render")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn an_error_shows_its_line_without_colours_where_nobody_sees_them() {
    let folder = folder(&[("odoo.yml", "kind: A\nimage: {{ odoo_imagee }}\n")]);
    let shown = render(folder.path(), &["-e", "odoo_image=odoo:19", "odoo.yml"]);
    assert_eq!(shown.status.code(), Some(2));
    assert_eq!(text(&shown.stdout), "");
    assert_eq!(
        text(&shown.stderr),
        "error: 'odoo_imagee' is undefined.
 --> odoo.yml:2:11
  |
2 | image: {{ odoo_imagee }}
  |           ^^^^^^^^^^^
  |
  = help: Did you mean 'odoo_image'? Add the key to the app's config map or correct the manifest.
"
    );
}

#[test]
fn extra_variables_win_over_files_and_later_ones_over_earlier_ones() {
    let folder = folder(&[
        (
            "odoo.yml",
            "{{ a }} {{ b }} {{ c }} {{ d }} {{ e | type_debug }}",
        ),
        ("vars.yml", "a: vars\nb: vars\nc: vars\nd: vars\ne: vars\n"),
        ("extra.json", r#"{"b": "file", "c": "file", "d": "file"}"#),
    ]);
    let arguments = [
        "-e",
        "@extra.json",
        "-e",
        "c=pair d=pair",
        "--extra-vars",
        "{d: mapping, e: 1}",
        "--vars",
        "vars.yml",
        "--",
        "odoo.yml",
    ];
    let shown = render(folder.path(), &arguments);
    assert_eq!(text(&shown.stderr), "");
    assert_eq!(text(&shown.stdout), "vars file pair mapping int");
    let refused = render(folder.path(), &["-e", "./extra.json", "odoo.yml"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("Write `@` before"),
        "{refused:?}"
    );
}

#[test]
fn each_flag_takes_one_value_so_that_the_template_may_follow() {
    let folder = folder(&[
        ("odoo.yml", "{{ a }}{{ b | default('') }}"),
        ("more.yml", "+{{ a }}"),
        ("one.yml", "a: 1"),
        ("two.yml", "b: 2"),
        ("password", "x"),
    ]);
    for (arguments, expected) in [
        (&["--vars", "one.yml", "odoo.yml"][..], "1"),
        (&["--vars=one.yml", "odoo.yml"], "1"),
        (&["odoo.yml", "--vars", "one.yml"], "1"),
        (
            &["--vars", "one.yml", "--vars", "two.yml", "odoo.yml"],
            "12",
        ),
        (&["-e", "a=1", "odoo.yml"], "1"),
        (&["-e", "@one.yml", "-e", "@two.yml", "odoo.yml"], "12"),
        (
            &["--extra-vars", "a=1", "odoo.yml", "more.yml"],
            "1\n---\n+1",
        ),
        (&["--vault-id", "password", "-e", "a=1", "odoo.yml"], "1"),
        (
            &["--vault-password-file", "password", "-e", "a=1", "odoo.yml"],
            "1",
        ),
        (&["--vars", "one.yml", "--output", "text", "odoo.yml"], "1"),
    ] {
        let shown = render(folder.path(), arguments);
        assert_eq!(text(&shown.stderr), "", "{arguments:?}");
        assert_eq!(text(&shown.stdout), expected, "{arguments:?}");
    }
}

#[test]
fn an_empty_mapping_of_extra_variables_is_taken_and_a_file_with_nothing_refused() {
    let files = [
        ("odoo.yml", "a"),
        ("json", "{}"),
        ("lines", "\n{\n}\n"),
        ("yaml", "--- {}\n# none yet\n"),
        ("merged", "<<: {}\n"),
        ("tagged", "!!map {}\n"),
        ("nothing", ""),
        ("blank", "\n \n"),
        ("comment", "# a: 1\n"),
        ("null", "null\n"),
        ("marker", "---\n"),
        ("list", "[]\n"),
    ];
    let folder = folder(&files);
    for (name, _) in &files[1..6] {
        let shown = render(folder.path(), &["-e", &format!("@{name}"), "odoo.yml"]);
        assert_eq!(text(&shown.stderr), "", "{name}");
        assert_eq!(text(&shown.stdout), "a", "{name}");
    }
    for (name, _) in &files[6..] {
        let shown = render(folder.path(), &["-e", &format!("@{name}"), "odoo.yml"]);
        assert_eq!(shown.status.code(), Some(2), "{name}");
    }
    let shown = render(folder.path(), &["-e", "{}", "-e", "", "odoo.yml"]);
    assert_eq!(text(&shown.stdout), "a");
}

#[test]
fn an_explanation_shows_where_values_come_from_and_no_secret() {
    let folder = folder(&[
        ("odoo.yml", "{{ url }} {{ db_password }} {{ greeting }}"),
        (
            "vars.yml",
            "url: \"https://{{ host }}/\"\nhost: a\ndb_password: hunter2\ngreeting: \"pw {{ db_password }}\"\n",
        ),
    ]);
    let arguments = [
        "--explain",
        "-e",
        "host=b",
        "--vars",
        "vars.yml",
        "--",
        "odoo.yml",
    ];
    let shown = render(folder.path(), &arguments);
    assert_eq!(
        text(&shown.stdout),
        "odoo.yml uses
  db_password = ••••••
    from vars.yml, line 3
  greeting = ••••••
    from vars.yml, line 4
    made of
      db_password = ••••••
        from vars.yml, line 3
  url = \"https://b/\"
    from vars.yml, line 1
    made of
      host = \"b\"
        from --extra-vars (instead of vars.yml, line 2)

"
    );
}

#[test]
fn a_difference_cannot_be_asked_for_without_a_cluster_that_answers() {
    let folder = folder(&[("odoo.yml", "kind: A\n")]);
    let no_namespace = render(folder.path(), &["--diff", "odoo.yml"]);
    assert_eq!(no_namespace.status.code(), Some(2));
    assert!(
        text(&no_namespace.stderr).contains("--namespace"),
        "{no_namespace:?}"
    );
    let arguments = [
        "--diff",
        "-n",
        "shop",
        "--kubeconfig",
        "nowhere",
        "odoo.yml",
    ];
    let nowhere = render(folder.path(), &arguments);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(
        text(&nowhere.stderr).contains("The kubeconfig nowhere cannot be used"),
        "{nowhere:?}"
    );
}

#[test]
fn strftime_knows_the_time_zone_of_the_machine_as_ansible_does() {
    let template = "{{ '%H:%M %Z%z %s' | strftime(1720000000) }} {{ '%H:%M %Z' | strftime(1720000000, utc=true) }}\n";
    let folder = folder(&[("odoo.yml", template)]);
    let zone = "CET-1CEST,M3.5.0,M10.5.0/3";
    let shown = render_in(zone, folder.path(), &["odoo.yml"]);
    assert_eq!(
        text(&shown.stdout).trim_end(),
        "11:46 CEST+0200 1720000000 09:46 GMT",
        "{}",
        text(&shown.stderr)
    );
    fs::write(
        folder.path().join("odoo.yml"),
        "{{ '%s' | strftime(0, utc=true) }}",
    )
    .unwrap();
    let refused = render_in(zone, folder.path(), &["odoo.yml"]);
    assert!(
        text(&refused.stderr).contains("`%s` with `utc` depends on the zone of the machine"),
        "{}",
        text(&refused.stderr)
    );
}
