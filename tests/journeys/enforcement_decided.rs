//! What brokers have decided and committed in a town: positions, pages, and whether an audit finds a difference.

use super::*;

impl Town {
    /// Waits until every p has committed a position past the offset of control.policy: the bound that views use.
    pub fn wait_decided(&self, policy_next: i64) {
        let group = self.city.topic("broker");
        let asked: Vec<TopicPartition> = (0..self.city.partitions)
            .map(|number| TopicPartition::new(self.city.topic(topics::LINKS), number))
            .collect();
        let mut positions = self.kafka.positions();
        let deadline = Monotonic::now() + PATIENCE;
        loop {
            let committed = positions
                .committed(&group, &asked, false, PATIENCE)
                .expect("positions");
            let past = committed.iter().all(|entry| {
                let stamp = entry
                    .offset
                    .and_then(|offset| CommittedStamp::parse(offset, &entry.metadata).ok());
                stamp.is_some_and(|stamp| stamp.position.policy_next >= policy_next)
            });
            if past {
                return;
            }
            assert!(
                Monotonic::now() < deadline,
                "positions do not pass {policy_next}: {committed:?}"
            );
            std::thread::sleep(PAUSE);
        }
    }

    fn positions(&self, client: &mut impl Positions) -> Vec<Option<CommittedStamp>> {
        let group = self.city.topic("broker");
        let asked: Vec<TopicPartition> = (0..self.city.partitions)
            .map(|number| TopicPartition::new(self.city.topic(topics::LINKS), number))
            .collect();
        let committed = client.committed(&group, &asked, false, PATIENCE);
        let read = committed.expect("positions").into_iter();
        read.map(|entry| CommittedStamp::parse(entry.offset?, &entry.metadata).ok())
            .collect()
    }

