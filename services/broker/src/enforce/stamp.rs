//! How far p has come: the positions that commit with every transaction of p and stand on every page.

/// p's position in the control topics and its own pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Next unapplied offset of `control.policy`.
    pub policy_next: i64,
    /// Next unapplied offset of `control.links[p]`.
    pub links_next: i64,
    /// Sequence of the next page of p.
    pub next_page: i64,
}

/// The position committed for `control.links[p]` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the committed position of control.links carries metadata this version cannot read; \
     it was written by a newer broker or by another tool: let that version run, or restore the position from the last page"
)]
pub struct StampError;

impl Stamp {
    /// The metadata committed beside `control.links[p]`, whose offset is [`links_next`](Self::links_next). The cursor is that of an agreement-level
    /// re-decision; none is queued in this version.
    pub fn metadata(&self) -> String {
        format!(
            "v1 policy={} page={} cursor=-",
            self.policy_next, self.next_page
        )
    }

    /// Reads what [`metadata`](Self::metadata) wrote.
    ///
    /// # Errors
    /// When the text is of another version or form.
    pub fn parse(links_next: i64, metadata: &str) -> Result<Self, StampError> {
        let mut words = metadata.split(' ');
        if words.next() != Some("v1") {
            return Err(StampError);
        }
        let mut number = |name: &str| {
            let word = words.next()?.strip_prefix(name)?.strip_prefix('=')?;
            word.parse::<i64>().ok().filter(|number| *number >= 0)
        };
        let policy_next = number("policy").ok_or(StampError)?;
        let next_page = number("page").ok_or(StampError)?;
        if words.next() != Some("cursor=-") || words.next().is_some() || links_next < 0 {
            return Err(StampError);
        }
        Ok(Self {
            policy_next,
            links_next,
            next_page,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_reads_back() {
        let stamp = Stamp {
            policy_next: 17,
            links_next: 4,
            next_page: 9,
        };
        assert_eq!(stamp.metadata(), "v1 policy=17 page=9 cursor=-");
        assert_eq!(Stamp::parse(4, &stamp.metadata()), Ok(stamp));
    }

    #[test]
    fn another_form_is_refused() {
        for text in [
            "",
            "v1",
            "v2 policy=1 page=1 cursor=-",
            "v1 policy=1 page=1 cursor=3",
            "v1 policy=-1 page=1 cursor=-",
        ] {
            assert_eq!(Stamp::parse(0, text), Err(StampError), "{text}");
        }
    }
}
