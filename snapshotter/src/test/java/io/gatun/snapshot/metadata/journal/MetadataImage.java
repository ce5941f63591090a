package io.gatun.snapshot.metadata.journal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * All files of a metadata directory at one moment, as after a kill of the process.
 *
 * @param files the content by name
 */
record MetadataImage(SortedMap<String, byte[]> files) {

  record Span(int from, int to) {}

  MetadataImage {
    files = Collections.unmodifiableSortedMap(files);
  }

  static MetadataImage of(Path directory) throws IOException {
    SortedMap<String, byte[]> files = new TreeMap<>();
    try (Stream<Path> paths = Files.list(directory)) {
      for (Path path : paths.toList()) {
        files.put(path.getFileName().toString(), Files.readAllBytes(path));
      }
    }
    return new MetadataImage(files);
  }

  /** Makes a directory contain exactly these files. */
  void writeTo(Path directory) throws IOException {
    try (Stream<Path> paths = Files.list(directory)) {
      for (Path path : paths.toList()) {
        Files.delete(path);
      }
    }
    for (var file : files.entrySet()) {
      Path path = Files.write(directory.resolve(file.getKey()), file.getValue());
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
    }
  }

  boolean isSame(MetadataImage other) {
    return files.keySet().equals(other.files.keySet())
        && files.entrySet().stream()
            .allMatch(file -> Arrays.equals(file.getValue(), other.files.get(file.getKey())));
  }

  byte[] bytes(String name) {
    byte[] bytes = files.get(name);
    if (bytes == null) {
      throw new IllegalArgumentException("no file " + name + " among " + files.keySet());
    }
    return bytes.clone();
  }

  MetadataImage with(String name, byte[] content) {
    SortedMap<String, byte[]> changed = new TreeMap<>(files);
    changed.put(name, content);
    return new MetadataImage(changed);
  }

  MetadataImage without(String name) {
    SortedMap<String, byte[]> changed = new TreeMap<>(files);
    changed.remove(name);
    return new MetadataImage(changed);
  }

  List<String> journals() {
    return named("journal-[0-9]+");
  }

  List<String> checkpoints() {
    return named("checkpoint-[0-9]+");
  }

  private List<String> named(String pattern) {
    return files.keySet().stream()
        .filter(name -> name.matches(pattern))
        .sorted((a, b) -> a.length() == b.length() ? a.compareTo(b) : a.length() - b.length())
        .toList();
  }

  /** {@return the ranges of the frames of a journal or checkpoint} */
  List<Span> frames(String name) {
    ByteBuffer file = ByteBuffer.wrap(bytes(name));
    List<Span> frames = new ArrayList<>();
    int at = FileHeader.BYTES;
    while (at + Frame.HEADER_BYTES <= file.limit() && file.getInt(at) != 0) {
      int end = at + Frame.sizeOf(file.getInt(at));
      frames.add(new Span(at, end));
      at = end;
    }
    return frames;
  }

  Span whole(String name) {
    return new Span(0, bytes(name).length);
  }

  @Override
  public String toString() {
    return files.keySet().toString();
  }
}
