//! The Ethernet controller of `mps2-an385`: a LAN9118, driven by its FIFOs.
//!
//! Registers and command words are those of the data sheet (SMSC LAN9118, chapter 5); names of bits are given where they
//! are used.

use crate::nic::{FRAME, Nic};

const BASE: usize = 0x4020_0000;

const RX_DATA: usize = 0x00;
const TX_DATA: usize = 0x20;
const RX_STATUS: usize = 0x40;
const TX_STATUS: usize = 0x48;
const IRQ_CFG: usize = 0x54;
const INT_STS: usize = 0x58;
const INT_EN: usize = 0x5C;
const BYTE_TEST: usize = 0x64;
const FIFO_INT: usize = 0x68;
const TX_CFG: usize = 0x70;
const HW_CFG: usize = 0x74;
const RX_FIFO_INF: usize = 0x7C;
const TX_FIFO_INF: usize = 0x80;
const MAC_CSR_CMD: usize = 0xA4;
const MAC_CSR_DATA: usize = 0xA8;

/// Registers of the MAC, which are reached through a mailbox.
const MAC_CR: u32 = 1;
const ADDRH: u32 = 2;
const ADDRL: u32 = 3;

/// RSFL_INT: frames have arrived.
const RECEIVED: u32 = 1 << 3;
/// TSFL_INT: frames have been sent.
const SENT: u32 = 1 << 7;

/// The one Ethernet controller of the board.
pub struct Lan9118 {
    mac: [u8; 6],
}

impl Lan9118 {
    /// Starts the controller.
    ///
    /// # Panics
    /// If there is none.
    pub fn new() -> Self {
        assert_eq!(read(BYTE_TEST), 0x8765_4321, "no LAN9118");
        write(HW_CFG, 5 << 16); // TX_FIF_SZ: 5 KB to send, 11 KB to receive
        write(FIFO_INT, 0); // interrupts from the first frame on
        write(INT_EN, RECEIVED);
        write(IRQ_CFG, 1 << 8 | 1 << 4 | 1); // IRQ_EN, active high, push-pull
        write(TX_CFG, 1 << 1); // TX_ON
        write_mac(MAC_CR, read_mac(MAC_CR) | 1 << 20 | 1 << 3 | 1 << 2); // full duplex, TXEN, RXEN
        let (low, high) = (read_mac(ADDRL).to_le_bytes(), read_mac(ADDRH).to_le_bytes());
        Self { mac: [low[0], low[1], low[2], low[3], high[0], high[1]] }
    }
}

impl Default for Lan9118 {
    fn default() -> Self {
        Self::new()
    }
}

impl Nic for Lan9118 {
    fn mac(&self) -> [u8; 6] {
        self.mac
    }

    fn receive(&mut self, frame: &mut [u8]) -> Option<usize> {
        // First this, then a look: what arrives in between interrupts again.
        write(INT_STS, RECEIVED);
        if read(RX_FIFO_INF) >> 16 & 0xFF == 0 {
            return None;
        }
        let len = (read(RX_STATUS) >> 16 & 0x3FFF) as usize;
        for at in (0..len).step_by(4) {
            let word = read(RX_DATA).to_le_bytes();
            if let Some(room) = frame.get_mut(at..) {
                let count = room.len().min(4);
                room[..count].copy_from_slice(&word[..count]);
            }
        }
        // The last four bytes are the checksum.
        Some(len.saturating_sub(4).min(frame.len()))
    }

    fn can_send(&mut self) -> bool {
        while read(TX_FIFO_INF) >> 16 & 0xFF != 0 {
            read(TX_STATUS);
        }
        write(INT_STS, SENT);
        let has_room = read(TX_FIFO_INF) & 0xFFFF >= FRAME as u32 + 8;
        write(INT_EN, if has_room { RECEIVED } else { RECEIVED | SENT });
        has_room
    }

    fn send(&mut self, frame: &[u8]) {
        let len = frame.len() as u32;
        write(TX_DATA, 1 << 13 | 1 << 12 | len); // first and last segment
        write(TX_DATA, len);
        for word in frame.chunks(4) {
            let mut bytes = [0; 4];
            bytes[..word.len()].copy_from_slice(word);
            write(TX_DATA, u32::from_le_bytes(bytes));
        }
    }
}

fn read(register: usize) -> u32 {
    // SAFETY: the registers of the controller, which only this file uses.
    unsafe { ((BASE + register) as *const u32).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: as above.
    unsafe { ((BASE + register) as *mut u32).write_volatile(value) }
}

/// The mailbox is empty when its busy bit is.
fn wait_for_mac() {
    while read(MAC_CSR_CMD) >> 31 == 1 {}
}

fn read_mac(register: u32) -> u32 {
    wait_for_mac();
    write(MAC_CSR_CMD, 1 << 31 | 1 << 30 | register);
    wait_for_mac();
    read(MAC_CSR_DATA)
}

fn write_mac(register: u32, value: u32) {
    wait_for_mac();
    write(MAC_CSR_DATA, value);
    write(MAC_CSR_CMD, 1 << 31 | register);
    wait_for_mac();
}
