use super::*;
use proptest::prelude::*;

/// What a test does to a bitmap and, the slow way, to a vector.
#[derive(Debug, Clone)]
enum Step {
    Push(bool),
    Extend(usize, bool),
    Truncate(usize),
    Set(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<bool>().prop_map(Step::Push),
        (0..40_usize, any::<bool>()).prop_map(|(count, value)| Step::Extend(count, value)),
        (0..100_usize).prop_map(Step::Truncate),
        (0..100_usize, any::<bool>()).prop_map(|(at, value)| Step::Set(at, value)),
    ]
}

fn apply(step: &Step, bitmap: &mut Bitmap, plain: &mut Vec<bool>) {
    match *step {
        Step::Push(value) => {
            bitmap.push(value);
            plain.push(value);
        }
        Step::Extend(count, value) => {
            bitmap.extend(count, value);
            plain.resize(plain.len() + count, value);
        }
        Step::Truncate(len) => {
            bitmap.truncate(len);
            plain.truncate(len);
        }
        Step::Set(at, value) if at < plain.len() => {
            bitmap.set(at, value);
            plain[at] = value;
        }
        Step::Set(..) => {}
    }
}

proptest! {
    #[test]
    fn a_bitmap_does_what_a_vector_of_booleans_does(steps in prop::collection::vec(step(), 0..60)) {
        let (mut bitmap, mut plain) = (Bitmap::default(), Vec::new());
        for step in &steps {
            apply(step, &mut bitmap, &mut plain);
            let bits: Vec<bool> = (0..bitmap.len()).map(|at| bitmap.get(at)).collect();
            prop_assert_eq!(&bits, &plain);
            prop_assert_eq!(bitmap.count_ones(), plain.iter().filter(|bit| **bit).count());
            // Equality compares bytes, so the bits past the end have to be zero.
            let again = Bitmap::from_bytes(bitmap.as_bytes().to_vec(), bitmap.len());
            prop_assert_eq!(again.as_ref(), Some(&bitmap));
        }
    }
}

#[test]
fn filled_equals_extended() {
    for len in 0..20 {
        for value in [false, true] {
            let mut extended = Bitmap::default();
            extended.extend(len, value);
            assert_eq!(Bitmap::filled(len, value), extended);
        }
    }
}

#[test]
fn bytes_of_the_wrong_length_are_refused() {
    assert_eq!(Bitmap::from_bytes(vec![0], 9), None);
    assert_eq!(Bitmap::from_bytes(vec![0, 0], 8), None);
    assert_eq!(
        Bitmap::from_bytes(vec![0xff], 3),
        Some(Bitmap::filled(3, true))
    );
}
