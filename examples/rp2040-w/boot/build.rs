//! Gives the linker the memory map: 24 KB at the start of the flash, and where the slots are.

use std::{env, fs, path::PathBuf};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let text: String = ["memory-boot.x", "../slots-rp2040.x"]
        .iter()
        .map(|file| {
            println!("cargo:rerun-if-changed={file}");
            fs::read_to_string(file).expect("it is there")
        })
        .collect();
    fs::write(out.join("memory.x"), text).expect("a file");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=--nmagic");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=-Tlink-rp.x");
}
