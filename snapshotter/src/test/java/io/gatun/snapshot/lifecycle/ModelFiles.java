package io.gatun.snapshot.lifecycle;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Which files were created in which snapshot, by the snapshot's present name. */
final class ModelFiles {

  private final Map<String, Set<String>> created = new HashMap<>();

  void write(String key, String file) {
    created.computeIfAbsent(key, _ -> new HashSet<>()).add(file);
  }

  void rename(String key, String name) {
    Set<String> files = created.remove(key);
    if (files != null) {
      created.put(name, files);
    }
  }

  void remove(String key) {
    created.remove(key);
  }

  /** {@return the files that were created in a snapshot itself} */
  Set<String> own(String key) {
    return new TreeSet<>(created.getOrDefault(key, Set.of()));
  }

  /** {@return the files that can be seen through a snapshot and the chain of its parents} */
  Set<String> visible(String key, List<String> chain) {
    Set<String> visible = own(key);
    chain.forEach(parent -> visible.addAll(own(parent)));
    return visible;
  }
}
