package io.gatun.linux;

import java.util.Optional;
import java.util.Set;

/**
 * What mount_setattr(2) changes of a mount.
 *
 * @param set what it shall have
 * @param clear what it shall no longer have; clearing either of the two for access times makes them
 *     relative
 * @param propagation what it shall share, or nothing to leave that
 * @param userNamespace the namespace whose mappings its ids go through, or nothing to leave that.
 *     Only a mount that is attached nowhere and has no mapping yet can get one, and never the
 *     initial namespace
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

  /** {@return a change that adds attributes} */
  public static MountChange setting(MountAttribute... attributes) {
    return new MountChange(Set.of(attributes), Set.of(), Optional.empty(), Optional.empty());
  }

  /** {@return a change that takes attributes away} */
  public static MountChange clearing(MountAttribute... attributes) {
    return new MountChange(Set.of(), Set.of(attributes), Optional.empty(), Optional.empty());
  }

  /** {@return a change of what is shared} */
  public static MountChange propagating(Propagation propagation) {
    return new MountChange(Set.of(), Set.of(), Optional.of(propagation), Optional.empty());
  }

  /** {@return a change that makes an idmapped mount} */
  public static MountChange mappingIds(Fd userNamespace) {
    return new MountChange(Set.of(), Set.of(), Optional.empty(), Optional.of(userNamespace));
  }

  long setBits() {
    int bits = Flags.bits(set, attribute -> attribute.bits);
    return userNamespace.isPresent() ? bits | Abi.MOUNT_ATTR_IDMAP : bits;
  }

  /**
   * Access times are a field and not a bit: the kernel wants all of it cleared, also to set it
   * anew.
   */
  long clearBits() {
    int bits = Flags.bits(clear, attribute -> attribute.bits);
    long touched = bits | setBits();
    return (touched & Abi.MOUNT_ATTR__ATIME) == 0 ? bits : bits | Abi.MOUNT_ATTR__ATIME;
  }
}
