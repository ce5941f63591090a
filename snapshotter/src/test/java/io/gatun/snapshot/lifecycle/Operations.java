package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.lifecycle.Names.Draw;
import io.gatun.snapshot.lifecycle.Operation.Cleanup;
import io.gatun.snapshot.lifecycle.Operation.Commit;
import io.gatun.snapshot.lifecycle.Operation.ListAll;
import io.gatun.snapshot.lifecycle.Operation.Mounts;
import io.gatun.snapshot.lifecycle.Operation.Prepare;
import io.gatun.snapshot.lifecycle.Operation.Remove;
import io.gatun.snapshot.lifecycle.Operation.Restart;
import io.gatun.snapshot.lifecycle.Operation.Stat;
import io.gatun.snapshot.lifecycle.Operation.Update;
import io.gatun.snapshot.lifecycle.Operation.UsageOf;
import io.gatun.snapshot.lifecycle.Operation.View;
import io.gatun.snapshot.lifecycle.Operation.Write;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.RandomDistribution;
import net.jqwik.api.Tuple;

/**
 * Random operations. Names come from a small pool, so that operations meet; what they are called on
 * is mostly what they are meant for, and now and then anything.
 */
final class Operations {

  /** How many operations a run makes, over all its sequences. */
  static final int COUNT = Integer.getInteger("gatun.lifecycle.operations", 10_000);

  /** The first is as long as a key may be, the others are no keys. */
  private static final List<String> ODD_KEYS =
      List.of(
          Draw.LONGEST.at(0),
          "x".repeat(ModelSnapshotter.KEY_BYTES_MAX + 1),
          "牛".repeat(ModelSnapshotter.KEY_BYTES_MAX / 3 + 1),
          "",
          "nul\0nul",
          "\uD800",
          "lone\uDC00low");

  private static final List<Map<String, String>> ODD_LABELS =
      List.of(
          Map.of("empty", ""),
          Map.of("", "l"),
          Map.of("l", "x".repeat(ModelSnapshotter.LABEL_BYTES_MAX - 1)),
          Map.of("l", "x".repeat(ModelSnapshotter.LABEL_BYTES_MAX)),
          Map.of("l".repeat(ModelSnapshotter.LABEL_BYTES_MAX + 1), ""),
          Map.of("l", "\uD800"),
          Map.of("\uDFFF", "l"));

  /** Only shorter ones are tried when a sequence that fails is shrunk. */
  private static final RandomDistribution LONGEST = (genSize, min, max, center) -> random -> max;

  private Operations() {}

  static Arbitrary<Operation> any() {
    return Arbitraries.frequencyOf(
            Tuple.of(16, creations()),
            Tuple.of(12, commits()),
            Tuple.of(8, mostly(Draw.LEAF, Draw.PRESENT).map(Remove::new)),
            Tuple.of(4, mostly(Draw.PRESENT, Draw.ACTIVE).map(Mounts::new)),
            Tuple.of(3, mostly(Draw.PRESENT, Draw.FREE).map(Stat::new)),
            Tuple.of(3, mostly(Draw.PRESENT, Draw.FREE).map(UsageOf::new)),
            Tuple.of(5, updates()),
            Tuple.of(3, filters().list().ofMaxSize(2).map(ListAll::new)),
            Tuple.of(4, writes()),
            Tuple.of(1, Arbitraries.just(new Cleanup())))
        // The extremes of each part are drawn as often as the weights say, and not more.
        .withoutEdgeCases();
  }

  /** The same, and now and then a restart. */
  static Arbitrary<Operation> anyWithRestarts() {
    return Arbitraries.frequencyOf(
        Tuple.of(250, any()), Tuple.of(1, Arbitraries.just(new Restart())));
  }

  /** {@return sequences of this length, which shrink} */
  static Arbitrary<List<Operation>> sequences(int length) {
    return anyWithRestarts()
        .list()
        .ofMaxSize(length)
        .withSizeDistribution(LONGEST)
        .withoutEdgeCases();
  }

  /** {@return so many requests, to be made at the same time} */
  static Arbitrary<List<Operation.Request>> requests(int count) {
    return any()
        .filter(Operation.Request.class::isInstance)
        .map(Operation.Request.class::cast)
        .list()
        .ofSize(count);
  }

  private static Arbitrary<Operation> creations() {
    Arbitrary<String> keys = mostly(Draw.FREE, Draw.PRESENT);
    return Arbitraries.frequencyOf(
        Tuple.of(3, Combinators.combine(keys, parents(), labels()).as(Prepare::new)),
        Tuple.of(1, Combinators.combine(keys, parents(), labels()).as(View::new)));
  }

  private static Arbitrary<Operation> commits() {
    return Combinators.combine(
            mostly(Draw.FREE, Draw.PRESENT),
            mostly(Draw.ACTIVE, Draw.PRESENT),
            Arbitraries.frequencyOf(Tuple.of(2, Arbitraries.just("")), Tuple.of(1, parents())),
            labels())
        .as(Commit::new);
  }

  private static Arbitrary<Operation> updates() {
    Arbitrary<String> paths =
        Arbitraries.frequency(
            Tuple.of(4, "labels.a"),
            Tuple.of(4, "labels.b"),
            Tuple.of(2, "labels.empty"),
            Tuple.of(2, "labels"),
            Tuple.of(1, "labels."),
            Tuple.of(1, "parent"),
            Tuple.of(1, ""));
    return Combinators.combine(mostly(Draw.PRESENT, Draw.FREE), labels(), paths.list().ofMaxSize(3))
        .as(Update::new);
  }

  private static Arbitrary<Operation> writes() {
    return Combinators.combine(mostly(Draw.ACTIVE, Draw.ACTIVE), Arbitraries.of("f", "g", "h"))
        .as(Write::new);
  }

  private static Arbitrary<String> parents() {
    return Arbitraries.frequencyOf(
        Tuple.of(1, Arbitraries.just("")), Tuple.of(5, mostly(Draw.COMMITTED, Draw.PRESENT)));
  }

  private static Arbitrary<String> mostly(Draw usual, Draw unusual) {
    Arbitrary<Integer> numbers = Arbitraries.integers().between(0, Names.COUNT - 1);
    return Arbitraries.frequencyOf(
        Tuple.of(60, numbers.map(usual::at)),
        Tuple.of(10, numbers.map(unusual::at)),
        Tuple.of(3, numbers.map(Draw.ANY::at)),
        Tuple.of(1, Arbitraries.of(ODD_KEYS)));
  }

  private static Arbitrary<Map<String, String>> labels() {
    Arbitrary<Map<String, String>> usual =
        Arbitraries.maps(Arbitraries.of("a", "b", "c.d/e"), Arbitraries.of("1", "2", ""))
            .ofMaxSize(3);
    return Arbitraries.frequencyOf(Tuple.of(40, usual), Tuple.of(1, Arbitraries.of(ODD_LABELS)));
  }

  private static Arbitrary<String> filters() {
    return Arbitraries.of(
        "",
        "kind==active",
        "kind==committed,parent==\"\"",
        "labels.a==1",
        "labels.\"c.d/e\"",
        "parent~=sha256",
        "name!=\"default/1/sha256:00000001\"",
        "labels.a~=(",
        "labels.",
        "name==");
  }
}
