//! Dropped futures.
