//! What one grant does to a body, as a flat list of steps over its bytes.

use super::Source;
use super::layout::Layout;
use super::quick::Quick;
use super::shape::Shape;
use walbrook_domain::Precision;

/// The tag of the second branch of a union: `["null", T]` holds a T.
const HELD: u8 = 2;

/// As many nulls (the tag of the first branch) as a record can have, and the tag of a value behind them: what stands before a value is a piece of it.
const LEAD: [u8; 65] = {
    let mut lead = [0; 65];
    lead[64] = HELD;
    lead
};

/// One step: the nulls of the fields before it that are not granted, then its own. Fields that are not granted are never touched.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// Where its nulls, and the tag where the raw field has none, begin and end in [`LEAD`].
    lead: (usize, usize),
    then: Then,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Then {
    /// Raw fields from `first` to before `end`: their bytes as they stand.
    Copy { first: usize, end: usize },
    /// A raw field that tells time, cut to the precision.
    Cut { field: usize },
    /// Nothing: these were the last nulls.
    End,
}

/// The steps for one (schema, grant).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    mask: u64,
    precision: Precision,
    steps: Vec<Step>,
}

impl Program {
    pub(super) fn compile(
        sources: &[(String, Source)],
        shapes: &[(Quick, Shape)],
        mask: u64,
        precision: Precision,
    ) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        let mut nulls = 0;
        for (_, source) in sources {
            let field = source.raw;
            let granted = field < 64 && mask & (1 << field) != 0;
            if !granted {
                nulls += 1;
                continue;
            }
            let cut = precision != Precision::Instant
                && shapes
                    .get(field)
                    .is_some_and(|(_, shape)| shape.tells_time());
            let lead = (64 - nulls, 64 + usize::from(!source.nullable));
            let last = steps.last_mut().map(|step| &mut step.then);
            match (last, cut) {
                (Some(Then::Copy { end, .. }), false) if *end == field && lead.0 == lead.1 => {
                    *end += 1;
                }
                (_, false) => steps.push(Step {
                    lead,
                    then: Then::Copy {
                        first: field,
                        end: field + 1,
                    },
                }),
                (_, true) => steps.push(Step {
                    lead,
                    then: Then::Cut { field },
                }),
            }
            nulls = 0;
        }
        if nulls > 0 {
            steps.push(Step {
                lead: (64 - nulls, 64),
                then: Then::End,
            });
        }
        Self {
            mask,
            precision,
            steps,
        }
    }

    /// Whether it is the program of this grant.
    pub(super) fn grants(&self, mask: u64, precision: Precision) -> bool {
        self.mask == mask && self.precision == precision
    }

    /// Writes the shared body. `None`: the layout is not this body's.
    pub(super) fn run(
        &self,
        shapes: &[(Quick, Shape)],
        layout: &Layout,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<()> {
        // No field grows by more than a tag, and an instant by more than the longest number.
        out.reserve(body.len() + LEAD.len());
        for step in &self.steps {
            out.extend_from_slice(LEAD.get(step.lead.0..step.lead.1)?);
            match step.then {
                Then::Copy { first, end } => {
                    out.extend_from_slice(layout.run(body, first, end)?);
                }
                Then::Cut { field } => {
                    let bytes = layout.bytes(body, field)?;
                    shapes.get(field)?.1.cut(bytes, self.precision, out)?;
                }
                Then::End => {}
            }
        }
        Some(())
    }
}
