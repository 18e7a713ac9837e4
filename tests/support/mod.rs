//! What the tests share: a host's network with servers on it, networks in memory, and lists of cases. Each binary has the
//! whole of it as `crate::support`, and uses a part.

#[path = "../../examples/support/mod.rs"]
mod desk;

pub mod algorithms;
pub mod both;
pub mod codec;
pub mod corpora;
pub mod embassy;
pub mod faces;
#[path = "../../examples/support/flash.rs"]
pub mod flash;
pub mod http_server;
pub mod pki;
pub mod smoltcp_nal;
pub mod tls_server;

pub use desk::*;
