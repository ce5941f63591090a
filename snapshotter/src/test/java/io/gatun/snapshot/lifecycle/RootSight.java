package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.fault.Machine;
import io.gatun.snapshot.fsck.RootCheck;
import io.gatun.snapshot.fsck.RootReport;
import io.gatun.snapshot.root.UnusableRootException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The root of a machine as its files show it, whether a daemon runs there or not. */
final class RootSight {

  private static final String PROBE = "probe";

  /** What lies beside a copy until that is on the disk. */
  private static final String COPY_MARK = "copied-since-boot";

  private final Machine machine;

  /** Of all ids that were seen. */
  private long highestId;

  RootSight(Machine machine) {
    this.machine = machine;
  }

  /** {@return whether a start has left anything; otherwise there is nothing to look at} */
  boolean isBegun() {
    return !names("").isEmpty();
  }

  /** {@return what is in a directory of the root; nothing if there is no such directory} */
  Set<String> names(String directory) {
    Path path = machine.root().resolve(directory);
    if (!Files.exists(path)) {
      return new TreeSet<>();
    }
    try (Stream<Path> entries = Files.list(path)) {
      return entries
          .map(entry -> entry.getFileName().toString())
          .collect(Collectors.toCollection(TreeSet::new));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** {@return the files at the top of a snapshot, with their content} */
  Map<String, String> files(long id) {
    Map<String, String> found = new TreeMap<>();
    try (Stream<Path> entries = Files.list(directory(id).resolve("fs"))) {
      for (Path entry : entries.toList()) {
        if (Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS)) {
          found.put(entry.getFileName().toString(), Files.readString(entry));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return found;
  }

  /** {@return whether a snapshot is a copy that may not be on the disk} */
  boolean isUnsettledCopy(long id) {
    return Files.isSymbolicLink(directory(id).resolve(COPY_MARK));
  }

  private Path directory(long id) {
    return machine.root().resolve("snapshots").resolve(Long.toString(id));
  }

  /** {@return what {@code gatun fsck} says} */
  RootReport check() {
    try {
      return RootCheck.of(machine.root());
    } catch (IOException | UnusableRootException e) {
      throw new AssertionError("cannot be checked", e);
    }
  }

  /** Takes note of all ids that have left a trace. */
  void noteIds() {
    Stream.concat(names("snapshots").stream(), names("trash").stream())
        .map(name -> name.replace(".new", ""))
        .filter(name -> name.matches("[0-9]+"))
        .forEach(name -> highestId = Math.max(highestId, Long.parseLong(name)));
  }

  /** An id that was given to anybody is not given to anybody else. */
  void checkNewId() {
    Set<String> before = names("snapshots");
    machine.snapshotter().prepare(PROBE, "", Map.of());
    Machine.awaitQuiet();
    Set<String> after = names("snapshots");
    after.removeAll(before);
    // One that was asked for, and maybe some for those who ask later.
    assertThat(after).isNotEmpty();
    assertThat(after).allMatch(id -> Long.parseLong(id) > highestId);
    machine.snapshotter().remove(PROBE);
    machine.snapshotter().cleanup();
    noteIds();
  }

  /** A daemon at rest has its journal open, and nothing that comes and goes. */
  void checkOpenFiles() {
    List<String> open = machine.openFiles();
    assertThat(open).noneMatch(file -> file.contains("/snapshots/") || file.contains("/trash/"));
    List<String> journals =
        open.stream().filter(file -> file.contains("/metadata/journal-")).toList();
    // To be written through the page cache, and past it.
    assertThat(journals).hasSizeBetween(1, 2);
    assertThat(Set.copyOf(journals)).hasSize(1);
    assertThat(open).filteredOn(file -> file.contains("/metadata/checkpoint-")).isEmpty();
  }
}
