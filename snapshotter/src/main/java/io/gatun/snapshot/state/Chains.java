package io.gatun.snapshot.state;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.MetadataStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Finds snapshots with their parents, and refuses those whose directories are missing. */
public final class Chains {

  /** No snapshot has this id. */
  public static final long NO_ID = 0;

  private final MetadataStore store;
  private final SnapshotDirectories directories;

  Chains(MetadataStore store, SnapshotDirectories directories) {
    this.store = store;
    this.directories = directories;
  }

  /**
   * {@return the record of a snapshot}
   *
   * @throws SnapshotException.NotFound if it has no record, or its directory is missing
   */
  public SnapshotRecord find(String operation, String key) {
    SnapshotRecord found = store.find(key).orElseThrow(() -> notFound(operation, key));
    requirePresent(operation, found);
    return found;
  }

  /**
   * Checks a snapshot for a missing directory or a damaged layer.
   *
   * @throws SnapshotException.NotFound if its files are missing
   */
  public void requirePresent(String operation, SnapshotRecord found) {
    if (directories.isMissing(found.id())) {
      throw new SnapshotException.NotFound(
          ("%s: the directory of snapshot %s (id %d) is missing: delete the images and containers"
                  + " that use it, let containerd collect garbage, and pull again")
              .formatted(operation, found.name(), found.id()));
    }
  }

  /**
   * {@return the current record of a snapshot that was found before its name was locked}
   *
   * @throws SnapshotException.NotFound if it was removed or replaced since
   */
  public SnapshotRecord requireSame(String operation, SnapshotRecord found) {
    SnapshotRecord current = find(operation, found.name());
    if (current.id() != found.id() || current.kind() != found.kind()) {
      throw notFound(operation, found.name());
    }
    return current;
  }

  /** {@return the chain of a snapshot: the snapshot and all its parents} */
  public Chain of(SnapshotRecord snapshot) {
    return of(snapshot, parentOf(snapshot));
  }

  /** {@return the chain of a snapshot on this parent; {@code null} for none} */
  public Chain of(SnapshotRecord snapshot, @Nullable SnapshotRecord parent) {
    return prospective(snapshot.kind(), snapshot.name(), snapshot.labels(), parent)
        .withId(snapshot.id());
  }

  /** {@return the chain of a snapshot that has no id yet} */
  public Chain prospective(
      Kind kind, String name, Map<String, String> labels, @Nullable SnapshotRecord parent) {
    List<Lower> lowers = new ArrayList<>();
    for (SnapshotRecord at = parent; at != null; at = parentOf(at)) {
      requirePresent("parent of " + name, at);
      lowers.add(lower(at));
    }
    return new Chain(NO_ID, kind, lowers, labels, Names.isExtraction(name));
  }

  /** {@return a committed snapshot as a lower layer} */
  public static Lower lower(SnapshotRecord snapshot) {
    return switch (snapshot.form()) {
      case LayerForm.Directory _ -> Lower.directory(snapshot.id());
      case LayerForm.Indexed indexed -> Lower.indexed(snapshot.id(), indexed.index().hex());
    };
  }

  public @Nullable SnapshotRecord parentOf(SnapshotRecord child) {
    return child.parentId() == SnapshotRecord.NO_PARENT ? null : parentById(child);
  }

  private SnapshotRecord parentById(SnapshotRecord child) {
    return store
        .find(child.parentId())
        .orElseThrow(
            () ->
                // Without a lock, both may have been removed since the child was found.
                store.find(child.id()).isEmpty()
                    ? notFound("parents", child.name())
                    : new IllegalStateException(
                        "snapshot %s (id %d) has no record of its parent %s (id %d)"
                            .formatted(
                                child.name(), child.id(), child.parent(), child.parentId())));
  }

  public static SnapshotException notFound(String operation, String key) {
    return new SnapshotException.NotFound("%s: snapshot %s: not found".formatted(operation, key));
  }
}
