use super::*;

const HEADER: SegmentHeader = SegmentHeader {
    id: 3,
    epoch: Epoch::new(7),
    first: Counter::new(1_000),
    previous_end: Counter::new(900),
    salt: 0x0102_0304_0506_0708,
};

#[test]
fn segment_header_is_as_drawn() {
    let bytes = HEADER.encode();
    assert_eq!(&bytes[..16], b"WSHD-WAL\x01\0\0\0\0\0\0\0");
    assert_eq!(bytes[16..24], [3, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[24..32], [7, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[32..40], [0xe8, 3, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[40..48], [0x84, 3, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[48..60], [8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0]);
    assert_eq!(SegmentHeader::decode(&bytes), Ok(HEADER));
}

#[test]
fn every_bit_of_the_segment_header_is_checked() {
    for bit in 0..SEGMENT_HEADER_BYTES * 8 {
        let mut bytes = HEADER.encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(
            matches!(SegmentHeader::decode(&bytes), Err(HeaderError::Damaged(_))),
            "bit {bit}"
        );
    }
    let short = &HEADER.encode()[..63];
    assert!(matches!(
        SegmentHeader::decode(short),
        Err(HeaderError::Damaged(_))
    ));
}

#[test]
fn newer_segment_is_recognised() {
    let mut bytes = HEADER.encode();
    bytes[8] = 2;
    let checksum = crc32fast::hash(&bytes[..60]);
    bytes[60..].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(SegmentHeader::decode(&bytes), Err(HeaderError::Version(2)));
}

#[test]
fn group_header_counts_only_with_the_salt_of_its_segment() {
    let header = GroupHeader {
        records: 2,
        first: Counter::new(9),
        payload_bytes: 100,
        payload_checksum: 0xdead_beef,
    };
    let bytes = header.encode(5);
    assert_eq!(&bytes[..8], b"GRP\x01\x02\0\0\0");
    assert_eq!(GroupHeader::decode(&bytes, 5), Some(header));
    assert_eq!(GroupHeader::decode(&bytes, 6), None);
    assert_eq!(GroupHeader::decode(&bytes[..31], 5), None);
    for bit in 0..GROUP_HEADER_BYTES * 8 {
        let mut bytes = bytes;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(GroupHeader::decode(&bytes, 5), None, "bit {bit}");
    }
}

#[test]
fn salt_is_found_from_a_group() {
    for salt in [0, 5, 0x0102_0304_0506_0708, u64::MAX] {
        let header = GroupHeader {
            records: 2,
            first: Counter::new(9),
            payload_bytes: 100,
            payload_checksum: 0xdead_beef,
        };
        let found = salt_of_group(&header.encode(salt)).unwrap();
        assert_eq!(
            GroupHeader::decode(&header.encode(salt), found),
            Some(header)
        );
        assert_eq!(
            checksum(found).finalize(),
            checksum(salt).finalize(),
            "it stands for the same checksums"
        );
    }
    assert_eq!(salt_of_group(&[0; GROUP_HEADER_BYTES]), None);
}
