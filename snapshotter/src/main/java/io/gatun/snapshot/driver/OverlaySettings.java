package io.gatun.snapshot.driver;

import java.util.List;

/**
 * What an operator can choose about overlay mounts.
 *
 * @param mountOptions options added to every overlay mount, in this order; to no bind mount
 * @param volatileContainers whether the writes of containers are never synced; what is unpacked
 *     always is
 * @param remapIds whether containerd performs id-mapped mounts when asked to by options, as 2.0 and
 *     later do
 * @param rebase whether containerd unpacks the layers of an image in parallel
 * @param upperdirLabel whether snapshots are shown with a label that tells where their files are
 */
public record OverlaySettings(
    List<String> mountOptions,
    boolean volatileContainers,
    boolean remapIds,
    boolean rebase,
    boolean upperdirLabel) {

  /** What holds if an operator chooses nothing. */
  public static final OverlaySettings DEFAULT =
      new OverlaySettings(List.of(), false, false, false, false);

  public OverlaySettings {
    mountOptions = List.copyOf(mountOptions);
  }
}
