//! The one way an agreement is written down: fixed order of fields, one form of quoting, no comments.

use super::{Agreement, Delivery, Flow, Kind, Reader};
use crate::class::Who;
use std::fmt::Write;
use walbrook_domain::Day;

impl Agreement {
    /// The text that parties sign. Reading it gives the same agreement, and the same agreement always gives this text.
    pub fn canonical_text(&self) -> String {
        let mut out = Text::default();
        out.string("id", self.id.as_str());
        out.number("version", self.version.0);
        out.string("title", &self.title);
        out.string("summary", &self.summary);
        out.string("purpose", self.purpose.as_str());
        out.string("kind", self.kind.as_str());
        out.number("retention_days", self.retention_days);
        out.string("processor", &self.processor);
        self.kind_text(&mut out);
        self.law_text(&mut out);
        out.table("period");
        out.day("effective", self.period.effective);
        out.day("review", self.period.review);
        out.day("expiry", self.period.expiry);
        if let Some(day) = self.period.backfill_from {
            out.day("backfill_from", day);
        }
        for party in &self.parties {
            out.entry("party");
            out.who(&party.who);
            out.string("role", &party.role);
            out.string("contact", &party.contact);
        }
        for flow in &self.flows {
            flow_text(&mut out, flow);
        }
        for reader in &self.readers {
            reader_text(&mut out, reader);
        }
        out.0
    }

    fn kind_text(&self, out: &mut Text) {
        match &self.kind {
            Kind::Sharing => {}
            Kind::Matching { strategies } => {
                out.table("matching");
                out.strings("strategies", strategies.iter().map(String::as_str));
            }
            Kind::Open { dataset } => {
                out.table("open");
                out.string("dataset", dataset);
            }
        }
    }

    fn law_text(&self, out: &mut Text) {
        let law = &self.law;
        out.table("law");
        out.strings("gateways", law.gateways.iter().map(String::as_str));
        for (name, list) in [
            ("article_6", &law.article_6),
            ("article_9", &law.article_9),
            ("schedule_1", &law.schedule_1),
        ] {
            if !list.is_empty() {
                out.strings(name, list.iter().map(String::as_str));
            }
        }
        for (name, text) in [
            ("article_10", &law.article_10),
            ("part_3", &law.part_3),
            ("policy_document", &law.policy_document),
        ] {
            if let Some(text) = text {
                out.string(name, text);
            }
        }
        if let Some(dpia) = &self.dpia {
            out.table("dpia");
            out.string("reference", &dpia.reference);
            out.string("outcome", &dpia.outcome);
            out.day("completed", dpia.completed);
        }
    }
}

fn flow_text(out: &mut Text, flow: &Flow) {
    out.entry("flow");
    out.who(&flow.source);
    out.string("event", flow.event_type.as_str());
    out.strings("fields", flow.fields.iter().map(String::as_str));
    out.string("precision", flow.precision.as_str());
    out.strings("gateways", flow.gateways.iter().map(String::as_str));
    if let Some(basis) = &flow.article_6 {
        out.string("article_6", basis);
    }
    if let Some(days) = flow.conditions.max_age_days {
        out.number("max_age_days", days);
    }
    if let Some(predicate) = &flow.conditions.predicate {
        out.string("where", &predicate.to_string());
    }
    if let Some(person) = &flow.conditions.person {
        out.table("flow.person");
        out.string("consent", person.consent.as_str());
        let opt_out = if person.opt_out_applies {
            "applies"
        } else {
            "does-not-apply"
        };
        out.string("national_opt_out", opt_out);
        out.string("age", person.age.as_str());
        out.string("restricted", person.restricted.as_str());
        out.string("minimum_match", person.minimum_match.as_str());
    }
}

fn reader_text(out: &mut Text, reader: &Reader) {
    out.entry("reader");
    out.who(&reader.who);
    out.string("role", &reader.role);
    out.string("view", &reader.view);
    out.string("mode", reader.mode.as_str());
    out.strings("scope", reader.scopes.iter().map(|scope| scope.as_str()));
    out.string("beyond_scope", reader.beyond_scope.as_str());
    if !reader.events.is_empty() {
        out.strings("events", reader.events.iter().map(|event| event.as_str()));
    }
    if reader.delivery != Delivery::Calls {
        out.string("delivery", reader.delivery.as_str());
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, name: &str, value: &str) {
        self.0.push_str(name);
        self.0.push_str(" = ");
        self.0.push_str(value);
        self.0.push('\n');
    }

    fn string(&mut self, name: &str, value: &str) {
        self.line(name, &quoted(value));
    }

    fn number(&mut self, name: &str, value: u32) {
        self.line(name, &value.to_string());
    }

    fn day(&mut self, name: &str, value: Day) {
        self.line(name, &value.to_string());
    }

    fn strings<'a>(&mut self, name: &str, values: impl Iterator<Item = &'a str>) {
        let values: Vec<_> = values.map(quoted).collect();
        self.line(name, &format!("[{}]", values.join(", ")));
    }

    fn table(&mut self, name: &str) {
        self.0.push_str(&format!("\n[{name}]\n"));
    }

    fn entry(&mut self, name: &str) {
        self.0.push_str(&format!("\n[[{name}]]\n"));
    }

    fn who(&mut self, who: &Who) {
        match who {
            Who::Class(class) => self.string("class", class.as_str()),
            Who::Organisation(one) => self.string("organisation", &one.to_string()),
        }
    }
}

/// A TOML basic string: quotes, backslashes and control characters are escaped, everything else stands as it is.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
