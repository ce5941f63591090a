package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;
import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** An extended attribute from a record {@code SCHILY.xattr.NAME}. */
public final class TarXattr {

  private final LinuxPath name;
  private final byte[] value;

  /**
   * @param value not copied; must not be changed afterwards
   */
  public TarXattr(LinuxPath name, byte[] value) {
    this.name = name;
    this.value = value;
  }

  /** {@return its name with the namespace prefix} */
  public LinuxPath name() {
    return name;
  }

  /** {@return any bytes, possibly none; not a copy and not to be changed} */
  public byte[] value() {
    return value;
  }

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
