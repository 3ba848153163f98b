//! An answer of a watch as it goes out. Whoever is in step is told the same but for the id of the own read, so the same is encoded once for all of
//! them: encoding it for each of a thousand streams took more than working it out.

use prost::bytes::{Buf as _, BufMut, Bytes};
use prost::{DecodeError, Message as _};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use walbrook_proto::view::v1::{AnswerFacts, WatchRowsRequest, WatchRowsResponse};

/// What everybody in step is told, encoded.
#[derive(Debug, Clone)]
pub struct Same(Bytes);

impl Same {
    /// Encodes an answer, which has no read's id yet.
    pub fn new(answer: &WatchRowsResponse) -> Self {
        Self(answer.encode_to_vec().into())
    }
}

/// One stream's answer.
#[derive(Debug, Clone)]
pub struct Told {
    same: Same,
    own: WatchRowsResponse,
}

impl Told {
    /// The same that others are told, by a read of its own.
    pub fn new(same: Same, read_id: String) -> Self {
        let facts = AnswerFacts {
            read_id,
            ..AnswerFacts::default()
        };
        let own = WatchRowsResponse {
            facts: Some(facts),
            ..WatchRowsResponse::default()
        };
        Self { same, own }
    }

    /// Two encodings one after another are one message: whoever reads it puts the fields of both together, those of `facts` too.
    fn encode(&self, out: &mut impl BufMut) -> Result<(), prost::EncodeError> {
        out.put_slice(&self.same.0);
        self.own.encode(out)
    }

    /// As one message.
    ///
    /// # Errors
    /// Never: both were encoded here.
    pub fn message(&self) -> Result<WatchRowsResponse, DecodeError> {
        let own = self.own.encode_to_vec();
        WatchRowsResponse::decode(self.same.0.clone().chain(own.as_slice()))
    }
}

/// The form in which a watch goes over the wire: a client sees plain protobuf.
#[derive(Debug, Clone, Copy, Default)]
pub struct Form;

impl Codec for Form {
    type Encode = Told;
    type Decode = WatchRowsRequest;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Form {
    type Item = Told;
    type Error = Status;

    fn encode(&mut self, told: Told, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(told.same.0.len() + told.own.encoded_len());
        let encoded = told.encode(out);
        encoded.map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Form {
    type Item = WatchRowsRequest;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<WatchRowsRequest>, Status> {
        let request = WatchRowsRequest::decode(from);
        let request = request.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Some(request))
    }
}

#[cfg(test)]
mod tests;
