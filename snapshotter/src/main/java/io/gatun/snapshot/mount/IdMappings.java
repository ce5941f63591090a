package io.gatun.snapshot.mount;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.mount.Sched;
import io.gatun.snapshot.Chain;
import io.gatun.snapshot.SnapshotException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;

/** The user and group id mappings of a container with a user namespace. */
public record IdMappings(IdMapping uids, IdMapping gids) {

  /** Enough to make collisions on one machine unlikely. */
  private static final int NAME_BYTES = 8;

  /**
   * {@return the mappings in labels, if any}
   *
   * @throws SnapshotException.InvalidArgument if a value is invalid
   */
  public static Optional<IdMappings> asked(Map<String, String> labels) {
    return Chain.isMappingAsked(labels)
        ? Optional.of(
            new IdMappings(
                IdMapping.ofLabel(Chain.UID_MAPPING_LABEL, labels),
                IdMapping.ofLabel(Chain.GID_MAPPING_LABEL, labels)))
        : Optional.empty();
  }

  /** {@return a directory name, the same for the same mappings} */
  public String name() {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest((uids.lines() + "\n" + gids.lines()).getBytes(StandardCharsets.US_ASCII));
      return HexFormat.of().formatHex(Arrays.copyOf(hash, NAME_BYTES));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  /**
   * {@return a user namespace with these mappings, for mount_setattr(2)}
   *
   * @throws SnapshotException.InvalidArgument if there can be none, for example with overlapping
   *     ranges
   */
  Fd openNamespace() throws ErrnoException {
    try {
      return Sched.newUserNamespace(uids.lines(), gids.lines());
    } catch (ErrnoException e) {
      if (e.is(Errno.EINVAL)) {
        throw new SnapshotException.InvalidArgument(
            "the kernel refuses the id mapping %s, %s: %s"
                .formatted(uids.text(), gids.text(), e.getMessage()));
      }
      throw e;
    }
  }
}
