package io.gatun.snapshot.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whether what the model takes back is what a power cut may take back, and nothing else. */
class PageCacheTest {

  private static final LinuxPath FILE = LinuxPath.of("file");
  private static final LinuxPath OTHER = LinuxPath.of("other");
  private static final int MODE = 0700;

  @TempDir Path temporary;

  private Path top;
  private FaultyDisk disk;
  private PageCache cache;
  private Fd directory;

  @BeforeEach
  void open() throws IOException {
    top = Files.createDirectory(temporary.resolve("top"));
    cache = new PageCache(new LinuxDisk(), top, Files.createDirectory(temporary.resolve("stash")));
    disk = new FaultyDisk(cache);
    directory = Fcntl.open(LinuxPath.of(top), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
  }

  @AfterEach
  void close() {
    directory.close();
  }

  private void write(Fd file, String text, long offset) throws ErrnoException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
    assertThat(disk.write(file, buffer, offset)).isEqualTo(bytes.length);
  }

  private Fd create(LinuxPath name, String text) throws ErrnoException {
    Fd file = disk.createFile(directory, name, MODE);
    write(file, text, 0);
    return file;
  }

  private Path path(LinuxPath name) {
    return top.resolve(name.toString());
  }

  @Test
  void fileThatIsNotSyncedIsEmptyThoughItsNameIsThere() throws IOException {
    try (Fd _ = create(FILE, "text")) {
      disk.sync(directory);
    }
    assertThat(path(FILE)).hasContent("text");
    cache.cutPower();
    assertThat(path(FILE)).isEmptyFile();
  }

  @Test
  void fileThatIsSyncedIsGoneAsLongAsItsDirectoryIsNot() throws IOException {
    try (Fd file = create(FILE, "text")) {
      disk.sync(file);
    }
    cache.cutPower();
    assertThat(path(FILE)).doesNotExist();
  }

  @Test
  void whatIsSyncedStays() throws IOException {
    try (Fd file = create(FILE, "text")) {
      disk.syncData(file);
      disk.sync(directory);
      write(file, "TE", 0);
    }
    cache.cutPower();
    assertThat(path(FILE)).hasContent("text");
  }

  @Test
  void syncOfTheFilesystemKeepsEverything() throws IOException {
    try (Fd _ = create(FILE, "text")) {
      disk.createDirectory(directory, OTHER, MODE);
      disk.syncFilesystem(directory);
    }
    cache.cutPower();
    assertThat(path(FILE)).hasContent("text");
    assertThat(path(OTHER)).isDirectory();
  }

  @Test
  void replacedFileComesBack() throws IOException {
    try (Fd file = create(FILE, "old")) {
      disk.sync(file);
      disk.sync(directory);
    }
    try (Fd other = create(OTHER, "new")) {
      disk.sync(other);
    }
    disk.replace(directory, OTHER, directory, FILE);
    assertThat(path(FILE)).hasContent("new");
    cache.cutPower();
    assertThat(path(FILE)).hasContent("old");
    assertThat(path(OTHER)).doesNotExist();
  }

  @Test
  void syncOfADirectoryKeepsWhatCameBeforeItsLastChangeAndNoMore() throws IOException {
    disk.createDirectory(directory, FILE, MODE);
    try (Fd below = open(FILE)) {
      disk.createDirectory(below, OTHER, MODE);
      disk.createDirectory(directory, OTHER, MODE);
      disk.removeDirectory(below, OTHER);
      disk.sync(directory);
    }
    cache.cutPower();
    assertThat(path(FILE).resolve("other")).isDirectory();
    assertThat(path(OTHER)).isDirectory();
  }

