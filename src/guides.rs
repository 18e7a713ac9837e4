//! Guides: from the first project to the last error message.
//!
//! | you want to | read |
//! |---|---|
//! | start a project: desk, Pico W, ESP32-C3 | [`start`] |
//! | move a CircuitPython program here | [`circuitpython`] |
//! | move from reqwless or edge-http | [`reqwless`] |
//! | choose the numbers of `Resources` | [`numbers`] |
//! | choose roots, make certificates, have the date | [`certificates`] |
//! | test your application without a network | [`testing`] |
//! | write a pool or session into a struct, a task, a signature | [`types`] |
//! | bring a stack, a modem, crypto hardware | [`stacks`] |
//! | know what an error means | [`troubleshooting`] |
//! | know what a word means | [`glossary`] |
//!
//! Their snippets are compiled, most of them run, by `cargo test`; their commands by `./ci.sh guides`. They are in the
//! documentation only: no program carries them.

/// A guide: a page of `docs/`, whose links lead to files where it is read as a file, and to items here: of two definitions
/// of a link, the first one counts (CommonMark §4.7).
macro_rules! guide {
    ($name:ident) => {
        #[doc = "[start]: crate::guides::start"]
        #[doc = "[circuitpython]: crate::guides::circuitpython"]
        #[doc = "[reqwless]: crate::guides::reqwless"]
        #[doc = "[numbers]: crate::guides::numbers"]
        #[doc = "[certificates]: crate::guides::certificates"]
        #[doc = "[testing]: crate::guides::testing"]
        #[doc = "[types]: crate::guides::types"]
        #[doc = "[stacks]: crate::guides::stacks"]
        #[doc = "[troubleshooting]: crate::guides::troubleshooting"]
        #[doc = "[Timer]: crate::time::Timer"]
        #[doc = "[Phase]: crate::Phase"]
        #[doc = ""]
        #[doc = include_str!(concat!("../docs/", stringify!($name), ".md"))]
        pub mod $name {}
    };
}

guide!(start);
guide!(circuitpython);
guide!(reqwless);
guide!(numbers);
guide!(certificates);
guide!(testing);
guide!(types);
guide!(stacks);
guide!(troubleshooting);
guide!(glossary);
