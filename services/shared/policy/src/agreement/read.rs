//! From the TOML document to the typed agreement: shape, words and types. What the law asks for is checked in `check`.

use super::document::{Faults, Reading, Section};
use super::{
    AgeBand, Agreement, BeyondScope, Conditions, ConsentRule, Delivery, Dpia, Flow, Kind,
    LegalBasis, Mode, Party, Period, PersonConditions, Reader, RestrictedRule, Scope,
};
use crate::catalogue::Catalogue;
use crate::class::{Class, Who};
use crate::predicate::Predicate;
use walbrook_domain::{
    AgreementId, AgreementVersion, Day, EventType, LinkStatus, Precision, Purpose,
};

impl Agreement {
    /// Reads a document's shape, words and types. It does not ask whether the agreement is sound: see [`Agreement::propose`].
    ///
    /// # Errors
    /// Every fault, by line, field and reason.
    pub fn read(text: &str) -> Result<Self, Faults> {
        let mut reading = Reading::new(text);
        match read(&mut reading).map(|(agreement, _)| agreement) {
            Some(agreement) if reading.clean() => Ok(agreement),
            _ => Err(reading.into_faults()),
        }
    }

    /// Reads a document and checks all that a proposal must be, but for its dates against the day's: law, scopes, and that
    /// every event type, field, code, view, role, organisation and dataset is in the catalogue.
    ///
    /// # Errors
    /// Every fault, by line, field and reason.
    pub fn propose(text: &str, catalogue: &Catalogue) -> Result<Self, Faults> {
        Self::sound(text, catalogue, None)
    }

    /// As [`Agreement::propose`], on a day: an agreement that has expired, or whose review is past, is not proposed.
    ///
    /// # Errors
    /// Every fault, by line, field and reason.
    pub fn propose_on(text: &str, catalogue: &Catalogue, today: Day) -> Result<Self, Faults> {
        Self::sound(text, catalogue, Some(today))
    }

    fn sound(text: &str, catalogue: &Catalogue, today: Option<Day>) -> Result<Self, Faults> {
        let mut reading = Reading::new(text);
        let read = read(&mut reading);
        if let Some((agreement, typed)) = &read {
            super::check::check(agreement, typed, catalogue, today, &mut reading);
        }
        match read {
            Some((agreement, _)) if reading.clean() => Ok(agreement),
            _ => Err(reading.into_faults()),
        }
    }
}

/// How far a document could be typed. What could not be is stood in for, so that all the rest is checked too; such an agreement never
/// leaves this module, since the document has a fault.
pub(super) struct Typed {
    /// The numbers, from 1, that the parties have in the document: those that cannot be typed are left out, the others keep theirs.
    pub(super) parties: Vec<usize>,
    /// The same of flows.
    pub(super) flows: Vec<usize>,
    /// The same of readers.
    pub(super) readers: Vec<usize>,
    /// Purpose and kind are the document's own.
    pub(super) purpose: bool,
    /// The legal basis is the document's own.
    pub(super) law: bool,
    /// The dates are the document's own.
    pub(super) period: bool,
}

fn read(reading: &mut Reading<'_>) -> Option<(Agreement, Typed)> {
    let mut top = Section::top(reading)?;
    let id = top.word(reading, "id");
    let version = top.count(reading, "version");
    let title = top.text(reading, "title");
    let summary = top.text(reading, "summary");
    let purpose = top.word(reading, "purpose");
    let kind = kind(reading, &mut top);
    let retention_days = top.count(reading, "retention_days");
    let processor = top.text(reading, "processor");
    let law = law(reading, &mut top);
    let dpia = dpia(reading, &mut top);
    let period = period(reading, &mut top);
    let (party_places, parties) = each(reading, &mut top, "party", party);
    let (flow_places, flows) = each(reading, &mut top, "flow", flow);
    let (reader_places, readers) = each(reading, &mut top, "reader", reader);
    top.finish(reading);
    let typed = Typed {
        parties: party_places,
        flows: flow_places,
        readers: reader_places,
        purpose: purpose.is_some() && kind.is_some(),
        law: law.is_some(),
        period: period.is_some(),
    };
    let stand_in = Period {
        effective: Day(0),
        review: Day(0),
        expiry: Day(0),
        backfill_from: None,
    };
    let agreement = Agreement {
        id: id.or_else(|| AgreementId::new("unreadable").ok())?,
        version: AgreementVersion(version.unwrap_or(1)),
        title: title.unwrap_or_default(),
        summary: summary.unwrap_or_default(),
        purpose: purpose.or_else(|| Purpose::new("unreadable").ok())?,
        kind: kind.unwrap_or(Kind::Sharing),
        law: law.unwrap_or_default(),
        dpia,
        period: period.unwrap_or(stand_in),
        retention_days: retention_days.unwrap_or(1),
        processor: processor.unwrap_or_default(),
        parties,
        flows,
        readers,
    };
    Some((agreement, typed))
}

