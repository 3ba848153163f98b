//! The agreement's legal basis: gateways in force that cover the parties, bases, conditions, paragraphs, and what the fields ask for.

use super::Checked;
use crate::agreement::document::Reading;
use crate::law::{Body, FieldClass};

impl Checked<'_> {
    pub(super) fn basis(&self, reading: &mut Reading<'_>) {
        self.gateways(reading);
        self.article_6(reading);
        self.article_9(reading);
        self.classes(reading);
    }

    fn gateways(&self, reading: &mut Reading<'_>) {
        let cited = &self.agreement.law.gateways;
        let on = self.agreement.period.effective;
        let field = "law.gateways";
        if cited.is_empty() && !reading.faulty(field) {
            let to_do = "name what the disclosure rests on, from schemas/law/gateways.toml";
            reading.advise(field, "no legal gateway is named", to_do);
        }
        let mut known = Vec::new();
        for id in cited {
            let Some(gateway) = self.law.gateway(id) else {
                let to_do = "choose one of schemas/law/gateways.toml";
                reading.advise(field, format!("{id} is no gateway on the list"), to_do);
                continue;
            };
            if self.typed.period && !gateway.in_force(on) {
                let since = match (gateway.commencement, gateway.end) {
                    (None, _) => "no commencement day is on record".to_owned(),
                    (Some(first), _) if on < first => format!("it commences on {first}"),
                    (Some(_), end) => {
                        end.map_or_else(String::new, |day| format!("it ended on {day}"))
                    }
                };
                reading.advise(
                    field,
                    format!("{id} is not in force on the effective date: {since}"),
                    "rest on a provision that is in force, or let the agreement take effect later",
                );
            }
            known.push(gateway);
        }
        // Only where every gateway is known can it be said that none of them covers a party.
        if known.is_empty() || known.len() < cited.len() {
            return;
        }
        for (party, place) in self.agreement.parties.iter().zip(&self.typed.parties) {
            let body = Body::of(&party.who);
            let covered = known.iter().any(|gateway| {
                body.is_some_and(|one| {
                    gateway.discloses.contains(&one) || gateway.receives.contains(&one)
                })
            });
            if !covered {
                reading.advise(
                    &format!("party[{place}]"),
                    format!("no gateway of the agreement covers {}", party.who),
                    "name a gateway under which it may disclose or receive, or take it out",
                );
            }
        }
    }

    fn article_6(&self, reading: &mut Reading<'_>) {
        let named = &self.agreement.law.article_6;
        let field = "law.article_6";
        if self.about_persons() && named.is_empty() && !reading.faulty(field) {
            let to_do = "name the basis, for example 6(1)(e)";
            reading.advise(field, "no Article 6 basis is named", to_do);
        }
        let mut parties = self.agreement.parties.iter();
        let public = parties.any(|party| Body::of(&party.who).is_some_and(Body::is_public));
        for id in named {
            match self.law.basis(id) {
                None => {
                    let known: Vec<_> = self.law.bases().map(|one| one.id.as_str()).collect();
                    let reason = format!("{id} is not one of {}", known.join(", "));
                    reading.advise(field, reason, "correct it");
                }
                Some(basis) => {
                    if let Some(why) = basis.refused_to_public_bodies.as_ref().filter(|_| public) {
                        let reason = format!("{id} ({}) is not open here: {why}", basis.title);
                        let to_do = "rest on a legal duty, 6(1)(c), or a public task, 6(1)(e)";
                        reading.advise(field, reason, to_do);
                    }
                }
            }
        }
    }

    fn article_9(&self, reading: &mut Reading<'_>) {
        let law = &self.agreement.law;
        for id in &law.article_9 {
            if self.law.condition(id).is_none() {
                let known: Vec<_> = self.law.conditions().map(|one| one.id.as_str()).collect();
                let reason = format!("{id} is not one of {}", known.join(", "));
                reading.advise("law.article_9", reason, "correct it");
            }
            let wanted: Vec<_> = self
                .law
                .paragraphs()
                .filter(|paragraph| paragraph.condition == *id)
                .collect();
            let mut named = law.schedule_1.iter();
            if !wanted.is_empty() && !named.any(|one| wanted.iter().any(|of| of.id == *one)) {
                let words: Vec<_> = wanted
                    .iter()
                    .map(|of| format!("{} ({})", of.id, of.title))
                    .collect();
                let reason = format!("{id} needs a paragraph of DPA 2018 Schedule 1");
                reading.advise(
                    "law.schedule_1",
                    reason,
                    format!("name {}", words.join(" or ")),
                );
            }
        }
        for id in &law.schedule_1 {
            match self.law.paragraph(id) {
                None => {
                    let known: Vec<_> = self.law.paragraphs().map(|one| one.id.as_str()).collect();
                    let reason = format!("{id} is not one of {}", known.join(", "));
                    reading.advise("law.schedule_1", reason, "correct it");
                }
                Some(paragraph) => {
                    let condition = &paragraph.condition;
                    if !law.article_9.is_empty() && !law.article_9.contains(condition) {
                        let reason =
                            format!("paragraph {id} belongs to {condition}, which is not named");
                        let to_do =
                            format!("name {condition} in article_9, or take the paragraph out");
                        reading.advise("law.schedule_1", reason, to_do);
                    }
                }
            }
        }
        let wants = |id: &&String| {
            let paragraph = self.law.paragraph(id.as_str());
            paragraph.is_some_and(|paragraph| paragraph.policy_document)
        };
        if let Some(id) = law.schedule_1.iter().find(wants)
            && law.policy_document.is_none()
        {
            reading.advise(
                "law.policy_document",
                format!("missing: Schedule 1 paragraph {id} needs an appropriate policy document"),
                "name the document's reference",
            );
        }
    }

    /// What the fields granted, and who grants them, ask for. Each is said once, by the first field that asks.
    fn classes(&self, reading: &mut Reading<'_>) {
        let law = &self.agreement.law;
        if law.article_9.is_empty()
            && let Some(name) = self.first_of(FieldClass::SpecialCategory)
        {
            reading.advise(
                "law.article_9",
                format!("{name} is special category data: it needs an Article 9 condition"),
                "name the condition, and its paragraph of DPA 2018 Schedule 1 in schedule_1",
            );
        }
        if law.article_10.is_none()
            && let Some(name) = self.first_of(FieldClass::CriminalOffence)
        {
            reading.advise(
                "law.article_10",
                format!(
                    "{name} is criminal-offence data: it needs Article 10 with DPA 2018 s10(5)"
                ),
                "name s10(5) with its paragraph of Schedule 1",
            );
        }
        let mut flows = self.agreement.flows.iter();
        let police = flows.any(|flow| Body::of(&flow.source) == Some(Body::Police));
        if police && self.about_persons() && law.part_3.is_none() {
            reading.advise(
                "law.part_3",
                "a force discloses for a purpose that is not law enforcement: DPA 2018 Part 3 needs a ground",
                "name s36(4) and the law that authorises it",
            );
        }
    }

    /// The first field granted that is of the class.
    fn first_of(&self, class: FieldClass) -> Option<String> {
        self.agreement.flows.iter().find_map(|flow| {
            let name = flow.fields.iter().find(|name| {
                let known = self.law.field(&flow.event_type, name);
                known.is_some_and(|law| law.class == class)
            })?;
            Some(format!("{}.{name}", flow.event_type))
        })
    }
}
