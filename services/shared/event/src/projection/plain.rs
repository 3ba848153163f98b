//! The plain way: decode, edit, encode. Slow, and plainly right.

use super::{Projection, ProjectionError, Source};
use crate::body;
use apache_avro::types::Value;
use walbrook_domain::{Instant, Precision};

impl Projection {
    /// The body to share, by decoding, editing and encoding: the reference for [`Projection::project`].
    ///
    /// # Errors
    /// When the raw body is not exactly one record of the raw schema.
    pub fn project_plainly(
        &self,
        raw_body: &[u8],
        mask: u64,
        precision: Precision,
    ) -> Result<Vec<u8>, ProjectionError> {
        let mut values = body::decode(&self.raw, raw_body)?;
        let mut fields = Vec::with_capacity(self.sources.len());
        for (name, source) in &self.sources {
            let granted = source.raw < 64 && mask & (1 << source.raw) != 0;
            let value = match values.get_mut(source.raw) {
                Some(value) if granted => std::mem::replace(value, Value::Null),
                _ => Value::Null,
            };
            fields.push((name.clone(), shared_value(value, *source, precision)));
        }
        apache_avro::to_avro_datum(&self.shared, Value::Record(fields))
            .map_err(|_| ProjectionError::Encode)
    }
}

fn shared_value(value: Value, source: Source, precision: Precision) -> Value {
    match value {
        Value::Null => Value::Union(0, Box::new(Value::Null)),
        // A raw union carries the branch that the shared union has too.
        value @ Value::Union(..) if source.nullable => cut(value, precision),
        value => Value::Union(1, Box::new(cut(value, precision))),
    }
}

/// Cuts every instant inside a value, however deep, to the precision.
fn cut(value: Value, precision: Precision) -> Value {
    match value {
        Value::TimestampMicros(micros) => {
            Value::TimestampMicros(Instant(micros).truncated(precision).micros())
        }
        Value::Union(branch, inner) => Value::Union(branch, Box::new(cut(*inner, precision))),
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| cut(item, precision)).collect())
        }
        Value::Record(fields) => Value::Record(
            fields
                .into_iter()
                .map(|(name, field)| (name, cut(field, precision)))
                .collect(),
        ),
        other => other,
    }
}
