//! For each agreement the paragraph that its parties' privacy notices need (UK GDPR Articles 13 and 14), in words for the people it is about.

use walbrook_policy::agreement::{ConsentRule, Kind, Mode};
use walbrook_policy::law::FieldClass;

use super::facts::{Entry, Facts};
use super::sheet::{Layout, Sheet};
use super::words;

/// The paragraphs.
pub(super) fn sheet(facts: &Facts) -> Sheet {
    let about_people = facts
        .current()
        .filter(|entry| !matches!(entry.agreement().kind, Kind::Open { .. }));
    Sheet {
        title: "Paragraphs for privacy notices",
        preface: format!(
            "One for each agreement in force on {} that is about people; its parties put it into their notices as it stands.{}",
            words::day(facts.today),
            facts.left_out()
        ),
        columns: vec!["agreement", "title", "paragraph"],
        layout: Layout::Paragraphs,
        rows: about_people
            .map(|entry| {
                let agreement = entry.agreement();
                vec![
                    agreement.id.to_string(),
                    agreement.title.clone(),
                    paragraph(facts, entry),
                ]
            })
            .collect(),
    }
}

fn paragraph(facts: &Facts, entry: &Entry) -> String {
    let mut sentences = vec![entry.agreement().summary.clone()];
    if matches!(entry.agreement().kind, Kind::Matching { .. }) {
        sentences.push(
            "To know which of our records are about the same person we have them compared by a shared service; none of us learns what another holds about you."
                .to_owned(),
        );
    } else {
        sentences.push(what(facts, entry));
        sentences.push(to_whom(facts, entry));
    }
    sentences.push(law(facts, entry));
    sentences.extend(choices(entry));
    let agreement = entry.agreement();
    sentences.push(if matches!(agreement.kind, Kind::Matching { .. }) {
        "The comparison uses your name, date of birth, postcode and numbers such as your NHS number; they go to that service alone."
            .to_owned()
    } else {
        format!(
            "What is shared can be seen for {} days after it happened and no longer. Your name, date of birth, address and NHS number are not part of it.",
            agreement.retention_days
        )
    });
    sentences.push(
        "You may ask for a copy of what is shared about you and who looked at it, have it corrected, and object."
            .to_owned(),
    );
    let mut contacts: Vec<String> = Vec::new();
    for party in &agreement.parties {
        if !contacts.contains(&party.contact) {
            contacts.push(party.contact.clone());
        }
    }
    sentences.push(format!(
        "Ask {}, or the Information Commissioner's Office if you are not content with the answer.",
        or(&contacts)
    ));
    sentences.push(format!(
        "The agreement runs until {} and is looked at again by {}.",
        words::day(agreement.period.expiry),
        words::day(agreement.period.review)
    ));
    sentences.join(" ")
}

fn what(facts: &Facts, entry: &Entry) -> String {
    let agreement = entry.agreement();
    let sources = words::each(facts, agreement.flows.iter().map(|flow| &flow.source));
    let mut events: Vec<String> = Vec::new();
    for flow in &agreement.flows {
        let event = format!("\u{201c}{}\u{201d}", words::event(facts, &flow.event_type));
        if !events.contains(&event) {
            events.push(event);
        }
    }
    let mut sentence = format!(
        "For this, {} share what their records say under {}.",
        words::and(&sources),
        words::and(&events)
    );
    let special = words::has_class(facts, agreement, FieldClass::SpecialCategory);
    let criminal = words::has_class(facts, agreement, FieldClass::CriminalOffence);
    match (special, criminal) {
        (true, true) => sentence.push_str(
            " Some of it is about health or other matters that the law protects specially, and some is what police recorded.",
        ),
        (true, false) => sentence.push_str(
            " Some of it is about health or other matters that the law protects specially.",
        ),
        (false, true) => sentence.push_str(" Some of it is what police recorded."),
        (false, false) => {}
    }
    sentence
}

fn to_whom(facts: &Facts, entry: &Entry) -> String {
    let agreement = entry.agreement();
    let readers: Vec<String> = agreement
        .readers
        .iter()
        .map(|reader| {
            let role = facts.law.role(&reader.role).map_or_else(
                || reader.role.replace('-', " "),
                |role| lower_first(&role.title),
            );
            format!(
                "{} {role} of {}",
                article(&role),
                words::one_of(facts, &reader.who)
            )
        })
        .collect();
    if readers.is_empty() {
        return "Nobody reads it person by person.".to_owned();
    }
    let cohort_only = agreement
        .readers
        .iter()
        .all(|reader| reader.mode == Mode::Cohort);
    if cohort_only {
        return format!(
            "It is seen as numbers over at least ten people only, never about you alone, by {}.",
            or(&readers)
        );
    }
    format!(
        "It is seen by {}, and only about people that organisation has to do with; each time somebody looks, it is on record.",
        or(&readers)
    )
}

fn law(facts: &Facts, entry: &Entry) -> String {
    let law = &entry.agreement().law;
    let powers: Vec<String> = law.gateways.iter().map(|id| facts.gateway(id)).collect();
    let bases: Vec<String> = law.article_6.iter().map(|id| facts.basis(id)).collect();
    let mut sentence = format!(
        "The law that allows it is {}; our basis under the UK GDPR is {}",
        words::and(&powers),
        words::and(&bases)
    );
    if !law.article_9.is_empty() {
        let conditions: Vec<String> = law.article_9.iter().map(|id| facts.condition(id)).collect();
        sentence.push_str(&format!(
            ", and for specially protected data {}",
            words::and(&conditions)
        ));
    }
    sentence.push('.');
    sentence
}

/// What a person may choose: what every flow allows is said of all, what some allow is said of some.
fn choices(entry: &Entry) -> Vec<String> {
    let people: Vec<_> = entry
        .agreement()
        .flows
        .iter()
        .filter_map(|flow| flow.conditions.person)
        .collect();
    let mut sentences = Vec::new();
    let of = |rule| people.iter().filter(|one| one.consent == rule).count();
    let (required, demanded) = (of(ConsentRule::Required), of(ConsentRule::NotNeeded));
    let referral = of(ConsentRule::Referral);
    if referral > 0 {
        let what = if referral == people.len() {
            "It is"
        } else {
            "Some of it is"
        };
        sentences.push(format!(
            "{what} shared only if you agree, and only with the one authority that you choose; you may choose another or take it back at any time, and what was shared is then taken back."
        ));
    }
    if required > 0 {
        let what = if required == people.len() {
            "It is"
        } else {
            "Some of it is"
        };
        sentences.push(format!(
            "{what} shared only if you agree; you may take that back at any time, and what was shared is then taken back."
        ));
    }
    if demanded > 0 {
        let what = if demanded == people.len() {
            "The law demands that it is shared"
        } else {
            "The law demands that some of it is shared"
        };
        sentences.push(format!(
            "{what}, to keep people safe, even if you would rather it were not."
        ));
    }
    if people.iter().any(|one| one.opt_out_applies) {
        sentences.push(
            "If you have set the national data opt-out, your health data is left out.".to_owned(),
        );
    }
    sentences
}

fn or(list: &[String]) -> String {
    match list {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

fn lower_first(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

/// `a` or `an`, by the letter that follows.
fn article(words: &str) -> &'static str {
    if words.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}
