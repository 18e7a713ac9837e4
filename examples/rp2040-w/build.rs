//! Gives the linker the memory map of each program: that of the chip, or for `update` that of one of two slots.

use std::{env, fs, path::PathBuf};

fn main() {
    let rp2040 = env::var_os("CARGO_FEATURE_PICO_W").is_some();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let memory = |name: &str, files: &[&str]| {
        let directory = out.join(name);
        fs::create_dir_all(&directory).expect("a directory");
        let text: String =
            files.iter().map(|file| fs::read_to_string(file).expect("it is next to Cargo.toml")).collect();
        fs::write(directory.join("memory.x"), text).expect("a file");
        files.iter().for_each(|file| println!("cargo:rerun-if-changed={file}"));
        directory
    };
    let whole = memory("whole", if rp2040 { &["memory-rp2040.x"] } else { &["memory-rp2350.x"] });
    let slot = memory("slot", &["memory-rp2040-slots.x", "slots-rp2040.x"]);
    println!("cargo:rerun-if-changed=src/bin");
    for file in fs::read_dir("src/bin").expect("the programs") {
        let path = file.expect("a program").path();
        let program = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let map = if program == "update" { &slot } else { &whole };
        let mut arguments =
            vec![format!("-L{}", map.display()), "--nmagic".into(), "-Tlink.x".into(), "-Tdefmt.x".into()];
        // In a slot there is a boot loader that has this already.
        if rp2040 && program != "update" {
            arguments.push("-Tlink-rp.x".into());
        }
        arguments.iter().for_each(|argument| println!("cargo:rustc-link-arg-bin={program}={argument}"));
    }
}
