//! A growing row of bits.

/// Bits, least significant first within each byte: the layout Arrow uses for validity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bitmap {
    bytes: Vec<u8>,
    len: usize,
}

impl Bitmap {
    /// `len` bits, all equal to `value`.
    pub fn filled(len: usize, value: bool) -> Self {
        let mut bytes = vec![if value { 0xff } else { 0 }; len.div_ceil(8)];
        if value
            && !len.is_multiple_of(8)
            && let Some(last) = bytes.last_mut()
        {
            *last = (1 << (len % 8)) - 1;
        }
        Self { bytes, len }
    }

    /// Takes over bytes in this layout; bits past `len` are cleared. `None` when `bytes` is not
    /// exactly as long as `len` bits need.
    pub fn from_bytes(mut bytes: Vec<u8>, len: usize) -> Option<Self> {
        if bytes.len() != len.div_ceil(8) {
            return None;
        }
        if !len.is_multiple_of(8)
            && let Some(last) = bytes.last_mut()
        {
            *last &= (1 << (len % 8)) - 1;
        }
        Some(Self { bytes, len })
    }

    /// Appends a bit.
    pub fn push(&mut self, value: bool) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if value {
            self.bytes[self.len / 8] |= 1 << (self.len % 8);
        }
        self.len += 1;
    }

    /// The bit at `index`.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    pub fn get(&self, index: usize) -> bool {
        assert!(index < self.len, "bit {index} of {}", self.len);
        self.bytes[index / 8] & (1 << (index % 8)) != 0
    }

    /// Sets the bit at `index`.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    pub fn set(&mut self, index: usize, value: bool) {
        assert!(index < self.len, "bit {index} of {}", self.len);
        let mask = 1 << (index % 8);
        if value {
            self.bytes[index / 8] |= mask;
        } else {
            self.bytes[index / 8] &= !mask;
        }
    }

    /// Keeps the first `len` bits.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
            self.bytes.truncate(len.div_ceil(8));
            if !len.is_multiple_of(8)
                && let Some(last) = self.bytes.last_mut()
            {
                *last &= (1 << (len % 8)) - 1;
            }
        }
    }

    /// Appends `count` equal bits.
    pub fn extend(&mut self, count: usize, value: bool) {
        let len = self.len + count;
        let fill = if value { 0xff } else { 0 };
        if value
            && !self.len.is_multiple_of(8)
            && let Some(last) = self.bytes.last_mut()
        {
            *last |= 0xff << (self.len % 8);
        }
        self.bytes.resize(len.div_ceil(8), fill);
        if value
            && !len.is_multiple_of(8)
            && let Some(last) = self.bytes.last_mut()
        {
            *last &= (1 << (len % 8)) - 1;
        }
        self.len = len;
    }

    /// The number of bits.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes; bits past the end are zero.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bits are set.
    pub fn count_ones(&self) -> usize {
        self.bytes.iter().map(|b| b.count_ones() as usize).sum()
    }

    /// The bytes held in memory, allocated capacity included.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests;
