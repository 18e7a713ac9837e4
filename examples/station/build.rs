//! Takes the root certificate that the environment names, `TLS_ROOT=/path/to/root.der`, into the program.

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=TLS_ROOT");
    let root = match env::var("TLS_ROOT") {
        Ok(file) => {
            println!("cargo:rerun-if-changed={file}");
            let der = fs::read(&file).unwrap_or_else(|error| panic!("TLS_ROOT, {file}: {error}"));
            format!("Roots::only(&[const {{ socketpool::tls::roots::constant_trust_anchor(&{der:?}) }}])")
        }
        Err(_) => "Roots::MOZILLA".into(),
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("roots.rs"), root).expect("a file");
}
