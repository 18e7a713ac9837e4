//! Gives the linker the memory map of the chip.

use std::{env, fs, path::PathBuf};

fn main() {
    let rp2040 = env::var_os("CARGO_FEATURE_PICO_W").is_some();
    let map = if rp2040 { "memory-rp2040.x" } else { "memory-rp2350.x" };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::copy(map, out.join("memory.x")).expect("the memory map is next to Cargo.toml");
    println!("cargo:rerun-if-changed={map}");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=--nmagic");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
    if rp2040 {
        println!("cargo:rustc-link-arg-bins=-Tlink-rp.x");
    }
}
