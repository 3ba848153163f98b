//! Clients of the processes, for any caller.

use super::Backbone;
use ed25519_dalek::Signer;
use std::time::Duration;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use walbrook_proto::control::v1::control_client::ControlClient;
use walbrook_proto::control::v1::{
    ControlReceipt, ProposeRequest, RegisterPartyKeyRequest, SignRequest,
};
use walbrook_proto::health::v1::health_events_client::HealthEventsClient;
use walbrook_proto::housing::v1::housing_events_client::HousingEventsClient;
use walbrook_proto::identity::v1::identity_client::IdentityClient;
use walbrook_proto::police::v1::police_events_client::PoliceEventsClient;
use walbrook_proto::social_care::v1::social_care_events_client::SocialCareEventsClient;
use walbrook_proto::view::v1::views_client::ViewsClient;
use walbrook_runtime::callers::{Credential, Issuer, TokenRequest, role};
use walbrook_runtime::keystore::KeyStore;

/// A connection that shows a caller's token with each call.
pub type Connection = InterceptedService<Channel, Credential>;

/// The key id under which every party's key is registered.
const PARTY_KEY: &str = "k1";

/// An agreement that was proposed, to be signed.
#[derive(Debug, Clone)]
pub struct Party {
    /// Its id.
    pub agreement: String,
    /// Its version.
    pub version: u32,
    /// SHA-256 of its canonical text.
    pub sha256: [u8; 32],
}

impl Backbone {
    /// The issuer whose tokens the processes trust.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// A channel to a process, made once; it connects when first used and again after a loss.
    #[must_use]
    pub fn channel(&self, name: &str) -> Channel {
        let address = self.address(name);
        let mut channels = self.channels.lock();
        let make = || {
            Endpoint::from_shared(address.clone())
                .expect("an address")
                .connect_timeout(Duration::from_secs(3))
                .timeout(Duration::from_secs(20))
                .connect_lazy()
        };
        channels.entry(address.clone()).or_insert_with(make).clone()
    }

    /// A connection to a process for a caller.
    #[must_use]
    pub fn connect(&self, name: &str, caller: TokenRequest) -> Connection {
        InterceptedService::new(
            self.channel(name),
            Credential::minted(self.issuer.clone(), caller),
        )
    }

    /// The same for a caller who waits for a minute.
    #[must_use]
    pub fn connect_patiently(&self, name: &str, caller: TokenRequest) -> Connection {
        let endpoint = Endpoint::from_shared(self.address(name)).expect("an address");
        let channel = endpoint.timeout(Duration::from_secs(60)).connect_lazy();
        InterceptedService::new(channel, Credential::minted(self.issuer.clone(), caller))
    }

    /// An organisation's housing system.
    #[must_use]
    pub fn housing(&self, organisation: &str) -> HousingEventsClient<Connection> {
        let caller = TokenRequest::new(organisation, "housing-system", role::PRODUCER)
            .events(&["housing.*"]);
        HousingEventsClient::new(self.connect("housing", caller))
    }

    /// A trust's system.
    #[must_use]
    pub fn health(&self, organisation: &str) -> HealthEventsClient<Connection> {
        let caller =
            TokenRequest::new(organisation, "health-system", role::PRODUCER).events(&["health.*"]);
        HealthEventsClient::new(self.connect("health", caller))
    }

    /// A force's system.
    #[must_use]
    pub fn police(&self, organisation: &str) -> PoliceEventsClient<Connection> {
        let caller =
            TokenRequest::new(organisation, "police-system", role::PRODUCER).events(&["police.*"]);
        PoliceEventsClient::new(self.connect("police", caller))
    }

    /// An authority's children's services system.
    #[must_use]
    pub fn social_care(&self, organisation: &str) -> SocialCareEventsClient<Connection> {
        let caller = TokenRequest::new(organisation, "social-care-system", role::PRODUCER)
            .events(&["social_care.*"]);
        SocialCareEventsClient::new(self.connect("social-care", caller))
    }

    /// Someone who acts for an organisation on agreements and grounds.
    #[must_use]
    pub fn control(&self, organisation: &str) -> ControlClient<Connection> {
        let caller = TokenRequest::new(organisation, "information-governance", role::CONTROL);
        ControlClient::new(self.connect("broker", caller))
    }

    /// The operator of the control plane.
    #[must_use]
    pub fn operator(&self) -> ControlClient<Connection> {
        ControlClient::new(self.connect(
            "broker",
            TokenRequest::new("WALBROOK:local", "operator", role::OPERATOR),
        ))
    }

    /// The operator who reviews identity's links.
    #[must_use]
    pub fn identity(&self) -> IdentityClient<Connection> {
        IdentityClient::new(self.connect(
            "identity",
            TokenRequest::new("WALBROOK:local", "reviewer", role::OPERATOR),
        ))
    }

    /// The system's own reviewer of pairs that the rules could not decide.
    #[must_use]
    pub fn reviewer(&self) -> IdentityClient<Connection> {
        IdentityClient::new(self.connect(
            "identity",
            TokenRequest::new("WALBROOK:local", "reviewer", role::REVIEWER),
        ))
    }

    /// A reader of views in a role.
    #[must_use]
    pub fn views(&self, organisation: &str, role: &str, name: &str) -> ViewsClient<Connection> {
        ViewsClient::new(self.connect("materialiser", TokenRequest::new(organisation, name, role)))
    }

    /// Registers the keys of these parties, proposes the document, and has each of them sign it.
    ///
    /// # Panics
    /// When the control plane refuses any of it.
    pub async fn agree(&self, document: &str, parties: &[&str]) -> Party {
        for party in parties {
            self.register_key(party).await;
        }
        let proposed = self.propose(document, 0).await;
        for party in parties {
            self.sign(&proposed, party).await;
        }
        proposed
    }

    /// Registers a party's public key; a second time is the first time's answer.
    pub async fn register_key(&self, party: &str) -> ControlReceipt {
        let key = self.keys.party(party).expect("a party's key");
        let request = RegisterPartyKeyRequest {
            organisation: party.to_owned(),
            key_id: PARTY_KEY.into(),
            public_key: key.verifying_key().to_bytes().to_vec(),
            active: true,
            idempotency_key: format!("key-{party}"),
        };
        self.operator()
            .register_party_key(request)
            .await
            .expect("the key is registered")
            .into_inner()
    }

    /// Proposes a document as the operator.
    pub async fn propose(&self, document: &str, expected_version: u32) -> Party {
        let agreement =
            walbrook_policy::agreement::Agreement::read(document).expect("a readable agreement");
        let request = ProposeRequest {
            document: document.to_owned(),
            expected_version,
            idempotency_key: String::new(),
        };
        let receipt = self
            .operator()
            .propose(request)
            .await
            .expect("the agreement is proposed")
            .into_inner();
        let sha256 = walbrook_policy::agreement::sha256(&agreement.canonical_text());
        Party {
            agreement: agreement.id.to_string(),
            version: receipt.version,
            sha256,
        }
    }

    /// Signs with the party's own key and the party's own token.
    pub async fn sign(&self, proposed: &Party, party: &str) -> ControlReceipt {
        let signature = self
            .keys
            .party(party)
            .expect("a party's key")
            .sign(&proposed.sha256)
            .to_bytes()
            .to_vec();
        let request = SignRequest {
            agreement_id: proposed.agreement.clone(),
            version: proposed.version,
            key_id: PARTY_KEY.into(),
            signature,
            idempotency_key: String::new(),
        };
        self.control(party)
            .sign(request)
            .await
            .expect("the party signs")
            .into_inner()
    }
}
