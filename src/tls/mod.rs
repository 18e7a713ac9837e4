//! TLS with verification that is always on.

pub mod pem;
pub mod pin;
pub mod roots;
pub mod verify;
