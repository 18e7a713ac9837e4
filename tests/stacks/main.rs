//! The same pool over each network stack.

mod blocking_smoltcp;
mod blocking_std;
mod embassy_net;
mod modem;
mod no_delay;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_macros, unused_imports, reason = "each binary uses a part")]
mod support;
mod truth_table;
