//! Gzip bodies, decompressed.
//!
//! Nearly all of them are one member whose last four bytes tell how long it is when decompressed. Those are
//! decoded in one go by libdeflate, about twice as fast as a streaming decoder. Everything else (several
//! members, a length that is not true, damage) goes to the streaming decoder, which has the last word.

use flate2::read::MultiGzDecoder;
use libdeflater::Decompressor;
use std::io::{self, Read as _};

/// What every member begins with: magic and method, RFC 1952 §2.3.1.
const MEMBER_START: [u8; 3] = [0x1f, 0x8b, 8];

/// A header without options, an empty block and the trailer: nothing shorter is a member.
const MEMBER_BYTES_MIN: usize = 18;

/// Deflate shrinks a text at most so many times (zlib, technical details).
const RATIO_MAX: usize = 1_032;

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub(super) enum GunzipError {
    /// The text is longer than allowed; at most a byte more was decompressed.
    #[error("the decompressed body is too large")]
    TooLarge,
    /// Not gzip, damaged, or cut.
    #[error("error decoding gzip stream: {0}")]
    Damaged(#[from] io::Error),
}

/// Decompresses all members of a gzip stream into `out`, whose content is replaced and whose memory is used again. At
/// most one byte over `bytes_max` is decompressed.
///
/// # Errors
/// [`GunzipError`]; `out` then holds nothing of use.
pub(super) fn gunzip(body: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), GunzipError> {
    if let Some(bytes) = single_member_bytes(body).filter(|bytes| *bytes <= bytes_max) {
        // What is there already is overwritten, and need not be made zero first.
        out.resize(bytes, 0);
        if Decompressor::new().gzip_decompress(body, out) == Ok(bytes) && ends_with_sum(body, out) {
            return Ok(());
        }
    }
    out.clear();
    let mut decoder = MultiGzDecoder::new(body).take((bytes_max as u64).saturating_add(1));
    decoder.read_to_end(out)?;
    if out.len() > bytes_max {
        return Err(GunzipError::TooLarge);
    }
    Ok(())
}

/// Whether the checksum at the end of the body is that of the text. libdeflate stops behind the first member and does
/// not mind what follows: a second one, perhaps, whose first bytes are damaged.
fn ends_with_sum(body: &[u8], text: &[u8]) -> bool {
    let Some([a, b, c, d, ..]) = body.last_chunk::<8>() else {
        return false;
    };
    u32::from_le_bytes([*a, *b, *c, *d]) == libdeflater::crc32(text)
}

/// The decompressed length that the body claims, if it can only be a single member.
fn single_member_bytes(body: &[u8]) -> Option<usize> {
    if body.len() < MEMBER_BYTES_MIN || !body.starts_with(&MEMBER_START) {
        return None;
    }
    // The same three bytes further on may be chance, in one body of some forty; then the slower way is right too.
    if memchr::memmem::find(&body[MEMBER_START.len()..], &MEMBER_START).is_some() {
        return None;
    }
    claimed_bytes(body)
}

/// The decompressed length that the last member of a gzip stream ends with (RFC 1952 §2.3.1, ISIZE, modulo 2^32), if it is
/// possible at all: no memory is given on a claim that cannot be true. Whether it is true, the decoder sees.
pub(super) fn claimed_bytes(gzip: &[u8]) -> Option<usize> {
    let claimed = u32::from_le_bytes(*gzip.last_chunk()?) as usize;
    (claimed <= gzip.len().saturating_mul(RATIO_MAX)).then_some(claimed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(body: &[u8], bytes_max: usize) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        gunzip(body, bytes_max, &mut out).map_err(|e| e.to_string())?;
        Ok(out)
    }

    #[test]
    fn one_member_of_any_length() {
        for text in [&b""[..], b"m f=1", &b"m f=1 17\n".repeat(100_000)] {
            let body = gzip(text);
            assert_eq!(single_member_bytes(&body), Some(text.len()));
            assert_eq!(unpacked(&body, text.len()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn several_members_are_one_text() {
        let (a, b) = (gzip(b"m f=1\n"), gzip(b"m f=2\n"));
        let body = [a.clone(), b, a].concat();
        assert_eq!(unpacked(&body, 100).unwrap(), b"m f=1\nm f=2\nm f=1\n");
    }

    #[test]
    fn the_limit_is_exact() {
        let text = vec![b'x'; 5_000];
        assert_eq!(unpacked(&gzip(&text), 5_000).unwrap(), text);
        let refused = unpacked(&gzip(&text), 4_999).unwrap_err();
        assert!(refused.contains("too large"), "{refused}");
    }

    #[test]
    fn a_bomb_takes_no_more_than_the_limit() {
        let bomb = gzip(&vec![0; 50 << 20]);
        let mut out = Vec::new();
        assert!(matches!(
            gunzip(&bomb, 1_000, &mut out),
            Err(GunzipError::TooLarge)
        ));
        assert!(out.capacity() < 1 << 20);
    }

    #[test]
    fn a_length_that_is_not_true_is_an_error_and_takes_no_memory() {
        let mut body = gzip(b"m f=1");
        let end = body.len();
        for claim in [0_u32, 4, 6, 4_000_000_000] {
            body[end - 4..].copy_from_slice(&claim.to_le_bytes());
            let mut out = Vec::new();
            let result = gunzip(&body, 50 << 20, &mut out);
            assert!(matches!(result, Err(GunzipError::Damaged(_))), "{claim}");
            assert!(out.capacity() < 1 << 20);
        }
    }

    #[test]
    fn damage_is_an_error() {
        let whole = gzip(&b"m f=1 17\n".repeat(1_000));
        for at in [0, 3, whole.len() / 2, whole.len() - 6] {
            let mut body = whole.clone();
            body[at] ^= 0xff;
            assert!(unpacked(&body, 1 << 20).is_err(), "byte {at}");
        }
        assert!(unpacked(&whole[..whole.len() - 1], 1 << 20).is_err());
        assert!(unpacked(b"m f=1", 1 << 20).is_err());
    }

    #[test]
    fn a_second_member_whose_first_bytes_are_damaged_is_not_left_out() {
        // Of the same length, so that the end of the body is right for the first one.
        let (a, b) = (gzip(b"m f=1\n"), gzip(b"m f=2\n"));
        for at in 0..MEMBER_START.len() {
            let mut damaged = b.clone();
            damaged[at] ^= 0xff;
            let body = [a.clone(), damaged].concat();
            assert!(unpacked(&body, 100).is_err(), "byte {at}");
        }
        let garbage = [a.as_slice(), b"garbage", &6_u32.to_le_bytes()].concat();
        assert!(unpacked(&garbage, 100).is_err());
    }

    #[test]
    fn memory_of_the_body_before_is_used_again() {
        let mut out = b"earlier text".repeat(1_000);
        let capacity = out.capacity();
        gunzip(&gzip(b"m f=1"), 1 << 20, &mut out).unwrap();
        assert_eq!((out.as_slice(), out.capacity()), (&b"m f=1"[..], capacity));
    }
}
