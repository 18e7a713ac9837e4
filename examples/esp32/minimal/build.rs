//! esp-hal has the memory map.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
}
