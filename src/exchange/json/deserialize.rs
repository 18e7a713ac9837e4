//! A [`Reader`] as serde's deserializer. Strict: nothing is converted on the way, and what is wrong has a name.

use core::fmt;

use serde::{
    de::{self, DeserializeSeed, Unexpected, Visitor, value::BorrowedStrDeserializer},
    forward_to_deserialize_any,
};

use super::{JsonErrorKind, JsonType, number, reader::Reader};

/// What stops a deserializer.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: JsonErrorKind,
    /// The field that is missing or there twice, if it is that.
    name: &'static str,
}

type Result<T> = core::result::Result<T, Fault>;

impl From<JsonErrorKind> for Fault {
    fn from(kind: JsonErrorKind) -> Self {
        Self { kind, name: "" }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl core::error::Error for Fault {}

/// What visitors say. Their messages are not kept: they would bring formatting along.
impl de::Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        JsonErrorKind::Refused.into()
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        JsonErrorKind::Refused.into()
    }

    fn invalid_value(found: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        match found {
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => JsonErrorKind::OutOfRange,
            _ => JsonErrorKind::Refused,
        }
        .into()
    }

    /// Whether too long or too short is settled where elements are counted.
    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        JsonErrorKind::TooLong.into()
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        JsonErrorKind::UnknownVariant.into()
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        JsonErrorKind::UnknownField.into()
    }

    fn missing_field(name: &'static str) -> Self {
        Self { kind: JsonErrorKind::MissingField, name }
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self { kind: JsonErrorKind::DuplicateField, name }
    }
}

/// Integers, each within the bounds of its type.
macro_rules! integers {
    ($($method:ident, $visit:ident, $integer:ident, $min:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            // The cast undoes the two's complement.
            visitor.$visit(self.integer($min, $integer::MAX as u64)? as $integer)
        }
    )*};
}

macro_rules! all_integers {
    () => {
        integers! {
            deserialize_u8, visit_u8, u8, 0;
            deserialize_u16, visit_u16, u16, 0;
            deserialize_u32, visit_u32, u32, 0;
            deserialize_u64, visit_u64, u64, 0;
            deserialize_i8, visit_i8, i8, i8::MIN.into();
            deserialize_i16, visit_i16, i16, i16::MIN.into();
            deserialize_i32, visit_i32, i32, i32::MIN.into();
            deserialize_i64, visit_i64, i64, i64::MIN;
        }
    };
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.found()? {
            JsonType::Null => self.deserialize_unit(visitor),
            JsonType::Boolean => self.deserialize_bool(visitor),
            JsonType::String => self.deserialize_str(visitor),
            JsonType::Array => self.deserialize_seq(visitor),
            JsonType::Object => self.deserialize_map(visitor),
            JsonType::Number => match self.is_integer()? {
                Some(true) => self.deserialize_i64(visitor),
                Some(false) => self.deserialize_u64(visitor),
                None => self.deserialize_f64(visitor),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_bool(self.boolean()?)
    }

    all_integers!();

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let (bits, is_negative) = self.float(&number::BINARY32)?;
        visitor.visit_f32(f32::from_bits(bits as u32 | u32::from(is_negative) << 31))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let (bits, is_negative) = self.float(&number::BINARY64)?;
        visitor.visit_f64(f64::from_bits(bits | u64::from(is_negative) << 63))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_borrowed_str(self.string()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    /// JSON has no bytes: a string's, or an array of numbers.
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.found()? {
            JsonType::Array => self.deserialize_seq(visitor),
            _ => visitor.visit_borrowed_bytes(self.string()?.as_bytes()),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.found()? {
            JsonType::Null => {
                self.null()?;
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.null()?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.open(JsonType::Array)?;
        let mut elements = Elements { reader: self, is_first: true, is_over: false };
        let outcome = visitor.visit_seq(&mut elements);
        let Elements { is_first, is_over, .. } = elements;
        match outcome {
            Err(Fault { kind: JsonErrorKind::TooLong, .. }) if is_over => Err(JsonErrorKind::TooShort.into()),
            Ok(value) if !is_over => Ok(self.close(is_first, b']').map(|()| value)?),
            outcome => outcome,
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.open(JsonType::Object)?;
        let mut members = Members { reader: self, fields, key: "", is_first: true, is_over: false };
        let outcome = visitor.visit_map(&mut members);
        let Members { is_first, is_over, .. } = members;
        match outcome {
            Err(mut fault) => {
                self.locate(fields, core::mem::take(&mut fault.name));
                Err(fault)
            }
            Ok(value) if !is_over => Ok(self.close(is_first, b'}').map(|()| value)?),
            outcome => outcome,
        }
    }

    /// A name, or an object with a name and what belongs to it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        if self.found()? != JsonType::Object {
            let name = self.string()?;
            return visitor.visit_enum(BorrowedStrDeserializer::new(name));
        }
        self.open(JsonType::Object)?;
        if !self.next_item(true, b'}')? {
            return Err(JsonErrorKind::UnknownVariant.into());
        }
        let name = self.key(true)?;
        let value = visitor.visit_enum(Variant { reader: self, name })?;
        Ok(self.close(false, b'}').map(|()| value)?)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }
}

/// The elements of an array.
struct Elements<'r, 't> {
    reader: &'r mut Reader<'t>,
    is_first: bool,
    is_over: bool,
}

impl<'de> de::SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.is_over || !self.reader.next_item(self.is_first, b']')? {
            self.is_over = true;
            return Ok(None);
        }
        self.is_first = false;
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// The members of an object.
struct Members<'r, 't> {
    reader: &'r mut Reader<'t>,
    fields: &'static [&'static str],
    key: &'t str,
    is_first: bool,
    is_over: bool,
}

impl<'de> de::MapAccess<'de> for &mut Members<'_, 'de> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.is_over || !self.reader.next_item(self.is_first, b'}')? {
            self.is_over = true;
            return Ok(None);
        }
        self.is_first = false;
        self.key = self.reader.key(true)?;
        seed.deserialize(Key(self.key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        let outcome = seed.deserialize(&mut *self.reader);
        if outcome.is_err() {
            self.reader.locate(self.fields, self.key);
        }
        outcome
    }
}

/// The name of a member, as whatever the type makes of it.
struct Key<'t>(&'t str);

impl Key<'_> {
    fn integer(&self, min: i64, max: u64) -> Result<u64> {
        Ok(number::integer(self.0.as_bytes(), min, max)?)
    }
}

impl<'de> de::Deserializer<'de> for Key<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_borrowed_str(self.0)
    }

    all_integers!();

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }

    forward_to_deserialize_any! {
        bool f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// A variant of an enum, with what belongs to it.
struct Variant<'r, 't> {
    reader: &'r mut Reader<'t>,
    name: &'t str,
}

impl<'r, 'de> de::EnumAccess<'de> for Variant<'r, 'de> {
    type Error = Fault;
    type Variant = &'r mut Reader<'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant)> {
        Ok((seed.deserialize(Key(self.name))?, self.reader))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Reader<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<()> {
        Ok(self.null()?)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        de::Deserializer::deserialize_seq(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value> {
        de::Deserializer::deserialize_struct(self, "", fields, visitor)
    }
}
