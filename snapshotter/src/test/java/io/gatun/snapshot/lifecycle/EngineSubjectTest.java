package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.driver.DriverSetting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whether the checks on an engine notice what is wrong on its root. */
class EngineSubjectTest {

  private static final Map<String, String> NO_LABELS = Map.of();

  private final TestRoot root = TestRoot.inMemory(DriverSetting.NATIVE);
  private final EngineSubject subject = new EngineSubject(root, new DirectSight());
  private final Comparison comparison = new Comparison(subject);

  /** With the ids 1 and 2. */
  @BeforeEach
  void makeSome() {
    comparison.run(
        List.of(
            new Operation.Prepare("a", "", NO_LABELS),
            new Operation.Write("a", "f"),
            new Operation.Commit("base", "a", "", NO_LABELS),
            new Operation.Prepare("key", "base", NO_LABELS)));
  }

  @AfterEach
  void delete() {
    // Not the subject, which would check the root that a test has spoilt.
    root.close();
  }

  private void assertNoticed(Operation operation, String message) {
    assertThatThrownBy(() -> comparison.run(List.of(operation)))
        .isInstanceOf(AssertionError.class)
        .hasMessageStartingWith("step 1 of 1: ")
        .hasMessageContaining(message);
  }

  private Path directory(String name) throws IOException {
    return Files.createDirectories(root.path().resolve(name));
  }

  @Test
  void nothingIsNoticedIfNothingIsWrong() {
    comparison.run(
        List.of(
            new Operation.Stat("key"),
            new Operation.Restart(),
            new Operation.Cleanup(),
            new Operation.Remove("key"),
            new Operation.Cleanup(),
            new Operation.Remove("base")));
    subject.close();
  }

  @Test
  void directoryThatBelongsToNobodyIsNoticed() throws Exception {
    directory("snapshots/99");
    assertNoticed(new Operation.Stat("key"), "99");
  }

  @Test
  void missingDirectoryIsNoticed() throws Exception {
    Files.move(root.path().resolve("snapshots/2"), root.path().resolve("elsewhere"));
    assertNoticed(new Operation.Stat("base"), "[directories]");
  }

  @Test
  void strangerInTheTrashIsNoticed() throws Exception {
    directory("trash/99.new");
    assertNoticed(new Operation.Stat("key"), "99.new");
  }

  @Test
  void lostFileIsNoticed() throws Exception {
    Files.delete(root.files(1).resolve("f"));
    assertNoticed(new Operation.Restart(), "files of base");
  }

  @Test
  void otherContentIsNoticed() throws Exception {
    Files.writeString(root.files(2).resolve("f"), "something else");
    assertNoticed(new Operation.Mounts("key"), "files seen through key");
  }

  @Test
  void strayFileIsNoticed() throws Exception {
    Files.createFile(root.files(2).resolve("stray"));
    assertNoticed(new Operation.UsageOf("key"), "2");
  }

  @Test
  void snapshotThatNobodyMadeIsNoticed() {
    root.snapshotter().prepare("stray", "", NO_LABELS);
    assertNoticed(new Operation.Stat("key"), "stray");
  }

  @Test
  void childThatNobodyMadeIsNoticed() {
    root.snapshotter().remove("key");
    assertNoticed(new Operation.Stat("base"), "key");
  }

  @Test
  void directoriesThatAreMixedUpAreNoticed() {
    subject.ids().put("key", 1L);
    subject.ids().put("base", 2L);
    assertNoticed(new Operation.Mounts("key"), "layers of key");
    root.stop();
    assertThatThrownBy(() -> root.checkMetadata(subject.ids())).isInstanceOf(AssertionError.class);
  }
}
