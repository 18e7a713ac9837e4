//! HTTP/1.1 with no I/O in it.
