//! One file per kind of job: a short recipe that reads like the workflow it implements.
