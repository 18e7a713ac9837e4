//! TLS with verification that is always on.

pub mod verify;
