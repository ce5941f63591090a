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
 * @param propagation the new propagation, or empty to keep it
 * @param userNamespace the namespace whose mappings apply to the ids, or empty for no change. Only
 *     a detached mount without a mapping can get one, and never the initial namespace
 */
public record MountChange(
    Set<MountAttribute> set, Optional<Propagation> propagation, Optional<Fd> userNamespace) {

  public MountChange {
    set = Set.copyOf(set);
  }

  public static MountChange propagating(Propagation propagation) {
    return new MountChange(Set.of(), Optional.of(propagation), Optional.empty());
  }

  long setBits() {
    int bits = Flags.bits(set, attribute -> attribute.bits);
    return userNamespace.isPresent() ? bits | Abi.MOUNT_ATTR_IDMAP : bits;
  }
}
