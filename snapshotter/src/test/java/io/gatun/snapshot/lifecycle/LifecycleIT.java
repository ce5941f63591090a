package io.gatun.snapshot.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.UnsyncedDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AddLifecycleHook;
import net.jqwik.api.lifecycle.AfterProperty;

/**
 * The random lifecycles of {@link LifecycleProperties} on real filesystems, with everything mounted
 * and seen through the kernel.
 */
class LifecycleIT implements LifecycleRun.Runs {

  private static final int SEQUENCE_LENGTH = 250;

  /** Of the operations of a run, since mounting is slow. */
  private static final double SHARE = 0.1;

  /**
   * One try in so many has layers unpacked, and kept as tars, in place of files that are written:
   * of eight tries so many that it does not happen that none of them keeps any.
   */
  private static final int INDEXED_ONES = 2;

  private long executed;
  private int tries;
  private long tars;

  @Override
  public int wanted() {
    return (int) Math.ceil(SHARE * Operations.COUNT);
  }

  @Override
  public int perTry() {
    return SEQUENCE_LENGTH;
  }

  @Override
  public long executed() {
    return executed;
  }

  @Provide
  Arbitrary<List<Operation>> sequences() {
    return Operations.sequences(SEQUENCE_LENGTH);
  }

  /** With all the waiting for the disk that the other runs go without. */
  @Property
  @AddLifecycleHook(LifecycleRun.class)
  void overlayOnExt4AnswersAsTheModel(@ForAll("sequences") List<Operation> sequence)
      throws IOException {
    run(LoopFilesystem.Kind.EXT4, DriverSetting.OVERLAY, new LinuxDisk(), sequence);
  }

  @Property
  @AddLifecycleHook(LifecycleRun.class)
  void overlayOnXfsAnswersAsTheModel(@ForAll("sequences") List<Operation> sequence)
      throws IOException {
    run(LoopFilesystem.Kind.XFS, DriverSetting.OVERLAY, new UnsyncedDisk(), sequence);
  }

  @Property
  @AddLifecycleHook(LifecycleRun.class)
  void overlayOnBtrfsAnswersAsTheModel(@ForAll("sequences") List<Operation> sequence)
      throws IOException {
    run(LoopFilesystem.Kind.BTRFS, DriverSetting.OVERLAY, new UnsyncedDisk(), sequence);
  }

  @Property
  @AddLifecycleHook(LifecycleRun.class)
  void nativeOnBtrfsAnswersAsTheModel(@ForAll("sequences") List<Operation> sequence)
      throws IOException {
    run(LoopFilesystem.Kind.BTRFS, DriverSetting.NATIVE, new UnsyncedDisk(), sequence);
  }

  private void run(
      LoopFilesystem.Kind kind, DriverSetting driver, Disk disk, List<Operation> sequence)
      throws IOException {
    try (LoopFilesystem filesystem = LoopFilesystem.mount(kind)) {
      Path target = Files.createDirectory(filesystem.root().resolve("target"));
      Path path = filesystem.createDirectory(TestRoot.PREFIX);
      try (EngineSubject subject =
          new EngineSubject(
              TestRoot.start(path, driver, layers(driver), disk), new KernelSight(target))) {
        new Comparison(subject).run(sequence);
        tars += subject.tars().kept();
      }
    }
    executed += sequence.size();
  }

  private LayerSetting layers(DriverSetting driver) {
    boolean isIndexed = driver == DriverSetting.OVERLAY && ++tries % INDEXED_ONES == 0;
    return isIndexed ? LayerSetting.INDEXED : LayerSetting.DIRECTORY;
  }

  @AfterProperty
  void requireTars() {
    if (tries >= INDEXED_ONES) {
      assertThat(tars).as("indexed layers").isPositive();
    }
  }
}
