//! `move_out`: removes what an app has in a cluster that it has left, or where it is not to go after all. Its mail domain
//! stays: the app lives on elsewhere.

use super::{JobContext, delete};
use crate::odoo::contract::{DeleteOptions, JobResult};
use crate::problem::Problem;

/// The handler of such a job.
pub async fn move_out(
    context: &JobContext,
    options: &DeleteOptions,
    result: &mut JobResult,
) -> Result<(), Problem> {
    delete::remove(context, options, result).await
}
