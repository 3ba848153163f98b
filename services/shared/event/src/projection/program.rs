//! What one grant does to a body, as a flat list of steps over its bytes.

use super::Source;
use super::layout::Layout;
use super::shape::Shape;
use walbrook_domain::Precision;

/// The tag of the second branch of a union: `["null", T]` holds a T.
const HELD: u8 = 2;
/// The tag of the first branch: null.
const NULL: u8 = 0;

/// One step. Fields that are not granted are never touched: a step reads its own fields only.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// So many nulls.
    Null(usize),
    /// Raw fields from `first` to before `end` that are unions with null already: their bytes as they stand.
    Copy { first: usize, end: usize },
    /// A raw field that is always there: its bytes behind the tag.
    Wrap(usize),
    /// A raw field that tells time, cut to the precision; with the tag before it where the raw field has none.
    Cut { field: usize, tagged: bool },
}

/// The steps for one (schema, grant).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    steps: Vec<Step>,
    precision: Precision,
}

impl Program {
    pub(super) fn compile(
        sources: &[(String, Source)],
        shapes: &[Shape],
        mask: u64,
        precision: Precision,
    ) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        for (_, source) in sources {
            let field = source.raw;
            let granted = field < 64 && mask & (1 << field) != 0;
            let cut =
                precision != Precision::Instant && shapes.get(field).is_some_and(Shape::tells_time);
            let step = match (granted, cut, source.nullable) {
                (false, ..) => Step::Null(1),
                (true, true, tagged) => Step::Cut { field, tagged },
                (true, false, true) => Step::Copy {
                    first: field,
                    end: field + 1,
                },
                (true, false, false) => Step::Wrap(field),
            };
            match (steps.last_mut(), &step) {
                (Some(Step::Null(count)), Step::Null(_)) => *count += 1,
                (Some(Step::Copy { end, .. }), Step::Copy { first, .. }) if *end == *first => {
                    *end += 1;
                }
                _ => steps.push(step),
            }
        }
        Self { steps, precision }
    }

    /// Writes the shared body. `None`: the layout is not this body's.
    pub(super) fn run(
        &self,
        shapes: &[Shape],
        layout: &Layout,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<()> {
        for step in &self.steps {
            match step {
                Step::Null(count) => out.resize(out.len() + count, NULL),
                Step::Copy { first, end } => {
                    out.extend_from_slice(layout.run(body, *first, *end)?);
                }
                Step::Wrap(field) => {
                    out.push(HELD);
                    out.extend_from_slice(layout.bytes(body, *field)?);
                }
                Step::Cut { field, tagged } => {
                    if !tagged {
                        out.push(HELD);
                    }
                    let bytes = layout.bytes(body, *field)?;
                    shapes.get(*field)?.cut(bytes, self.precision, out)?;
                }
            }
        }
        Some(())
    }
}
