package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.Kind;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The names that the operations of one client use.
 *
 * <p>What an operation is called on is drawn before it is known which snapshots there are, and who
 * is going to do it. So names are drawn as "the third committed snapshot", and become real ones
 * when the operation's turn comes.
 */
final class Names {

  /** What a name is drawn from. */
  enum Draw {
    FREE,
    ACTIVE,
    VIEW,
    COMMITTED,
    LEAF,
    PRESENT,
    ANY,
    LONGEST;

    /** {@return a stand-in for the n-th of these, modulo how many there are} */
    String at(int n) {
      return PREFIX + name() + "/" + n;
    }
  }

  /** How many a client has, if nothing else is said. */
  static final int COUNT = 24;

  private static final String PREFIX = "@";

  private final List<String> all;
  private final String longest;

  /** Stands in when there is none of what was drawn. */
  private final String noOne;

  private Names(int client, int count) {
    this.all = IntStream.range(0, count).mapToObj(i -> name(client, i)).toList();
    this.longest = Character.toString('a' + client).repeat(ModelSnapshotter.KEY_BYTES_MAX);
    this.noOne = "no-one/" + client;
  }

  /** {@return the names of a client, which no other client has} */
  static Names of(int client) {
    return new Names(client, COUNT);
  }

  /** {@return so few names that all who use them meet} */
  static Names few(int count) {
    return new Names(0, count);
  }

  /** As containerd makes them, with all that cannot be in a path. */
  private static String name(int client, int i) {
    int sequence = COUNT * client + i;
    return i % 2 == 0
        ? "k8s.io/%d/extract-%d-AbCd sha256:%08x".formatted(sequence, sequence, sequence)
        : "default/%d/sha256:%08x".formatted(sequence, sequence);
  }

  /** {@return whether a name is one of these} */
  boolean contains(String name) {
    return all.contains(name) || name.equals(longest) || name.equals(noOne);
  }

  /** {@return the name that a stand-in stands for at present; other names stand for themselves} */
  String resolve(String name, ModelSnapshotter model) {
    if (!name.startsWith(PREFIX)) {
      return name;
    }
    int slash = name.indexOf('/');
    Draw draw = Draw.valueOf(name.substring(PREFIX.length(), slash));
    List<String> candidates = candidates(draw, model).toList();
    return candidates.isEmpty()
        ? noOne
        : candidates.get(Integer.parseInt(name.substring(slash + 1)) % candidates.size());
  }

  private Stream<String> candidates(Draw draw, ModelSnapshotter model) {
    return switch (draw) {
      case FREE -> all.stream().filter(name -> !model.entries.containsKey(name));
      case ACTIVE -> present(model, entry -> entry.kind() == Kind.ACTIVE);
      case VIEW -> present(model, entry -> entry.kind() == Kind.VIEW);
      case COMMITTED -> present(model, entry -> entry.kind() == Kind.COMMITTED);
      case LEAF -> present(model, _ -> true).filter(name -> !model.hasChildren(name));
      case PRESENT -> present(model, _ -> true);
      case ANY -> all.stream();
      case LONGEST -> Stream.of(longest);
    };
  }

  private static Stream<String> present(
      ModelSnapshotter model, Predicate<ModelSnapshotter.Entry> wanted) {
    return model.entries.entrySet().stream()
        .filter(entry -> wanted.test(entry.getValue()))
        .map(Map.Entry::getKey);
  }
}
