//! The two checksums: CRC-32 (RFC 1952 §8) and Adler-32 (RFC 1950 §8.2).

/// A quarter of a quarter of the usual table: 64 bytes instead of 1,024.
const NIBBLES: [u32; 16] = {
    let mut table = [0; 16];
    let mut index = 0;
    while index < 16 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 4 {
            value = if value & 1 == 1 { 0xEDB8_8320 ^ value >> 1 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

/// CRC-32 of what came before, whose CRC-32 is `crc` (0 at first), and `byte`.
pub(super) fn crc32(crc: u32, byte: u8) -> u32 {
    let mut value = !crc ^ u32::from(byte);
    for _ in 0..2 {
        value = NIBBLES[(value & 15) as usize] ^ value >> 4;
    }
    !value
}

/// Adler-32 of what came before, whose Adler-32 is `adler` (1 at first), and `byte`.
pub(super) fn adler32(adler: u32, byte: u8) -> u32 {
    const MODULUS: u32 = 65521;
    let low = ((adler & 0xFFFF) + u32::from(byte)) % MODULUS;
    let high = ((adler >> 16) + low) % MODULUS;
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::{adler32, crc32};

    #[test]
    fn known_values() {
        assert_eq!(b"123456789".iter().fold(0, |crc, byte| crc32(crc, *byte)), 0xCBF4_3926);
        assert_eq!(b"Wikipedia".iter().fold(1, |adler, byte| adler32(adler, *byte)), 0x11E6_0398);
        assert_eq!([0xFF; 100_000].iter().fold(1, |adler, byte| adler32(adler, *byte)), {
            let mut sums = (1u64, 0u64);
            for _ in 0..100_000 {
                sums.0 = (sums.0 + 255) % 65521;
                sums.1 = (sums.1 + sums.0) % 65521;
            }
            (sums.1 << 16 | sums.0) as u32
        });
    }
}
