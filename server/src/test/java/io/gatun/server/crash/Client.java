package io.gatun.server.crash;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotInfo;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.Usage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;

/**
 * A client that makes containerd's calls at random: it prepares snapshots, writes layers into them
 * or has the daemon unpack some, commits them, sometimes on another parent, removes them, and
 * queries them in between. It owns a handful of snapshots at a time, which no other client changes.
 * It records its requests and their acknowledgements in the ledger; an unexpected answer is an
 * {@link AssertionError}.
 */
final class Client {

  private static final int SLOTS_MAX = 8;
  private static final double BEGINNING_SHARE = 0.35;
  private static final double VIEW_SHARE = 0.2;
  private static final double UNPACKED_SHARE = 0.5;
  private static final double REBASED_SHARE = 0.3;
  private static final int LABELS_MAX = 4;
  private static final int LABEL_CHARACTERS_MAX = 200;

  private final String id;
  private final Snapshotter snapshots;
  private final Ledger ledger;
  private final Parents parents;
  private final LayerFiles files;
  private final Unpacking unpacking;
  private final RandomGenerator random;
  private final List<Slot> mine;

  private int begun;

  /**
   * @param id distinguishes its snapshots from those of all other clients ever
   * @param adopted snapshots of an earlier client
   */
  Client(
      String id,
      Snapshotter snapshots,
      Ledger ledger,
      Parents parents,
      LayerFiles files,
      Unpacking unpacking,
      RandomGenerator random,
      List<Slot> adopted) {
    this.id = id;
    this.snapshots = snapshots;
    this.ledger = ledger;
    this.parents = parents;
    this.files = files;
    this.unpacking = unpacking;
    this.random = random;
    this.mine = new ArrayList<>(adopted);
  }

  /**
   * Makes one call or a few that belong together.
   *
   * @throws SnapshotException.Unavailable if the daemon is gone before it answers
   */
  void step() throws IOException {
    mine.removeIf(slot -> slot.current() instanceof State.Absent);
    if (mine.isEmpty() || (mine.size() < SLOTS_MAX && random.nextDouble() < BEGINNING_SHARE)) {
      begin();
      return;
    }
    Slot slot = mine.get(random.nextInt(mine.size()));
    if (slot.current() instanceof State.Present present) {
      switch (present.kind()) {
        case ACTIVE -> continueActive(slot, present);
        case VIEW -> continueView(slot, present);
        case COMMITTED -> continueCommitted(slot, present);
      }
    }
  }

  // The actions for each kind.

  private void begin() {
    String number = "%s/%d".formatted(id, begun++);
    Slot slot = ledger.open(key(number), "k8s.io/%s/sha256:name".formatted(number));
    mine.add(slot);
    String parent = parents.choose(random);
    boolean isView = !parent.isEmpty() && random.nextDouble() < VIEW_SHARE;
    Map<String, String> labels = labels();
    State.Present wanted =
        State.Present.created(isView ? Kind.VIEW : Kind.ACTIVE, slot.key(), parent, labels);
    Slot.Entry sent = slot.send(wanted);
    List<Mount> mounts;
    try {
      mounts =
          isView
              ? snapshots.view(slot.key(), parent, labels)
              : snapshots.prepare(slot.key(), parent, labels);
    } catch (SnapshotException.NotFound e) {
      sent.refuse();
      if (parent.isEmpty()) {
        throw new AssertionError("not found, although it has no parent: " + slot, e);
      }
      return;
    }
    // The files of a view are its parent's.
    long told = isView ? State.Present.UNKNOWN_ID : MountedFiles.of(mounts).id();
    sent.acknowledge(wanted.withId(told));
    if (!isView && !ledger.isNew(told)) {
      throw new AssertionError("id %d was used before: %s".formatted(told, slot));
    }
    ask(slot);
  }

  /** Half of the keys look like those of containerd's unpackers, whose layers may be indexed. */
  private String key(String number) {
    return random.nextBoolean()
        ? "k8s.io/%d/extract-%d sha256:%s".formatted(begun, random.nextInt(1000), number)
        : "k8s.io/%s/key sha256:key".formatted(number);
  }

