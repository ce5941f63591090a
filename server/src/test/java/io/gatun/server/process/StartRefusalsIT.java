package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Conditions that keep the daemon from starting: it prints one line with the remedy, and changes
 * nothing.
 */
@Timeout(120)
final class StartRefusalsIT {

  /** The layout of a journal's beginning; FileHeader. */
  private static final int VERSION_OFFSET = 8;

  private static final int CHECKSUM_OFFSET = 12;

  private static final int FRAMES_OFFSET = 4096;

  @TempDir Path directory;

  private boolean isMounted;

  @AfterEach
  void unmount() {
    if (isMounted) {
      Commands.run("umount", disk().toString());
    }
  }

  private Path disk() {
    return directory.resolve("disk");
  }

  private void mountDisk(String options) throws IOException {
    Files.createDirectories(disk());
    Commands.run("mount", "-t", "tmpfs", "-o", options, "tmpfs", disk().toString());
    isMounted = true;
  }

  private GatunProcess.Setup setup() {
    return GatunProcess.Setup.in(directory);
  }

  private GatunProcess.Setup setupOnDisk() {
    return setup().with("--root", disk().resolve("root").toString());
  }

  @Test
  void newRootOnAReadOnlyFilesystem() throws Exception {
    mountDisk("ro");

    assertRefused(setupOnDisk(), "root " + disk().resolve("root"), "EROFS", "remount");
  }

  @Test
  void rootWhoseFilesystemHasBecomeReadOnly() throws Exception {
    mountDisk("rw");
    serveOnce(setupOnDisk());
    Commands.run("mount", "-o", "remount,ro", disk().toString());

    assertRefused(setupOnDisk(), "root " + disk().resolve("root"), "EROFS", "remount");
  }

  @Test
  void newRootOnAFullFilesystem() throws Exception {
    mountDisk("size=1m");
    try (RandomAccessFile filler = new RandomAccessFile(disk().resolve("filler").toFile(), "rw")) {
      byte[] page = new byte[4096];
      while (disk().toFile().getUsableSpace() > 0) {
        filler.write(page);
      }
    }

    assertRefused(setupOnDisk(), "root " + disk().resolve("root"), "ENOSPC", "free some space");
  }

  @Test
  void rootOfSomebodyElse() throws Exception {
    Path root = Files.createDirectory(directory.resolve("root"));
    Files.setAttribute(root, "unix:uid", 4711);

    assertRefused(setup(), "belongs to uid 4711", "change its owner, or choose another root");
  }

  @Test
  void rootThatIsAFile() throws Exception {
    Files.writeString(directory.resolve("root"), "precious");

    assertRefused(setup(), "ENOTDIR", "choose a directory");
    assertThat(directory.resolve("root")).hasContent("precious");
  }

  @Test
  void rootThatHoldsSomethingElse() throws Exception {
    Files.createDirectory(directory.resolve("root"));
    Files.writeString(directory.resolve("root/precious"), "");

    assertRefused(setup(), "holds precious", "choose an empty directory");
  }

  @Test
  void rootOfANewerVersion() throws Exception {
    serveOnce(setup());
    Files.writeString(directory.resolve("root/format"), "gatun-root 2\n");

    assertRefused(setup(), "layout version 2", "use the Gatun that wrote it");
  }

  @Test
  void metadataOfAnUnknownVersion() throws Exception {
    serveOnce(setup());
    try (RandomAccessFile journal = journal()) {
      byte[] header = new byte[FRAMES_OFFSET];
      journal.readFully(header);
      ByteBuffer newer = ByteBuffer.wrap(header).putInt(VERSION_OFFSET, 2);
      // With a wrong checksum, it would be damage rather than another version.
      newer.putInt(CHECKSUM_OFFSET, 0);
      CRC32C checksum = new CRC32C();
      checksum.update(header);
      newer.putInt(CHECKSUM_OFFSET, (int) checksum.getValue());
      journal.seek(0);
      journal.write(header);
    }

    assertRefused(setup(), "metadata/journal-", "format version 2", "use the gatun that wrote it");
  }

