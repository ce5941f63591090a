package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.Kind;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The names that random operations use.
 *
 * <p>What an operation is called on is drawn before it is known which snapshots there are. So most
 * names are drawn as "the third committed snapshot" and become a real name when the operation's
 * turn comes.
 */
final class Names {

  /** What a name is drawn from. */
  enum Draw {
    FREE,
    ACTIVE,
    VIEW,
    COMMITTED,
    LEAF,
    PRESENT;

    /** {@return a stand-in for the n-th of these, modulo how many there are} */
    String at(int n) {
      return PREFIX + name() + "/" + n;
    }
  }

  private static final String PREFIX = "@";
  private static final String NO_ONE = "no-one";

  /** As containerd makes them, with all that cannot be in a path. */
  static final List<String> ALL =
      IntStream.range(0, 24)
          .mapToObj(
              i ->
                  i % 2 == 0
                      ? "k8s.io/%d/extract-%d-AbCd sha256:%08x".formatted(i, i, i)
                      : "default/%d/sha256:%08x".formatted(i, i))
          .toList();

  private Names() {}

  /** {@return the name that a stand-in stands for at present; other names stand for themselves} */
  static String resolve(String name, ModelSnapshotter model) {
    if (!name.startsWith(PREFIX)) {
      return name;
    }
    int slash = name.indexOf('/');
    Draw draw = Draw.valueOf(name.substring(PREFIX.length(), slash));
    List<String> candidates = candidates(draw, model).toList();
    return candidates.isEmpty()
        ? NO_ONE
        : candidates.get(Integer.parseInt(name.substring(slash + 1)) % candidates.size());
  }

  private static Stream<String> candidates(Draw draw, ModelSnapshotter model) {
    return switch (draw) {
      case FREE -> ALL.stream().filter(name -> !model.entries.containsKey(name));
      case ACTIVE -> present(model, entry -> entry.kind() == Kind.ACTIVE);
      case VIEW -> present(model, entry -> entry.kind() == Kind.VIEW);
      case COMMITTED -> present(model, entry -> entry.kind() == Kind.COMMITTED);
      case LEAF -> present(model, _ -> true).filter(name -> !model.hasChildren(name));
      case PRESENT -> present(model, _ -> true);
    };
  }

  private static Stream<String> present(
      ModelSnapshotter model, Predicate<ModelSnapshotter.Entry> wanted) {
    return model.entries.entrySet().stream()
        .filter(entry -> wanted.test(entry.getValue()))
        .map(Map.Entry::getKey);
  }
}
