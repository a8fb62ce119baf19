//! The JSON-RPC 2.0 client, the contract's types and the wake-up.
