//! What the rules of every agency must show, whichever agency it is: each has an input that only it catches, and ids that fit a header.
//! The tests of the agency crates ask their rules through this, as the gateway asks them.

mod checks;

pub use checks::{Checks, findings};

use crate::context::Context;
use crate::facts;
use crate::head;
use crate::rules::{Findings, Rule, Severity};
use std::collections::BTreeSet;
use walbrook_domain::{Day, Organisation};
use walbrook_proto::avro::AvroEvent;

/// An agency's own check of one event type.
pub type Check<M> = fn(&M, &Context<'_>, &mut Findings);

/// The rules of one agency, beside those that hold for every body and every head.
#[derive(Debug, Clone)]
pub struct Rulebook {
    /// The agency's own rules.
    pub rules: &'static [&'static Rule],
    /// Who sends.
    pub organisation: Organisation,
    /// The London day it happened on.
    pub occurred: Day,
    /// The London day it is sent on.
    pub today: Day,
}

impl Rulebook {
    /// The ids that a message breaks, of the agency's rules and of those for every body.
    #[must_use]
    pub fn broken<M: AvroEvent>(&self, message: &M, check: Check<M>) -> Vec<&'static str> {
        self.broken_of(message, check, None)
    }

    /// The same of a person whose birth date the event says.
    #[must_use]
    pub fn broken_of<M: AvroEvent>(
        &self,
        message: &M,
        check: Check<M>,
        birth_day: Option<Day>,
    ) -> Vec<&'static str> {
        let context = Context {
            organisation: &self.organisation,
            occurred: Some(self.occurred.start()),
            occurred_day: Some(self.occurred),
            birth_day,
            datasets: None,
            today: self.today,
            now: self.today.plus(1).start(),
        };
        let mut findings = Findings::new();
        facts::check(message, context.occurred_day, context.today, &mut findings);
        check(message, &context, &mut findings);
        let all = findings.refusals().iter().chain(findings.queries());
        all.map(|finding| finding.rule.id).collect()
    }

    /// Whether an event that breaks these rules is refused.
    #[must_use]
    pub fn refuses(&self, broken: &[&str]) -> bool {
        self.rules
            .iter()
            .chain(facts::RULES)
            .filter(|rule| rule.severity == Severity::Refuse)
            .any(|rule| broken.contains(&rule.id))
    }

    /// The agency's rules that no case names, and the cases that other rules than the one named caught. Both should be empty.
    #[must_use]
    pub fn without_own_input(
        &self,
        cases: &[(&'static str, Vec<&'static str>)],
    ) -> Vec<&'static str> {
        let named: BTreeSet<_> = cases.iter().map(|(id, _)| *id).collect();
        let unnamed = self.rules.iter().map(|rule| rule.id);
        let unnamed = unnamed.filter(|id| !named.contains(id));
        let shared = cases.iter().filter(|(id, broken)| *broken != [*id]);
        unnamed.chain(shared.map(|(id, _)| *id)).collect()
    }

    /// Ids that stand twice, or have a letter that does not fit the header in which they travel. Should be empty.
    #[must_use]
    pub fn unfit_ids(&self) -> Vec<&'static str> {
        let mut seen = BTreeSet::new();
        let all = self.rules.iter().chain(facts::RULES).chain(head::RULES);
        let fits = |id: &str| {
            id.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        };
        all.map(|rule| rule.id)
            .filter(|id| !seen.insert(*id) || !fits(id))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static RULES: &[&Rule] = &[&A, &B];
    static A: Rule = Rule::refuse("A_RULE", "is wrong", "test");
    static B: Rule = Rule::query("b-rule", "is odd", "test");

    #[test]
    fn what_is_missing_shared_or_unfit_is_named() {
        let book = Rulebook {
            rules: RULES,
            organisation: "GSS:E09000007".parse().unwrap(),
            occurred: Day::from_ymd(2026, 9, 21).unwrap(),
            today: Day::from_ymd(2026, 11, 23).unwrap(),
        };
        assert_eq!(
            book.without_own_input(&[("A_RULE", vec!["A_RULE"])]),
            ["b-rule"]
        );
        let shared = [
            ("A_RULE", vec!["A_RULE", "b-rule"]),
            ("b-rule", vec!["b-rule"]),
        ];
        assert_eq!(book.without_own_input(&shared), ["A_RULE"]);
        assert_eq!(book.unfit_ids(), ["b-rule"]);
        assert!(book.refuses(&["A_RULE"]) && !book.refuses(&["b-rule"]));
    }
}
