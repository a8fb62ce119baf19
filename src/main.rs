//! The program: arguments, TLS provider, run.

use std::process::ExitCode;

use chandlery::cli::{self, Arguments};
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // kube, reqwest and the websocket share one TLS library and one provider in it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    cli::run(arguments).await
}
