package io.gatun.snapshot.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.Kind;
import io.gatun.snapshot.Lower;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.mount.IdMappings;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

final class OverlayMountsTest {

  private static final SnapshotPaths PATHS = new SnapshotPaths("/root");
  private static final OverlayFeatures PLAIN = new OverlayFeatures(false, false);
  private static final Map<String, String> MAPPED =
      Map.of(Chain.UID_MAPPING_LABEL, "0:1000:10", Chain.GID_MAPPING_LABEL, "0:2000:20");

  @Test
  void activeWithoutParentIsWritableBindOfItsOwnFiles() {
    assertThat(plain().of(chain(Kind.ACTIVE)))
        .containsExactly(bind("/root/snapshots/9/fs", "rw", "rbind"));
  }

  @Test
  void viewWithoutParentIsReadOnlyBindOfItsOwnFiles() {
    assertThat(plain().of(chain(Kind.VIEW)))
        .containsExactly(bind("/root/snapshots/9/fs", "ro", "rbind"));
  }

  @Test
  void viewOfOneParentIsReadOnlyBindOfTheParent() {
    assertThat(plain().of(chain(Kind.VIEW, 4)))
        .containsExactly(bind("/root/snapshots/4/fs", "ro", "rbind"));
  }

  @Test
  void viewOfSeveralParentsIsOverlayWithoutUpperDirectory() {
    assertThat(plain().of(chain(Kind.VIEW, 4, 2)))
        .containsExactly(overlay("lowerdir=/root/snapshots/4/fs:/root/snapshots/2/fs"));
  }

  @Test
  void activeWithParentsIsOverlayWithNearestParentFirst() {
    assertThat(plain().of(chain(Kind.ACTIVE, 7, 4, 2)))
        .containsExactly(
            overlay(
                "workdir=/root/snapshots/9/work",
                "upperdir=/root/snapshots/9/fs",
                "lowerdir=/root/snapshots/7/fs:/root/snapshots/4/fs:/root/snapshots/2/fs"));
  }