fn each<'t, T>(
    reading: &mut Reading<'t>,
    top: &mut Section<'t>,
    name: &str,
    read: fn(&mut Reading<'t>, &mut Section<'t>) -> Option<T>,
) -> (Vec<usize>, Vec<T>) {
    let (mut places, mut found) = (Vec::new(), Vec::new());
    for (number, mut section) in top.sections(reading, name).into_iter().enumerate() {
        if let Some(one) = read(reading, &mut section) {
            places.push(number + 1);
            found.push(one);
        }
        section.finish(reading);
    }
    (places, found)
}

fn kind<'t>(reading: &mut Reading<'t>, top: &mut Section<'t>) -> Option<Kind> {
    const WORDS: [&str; 3] = ["sharing", "matching", "open"];
    let kind = top.choice(reading, "kind", &WORDS, |word| word);
    match kind? {
        "matching" => {
            let mut section = top.section(reading, "matching")?;
            let strategies = section.texts(reading, "strategies");
            section.finish(reading);
            Some(Kind::Matching { strategies })
        }
        "open" => {
            let mut section = top.section(reading, "open")?;
            let dataset = section.text(reading, "dataset");
            section.finish(reading);
            dataset.map(|dataset| Kind::Open { dataset })
        }
        _ => Some(Kind::Sharing),
    }
}

fn law<'t>(reading: &mut Reading<'t>, top: &mut Section<'t>) -> Option<LegalBasis> {
    let mut section = top.section(reading, "law")?;
    let law = LegalBasis {
        gateways: section.texts(reading, "gateways"),
        article_6: section.optional_texts(reading, "article_6"),
        article_9: section.optional_texts(reading, "article_9"),
        schedule_1: section.optional_texts(reading, "schedule_1"),
        article_10: section.optional_text(reading, "article_10"),
        part_3: section.optional_text(reading, "part_3"),
        policy_document: section.optional_text(reading, "policy_document"),
    };
    section.finish(reading);
    Some(law)
}

fn dpia<'t>(reading: &mut Reading<'t>, top: &mut Section<'t>) -> Option<Dpia> {
    const OUTCOMES: [&str; 3] = [
        "low-residual-risk",
        "residual-risk-accepted",
        "ico-consulted",
    ];
    let mut section = top.optional_section(reading, "dpia")?;
    let reference = section.text(reading, "reference");
    let outcome = section.choice(reading, "outcome", &OUTCOMES, |word| word);
    let completed = section.day(reading, "completed");
    section.finish(reading);
    Some(Dpia {
        reference: reference?,
        outcome: outcome?.to_owned(),
        completed: completed?,
    })
}

fn period<'t>(reading: &mut Reading<'t>, top: &mut Section<'t>) -> Option<Period> {
    let mut section = top.section(reading, "period")?;
    let effective = section.day(reading, "effective");
    let review = section.day(reading, "review");
    let expiry = section.day(reading, "expiry");
    let backfill_from = section.optional_day(reading, "backfill_from");
    section.finish(reading);
    Some(Period {
        effective: effective?,
        review: review?,
        expiry: expiry?,
        backfill_from,
    })
}

/// `class = "…"` or `organisation = "…"`, one of them.
fn who<'t>(reading: &mut Reading<'t>, section: &mut Section<'t>) -> Option<Who> {
    match (section.has("class"), section.has("organisation")) {
        (true, false) => section
            .choice(reading, "class", &Class::ALL, Class::as_str)
            .map(Who::Class),
        (false, true) => section.word(reading, "organisation").map(Who::Organisation),
        _ => {
            let path = section.path().to_owned();
            reading.fault_of(&path, "expected `class` or `organisation`, one of them");
            section.optional_text(reading, "class");
            section.optional_text(reading, "organisation");
            None
        }
    }
}

