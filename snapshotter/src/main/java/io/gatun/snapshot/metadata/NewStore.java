package io.gatun.snapshot.metadata;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.metadata.journal.CheckpointReader;
import io.gatun.snapshot.metadata.journal.Frame;
import io.gatun.snapshot.metadata.journal.Generations;
import io.gatun.snapshot.metadata.journal.Ids;
import io.gatun.snapshot.metadata.journal.JournalReader;
import io.gatun.snapshot.metadata.journal.MetadataDamagedException;
import io.gatun.snapshot.metadata.journal.MetadataFile;
import java.util.List;
import java.util.NavigableSet;
import java.util.OptionalLong;
import java.util.Set;

/** Detects a store without any acknowledged change. */
public final class NewStore {

  private NewStore() {}

  /**
   * {@return whether the directory holds a new store, or none}
   *
   * <p>Creating a store writes {@code acknowledged} last. Without that file, only an empty first
   * journal and an empty first checkpoint may exist.
   */
  public static boolean isAt(Generations generations)
      throws ErrnoException, MetadataDamagedException {
    List<String> names = generations.names();
    if (names.contains(MetadataFile.ACKNOWLEDGED) || names.contains(MetadataFile.CLEAN)) {
      return false;
    }
    Set<Long> first = Set.of(Generations.FIRST);
    NavigableSet<Long> journals = generations.journals();
    NavigableSet<Long> checkpoints = generations.checkpoints();
    if (!first.containsAll(journals) || !first.containsAll(checkpoints)) {
      return false;
    }
    Emptiness emptiness = new Emptiness();
    if (!checkpoints.isEmpty()) {
      CheckpointReader.read(generations.directory(), Generations.FIRST, emptiness);
    }
    if (!journals.isEmpty()) {
      JournalReader.read(
          generations.directory(), Generations.FIRST, OptionalLong.empty(), emptiness);
    }
    return emptiness.isEmpty;
  }

  private static final class Emptiness implements Frame.Visitor {
    private boolean isEmpty = true;

    @Override
    public void onPut(byte[] encoding) {
      isEmpty = false;
    }

    @Override
    public void onRemove(long id) {
      isEmpty = false;
    }

    @Override
    public void onReserve(long idLimit) {
      isEmpty &= idLimit == Ids.FIRST;
    }

    @Override
    public void onDistrust(long idLimit) {
      isEmpty = false;
    }

    @Override
    public void onEnd(long count) {
      isEmpty &= count == 0;
    }
  }
}
