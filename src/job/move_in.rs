//! `move_in`: deploys an app in another cluster than the one where it still runs, with the passwords that were made for it
//! there. What is in the old cluster is read and not touched.

use super::{JobContext, deploy};
use crate::kubernetes::generated::{self, Generated};
use crate::kubernetes::{self, namespace};
use crate::odoo::contract::{JobResult, Manifests};
use crate::problem::Problem;
use crate::sentence;

/// The handler of such a job.
pub async fn move_in(
    context: &JobContext,
    job: &Manifests,
    result: &mut JobResult,
) -> Result<(), Problem> {
    deploy::deploy(context, job, result).await
}

/// The passwords in the old place. Without them new ones would be made, and the app's data could not be opened: that its
/// namespace is not there is a problem.
pub async fn handed_over(old: &kubernetes::App) -> Result<Generated, Problem> {
    let read = async {
        namespace::require(old).await?;
        generated::read(old).await
    };
    read.await.map_err(|problem| Problem {
        message: sentence!(
            "The app's passwords cannot be read where it moves from: {problem}",
            problem = problem.message
        ),
        ..problem
    })
}
