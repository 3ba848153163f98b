.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench nightly schemas golden
help: ; @sed -n '2,$${s/^\([a-z]*\): ;.* ## \(.*\)/make \1~\2/p}' Makefile | grep -v '^make help' | awk -F'~' '{printf "%-13s %s\n", $$1, $$2}'
setup: ; @deploy/setup.sh ## install what is missing on this machine (the other targets call it)
demo: ; @deploy/setup.sh && cargo build --workspace --bins && exec cargo run --quiet --bin walbrook -- demo $(ARGS) ## start everything, send a synthetic city through it, show who sees what (ARGS=--exit stops by itself)
test: ; @deploy/test.sh ## every test, on a real Kafka that is started and stopped
check: ; @deploy/check.sh ## format, lints, documentation, dependencies
bench: ; @deploy/setup.sh && cargo build --release --workspace --bins && exec cargo run --release --quiet --bin walbrook-bench -- $(if $(BENCH),--only $(BENCH)) $(if $(FULL),--full) ## short benchmarks (BENCH=name for one, FULL=1 for the stated size)
nightly: ; @deploy/test.sh && cargo test --locked --package walbrook-tests --test simulation --test clients -- --ignored && cargo test --locked --package walbrook-materialiser --test state -- --ignored && exec cargo test --locked --package walbrook-fuzz -- --ignored ## every test, ten thousand histories of enforcement, materialisers killed for ten minutes, the client examples, and each decoder a minute of broken input
schemas: ; @deploy/setup.sh && WALBROOK_WRITE_SCHEMAS=1 cargo test --package walbrook-proto --test schemas --test contract ## write what is new in proto/: Avro schemas into schemas/, promises to clients into proto/contract.lock
golden: ; @deploy/setup.sh && cargo run --quiet --package walbrook-policy --example golden ## write the golden tables of decisions and reads anew; the difference is for the reviewer
