//! Page tokens: where a page begins, and what they belong to. They hold nothing that the reader was not shown.

use walbrook_domain::{Instant, Pseudonym};
use walbrook_view::View;
use walbrook_view::canon::{Reader, Writer};
use walbrook_view::query::After;

const VERSION: u8 = 1;

/// Where the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageToken {
    /// The stated time of the first page: the others have the same.
    pub evaluated_at: Instant,
    /// The last row shown.
    pub after: After,
}

impl PageToken {
    /// The token as text, for this view.
    pub fn text(&self, view: &View) -> String {
        let mut out = Writer::new();
        out.byte(VERSION)
            .fixed(view.sha256.get(..8).unwrap_or_default())
            .int(self.evaluated_at.micros())
            .int(self.after.points_hundredths)
            .fixed(self.after.pseudonym.as_bytes());
        hex::encode(out.finish())
    }

    /// Reads a token; `None` when it is none, or of another view or view file.
    pub fn read(text: &str, view: &View) -> Option<Self> {
        let bytes = hex::decode(text).ok()?;
        let mut input = Reader::new(&bytes, "page token");
        if input.byte().ok()? != VERSION {
            return None;
        }
        let of: [u8; 8] = input.fixed().ok()?;
        if view.sha256.get(..8) != Some(of.as_slice()) {
            return None;
        }
        let token = Self {
            evaluated_at: Instant(input.int().ok()?),
            after: After {
                points_hundredths: input.int().ok()?,
                pseudonym: Pseudonym::new(input.fixed().ok()?),
            },
        };
        input.end().ok()?;
        Some(token)
    }
}
