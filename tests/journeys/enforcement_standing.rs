//! What stands on the topics of a town.

use super::*;

/// A topic that is folded as it grows: who waits reads no record twice.
struct Following {
    reader: Box<dyn Reader>,
    ends: Box<dyn Ends>,
    partitions: Vec<TopicPartition>,
    shelf: Shelf,
}

impl Following {
    /// Takes in everything up to where the topic ends now.
    fn catch_up(&mut self) {
        let ends = self.ends.high_watermarks(&self.partitions, PATIENCE);
        let ends = ends.expect("ends");
        let deadline = Monotonic::now() + PATIENCE;
        let mut batch = Vec::new();
        loop {
            let reader = &self.reader;
            let mut all = self.partitions.iter().zip(&ends);
            if all.all(|(at, end)| reader.position(at).unwrap_or(0) >= *end) {
                return;
            }
            let polled = self
                .reader
                .poll(10_000, Duration::from_millis(50), &mut batch);
            polled.expect("polled");
            batch.drain(..).for_each(|record| self.shelf.put(&record));
            assert!(
                Monotonic::now() < deadline,
                "{:?} are not readable up to {ends:?}",
                self.partitions
            );
        }
    }
}

impl Town {
    fn partitions_of(&self, plain: &str, partitions: i32) -> Vec<TopicPartition> {
        let topic = self.city.topic(plain);
        let numbers = 0..partitions;
        numbers
            .map(|number| TopicPartition::new(topic.as_str(), number))
            .collect()
    }

    pub(super) fn read_all(&self, plain: &str, partitions: i32) -> Vec<Record> {
        let mut ends = self.kafka.ends().expect("ends");
        let mut all = Vec::new();
        for at in self.partitions_of(plain, partitions) {
            let end = ends
                .high_watermarks(std::slice::from_ref(&at), PATIENCE)
                .expect("an end")[0];
            let mut reader = self.kafka.reader().expect("a reader");
            reader.assign(&[(at.clone(), 0)]).expect("assigned");
            let deadline = Monotonic::now() + PATIENCE;
            while reader.position(&at).unwrap_or(0) < end {
                reader
                    .poll(10_000, Duration::from_millis(50), &mut all)
                    .expect("polled");
                assert!(
                    Monotonic::now() < deadline,
                    "{at} is not readable up to {end}"
                );
            }
        }
        all
    }

    fn following(&self) -> Following {
        let partitions = self.partitions_of(&topics::shared(PURPOSE), self.city.partitions);
        let mut reader = self.kafka.reader().expect("a reader");
        let starts: Vec<_> = partitions.iter().map(|at| (at.clone(), 0)).collect();
        reader.assign(&starts).expect("assigned");
        Following {
            reader: Box::new(reader),
            ends: Box::new(self.kafka.ends().expect("ends")),
            partitions,
            shelf: Shelf::default(),
        }
    }

    /// What stands now.
    pub fn shelf(&self) -> Shelf {
        let mut following = self.following();
        following.catch_up();
        following.shelf
    }

    /// Waits until what stands is as described, and returns it.
    pub fn wait(&self, what: &str, is_so: impl Fn(&Shelf) -> bool) -> Shelf {
        let deadline = Monotonic::now() + PATIENCE;
        let mut following = self.following();
        loop {
            following.catch_up();
            let shelf = &following.shelf;
            if is_so(shelf) {
                return following.shelf;
            }
            assert!(
                Monotonic::now() < deadline,
                "{what}: not within {PATIENCE:?}; {} contributions, {} releases, {} retractions",
                shelf.contributions.len(),
                shelf.releases,
                shelf.retractions
            );
            std::thread::sleep(PAUSE);
        }
    }
}
