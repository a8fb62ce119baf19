//! Where an app is.

use super::{Cluster, Owner};

/// An app in its cluster: all that reads or changes what is there begins with this.
#[derive(Clone)]
pub struct App {
    /// The door to the API server, fenced where a job stands behind it.
    pub cluster: Cluster,
    /// The app's namespace, which need not be there yet.
    pub namespace: String,
    /// Whose it is: what is in the namespace and does not say so is not touched.
    pub owner: Owner,
}
