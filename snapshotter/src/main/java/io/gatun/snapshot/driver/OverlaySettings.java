package io.gatun.snapshot.driver;

import java.util.List;

/**
 * The configuration of overlay mounts.
 *
 * @param mountOptions added in this order to every overlay mount, but to no bind mount
 * @param volatileContainers whether containers' writes are never synced; unpacked layers always are
 * @param remapIds whether containerd turns mount options into id-mapped mounts, as 2.0 and later do
 * @param rebase whether containerd unpacks the layers of an image in parallel
 * @param upperdirLabel whether snapshots are shown with a label for the location of their files
 */
public record OverlaySettings(
    List<String> mountOptions,
    boolean volatileContainers,
    boolean remapIds,
    boolean rebase,
    boolean upperdirLabel) {

  public static final OverlaySettings DEFAULT =
      new OverlaySettings(List.of(), false, false, false, false);

  public OverlaySettings {
    mountOptions = List.copyOf(mountOptions);
  }
}
