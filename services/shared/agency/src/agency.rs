//! What a named agency states: its event types, one match over its oneof, its rules.

use walbrook_proto::avro::{AvroError, AvroEvent, SubjectOf};
use walbrook_proto::common::v1::EventHead;

use crate::{Context, Findings, Rule, facts};

/// The facts of one agency. The gateway owns everything that is done with them.
pub trait Agency: Send + Sync + 'static {
    /// Its name as in topics, keys and configuration: `social-care`.
    const NAME: &'static str;
    /// The port its process listens on unless configured otherwise.
    const GRPC_PORT: u16;
    /// The package's `Event`: a head and a oneof of bodies.
    type Event: Send + 'static;

    /// Every rule that its checks can name, for documentation and statistics.
    fn rules() -> &'static [&'static Rule];

    /// The head of an event.
    fn head(event: &Self::Event) -> Option<&EventHead>;

    /// The body of an event: the one match over the oneof that an agency writes.
    fn body(event: &Self::Event) -> Option<Body<'_>>;
}

/// A body, with what the gateway needs to know of its type.
pub struct Body<'a> {
    /// Name of the oneof's field: the path before the fields of the body.
    pub(crate) field: &'static str,
    /// `police.MissingEpisode`.
    pub(crate) event_type: &'static str,
    /// Avro full name.
    pub(crate) record: &'static str,
    /// Avro schema, the text that is registered.
    pub(crate) schema: &'static str,
    /// Whom it is about.
    pub(crate) subject: SubjectOf,
    content: Box<dyn Content + 'a>,
}

impl<'a> Body<'a> {
    /// A body and the check of its own rules. What holds for every body ([`facts`]) is checked before it. In a check,
    /// fields are named relative to the message: `findings.add(&RULE, "decom")` becomes `care_episode.decom`.
    pub fn of<M: AvroEvent>(
        field: &'static str,
        message: &'a M,
        check: fn(&M, &Context<'_>, &mut Findings),
    ) -> Self {
        Self {
            field,
            event_type: M::EVENT_TYPE,
            record: M::FULL_NAME,
            schema: M::SCHEMA,
            subject: M::SUBJECT,
            content: Box::new(Checked { message, check }),
        }
    }

    /// The area or thing that keys an event about no person.
    pub(crate) fn key(&self) -> Option<&str> {
        self.content.key()
    }

    /// Checks what holds for every body, then the agency's own rules.
    pub(crate) fn check(&self, context: &Context<'_>, findings: &mut Findings) {
        findings.within(self.field);
        self.content.check(context, findings);
        findings.within("");
    }

    /// The Avro body.
    pub(crate) fn avro(&self) -> Result<Vec<u8>, AvroError> {
        self.content.avro()
    }
}

/// The parts of a typed body that the gateway uses without knowing its type.
trait Content {
    fn key(&self) -> Option<&str>;
    fn check(&self, context: &Context<'_>, findings: &mut Findings);
    fn avro(&self) -> Result<Vec<u8>, AvroError>;
}

struct Checked<'a, M> {
    message: &'a M,
    check: fn(&M, &Context<'_>, &mut Findings),
}

impl<M: AvroEvent> Content for Checked<'_, M> {
    fn key(&self) -> Option<&str> {
        self.message.open_key()
    }

    fn check(&self, context: &Context<'_>, findings: &mut Findings) {
        facts::check(self.message, context.occurred_day, context.today, findings);
        (self.check)(self.message, context, findings);
    }

    fn avro(&self) -> Result<Vec<u8>, AvroError> {
        self.message.to_vec()
    }
}
