//! The clients. Each function makes one that keeps a connection and does the work of a case over it; what a client
//! borrows lives as long as the process.

pub mod codec;
pub mod edge_http;
pub mod ours;
pub mod reqwless;
pub mod ureq;

/// The fields that socketpool sends of itself, for those who send none.
const FIELDS: [(&str, &str); 3] =
    [("User-Agent", crate::cases::USER_AGENT), ("Accept", "*/*"), ("Accept-Encoding", "identity")];

/// Something that lives as long as the process.
fn forever<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}
