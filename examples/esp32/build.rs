//! Gives the linker the memory map of the chip, which esp-hal has, and the sections of defmt.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
    println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
}
