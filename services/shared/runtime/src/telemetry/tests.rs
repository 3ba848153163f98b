use super::*;

fn environment<'a>(given: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    move |name| {
        given
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    }
}

#[test]
fn spans_are_exported_only_where_the_standard_variables_say_so() {
    assert!(!exports(&environment(&[])));
    assert!(exports(&environment(&[(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "http://127.0.0.1:4317"
    )])));
    assert!(exports(&environment(&[(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "http://127.0.0.1:4317"
    )])));
    assert!(!exports(&environment(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_SDK_DISABLED", "true"),
    ])));
    assert!(!exports(&environment(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ])));
}

#[test]
fn a_trace_goes_on_through_its_traceparent() {
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let first = tracing::info_span!("first");
        let carried = traceparent(&first).expect("exported spans have a trace");
        let second = tracing::info_span!("second");
        set_parent(&second, &carried);
        let own = traceparent(&second).expect("trace");
        assert_eq!(
            carried.split('-').nth(1),
            own.split('-').nth(1),
            "same trace"
        );
        assert_ne!(carried, own, "another span");

        let third = tracing::info_span!("third");
        link(&third, &carried);
        let linked = traceparent(&third).expect("trace");
        assert_ne!(
            carried.split('-').nth(1),
            linked.split('-').nth(1),
            "a link is another trace"
        );

        let odd = tracing::info_span!("odd");
        set_parent(&odd, "00-not-a-trace");
        assert!(traceparent(&odd).is_some());
    });
}

#[test]
fn without_an_exporter_there_is_no_traceparent() {
    tracing::subscriber::with_default(tracing_subscriber::registry(), || {
        assert_eq!(traceparent(&tracing::info_span!("alone")), None);
    });
}
