//! A short text that says what is in a value, for readers of traces. The type of the value needs only
//! `Serialize`, so any type that can be encoded has such a text.
//!
//! The text has few letters, because it stands beside an event in a picture:
//!
//! | value | text |
//! |---|---|
//! | a struct | its fields, `num=4 shards=1,5`; fields with an empty value are left out |
//! | the fields `key` and `value`, or `op` | only their values: `Put k3=x12` |
//! | the fields `client` and `seq`, or similar names | `~2f01c4#7` (`~2f01c4` is the client) |
//! | a variant of an enum | its name, and then its content |
//! | `Ok(value)`, `Err(error)` | the value or `ok`, the error |
//! | a number of 2^32 or more | `~` and six digits, which are equal for equal numbers |
//! | a sequence, a map | the first elements, the first keys, and the number of the others: `1,5,9 +7` |

use serde::{Serialize, ser};
use std::fmt::{self, Display, Write as _};

/// The greatest number of bytes of a text. The last text may be a little longer.
const LONGEST: usize = 72;
/// The greatest number of letters of one string in a value.
const LETTERS: usize = 24;
/// How many elements of a sequence, or keys of a map, are in the text.
const ELEMENTS: usize = 10;

/// A short text that says what is in the value. Long values are cut off, so that a text has about 80 letters
/// at most.
pub fn short<T: Serialize + ?Sized>(value: &T) -> String {
    let mut writer = Writer { text: String::new(), full: false, in_list: false };
    // The only error is that the text is full. Then the rest of the value is left out.
    let _full = value.serialize(&mut writer);
    if writer.full {
        writer.text.push('…');
    }
    writer.text
}

struct Writer {
    text: String,
    full: bool,
    /// Is the value an element of a list?
    in_list: bool,
}

/// The text is full.
#[derive(Debug)]
struct Full;

impl Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is full")
    }
}

impl std::error::Error for Full {}

impl ser::Error for Full {
    fn custom<T: Display>(_: T) -> Full {
        Full
    }
}

type Written = Result<(), Full>;

impl Writer {
    fn put(&mut self, part: impl Display) -> Written {
        write!(self.text, "{part}").expect("writing to a String never fails");
        if self.text.len() > LONGEST {
            self.full = true;
            return Err(Full);
        }
        Ok(())
    }

    fn number(&mut self, number: u64) -> Written {
        if number < 1 << 32 {
            return self.put(number);
        }
        // Random numbers, such as the identities of clients, are too long for a reader.
        let mixed = (number ^ (number >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.put(format_args!("~{:06x}", mixed >> 40))
    }

    /// Writes one field of a struct.
    fn field<T: Serialize + ?Sized>(&mut self, first: bool, name: &str, value: &T) -> Written {
        let before = self.text.len();
        let part = Part::of(name);
        let sign = match part {
            Part::Value if !first => "=",
            Part::Sequence if !first => "#",
            _ if first => "",
            _ => " ",
        };
        self.put(sign)?;
        if part == Part::Named {
            self.put(format_args!("{name}="))?;
        }
        let begin = self.text.len();
        let written = value.serialize(&mut *self);
        if self.text.len() == begin && part == Part::Named {
            // The field has no value.
            self.text.truncate(before);
        }
        written
    }

    fn variant(&mut self, name: &str) -> Written {
        match name {
            "Ok" | "Err" => Ok(()),
            name => self.put(format_args!("{name} ")),
        }
    }

    fn list(&mut self) -> List<'_> {
        List { writer: self, count: 0, inner: false }
    }
}

/// How a field is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// With its name.
    Named,
    /// Without its name.
    Plain,
    /// After the key, with the sign `=`.
    Value,
    /// After the client, with the sign `#`.
    Sequence,
}

impl Part {
    fn of(name: &str) -> Part {
        match name {
            "op" | "key" | "stamp" | "client" | "client_id" | "clerk" | "clerk_id" | "cid" => Part::Plain,
            "value" => Part::Value,
            "seq" | "seq_num" | "seqno" | "sequence" | "request" | "request_id" => Part::Sequence,
            _ => Part::Named,
        }
    }
}

/// The elements of a sequence, of a tuple or of the keys of a map.
struct List<'a> {
    writer: &'a mut Writer,
    count: usize,
    /// Is this a tuple in a list? Of such a tuple, only the first element is written.
    inner: bool,
}

impl List<'_> {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.count += 1;
        if self.count > if self.inner { 1 } else { ELEMENTS } {
            return Ok(());
        }
        if self.count > 1 {
            self.writer.put(",")?;
        }
        let outer = std::mem::replace(&mut self.writer.in_list, true);
        let written = value.serialize(&mut *self.writer);
        self.writer.in_list = outer;
        written
    }

    fn finish(self) -> Written {
        if self.count > ELEMENTS && !self.inner {
            return self.writer.put(format_args!(" +{}", self.count - ELEMENTS));
        }
        Ok(())
    }
}

/// The fields of a struct.
struct Fields<'a> {
    writer: &'a mut Writer,
    first: bool,
}

impl Fields<'_> {
    fn add<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Written {
        let before = self.writer.text.len();
        let written = self.writer.field(self.first, name, value);
        self.first &= self.writer.text.len() == before;
        written
    }
}