    fn wait_positions(&self, what: &str, is_so: impl Fn(&[Option<CommittedStamp>]) -> bool) {
        let deadline = Monotonic::now() + PATIENCE;
        let mut client = self.kafka.positions();
        loop {
            let positions = self.positions(&mut client);
            if is_so(&positions) {
                return;
            }
            assert!(Monotonic::now() < deadline, "{what}: {positions:?}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until some p has a queue under way.
    pub fn wait_queued(&self) {
        self.wait_positions("no queue is under way", |positions| {
            let under_way = |stamp: &CommittedStamp| stamp.position.cursor.is_some();
            positions.iter().flatten().any(under_way)
        });
    }

    /// Waits until every p is past the offset of control.policy and nothing is queued.
    pub fn wait_through(&self, policy_next: i64) {
        self.wait_positions("the queue is not through", |positions| {
            positions.iter().all(|stamp| {
                stamp.as_ref().is_some_and(|stamp| {
                    stamp.position.policy_next >= policy_next && stamp.position.cursor.is_none()
                })
            })
        });
    }

    /// The group forgets its positions, as it does when it was empty for long. It must have no member, or one that died and is not missed yet.
    pub fn forget_positions(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let group = self.city.topic("broker");
        let admin = self.kafka.admin().expect("an admin");
        let deadline = Monotonic::now() + PATIENCE;
        while let Err(error) = runtime.block_on(admin.forget_group(&group)) {
            assert!(Monotonic::now() < deadline, "{error}");
        }
        let left = self.positions(&mut self.kafka.positions());
        assert!(left.iter().all(Option::is_none));
    }

    /// Waits until every raw event is decided and committed.
    pub fn wait_raw_decided(&self) {
        let group = self.city.topic("broker");
        let asked: Vec<TopicPartition> = (0..self.city.partitions)
            .map(|number| TopicPartition::new(self.city.topic("raw.housing"), number))
            .collect();
        let (mut positions, mut ends) = (self.kafka.positions(), self.kafka.ends().expect("ends"));
        let wanted = ends.high_watermarks(&asked, PATIENCE).expect("ends");
        // Longer than anything else here takes: it may be a long history.
        let deadline = Monotonic::now() + 3 * PATIENCE;
        loop {
            let committed = positions.committed(&group, &asked, false, PATIENCE);
            let committed = committed.expect("positions");
            let past = |(entry, end): (&walbrook_eventlog::Committed, &i64)| {
                entry.offset.is_some_and(|offset| offset >= *end)
            };
            if committed.iter().zip(&wanted).all(past) {
                return;
            }
            assert!(Monotonic::now() < deadline, "{committed:?} of {wanted:?}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until p is taken over; how many records were read for it.
    pub fn wait_taken_over(&self, broker: &InThread, partition: i32) -> u64 {
        let deadline = Monotonic::now() + PATIENCE;
        loop {
            // A gauge is 0 between its making and its first setting.
            if let Some(read @ 1..) = broker.takeover_records(partition) {
                return read;
            }
            assert!(
                Monotonic::now() < deadline,
                "p={partition} is not taken over"
            );
            std::thread::sleep(PAUSE);
        }
    }

    /// Every event that was ever released under an agreement, also those taken back.
    pub fn released_ever(&self, agreement: &str) -> BTreeSet<EventId> {
        self.read_all(&topics::shared(PURPOSE), self.city.partitions)
            .iter()
            .filter(|record| {
                record
                    .headers
                    .text(headers::TYPE)
                    .is_some_and(|text| text.starts_with("housing."))
            })
            .map(|record| {
                ReleaseEnvelope::read(|name| record.headers.get(name)).expect("a release")
            })
            .filter(|release| release.agreement.as_str() == agreement)
            .map(|release| release.id)
            .collect()
    }

    /// Pages are numbered without a hole and cover every raw offset once; permits and releases, retractions listed and written, are as many;
    /// and the auditor finds no difference.
    pub fn check_pages(&self) {
        let (mut next, mut covered): (BTreeMap<i32, i64>, BTreeMap<i32, i64>) =
            (BTreeMap::new(), BTreeMap::new());
        let (mut permits, mut retractions) = (0, 0);
        for record in self.read_all(topics::DECISIONS, self.city.partitions) {
            let (_, body) = unframe(record.value.as_deref()).expect("the wire format");
            let page = DecisionPage::decode_exact(body).expect("a page");
            let sequence = next.entry(page.partition).or_default();
            assert_eq!(
                page.sequence, *sequence,
                "pages of p={} are numbered without a hole",
                page.partition
            );
            *sequence += 1;
            if page.kind == "LIVE" {
                let from = covered.entry(page.partition).or_default();
                assert_eq!(page.first_offset, *from, "pages join");
                *from = page.last_offset + 1;
            }
            let redecided = page.redecided.iter().flat_map(|event| &event.entries);
            permits += page
                .entries
                .iter()
                .chain(redecided)
                .filter(|entry| entry.outcome == 1)
                .count();
            retractions += page.retractions.len();
        }
        let shelf = self.shelf();
        assert_eq!(
            (permits, retractions),
            (shelf.releases, shelf.retractions),
            "what pages say and what stands on the topic"
        );
        self.audit();
    }

    /// The auditor derives everything again and finds no difference.
    fn audit(&self) {
        let table = topics::table(&self.city.namespace, self.city.partitions);
        let counts = move |name: &str| {
            table
                .iter()
                .find(|topic| topic.name == name)
                .map(|topic| topic.partitions)
        };
        let (reader, ends) = (
            self.kafka.reader().expect("a reader"),
            self.kafka.ends().expect("ends"),
        );
        let mut source =
            walbrook_auditor::LiveSource::new(self.city.namespace.clone(), reader, ends, counts);
        let log =
            walbrook_auditor::Log::read(&mut source, &mut |_| {}).expect("the log is readable");
        let found = walbrook_auditor::verify(&log, &walbrook_auditor::Options::default());
        assert!(
            found.report.differences().is_empty(),
            "{:#?}",
            found.report.differences()
        );
    }
}
