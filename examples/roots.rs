//! Chooses among the roots of `Roots::MOZILLA` by name, so that a device which talks to three services carries three roots.
//!
//! `cargo run --example roots` lists them all: those first that save most flash when they are left out, each with its key,
//! which decides how long a device takes to verify what it signed.
//! `cargo run --example roots -- "ISRG Root X1" "GTS Root R1" > src/roots.rs` writes those as Rust source, to be used
//! with `Roots::public(&ROOTS)`. A name stands for every root whose name has it in it; one that stands for none is an error.
//!
//! Which root a server uses: `cargo run --example request -- --explain HOST`.

#[path = "support/anchors.rs"]
mod anchors;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anchors::{Origin, flash_of, key_name, name};
use socketpool::tls::{KeyInfo, TrustAnchor};

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut all: Vec<_> = anchors::all().map(|root| (flash_of(&root), name(root.subject()), root)).collect();
    // What saves most comes first; what saves the same, by its name.
    all.sort_by(|(flash, name, _), (other_flash, other_name, _)| {
        other_flash.cmp(flash).then_with(|| name.to_lowercase().cmp(&other_name.to_lowercase()))
    });
    let total = anchors::flash_of_all();
    let mut out = io::stdout().lock();
    // Nobody may be there to read all of it.
    if wanted.is_empty() {
        let _ = list(&mut out, &all, total);
        return ExitCode::SUCCESS;
    }

    let has = |name: &str, part: &String| name.to_lowercase().contains(&part.to_lowercase());
    if let Some(unknown) = wanted.iter().find(|part| !all.iter().any(|(_, name, _)| has(name, part))) {
        eprintln!("error: none of Mozilla's roots has {unknown:?} in its name");
        return ExitCode::from(2);
    }
    all.retain(|(_, name, _)| wanted.iter().any(|part| has(name, part)));
    let cost: usize = all.iter().map(|(flash, ..)| flash).sum();
    if let Err(error) = write(&mut out, &all, cost) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    let saved = (total - cost) as f64 / 1000.0;
    eprintln!("{} roots, {cost} bytes of flash on a 32-bit chip: {saved:.1} KB less than all of Mozilla's", all.len());
    ExitCode::SUCCESS
}

type Listed = (usize, String, TrustAnchor<'static>);

fn list(out: &mut impl Write, all: &[Listed], total: usize) -> io::Result<()> {
    for (flash, name, root) in all {
        let key = key_name(KeyInfo::of(root.public_key()));
        let note = match Origin::of(root.subject(), root.public_key()) {
            Origin::Added => ", not in Mozilla's own list yet",
            _ => "",
        };
        writeln!(out, "{flash:5} bytes  {key:8}  {name}{note}")?;
    }
    writeln!(out, "{total:5} bytes  all {} of them, which is what `Roots::MOZILLA` takes", all.len())
}

fn write(out: &mut impl Write, chosen: &[Listed], cost: usize) -> io::Result<()> {
    writeln!(
        out,
        "//! {} of Mozilla's roots, {cost} bytes of flash. Written by socketpool's example `roots`.\n",
        chosen.len()
    )?;
    writeln!(out, "use socketpool::tls::roots::TrustAnchor;\n")?;
    writeln!(out, "/// To be used with `Roots::public(&ROOTS)`.")?;
    writeln!(out, "pub static ROOTS: [TrustAnchor<'static>; {}] = [", chosen.len())?;
    for (_, name, root) in chosen {
        writeln!(out, "    // {name}")?;
        writeln!(out, "    TrustAnchor::new(")?;
        writeln!(out, "        {},", source(root.subject()))?;
        writeln!(out, "        {},", source(root.public_key()))?;
        match root.name_constraints() {
            Some(constraints) => writeln!(out, "        Some({}),", source(constraints))?,
            None => writeln!(out, "        None,")?,
        }
        writeln!(out, "    ),")?;
    }
    writeln!(out, "];")
}

fn source(der: &[u8]) -> String {
    format!("b\"{}\"", der.escape_ascii())
}
