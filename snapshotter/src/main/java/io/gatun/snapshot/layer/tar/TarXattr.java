package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;
import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** An extended attribute, as records named {@code SCHILY.xattr.NAME} carry it. */
public final class TarXattr {

  private final LinuxPath name;
  private final byte[] value;

  /**
   * @param value not copied, and not to be changed any more
   */
  public TarXattr(LinuxPath name, byte[] value) {
    this.name = name;
    this.value = value;
  }

  /** {@return its name, with its namespace in front} */
  public LinuxPath name() {
    return name;
  }

  /** {@return any bytes, maybe none; not a copy, and not to be changed} */
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
