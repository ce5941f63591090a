package io.gatun.snapshot.mount;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.mount.MountEntry;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The users of layers according to mount tables. */
class MountUsersTest {

  private static final Path ROOT = Path.of("/var/lib/gatun");
  private static final long DEVICE = 57;

  private static MountEntry mount(String type, String root, String options) {
    return new MountEntry(
        1,
        1,
        DEVICE,
        LinuxPath.of(root),
        LinuxPath.of("/mnt"),
        Set.of("rw"),
        OptionalInt.empty(),
        OptionalInt.empty(),
        type,
        LinuxPath.of("none"),
        options);
  }

  private static MountUsers overlay(String options) {
    return MountUsers.of(ROOT, List.of(mount("overlay", "/", options)), List.of());
  }

  @Test
  void layersOfOverlaysAreFoundHoweverTheyWereGiven() {
    MountUsers users =
        overlay(
            "rw,lowerdir=/var/lib/gatun/snapshots/12/fs:/var/lib/gatun/mapped/u0/3/fs,"
                + "upperdir=/var/lib/gatun/snapshots/13/fs,workdir=/var/lib/gatun/snapshots/13/work");
    assertThat(users.overlaysOn(12)).extracting(MountUsers.Overlay::device).containsExactly(DEVICE);
    assertThat(users.overlaysOn(3)).extracting(MountUsers.Overlay::device).containsExactly(DEVICE);
    assertThat(users.overlaysOn(13)).isEmpty();
    // containerd changes into their common directory.
    assertThat(overlay("rw,lowerdir=12/fs:3/fs").overlays()).containsOnlyKeys(12L, 3L);
    assertThat(overlay("rw,lowerdir+=12/fs,lowerdir+=3/fs").overlays()).containsOnlyKeys(12L, 3L);
  }

  @Test
  void layersOfOthersDoNotCountUnlessThatCannotBeTold() {
    String other = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/12/fs";
    assertThat(overlay("rw,lowerdir=" + other).overlays()).isEmpty();
    assertThat(overlay("rw,lowerdir=/var/lib/docker/overlay2/abc/diff").overlays()).isEmpty();
    assertThat(overlay("rw,lowerdir=/my\\040root/snapshots/12/fs").overlays())
        .containsOnlyKeys(12L);
    assertThat(overlay("rw,lowerdir=fs:x/fs:/fs").overlays()).isEmpty();
  }

  @Test
  void layersThatAreShownElsewhereWithOtherOwnersAreFoundOrMayBeAny() {
    String upper = ",upperdir=/var/lib/gatun/snapshots/13/fs";
    String mapped = "rw,lowerdir=/var/lib/containerd/tmpmounts/ovl-idmapped1";
    MountUsers several =
        overlay(mapped + "/12/fs:/var/lib/containerd/tmpmounts/ovl-idmapped1/3/fs");
    assertThat(several.overlays()).containsOnlyKeys(12L, 3L);
    assertThat(several.others()).isEmpty();
    // For a single layer, only the directory of its files is mapped.
    MountUsers single = overlay(mapped + "/fs" + upper);
    assertThat(single.overlaysOn(12))
        .extracting(MountUsers.Overlay::device)
        .containsExactly(DEVICE);
    assertThat(single.overlaysOn(99))
        .extracting(MountUsers.Overlay::device)
        .containsExactly(DEVICE);
    assertThat(overlay(mapped + "/fs,upperdir=/var/lib/other/snapshots/13/fs").others()).isEmpty();
    assertThat(overlay("rw,lowerdir=/var/lib/gatun/snapshots/12/fs" + upper).others()).isEmpty();
  }

  @Test
  void mountsAndOpenFilesAreFoundByTheirPlace() {
    MountUsers users =
        MountUsers.of(
            ROOT,
            List.of(mount("ext4", "/gatun/superseded/12-1", "rw")),
            List.of("/var/lib/gatun/superseded/3-1/etc/passwd"));
    assertThat(users.isOpen(LinuxPath.of("superseded/12-1"))).isTrue();
    assertThat(users.isOpen(LinuxPath.of("superseded/3-1"))).isTrue();
    assertThat(users.isOpen(LinuxPath.of("superseded/3-10"))).isFalse();
    assertThat(users.isOpen(LinuxPath.of("superseded/2-1"))).isFalse();
    assertThat(users.overlays()).isEmpty();
  }
}
