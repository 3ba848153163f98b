//! Envelope, Avro codec, projection, the seal/open seam.
