package walbrook.example;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import walbrook.common.v1.DateOuterClass.Date;
import walbrook.common.v1.Event.Demographics;
import walbrook.common.v1.Event.EventHead;
import walbrook.common.v1.Event.EventOutcome;
import walbrook.common.v1.Event.FrameReceipt;
import walbrook.common.v1.Event.Receipt;
import walbrook.common.v1.Event.Subject;
import walbrook.housing.v1.Events.RentArrearsChanged;
import walbrook.housing.v1.HousingEventsGrpc;
import walbrook.housing.v1.Service.Event;
import walbrook.housing.v1.Service.PublishFrame;
import walbrook.housing.v1.Service.PublishRequest;

/**
 * A small client of a Walbrook agency service: one event, the same event again, a refusal, then many events over one stream.
 *
 * <p>Arguments: the address, a file that holds a token, and how many events to stream (2,000). The people are invented.
 */
public final class Publish {
  /** A receipt waits for Kafka on all replicas, and once a subject for identity. */
  private static final int DEADLINE_S = 10;

  private static final int TRIES = 8;

  /** Frames without an answer; the service takes no more at a time. */
  private static final int WINDOW = 8;

  /** Events a frame; 1,000 at most. */
  private static final int FRAME = 200;

  /** A stream on which nothing is answered for so long is given up. */
  private static final int SILENCE_S = 60;

  private final HousingEventsGrpc.HousingEventsBlockingStub calls;
  private final HousingEventsGrpc.HousingEventsStub streams;

  private Publish(ManagedChannel channel, Path tokenFile) throws Exception {
    Metadata headers = new Metadata();
    Metadata.Key<String> key = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    headers.put(key, "Bearer " + Files.readString(tokenFile).strip());
    var token = MetadataUtils.newAttachHeadersInterceptor(headers);
    calls = HousingEventsGrpc.newBlockingStub(channel).withInterceptors(token);
    streams = HousingEventsGrpc.newStub(channel).withInterceptors(token);
  }

