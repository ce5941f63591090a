package io.gatun.snapshot.metadata;

import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.metadata.journal.Frame;
import io.gatun.snapshot.metadata.journal.Ids;
import io.gatun.snapshot.metadata.journal.RecordCodec;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Requests that become durable together in one journal frame. Each is checked against the store as
 * it will be after those before it.
 */
final class Batch {

  private final Index index;
  private final Capacity capacity;
  private final ByteBuffer frame;
  private final int bodyBytesMax;
  private final List<Request> accepted = new ArrayList<>();
  private final Map<Request, SnapshotException> refused = new LinkedHashMap<>();
  private final View state;
  private OptionalLong reservation = OptionalLong.empty();
  private OptionalInt sealedBodyBytes = OptionalInt.empty();

  Batch(Index index, Capacity capacity, ByteBuffer frame, int bodyBytesMax) {
    this.index = index;
    this.capacity = capacity;
    this.frame = frame;
    this.bodyBytesMax = bodyBytesMax;
    this.state = new View(index, null);
    Frame.begin(frame);
  }

  /**
   * The store plus changes that are not applied yet: those of a batch, or of one request on top of
   * it.
   */
  private static final class View {
    private final Index index;
    private final @Nullable View below;
    private final Map<Long, Optional<SnapshotRecord>> records = new HashMap<>();
    private final Map<String, Optional<Long>> names = new HashMap<>();
    private final Map<Long, Long> children = new HashMap<>();
    private long added;
    private long addedBytes;

    View(Index index, @Nullable View below) {
      this.index = index;
      this.below = below;
    }

    @Nullable SnapshotRecord find(long id) {
      Optional<SnapshotRecord> changed = records.get(id);
      if (changed != null) {
        return changed.orElse(null);
      }
      return below == null ? index.find(id) : below.find(id);
    }

    @Nullable Long owner(String name) {
      Optional<Long> changed = names.get(name);
      if (changed != null) {
        return changed.orElse(null);
      }
      if (below != null) {
        return below.owner(name);
      }
      SnapshotRecord record = index.find(name);
      return record == null ? null : record.id();
    }

    long children(long id) {
      long changed = children.getOrDefault(id, 0L);
      return changed + (below == null ? index.children(id) : below.children(id));
    }

    long count() {
      return added + (below == null ? index.count() : below.count());
    }

    long bytes() {
      return addedBytes + (below == null ? index.recordBytes() : below.bytes());
    }

    void put(SnapshotRecord record, @Nullable SnapshotRecord before, int bytes) {
      if (before == null) {
        added++;
      } else {
        names.put(before.name(), Optional.empty());
        children.merge(before.parentId(), -1L, Long::sum);
      }
      addedBytes += bytes;
      records.put(record.id(), Optional.of(record));
      names.put(record.name(), Optional.of(record.id()));
      children.merge(record.parentId(), 1L, Long::sum);
    }

    void remove(SnapshotRecord record) {
      added--;
      records.put(record.id(), Optional.empty());
      names.put(record.name(), Optional.empty());
      children.merge(record.parentId(), -1L, Long::sum);
    }

    void merge(View above) {
      records.putAll(above.records);
      names.putAll(above.names);
      above.children.forEach((id, change) -> children.merge(id, change, Long::sum));
      added += above.added;
      addedBytes += above.addedBytes;
    }
  }

  boolean hasRoom(Request request) {
    return Frame.bodyBytes(frame) + request.bytes() + Frame.RESERVE_BYTES <= bodyBytesMax;
  }

  /** Adds a request to the frame, or refuses it if its changes contradict the store. */
  void add(Request request) {
    View above = new View(index, state);
    try {
      for (EncodedChange change : request.changes()) {
        check(change, above);
      }
    } catch (SnapshotException e) {
      refused.put(request, e);
      return;
    }
    state.merge(above);
    accepted.add(request);
    for (EncodedChange change : request.changes()) {
      switch (change) {
        case EncodedChange.Put put -> Frame.put(frame, put.encoding());
        case EncodedChange.Remove remove -> Frame.remove(frame, remove.id());
        case EncodedChange.Distrust distrust -> Frame.distrust(frame, distrust.idLimit());
      }
    }
  }

