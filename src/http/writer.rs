//! A cursor over a caller's buffer that keeps counting past its end.

/// Writes bytes into a buffer and keeps counting when it is full, so that one attempt tells the exact size needed.
///
/// # Examples
///
/// ```
/// use socketpool::http::ByteWriter;
///
/// let mut buffer = [0; 4];
/// let mut writer = ByteWriter::new(&mut buffer);
/// writer.extend(b"hello");
/// assert!(writer.is_overflowing());
/// assert_eq!(writer.needed(), 5);
/// assert_eq!(&buffer, b"hell");
/// ```
#[derive(Debug)]
pub struct ByteWriter<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl<'b> ByteWriter<'b> {
    /// Writes from the start of `buffer`. An empty buffer makes a writer that only counts.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self::after(buffer, 0)
    }

    /// Writes after the first `len` bytes of `buffer`, which count as written.
    pub(super) fn after(buffer: &'b mut [u8], len: usize) -> Self {
        Self { buffer, len }
    }

    /// Appends one byte.
    pub fn push(&mut self, byte: u8) {
        self.put(self.len, byte);
        self.len = self.len.saturating_add(1);
    }

    /// Appends `bytes`.
    pub fn extend(&mut self, bytes: &[u8]) {
        let free = self.buffer.get_mut(self.len..).unwrap_or_default();
        let fits = free.len().min(bytes.len());
        free[..fits].copy_from_slice(&bytes[..fits]);
        self.len = self.len.saturating_add(bytes.len());
    }

    /// Appends `number` in decimal.
    pub fn decimal(&mut self, number: u64) {
        // In pieces of 16 bits: dividing 64 bits at once takes a kilobyte of code on the smallest cores.
        let mut limbs = [number >> 48, number >> 32, number >> 16, number].map(|limb| u32::from(limb as u16));
        let mut digits = [0; 20]; // u64::MAX has 20
        let mut unused = digits.len();
        for digit in digits.iter_mut().rev() {
            let mut remainder = 0;
            for limb in &mut limbs {
                let dividend = (remainder << 16) | *limb;
                (*limb, remainder) = (dividend / 10, dividend % 10);
            }
            *digit = b'0' + remainder as u8;
            unused -= 1;
            if limbs == [0; 4] {
                break;
            }
        }
        digits.iter().skip(unused).for_each(|digit| self.push(*digit));
    }

    /// How many bytes everything written so far takes, whether it fitted or not.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.len
    }

    /// Whether more was written than the buffer holds.
    #[must_use]
    pub fn is_overflowing(&self) -> bool {
        self.len > self.buffer.len()
    }

    /// Bytes that the buffer holds.
    pub(super) fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// Gives the buffer back.
    pub(super) fn into_buffer(self) -> &'b mut [u8] {
        self.buffer
    }

    /// Overwrites the byte at `index`, if the buffer has one there. Does not count.
    pub(super) fn put(&mut self, index: usize, byte: u8) {
        if let Some(place) = self.buffer.get_mut(index) {
            *place = byte;
        }
    }

    /// Counts `len` bytes that are [`put`](Self::put) in place by the caller.
    pub(super) fn skip(&mut self, len: usize) {
        self.len = self.len.saturating_add(len);
    }
}

#[cfg(test)]
mod tests {
    use super::ByteWriter;

    #[test]
    fn decimal_writes_the_extremes() {
        for (number, text) in [(0, "0"), (9, "9"), (10, "10"), (u64::MAX, "18446744073709551615")] {
            let mut buffer = [0; 20];
            let mut writer = ByteWriter::new(&mut buffer);
            writer.decimal(number);
            let needed = writer.needed();
            assert_eq!(&buffer[..needed], text.as_bytes());
        }
    }
}
