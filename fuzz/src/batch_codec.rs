//! The encoding of write batches.

use watershed_model::batch::codec;

/// Any bytes: they are refused, or they are a batch whose encoding is the same batch again.
///
/// # Panics
/// When that does not hold.
pub fn batch_codec(bytes: &[u8]) {
    let Ok(batch) = codec::decode(bytes) else {
        return;
    };
    let mut encoded = Vec::new();
    codec::encode(&batch, &mut encoded);
    let again = match codec::decode(&encoded) {
        Ok(again) => again,
        Err(error) => panic!("{batch:?} does not read back: {error}"),
    };
    // The debug form, because a NaN is not equal to itself; its bits are compared by the bytes.
    assert_eq!(format!("{again:?}"), format!("{batch:?}"));
    let mut once_more = Vec::new();
    codec::encode(&again, &mut once_more);
    assert!(once_more == encoded, "one batch has two encodings");
}
