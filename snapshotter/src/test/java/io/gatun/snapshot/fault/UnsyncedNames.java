package io.gatun.snapshot.fault;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The changes of names that are not on the disk yet, in their order, each with the way back.
 *
 * <p>A file that loses its name is kept in the stash under another one until that is on the disk.
 */
final class UnsyncedNames {

  @FunctionalInterface
  private interface Undo {
    void run() throws IOException;
  }

  /**
   * @param directories where names have changed
   */
  private record Change(Set<Path> directories, Undo undo) {}

  /**
   * A file that is about to lose a name.
   *
   * @param copy another name of it; the same if there was no such file
   */
  record Stashed(Path name, Path copy) {}

  private final Path top;
  private final Path stash;
  private final List<Change> changes = new ArrayList<>();
  private long stashed;

  /**
   * @param top below which names are followed; a mount that is attached nowhere has none there
   */
  UnsyncedNames(Path top, Path stash) {
    this.top = top;
    this.stash = stash;
  }

  int count() {
    return changes.size();
  }

  void created(Path path) {
    add(Set.of(parent(path)), () -> deleteTree(path));
  }

  /** {@return a way to get back what may be removed next} */
  Stashed stash(Path path) {
    if (!path.startsWith(top) || !Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return new Stashed(path, path);
    }
    stashed++;
    Path copy = stash.resolve(Long.toString(stashed));
    try {
      Files.createLink(copy, path);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new Stashed(path, copy);
  }

  void removed(Stashed file) {
    if (!file.copy.equals(file.name)) {
      add(
          Set.of(parent(file.name)),
          () -> {
            Files.createLink(file.name, file.copy);
            Files.delete(file.copy);
          });
    }
  }

  void removedDirectory(Path path) {
    add(Set.of(parent(path)), () -> Files.createDirectory(path));
  }

  void renamed(Path from, Path to) {
    add(directories(from, to), () -> Files.move(to, from));
  }

  void exchanged(Path one, Path other) {
    add(
        directories(one, other),
        () -> {
          Path between = stash.resolve("exchanged");
          Files.move(one, between);
          Files.move(other, one);
          Files.move(between, other);
        });
  }

  private static Set<Path> directories(Path one, Path other) {
    return parent(one).equals(parent(other))
        ? Set.of(parent(one))
        : Set.of(parent(one), parent(other));
  }

  private void add(Set<Path> directories, Undo undo) {
    if (directories.stream().allMatch(directory -> directory.startsWith(top))) {
      changes.add(new Change(directories, undo));
    }
  }

  /** Takes note that a directory was synced: the order of names is kept up to its last change. */
  void synced(Path directory) {
    for (int last = changes.size() - 1; last >= 0; last--) {
      if (changes.get(last).directories.contains(directory)) {
        changes.subList(0, last + 1).clear();
        return;
      }
    }
  }

  void syncedAll() {
    changes.clear();
  }

  /** Takes back all but the first so many, and takes the others to be on the disk. */
  void undoAfter(int kept) throws IOException {
    for (Change change : changes.subList(kept, changes.size()).reversed()) {
      change.undo.run();
    }
    changes.clear();
    try (Stream<Path> files = Files.list(stash)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
  }

  private static Path parent(Path path) {
    Path parent = path.getParent();
    if (parent == null) {
      throw new IllegalArgumentException(path + " has no parent");
    }
    return parent;
  }

  /** Others may have put something into a directory. */
  private static void deleteTree(Path tree) throws IOException {
    try (Stream<Path> paths = Files.walk(tree)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
