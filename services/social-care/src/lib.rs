//! Facts of the social-care agency.
