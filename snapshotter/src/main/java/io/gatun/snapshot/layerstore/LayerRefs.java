package io.gatun.snapshot.layerstore;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.Digest;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Who uses which layers. Nothing of a layer is retired meanwhile; if somebody wanted to, it is
 * tried again after the last one.
 */
final class LayerRefs {

  private final Map<Digest, Integer> uses = new HashMap<>();

  /** Layers that could not be retired as somebody used them. */
  private final Set<Digest> unretired = new HashSet<>();

  private volatile Consumer<Digest> retirer = _ -> {};

  /** What takes a layer away, or a part of it. */
  interface Collector {
    Optional<LinuxPath> run() throws ErrnoException;
  }

  /** What is done for a layer, or turns out not to be possible yet. */
  interface Step {
    boolean run() throws ErrnoException;
  }

  /** Says who is told of a layer that can be retired now, and could not before. */
  void retireBy(Consumer<Digest> whom) {
    retirer = whom;
  }

  synchronized void take(Digest diffId) {
    uses.merge(diffId, 1, Integer::sum);
  }

  void release(Digest diffId) {
    if (isLastRelease(diffId)) {
      retirer.accept(diffId);
    }
  }

  /** {@return whether somebody wants the layer to be retired, and nobody uses it any more} */
  private synchronized boolean isLastRelease(Digest diffId) {
    uses.computeIfPresent(diffId, (_, count) -> count == 1 ? null : count - 1);
    return !uses.containsKey(diffId) && unretired.remove(diffId);
  }

  /** Retires a layer, of which nobody comes to have a use meanwhile; nothing if somebody has. */
  synchronized Optional<LinuxPath> collect(Digest diffId, Collector collector)
      throws ErrnoException {
    if (uses.containsKey(diffId)) {
      unretired.add(diffId);
      return Optional.empty();
    }
    return collector.run();
  }

  /** {@return whether a step was done, which is not tried while several use the layer} */
  synchronized boolean ifUnshared(Digest diffId, Step step) throws ErrnoException {
    return uses.getOrDefault(diffId, 0) <= 1 && step.run();
  }
}
