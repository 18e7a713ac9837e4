//! One set of log macros over `log`, `defmt`, both or neither.
//!
//! Messages use plain `{}` and `{:?}` so that both loggers take them. Nothing secret, and nothing a user or a peer
//! supplied, is logged at `info` or above.
#![allow(unused_macros, unused_imports, reason = "which levels are used depends on the features")]

macro_rules! log_at {
    ($level:ident, $($arg:expr),* $(,)?) => {{
        #[cfg(feature = "log")]
        ::log::$level!($($arg),*);
        #[cfg(feature = "defmt")]
        ::defmt::$level!($($arg),*);
        #[cfg(not(any(feature = "log", feature = "defmt")))]
        let _ = ($(&$arg),*);
    }};
}
macro_rules! trace { ($($arg:tt)*) => { log_at!(trace, $($arg)*) } }
macro_rules! debug { ($($arg:tt)*) => { log_at!(debug, $($arg)*) } }
macro_rules! info { ($($arg:tt)*) => { log_at!(info, $($arg)*) } }
macro_rules! warning { ($($arg:tt)*) => { log_at!(warn, $($arg)*) } }
