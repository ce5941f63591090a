package io.gatun.linux.mount;

import io.gatun.linux.Fd;
import io.gatun.linux.Flags;
import io.gatun.linux.mount.Mounts.MountAttribute;
import io.gatun.linux.mount.Mounts.Propagation;
import java.util.Optional;
import java.util.Set;

/**
 * A change of a mount by mount_setattr(2).
 *
 * @param set the attributes to set
 * @param clear the attributes to clear; clearing either of the two for access times makes them
 *     relative
 * @param propagation the new propagation, or empty to keep it
 * @param userNamespace the namespace whose mappings apply to the ids, or empty for no change. Only
 *     a detached mount without a mapping can get one, and never the initial namespace
 */
public record MountChange(
    Set<MountAttribute> set,
    Set<MountAttribute> clear,
    Optional<Propagation> propagation,
    Optional<Fd> userNamespace) {

  public MountChange {
    set = Set.copyOf(set);
    clear = Set.copyOf(clear);
  }

  public static MountChange setting(MountAttribute... attributes) {
    return new MountChange(Set.of(attributes), Set.of(), Optional.empty(), Optional.empty());
  }

  public static MountChange clearing(MountAttribute... attributes) {
    return new MountChange(Set.of(), Set.of(attributes), Optional.empty(), Optional.empty());
  }

  public static MountChange propagating(Propagation propagation) {
    return new MountChange(Set.of(), Set.of(), Optional.of(propagation), Optional.empty());
  }

  /** {@return a change that makes an id-mapped mount} */
  public static MountChange mappingIds(Fd userNamespace) {
    return new MountChange(Set.of(), Set.of(), Optional.empty(), Optional.of(userNamespace));
  }

  long setBits() {
    int bits = Flags.bits(set, attribute -> attribute.bits);
    return userNamespace.isPresent() ? bits | Abi.MOUNT_ATTR_IDMAP : bits;
  }

  /**
   * Access times are a bit field: the kernel requires clearing all of it, even to set a new value.
   */
  long clearBits() {
    int bits = Flags.bits(clear, attribute -> attribute.bits);
    long touched = bits | setBits();
    return (touched & Abi.MOUNT_ATTR__ATIME) == 0 ? bits : bits | Abi.MOUNT_ATTR__ATIME;
  }
}
