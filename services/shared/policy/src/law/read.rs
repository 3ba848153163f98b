//! The files of `schemas/law`, from TOML to types; every fault by line, field and reason.

use super::{
    Basis, Body, Condition, FieldClass, FieldLaw, Gateway, Law, Paragraph, Registered, Role,
};
use crate::agreement::Faults;
use crate::agreement::document::{Reading, Section};
use std::collections::BTreeMap;
use walbrook_domain::{EventType, Organisation};

/// A fault of one of the files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {faults}")]
pub struct LawError {
    /// The file.
    pub file: String,
    /// Its faults.
    pub faults: Faults,
}

impl Law {
    /// Reads the files, each by name and text. A table may stand in any of them; an id stands once.
    ///
    /// # Errors
    /// The faults of the first file that has any.
    pub fn read(files: &[(&str, &str)]) -> Result<Self, LawError> {
        let mut law = Law::default();
        for (file, text) in files {
            let mut reading = Reading::new(text);
            law.file(&mut reading);
            if !reading.clean() {
                return Err(LawError {
                    file: (*file).to_owned(),
                    faults: reading.into_faults(),
                });
            }
        }
        Ok(law)
    }

    fn file<'t>(&mut self, reading: &mut Reading<'t>) {
        let Some(mut top) = Section::top(reading) else {
            return;
        };
        each(reading, &mut top, "gateway", &mut self.gateways, gateway);
        each(reading, &mut top, "article_6", &mut self.article_6, basis);
        each(
            reading,
            &mut top,
            "article_9",
            &mut self.article_9,
            condition,
        );
        each(
            reading,
            &mut top,
            "schedule_1",
            &mut self.schedule_1,
            paragraph,
        );
        each(reading, &mut top, "role", &mut self.roles, role);
        each(
            reading,
            &mut top,
            "organisation",
            &mut self.organisations,
            organisation,
        );
        each(reading, &mut top, "event", &mut self.fields, fields);
        top.finish(reading);
    }
}

fn each<'t, K: Ord + ToString, V>(
    reading: &mut Reading<'t>,
    top: &mut Section<'t>,
    name: &str,
    known: &mut BTreeMap<K, V>,
    read: fn(&mut Reading<'t>, &mut Section<'t>) -> Option<(K, V)>,
) {
    for mut section in top.sections(reading, name) {
        if let Some((key, value)) = read(reading, &mut section) {
            let text = key.to_string();
            if known.insert(key, value).is_some() {
                let path = section.path().to_owned();
                reading.fault_of(&path, format!("{text} stands twice"));
            }
        }
        section.finish(reading);
    }
}

fn bodies<'t>(reading: &mut Reading<'t>, section: &mut Section<'t>, name: &str) -> Vec<Body> {
    let mut found = Vec::new();
    for word in section.texts(reading, name) {
        match Body::ALL.into_iter().find(|one| one.as_str() == word) {
            Some(body) => found.push(body),
            None => {
                let words: Vec<_> = Body::ALL.iter().map(|one| one.as_str()).collect();
                let field = section.field(name);
                let reason = format!("{word} is no kind of body: expected {}", words.join(", "));
                reading.fault_of(&field, reason);
            }
        }
    }
    found
}

fn gateway<'t>(reading: &mut Reading<'t>, section: &mut Section<'t>) -> Option<(String, Gateway)> {
    let id = section.text(reading, "id");
    let provision = section.text(reading, "provision");
    let about = section.text(reading, "about");
    let gateway = Gateway {
        discloses: bodies(reading, section, "discloses"),
        receives: bodies(reading, section, "receives"),
        commencement: section.optional_day(reading, "commencement"),
        end: section.optional_day(reading, "end"),
        duty: section.flag(reading, "duty"),
        safeguarding: section.flag(reading, "safeguarding"),
        direct_care: section.flag(reading, "direct_care"),
        statistical: section.flag(reading, "statistical"),
        opt_out: section.flag(reading, "opt_out"),
        referral: section.flag(reading, "referral"),
        id: id.clone()?,
        provision: provision?,
        about: about?,
    };
    Some((id?, gateway))
}

fn basis<'t>(reading: &mut Reading<'t>, section: &mut Section<'t>) -> Option<(String, Basis)> {
    let id = section.text(reading, "id");
    let title = section.text(reading, "title");
    let basis = Basis {
        refused_to_public_bodies: section.optional_text(reading, "refused_to_public_bodies"),
        id: id.clone()?,
        title: title?,
    };
    Some((id?, basis))
}

fn condition<'t>(
    reading: &mut Reading<'t>,
    section: &mut Section<'t>,
) -> Option<(String, Condition)> {
    let id = section.text(reading, "id");
    let title = section.text(reading, "title");
    let condition = Condition {
        id: id.clone()?,
        title: title?,
    };
    Some((id?, condition))
}

fn paragraph<'t>(
    reading: &mut Reading<'t>,
    section: &mut Section<'t>,
) -> Option<(String, Paragraph)> {
    let id = section.text(reading, "id");
    let title = section.text(reading, "title");
    let condition = section.text(reading, "condition");
    let paragraph = Paragraph {
        policy_document: section.flag(reading, "policy_document"),
        id: id.clone()?,
        title: title?,
        condition: condition?,
    };
    Some((id?, paragraph))
}

fn role<'t>(reading: &mut Reading<'t>, section: &mut Section<'t>) -> Option<(String, Role)> {
    let id = section.text(reading, "id");
    let title = section.text(reading, "title");
    let role = Role {
        bodies: bodies(reading, section, "bodies"),
        id: id.clone()?,
        title: title?,
    };
    Some((id?, role))
}

fn organisation<'t>(
    reading: &mut Reading<'t>,
    section: &mut Section<'t>,
) -> Option<(Organisation, Registered)> {
    let code = section.word(reading, "code");
    let name = section.text(reading, "name");
    let successor = if section.has("successor") {
        section.word(reading, "successor")
    } else {
        None
    };
    let registered = Registered {
        first_day: section.optional_day(reading, "first_day"),
        last_day: section.optional_day(reading, "last_day"),
        successor,
        name: name?,
    };
    Some((code?, registered))
}

fn fields<'t>(
    reading: &mut Reading<'t>,
    section: &mut Section<'t>,
) -> Option<(EventType, BTreeMap<String, FieldLaw>)> {
    const CLASSES: [(&str, FieldClass); 3] = [
        ("ordinary", FieldClass::Ordinary),
        ("special_category", FieldClass::SpecialCategory),
        ("criminal_offence", FieldClass::CriminalOffence),
    ];
    let event_type = section.word(reading, "type");
    let mut fields = BTreeMap::new();
    for (list, class) in CLASSES {
        for name in section.optional_texts(reading, list) {
            let law = FieldLaw {
                class,
                restricted: false,
                referral: false,
            };
            if fields.insert(name.clone(), law).is_some() {
                let field = section.field(list);
                reading.fault_of(&field, format!("{name} stands in two lists"));
            }
        }
    }
    for list in ["restricted", "referral"] {
        for name in section.optional_texts(reading, list) {
            match fields.get_mut(&name) {
                Some(law) if list == "restricted" => law.restricted = true,
                Some(law) => law.referral = true,
                None => {
                    let field = section.field(list);
                    reading.fault_of(&field, format!("{name} stands in none of the class lists"));
                }
            }
        }
    }
    Some((event_type?, fields))
}
