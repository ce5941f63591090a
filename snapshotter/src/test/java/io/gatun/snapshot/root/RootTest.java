package io.gatun.snapshot.root;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.LinuxPath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RootTest {

  @TempDir Path temporary;

  private Root open(Path path) throws UnusableRootException {
    return Root.open(new LinuxDisk(), path);
  }

  @Test
  void newRootHasItsLayout() throws Exception {
    Path path = temporary.resolve("a/b/root");
    try (Root root = open(path)) {
      assertThat(path.resolve("format")).hasContent("gatun-root 1\n");
      assertThat(root.snapshotIds()).isEmpty();
      assertThat(root.trashNames()).isEmpty();
    }
    assertThat(mode(path)).isEqualTo("rwx------");
    for (String name : List.of("metadata", "snapshots", "trash")) {
      assertThat(mode(path.resolve(name))).as(name).isEqualTo("rwx------");
    }
    assertThat(mode(path.resolve("empty"))).isEqualTo("rwxr-xr-x");
    assertThat(mode(path.resolve("lock"))).isEqualTo("rw-------");
    assertThat(mode(path.resolve("format"))).isEqualTo("rw-------");
  }

  @Test
  void rootThatIsOpenToOthersIsClosedToThem() throws Exception {
    Path path = temporary.resolve("root");
    open(path).close();
    for (Path each : List.of(path, path.resolve("snapshots"))) {
      Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    open(path).close();
    assertThat(mode(path)).isEqualTo("rwx------");
    assertThat(mode(path.resolve("snapshots"))).isEqualTo("rwx------");
  }

  @Test
  void rootIsOwnedByOneAtATime() throws Exception {
    Path path = temporary.resolve("root");
    try (Root _ = open(path)) {
      assertThatThrownBy(() -> open(path))
          .isInstanceOf(UnusableRootException.class)
          .hasMessage("root %s is in use by another gatun: stop it, or choose another root", path);
    }
    open(path).close();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whoeverIsAboutToGiveItUpIsWaitedFor(boolean isInspected) throws Exception {
    Path path = temporary.resolve("root");
    Root before = open(path);
    Thread ending =
        Thread.ofPlatform()
            .start(
                () -> {
                  LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(200));
                  before.close();
                });
    if (isInspected) {
      RootInspection.open(path).close();
    } else {
      open(path).close();
    }
    ending.join();
  }

  @Test
  void driverIsRememberedOnceItIsRecorded() throws Exception {
    Path path = temporary.resolve("root");
    try (Root root = open(path)) {
      assertThat(root.driver()).isEmpty();
      root.recordDriver("overlay");
    }
    try (Root root = open(path)) {
      assertThat(root.driver()).contains("overlay");
    }
    assertThat(path.resolve("format")).hasContent("gatun-root 1\ndriver overlay\n");
  }

  @Test
  void laterVersionIsRefusedWithAWayOut() throws Exception {
    Path path = temporary.resolve("root");
    open(path).close();
    Files.writeString(path.resolve("format"), "gatun-root 2\nsomething new\n");
    assertThatThrownBy(() -> open(path))
        .isInstanceOf(UnusableRootException.class)
        .hasMessageContaining("layout version 2 and this Gatun knows version 1");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "gatun-root",
        "gatun-root 1",
        "gatun-root 0\n",
        "gatun-root 1\ndriver\n",
        "gatun-root 1\ndriver overlay\nmore\n"
      })
  void damagedFormatIsRefused(String text) throws Exception {
    Path path = temporary.resolve("root");
    open(path).close();
    Files.writeString(path.resolve("format"), text);
    assertThatThrownBy(() -> open(path))
        .isInstanceOf(UnusableRootException.class)
        .hasMessageContaining("is damaged");
  }

  @Test
  void directoryOfSomebodyElsesFilesIsNotTakenOverAndStaysAsItIs() throws Exception {
    Files.writeString(temporary.resolve("precious"), "data");
    Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThatThrownBy(() -> open(temporary))
        .isInstanceOf(UnusableRootException.class)
        .hasMessageContaining("precious")
        .hasMessageContaining("not a root of gatun");
    assertThat(temporary.resolve("precious")).hasContent("data");
    assertThat(temporary).isDirectoryNotContaining(path -> !path.endsWith("precious"));
    assertThat(mode(temporary)).isEqualTo("rwxr-xr-x");
  }

  @Test
  void creationThatWasCutShortIsTakenUpAgain() throws Exception {
    Files.createFile(temporary.resolve("lock"));
    Files.writeString(temporary.resolve("format.new"), "gatun-ro");
    assertThatCode(() -> open(temporary).close()).doesNotThrowAnyException();
    assertThat(temporary.resolve("format")).hasContent("gatun-root 1\n");
  }

  @Test
  void rootThatIsAFileIsRefused() throws Exception {
    Path path = Files.createFile(temporary.resolve("root"));
    assertThatThrownBy(() -> open(path))
        .isInstanceOf(UnusableRootException.class)
        .hasMessageContaining("ENOTDIR")
        .hasMessageContaining("choose a directory");
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1",
    "42, 42",
    "999999999999999999, 999999999999999999",
    "0, 0",
    "01, 0",
    "-1, 0",
    "1a, 0",
    "1000000000000000000, 0",
    "5.new, 0"
  })
  void onlyPlainDecimalNamesAreSnapshots(String name, long id) {
    assertThat(Root.snapshotId(LinuxPath.of(name))).isEqualTo(id);
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }
}