  public static void main(String[] arguments) throws Exception {
    int count = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 2_000;
    // On one machine; elsewhere leave usePlaintext out.
    ManagedChannel channel = ManagedChannelBuilder.forTarget(arguments[0]).usePlaintext().build();
    try {
      new Publish(channel, Path.of(arguments[1])).run(count);
    } finally {
      channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  private void run(int count) throws Exception {
    Event event = arrears("JV-1", 120_000, "LA");
    System.out.println("receipt " + event.getHead().getEventId() + " " + publish(event).getReceiptId());
    Receipt again = publish(event);
    System.out.println("again " + again.getEventId() + " " + again.getReceiptId());
    try {
      publish(arrears("JV-1", 120_000, "A FRIEND"));
    } catch (StatusRuntimeException error) {
      for (BadRequest.FieldViolation violation : violations(error)) {
        System.out.println("refused " + violation.getReason() + " " + violation.getField());
      }
    }
    List<Event> events = new ArrayList<>();
    for (int number = 0; number < count; number++) {
      events.add(arrears("JV-" + number % 50, number, "LA"));
    }
    long receipts = publishAll(events).stream().filter(EventOutcome::hasReceipt).count();
    System.out.println("stream " + receipts + " receipts of " + count);
  }

  /** One event, until there is a receipt. The event id stays the same: a retry counts once. */
  private Receipt publish(Event event) throws InterruptedException {
    PublishRequest request = PublishRequest.newBuilder().setEvent(event).build();
    for (int attempt = 0; ; attempt++) {
      try {
        return calls.withDeadlineAfter(DEADLINE_S, TimeUnit.SECONDS).publish(request);
      } catch (StatusRuntimeException error) {
        if (!passes(error.getStatus()) || attempt == TRIES - 1) {
          throw error;
        }
        pause(attempt);
      }
    }
  }

  /** Many events over streams. Frames without an answer when a stream breaks are sent again over the next one. */
  private List<EventOutcome> publishAll(List<Event> events) throws Exception {
    Deque<List<Event>> waiting = new ArrayDeque<>();
    for (int at = 0; at < events.size(); at += FRAME) {
      waiting.add(events.subList(at, Math.min(at + FRAME, events.size())));
    }
    List<EventOutcome> outcomes = new ArrayList<>();
    for (int attempt = 0; ; attempt++) {
      try {
        stream(waiting, outcomes);
        return outcomes;
      } catch (StatusRuntimeException error) {
        if (!passes(error.getStatus()) || attempt == TRIES - 1) {
          throw error;
        }
        pause(attempt);
      }
    }
  }

  /** One stream: at most WINDOW frames without an answer. A frame leaves {@code waiting} when it is answered. */
  private void stream(Deque<List<Event>> waiting, List<EventOutcome> outcomes) throws Exception {
    List<List<Event>> frames = new ArrayList<>(waiting);
    Semaphore free = new Semaphore(WINDOW);
    CompletableFuture<Void> ended = new CompletableFuture<>();
    StreamObserver<PublishFrame> sent =
        streams.publishStream(
            new StreamObserver<>() {
              @Override
              public void onNext(FrameReceipt answer) {
                waiting.removeFirst();
                outcomes.addAll(answer.getOutcomesList());
                free.release();
              }

              @Override
              public void onError(Throwable error) {
                ended.completeExceptionally(error);
                free.release();
              }

              @Override
              public void onCompleted() {
                ended.complete(null);
              }
            });
    long sequence = 0;
    for (List<Event> events : frames) {
      if (!free.tryAcquire(SILENCE_S, TimeUnit.SECONDS)) {
        sent.onError(Status.CANCELLED.asException());
        throw Status.UNAVAILABLE.withDescription("no answer").asRuntimeException();
      }
      if (ended.isDone()) {
        break;
      }
      sequence++;
      sent.onNext(PublishFrame.newBuilder().setSequence(sequence).addAllEvents(events).build());
    }
    if (!ended.isDone()) {
      sent.onCompleted();
    }
    try {
      ended.get(SILENCE_S, TimeUnit.SECONDS);
    } catch (ExecutionException error) {
      throw Status.fromThrowable(error.getCause()).asRuntimeException();
    } catch (TimeoutException error) {
      throw Status.UNAVAILABLE.withDescription("no answer").asRuntimeException();
    }
  }

  private static boolean passes(Status status) {
    return switch (status.getCode()) {
      case UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED -> true;
      default -> false;
    };
  }

  /** Doubles from 0.1 s to 5 s, with chance, so that clients do not come back all at once. */
  private static void pause(int attempt) throws InterruptedException {
    double most = Math.min(5_000, 100 * Math.pow(2, attempt));
    Thread.sleep((long) (most * ThreadLocalRandom.current().nextDouble(0.5, 1.0)));
  }

  /** Everything that is wrong with an event, all at once. */
  private static List<BadRequest.FieldViolation> violations(StatusRuntimeException error)
      throws InvalidProtocolBufferException {
    com.google.rpc.Status status = StatusProto.fromThrowable(error);
    List<BadRequest.FieldViolation> found = new ArrayList<>();
    for (var detail : status.getDetailsList()) {
      if (detail.is(BadRequest.class)) {
        found.addAll(detail.unpack(BadRequest.class).getFieldViolationsList());
      }
    }
    return found;
  }

  /** Rent arrears of an invented tenant, found ten days ago. */
  private static Event arrears(String localId, long pence, String landlord) {
    Demographics who =
        Demographics.newBuilder()
            .setGivenName("Aveline")
            .setFamilyName("Quillfeather")
            .setBirthDate(date(LocalDate.of(1987, 3, 14)))
            .setPostcode("NW1 0XX")
            .build();
    EventHead head =
        EventHead.newBuilder()
            .setEventId(UUID.randomUUID().toString())
            .setSubject(Subject.newBuilder().setScheme("LOCAL").setLocalId(localId).setDemographics(who))
            .setOccurredOn(date(LocalDate.now().minusDays(10)))
            .build();
    RentArrearsChanged body =
        RentArrearsChanged.newBuilder()
            .setTenancyRef("T-" + localId)
            .setLandlordType(landlord)
            .setArrearsPence(pence)
            .setContactMade(true)
            .build();
    return Event.newBuilder().setHead(head).setRentArrearsChanged(body).build();
  }

  private static Date date(LocalDate day) {
    return Date.newBuilder()
        .setYear(day.getYear())
        .setMonth(day.getMonthValue())
        .setDay(day.getDayOfMonth())
        .build();
  }
}
