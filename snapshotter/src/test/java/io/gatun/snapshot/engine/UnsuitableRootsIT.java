package io.gatun.snapshot.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.gatun.snapshot.Snapshotter;
import io.gatun.snapshot.driver.DriverName;
import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.driver.Drivers;
import io.gatun.snapshot.fixture.KernelMount;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.root.UnusableRootException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/**
 * Roots on which overlay does not work. A configured overlay is refused, and otherwise the native
 * driver is chosen, both with the reason.
 */
class UnsuitableRootsIT {

  private static final Map<String, String> NO_LABELS = Map.of();
  private static final long IMAGE_BYTES = 64L << 20;

  private static final Logger LOGGER = (Logger) LoggerFactory.getLogger(Drivers.class);

  private final ListAppender<ILoggingEvent> log = new ListAppender<>();
  private final Level configured = LOGGER.getLevel();

  @TempDir Path temporary;

  @BeforeEach
  void listen() {
    log.start();
    LOGGER.setLevel(Level.INFO);
    LOGGER.addAppender(log);
  }

  @AfterEach
  void stopListening() {
    LOGGER.detachAppender(log);
    LOGGER.setLevel(configured);
  }

  /** Equals Gatun in a container without a volume for the root. */
  @Test
  void rootOnOverlay() throws Exception {
    Path tmpfs = Files.createDirectory(temporary.resolve("tmpfs"));
    LoopFilesystem.run(List.of("mount", "-t", "tmpfs", "none", tmpfs.toString()));
    try {
      Files.createDirectories(tmpfs.resolve("lower"));
      Files.createDirectories(tmpfs.resolve("upper"));
      Files.createDirectories(tmpfs.resolve("work"));
      String options = "lowerdir=%1$s/lower,upperdir=%1$s/upper,workdir=%1$s/work".formatted(tmpfs);
      assertNativeWhereMounted(
          List.of("mount", "-t", "overlay", "-o", options, "overlay"), "overlay");
    } finally {
      LoopFilesystem.run(List.of("umount", tmpfs.toString()));
    }
  }

  @Test
  void rootWithoutAttributes() throws Exception {
    assertNativeWhereMounted(List.of("mount", "-t", "ramfs", "none"), "");
  }

  @Test
  void rootWhoseDirectoriesDoNotTellTypes() throws Exception {
    Path image = temporary.resolve("image");
    LoopFilesystem.run(List.of("truncate", "-s", Long.toString(IMAGE_BYTES), image.toString()));
    LoopFilesystem.run(List.of("mkfs.ext4", "-q", "-F", "-O", "^filetype", image.toString()));
    assertNativeWhereMounted(List.of("mount", "-o", "loop", image.toString()), "d_type");
  }

  @Test
  void rootWhosePathSeparatesOptions() throws Exception {
    Path root = temporary.resolve("with,comma/root");
    assertNative(root, "which separates mount options");
  }

  private void assertNativeWhereMounted(List<String> mount, String reason) throws Exception {
    Path at = Files.createDirectory(temporary.resolve("mount"));
    LoopFilesystem.run(Stream.concat(mount.stream(), Stream.of(at.toString())).toList());
    try {
      assertNative(at.resolve("root"), reason);
    } finally {
      LoopFilesystem.run(List.of("umount", at.toString()));
    }
  }

  private void assertNative(Path root, String reason) throws Exception {
    assertThatThrownBy(() -> TestRoots.open(root, DriverSetting.OVERLAY, TestRoots.PLAIN).close())
        .isInstanceOf(UnusableRootException.class)
        .hasMessageContaining("the overlay driver is required because it is configured")
        .hasMessageContaining("overlay does not work on this root: ")
        .hasMessageContaining(reason);
    try (EngineRoot opened = TestRoots.open(root, DriverSetting.AUTO, TestRoots.PLAIN)) {
      assertThat(opened.driver()).isEqualTo(DriverName.NATIVE);
      assertThat(log.list)
          .extracting(ILoggingEvent::getFormattedMessage)
          .anySatisfy(
              line ->
                  assertThat(line)
                      .startsWith("driver=native reason=\"overlay does not work on this root: ")
                      .contains(reason));
      Snapshotter snapshots = opened.snapshotter();
      try (KernelMount base = KernelMount.of(snapshots.prepare("a", "", NO_LABELS))) {
        Files.writeString(base.path().resolve("file"), "base");
      }
      snapshots.commit("base", "a", "", NO_LABELS);
      try (KernelMount container = KernelMount.of(snapshots.prepare("b", "base", NO_LABELS))) {
        assertThat(container.path().resolve("file")).hasContent("base");
      }
    }
    assertThat(root.resolve("trash/overlay-trial")).doesNotExist();
  }
}
