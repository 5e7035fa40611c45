//! The tests of the course's labgob, as far as they make sense in Rust, and tests with random bytes.

use labgob::{Decoder, Encoder, Problem, decode, encode};
use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct T1 {
    int0: i64,
    int1: i64,
    string0: String,
    string1: String,
}

/// An enum. The Go test uses an interface instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Anything {
    Nothing,
    T3 { int: i64 },
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct T2 {
    list: Vec<T1>,
    map: BTreeMap<i64, Box<T1>>,
    anything: Anything,
    maybe: Option<char>,
}

fn nested() -> T2 {
    let t1 = T1 { int1: 1, string1: "6.824".into(), ..T1::default() };
    let in_map = T1 { int0: 1, int1: 2, string0: "x".into(), string1: "y".into() };
    T2 {
        list: vec![T1::default(), t1],
        map: BTreeMap::from([(99, Box::new(in_map))]),
        anything: Anything::T3 { int: 999 },
        maybe: Some('ß'),
    }
}

#[test]
fn nested_values_in_one_buffer_come_back_in_order() {
    // One encoder writes four values of three types.
    let mut encoder = Encoder::new();
    encoder.encode(&0i64);
    encoder.encode(&1i64);
    encoder.encode(&nested().list[1]);
    encoder.encode(&nested());
    let bytes = encoder.into_bytes();

    // One decoder reads these values in the same order. After that there are no more bytes.
    let mut decoder = Decoder::new(&bytes);
    assert_eq!(decoder.decode::<i64>(), Ok(0));
    assert_eq!(decoder.decode::<i64>(), Ok(1));
    assert_eq!(decoder.decode::<T1>(), Ok(T1 { int1: 1, string1: "6.824".into(), ..T1::default() }));
    assert!(!decoder.is_empty());
    let t2 = decoder.decode::<T2>().expect("the fourth value can be decoded");
    assert_eq!(t2.list.len(), 2);
    assert_eq!(t2.map[&99].string1, "y");
    assert_eq!(t2.anything, Anything::T3 { int: 999 });
    assert_eq!(t2, nested());
    assert!(decoder.is_empty());
}

/// Go's TestCapital: in Rust, a private field with a lower-case name is encoded like any other field.
#[test]
fn private_fields_are_encoded() {
    mod elsewhere {
        use serde::{Deserialize, Serialize};
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        pub struct T4 {
            pub yes: i64,
            no: i64,
        }
        impl T4 {
            pub fn new() -> T4 {
                T4 { yes: 1, no: 2 }
            }
        }
    }
    let bytes = encode(&elsewhere::T4::new());
    assert_eq!(bytes.len(), 2);
    assert_eq!(decode::<elsewhere::T4>(&bytes), Ok(elsewhere::T4::new()));
}

/// Go's TestDefault. In Go, a field with the value zero is not encoded. So if a value is decoded into an old
/// variable, this field keeps its old value. Here fields with the value zero are encoded, too.
#[test]
fn decoding_replaces_every_field() {
    let mut value = T1 { int0: 99, int1: 99, string0: "old".into(), string1: "old".into() };
    assert_ne!(value, T1::default());
    value = decode(&encode(&T1::default())).expect("the bytes are a default value");
    assert_eq!(value, T1::default());
}

#[test]
fn small_numbers_and_texts_cost_little() {
    assert_eq!(encode(&7u64).len(), 1);
    assert_eq!(encode(&u64::MAX).len(), 9);
    assert_eq!(encode("x".repeat(200).as_str()).len(), 201);
    assert_eq!(encode("x".repeat(284).as_str()).len(), 287);
}

