//! Puts the memory map of the board where the linker looks for it. The program's own build script says `-Tlink.x`.
use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let map = format!("{}.x", env::var("CARGO_CFG_TARGET_ARCH")?);
    fs::copy(&map, out.join("memory.x"))?;
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rerun-if-changed={map}");
    Ok(())
}
