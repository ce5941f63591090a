package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Clients that all want the same few names. They make some requests each, then everything is
 * cleaned up and looked at; there has to be an order of the requests that explains all of it, and
 * the next round begins from where that leads.
 */
final class Contention implements AutoCloseable {

  static final int CLIENTS = 4;

  /** Of each client in a round. More of them, and looking for an order takes long. */
  static final int CALLS = 3;

  private static final Names NAMES = Names.few(5);

  private final TestRoot root;
  private final Clients clients = new Clients(CLIENTS);
  private final AtomicLong clock = new AtomicLong();
  private ModelSnapshotter state;

  /** Takes over the root. */
  Contention(TestRoot root, boolean canRebase) {
    this.root = root;
    this.state = new ModelSnapshotter(canRebase);
  }

  /**
   * Has the requests made.
   *
   * @param drawn those of the first client, then those of the second, and so on
   */
  void round(List<Operation.Request> drawn) {
    List<Operation.Request> requests =
        drawn.stream().map(request -> request.renamed(name -> NAMES.resolve(name, state))).toList();
    ConcurrentLinkedQueue<Call> calls = new ConcurrentLinkedQueue<>();
    clients.each(
        client ->
            requests.stream()
                .skip((long) client * CALLS)
                .limit(CALLS)
                .forEach(request -> calls.add(call(client, request))));
    calls.stream()
        .filter(call -> call.request() instanceof Operation.ListAll)
        .forEach(list -> checkList(list, requests));
    calls.removeIf(call -> call.request() instanceof Operation.ListAll);
    root.snapshotter().cleanup();
    calls.add(call(CLIENTS, new Operation.ListAll(List.of())));
    state =
        Linearization.find(root.driver(), state, List.copyOf(calls))
            .orElseThrow(() -> new AssertionError(unexplained(calls)));
    checkInvariants();
  }

  private Call call(int client, Operation.Request request) {
    long begin = clock.incrementAndGet();
    Outcome outcome = Outcome.of(() -> request.on(root.snapshotter()));
    return new Call(client, request, outcome, begin, clock.incrementAndGet());
  }

  private String unexplained(Iterable<Call> calls) {
    List<String> lines = new ArrayList<>();
    lines.add("no order of the requests explains what came of them");
    state.infos().forEach(info -> lines.add("before: " + info));
    calls.forEach(call -> lines.add(call.toString()));
    return String.join("\n  ", lines);
  }

  /** A list that is taken while others work is right about everything that nobody works on. */
  private void checkList(Call list, List<Operation.Request> requests) {
    Set<String> touched =
        requests.stream().flatMap(Contention::touched).collect(Collectors.toSet());
    Outcome expected = Outcome.of(() -> list.request().on(state.copy()));
    switch (list.outcome()) {
      case Outcome.Refusal refusal ->
          assertThat(expected)
              .isInstanceOfSatisfying(
                  Outcome.Refusal.class,
                  wanted -> assertThat(refusal.kind()).isEqualTo(wanted.kind()));
      case Outcome.Answer answer ->
          assertThat(expected)
              .isInstanceOfSatisfying(
                  Outcome.Answer.class,
                  wanted ->
                      assertThat(without(touched, answer)).isEqualTo(without(touched, wanted)));
    }
  }

  private static List<SnapshotInfo> without(Set<String> touched, Outcome.Answer list) {
    return Comparison.withoutTimes((List<?>) list.value()).stream()
        .filter(info -> !touched.contains(info.name()))
        .toList();
  }

  private static Stream<String> touched(Operation.Request request) {
    return switch (request) {
      case Operation.Prepare prepare -> Stream.of(prepare.key());
      case Operation.View view -> Stream.of(view.key());
      case Operation.Commit commit -> Stream.of(commit.name(), commit.key());
      case Operation.Remove remove -> Stream.of(remove.key());
      case Operation.Update update -> Stream.of(update.name());
      case Operation.Mounts _,
          Operation.Stat _,
          Operation.ListAll _,
          Operation.UsageOf _,
          Operation.Cleanup _ ->
          Stream.empty();
    };
  }

  private void checkInvariants() {
    Snapshotter snapshotter = root.snapshotter();
    Map<String, SnapshotInfo> listed = Comparison.list(snapshotter);
    listed.forEach((name, info) -> assertThat(snapshotter.stat(name)).isEqualTo(info));
    assertThat(root.directories()).hasSameSizeAs(listed.keySet());
    assertThat(root.trash()).isEmpty();
  }

  @Override
  public void close() {
    clients.close();
    root.stop();
    try {
      root.checkMetadata(Map.of());
    } finally {
      root.close();
    }
  }
}
