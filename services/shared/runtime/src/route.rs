//! The way to the one process of several that may do something, for a process that is not it.

use http::Uri;
use parking_lot::Mutex;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::transport::{Channel, Endpoint};

/// How long an answer of the finder is used. A call that fails meanwhile is told to come again, and the next one asks anew.
const GOOD_FOR: Duration = Duration::from_secs(2);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Longer than that process takes for any call.
const CALL_WITHIN: Duration = Duration::from_secs(30);

/// Says where the process is; `None`: nobody is it now, or it does not say where it is. Blocks.
type Find = dyn Fn() -> Result<Option<Uri>, String> + Send + Sync;

struct Known {
    address: Uri,
    channel: Channel,
    since: Instant,
}

/// The way there. Clones share it.
#[derive(Clone)]
pub struct Route {
    own: Uri,
    find: Arc<Find>,
    known: Arc<Mutex<Option<Known>>>,
}

impl Route {
    /// The way from the process at `own` to the one that is found.
    pub fn new<E: Display>(
        own: Uri,
        find: impl Fn() -> Result<Option<Uri>, E> + Send + Sync + 'static,
    ) -> Self {
        Self {
            own,
            find: Arc::new(move || find().map_err(|error| error.to_string())),
            known: Arc::default(),
        }
    }

    /// A channel to it; `None`: nobody is it now, or it is this process.
    pub async fn channel(&self) -> Option<Channel> {
        if let Some(known) = &*self.known.lock()
            && known.since.elapsed() < GOOD_FOR
        {
            return Some(known.channel.clone());
        }
        let find = Arc::clone(&self.find);
        let address = match tokio::task::spawn_blocking(move || find()).await {
            Ok(Ok(address)) => address?,
            Ok(Err(error)) => {
                tracing::warn!(error, "the process that writes cannot be found now");
                return None;
            }
            Err(_) => return None,
        };
        if address == self.own {
            return None;
        }
        let mut known = self.known.lock();
        let channel = match &*known {
            // The connection is kept as long as the process stays where it is.
            Some(known) if known.address == address => known.channel.clone(),
            _ => Endpoint::from(address.clone())
                .connect_timeout(CONNECT_WITHIN)
                .timeout(CALL_WITHIN)
                .connect_lazy(),
        };
        *known = Some(Known {
            address,
            channel: channel.clone(),
            since: Instant::now(),
        });
        Some(channel)
    }

    /// Forgets what is known: the next call asks the finder.
    pub fn forget(&self) {
        *self.known.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::Route;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn the_finder_is_asked_once_until_the_way_is_forgotten() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let route = Route::new("http://127.0.0.1:7110".parse().unwrap(), move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, String>(Some("http://127.0.0.1:7111".parse().unwrap()))
        });
        assert!(route.channel().await.is_some());
        assert!(route.channel().await.is_some());
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        route.forget();
        assert!(route.channel().await.is_some());
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn there_is_no_way_to_nobody_nor_to_oneself() {
        let own: http::Uri = "http://127.0.0.1:7110".parse().unwrap();
        let here = own.clone();
        let oneself = Route::new(own.clone(), move || Ok::<_, String>(Some(here.clone())));
        assert!(oneself.channel().await.is_none());
        let nobody = Route::new(own.clone(), || Ok::<_, String>(None));
        assert!(nobody.channel().await.is_none());
        let silent = Route::new(own, || Err("the coordinator does not answer"));
        assert!(silent.channel().await.is_none());
    }
}
