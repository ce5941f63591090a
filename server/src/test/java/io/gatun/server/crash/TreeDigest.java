package io.gatun.server.crash;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A compact form of a layer's content: a line for each path, with type, mode, owner, size, time of
 * modification and digest of the content.
 */
record TreeDigest(SortedMap<String, String> lines) {

  private static final int BUFFER_BYTES = 64 << 10;

  TreeDigest {
    lines = Collections.unmodifiableSortedMap(new TreeMap<>(lines));
  }

  /** {@return the current content of a directory; unreadable files have a line with the error} */
  static TreeDigest of(Path directory) throws IOException {
    SortedMap<String, String> lines = new TreeMap<>();
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(directory)) {
      paths = walk.filter(path -> !path.equals(directory)).toList();
    }
    for (Path path : paths) {
      lines.put(directory.relativize(path).toString(), describe(path));
    }
    return new TreeDigest(lines);
  }

  private static String describe(Path path) {
    try {
      FileStatus status =
          Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(path), AtFlag.SYMLINK_NOFOLLOW);
      String common =
          "%s mode=%04o owner=%d:%d"
              .formatted(status.type(), status.mode(), status.uid(), status.gid());
      return switch (status.type()) {
        case REGULAR ->
            "%s links=%d size=%d mtime=%s sha256=%s"
                .formatted(
                    common, status.links(), status.sizeBytes(), status.modified(), digest(path));
        case SYMBOLIC_LINK -> common + " target=" + Files.readSymbolicLink(path);
        case DIRECTORY, CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET, UNKNOWN ->
            "%s device=%d:%d".formatted(common, status.rdevMajor(), status.rdevMinor());
      };
    } catch (IOException e) {
      return "unreadable: " + e;
    }
  }

  private static String digest(Path file) throws IOException {
    MessageDigest digest = sha256();
    byte[] buffer = new byte[BUFFER_BYTES];
    try (InputStream content = Files.newInputStream(file)) {
      for (int read = content.read(buffer); read >= 0; read = content.read(buffer)) {
        digest.update(buffer, 0, read);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has it", e);
    }
  }

  /** {@return a sentence for each path that differs} */
  List<String> differences(TreeDigest found) {
    List<String> differences = new ArrayList<>();
    lines.forEach(
        (path, line) -> {
          String other = found.lines.get(path);
          if (!line.equals(other)) {
            differences.add(
                other == null
                    ? "%s is gone (%s)".formatted(path, line)
                    : "%s is [%s] and was [%s]".formatted(path, other, line));
          }
        });
    found.lines.forEach(
        (path, line) -> {
          if (!lines.containsKey(path)) {
            differences.add("%s was not there and is [%s]".formatted(path, line));
          }
        });
    return differences;
  }
}
