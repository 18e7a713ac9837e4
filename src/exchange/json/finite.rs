//! Whether every number in a value has one in JSON. serde-json-core writes `null` for NaN and the infinities.

use serde::{
    Serialize,
    ser::{self, Serializer},
};

/// A serializer that writes nothing. For a value without floats the optimizer leaves nothing of it.
pub(super) struct Finite;

/// There is a NaN or an infinity in it. What else is wrong the real serializer will tell.
#[derive(Debug)]
pub(super) struct NotFinite;

impl core::fmt::Display for NotFinite {
    fn fmt(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        Ok(())
    }
}

impl core::error::Error for NotFinite {}

impl ser::Error for NotFinite {
    fn custom<T: core::fmt::Display>(_: T) -> Self {
        Self
    }
}

type Result = core::result::Result<(), NotFinite>;

const fn require(is_finite: bool) -> Result {
    if is_finite { Ok(()) } else { Err(NotFinite) }
}

/// Values without parts.
macro_rules! leaves {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        fn $method(self, $($name: $type),*) -> Result {
            $(let _ = $name;)*
            Ok(())
        }
    )*};
}

/// Values with parts: each is looked at by itself.
macro_rules! compounds {
    ($($method:ident -> $compound:ident($($name:ident: $type:ty),*);)*) => {$(
        type $compound = Self;
        fn $method(self, $($name: $type),*) -> core::result::Result<Self, NotFinite> {
            $(let _ = $name;)*
            Ok(self)
        }
    )*};
}

impl Serializer for Finite {
    type Ok = ();
    type Error = NotFinite;

    fn serialize_f32(self, value: f32) -> Result {
        require(value.is_finite())
    }

    fn serialize_f64(self, value: f64) -> Result {
        require(value.is_finite())
    }

    leaves! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_char(value: char);
        serialize_str(value: &str);
        serialize_bytes(value: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    compounds! {
        serialize_seq -> SerializeSeq(len: Option<usize>);
        serialize_tuple -> SerializeTuple(len: usize);
        serialize_tuple_struct -> SerializeTupleStruct(name: &'static str, len: usize);
        serialize_tuple_variant -> SerializeTupleVariant(name: &'static str, i: u32, variant: &'static str, len: usize);
        serialize_map -> SerializeMap(len: Option<usize>);
        serialize_struct -> SerializeStruct(name: &'static str, len: usize);
        serialize_struct_variant -> SerializeStructVariant(name: &'static str, i: u32, variant: &'static str, len: usize);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result {
        value.serialize(self)
    }

    fn collect_str<T: core::fmt::Display + ?Sized>(self, _: &T) -> Result {
        Ok(())
    }
}

macro_rules! parts {
    ($($trait:ident $method:ident($($name:ident: $type:ty)?);)*) => {$(
        impl ser::$trait for Finite {
            type Ok = ();
            type Error = NotFinite;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: $type,)? value: &T) -> Result {
                $(let _ = $name;)?
                value.serialize(Self)
            }

            fn end(self) -> Result {
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq serialize_element();
    SerializeTuple serialize_element();
    SerializeTupleStruct serialize_field();
    SerializeTupleVariant serialize_field();
    SerializeStruct serialize_field(name: &'static str);
    SerializeStructVariant serialize_field(name: &'static str);
}

impl ser::SerializeMap for Finite {
    type Ok = ();
    type Error = NotFinite;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        value.serialize(Self)
    }

    fn end(self) -> Result {
        Ok(())
    }
}
