//! claim → dispatch → lease → report.
