//! What the Avro generator knows about a record: read from the descriptors and
//! checked, so that a message that Avro cannot carry stops the build.

use std::collections::BTreeMap;

use protox::prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind,
    MessageDescriptor, ReflectMessage, Value,
};

/// A build fault, in words for the person who wrote the message.
pub type Fault = String;

/// One message that becomes an Avro record.
pub struct Record {
    /// Package and name, also the Avro full name.
    pub full_name: String,
    /// Fields in the order of the file.
    pub fields: Vec<Field>,
    /// It stands on a topic by itself (marked), not only inside another record.
    pub marked: bool,
    /// Number of the schema file.
    pub version: u32,
    /// Set for event types.
    pub event: Option<Event>,
}

/// What an event type says about itself.
pub struct Event {
    /// The agency, as in topics: `social-care`.
    pub agency: String,
    /// `social_care.CareEpisode`.
    pub event_type: String,
    /// `Person`, `Area` or `Open`.
    pub subject: &'static str,
    /// The field that keys an area or open event.
    pub key: Option<String>,
}

/// One field.
pub struct Field {
    /// Name in proto and Avro.
    pub name: String,
    /// What one value is.
    pub kind: Type,
    /// How many values there are.
    pub shape: Shape,
    /// The code list that its values come from.
    pub codes: Option<String>,
    /// It says where somebody is: left out for restricted records.
    pub locates: bool,
}

/// The type of one value.
pub enum Type {
    String,
    Bool,
    Int,
    /// int64, sint64, and unsigned types, which all travel as an Avro long.
    Long,
    Bytes,
    Timestamp,
    Date,
    /// (number, name without the enum's prefix).
    Enum(Vec<(i32, String)>),
    /// Full name of another record.
    Record(String),
}

/// How often a value stands in a field.
#[derive(PartialEq)]
pub enum Shape {
    Plain,
    Nullable,
    /// A message field that must be there.
    Required,
    Array,
}

/// All records of the pool: the marked ones and those nested in them.
pub fn read(pool: &DescriptorPool) -> Result<BTreeMap<String, Record>, Fault> {
    let mut records = BTreeMap::new();
    for message in pool.all_messages() {
        let options = message.options();
        let event = option(pool, &options, "event");
        if event.is_some()
            || option(pool, &options, "record").is_some_and(|v| v == Value::Bool(true))
        {
            add(pool, &message, &mut records, &mut Vec::new())?;
            let record = records
                .get_mut(message.full_name())
                .ok_or("a record was lost")?;
            mark(pool, &message, record, event)?;
        }
    }
    Ok(records)
}

fn mark(
    pool: &DescriptorPool,
    message: &MessageDescriptor,
    record: &mut Record,
    event: Option<Value>,
) -> Result<(), Fault> {
    record.marked = true;
    let version = match event {
        Some(Value::Message(options)) => {
            record.event = Some(event_of(message, record, &options)?);
            number(&options, "version")
        }
        _ => match option(pool, &message.options(), "record_version") {
            Some(Value::U32(version)) => version,
            _ => 0,
        },
    };
    record.version = version.max(1);
    Ok(())
}

fn event_of(
    message: &MessageDescriptor,
    record: &Record,
    options: &DynamicMessage,
) -> Result<Event, Fault> {
    let name = message.full_name();
    let area = name
        .strip_prefix("walbrook.")
        .and_then(|rest| rest.split('.').next())
        .ok_or_else(|| format!("{name}: an event's package is walbrook.<agency>.v<N>"))?;
    let subject = match options.get_field_by_name("subject").as_deref() {
        Some(Value::EnumNumber(1)) => "Person",
        Some(Value::EnumNumber(2)) => "Area",
        Some(Value::EnumNumber(3)) => "Open",
        _ => return Err(format!("{name}: the event option must name its subject")),
    };
    let key = match options.get_field_by_name("key").as_deref() {
        Some(Value::String(key)) if !key.is_empty() => Some(key.clone()),
        _ => None,
    };
    let keyed = key.as_ref().is_some_and(|key| {
        let fits =
            |f: &Field| f.name == *key && matches!(f.kind, Type::String) && f.shape == Shape::Plain;
        record.fields.iter().any(fits)
    });
    if keyed == (subject == "Person") {
        return Err(format!(
            "{name}: an area or open event, and no other, names a plain string field as its key"
        ));
    }
    if record.fields.len() > 64 {
        return Err(format!(
            "{name}: an event has at most 64 fields, the width of a field mask"
        ));
    }
    Ok(Event {
        agency: area.replace('_', "-"),
        event_type: format!("{area}.{}", message.name()),
        subject,
        key,
    })
}

