package io.gatun.snapshot.lifecycle;

import io.gatun.snapshot.Mount;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * Looks into the directories that a mount would show, without mounting anything; which is enough as
 * long as nothing is deleted.
 */
final class DirectSight implements Sight {

  @Override
  public Map<String, String> files(Mount mount) throws IOException {
    Map<String, String> seen = new TreeMap<>();
    for (Path layer : Layers.of(mount).stack().reversed()) {
      seen.putAll(filesOf(layer));
    }
    return seen;
  }

  @Override
  public void write(Mount mount, Use ref) throws IOException {
    ref.with(Layers.of(mount).upper().orElseThrow());
  }

  static Map<String, String> filesOf(Path directory) throws IOException {
    Map<String, String> files = new TreeMap<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        files.put(entry.getFileName().toString(), Files.readString(entry));
      }
    }
    return files;
  }
}
