package io.gatun.snapshot.filetree;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.snapshot.driver.WorkDirectory;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.fixture.TreePlan;
import io.gatun.snapshot.fixture.TreePlans;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Path;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

final class TreeCopyProperties {

  private static final TreeCopy COPY = new TreeCopy(new LinuxDisk(), 2);

  @Property(tries = 150)
  void copiesAreEqual(@ForAll("plans") TreePlan plan) throws IOException {
    try (WorkDirectory work = WorkDirectory.create()) {
      Path source = work.directory("source");
      Path target = work.directory("target");
      plan.build(source);
      copy(COPY, source, target);
      assertThat(TreeManifest.of(target)).isEqualTo(TreeManifest.of(source));
    }
  }

  @Property(tries = 60)
  void deletedTreesLeaveNothing(@ForAll("plans") TreePlan plan) throws IOException {
    try (WorkDirectory work = WorkDirectory.create()) {
      plan.build(work.directory("tree"));
      try (Fd top = work.open()) {
        TreeDeletion.delete(new LinuxDisk(), top, io.gatun.linux.LinuxPath.of("tree"));
      }
      assertThat(work.path()).isEmptyDirectory();
    }
  }

  static void copy(TreeCopy copy, Path source, Path target) throws ErrnoException {
    try (Fd from = WorkDirectory.open(source);
        Fd to = WorkDirectory.open(target)) {
      copy.copy(from, to);
    }
  }

  @Provide
  Arbitrary<TreePlan> plans() {
    return TreePlans.unprivileged();
  }
}
