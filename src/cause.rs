//! An error with its causes, in the words of what went wrong.

use std::error::Error;

/// How parts of the HTTP client begin to say that one below them failed: names of programs, which tell nobody anything.
const PARTS: [&str; 3] = ["ServiceError: ", "HyperError: ", "client error ("];

/// The error and its causes, each said once. What only says that another one failed is left out where that one is known.
pub fn chain(error: &dyn Error) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut text = error.to_string();
    let mut source = error.source();
    loop {
        if text == "deadline has elapsed" {
            "no answer in time".clone_into(&mut text);
        }
        if !said.iter().any(|known| known.contains(&text)) {
            said.push(text);
        }
        let Some(cause) = source else { break };
        text = cause.to_string();
        source = cause.source();
    }
    let of_a_part = |text: &String| PARTS.iter().any(|part| text.starts_with(part));
    let first = said.iter().position(|text| !of_a_part(text));
    said.split_off(first.unwrap_or_default()).join(": ")
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Failed(&'static str, Option<Box<Failed>>);

    impl fmt::Display for Failed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Failed {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_ref().map(|cause| cause.as_ref() as _)
        }
    }

    fn said(texts: &[&'static str]) -> String {
        let failed = texts
            .iter()
            .rev()
            .fold(None, |cause, text| Some(Box::new(Failed(text, cause))));
        chain(failed.unwrap().as_ref())
    }

    #[test]
    fn no_part_of_the_http_client_is_named_where_the_cause_is_known() {
        let service = "ServiceError: client error (Connect)";
        for (causes, words) in [
            (&[service][..], service),
            (&[service, "client error (Connect)"], service),
            (
                &[service, "client error (Connect)", "deadline has elapsed"],
                "no answer in time",
            ),
            (
                &["client error (Connect)", "dns error", "no such name"],
                "dns error: no such name",
            ),
            (
                &[service, "tcp connect error: refused", "refused"],
                "tcp connect error: refused",
            ),
            (&["it broke", "half way"], "it broke: half way"),
        ] {
            assert_eq!(said(causes), words);
        }
    }
}
