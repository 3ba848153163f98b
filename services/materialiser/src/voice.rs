//! Whether a version of a purpose's views speaks for them: one that is being filled beside another says nothing of removals, and states nothing
//! complete. When it takes the other's place, it speaks of what that one has not spoken of.

use std::sync::OnceLock;

/// Shared by everything of one version.
#[derive(Debug, Default)]
pub struct Voice(OnceLock<Said>);

/// Up to which offset of each partition another version has spoken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said(Vec<i64>);

impl Said {
    /// Another version spoke of everything below these offsets, by partition.
    pub const fn below(offsets: Vec<i64>) -> Self {
        Self(offsets)
    }

    /// Whether it spoke of this cause.
    pub fn is_said(&self, (partition, offset): (i32, i64)) -> bool {
        let of = usize::try_from(partition)
            .ok()
            .and_then(|at| self.0.get(at));
        of.is_some_and(|next| offset < *next)
    }
}

impl Voice {
    /// One that speaks from the beginning, of everything.
    pub fn speaking() -> Self {
        let voice = Self::default();
        voice.speak(Said::default());
        voice
    }

    /// From now on it speaks, but of what was said.
    pub fn speak(&self, said: Said) {
        // It begins once.
        let _ = self.0.set(said);
    }

    /// Whether it does not speak yet.
    pub fn is_silent(&self) -> bool {
        self.0.get().is_none()
    }

    /// What was said before it; `None`: it does not speak yet.
    pub fn speaks_from(&self) -> Option<&Said> {
        self.0.get()
    }
}
