//! Logs: readable on a terminal, JSON otherwise; each line with the job and app it is about.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Begins to log to standard error; once per process. `filter` was checked with the settings.
pub fn start(filter: &str) {
    let terminal = std::io::stderr().is_terminal();
    let subscriber = Registry::default().with(layer(filter, terminal, std::io::stderr));
    let _ = tracing::subscriber::set_global_default(subscriber);
    // A defect is one line in the log, not a stack trace on somebody's screen.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        // Words that were put together may quote a value, and whose that is nobody knows here.
        let what = panic.payload().downcast_ref::<&str>().copied();
        let what = what.unwrap_or("its words are not logged, for they may hold a secret");
        tracing::error!(place, "a defect in the worker: {what}");
    }));
}

/// What writes the log. `terminal`: for eyes, not for programs.
pub fn layer<W>(filter: &str, terminal: bool, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_target(false);
    // Below, it repeats what the API server answers, which quotes values.
    let tells_answers = |metadata: &Metadata| {
        metadata.target().starts_with("kube_client") && *metadata.level() > Level::INFO
    };
    let filter = EnvFilter::new(filter).and(filter_fn(move |metadata| !tells_answers(metadata)));
    if terminal {
        lines.with_filter(filter).boxed()
    } else {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_ansi(false)
            .with_filter(filter)
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(terminal: bool) -> String {
        let screen = Screen::default();
        let writer = screen.clone();
        let subscriber = Registry::default().with(layer("info", terminal, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("job", job = 42, app = "shop-int");
            span.in_scope(|| {
                tracing::info!("applied");
                tracing::debug!("not asked for");
            });
        });
        String::from_utf8(screen.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn elsewhere_than_on_a_terminal_every_line_is_json_with_job_and_app() {
        let logged = logged(false);
        let line: serde_json::Value = serde_json::from_str(logged.trim()).unwrap();
        assert_eq!(line["message"], "applied");
        assert_eq!(line["span"]["job"], 42);
        assert_eq!(line["span"]["app"], "shop-int");
    }

    #[test]
    fn on_a_terminal_every_line_can_be_read_and_names_job_and_app() {
        let logged = logged(true);
        assert_eq!(logged.lines().count(), 1, "{logged}");
        for word in ["applied", "42", "shop-int"] {
            assert!(logged.contains(word), "{word}: {logged}");
        }
    }
}
