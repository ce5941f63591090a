package io.gatun.snapshot.state;

import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * The file that keeps the state of an applied layer with its snapshot. Big endian:
 *
 * <pre>
 *   int     "GTAL"
 *   int     CRC-32C of all that follows
 *   byte    2, the version of this format
 *   byte    flags: 1 durable, also valid after a reboot; 2 deletions were marked in the tree; 4 indexed layer
 *   string  the boot id of the machine when this was written
 *   long    inodes, long bytes: the usage
 *   int     count of change times, each: long seconds, int nanoseconds
 *   string  implicit directories, see {@link ImplicitDirectoryList}; an int, -1, if they exceed its limit
 *   string  diff id, string digest of the index: for an indexed layer only
 * </pre>
 *
 * <p>A string is an int, its length in bytes, and the bytes.
 *
 * @param boot the boot id of the machine
 */
record UnpackRecord(ActiveSnapshots.Layer layer, String boot) {

  private static final int MAGIC = 0x4754414C;
  private static final byte VERSION = 2;
  private static final int FLAG_DURABLE = 1;
  private static final int FLAG_MARKS = 2;
  private static final int FLAG_INDEXED = 4;

  /** An upper bound of the fields of fixed size, with two digests in hexadecimal. */
  private static final int FIXED_BYTES = 256;

  private static final int TIME_BYTES = 12;
  private static final int NO_LIST = -1;

  ByteBuffer encode() {
    TreeResult result = layer.result();
    byte[] bootBytes = boot.getBytes(StandardCharsets.UTF_8);
    int capacity =
        FIXED_BYTES
            + bootBytes.length
            + layer.changeTimes().size() * TIME_BYTES
            + result.implicitDirectories().map(ImplicitDirectoryList::sizeBytes).orElse(0);
    ByteBuffer out = ByteBuffer.allocateDirect(capacity);
    out.putInt(MAGIC).putInt(0).put(VERSION);
    out.put(flags());
    putString(out, bootBytes);
    out.putLong(result.usage().inodes()).putLong(result.usage().sizeBytes());
    out.putInt(layer.changeTimes().size());
    layer.changeTimes().forEach(time -> out.putLong(time.seconds()).putInt(time.nanos()));
    result
        .implicitDirectories()
        .ifPresentOrElse(list -> putString(out, list.bytes()), () -> out.putInt(NO_LIST));
    layer
        .kept()
        .ifPresent(
            form -> {
              putString(out, ascii(form.diffId().hex()));
              putString(out, ascii(form.index().hex()));
            });
    out.flip();
    out.putInt(Integer.BYTES, checksum(out));
    return out;
  }

  private byte flags() {
    return (byte)
        ((layer.isDurable() ? FLAG_DURABLE : 0)
            | (layer.result().hasMarks() ? FLAG_MARKS : 0)
            | (layer.kept().isPresent() ? FLAG_INDEXED : 0));
  }

  /** {@return the record in these bytes; empty if they are damaged or of another version} */
  static Optional<UnpackRecord> decode(ByteBuffer in) {
    try {
      if (in.getInt() != MAGIC || in.getInt() != checksum(in.duplicate().rewind())) {
        return Optional.empty();
      }
      if (in.get() != VERSION) {
        return Optional.empty();
      }
      int flags = in.get();
      String boot = new String(getString(in), StandardCharsets.UTF_8);
      Usage usage = new Usage(in.getLong(), in.getLong());
      List<Timespec> changeTimes = new ArrayList<>();
      for (int left = in.getInt(); left > 0; left--) {
        changeTimes.add(new Timespec(in.getLong(), in.getInt()));
      }
      TreeResult result = new TreeResult(usage, getList(in), (flags & FLAG_MARKS) != 0);
      Optional<LayerForm.Indexed> kept =
          (flags & FLAG_INDEXED) == 0
              ? Optional.empty()
              : Optional.of(new LayerForm.Indexed(getDigest(in), getDigest(in)));
      return Optional.of(
          new UnpackRecord(
              new ActiveSnapshots.Layer(result, (flags & FLAG_DURABLE) != 0, changeTimes, kept),
              boot));
    } catch (BufferUnderflowException | IllegalArgumentException | IndexOutOfBoundsException e) {
      return Optional.empty();
    }
  }

  private static int checksum(ByteBuffer whole) {
    CRC32C crc = new CRC32C();
    crc.update(whole.duplicate().position(2 * Integer.BYTES));
    return (int) crc.getValue();
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static Digest getDigest(ByteBuffer in) {
    return Digest.ofHex(new String(getString(in), StandardCharsets.US_ASCII));
  }

  private static void putString(ByteBuffer out, byte[] bytes) {
    out.putInt(bytes.length).put(bytes);
  }

  private static Optional<ImplicitDirectoryList> getList(ByteBuffer in) {
    if (in.getInt(in.position()) == NO_LIST) {
      in.getInt();
      return Optional.empty();
    }
    return Optional.of(ImplicitDirectoryList.ofBytes(getString(in)));
  }

  private static byte[] getString(ByteBuffer in) {
    int length = in.getInt();
    if (length < 0 || length > in.remaining()) {
      throw new BufferUnderflowException();
    }
    byte[] bytes = new byte[length];
    in.get(bytes);
    return bytes;
  }
}
