//! What a named agency states: its event types, one match over its oneof, its rules.

use std::any::Any;
use std::marker::PhantomData;

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
    /// The type that its sender must be allowed, and have said that it publishes: its own, or the one it speaks of.
    pub(crate) sent_as: &'static str,
    /// Avro full name.
    pub(crate) record: &'static str,
    /// Avro schema, the text that is registered.
    pub(crate) schema: &'static str,
    /// Whom it is about.
    pub(crate) subject: SubjectOf,
    content: &'a dyn Content,
    /// A function without state takes no place, so this box allocates nothing.
    check: Box<dyn Check>,
}

impl<'a> Body<'a> {
    /// A body and the check of its own rules, a plain function. What holds for every body ([`facts`]) is checked before it. In
    /// a check, fields are named relative to the message: `findings.add(&RULE, "decom")` becomes `care_episode.decom`.
    pub fn of<M, C>(field: &'static str, message: &'a M, check: C) -> Self
    where
        M: AvroEvent + Any,
        C: Fn(&M, &Context<'_>, &mut Findings) + 'static,
    {
        Self {
            field,
            event_type: M::EVENT_TYPE,
            sent_as: M::EVENT_TYPE,
            record: M::FULL_NAME,
            schema: M::SCHEMA,
            subject: M::SUBJECT,
            content: message,
            check: Box::new(Own {
                check,
                message: PhantomData::<fn(&M)>,
            }),
        }
    }

    /// The area or thing that keys an event about no person.
    pub(crate) fn key(&self) -> Option<&str> {
        self.content.key()
    }

    /// Checks what holds for every body, then the agency's own rules.
    pub(crate) fn check(&self, context: &Context<'_>, findings: &mut Findings) {
        findings.within(self.field);
        self.content.facts(context, findings);
        self.check.check(self.content.any(), context, findings);
        findings.within("");
    }

    /// The Avro body.
    pub(crate) fn avro(&self) -> Result<Vec<u8>, AvroError> {
        self.content.avro()
    }

    /// The Avro body without what says where the person is; `None` when nothing of that is set.
    pub(crate) fn without_whereabouts(&self) -> Option<Result<Vec<u8>, AvroError>> {
        self.content.without_whereabouts()
    }
}

/// The parts of a typed body that the gateway uses without knowing its type.
trait Content {
    fn any(&self) -> &dyn Any;
    fn key(&self) -> Option<&str>;
    fn facts(&self, context: &Context<'_>, findings: &mut Findings);
    fn avro(&self) -> Result<Vec<u8>, AvroError>;
    fn without_whereabouts(&self) -> Option<Result<Vec<u8>, AvroError>>;
}

impl<M: AvroEvent + Any> Content for M {
    fn any(&self) -> &dyn Any {
        self
    }

    fn key(&self) -> Option<&str> {
        self.open_key()
    }

    fn facts(&self, context: &Context<'_>, findings: &mut Findings) {
        facts::check(self, context.occurred_day, context.today, findings);
    }

    fn avro(&self) -> Result<Vec<u8>, AvroError> {
        self.to_vec()
    }

    fn without_whereabouts(&self) -> Option<Result<Vec<u8>, AvroError>> {
        AvroEvent::without_whereabouts(self).map(|event| event.to_vec())
    }
}

/// An agency's own check of one type, without its type.
trait Check {
    fn check(&self, message: &dyn Any, context: &Context<'_>, findings: &mut Findings);
}

struct Own<M, C> {
    check: C,
    message: PhantomData<fn(&M)>,
}

impl<M, C> Check for Own<M, C>
where
    M: Any,
    C: Fn(&M, &Context<'_>, &mut Findings),
{
    fn check(&self, message: &dyn Any, context: &Context<'_>, findings: &mut Findings) {
        // Always so: a body is made of a message and a check of the same type.
        if let Some(message) = message.downcast_ref() {
            (self.check)(message, context, findings);
        }
    }
}
