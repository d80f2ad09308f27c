//! The bytes of a segment, as drawn in `docs/formats/wal.md`. All numbers are little endian.

use crc32fast::Hasher;
use watershed_model::{Counter, Epoch};

/// The version this program writes, and the only one it reads.
pub(crate) const VERSION: u32 = 1;
pub(crate) const SEGMENT_HEADER_BYTES: usize = 64;
pub(crate) const GROUP_HEADER_BYTES: usize = 32;
/// In front of each record: its length.
pub(crate) const RECORD_PREFIX_BYTES: usize = 4;

const SEGMENT_MAGIC: [u8; 8] = *b"WSHD-WAL";
const GROUP_MAGIC: [u8; 4] = *b"GRP\x01";

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) id: u64,
    pub(crate) epoch: Epoch,
    /// The number of its first record.
    pub(crate) first: Counter,
    /// Where the segments before it end: the number after their last record. What they hold from
    /// here on belongs to groups that failed.
    pub(crate) previous_end: Counter,
    /// Random; mixed into every checksum, so that bytes of another file never pass for groups.
    pub(crate) salt: u64,
}

/// Why a segment header can't be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    Damaged(&'static str),
    Version(u32),
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[0..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.id.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.epoch.get().to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first.get().to_le_bytes());
        bytes[40..48].copy_from_slice(&self.previous_end.get().to_le_bytes());
        bytes[48..56].copy_from_slice(&self.salt.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER_BYTES>() else {
            return Err(HeaderError::Damaged(
                "the file is shorter than a segment header",
            ));
        };
        if bytes[0..8] != SEGMENT_MAGIC {
            return Err(HeaderError::Damaged(
                "the file does not begin like a log segment",
            ));
        }
        if crc32fast::hash(&bytes[..60]) != u32_at(bytes, 60) {
            return Err(HeaderError::Damaged(
                "the checksum of the segment header is wrong",
            ));
        }
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let header = Self {
            id: u64_at(bytes, 16),
            epoch: Epoch::new(u64_at(bytes, 24)),
            first: Counter::new(u64_at(bytes, 32)),
            previous_end: Counter::new(u64_at(bytes, 40)),
            salt: u64_at(bytes, 48),
        };
        if header.previous_end > header.first {
            return Err(HeaderError::Damaged(
                "the segment begins before the one before it ends",
            ));
        }
        Ok(header)
    }
}

/// What stands in front of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub(crate) records: u32,
    pub(crate) first: Counter,
    pub(crate) payload_bytes: u64,
    pub(crate) payload_checksum: u32,
}

impl GroupHeader {
    pub(crate) fn encode(&self, salt: u64) -> [u8; GROUP_HEADER_BYTES] {
        let mut bytes = [0; GROUP_HEADER_BYTES];
        bytes[0..4].copy_from_slice(&GROUP_MAGIC);
        bytes[4..8].copy_from_slice(&self.records.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.first.get().to_le_bytes());
        bytes[16..24].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.payload_checksum.to_le_bytes());
        let mut checksum = checksum(salt);
        checksum.update(&bytes[..28]);
        bytes[28..32].copy_from_slice(&checksum.finalize().to_le_bytes());
        bytes
    }

    /// The header at the start of `bytes`; `None` if there is none that is intact.
    pub(crate) fn decode(bytes: &[u8], salt: u64) -> Option<Self> {
        let bytes = bytes.first_chunk::<GROUP_HEADER_BYTES>()?;
        if bytes[0..4] != GROUP_MAGIC {
            return None;
        }
        let mut checksum = checksum(salt);
        checksum.update(&bytes[..28]);
        (checksum.finalize() == u32_at(bytes, 28)).then(|| Self {
            records: u32_at(bytes, 4),
            first: Counter::new(u64_at(bytes, 8)),
            payload_bytes: u64_at(bytes, 16),
            payload_checksum: u32_at(bytes, 24),
        })
    }
}

/// A checksum that begins with the salt of the segment.
pub(crate) fn checksum(salt: u64) -> Hasher {
    let mut hasher = Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher
}

/// Where the next group header *may* begin in `bytes`, from `from` on.
pub(crate) fn find_group_magic(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    Some(from + memchr::memmem::find(rest, &GROUP_MAGIC)?)
}

/// A salt with which the group header at the start of `bytes` is intact, whatever wrote it; `None` without
/// a header's magic. For segments whose own header, with the salt in it, is lost: of the salt a checksum
/// takes over 32 bits, and a group header and its checksum tell which. It says nothing about whether the
/// header is damaged; the checksum of the payload does.
pub(crate) fn salt_of_group(bytes: &[u8]) -> Option<u64> {
    let bytes = bytes.first_chunk::<GROUP_HEADER_BYTES>()?;
    if bytes[0..4] != GROUP_MAGIC {
        return None;
    }
    let mut state = !u32_at(bytes, 28);
    for byte in bytes[..28].iter().rev() {
        state = step_back(state) ^ u32::from(*byte);
    }
    // The salt's first four bytes are taken as zero, then the last four can lead to any state.
    let after_zeros = !crc32fast::hash(&[0; 4]);
    for _ in 0..4 {
        state = step_back(state);
    }
    Some(u64::from(state ^ after_zeros) << 32)
}

/// The state of a CRC-32 before it took in a byte of zero. One that took in another byte had that byte
/// added to its lowest eight bits first.
fn step_back(state: u32) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    (0..8).fold(state, |state, _| {
        if state & 0x8000_0000 == 0 {
            state << 1
        } else {
            ((state ^ POLYNOMIAL) << 1) | 1
        }
    })
}

fn u32_at<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn u64_at<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests;
