//! Joined views and who may read them.