  @Test
  void damagedMetadata() throws Exception {
    try (GatunProcess daemon = GatunProcess.serve(setup());
        Client client = daemon.client()) {
      for (int i = 0; i < 10; i++) {
        client.prepare("snapshot " + i, "");
      }
      daemon.signal("KILL");
      daemon.awaitEnd();
    }
    Files.delete(directory.resolve("s.sock"));
    try (RandomAccessFile journal = journal()) {
      journal.seek(FRAMES_OFFSET + 100);
      int before = journal.read();
      journal.seek(FRAMES_OFFSET + 100);
      journal.write(before ^ 0xFF);
    }

    assertRefused(setup(), "metadata/journal-", "gatun fsck");
  }

  @Test
  void driverThatTheSnapshotsDoNotBelongTo() throws Exception {
    GatunProcess.Setup copying = setup().with("--driver", "native");
    try (GatunProcess daemon = GatunProcess.serve(copying);
        Client client = daemon.client()) {
      client.prepare("a", "");
      daemon.signal("TERM");
      assertThat(daemon.awaitEnd()).isZero();
    }

    assertRefused(setup().with("--driver", "overlay"), "native", "driver");
  }

  @Test
  void configurationWithAnUnknownKey() {
    assertRefused(
        setup().configured("rpc_threads = 4\nrpc_thread = 4\n"), ".toml:2: rpc_thread is unknown");
  }

  @Test
  void configurationWithABadValue() {
    assertRefused(
        setup().configured("\nrpc_threads = \"many\"\n"),
        ".toml:2: rpc_threads must be a number from 1 to 1024");
  }

  @Test
  void configurationThatIsNotThere() {
    assertRefused(
        setup().with("--config", directory.resolve("missing").toString()),
        "no configuration file " + directory.resolve("missing"));
  }

  @Test
  void transportThatTheKernelRefuses() {
    assertRefused(
        setup()
            .configured("transport = \"io_uring\"\n")
            .under(SystemCallFilter.refusing(directory, SystemCallFilter.IO_URING_SETUP)),
        "transport io_uring does not work here",
        "transport = \"auto\"");
  }

  @Test
  void addressThatIsADirectory() throws Exception {
    Files.createDirectory(directory.resolve("s.sock"));

    assertRefused(setup(), "is a directory", "name a socket in it");
  }

  @Test
  void addressThatIsTooLong() {
    assertRefused(
        setup().with("--address", directory.resolve("s".repeat(107)).toString()),
        "is too long for a socket",
        "choose a shorter path");
  }

  private void assertRefused(GatunProcess.Setup setup, String... parts) {
    Set<String> before = names();
    try (GatunProcess daemon = GatunProcess.launch(setup)) {
      assertThat(daemon.awaitEnd()).as(daemon.log()).isEqualTo(1);
      // Earlier progress may be logged, too.
      assertThat(daemon.log().lines().filter(line -> !line.contains(" INFO ")))
          .singleElement()
          .satisfies(line -> assertThat(line).startsWith("gatun: ").contains(parts));
    }
    Set<String> appeared = names();
    appeared.removeAll(before);
    appeared.removeIf(
        name -> name.endsWith(".log") || name.endsWith(".toml") || name.equals("root"));
    assertThat(appeared).as("left behind").isEmpty();
  }

  private Set<String> names() {
    try (Stream<Path> all = Files.list(directory)) {
      Set<String> names = new TreeSet<>();
      all.forEach(file -> names.add(file.getFileName().toString()));
      return names;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void serveOnce(GatunProcess.Setup setup) {
    try (GatunProcess daemon = GatunProcess.serve(setup)) {
      daemon.signal("TERM");
      assertThat(daemon.awaitEnd()).isZero();
    }
  }

  /** {@return the only journal, open} */
  private RandomAccessFile journal() throws IOException {
    Path metadata = directory.resolve("root/metadata");
    try (Stream<Path> files = Files.list(metadata)) {
      Path journal =
          files
              .filter(file -> file.getFileName().toString().matches("journal-[0-9]+"))
              .reduce((one, other) -> fail("two journals"))
              .orElseThrow();
      assertThat(Files.size(journal)).isGreaterThan(FRAMES_OFFSET);
      return new RandomAccessFile(journal.toFile(), "rw");
    }
  }

  private static Path fail(String message) {
    throw new AssertionError(message);
  }
}
