//! What a program will take of RAM, stack and flash, before a line of it is written.
//!
//! `cargo run --example plan -- --board pico-w --tls 2 --head 2048`, and `--help`. RAM is the `size_of` of the real types;
//! stack and flash are what `./ci.sh icount`, `sizes` and `boards` measured (`benches/budgets.toml`).

use std::{fs, process::ExitCode};

use socketpool::{
    Resources,
    embassy::{Network, NetworkResources, Pool},
};

const HELP: &str = "\
usage: plan [option]…
  --board NAME     pico-w (unless given), pico2-w, esp32c3, esp32c6
  --sockets N      connections at a time, idle ones among them; 3 unless given
  --tls N          how many of them can speak TLS; 1 unless given
  --head BYTES     for a request's head and a response's; 2048 unless given
  --rx BYTES       that a connection can have received and nobody has read; 4096 unless given
  --tx BYTES       that a connection can have on its way; 2048 unless given
  --udp N          UDP sockets of 512 bytes; 1 unless given
  --roots WHICH    mozilla (unless given), own, or none: no TLS
";

/// A board, and which rows of the budgets are about it.
struct Board {
    name: &'static str,
    chip: &'static str,
    ram: usize,
    flash: usize,
    /// What `./ci.sh boards` measures of static RAM for `weather`, less what is counted here: the driver of the radio with its
    /// heap, and the tasks.
    radio: usize,
    core: &'static str,
    target: &'static str,
}

const BOARDS: [Board; 4] = [
    Board {
        name: "pico-w",
        chip: "RP2040",
        ram: 264 * 1024,
        flash: 2048 * 1024,
        radio: 26 * 1024,
        core: "Cortex-M0+",
        target: "thumbv6m-none-eabi",
    },
    Board {
        name: "pico2-w",
        chip: "RP2350",
        ram: 520 * 1024,
        flash: 4096 * 1024,
        radio: 26 * 1024,
        core: "Cortex-M0+", // an upper bound: a Cortex-M33 needs no more
        target: "thumbv6m-none-eabi",
    },
    Board {
        name: "esp32c3",
        chip: "ESP32-C3",
        ram: 400 * 1024,
        flash: 4096 * 1024,
        radio: 170 * 1024,
        core: "RISC-V",
        target: "riscv32imc-unknown-none-elf",
    },
    Board {
        name: "esp32c6",
        chip: "ESP32-C6",
        ram: 512 * 1024,
        flash: 4096 * 1024,
        radio: 170 * 1024,
        core: "RISC-V",
        target: "riscv32imc-unknown-none-elf",
    },
];

struct Plan {
    board: &'static Board,
    sockets: usize,
    tls: usize,
    head: usize,
    rx: usize,
    tx: usize,
    udp: usize,
    roots: String,
}

