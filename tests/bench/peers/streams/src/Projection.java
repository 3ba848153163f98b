import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * What enforcement costs least: each event's fields cut down and its key replaced by a pseudonym, exactly once. No agreements, no grounds, no
 * links, no barrier, no pages. Settings come from a properties file, whose Streams settings stand under "streams.".
 */
public final class Projection {
    private Projection() {}

    public static void main(String[] args) throws Exception {
        Properties own = new Properties();
        try (var reader = Files.newBufferedReader(Path.of(args[0]))) {
            own.load(reader);
        }
        Schema written = schema(own, "schema.written");
        Schema granted = schema(own, "schema.granted");
        byte[] key = HexFormat.of().parseHex(own.getProperty("key"));
        int schemaId = Integer.parseInt(own.getProperty("schema.id"));

        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(own.getProperty("input"), Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .process(() -> new Project(written, granted, schemaId, key))
                .to(own.getProperty("output"), Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));

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
        streams.start();
        ended.await();
    }

    private static Schema schema(Properties own, String name) throws IOException {
        return new Schema.Parser().parse(own.getProperty(name));
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

    /** One thread's: the decoder, the encoder, the Mac and every buffer are used again for each event. */
    private static final class Project implements Processor<byte[], byte[], byte[], byte[]> {
        private static final int FRAME = 5;
        private static final int PSEUDONYM = 16;

        private final GenericDatumReader<GenericRecord> reader;
        private final GenericDatumWriter<GenericRecord> writer;
        private final int schemaId;
        private final byte[] prefix = {0, 0, 0, 6, 'p', 'e', 'r', 's', 'o', 'n', 0, 0, 0, 16};
        private final Mac mac;
        private final Out out = new Out();
        private BinaryDecoder decoder;
        private BinaryEncoder encoder;
        private GenericRecord event;
        private ProcessorContext<byte[], byte[]> context;

        Project(Schema written, Schema granted, int schemaId, byte[] key) {
            this.reader = new GenericDatumReader<>(written, granted);
            this.writer = new GenericDatumWriter<>(granted);
            this.schemaId = schemaId;
            try {
                mac = Mac.getInstance("HmacSHA256");
                mac.init(new SecretKeySpec(key, "HmacSHA256"));
            } catch (GeneralSecurityException error) {
                throw new IllegalStateException(error);
            }
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            context.forward(record.withKey(pseudonym(record.key())).withValue(projected(record.value())));
        }

        private byte[] pseudonym(byte[] handle) {
            mac.update(prefix);
            mac.update(handle);
            return Arrays.copyOf(mac.doFinal(), PSEUDONYM);
        }

        private byte[] projected(byte[] value) {
            try {
                decoder = DecoderFactory.get().binaryDecoder(value, FRAME, value.length - FRAME, decoder);
                event = reader.read(event, decoder);
                out.reset();
                out.write(0);
                for (int shift = 24; shift >= 0; shift -= 8) {
                    out.write(schemaId >>> shift);
                }
                encoder = EncoderFactory.get().directBinaryEncoder(out, encoder);
                writer.write(event, encoder);
                return out.toByteArray();
            } catch (IOException error) {
                throw new IllegalStateException(error);
            }
        }
    }

    /** A buffer without locks. */
    private static final class Out extends java.io.OutputStream {
        private byte[] bytes = new byte[512];
        private int length;

        void reset() {
            length = 0;
        }

        byte[] toByteArray() {
            return Arrays.copyOf(bytes, length);
        }

        @Override
        public void write(int one) {
            room(1);
            bytes[length++] = (byte) one;
        }

        @Override
        public void write(byte[] from, int start, int count) {
            room(count);
            System.arraycopy(from, start, bytes, length, count);
            length += count;
        }

        private void room(int more) {
            if (length + more > bytes.length) {
                bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more));
            }
        }
    }
}
