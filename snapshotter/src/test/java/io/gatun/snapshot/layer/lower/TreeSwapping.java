package io.gatun.snapshot.layer.lower;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.file.Unistd.RenameFlag;
import io.gatun.snapshot.layer.extract.TreeRaceTest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/**
 * A program for {@link TreeRaceTest}: swaps directories of a tree for links that lead out,
 * atomically and as fast as it can, until its input ends.
 */
public final class TreeSwapping {

  public static final String READY = "ready";

  /** Printed once so many swaps have succeeded that the test means something. */
  public static final String ENOUGH = "enough";

  private static final long SWAPS_MIN = 10;

  private final Path files;
  private final Path outside;
  private long retired;
  private long swaps;
  private volatile boolean isOver;

  private TreeSwapping(Path files, Path outside) {
    this.files = files;
    this.outside = outside;
  }

  /**
   * Prints {@link #READY} before it swaps, {@link #ENOUGH} after some swaps.
   *
   * @param arguments the root of the tree, and the target of the links
   */
  public static void main(String[] arguments) throws IOException {
    TreeSwapping swapping = new TreeSwapping(Path.of(arguments[0]), Path.of(arguments[1]));
    // Its input also ends with the parent process, however that ends.
    Thread.ofPlatform().daemon().start(swapping::awaitEnd);
    System.out.println(READY);
    swapping.run();
  }

  private void run() throws IOException {
    try (Fd top = SecureOpen.openTop(LinuxPath.of(files))) {
      while (!isOver) {
        swap(top);
      }
    }
  }

  private void awaitEnd() {
    try {
      var _ = System.in.read();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      isOver = true;
    }
  }

  private void swap(Fd top) throws IOException {
    swap(top, top, "d", files.resolve("swap-d"));
    // Not by its path, which leads out half of the time.
    try (Fd parent = SecureOpen.openChild(top, LinuxPath.of("d"))) {
      swap(top, parent, "e", files.resolve("swap-e"));
    } catch (ErrnoException e) {
      // It is a link or does not exist yet.
    }
  }

  private void swap(Fd top, Fd parent, String name, Path spare) throws IOException {
    if (Files.isDirectory(spare, LinkOption.NOFOLLOW_LINKS)
        && Stat.tryStatx(parent, LinuxPath.of(name), AtFlag.SYMLINK_NOFOLLOW)
            .filter(status -> status.type() != NodeType.SYMBOLIC_LINK)
            .isPresent()) {
      // The layer has replaced the link by a directory.
      Files.move(spare, spare.resolveSibling("retired-" + retired++));
    }
    if (!Files.exists(spare, LinkOption.NOFOLLOW_LINKS)) {
      Files.createSymbolicLink(spare, outside);
    }
    try {
      Unistd.renameat2(
          parent, LinuxPath.of(name), top, LinuxPath.of(spare.getFileName()), RenameFlag.EXCHANGE);
      swaps++;
      if (swaps == SWAPS_MIN) {
        System.out.println(ENOUGH);
      }
    } catch (ErrnoException e) {
      // It does not exist now.
    }
  }
}
