//! Every change of a copy is found, and the report says where.
