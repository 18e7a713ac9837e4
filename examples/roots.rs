//! Chooses among Mozilla's roots by name, so that a device which talks to three services carries three roots.
//!
//! `cargo run --example roots` lists them all, with what each costs in flash: those first that leaving out saves most.
//! `cargo run --example roots -- "ISRG Root X1" "GTS Root R1" > src/roots.rs` writes those as Rust source, to be used
//! with `Roots::public(&ROOTS)`. A name stands for every root whose name has it in it; one that stands for none is an error.

use std::process::ExitCode;

use rustls_pki_types::TrustAnchor;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let all = webpki_roots::TLS_SERVER_ROOTS;
    if wanted.is_empty() {
        let mut sorted: Vec<_> = all.iter().collect();
        sorted.sort_by_key(|root| core::cmp::Reverse(flash(root)));
        for root in sorted {
            println!("{:5} bytes  {}", flash(root), name(root));
        }
        println!("{:5} bytes  all {} of them", all.iter().map(flash).sum::<usize>(), all.len());
        return ExitCode::SUCCESS;
    }

    let has = |root: &TrustAnchor<'_>, part: &String| name(root).to_lowercase().contains(&part.to_lowercase());
    if let Some(unknown) = wanted.iter().find(|part| !all.iter().any(|root| has(root, part))) {
        eprintln!("error: none of Mozilla's roots has {unknown:?} in its name");
        return ExitCode::from(2);
    }
    let chosen: Vec<_> = all.iter().filter(|root| wanted.iter().any(|part| has(root, part))).collect();
    let cost: usize = chosen.iter().map(|root| flash(root)).sum();
    println!(
        "//! {} of Mozilla's roots, {cost} bytes of flash. Written by socketpool's example `roots`.\n",
        chosen.len()
    );
    println!("use socketpool::tls::roots::TrustAnchor;\n");
    println!("/// To be used with `Roots::public(&ROOTS)`.");
    println!("pub static ROOTS: [TrustAnchor<'static>; {}] = [", chosen.len());
    for root in &chosen {
        println!("    // {}", name(root));
        println!("    TrustAnchor::new(");
        println!("        {},", source(&root.subject));
        println!("        {},", source(&root.subject_public_key_info));
        match &root.name_constraints {
            Some(constraints) => println!("        Some({}),", source(constraints)),
            None => println!("        None,"),
        }
        println!("    ),");
    }
    println!("];");
    eprintln!("{} roots, {cost} bytes of flash on a 32-bit chip", chosen.len());
    ExitCode::SUCCESS
}

/// The bytes that a root takes in the image of a 32-bit chip: its DER, and three pointers with lengths, and two dates.
fn flash(root: &TrustAnchor<'_>) -> usize {
    let constraints = root.name_constraints.as_ref().map_or(0, |constraints| constraints.len());
    root.subject.len() + root.subject_public_key_info.len() + constraints + 48
}

fn source(der: &[u8]) -> String {
    format!("b\"{}\"", der.escape_ascii())
}

/// The common name, or what else of the subject tells what root it is, with the organisation.
fn name(root: &TrustAnchor<'_>) -> String {
    const ORGANISATION: u8 = 10;
    const UNIT: u8 = 11;
    const COMMON_NAME: u8 = 3;
    // An attribute is its type, id-at (2.5.4) and a number, and behind it a string with tag and length (RFC 5280 §A.1).
    let attribute = |number: u8| {
        let at = root.subject.windows(5).position(|window| window == [6, 3, 0x55, 4, number])? + 5;
        let [_tag, len, text @ ..] = root.subject.get(at..)? else { return None };
        Some(String::from_utf8_lossy(text.get(..usize::from(*len))?).into_owned())
    };
    let own = attribute(COMMON_NAME).or_else(|| attribute(UNIT)).unwrap_or_default();
    attribute(ORGANISATION).map_or(own.clone(), |organisation| format!("{own} ({organisation})"))
}