  private void continueActive(Slot slot, State.Present active) throws IOException {
    if (active.files().isEmpty()) {
      List<Mount> mounts = snapshots.mounts(slot.key());
      expect(slot, MountedFiles.of(mounts).id() == active.id(), mounts);
      // Remains of a layer are never mixed with other content.
      if (active.layer().isPresent() || random.nextDouble() < UNPACKED_SHARE) {
        if (!unpacking.unpack(slot, active, mounts)) {
          remove(slot, active);
        }
      } else {
        slot.note(active.withFiles(files.write(mounts)));
      }
      return;
    }
    switch (random.nextInt(8)) {
      case 0 -> relabel(slot, active);
      case 1 -> remove(slot, active);
      case 2 -> ask(slot);
      default -> commit(slot, active);
    }
  }

  private void commit(Slot slot, State.Present active) throws IOException {
    Map<String, String> labels = labels();
    boolean isRebased = active.parent().isEmpty() && random.nextDouble() < REBASED_SHARE;
    String onto = isRebased ? parents.choose(random) : "";
    String parent = active.parent().isEmpty() ? onto : active.parent();
    State.Present wanted = active.committedAs(slot.name(), parent, labels);
    Slot.Entry sent = slot.send(wanted);
    try {
      unpacking.whenIdle(slot, () -> snapshots.commit(slot.name(), slot.key(), onto, labels));
    } catch (SnapshotException.NotFound e) {
      sent.refuse();
      if (onto.isEmpty()) {
        throw new AssertionError("not found, although it has no parent: " + slot, e);
      }
      return;
    }
    sent.acknowledge(wanted);
    parents.add(slot.name(), parent);
    ask(slot);
  }

  private void continueView(Slot slot, State.Present view) throws IOException {
    switch (random.nextInt(4)) {
      case 0 -> relabel(slot, view);
      case 1 -> expect(slot, snapshots.mounts(slot.key()).size() == 1, view);
      default -> remove(slot, view);
    }
  }

  private void continueCommitted(Slot slot, State.Present committed) throws IOException {
    switch (random.nextInt(8)) {
      case 0, 1 -> relabel(slot, committed);
      case 2 -> ask(slot);
      case 3 -> expect(slot, isCounted(committed, snapshots.usage(slot.name())), committed);
      case 4 -> snapshots.cleanup();
      default -> remove(slot, committed);
    }
  }

  /** One of the snapshots that share an indexed layer reports its usage. */
  private static boolean isCounted(State.Present committed, Usage usage) {
    return usage.inodes() > 0 || committed.layer().isPresent();
  }

  // The actions for all kinds.

  private void remove(Slot slot, State.Present present) throws IOException {
    if (present.kind() == Kind.COMMITTED) {
      parents.remove(present.name());
    }
    Slot.Entry sent = slot.send(new State.Absent());
    try {
      // A committed snapshot is refused because of its children, which do not go away by waiting.
      if (present.kind() == Kind.ACTIVE) {
        unpacking.whenIdle(slot, () -> snapshots.remove(present.name()));
      } else {
        snapshots.remove(present.name());
      }
      sent.acknowledge(new State.Absent());
    } catch (SnapshotException.FailedPrecondition e) {
      sent.refuse();
      if (present.kind() != Kind.COMMITTED) {
        throw new AssertionError("refused, although it has no children: " + slot, e);
      }
    }
  }

  private void relabel(Slot slot, State.Present present) {
    Map<String, String> labels = labels();
    State.Present wanted = present.withLabels(labels);
    Slot.Entry sent = slot.send(wanted);
    SnapshotInfo told = snapshots.update(present.name(), labels, List.of());
    sent.acknowledge(wanted.withInfo(told));
    expect(slot, wanted.matches(told), told);
  }

  private void ask(Slot slot) {
    if (slot.current() instanceof State.Present present) {
      SnapshotInfo told = snapshots.stat(present.name());
      expect(slot, present.matches(told), told);
      slot.note(present.withInfo(told));
    }
  }

  private static void expect(Slot slot, boolean isAsExpected, Object told) {
    if (!isAsExpected) {
      throw new AssertionError("%s: %s, but was told: %s".formatted(slot, slot.current(), told));
    }
  }

  private Map<String, String> labels() {
    Map<String, String> labels = new HashMap<>();
    for (int i = random.nextInt(LABELS_MAX + 1); i > 0; i--) {
      labels.put(
          "containerd.io/gc.ref.%d".formatted(random.nextInt(10)),
          "x".repeat(1 + random.nextInt(LABEL_CHARACTERS_MAX)) + random.nextInt());
    }
    return labels;
  }
}
