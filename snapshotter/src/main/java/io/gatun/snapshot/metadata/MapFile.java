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
 * A Chronicle Map of fixed size, with the heap as overflow.
 *
 * <p>A Chronicle Map that outgrows its size extends its file, first the length, then the blocks. If
 * the disk is full in between, the next attempt maps a hole, and writing to it causes a SIGBUS with
 * a lock held. Therefore these maps do not grow. An entry that the map rejects (its segment's
 * records are far larger than average, or it is very large itself) is already durable in the
 * journal, and stays on the heap until the next start rebuilds the map. This is rare, and the
 * store's limit on the total size of records bounds it.
 *
 * <p>One thread writes, any thread may read.
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
   * {@return a map in a file}
   *
   * @param identity converts a key into an object with value equality
   */
  static <K, V> MapFile<K, V> inFile(ChronicleMap<K, V> map, Function<K, Object> identity) {
    return new MapFile<>(map, identity, true);
  }

  /** {@return a map that is lost when the process ends} */
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

  /** Visits the keys, those present during the whole call at least once. */
  void forEachKey(Consumer<K> visitor) {
    map.forEachEntry(entry -> visitor.accept(entry.key().get()));
    if (overflows) {
      overflow.values().forEach(entry -> visitor.accept(entry.getKey()));
    }
  }

  boolean isPersistent() {
    return isFile && overflow.isEmpty();
  }

  @Override
  public void close() {
    map.close();
  }
}
