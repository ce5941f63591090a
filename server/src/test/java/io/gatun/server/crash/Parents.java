package io.gatun.server.crash;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;

/** Committed snapshots that all clients use as parents. One may be gone when it is used. */
final class Parents {

  /** Keeps mount options within the page that mount(2) takes. */
  private static final int DEPTH_MAX = 6;

  private final Map<String, Integer> depths = new LinkedHashMap<>();

  synchronized void add(String name, String parent) {
    int depth = parent.isEmpty() ? 1 : depths.getOrDefault(parent, DEPTH_MAX - 1) + 1;
    if (depth < DEPTH_MAX) {
      depths.put(name, depth);
    }
  }

  synchronized void remove(String name) {
    depths.remove(name);
  }

  /** {@return the name of one, or the empty string for none} */
  synchronized String choose(RandomGenerator random) {
    List<String> names = new ArrayList<>(depths.keySet());
    names.add("");
    return names.get(random.nextInt(names.size()));
  }
}