  void reserve(long idLimit) {
    Frame.reserve(frame, idLimit);
    reservation = OptionalLong.of(idLimit);
  }

  private void check(EncodedChange change, View view) {
    switch (change) {
      case EncodedChange.Put put -> checkPut(put.record(), put.encoding().length, view);
      case EncodedChange.Remove(long id) -> {
        SnapshotRecord record = view.find(id);
        if (record == null) {
          throw new SnapshotException.NotFound("remove: no snapshot has the id " + id);
        }
        long children = view.children(id);
        if (children > 0) {
          throw new SnapshotException.FailedPrecondition(
              "cannot remove %s: %d snapshots have it as their parent"
                  .formatted(RecordCodec.abbreviated(record.name()), children));
        }
        view.remove(record);
        view.addedBytes -= lengthOf(record);
      }
      case EncodedChange.Distrust distrust -> {}
    }
  }

  private void checkPut(SnapshotRecord record, int bytes, View view) {
    SnapshotRecord before = view.find(record.id());
    Long owner = view.owner(record.name());
    if (owner != null && owner != record.id()) {
      throw taken(record.name());
    }
    if (record.parentId() != SnapshotRecord.NO_PARENT && view.find(record.parentId()) == null) {
      throw new SnapshotException.NotFound(
          "put %s: its parent %s does not exist"
              .formatted(
                  RecordCodec.abbreviated(record.name()),
                  RecordCodec.abbreviated(record.parent())));
    }
    if (before == null) {
      capacity.requireRoom(record, bytes, view.count(), view.bytes());
    }
    view.put(record, before, bytes - (before == null ? 0 : lengthOf(before)));
  }

  private static int lengthOf(SnapshotRecord record) {
    return RecordCodec.encode(record).length;
  }

  /** {@return the failure for a name that is in use} */
  static SnapshotException.AlreadyExists taken(String name) {
    return new SnapshotException.AlreadyExists(
        "snapshot %s already exists".formatted(RecordCodec.abbreviated(name)));
  }

  /** {@return whether there is nothing to write} */
  boolean isEmpty() {
    return bodyBytes() == 0;
  }

  /** {@return the size of the frame in a journal} */
  int frameBytes() {
    return Frame.sizeOf(bodyBytes());
  }

  /** {@return whether the batch consists of removals only} */
  boolean isRemoval() {
    return reservation.isEmpty() && accepted.stream().allMatch(Request::isRemoval);
  }

  /** {@return the frame, ready to write; it can be sealed again for another journal} */
  ByteBuffer seal(long salt, long sequence) {
    int body = bodyBytes();
    sealedBodyBytes = OptionalInt.of(body);
    frame.clear().position(Frame.HEADER_BYTES + body);
    Frame.seal(frame, salt, sequence);
    return frame;
  }

  private int bodyBytes() {
    return sealedBodyBytes.orElseGet(() -> Frame.bodyBytes(frame));
  }

  /** Makes the durable changes visible. */
  void apply(Ids ids) {
    for (Request request : accepted) {
      for (EncodedChange change : request.changes()) {
        switch (change) {
          case EncodedChange.Put put -> index.put(put.encoding());
          case EncodedChange.Remove remove -> index.remove(remove.id());
          case EncodedChange.Distrust distrust -> ids.distrusted(distrust.idLimit());
        }
      }
    }
    reservation.ifPresent(ids::reserved);
  }

  /** Completes all requests with their own outcome. */
  void complete() {
    accepted.forEach(Request::succeed);
    refused.forEach(Request::fail);
  }

  /**
   * Fails all requests, also those refused before: a refusal may have rested on a change that is
   * now not made.
   */
  void fail(SnapshotException failure) {
    accepted.forEach(request -> request.fail(failure));
    refused.keySet().forEach(request -> request.fail(failure));
  }
}
