//! From a URL to objects that may go to the cluster: fetch → render → parse → check.
