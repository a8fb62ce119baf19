//! Apply, inventory, prune, readiness, ingress.
