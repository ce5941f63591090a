package io.gatun.snapshot.metadata;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;
import net.openhft.chronicle.map.ChronicleMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A Chronicle Map of fixed size, and the heap for what does not fit into it.
 *
 * <p>A Chronicle Map that needs more room than it was made for extends its file, first the length,
 * then the blocks; if the disk is full in between, the next attempt maps a hole, and writing to
 * that is a SIGBUS with a lock left held. So ours may not grow. What it refuses (the records of a
 * segment are far larger than the average, or one has no place for a very large one) was already
 * made durable in the journal and has to be kept: on the heap, until the map is made anew by the
 * next start. That is rare and bounded, as the store limits what all records take together.
 *
 * <p>One thread writes, any may read.
 */
final class MapFile<K, V> implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(MapFile.class);

  private final ChronicleMap<K, V> map;
  private final Function<K, Object> identity;
  private final ConcurrentHashMap<Object, Map.Entry<K, V>> overflow = new ConcurrentHashMap<>();
  private final boolean isFile;
  private volatile boolean overflows;

  private MapFile(ChronicleMap<K, V> map, Function<K, Object> identity, boolean isFile) {
    this.map = map;
    this.identity = identity;
    this.isFile = isFile;
  }

  /**
   * {@return a map that lies in a file}
   *
   * @param identity what is equal for equal keys, for a key that is an array
   */
  static <K, V> MapFile<K, V> inFile(ChronicleMap<K, V> map, Function<K, Object> identity) {
    return new MapFile<>(map, identity, true);
  }

  /** {@return a map that goes with the process} */
  static <K, V> MapFile<K, V> inMemory(ChronicleMap<K, V> map, Function<K, Object> identity) {
    return new MapFile<>(map, identity, false);
  }

  @Nullable V get(K key) {
    V value = map.get(key);
    if (value == null && overflows) {
      Map.Entry<K, V> entry = overflow.get(identity.apply(key));
      return entry == null ? null : entry.getValue();
    }
    return value;
  }

  void put(K key, V value) {
    if (overflows && overflow.containsKey(identity.apply(key))) {
      overflow.put(identity.apply(key), Map.entry(key, value));
      return;
    }
    try {
      map.put(key, value);
    } catch (IllegalStateException | IllegalArgumentException e) {
      if (overflow.isEmpty()) {
        LOG.warn(
            "an entry does not fit into the index and stays in memory until the next start index={}"
                + " error=\"{}\"",
            map.name(),
            String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
      }
      overflow.put(identity.apply(key), Map.entry(key, value));
      overflows = true;
      map.remove(key);
    }
  }

  void remove(K key) {
    map.remove(key);
    if (overflows) {
      overflow.remove(identity.apply(key));
    }
  }

  /** Visits the keys, each at least once if it is there all the time. */
  void forEachKey(Consumer<K> visitor) {
    map.forEachEntry(entry -> visitor.accept(entry.key().get()));
    if (overflows) {
      overflow.values().forEach(entry -> visitor.accept(entry.getKey()));
    }
  }

  /** {@return whether all there is lies in the file} */
  boolean isPersistent() {
    return isFile && overflow.isEmpty();
  }

  @Override
  public void close() {
    map.close();
  }
}
