//! Page tokens: where a page begins, and what they belong to. They hold nothing that the reader was not shown.

use sha2::{Digest, Sha256};
use walbrook_domain::{Instant, Pseudonym};
use walbrook_view::View;
use walbrook_view::canon::{Reader, Writer};
use walbrook_view::query::{After, Query};

const VERSION: u8 = 2;
const QUESTION_BYTES: usize = 8;

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken {
    /// The stated time of the first page: the others have the same.
    pub evaluated_at: Instant,
    /// The last row shown.
    pub after: After,
}

/// What a token belongs to: the view's file, the condition and the order.
fn question(view: &View, query: &Query) -> [u8; QUESTION_BYTES] {
    let mut out = Writer::new();
    out.fixed(&view.sha256).text(&query.only);
    out.option(query.order.column.as_deref(), |out, column| {
        out.text(column);
    });
    out.byte(u8::from(query.order.descending));
    let hash = Sha256::digest(out.finish());
    let mut short = [0; QUESTION_BYTES];
    for (into, byte) in short.iter_mut().zip(hash) {
        *into = byte;
    }
    short
}

impl PageToken {
    /// The token as text, for this question.
    pub fn text(&self, view: &View, query: &Query) -> String {
        let mut out = Writer::new();
        out.byte(VERSION)
            .fixed(&question(view, query))
            .int(self.evaluated_at.micros())
            .option(self.after.key.as_ref(), |out, key| {
                out.value(key);
            })
            .fixed(self.after.pseudonym.as_bytes());
        hex::encode(out.finish())
    }

    /// Reads a token; `None` when it is none, or of another view, view file, condition or order.
    pub fn read(text: &str, view: &View, query: &Query) -> Option<Self> {
        let bytes = hex::decode(text).ok()?;
        let mut input = Reader::new(&bytes, "page token");
        if input.byte().ok()? != VERSION
            || input.fixed::<QUESTION_BYTES>().ok()? != question(view, query)
        {
            return None;
        }
        let token = Self {
            evaluated_at: Instant(input.int().ok()?),
            after: After {
                key: input.option(Reader::value).ok()?,
                pseudonym: Pseudonym::new(input.fixed().ok()?),
            },
        };
        input.end().ok()?;
        Some(token)
    }
}
