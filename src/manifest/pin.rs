//! Pins: a manifest is used only with the content that an operator has seen.
//!
//! The digest says what that content is: the template's text and all files that it names, and that those name in turn. It
//! depends on nothing else, so it is known before anything is rendered, and is the same for every app.

use super::fetch::digest;
use super::{Fetcher, Source, with_files};
use crate::ansible::{self, Failure};
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;

/// Looks for all files that a template names, and makes the digest cover them.
pub async fn gather(fetcher: &Fetcher, address: &str, source: Source) -> Result<Source, Problem> {
    if source.artefact.is_some() {
        // Its digest is the archive's.
        return Ok(source);
    }
    let named = |source: &Source| ansible::all_named(&source.text, &source.files);
    let (mut source, ()) = with_files(fetcher, address, source, named).await?;
    source.digest = whole(&source);
    Ok(source)
}

/// A template that is used as it was fetched once: of the files that it names those that were there then, and no other.
pub fn kept(
    mut source: Source,
    files: impl IntoIterator<Item = (String, String)>,
) -> Result<Source, Problem> {
    for (name, text) in files {
        source.files.insert(&name, Some(text));
    }
    loop {
        match ansible::all_named(&source.text, &source.files) {
            Ok(()) => break,
            Err(Failure::Problem(problem)) => return Err(*problem),
            Err(Failure::Needs(name)) => source.files.insert(&name, None),
        }
    }
    source.digest = whole(&source);
    Ok(source)
}

/// Of a template alone the digest of its text. With files, that of a text with one line for each, as `sha256sum` prints
/// them: the template first as `-`, then the files by their names. Files that are not there are left out.
fn whole(source: &Source) -> String {
    let line = |name: &str, text: &str| {
        let digest = digest(text);
        let hex = digest.strip_prefix("sha256:").unwrap_or(&digest);
        format!("{hex}  {name}\n")
    };
    let files: String = source
        .files
        .texts()
        .map(|(name, text)| line(name, text))
        .collect();
    match files.is_empty() {
        true => digest(&source.text),
        false => digest(&(line("-", &source.text) + &files)),
    }
}

/// Refuses a content that is not the one a manifest is pinned to.
pub fn check(source: &Source, pin: Option<&str>) -> Result<(), Problem> {
    match pin {
        Some(pin) if pin != source.digest => Err(Problem::new(Code::ManifestChanged, sentence!("The manifest has changed: it is pinned to {pin}, and now is {digest}.", pin, digest = &source.digest))
        .hint(sentence!("Look at what has changed in the manifest's form in Odoo, then press Pin there: what waits for it goes on by itself."))
        .in_manifest(&source.title, &source.url)),
        _ => Ok(()),
    }
}

/// Of a pinned manifest, no further file is looked for: the digest says nothing of it.
pub fn only_pinned(failure: Failure, source: &Source, pin: Option<&str>) -> Failure {
    match failure {
        Failure::Needs(name) if pin.is_some() => Problem::new(Code::ManifestUnpinned, sentence!("The manifest is pinned, and uses the file `{name}` by a name that is computed: the pin does not cover it.", name))
        .hint(sentence!("Write the file's name into the manifest as text, or press Unpin in the manifest's form in Odoo."))
        .in_manifest(&source.title, &source.url)
        .into(),
        failure => failure,
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::manifest::{Limits, Reach};

    async fn gathered(text: &str, files: &[(&str, &str)]) -> Source {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = MockServer::start().await;
        for (at, text) in files {
            Mock::given(path(*at))
                .respond_with(ResponseTemplate::new(200).set_body_string(*text))
                .mount(&server)
                .await;
        }
        let fetcher = Fetcher::new(Limits::default(), Reach::of_tests()).unwrap();
        let address = format!("{}/odoo.yml", server.uri());
        let source = Source::new("Odoo", &address, text.to_owned());
        gather(&fetcher, &address, source).await.unwrap()
    }

    #[tokio::test]
    async fn the_digest_covers_the_template_and_every_file_that_it_names() {
        let text = "{% if x %}{% include 'a.j2' %}{% endif %}{% include 'no' ignore missing %}\n";
        let alone = Source::new("Odoo", "", text.to_owned()).digest;
        assert_eq!(gathered(text, &[]).await.digest, alone, "no file is there");
        let one = gathered(text, &[("/templates/a.j2", "1\n")]).await.digest;
        // printf '%s  -\n%s  a.j2\n' "$(sha256sum < template | cut -c-64)" "$(sha256sum < a.j2 | cut -c-64)" | sha256sum
        let lines = format!("{}  -\n{}  a.j2\n", &alone[7..], &digest("1\n")[7..]);
        assert_eq!(one, digest(&lines));
        let mut seen = vec![alone, one];
        for files in [
            &[("/a.j2", "2\n")][..],
            &[("/a.j2", "1\n"), ("/no", "")],
            &[("/a.j2", "{% include 'b.j2' %}")],
            &[("/a.j2", "{% include 'b.j2' %}"), ("/b.j2", "3\n")],
            &[("/a.j2", "{% include 'b.j2' %}"), ("/b.j2", "4\n")],
        ] {
            let digest = gathered(text, files).await.digest;
            assert!(!seen.contains(&digest), "{files:?}");
            seen.push(digest);
        }
        let other = gathered(&format!("{text} "), &[("/a.j2", "1\n")]).await;
        assert!(!seen.contains(&other.digest));
    }

    #[tokio::test]
    async fn what_was_kept_is_the_same_template_again_with_the_files_of_that_time_and_no_other() {
        let text = "{% include 'a.j2' %}{% include 'no' ignore missing %}\n";
        let fetched = gathered(text, &[("/a.j2", "{% include 'b.j2' %}"), ("/b.j2", "3\n")]).await;
        let files: Vec<_> = fetched
            .files
            .texts()
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .collect();
        let source = || Source::new("Odoo", &fetched.url, text.to_owned());
        assert_eq!(kept(source(), files.clone()).unwrap(), fetched);
        let without = kept(source(), files.into_iter().take(1)).unwrap();
        assert_ne!(without.digest, fetched.digest);
    }

    #[test]
    fn another_content_than_the_pinned_one_is_refused_with_both_digests_and_the_way_out() {
        let source = Source::new("Odoo", "https://example.com/odoo.yml", "new".to_owned());
        assert_eq!(check(&source, None), Ok(()));
        assert_eq!(check(&source, Some(&source.digest)), Ok(()));
        let old = digest("old");
        let problem = check(&source, Some(&old)).unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.retry),
            ("manifest_changed", false)
        );
        assert_eq!(problem.manifest.as_deref(), Some("Odoo"));
        for part in [old.as_str(), &source.digest, "press Pin"] {
            assert!(problem.to_string().contains(part), "{problem}");
        }
    }

    #[test]
    fn a_pinned_manifest_uses_no_file_that_the_pin_does_not_cover() {
        let source = Source::new("Odoo", "https://example.com/odoo.yml", String::new());
        let needs = || Failure::Needs("a-prod.j2".to_owned());
        assert_eq!(only_pinned(needs(), &source, None), needs());
        let Failure::Problem(problem) = only_pinned(needs(), &source, Some("sha256:1")) else {
            panic!("it is looked for");
        };
        assert_eq!(problem.code.as_str(), "manifest_unpinned");
        assert!(problem.message.contains("`a-prod.j2`"), "{problem}");
    }
}