#[test]
fn errors_say_what_where_and_why() {
    // In these bytes, int0 is 0 and int1 is 0. string0 has a length of 5, but only 2 of its 5 bytes are
    // there.
    let error = decode::<T1>(&[0, 0, 5, b'a', b'b']).expect_err("the bytes are truncated");
    assert_eq!(error.problem, Problem::UnexpectedEnd { missing: 3 });
    assert_eq!(error.offset, 3);
    let text = error.to_string();
    assert!(
        text.contains("T1") && text.contains("byte 3 of 5") && text.contains("3 more expected"),
        "{text}"
    );

    let error = decode::<(u8, bool)>(&[1, 7]).expect_err("7 is no bool");
    assert_eq!(error.offset, 2);
    assert!(error.to_string().contains("found 7 for a bool, expected 0 or 1"), "{error}");

    let error = decode::<u64>(&[1, 2, 3]).expect_err("there are two bytes too many");
    assert_eq!(error.problem, Problem::TrailingBytes { count: 2 });
    assert_eq!(error.offset, 1);

    let error = decode::<Anything>(&[3]).expect_err("there are three variants");
    assert!(error.to_string().contains("`3`"), "{error}");

    let error = decode::<String>(&[2, 0xff, 0xff]).expect_err("not UTF-8");
    assert!(error.to_string().contains("UTF-8"), "{error}");
}

#[test]
fn a_failed_read_leaves_the_decoder_where_it_was() {
    let bytes = encode(&(1u64, 2u8));
    let mut decoder = Decoder::new(&bytes);
    assert!(decoder.decode::<String>().is_ok());
    let mut decoder = Decoder::new(&bytes);
    assert!(decoder.decode::<(u64, u8, u8)>().is_err());
    assert_eq!(decoder.remaining(), bytes);
    assert_eq!(decoder.decode::<(u64, u8)>(), Ok((1, 2)));
}

/// If the bytes contain a length that is greater than the limit, decoding fails before memory is allocated.
#[test]
fn hostile_lengths_are_refused() {
    for claimed in [1u64 << 60, u64::MAX, labgob::LIMIT as u64 + 1] {
        let bytes = encode(&claimed);
        assert!(decode::<Vec<u64>>(&bytes).is_err(), "{claimed} numbers");
        assert!(decode::<Vec<T2>>(&bytes).is_err(), "{claimed} structs");
        assert!(decode::<BTreeMap<u64, u64>>(&bytes).is_err(), "{claimed} map entries");
        assert_eq!(
            decode::<String>(&bytes).expect_err("the text is too long").problem,
            Problem::LimitExceeded
        );
    }
    // Decoding also stops at the limit if the bytes contain all elements of the sequence: 9 Mi numbers would
    // take 72 MiB.
    let mut bytes = encode(&(9u64 << 20));
    bytes.resize(bytes.len() + (9 << 20), 0);
    let error = decode::<Vec<u64>>(&bytes).expect_err("the value is beyond the limit");
    assert_eq!(error.problem, Problem::LimitExceeded);
}

/// Decodes random bytes, valid bytes that are cut, and valid bytes with changed bits. Decoding must return a
/// result each time, and must never panic.
#[test]
fn bytes_from_nowhere_never_panic() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(6824);
    let valid = encode(&nested());
    let (mut refused, mut accepted) = (0u32, 0u32);
    let mut note = |ok: bool| if ok { accepted += 1 } else { refused += 1 };
    for round in 0..100_000 {
        let bytes = match round % 3 {
            0 => random_bytes(&mut rng),
            1 => valid[..rng.random_range(0..valid.len())].to_vec(),
            _ => with_flipped_bits(&mut rng, &valid),
        };
        let t2 = decode::<T2>(&bytes);
        if round % 3 == 1 {
            assert!(t2.is_err(), "a truncated value was accepted");
        }
        if let Err(error) = &t2 {
            assert!(error.offset <= bytes.len(), "{error}");
        }
        note(t2.is_ok());
        note(decode::<Vec<(u64, String)>>(&bytes).is_ok());
        note(decode::<(u64, Vec<u8>, Option<bool>, char)>(&bytes).is_ok());
        note(decode::<Anything>(&bytes).is_ok());
    }
    assert!(refused > 100_000 && accepted > 100, "refused {refused}, accepted {accepted}");
}

fn random_bytes(rng: &mut impl Rng) -> Vec<u8> {
    let length = rng.random_range(0..64);
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn with_flipped_bits(rng: &mut impl Rng, valid: &[u8]) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..bytes.len());
        bytes[at] ^= 1 << rng.random_range(0..8);
    }
    bytes
}
