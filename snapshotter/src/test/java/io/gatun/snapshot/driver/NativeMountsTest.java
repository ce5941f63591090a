package io.gatun.snapshot.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.Mount;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

final class NativeMountsTest {

  private final NativeMounts mounts = new NativeMounts(new SnapshotPaths("/root"));

  @Test
  void activeIsWritableBindOfItsOwnFiles() {
    assertThat(mounts.of(chain(Kind.ACTIVE, 4, 2)))
        .containsExactly(Mount.ofRoot("bind", "/root/snapshots/9/fs", List.of("rw", "rbind")));
  }

  @Test
  void viewIsReadOnlyBindOfTheNearestParent() {
    assertThat(mounts.of(chain(Kind.VIEW, 4, 2)))
        .containsExactly(Mount.ofRoot("bind", "/root/snapshots/4/fs", List.of("ro", "rbind")));
  }

  @Test
  void viewWithoutParentIsReadOnlyBindOfItsOwnFiles() {
    assertThat(mounts.of(chain(Kind.VIEW)))
        .containsExactly(Mount.ofRoot("bind", "/root/snapshots/9/fs", List.of("ro", "rbind")));
  }

  @Test
  void committedSnapshotsHaveNoMounts() {
    assertThatThrownBy(() -> mounts.of(chain(Kind.COMMITTED)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static Chain chain(Kind kind, long... parents) {
    return new Chain(
        9, kind, Lower.directories(LongStream.of(parents).boxed().toList()), Map.of(), false);
  }
}
