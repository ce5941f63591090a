package io.gatun.snapshot.mount;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.MountEntry;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The mounts of snapshots according to mount tables. */
class MountUsersTest {

  private static final Path ROOT = Path.of("/var/lib/gatun");
  private static final long DEVICE = 57;

  private static MountEntry mount(String type, String mountPoint, String options) {
    return new MountEntry(
        1,
        1,
        DEVICE,
        LinuxPath.of("/"),
        LinuxPath.of(mountPoint),
        Set.of("rw"),
        OptionalInt.empty(),
        OptionalInt.empty(),
        type,
        LinuxPath.of("none"),
        options);
  }

  private static MountUsers overlay(String options) {
    return MountUsers.of(ROOT, List.of(mount("overlay", "/mnt", options)));
  }

  @Test
  void activeSnapshotIsFoundByItsUpperDirectory() {
    MountUsers users =
        overlay(
            "rw,lowerdir=/var/lib/gatun/snapshots/12/fs:/var/lib/gatun/mapped/u0/3/fs,"
                + "upperdir=/var/lib/gatun/snapshots/13/fs,workdir=/var/lib/gatun/snapshots/13/work");
    assertThat(users.active()).containsExactly(13L);
    assertThat(users.viewed()).isEmpty();
  }

  @Test
  void viewIsFoundByItsNearestLayerHoweverItWasGiven() {
    assertThat(overlay("ro,lowerdir=/var/lib/gatun/snapshots/12/fs:/var/lib/gatun/snapshots/3/fs"))
        .isEqualTo(new MountUsers(Set.of(), Set.of(12L), Set.of()));
    assertThat(overlay("ro,lowerdir=/var/lib/gatun/mapped/u0/12/fs:x").viewed())
        .containsExactly(12L);
    // containerd changes into their common directory.
    assertThat(overlay("ro,lowerdir=12/fs:3/fs").viewed()).containsExactly(12L);
    assertThat(overlay("ro,lowerdir+=12/fs,lowerdir+=3/fs").viewed()).containsExactly(12L);
    // For a container with a user namespace, it maps the owners of a copy of that directory.
    assertThat(overlay("ro,lowerdir=/var/lib/containerd/tmpmounts/ovl-idmapped1/12/fs:x").viewed())
        .containsExactly(12L);
  }

  @Test
  void snapshotsOfOthersDoNotCountUnlessThatCannotBeTold() {
    String other = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/12/fs";
    assertThat(overlay("rw,lowerdir=3/fs,upperdir=" + other).active()).doesNotContain(12L);
    assertThat(overlay("ro,lowerdir=" + other).viewed()).doesNotContain(12L);
    assertThat(overlay("ro,lowerdir=/var/lib/docker/overlay2/12/diff").viewed())
        .doesNotContain(12L);
    assertThat(overlay("rw,lowerdir=x,upperdir=/my\\040root/snapshots/12/fs").active())
        .containsExactly(12L);
    assertThat(overlay("ro,lowerdir=fs:12/fs").viewed()).doesNotContain(12L);
  }

  @Test
  void indexIsFoundWhereItIsBoundElsewhere() {
    List<MountEntry> mounts =
        List.of(mount("erofs", "/var/lib/gatun/snapshots/12", "ro"), mount("ext4", "/mnt", "rw"));
    assertThat(MountUsers.of(ROOT, mounts).bound()).isEmpty();
    assertThat(MountUsers.of(ROOT, List.of(mount("erofs", "/mnt", "ro"))).bound())
        .containsExactly(DEVICE);
  }
}
