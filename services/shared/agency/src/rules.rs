//! The vocabulary in which an agency states what is wrong with an event.

use std::borrow::Cow;

/// What happens to an event that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The event is not accepted: unreadable, an impossible date, a code in no list, a wrong sender.
    Refuse,
    /// The event is accepted and the rule's id is kept with it (`wb_queries`): a mistyped number must not hide a child.
    Query,
}

/// One validation rule: data, not code. Written once as a `static` and named wherever it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable name that callers and statistics may rely on: `CODE_NOT_IN_LIST`. Capitals, digits and underscores only:
    /// the ids of query rules travel in a header, comma separated.
    pub id: &'static str,
    /// What breaking it means.
    pub severity: Severity,
    /// What is expected, as one sentence a data officer understands. Never repeats a value.
    pub sentence: &'static str,
    /// Where the rule comes from: a specification and its rule number, a statute, or `walbrook`.
    pub source: &'static str,
}

impl Rule {
    /// A rule that refuses the event.
    #[must_use]
    pub const fn refuse(id: &'static str, sentence: &'static str, source: &'static str) -> Self {
        Self {
            id,
            severity: Severity::Refuse,
            sentence,
            source,
        }
    }

    /// A rule that is only noted.
    #[must_use]
    pub const fn query(id: &'static str, sentence: &'static str, source: &'static str) -> Self {
        Self {
            id,
            severity: Severity::Query,
            sentence,
            source,
        }
    }
}

/// One broken rule at one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule that is broken.
    pub rule: &'static Rule,
    /// Path of the field from the event down: `care_episode.decom`, `head.event_id`.
    pub field: String,
    /// The rule's sentence, or a more exact one. Never the value itself.
    pub description: Cow<'static, str>,
}

/// Everything found wrong with one event: all of it at once, in the order in which it was checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    within: &'static str,
    refusals: Vec<Finding>,
    queries: Vec<Finding>,
}

impl Findings {
    /// Most findings of one severity that are kept of one event; what comes after them is not told.
    pub const MOST_KEPT: usize = 64;

    /// No findings; field paths are relative to the event.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the path that stands before every field named from here on (`care_episode`); empty for none.
    pub fn within(&mut self, path: &'static str) -> &mut Self {
        self.within = path;
        self
    }

    /// The field breaks the rule.
    pub fn add(&mut self, rule: &'static Rule, field: &str) {
        self.push(rule, field, Cow::Borrowed(rule.sentence));
    }

    /// The field breaks the rule, said more exactly than the rule's own sentence does (a list's name, a bound; never
    /// the value).
    pub fn add_with(
        &mut self,
        rule: &'static Rule,
        field: &str,
        description: impl Into<Cow<'static, str>>,
    ) {
        self.push(rule, field, description.into());
    }

    /// The field breaks the rule unless `holds`. Says whether it held.
    pub fn check(&mut self, holds: bool, rule: &'static Rule, field: &str) -> bool {
        if !holds {
            self.add(rule, field);
        }
        holds
    }

    /// Findings that refuse the event.
    #[must_use]
    pub fn refusals(&self) -> &[Finding] {
        &self.refusals
    }

    /// Findings that are noted with it.
    #[must_use]
    pub fn queries(&self) -> &[Finding] {
        &self.queries
    }

    /// Whether the event must be refused.
    #[must_use]
    pub fn refuses(&self) -> bool {
        !self.refusals.is_empty()
    }

    /// Ids of the query rules that fired, each once, in the order found: the header `wb_queries`.
    #[must_use]
    pub fn query_ids(&self) -> Vec<&'static str> {
        let mut ids: Vec<&'static str> = Vec::new();
        for finding in &self.queries {
            if !ids.contains(&finding.rule.id) {
                ids.push(finding.rule.id);
            }
        }
        ids
    }

    fn push(&mut self, rule: &'static Rule, field: &str, description: Cow<'static, str>) {
        let list = match rule.severity {
            Severity::Refuse => &mut self.refusals,
            Severity::Query => &mut self.queries,
        };
        if list.len() >= Self::MOST_KEPT {
            return;
        }
        let field = match (self.within.is_empty(), field.is_empty()) {
            (true, _) => field.to_owned(),
            (false, true) => self.within.to_owned(),
            (false, false) => format!("{}.{field}", self.within),
        };
        list.push(Finding {
            rule,
            field,
            description,
        });
    }
}
