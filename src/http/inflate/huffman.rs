//! Canonical Huffman codes (RFC 1951 §3.2.2): how many codes there are of each length, and the symbols in their order. A
//! symbol is found bit by bit. Look-up tables would be faster and ten times the size.

/// The longest code of a symbol, in bits.
const MAX_LEN: usize = 15;

/// A code for at most `N` symbols.
#[derive(Clone, Debug)]
pub(super) struct Huffman<const N: usize> {
    /// How many codes have so many bits.
    counts: [u16; MAX_LEN + 1],
    /// The symbols, in the order of their codes.
    symbols: [u16; N],
}

/// What the next bits are.
pub(super) enum Found {
    /// This symbol, and how many bits it takes.
    Symbol(u16, u8),
    /// The beginning of some code.
    Unfinished,
    /// No code.
    Nothing,
}

impl<const N: usize> Huffman<N> {
    pub(super) const EMPTY: Self = Self { counts: [0; MAX_LEN + 1], symbols: [0; N] };

    /// Makes the code in which symbol `n` has `lengths[n]` bits, 0 being none. Says how many codes of 15 bits are left
    /// over (0: the code is complete) or nothing if there are too many.
    pub(super) fn set(&mut self, lengths: &[u8]) -> Option<u32> {
        self.counts = [0; MAX_LEN + 1];
        for len in lengths {
            *self.counts.get_mut(usize::from(*len))? += 1;
        }
        let mut left = 1u32;
        let mut first = [0u16; MAX_LEN + 2];
        for len in 1..=MAX_LEN {
            left = (left << 1).checked_sub(u32::from(self.counts[len]))?;
            first[len + 1] = first[len] + self.counts[len];
        }
        for (symbol, len) in (0u16..).zip(lengths) {
            if *len > 0 {
                let place = first.get_mut(usize::from(*len))?;
                *self.symbols.get_mut(usize::from(*place))? = symbol;
                *place += 1;
            }
        }
        Some(left)
    }

    /// Whether no symbol has a code but one, which has one bit: the only incomplete code there may be.
    pub(super) fn is_single(&self) -> bool {
        self.counts[1] == 1 && self.counts[2..].iter().all(|count| *count == 0)
    }

    /// Whether there is no code at all.
    pub(super) fn is_empty(&self) -> bool {
        self.counts[1..].iter().all(|count| *count == 0)
    }

    /// The symbol whose code `bits` begin with; `available` of them are there.
    pub(super) fn find(&self, bits: u32, available: u8) -> Found {
        let (mut code, mut first, mut index) = (0u32, 0u32, 0u32);
        for len in 1..=MAX_LEN {
            if len > usize::from(available) {
                return Found::Unfinished;
            }
            code |= bits >> (len - 1) & 1;
            let count = u32::from(self.counts[len]);
            if code < first + count {
                let place = usize::try_from(index + code - first).unwrap_or(usize::MAX);
                return self.symbols.get(place).map_or(Found::Nothing, |symbol| Found::Symbol(*symbol, len as u8));
            }
            (index, first, code) = (index + count, (first + count) << 1, code << 1);
        }
        Found::Nothing
    }
}
