package io.gatun.snapshot.lifecycle;

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
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A short life with everything in it: all requests, each with what it needs, a checkpoint, a
 * restart, and ids that are reserved before and after that.
 */
final class Script {

  private static final String BASE = "k8s.io/2/sha256:base";
  private static final String UPPER = "k8s.io/4/sha256:upper";
  private static final String REBASED = "k8s.io/6/sha256:rebased";
  private static final String EXTRACTION = "k8s.io/1/extract-1-AbCd sha256:base";
  private static final String CONTAINER = "k8s.io/8/container";

  private static final int LABEL_VALUE_LENGTH = 4_000;

  /** Together more than a journal of the machine takes. */
  private static final int LARGE_UPDATES = 4;

  private static final int LARGE_LABELS = 5;

  private Script() {}

  static List<Operation> operations() {
    List<Operation> all = new ArrayList<>();
    all.addAll(
        List.of(
            new Prepare(EXTRACTION, "", Map.of("containerd.io/snapshot.ref", "sha256:base")),
            new Write(EXTRACTION, "f"),
            new Mounts(EXTRACTION),
            new UsageOf(EXTRACTION),
            new Commit(BASE, EXTRACTION, "", Map.of("layer", "base")),
            new Prepare("k8s.io/3/on base", BASE, Map.of()),
            new Write("k8s.io/3/on base", "g"),
            new View("k8s.io/9/view", BASE, Map.of()),
            new Mounts("k8s.io/9/view"),
            new Commit(UPPER, "k8s.io/3/on base", "", Map.of()),
            new UsageOf(UPPER),
            new Update(UPPER, Map.of("a", "1"), List.of("labels.a")),
            new Prepare("k8s.io/5/extract-5-AbCd sha256:rebased", "", Map.of()),
            new Write("k8s.io/5/extract-5-AbCd sha256:rebased", "h"),
            new Commit(REBASED, "k8s.io/5/extract-5-AbCd sha256:rebased", UPPER, Map.of()),
            new Prepare(CONTAINER, UPPER, idMapped()),
            new Write(CONTAINER, "i"),
            new Remove(BASE),
            new Remove("k8s.io/9/view"),
            new ListAll(List.of("kind==active"))));
    for (int i = 0; i < LARGE_UPDATES; i++) {
      all.add(new Update(BASE, largeLabels(i), List.of()));
    }
    all.addAll(
        List.of(
            new Restart(),
            new Stat(CONTAINER),
            new Prepare("k8s.io/10/another", UPPER, Map.of()),
            new Remove("k8s.io/10/another"),
            new Remove(CONTAINER),
            new Cleanup(),
            new Prepare("k8s.io/11/last", "", Map.of())));
    return all;
  }

  /** Root of such a container is somebody else outside of it. */
  private static Map<String, String> idMapped() {
    return Map.of(
        "containerd.io/snapshot/uidmapping", "0:100000:65536",
        "containerd.io/snapshot/gidmapping", "0:100000:65536");
  }

  private static Map<String, String> largeLabels(int n) {
    Map<String, String> labels = new HashMap<>();
    for (int i = 0; i < LARGE_LABELS; i++) {
      labels.put("large" + i, Integer.toString(n).repeat(LABEL_VALUE_LENGTH));
    }
    return labels;
  }
}
