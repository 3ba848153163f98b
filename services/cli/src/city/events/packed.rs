//! Events on their way through the runs, and as lines of a file.

use crate::publish::{Body, Outgoing};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use walbrook_domain::Instant;
use walbrook_proto::{city, health, housing, police, social_care, tfl};

/// Agencies, by the byte that stands for each.
const AGENCIES: [&str; 6] = ["police", "health", "housing", "tfl", "social-care", "city"];

/// Writes an event: a byte for its agency, the organisation's length and text, the event as its gateway takes it.
pub fn pack(event: Outgoing, to: &mut Vec<u8>) {
    let agency = event.body.agency();
    let place = AGENCIES.iter().position(|one| *one == agency).unwrap_or(0);
    to.push(u8::try_from(place).unwrap_or(0));
    to.push(u8::try_from(event.organisation.len()).unwrap_or(u8::MAX));
    to.extend(event.organisation.bytes().take(usize::from(u8::MAX)));
    let head = Some(event.head);
    // A vector takes whatever is written.
    let _ = match event.body {
        Body::Police(body) => police::v1::Event {
            head,
            body: Some(body),
        }
        .encode(to),
        Body::Health(body) => health::v1::Event {
            head,
            body: Some(body),
        }
        .encode(to),
        Body::Housing(body) => housing::v1::Event {
            head,
            body: Some(body),
        }
        .encode(to),
        Body::Tfl(body) => tfl::v1::Event {
            head,
            body: Some(body),
        }
        .encode(to),
        Body::SocialCare(body) => social_care::v1::Event {
            head,
            body: Some(body),
        }
        .encode(to),
        Body::City(body) => city::v1::Event {
            head,
            body: Some(body),
        }
        .encode(to),
    };
}

/// The agency, the organisation and the event's bytes.
fn split(packed: &[u8]) -> Option<(&'static str, &str, &[u8])> {
    let (agency, rest) = packed.split_first()?;
    let agency = AGENCIES.get(usize::from(*agency))?;
    let (length, rest) = rest.split_first()?;
    let (organisation, event) = rest.split_at_checked(usize::from(*length))?;
    Some((agency, std::str::from_utf8(organisation).ok()?, event))
}

/// Reads an event back. `None`: these are no bytes of [`pack`].
#[must_use]
pub fn unpack(packed: &[u8]) -> Option<Outgoing> {
    let (agency, organisation, bytes) = split(packed)?;
    macro_rules! read {
        ($package:ident, $variant:ident) => {{
            let event = $package::v1::Event::decode(bytes).ok()?;
            (event.head?, Body::$variant(event.body?))
        }};
    }
    let (head, body) = match agency {
        "police" => read!(police, Police),
        "health" => read!(health, Health),
        "housing" => read!(housing, Housing),
        "tfl" => read!(tfl, Tfl),
        "city" => read!(city, City),
        _ => read!(social_care, SocialCare),
    };
    Some(Outgoing {
        organisation: organisation.to_owned(),
        head,
        body,
    })
}

/// Writes events as lines: `{"told_at":…,"agency":…,"organisation":…,"event":…}`: when it is sent, and the event in protobuf's JSON form, as any
/// client of the gateway can send it.
#[derive(Debug)]
pub struct Lines {
    events: Vec<(&'static str, MessageDescriptor)>,
}

impl Lines {
    /// Knows every agency's event. `None`: the contracts do not describe them.
    #[must_use]
    pub fn new() -> Option<Self> {
        let pool = DescriptorPool::decode(walbrook_proto::FILE_DESCRIPTOR_SET).ok()?;
        let of = |agency: &&'static str| {
            let name = format!("walbrook.{}.v1.Event", agency.replace('-', "_"));
            Some((*agency, pool.get_message_by_name(&name)?))
        };
        let events = AGENCIES.iter().map(of).collect::<Option<_>>()?;
        Some(Self { events })
    }

    /// Writes one line. `false`: these are no bytes of [`pack`].
    pub fn write(&self, told_at: Instant, packed: &[u8], line: &mut Vec<u8>) -> bool {
        self.try_write(told_at, packed, line).is_some()
    }

    fn try_write(&self, told_at: Instant, packed: &[u8], line: &mut Vec<u8>) -> Option<()> {
        let (agency, organisation, bytes) = split(packed)?;
        let (_, event) = self.events.iter().find(|(one, _)| *one == agency)?;
        let event = DynamicMessage::decode(event.clone(), bytes).ok()?;
        line.extend(b"{\"told_at\":\"");
        line.extend(told_at.rfc3339().bytes());
        line.extend(b"\",\"agency\":\"");
        line.extend(agency.bytes());
        line.extend(b"\",\"organisation\":");
        serde_json::to_writer(&mut *line, organisation).ok()?;
        line.extend(b",\"event\":");
        let mut json = serde_json::Serializer::new(&mut *line);
        event
            .serialize_with_options(&mut json, &SerializeOptions::new())
            .ok()?;
        line.extend(b"}\n");
        Some(())
    }
}
