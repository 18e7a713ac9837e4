//! The runtime crates bring the linker script, the board crate the memory map.
fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
}