  @Test
  void committedSnapshotsHaveNoMounts() {
    assertThatThrownBy(() -> plain().of(chain(Kind.COMMITTED, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("snapshot 9 is committed");
  }

  @Test
  void configuredOptionsFollowTheDirectoriesAndFeaturesFollowThem() {
    OverlayMounts mounts =
        mounts(List.of("metacopy=on", "noatime"), new OverlayFeatures(true, true));
    assertThat(mounts.of(chain(Kind.ACTIVE, 4)))
        .containsExactly(
            overlay(
                "workdir=/root/snapshots/9/work",
                "upperdir=/root/snapshots/9/fs",
                "lowerdir=/root/snapshots/4/fs",
                "metacopy=on",
                "noatime",
                "userxattr",
                "index=off"));
  }

  @Test
  void configuredOptionsAreNotGivenToBindMounts() {
    OverlayMounts mounts = mounts(List.of("metacopy=on"), new OverlayFeatures(true, true));
    assertThat(mounts.of(chain(Kind.ACTIVE)))
        .containsExactly(bind("/root/snapshots/9/fs", "rw", "rbind"));
    assertThat(mounts.of(chain(Kind.VIEW, 4)))
        .containsExactly(bind("/root/snapshots/4/fs", "ro", "rbind"));
  }

  @Test
  void configuredIndexAndUserXattrsAreNotOverridden() {
    OverlayMounts mounts =
        mounts(List.of("index=on", "userxattr"), new OverlayFeatures(true, true));
    assertThat(options(mounts, chain(Kind.VIEW, 4, 2)))
        .containsExactly(
            "lowerdir=/root/snapshots/4/fs:/root/snapshots/2/fs", "index=on", "userxattr");
  }

  @Test
  void containersAreVolatileWhenConfigured() {
    assertThat(options(volatileMounts(), chain(Kind.ACTIVE, 4))).endsWith("volatile");
    assertThat(volatileMounts().isVolatile(chain(Kind.ACTIVE, 4))).isTrue();
  }

  @Test
  void volatileAsMountOptionMeansTheSame() {
    OverlayMounts mounts = mounts(List.of("volatile", "xino=off"), PLAIN);
    assertThat(options(mounts, chain(Kind.ACTIVE, 4))).endsWith("xino=off", "volatile");
    assertThat(options(mounts, extraction(4))).endsWith("xino=off").doesNotContain("volatile");
  }

  @Test
  void extractionsAndViewsAreNeverVolatile() {
    assertThat(options(volatileMounts(), extraction(4))).doesNotContain("volatile");
    assertThat(options(volatileMounts(), chain(Kind.VIEW, 4, 2))).doesNotContain("volatile");
    assertThat(volatileMounts().isVolatile(extraction(4))).isFalse();
    assertThat(volatileMounts().isVolatile(chain(Kind.VIEW, 4, 2))).isFalse();
    assertThat(volatileMounts().isVolatile(chain(Kind.ACTIVE))).isFalse();
  }

  @Test
  void idMappingsComeFirstAndOnlyWhenRemapping() {
    Chain chain = new Chain(9, Kind.ACTIVE, List.of(Lower.directory(4)), MAPPED, false);
    assertThat(options(plain(), chain)).noneMatch(option -> option.contains("map="));
    assertThat(options(remapping(), chain))
        .containsExactly(
            "uidmap=0:1000:10",
            "gidmap=0:2000:20",
            "workdir=/root/snapshots/9/work",
            "upperdir=/root/snapshots/9/fs",
            "lowerdir=/root/snapshots/4/fs");
  }

  @Test
  void idMappingsAreGivenToBindMountsToo() {
    assertThat(
            options(
                remapping(), new Chain(9, Kind.VIEW, List.of(Lower.directory(4)), MAPPED, false)))
        .containsExactly("uidmap=0:1000:10", "gidmap=0:2000:20", "ro", "rbind");
  }

  @Test
  void baseExtractionIsOverlayOnTheEmptyDirectoryWithRebaseOnly() {
    Chain base = extraction();
    assertThat(plain().of(base)).containsExactly(bind("/root/snapshots/9/fs", "rw", "rbind"));
    assertThat(rebasing().of(base))
        .containsExactly(
            overlay(
                "workdir=/root/snapshots/9/work",
                "upperdir=/root/snapshots/9/fs",
                "lowerdir=/root/empty"));
    assertThat(rebasing().of(chain(Kind.ACTIVE)))
        .containsExactly(bind("/root/snapshots/9/fs", "rw", "rbind"));
  }

  @Test
  void hundredAndTwentyEightLayersFitIntoOnePageWhenShortenedAsContainerdDoes() {
    Chain deep =
        new Chain(
            1_000_000,
            Kind.ACTIVE,
            LongStream.range(0, 128).mapToObj(i -> Lower.directory(999_999 - i)).toList(),
            Map.of(),
            false);
    SnapshotPaths paths = new SnapshotPaths("/var/lib/gatun");
    List<String> options =
        new OverlayMounts(paths, OverlaySettings.DEFAULT, PLAIN).of(deep).getFirst().options();
    String shortened = String.join(",", options).replace(":/var/lib/gatun/snapshots/", ":");
    assertThat(shortened.length()).isLessThan(4096);
  }

  private static final Lower A1 = Lower.indexed(1, "a");
  private static final Lower A3 = Lower.indexed(3, "a");
  private static final Lower B2 = Lower.indexed(2, "b");

  @Test
  void ofEqualIndexesTheNearestIsMentionedAndOneDeviceIsShown() {
    assertThat(options(plain(), over(Kind.ACTIVE, A3, B2, A1)))
        .containsExactly(
            "workdir=/root/snapshots/9/work",
            "upperdir=/root/snapshots/9/fs",
            "lowerdir=/root/snapshots/3/fs:/root/snapshots/2/fs",
            "xino=on");
    assertThat(options(plain(), over(Kind.VIEW, A3, B2, A1)))
        .containsExactly("lowerdir=/root/snapshots/3/fs:/root/snapshots/2/fs", "xino=on");
  }

  @Test
  void viewWithOneDifferentParentIsReadOnlyBindOfTheNearest() {
    assertThat(plain().of(over(Kind.VIEW, A3, A1)))
        .containsExactly(bind("/root/snapshots/3/fs", "ro", "rbind"));
  }

  @Test
  void directoriesAreNeverLeftOut() {
    assertThat(options(plain(), over(Kind.VIEW, A3, Lower.directory(2), A1, Lower.directory(0))))
        .containsExactly(
            "lowerdir=/root/snapshots/3/fs:/root/snapshots/2/fs:/root/snapshots/0/fs", "xino=on");
  }

  @Test
  void oneDeviceIsShownWhateverIsConfigured() {
    assertThat(options(mounts(List.of("xino=off"), PLAIN), over(Kind.ACTIVE, A1)))
        .containsSubsequence("xino=off", "xino=on");
  }

  @Test
  void mappedLayersTakeThePlaceOfOptionsOverAnIndex() {
    Chain chain = new Chain(9, Kind.ACTIVE, List.of(Lower.directory(4), A1), MAPPED, false);
    String mapping = IdMappings.asked(MAPPED).orElseThrow().name();
    assertThat(options(remapping(), chain))
        .containsExactly(
            "workdir=/root/snapshots/9/work",
            "upperdir=/root/snapshots/9/fs",
            "lowerdir=/root/mapped/%1$s/4/fs:/root/mapped/%1$s/1/fs".formatted(mapping),
            "xino=on");
    assertThat(options(plain(), chain))
        .contains("lowerdir=/root/snapshots/4/fs:/root/snapshots/1/fs");
    assertThat(remapping().of(new Chain(9, Kind.VIEW, List.of(A1), MAPPED, false)))
        .containsExactly(bind("/root/mapped/%s/1/fs".formatted(mapping), "ro", "rbind"));
  }

  private static Chain over(Kind kind, Lower... lowers) {
    return new Chain(9, kind, List.of(lowers), Map.of(), false);
  }

  private static OverlayMounts plain() {
    return mounts(List.of(), PLAIN);
  }

  private static OverlayMounts mounts(List<String> options, OverlayFeatures features) {
    return new OverlayMounts(
        PATHS, new OverlaySettings(options, false, false, false, false), features);
  }

  private static OverlayMounts volatileMounts() {
    return new OverlayMounts(
        PATHS, new OverlaySettings(List.of(), true, false, false, false), PLAIN);
  }

  private static OverlayMounts remapping() {
    return new OverlayMounts(
        PATHS, new OverlaySettings(List.of(), false, true, false, false), PLAIN);
  }

  private static OverlayMounts rebasing() {
    return new OverlayMounts(
        PATHS, new OverlaySettings(List.of(), false, false, true, false), PLAIN);
  }

  private static List<String> options(OverlayMounts mounts, Chain chain) {
    return mounts.of(chain).getFirst().options();
  }

  private static Chain chain(Kind kind, long... parents) {
    return new Chain(
        9, kind, Lower.directories(LongStream.of(parents).boxed().toList()), Map.of(), false);
  }

  private static Chain extraction(long... parents) {
    return new Chain(
        9, Kind.ACTIVE, Lower.directories(LongStream.of(parents).boxed().toList()), Map.of(), true);
  }

  private static Mount bind(String source, String... options) {
    return Mount.ofRoot("bind", source, List.of(options));
  }

  private static Mount overlay(String... options) {
    return Mount.ofRoot("overlay", "overlay", List.of(options));
  }
}
