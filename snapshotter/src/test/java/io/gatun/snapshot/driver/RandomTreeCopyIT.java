package io.gatun.snapshot.driver;

import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TreePlan;
import io.gatun.snapshot.fixture.TreePlans;
import java.io.IOException;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tag;
import net.jqwik.api.lifecycle.AfterContainer;

/** Copies of random trees with every kind of file that root can create, including access times. */
class RandomTreeCopyIT {

  private static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  @AfterContainer
  static void unmount() {
    FILESYSTEMS.close();
  }

  @Tag("long")
  @Property(tries = 240)
  void manyCopiesAreEqual(@ForAll LoopFilesystem.Kind kind, @ForAll("plans") TreePlan plan)
      throws IOException {
    copiesAreEqual(kind, plan);
  }

  @Property(tries = 60)
  void copiesAreEqual(@ForAll LoopFilesystem.Kind kind, @ForAll("plans") TreePlan plan)
      throws IOException {
    try (CopiedTree tree = CopiedTree.on(FILESYSTEMS.of(kind))) {
      plan.build(tree.source());
      tree.copyAndCompare();
    }
  }

  @Provide
  Arbitrary<TreePlan> plans() {
    return TreePlans.privileged();
  }
}