  private Fd open(LinuxPath name) throws ErrnoException {
    return Fcntl.openat(directory, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
  }

  @Test
  void removedTreeComesBackWithWhatWasInIt() throws IOException {
    disk.createDirectory(directory, OTHER, MODE);
    Files.writeString(path(OTHER).resolve("foreign"), "text");
    try (Fd other = open(OTHER)) {
      disk.sync(directory);
      disk.removeFile(other, LinuxPath.of("foreign"));
    }
    disk.removeDirectory(directory, OTHER);
    cache.cutPower();
    assertThat(path(OTHER).resolve("foreign")).hasContent("text");
  }

  @Test
  void exchangedDirectoriesAreBackWhereTheyWere() throws IOException {
    disk.createDirectory(directory, OTHER, MODE);
    disk.createDirectory(directory, FILE, MODE);
    Files.writeString(path(OTHER).resolve("of other"), "");
    disk.sync(directory);
    disk.exchange(directory, FILE, directory, OTHER);
    assertThat(path(FILE).resolve("of other")).exists();
    cache.cutPower();
    assertThat(path(OTHER).resolve("of other")).exists();
    disk.exchange(directory, FILE, directory, OTHER);
    disk.sync(directory);
    cache.cutPower();
    assertThat(path(FILE).resolve("of other")).exists();
  }

  @Test
  void whatAFailedSyncDroppedIsNotWrittenByTheNext() throws IOException {
    try (Fd file = create(FILE, "text")) {
      disk.sync(directory);
      disk.planFault(1, new Fault.Failure(Errno.EIO));
      assertThatThrownBy(() -> disk.syncData(file)).hasMessageContaining("EIO");
      assertThat(disk.fired()).isPresent();
      disk.syncData(file);
      assertThat(path(FILE)).hasContent("text");
      cache.cutPower();
      assertThat(path(FILE).toFile()).hasSize(4);
      assertThat(Files.readAllBytes(path(FILE))).containsOnly(0);
    }
  }

  @Test
  void whatIsWrittenAgainAfterAFailedSyncIsWrittenByTheNext() throws IOException {
    try (Fd file = create(FILE, "text")) {
      disk.sync(directory);
      disk.planFault(1, new Fault.Failure(Errno.EIO));
      assertThatThrownBy(() -> disk.syncFilesystem(directory)).hasMessageContaining("EIO");
      write(file, "text", 0);
      disk.syncData(file);
    }
    cache.cutPower();
    assertThat(path(FILE)).hasContent("text");
  }

  @Test
  void tornWriteLeavesItsFirstHalfAndStopsTheMachine() throws IOException {
    try (Fd file = create(FILE, "text")) {
      disk.planFault(1, new Fault.TornStop());
      assertThatThrownBy(() -> write(file, "TEXT", 0)).isInstanceOf(MachineStoppedException.class);
      assertThatThrownBy(() -> disk.sync(file)).isInstanceOf(MachineStoppedException.class);
    }
    assertThat(path(FILE)).hasContent("TExt");
  }

  @Test
  void partialWriteSaysSoAndFailsForTheRest() throws IOException {
    try (Fd file = disk.createFile(directory, FILE, MODE)) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(8);
      disk.planFault(1, new Fault.PartialWrite(Errno.ENOSPC));
      assertThat(disk.write(file, buffer, 0)).isEqualTo(4);
      assertThatThrownBy(() -> disk.write(file, buffer, 4)).hasMessageContaining("ENOSPC");
      assertThat(disk.write(file, buffer, 4)).isEqualTo(4);
    }
  }

  @Test
  void randomCutsLeaveAllThereIsBetweenNothingAndEverything() throws IOException {
    Set<String> left = new TreeSet<>();
    for (int seed = 0; seed < 60; seed++) {
      try (Fd _ = create(FILE, "x".repeat(1_024))) {
        disk.createDirectory(directory, OTHER, MODE);
      }
      cache.cutPower(new Random(seed));
      left.add(describe());
      clear();
    }
    assertThat(left)
        .contains(
            "", "file(..)", "file(xx)", "file(x.)", "file(.x)", "file(xx) other", "file() other")
        .doesNotContain("other");
  }

  /** {@return what is there; of a file its sectors, an x for one that was written} */
  private String describe() throws IOException {
    StringBuilder text = new StringBuilder();
    if (Files.exists(path(FILE))) {
      byte[] content = Files.readAllBytes(path(FILE));
      text.append("file(");
      for (int at = 0; at < content.length; at += 512) {
        text.append(content[at] == 'x' ? 'x' : '.');
      }
      text.append(')');
    }
    if (Files.exists(path(OTHER))) {
      text.append(" other");
    }
    return text.toString().strip();
  }

  private void clear() throws IOException {
    try (Stream<Path> paths = Files.list(top)) {
      for (Path each : paths.toList()) {
        Files.delete(each);
      }
    }
  }
}
