package io.gatun.server.process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The open io_uring instances of a process: they are files (proc(5)), whose fdinfo shows the
 * progress of each.
 */
public final class IoUringRings {

  private static final String LINK = "anon_inode:[io_uring]";

  /** The number of requests that the kernel has completed on a ring. */
  private static final String COMPLETIONS = "CqTail:";

  private IoUringRings() {}

  /** {@return the number of open rings of a process} */
  public static int count(long pid) {
    return descriptors(pid).size();
  }

  /** {@return the number of completed requests on all of them} */
  public static long completions(long pid) {
    long sum = 0;
    for (Path descriptor : descriptors(pid)) {
      Path info = process(pid).resolve("fdinfo").resolve(descriptor.getFileName());
      try {
        sum +=
            Files.readAllLines(info).stream()
                .filter(line -> line.startsWith(COMPLETIONS))
                .mapToLong(line -> Long.parseLong(line.substring(COMPLETIONS.length()).strip()))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException(info + " says nothing of a ring"));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return sum;
  }

  private static List<Path> descriptors(long pid) {
    List<Path> rings = new ArrayList<>();
    try (var all = Files.newDirectoryStream(process(pid).resolve("fd"))) {
      for (Path descriptor : all) {
        if (isRing(descriptor)) {
          rings.add(descriptor);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return rings;
  }

  private static boolean isRing(Path descriptor) throws IOException {
    try {
      return Files.readSymbolicLink(descriptor).toString().equals(LINK);
    } catch (NoSuchFileException e) {
      // Closed since.
      return false;
    }
  }

  private static Path process(long pid) {
    return Path.of("/proc", Long.toString(pid));
  }
}
