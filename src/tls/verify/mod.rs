//! Web PKI path validation without a heap.