fn party<'t>(reading: &mut Reading<'t>, section: &mut Section<'t>) -> Option<Party> {
    const ROLES: [&str; 2] = ["controller", "joint-controller"];
    let who = who(reading, section);
    let role = section.choice(reading, "role", &ROLES, |word| word);
    let contact = section.text(reading, "contact");
    Some(Party {
        who: who?,
        role: role?.to_owned(),
        contact: contact?,
    })
}

fn flow<'t>(reading: &mut Reading<'t>, section: &mut Section<'t>) -> Option<Flow> {
    let source = who(reading, section);
    let event_type = section.word(reading, "event");
    let fields = section.texts(reading, "fields");
    let precision = section.choice(reading, "precision", &Precision::ALL, Precision::as_str);
    let gateways = section.texts(reading, "gateways");
    let article_6 = section.optional_text(reading, "article_6");
    let person = section
        .optional_section(reading, "person")
        .map(|mut person| person_conditions(reading, &mut person));
    let max_age_days = section.optional_count(reading, "max_age_days");
    let predicate = predicate(reading, section);
    Some(Flow {
        source: source?,
        event_type: event_type?,
        fields,
        precision: precision?,
        gateways,
        article_6,
        conditions: Conditions {
            person: match person {
                Some(conditions) => Some(conditions?),
                None => None,
            },
            max_age_days,
            predicate,
        },
    })
}

fn person_conditions<'t>(
    reading: &mut Reading<'t>,
    section: &mut Section<'t>,
) -> Option<PersonConditions> {
    const OPT_OUT: [(&str, bool); 2] = [("applies", true), ("does-not-apply", false)];
    let consent = section.choice(reading, "consent", &ConsentRule::ALL, ConsentRule::as_str);
    let opt_out = section.choice(reading, "national_opt_out", &OPT_OUT, |(word, _)| word);
    let age = section.choice(reading, "age", &AgeBand::ALL, AgeBand::as_str);
    let restricted = section.choice(
        reading,
        "restricted",
        &RestrictedRule::ALL,
        RestrictedRule::as_str,
    );
    let minimum_match = section.choice(
        reading,
        "minimum_match",
        &LinkStatus::ALL,
        LinkStatus::as_str,
    );
    section.unknown(reading);
    Some(PersonConditions {
        consent: consent?,
        opt_out_applies: opt_out?.1,
        age: age?,
        restricted: restricted?,
        minimum_match: minimum_match?,
    })
}

fn predicate<'t>(reading: &mut Reading<'t>, section: &mut Section<'t>) -> Option<Predicate> {
    let text = section.optional_text(reading, "where")?;
    match Predicate::parse(&text) {
        Ok(predicate) => Some(predicate),
        Err(error) => {
            let field = section.field("where");
            reading.fault_of(&field, error.to_string());
            None
        }
    }
}

fn reader<'t>(reading: &mut Reading<'t>, section: &mut Section<'t>) -> Option<Reader> {
    let who = who(reading, section);
    let role = section.text(reading, "role");
    let view = section.text(reading, "view");
    let mode = section.choice(reading, "mode", &Mode::ALL, Mode::as_str);
    let scope_words = section.texts(reading, "scope");
    let beyond_scope = section.choice(
        reading,
        "beyond_scope",
        &BeyondScope::ALL,
        BeyondScope::as_str,
    );
    let event_words = section.optional_texts(reading, "events");
    let delivery = match section.has("delivery") {
        true => section.choice(reading, "delivery", &Delivery::ALL, Delivery::as_str),
        false => Some(Delivery::Calls),
    };
    let mut scopes = Vec::new();
    for word in &scope_words {
        match Scope::ALL.into_iter().find(|one| one.as_str() == word) {
            Some(scope) => scopes.push(scope),
            None => {
                let words: Vec<_> = Scope::ALL.iter().map(|one| one.as_str()).collect();
                let reason = format!("{word} is no scope: expected {}", words.join(", "));
                let field = section.field("scope");
                reading.fault_of(&field, reason);
            }
        }
    }
    let mut events = Vec::new();
    for word in &event_words {
        match EventType::new(word) {
            Ok(event) => events.push(event),
            Err(error) => {
                let field = section.field("events");
                reading.fault_of(&field, error.problem);
            }
        }
    }
    Some(Reader {
        who: who?,
        role: role?,
        view: view?,
        mode: mode?,
        scopes,
        beyond_scope: beyond_scope?,
        events,
        delivery: delivery?,
    })
}