macro_rules! numbers {
    ($($name:ident $t:ty),*) => {$(
        fn $name(self, v: $t) -> Written {
            match u64::try_from(v) {
                Ok(v) => self.number(v),
                Err(_) => self.put(v),
            }
        }
    )*};
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Full;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = List<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Fields<'a>;

    numbers!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64);
    numbers!(serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);

    fn serialize_bool(self, v: bool) -> Written {
        self.put(v)
    }

    fn serialize_f32(self, v: f32) -> Written {
        self.put(v)
    }

    fn serialize_f64(self, v: f64) -> Written {
        self.put(v)
    }

    fn serialize_char(self, v: char) -> Written {
        self.put(v)
    }

    fn serialize_str(self, v: &str) -> Written {
        match v.char_indices().nth(LETTERS) {
            None => self.put(v),
            Some(_) => {
                // The end of a long value says more than its middle: an append changes the end.
                let begin: String = v.chars().take(LETTERS / 2).collect();
                let end: Vec<char> = v.chars().rev().take(LETTERS / 2).collect();
                self.put(format_args!("{begin}…{}", end.iter().rev().collect::<String>()))
            }
        }
    }

    fn serialize_bytes(self, v: &[u8]) -> Written {
        self.put(format_args!("{} bytes", v.len()))
    }

    fn serialize_none(self) -> Written {
        self.put("none")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Written {
        self.put(name)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.put(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        self.variant(variant)?;
        let before = self.text.len();
        value.serialize(&mut *self)?;
        if variant == "Ok" && self.text.len() == before {
            return self.put("ok");
        }
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, Full> {
        Ok(self.list())
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'a>, Full> {
        let inner = self.in_list;
        Ok(List { inner, ..self.list() })
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Full> {
        Ok(self.list())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, Full> {
        self.variant(variant)?;
        Ok(self.list())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<List<'a>, Full> {
        Ok(self.list())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'a>, Full> {
        Ok(Fields { writer: self, first: true })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'a>, Full> {
        self.variant(variant)?;
        Ok(Fields { writer: self, first: true })
    }
}

macro_rules! lists {
    ($($of:ident $add:ident),*) => {$(
        impl ser::$of for List<'_> {
            type Ok = ();
            type Error = Full;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                self.add(value)
            }

            fn end(self) -> Written {
                self.finish()
            }
        }
    )*};
}
lists!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

impl ser::SerializeMap for List<'_> {
    type Ok = ();
    type Error = Full;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.add(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, _: &T) -> Written {
        Ok(())
    }

    fn end(self) -> Written {
        self.finish()
    }
}

macro_rules! structs {
    ($($of:ident),*) => {$(
        impl ser::$of for Fields<'_> {
            type Ok = ();
            type Error = Full;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
                self.add(name, value)
            }

            fn end(self) -> Written {
                Ok(())
            }
        }
    )*};
}
structs!(SerializeStruct, SerializeStructVariant);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    enum Change {
        Put,
    }

    #[derive(Serialize)]
    struct Stamp {
        client: u64,
        seq: u64,
    }

    #[derive(Serialize)]
    struct Write {
        op: Change,
        key: String,
        value: String,
        stamp: Stamp,
    }

    #[derive(Serialize)]
    enum Op {
        Write(Write),
        Read { key: String },
        Config { num: Option<u64>, servers: BTreeMap<u64, Vec<String>> },
        Shards(Vec<(usize, Vec<u8>)>),
        Nothing,
    }

    #[test]
    fn a_text_says_what_is_in_a_value() {
        let write = |value: &str| Write {
            op: Change::Put,
            key: "k3".into(),
            value: value.into(),
            stamp: Stamp { client: 2, seq: 7 },
        };
        assert_eq!(short(&write("x12")), "Put k3=x12 2#7");
        assert_eq!(short(&Op::Write(write(""))), "Write Put k3= 2#7");
        assert_eq!(short(&Op::Read { key: "k".into() }), "Read k");
        let servers: BTreeMap<u64, Vec<String>> = (100..102).map(|gid| (gid, vec!["a".into()])).collect();
        assert_eq!(
            short(&Op::Config { num: Some(4), servers: servers.clone() }),
            "Config num=4 servers=100,101"
        );
        assert_eq!(short(&Op::Config { num: None, servers }), "Config num=none servers=100,101");
        assert_eq!(short(&Op::Shards(vec![(1, vec![]), (5, vec![7])])), "Shards 1,5");
        assert_eq!(short(&[100, 101, 100]), "100,101,100", "an array is not in a list");
        assert_eq!(short(&Op::Nothing), "Nothing");
        assert_eq!(short(&(0..14).collect::<Vec<u8>>()), "0,1,2,3,4,5,6,7,8,9 +4");
        assert_eq!(short(&Ok::<&str, ()>("value")), "value");
        assert_eq!(short(&Ok::<(), ()>(())), "ok");
        assert_eq!(short(&Err::<(), &str>("no leader")), "no leader");
    }

    #[test]
    fn long_values_are_cut_off() {
        assert_eq!(short(&"0123456789".repeat(5)), "012345678901…890123456789");
        let many = vec!["a long text of some letters"; 50];
        let text = short(&many);
        assert!(text.len() < 120 && text.ends_with('…'), "{text}");
    }

    #[test]
    fn equal_long_numbers_have_equal_texts() {
        let of = |number: u64| short(&number);
        assert_eq!(of(u64::MAX), of(u64::MAX));
        assert_ne!(of(u64::MAX), of(u64::MAX - 1));
        assert_eq!(of(u64::MAX).len(), 7);
        assert_eq!((of(1 << 31).as_str(), short(&-5i64).as_str()), ("2147483648", "-5"));
    }
}
