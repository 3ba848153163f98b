//! Which columns and rules of a view a role sees. Worked out once, when the file is read.

use super::{Column, Feature, Piece, Rule};
use std::collections::{BTreeMap, BTreeSet};
use walbrook_policy::catalogue::FieldKind;

/// What each role sees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visibility {
    named: BTreeMap<String, Seen>,
    others: Seen,
}

/// What one role sees, by place in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    columns: Vec<bool>,
    rules: Vec<bool>,
}

impl Seen {
    /// Whether the column at this place is seen.
    pub fn column(&self, at: usize) -> bool {
        self.columns.get(at).copied().unwrap_or(false)
    }

    /// Whether the rule at this place is seen.
    pub fn rule(&self, at: usize) -> bool {
        self.rules.get(at).copied().unwrap_or(false)
    }
}

impl Visibility {
    /// From the parts of a view. A rule that reads or tells what a role does not see is not there for it; and so is a column that rests on such.
    pub fn new(features: &[Feature], rules: &[Rule], columns: &[Column]) -> Self {
        let of_output = of_outputs(features);
        let roles: BTreeSet<&String> = columns.iter().flat_map(|column| &column.roles).collect();
        let seen = |role: Option<&str>| {
            let shown = |column: &Column| match role {
                Some(role) => column.shown_to(role),
                None => column.roles.is_empty(),
            };
            let hidden = hidden(features, columns, &of_output, &shown);
            let rests_on_hidden = |name: &str| {
                let feature = of_output.get(name);
                feature.is_some_and(|feature| hidden.contains(feature))
            };
            let told = |rule: &Rule| {
                let mut said = rule.sentence.iter().filter_map(Piece::output);
                rule.when.names().any(rests_on_hidden) || said.any(rests_on_hidden)
            };
            Seen {
                columns: columns
                    .iter()
                    .map(|column| shown(column) && !rests_on_hidden(&column.output))
                    .collect(),
                rules: rules.iter().map(|rule| !told(rule)).collect(),
            }
        };
        Self {
            named: roles
                .into_iter()
                .map(|role| (role.clone(), seen(Some(role))))
                .collect(),
            others: seen(None),
        }
    }

    /// What a reader in this role sees.
    pub fn of(&self, role: &str) -> &Seen {
        self.named.get(role).unwrap_or(&self.others)
    }
}

/// The feature, by its place, of each output.
fn of_outputs(features: &[Feature]) -> BTreeMap<String, usize> {
    let outputs = features.iter().enumerate().flat_map(|(at, feature)| {
        let outputs = feature.outputs(|_, _| FieldKind::Text);
        outputs.into_iter().map(move |(output, _)| (output, at))
    });
    outputs.collect()
}

/// Features none of whose columns is shown, although it has some, and those that read one.
fn hidden(
    features: &[Feature],
    columns: &[Column],
    of_output: &BTreeMap<String, usize>,
    shown: &impl Fn(&Column) -> bool,
) -> BTreeSet<usize> {
    let mut hidden = BTreeSet::new();
    for (at, feature) in features.iter().enumerate() {
        let mut own = columns
            .iter()
            .filter(|column| of_output.get(&column.output) == Some(&at))
            .peekable();
        let kept = own.peek().is_some() && !own.any(shown);
        let mut read = feature.kind.outputs_read().into_iter();
        let rests = read.any(|name| of_output.get(name).is_some_and(|at| hidden.contains(at)));
        if kept || rests {
            hidden.insert(at);
        }
    }
    hidden
}
