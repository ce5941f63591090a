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
 * Counts references to layers. A referenced layer is never collected; if collection was attempted,
 * it is retried after the last release.
 */
final class LayerRefs {

  private final Map<Digest, Integer> uses = new HashMap<>();

  /** Layers to collect after their last release. */
  private final Set<Digest> unretired = new HashSet<>();

  private volatile Consumer<Digest> retirer = _ -> {};

  /** Deletes a layer, or a part of it. */
  interface Collector {
    Optional<LinuxPath> run() throws ErrnoException;
  }

  /** A change to a layer that may not be possible yet. */
  interface Step {
    boolean run() throws ErrnoException;
  }

  /** Sets the collector for layers whose collection was refused while they were referenced. */
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

  /** {@return whether this was the last reference and a collection was refused before} */
  private synchronized boolean isLastRelease(Digest diffId) {
    uses.computeIfPresent(diffId, (_, count) -> count == 1 ? null : count - 1);
    return !uses.containsKey(diffId) && unretired.remove(diffId);
  }

  /** Collects a layer unless it is referenced; no new reference can be taken meanwhile. */
  synchronized Optional<LinuxPath> collect(Digest diffId, Collector collector)
      throws ErrnoException {
    if (uses.containsKey(diffId)) {
      unretired.add(diffId);
      return Optional.empty();
    }
    return collector.run();
  }

  /**
   * {@return whether a step was done, which is not tried while the layer has several references}
   */
  synchronized boolean ifUnshared(Digest diffId, Step step) throws ErrnoException {
    return uses.getOrDefault(diffId, 0) <= 1 && step.run();
  }
}
