//! Gives the linker the memory map of the chip.

use std::{env, fs, path::PathBuf};

const MEMORY: &str = "../memory-rp2040.x";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::copy(MEMORY, out.join("memory.x")).expect("a file");
    println!("cargo:rerun-if-changed={MEMORY}");
    println!("cargo:rustc-link-search={}", out.display());
    for argument in ["--nmagic", "-Tlink.x", "-Tlink-rp.x"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}
