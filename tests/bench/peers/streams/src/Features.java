import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneId;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.util.Utf8;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Four features of a person, kept as a stream processor would: contacts in 28 days, the last arrears, whether a hostel stay is open, the day of the
 * last discharge. One store by person (RocksDB behind a cache, with a changelog), exactly once. No agreements, no viewers, no retractions, no
 * corrections, no audit: an event is folded as it comes and forgotten. Features are read over HTTP by person, from the same store.
 * Settings come from a properties file, whose Streams settings stand under "streams.".
 */
public final class Features {
    private static final String STORE = "features";
    private static final int FRAME = 5;
    private static final int WINDOW_DAYS = 28;

    private Features() {}

    public static void main(String[] args) throws Exception {
        Properties own = new Properties();
        try (var reader = Files.newBufferedReader(Path.of(args[0]))) {
            own.load(reader);
        }
        int today = Integer.parseInt(own.getProperty("today"));
        Map<String, String> schemas = new HashMap<>();
        for (String name : own.stringPropertyNames()) {
            if (name.startsWith("schema.")) {
                schemas.put(name.substring("schema.".length()), own.getProperty(name));
            }
        }
        StreamsBuilder builder = new StreamsBuilder();
        builder.addStateStore(Stores.keyValueStoreBuilder(
                        Stores.persistentKeyValueStore(STORE), Serdes.Bytes(), Serdes.ByteArray())
                .withCachingEnabled()
                .withLoggingEnabled(Map.of()));
        builder.stream(own.getProperty("input"), Consumed.with(Serdes.Bytes(), Serdes.ByteArray()))
                .process(() -> new Keep(schemas, today), STORE);

        KafkaStreams streams = new KafkaStreams(builder.build(), settings(own));
        CountDownLatch ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            ended.countDown();
        }));
        HttpServer server = HttpServer.create(
                new InetSocketAddress("127.0.0.1", Integer.parseInt(own.getProperty("port"))), 0);
        server.createContext("/", exchange -> {
            byte[] answer;
            int status = 200;
            try {
                String hex = exchange.getRequestURI().getPath().substring(1);
                ReadOnlyKeyValueStore<Bytes, byte[]> store = streams.store(
                        StoreQueryParameters.fromNameAndType(STORE, QueryableStoreTypes.keyValueStore()));
                byte[] found = store.get(Bytes.wrap(HexFormat.of().parseHex(hex)));
                answer = (found == null ? "" : Person.read(found).told(today)).getBytes(StandardCharsets.UTF_8);
            } catch (RuntimeException notNow) {
                status = 503;
                answer = notNow.toString().getBytes(StandardCharsets.UTF_8);
            }
            exchange.sendResponseHeaders(status, answer.length == 0 ? -1 : answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        streams.start();
        ended.await();
    }

    private static Properties settings(Properties own) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        for (String name : own.stringPropertyNames()) {
            if (name.startsWith("streams.")) {
                settings.put(name.substring("streams.".length()), own.getProperty(name));
            }
        }
        return settings;
    }

    /** What is kept of one person. */
    private static final class Person {
        private static final int NEVER = Integer.MIN_VALUE;

        int[] contacts = new int[4];
        int met;
        int arrearsDay = NEVER;
        long arrearsHigh;
        long arrearsLow;
        long arrears;
        int discharged = NEVER;
        Map<String, Boolean> stays = Map.of();

        void met(int day, int today) {
            if (day <= today - WINDOW_DAYS) {
                return;
            }
            if (met == contacts.length) {
                contacts = java.util.Arrays.copyOf(contacts, met * 2);
            }
            contacts[met++] = day;
        }

        void owes(int day, UUID event, long pence) {
            long high = event.getMostSignificantBits();
            long low = event.getLeastSignificantBits();
            boolean later = day != arrearsDay
                    ? day > arrearsDay
                    : high != arrearsHigh
                            ? Long.compareUnsigned(high, arrearsHigh) > 0
                            : Long.compareUnsigned(low, arrearsLow) >= 0;
            if (later) {
                arrearsDay = day;
                arrearsHigh = high;
                arrearsLow = low;
                arrears = pence;
            }
        }

        void stays(String reference, boolean left) {
            if (stays.isEmpty()) {
                stays = new HashMap<>();
            }
            stays.merge(reference, left, Boolean::logicalOr);
        }

        static Person read(byte[] bytes) {
            ByteBuffer in = ByteBuffer.wrap(bytes);
            Person person = new Person();
            person.met = in.getInt();
            person.contacts = new int[Math.max(4, person.met)];
            for (int at = 0; at < person.met; at++) {
                person.contacts[at] = in.getInt();
            }
            person.arrearsDay = in.getInt();
            person.arrearsHigh = in.getLong();
            person.arrearsLow = in.getLong();
            person.arrears = in.getLong();
            person.discharged = in.getInt();
            int count = in.get();
            for (int at = 0; at < count; at++) {
                byte[] reference = new byte[in.get()];
                in.get(reference);
                person.stays(new String(reference, StandardCharsets.UTF_8), in.get() == 1);
            }
            return person;
        }

        byte[] write() {
            int length = 4 + 4 * met + 4 + 24 + 4 + 1;
            for (String reference : stays.keySet()) {
                length += 2 + reference.length();
            }
            ByteBuffer out = ByteBuffer.allocate(length);
            out.putInt(met);
            for (int at = 0; at < met; at++) {
                out.putInt(contacts[at]);
            }
            out.putInt(arrearsDay).putLong(arrearsHigh).putLong(arrearsLow).putLong(arrears).putInt(discharged);
            out.put((byte) stays.size());
            stays.forEach((reference, left) -> {
                byte[] bytes = reference.getBytes(StandardCharsets.UTF_8);
                out.put((byte) bytes.length).put(bytes).put((byte) (left ? 1 : 0));
            });
            return out.array();
        }

        String told(int today) {
            int count = 0;
            for (int at = 0; at < met; at++) {
                if (contacts[at] > today - WINDOW_DAYS && contacts[at] <= today) {
                    count++;
                }
            }
            return count
                    + " "
                    + (arrearsDay == NEVER ? "-" : Long.toString(arrears))
                    + " "
                    + stays.containsValue(false)
                    + " "
                    + (discharged == NEVER ? "-" : Integer.toString(today - discharged));
        }
    }

    /** One thread's: readers, decoders and records are used again for each event. */
    private static final class Keep implements Processor<Bytes, byte[], Void, Void> {
        private final int today;
        private final Map<String, GenericDatumReader<GenericRecord>> readers = new HashMap<>();
        private final Map<String, GenericRecord> records = new HashMap<>();
        private final Map<String, Integer> days = new HashMap<>();
        private BinaryDecoder decoder;
        private KeyValueStore<Bytes, byte[]> store;

        Keep(Map<String, String> schemas, int today) {
            this.today = today;
            for (String type : new String[] {"arrears", "stay"}) {
                Schema written = new Schema.Parser().parse(schemas.get(type + ".written"));
                Schema needed = new Schema.Parser().parse(schemas.get(type + ".needed"));
                readers.put(type, new GenericDatumReader<>(written, needed));
            }
        }

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            store = context.getStateStore(STORE);
        }

        @Override
        public void process(Record<Bytes, byte[]> record) {
            String type = header(record, "ce_type");
            boolean known = switch (type) {
                case "housing.RoughSleepingContact",
                        "housing.RentArrearsChanged",
                        "housing.HostelStay",
                        "health.InpatientDischarge" -> true;
                default -> false;
            };
            if (!known) {
                return;
            }
            byte[] before = store.get(record.key());
            Person person = before == null ? new Person() : Person.read(before);
            int day = days.computeIfAbsent(header(record, "ce_time"), Keep::londonDay);
            switch (type) {
                case "housing.RoughSleepingContact" -> person.met(day, today);
                case "housing.RentArrearsChanged" -> {
                    GenericRecord body = body("arrears", record.value());
                    person.owes(day, UUID.fromString(header(record, "ce_id")), (Long) body.get(0));
                }
                case "housing.HostelStay" -> {
                    GenericRecord body = body("stay", record.value());
                    person.stays(((Utf8) body.get(0)).toString(), body.get(1) != null);
                }
                default -> person.discharged = Math.max(person.discharged, day);
            }
            store.put(record.key(), person.write());
        }

        private GenericRecord body(String type, byte[] value) {
            try {
                decoder = DecoderFactory.get().binaryDecoder(value, FRAME, value.length - FRAME, decoder);
                GenericRecord body = readers.get(type).read(records.get(type), decoder);
                records.put(type, body);
                return body;
            } catch (java.io.IOException error) {
                throw new IllegalStateException(error);
            }
        }

        private static String header(Record<Bytes, byte[]> record, String name) {
            Header found = record.headers().lastHeader(name);
            return found == null ? "" : new String(found.value(), StandardCharsets.UTF_8);
        }

        private static int londonDay(String time) {
            return (int) Instant.parse(time).atZone(ZoneId.of("Europe/London")).toLocalDate().toEpochDay();
        }
    }
}
