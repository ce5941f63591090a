package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;
import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * An extended attribute from a record {@code SCHILY.xattr.NAME}.
 *
 * @param name with the namespace prefix
 * @param value any bytes, possibly none; not copied and not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // compared by content below
public record TarXattr(LinuxPath name, byte[] value) {

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof TarXattr that
        && name.equals(that.name)
        && Arrays.equals(value, that.value);
  }

  @Override
  public int hashCode() {
    return 31 * name.hashCode() + Arrays.hashCode(value);
  }

  @Override
  public String toString() {
    return name + "=" + HexFormat.of().formatHex(value);
  }
}