fn main() -> ExitCode {
    let plan = match parse(std::env::args().skip(1)) {
        Ok(Some(plan)) => plan,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprint!("error: {why}\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/budgets.toml");
    let Ok(budgets) = fs::read_to_string(file) else {
        eprintln!("error: no {file}: stack and flash are looked up there");
        return ExitCode::FAILURE;
    };
    if print(&plan, &budgets) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Plan>, String> {
    let mut plan = Plan {
        board: &BOARDS[0],
        sockets: 3,
        tls: 1,
        head: socketpool::pool::DEFAULT_HEAD,
        rx: 4096,
        tx: 2048,
        udp: 1,
        roots: "mozilla".into(),
    };
    while let Some(word) = words.next() {
        if ["-h", "--help"].contains(&word.as_str()) {
            return Ok(None);
        }
        let value = words.next().ok_or(format!("{word} wants a value, or is none of the options"))?;
        let number =
            || value.parse::<usize>().ok().filter(|n| *n <= 65_536).ok_or(format!("{word} {value}: no such number"));
        match word.as_str() {
            "--board" => {
                let known = BOARDS.iter().find(|board| board.name == value);
                plan.board = known.ok_or(format!("no board {value} is known"))?;
            }
            "--sockets" => plan.sockets = number()?.max(1),
            "--tls" => plan.tls = number()?,
            "--head" => plan.head = number()?,
            "--rx" => plan.rx = number()?,
            "--tx" => plan.tx = number()?,
            "--udp" => plan.udp = number()?,
            "--roots" if ["mozilla", "own", "none"].contains(&value.as_str()) => plan.roots = value,
            _ => return Err(format!("{word} {value}: no such option")),
        }
    }
    if plan.roots == "none" {
        plan.tls = 0;
    } else if plan.tls > plan.sockets {
        return Err(format!("{} TLS sessions want as many sockets", plan.tls));
    }
    Ok(Some(plan))
}

/// The size of a type with a number in it, of its sizes with 1 and with 2.
const fn line(one: usize, two: usize, number: usize) -> usize {
    one + (two - one) * number - (two - one)
}

/// The size of `Resources<SOCKETS, TLS, HEAD>`.
const fn resources(sockets: usize, tls: usize, head: usize) -> usize {
    let socket = (size_of::<Resources<9, 0, 64>>() - size_of::<Resources<1, 0, 64>>()) / 8 - 64;
    let align = align_of::<Resources<1, 1, 1>>();
    let buffers = (sockets * (socket + head)).next_multiple_of(align);
    buffers + tls * SESSION
}

const SESSION: usize = size_of::<Resources<1, 2, 0>>() - size_of::<Resources<1, 1, 0>>();
const _: () = assert!(resources(3, 2, 2048) == size_of::<Resources<3, 2, 2048>>());
const _: () = assert!(resources(1, 1, 1000) == size_of::<Resources<1, 1, 1000>>());

/// What the parts take, in bytes: a name and why for each.
fn ram(plan: &Plan) -> Vec<(String, usize)> {
    let Plan { sockets, tls, head, rx, tx, udp, .. } = *plan;
    let buffers =
        line(size_of::<NetworkResources<1, 1, 0, 0, 0>>(), size_of::<NetworkResources<2, 1, 0, 0, 0>>(), sockets)
            + sockets * (rx + tx)
            + (size_of::<NetworkResources<1, 2, 0, 0, 0>>() - size_of::<NetworkResources<1, 1, 0, 0, 0>>() + 2 * 512)
                * udp;
    let network = line(size_of::<Network<'_, 1, 1>>(), size_of::<Network<'_, 2, 1>>(), sockets);
    vec![
        (
            format!("Resources<{sockets}, {tls}, {head}>: {head} bytes a socket, {SESSION} a TLS session"),
            resources(sockets, tls, head),
        ),
        ("the pool, with the state of TLS in it".into(), line(size_of::<Pool<1>>(), size_of::<Pool<2>>(), sockets)),
        (format!("NetworkResources: {sockets} × ({rx} + {tx}), {udp} × UDP"), buffers),
        ("Network, and the sockets of the stack".into(), network + (sockets + udp + 2) * 400),
        ("the radio's driver with its heap, and tasks, about".into(), plan.board.radio),
    ]
}

/// The numbers of a row.
fn budget(budgets: &str, table: &str, name: &str) -> Vec<usize> {
    let of_table = budgets.lines().skip_while(|line| *line != format!("[{table}]")).skip(1);
    let mut rows = of_table.take_while(|line| !line.starts_with('['));
    let row = rows.find_map(|row| row.strip_prefix(&format!("\"{name}\" = ")));
    let numbers = row.unwrap_or_default().trim_matches(['[', ']']).split(", ");
    numbers.filter_map(|number| number.parse().ok()).collect()
}

/// The deepest stack of all handshakes that were measured.
fn stack(plan: &Plan, budgets: &str) -> Option<usize> {
    let kinds = ["P-256", "P-384", "RSA-2048", "RSA-4096", "Y-ECDSA", "Y-RSA"];
    kinds
        .iter()
        .filter_map(|kind| budget(budgets, "icount", &format!("{}: handshake {kind}", plan.board.core)).last().copied())
        .max()
}

fn print(plan: &Plan, budgets: &str) -> bool {
    let Board { name, chip, ram: all_ram, flash: all_flash, target, .. } = *plan.board;
    println!("{name} ({chip}): {all_ram} bytes of RAM, {all_flash} of flash\n\nRAM, in statics");
    let mut left = all_ram as isize;
    for (what, bytes) in ram(plan) {
        println!("{bytes:>10}  {what}");
        left -= bytes as isize;
    }

    let tls = plan.tls > 0;
    println!("\nstack, at most");
    let stack = if tls { stack(plan, budgets) } else { Some(8 * 1024) };
    let what = if tls { "a handshake (./ci.sh icount), of any kind of certificate" } else { "a request, about" };
    match stack {
        Some(bytes) => println!("{bytes:>10}  {what}"),
        None => println!("         ?  {what}: no row in benches/budgets.toml"),
    }
    left -= stack.unwrap_or_default() as isize;
    println!("\n{left:>10}  left for your program, its tasks and their stack");

    println!("\nflash");
    let program = match plan.roots.as_str() {
        "none" => "POST JSON and parse",
        "own" => "HTTPS, one CA",
        _ => "HTTPS, Mozilla",
    };
    let ours = budget(budgets, target, program).first().copied();
    match ours {
        Some(bytes) => println!("{bytes:>10}  this crate: {program} (./ci.sh sizes)"),
        None => println!("         ?  this crate: {program}: no row in benches/budgets.toml"),
    }
    if let Some(bytes) = budget(budgets, "boards", &format!("{name}, weather")).first() {
        println!("{bytes:>10}  the app `weather` whole, with stack, radio and Mozilla's roots (./ci.sh boards)");
    }

    println!(
        "\n(RAM as on this host, whose pointers are twice as long as a microcontroller's: it is somewhat less there.)"
    );
    println!("\nto write down\n  Resources<{}, {}, {}>", plan.sockets, plan.tls, plan.head);
    println!("  NetworkResources<{}, {}, {}, {}, 512>", plan.sockets, plan.udp, plan.rx, plan.tx);
    println!("  embassy_net::StackResources<{}>", plan.sockets + plan.udp + 2);
    if plan.head < 2048 {
        println!("\nnote: servers of the open web send heads of 500 to 4,000 bytes");
    }
    if tls && plan.tls == plan.sockets && plan.sockets > 1 {
        println!("\nnote: every socket can speak TLS; one or two sessions are enough where connections are short");
    }
    if left < 0 {
        println!("\nthat does not fit: {} bytes too much", -left);
    }
    stack.is_some() && ours.is_some() && left >= 0
}
