//! Typed ids and the words of the field.
