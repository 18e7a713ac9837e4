//! What every operation of a socket does in every situation with every time-out, over every network stack: one table. Its
//! rows are conversations (`truth_table/rows.rs`), its columns are stacks (`truth_table/columns.rs`), and a cell is what came of
//! a conversation over a stack. Where a stack cannot do what a row wants, its column says which error names that.
//!
//! A new stack is one more column: a function that does the steps of a row over it with peers that do their part, by way of
//! `truth_table/faces.rs`, and the list of what it cannot do. Where it reaches the loopback, `truth_table/peers.rs` has the peers.
//!
//! `cargo test --test stacks truth_table -- --nocapture` prints the table, column by column.
#![cfg(all(feature = "mock", feature = "blocking"))]

mod columns;
mod embassy;
mod faces;
mod peers;
mod rows;
mod smoltcp;

use columns::{
    Column, EMBASSY, HOST, Limit, MOCK_ASYNC, MOCK_BLOCKING, MODEM_ASYNC, MODEM_BLOCKING, NAL_ASYNC, NAL_BLOCKING,
    SMOLTCP,
};
use rows::{Outcome, Row, rows};

/// Runs every row over one stack.
fn column(name: &str, column: &Column) {
    let mut wrong = Vec::new();
    for row in rows() {
        let limit = column.limits.iter().find(|(fits, _)| fits.fits(&row)).map(|(_, limit)| limit);
        let cell = match limit {
            Some(Limit::NotAsked(why)) => Ok(format!("not asked: {why}")),
            limit => {
                let mut came = Vec::new();
                (column.run)(&row, &mut came);
                judge(&row, &came, limit)
            }
        };
        let (Ok(says) | Err(says)) = &cell;
        println!("{name:<14} {:<48} {:<4} {says}", row.name, row.timeout);
        if cell.is_err() {
            wrong.push(format!("{}, {}: {says}", row.name, row.timeout));
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
}

/// What the cell says: `Err` if it is not what it should be.
fn judge(row: &Row, came: &[Outcome], limit: Option<&Limit>) -> Result<String, String> {
    for (index, (outcome, (does, expected))) in came.iter().zip(&row.steps).enumerate() {
        if outcome == expected {
            continue;
        }
        return match limit {
            Some(Limit::Says(says)) if says == outcome => Ok(format!("limit: {outcome:?}")),
            _ if *outcome == Outcome::Waits => Ok("waits".into()),
            _ => Err(format!("wrong at step {index}, {does:?}: {outcome:?} instead of {expected:?}")),
        };
    }
    match limit {
        Some(Limit::Says(says)) => Err(format!("wrong: does it after all, and says not {says:?}")),
        _ => Ok("as it should".into()),
    }
}

#[test]
fn mock_async() {
    column("mock async", &MOCK_ASYNC);
}

#[test]
fn mock_blocking() {
    column("mock blocking", &MOCK_BLOCKING);
}

#[test]
fn embedded_nal_async() {
    column("nal async", &NAL_ASYNC);
}

#[test]
fn embedded_nal() {
    column("nal blocking", &NAL_BLOCKING);
}

#[test]
fn host() {
    column("host", &HOST);
}

#[test]
fn smoltcp() {
    column("smoltcp-nal", &SMOLTCP);
}

#[test]
fn modem_async() {
    column("modem async", &MODEM_ASYNC);
}

#[test]
fn modem_blocking() {
    column("modem blocking", &MODEM_BLOCKING);
}

#[test]
fn embassy_net() {
    column("embassy-net", &EMBASSY);
}