fn add(
    pool: &DescriptorPool,
    message: &MessageDescriptor,
    records: &mut BTreeMap<String, Record>,
    open: &mut Vec<String>,
) -> Result<(), Fault> {
    let name = message.full_name().to_owned();
    if open.contains(&name) {
        return Err(format!("{name}: a record cannot contain itself"));
    }
    if records.contains_key(&name) {
        return Ok(());
    }
    if message.parent_message().is_some() {
        return Err(format!(
            "{name}: declare a record at the top level of its file"
        ));
    }
    open.push(name.clone());
    let mut fields = Vec::new();
    for field in message.fields() {
        if let Kind::Message(inner) = field.kind()
            && well_known(&inner).is_none()
            && !field.is_map()
        {
            add(pool, &inner, records, open)?;
        }
        fields.push(field_of(pool, &field)?);
    }
    if fields.is_empty() {
        return Err(format!("{name}: a record has at least one field"));
    }
    open.pop();
    let record = Record {
        full_name: name.clone(),
        fields,
        marked: false,
        version: 1,
        event: None,
    };
    records.insert(name, record);
    Ok(())
}

fn field_of(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<Field, Fault> {
    let name = field.full_name();
    if field.is_map() {
        return Err(format!(
            "{name}: a record has no maps; use a repeated message"
        ));
    }
    if field
        .containing_oneof()
        .is_some_and(|oneof| !oneof.is_synthetic())
    {
        return Err(format!(
            "{name}: a record has no oneof; use optional fields"
        ));
    }
    let options = field.options();
    let required = option(pool, &options, "required") == Some(Value::Bool(true));
    let is_message = matches!(field.kind(), Kind::Message(_));
    if required && (!is_message || field.cardinality() == Cardinality::Repeated) {
        return Err(format!(
            "{name}: only a single message field can be marked required"
        ));
    }
    let shape = match field.cardinality() {
        Cardinality::Repeated => Shape::Array,
        _ if required => Shape::Required,
        _ if field.supports_presence() => Shape::Nullable,
        _ => Shape::Plain,
    };
    let codes = match option(pool, &options, "codes") {
        Some(Value::String(list)) if matches!(field.kind(), Kind::String) => Some(list),
        Some(_) => return Err(format!("{name}: only a string field has a code list")),
        None => None,
    };
    let locates = option(pool, &options, "locates") == Some(Value::Bool(true));
    if locates && !matches!(shape, Shape::Nullable | Shape::Array) {
        return Err(format!(
            "{name}: what is left out for restricted records must be optional, or a list"
        ));
    }
    Ok(Field {
        name: field.name().to_owned(),
        kind: type_of(name, field.kind())?,
        shape,
        codes,
        locates,
    })
}

fn type_of(name: &str, kind: Kind) -> Result<Type, Fault> {
    Ok(match kind {
        Kind::String => Type::String,
        Kind::Bool => Type::Bool,
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Type::Int,
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Type::Long,
        Kind::Uint32 | Kind::Fixed32 | Kind::Uint64 | Kind::Fixed64 => Type::Long,
        Kind::Bytes => Type::Bytes,
        Kind::Enum(values) => Type::Enum(enum_names(&values)?),
        Kind::Message(message) => match well_known(&message) {
            Some(known) => known,
            None => Type::Record(message.full_name().to_owned()),
        },
        Kind::Double | Kind::Float => {
            return Err(format!(
                "{name}: a record has no floating-point numbers; use a scaled integer"
            ));
        }
    })
}

fn well_known(message: &MessageDescriptor) -> Option<Type> {
    match message.full_name() {
        "google.protobuf.Timestamp" => Some(Type::Timestamp),
        "walbrook.common.v1.Date" => Some(Type::Date),
        _ => None,
    }
}

/// Value names without the prefix that proto style puts before each.
fn enum_names(values: &EnumDescriptor) -> Result<Vec<(i32, String)>, Fault> {
    let prefix = format!("{}_", screaming_snake(values.name()));
    let mut names = Vec::new();
    for value in values.values() {
        let short = value
            .name()
            .strip_prefix(&prefix)
            .ok_or_else(|| format!("{}: start its name with {prefix}", value.full_name()))?;
        if names.iter().any(|(number, _)| *number == value.number()) {
            return Err(format!(
                "{}: an enum of a record has no aliases",
                value.full_name()
            ));
        }
        names.push((value.number(), short.to_owned()));
    }
    Ok(names)
}

fn screaming_snake(name: &str) -> String {
    let mut out = String::new();
    for (at, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && at > 0 {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}

fn option(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Option<Value> {
    let extension = pool.get_extension_by_name(&format!("walbrook.common.v1.{name}"))?;
    if extension.containing_message() != options.descriptor() || !options.has_extension(&extension)
    {
        return None;
    }
    Some(options.get_extension(&extension).into_owned())
}

fn number(options: &DynamicMessage, name: &str) -> u32 {
    match options.get_field_by_name(name).as_deref() {
        Some(Value::U32(number)) => *number,
        _ => 0,
    }
}
