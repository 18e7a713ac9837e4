//! Messages go to `log`, to `defmt`, to both, or nowhere, as the features say. Texts have to suit both: `{}`, `{:02}`.

macro_rules! info {
    ($text:literal $(, $argument:expr)* $(,)?) => {{
        #[cfg(feature = "log")]
        log::info!($text $(, $argument)*);
        #[cfg(feature = "defmt")]
        defmt::info!($text $(, $argument)*);
        #[cfg(not(any(feature = "log", feature = "defmt")))]
        let _ = ($(&$argument,)*);
    }};
}

macro_rules! warning {
    ($text:literal $(, $argument:expr)* $(,)?) => {{
        #[cfg(feature = "log")]
        log::warn!($text $(, $argument)*);
        #[cfg(feature = "defmt")]
        defmt::warn!($text $(, $argument)*);
        #[cfg(not(any(feature = "log", feature = "defmt")))]
        let _ = ($(&$argument,)*);
    }};
}
