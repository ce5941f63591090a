package io.gatun.snapshot.lifecycle;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Which files were written in which snapshot, by the snapshot's present name. */
final class ModelFiles {

  private final Map<String, Map<String, String>> written = new HashMap<>();

  void write(String key, String file, String content) {
    written.computeIfAbsent(key, _ -> new HashMap<>()).put(file, content);
  }

  void rename(String key, String name) {
    Map<String, String> files = written.remove(key);
    if (files != null) {
      written.put(name, files);
    }
  }

  /** Takes note of what was found in an active snapshot, beside what it had been given. */
  void replace(String key, Map<String, String> found, Map<String, String> given) {
    Map<String, String> own = new HashMap<>(found);
    given.keySet().forEach(own::remove);
    written.put(key, own);
  }

  void remove(String key) {
    written.remove(key);
  }

  /** {@return the files that were written in a snapshot itself, with their content} */
  Map<String, String> own(String key) {
    return new TreeMap<>(written.getOrDefault(key, Map.of()));
  }

  /**
   * {@return the files that can be seen through a snapshot and the chain of its parents, with their
   * content}
   */
  Map<String, String> visible(String key, List<String> chain) {
    Map<String, String> visible = new TreeMap<>();
    chain.reversed().forEach(parent -> visible.putAll(own(parent)));
    visible.putAll(own(key));
    return visible;
  }
}
