//! What the firmware of the radio has to know about the module it runs on: antenna, crystal, calibration.
//!
//! The values are those of the module's maker, as published in cyw43-driver, `firmware/wifi_nvram_43439.h`.

use cyw43::{A4, Aligned};

const TEXT: &str = concat!(
    "NVRAMRev=$Rev$\0",
    // Which module this is.
    "manfid=0x2d0\0prodid=0x0727\0vendid=0x14e4\0devid=0x43e2\0",
    "boardtype=0x0887\0boardrev=0x1100\0boardnum=22\0boardflags=0x00404001\0boardflags3=0x04000000\0",
    "sromrev=11\0nocrc=1\0wl0id=0x431b\0",
    // Addresses that the one in the radio's own memory takes precedence over.
    "macaddr=00:A0:50:b5:59:5e\0il0macaddr=00:90:4c:c5:12:38\0",
    // Crystal (kHz), antenna, country.
    "xtalfreq=37400\0ag0=255\0aa2g=1\0ccode=ALL\0",
    // Power amplifier.
    "pa0itssit=0x20\0extpagain2g=0\0pa2ga0=-168,6649,-778\0AvVmid_c0=0x0,0xc8\0",
    "papdmode=1\0papdvalidtest=1\0pacalidx2g=45\0papdepsoffset=-30\0papdendidx=58\0",
    // How much less power than the maximum for each kind of modulation.
    "maxp2ga0=84\0txpwrbckof=6\0cckpwroffset0=5\0cckbw202gpo=0\0legofdmbw202gpo=0x66111111\0",
    "mcsbw202gpo=0x77711111\0propbw202gpo=0xdd\0",
    // Filters.
    "ofdmdigfilttype=18\0ofdmdigfilttypebe=18\0spurconfig=0x3\0glitch_based_crsmin=1\0",
    // Sharing the antenna with LTE and Bluetooth.
    "ltecxmux=0\0ltecxpadnum=0x0102\0ltecxfnsel=0x44\0ltecxgcigpio=0x01\0btc_mode=1\0",
    "muxenab=0x100\0deadman_to=0xffffffff\0",
    "\0\0\0",
);

/// Pairs of name and value with a zero after each, and more zeros at the end.
pub(crate) static NVRAM: Aligned<A4, [u8; TEXT.len()]> =
    Aligned(*TEXT.as_bytes().first_chunk().expect("as long as it is"));
