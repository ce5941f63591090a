package io.gatun.snapshot.state;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layer.lower.ImplicitDirectory;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

class UnpackRecordTest {

  private static final UnpackRecord RECORD =
      new UnpackRecord(
          new ActiveSnapshots.Layer(
              new TreeResult(new Usage(80_000, 1L << 40), implicit(), true),
              true,
              List.of(new Timespec(-1, 999_999_999), new Timespec(1L << 33, 0))),
          "this boot");

  @Test
  void whatWasWrittenIsRead() {
    assertThat(UnpackRecord.decode(RECORD.encode())).contains(RECORD);
    UnpackRecord least =
        new UnpackRecord(
            new ActiveSnapshots.Layer(
                new TreeResult(new Usage(0, 0), Optional.empty(), false), false, List.of()),
            "");
    assertThat(UnpackRecord.decode(least.encode())).contains(least);
  }

  @Test
  void nothingIsReadOfWhatIsDamagedOrCutShort() {
    byte[] whole = bytes();
    for (int i = 0; i < whole.length; i++) {
      byte[] damaged = whole.clone();
      damaged[i] ^= 1;
      assertThat(UnpackRecord.decode(ByteBuffer.wrap(damaged))).as("byte %d", i).isEmpty();
      assertThat(UnpackRecord.decode(ByteBuffer.wrap(whole, 0, i))).as("%d bytes", i).isEmpty();
    }
  }

  @Test
  void nothingIsReadOfWhatANewerVersionMayHaveWritten() {
    ImplicitDirectoryList.Builder implicit = new ImplicitDirectoryList.Builder();
    implicit.add(LinuxPath.of("named"), ImplicitDirectory.Inherited.GROUP);
    UnpackRecord record =
        new UnpackRecord(
            new ActiveSnapshots.Layer(
                new TreeResult(new Usage(1, 2), implicit.build(), false), false, List.of()),
            "this boot");
    byte[] whole = bytes(record);
    int version = 2 * Integer.BYTES;
    // Two lengths lie in between.
    int inherited = whole.length - "named".length() - 3;
    assertThat(UnpackRecord.decode(changed(whole, inherited, whole[inherited]))).contains(record);
    assertThat(UnpackRecord.decode(changed(whole, inherited, 3))).isPresent();
    assertThat(UnpackRecord.decode(changed(whole, inherited, 5))).isEmpty();
    assertThat(UnpackRecord.decode(changed(whole, inherited, 0))).isEmpty();
    assertThat(UnpackRecord.decode(changed(whole, version, 3))).isEmpty();
  }

  /** {@return a copy with one byte changed and a valid checksum} */
  private static ByteBuffer changed(byte[] whole, int at, int value) {
    byte[] changed = whole.clone();
    changed[at] = (byte) value;
    CRC32C crc = new CRC32C();
    crc.update(changed, 2 * Integer.BYTES, changed.length - 2 * Integer.BYTES);
    return ByteBuffer.wrap(changed).putInt(Integer.BYTES, (int) crc.getValue());
  }

  private static Optional<ImplicitDirectoryList> implicit() {
    ImplicitDirectoryList.Builder implicit = new ImplicitDirectoryList.Builder();
    implicit.add(LinuxPath.of("a"), ImplicitDirectory.Inherited.ATTRIBUTES_OR_GROUP);
    implicit.add(LinuxPath.ofBytes(new byte[] {'a', '/', -1}), ImplicitDirectory.Inherited.XATTRS);
    implicit.add(LinuxPath.of("b"), ImplicitDirectory.Inherited.GROUP);
    return implicit.build();
  }

  private static byte[] bytes() {
    return bytes(RECORD);
  }

  private static byte[] bytes(UnpackRecord record) {
    ByteBuffer encoded = record.encode();
    byte[] bytes = new byte[encoded.remaining()];
    encoded.get(bytes);
    return bytes;
  }
}
