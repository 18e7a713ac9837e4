//! How far one call of a decoder of bodies came.

/// What one call to [`BodyDecoder::decode`](super::BodyDecoder::decode) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct Progress {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    /// Bytes of the output that now hold data.
    pub produced: usize,
}

/// Copies as much of `input` as `output` takes, and says how much that was.
pub(super) fn copy(input: &[u8], output: &mut [u8]) -> usize {
    let len = input.len().min(output.len());
    output[..len].copy_from_slice(&input[..len]);
    len
}
