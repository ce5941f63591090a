package io.gatun.snapshot.layer.pack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.fixture.Pieces;
import io.gatun.snapshot.layer.entry.LayerAttributes;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerReader;
import io.gatun.snapshot.layer.tar.TarReader;
import io.gatun.snapshot.layer.tar.TarType;
import io.gatun.snapshot.layer.tar.TarXattr;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Our reader reads what the writer writes; the round trips use other readers as well. */
final class TarWriterTest {

  private static final Timespec TIME = new Timespec(1_700_000_000, 0);

  /** Collects in pieces of an odd length. */
  private static final class Collected implements TarWriter.Output {
    final ByteArrayOutputStream all = new ByteArrayOutputStream();
    private final ByteBuffer room = ByteBuffer.allocateDirect(1_000);

    @Override
    public ByteBuffer room() {
      if (!room.hasRemaining()) {
        drain();
      }
      return room;
    }

    void drain() {
      byte[] part = new byte[room.flip().remaining()];
      room.get(part);
      all.writeBytes(part);
      room.clear();
    }
  }

  private static TarItem item(TarType type, LinuxPath path) {
    return new TarItem(type, path, LinuxPath.EMPTY, 0644, 0, 0, 0, TIME, 0, 0, List.of());
  }

  private static byte[] tar(TarItem... items) throws IOException {
    Collected output = new Collected();
    TarWriter writer = new TarWriter(output);
    for (TarItem item : items) {
      writer.begin(item);
      writer.zeros(item.sizeBytes());
    }
    writer.end();
    output.drain();
    assertThat(writer.entries()).isEqualTo(items.length);
    return output.all.toByteArray();
  }

  private static LayerEntry read(byte[] tar) throws IOException {
    LayerReader reader = new LayerReader(new TarReader(new Pieces(tar, 10_000)));
    LayerEntry entry = reader.next().orElseThrow();
    assertThat(reader.next()).isEqualTo(Optional.empty());
    return entry;
  }

  private static LayerAttributes attributes(LayerEntry entry) {
    return ((LayerEntry.RegularFile) entry).attributes();
  }

  private static TarItem withTime(Timespec time) {
    return new TarItem(
        TarType.REGULAR, LinuxPath.of("f"), LinuxPath.EMPTY, 0, 0, 0, 0, time, 0, 0, List.of());
  }

  @Test
  void plainEntryTakesOneBlock() throws Exception {
    byte[] tar = tar(item(TarType.REGULAR, LinuxPath.of("etc/hostname")));
    assertThat(tar).hasSize(3 * TarWriter.BLOCK_BYTES);
    assertThat(new String(tar, 257, 8, StandardCharsets.US_ASCII)).isEqualTo("ustar\00000");
    assertThat(read(tar).path().whole()).isEqualTo(LinuxPath.of("etc/hostname"));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 99, 100, 101, 255, 4_000})
  void namesOfAnyLengthAreKept(int length) throws Exception {
    String name = ("d".repeat(200) + "/").repeat(20).substring(0, length - 1) + "x";
    TarItem link =
        new TarItem(
            TarType.SYMBOLIC_LINK,
            LinuxPath.of(name),
            LinuxPath.of("t".repeat(length)),
            0777,
            0,
            0,
            0,
            TIME,
            0,
            0,
            List.of());
    LayerEntry.SymbolicLink read = (LayerEntry.SymbolicLink) read(tar(link));
    assertThat(read.path().whole()).isEqualTo(LinuxPath.of(name));
    assertThat(read.target()).isEqualTo(LinuxPath.of("t".repeat(length)));
    assertThat(read(tar(item(TarType.DIRECTORY, LinuxPath.of(name)))))
        .isInstanceOf(LayerEntry.Directory.class)
        .extracting(entry -> entry.path().whole())
        .isEqualTo(LinuxPath.of(name));
  }

  @Test
  void namesOfAnyBytesAreKept() throws Exception {
    byte[] bytes = new byte[255];
    for (int i = 0; i < 255; i++) {
      bytes[i] = (byte) (i + 1 == '/' ? 'x' : i + 1);
    }
    LinuxPath name = LinuxPath.ofBytes(bytes);
    assertThat(read(tar(item(TarType.REGULAR, name))).path().whole()).isEqualTo(name);
  }

  @Test
  void idsModesAndDevicesAreKept() throws Exception {
    for (int id : new int[] {0, 2_097_151, 2_097_152, -2}) {
      TarItem node =
          new TarItem(
              TarType.CHARACTER_DEVICE,
              LinuxPath.of("n"),
              LinuxPath.EMPTY,
              07777,
              id,
              id,
              0,
              TIME,
              4_095,
              1_048_575,
              List.of());
      LayerEntry.Node read = (LayerEntry.Node) read(tar(node));
      assertThat(read.type()).isEqualTo(NodeType.CHARACTER_DEVICE);
      assertThat(read.major()).isEqualTo(4_095);
      assertThat(read.minor()).isEqualTo(1_048_575);
      assertThat(read.attributes().mode()).isEqualTo(07777);
      assertThat(read.attributes().uid()).isEqualTo(id);
      assertThat(read.attributes().gid()).isEqualTo(id);
    }
  }

  @Test
  void timesAreKeptToTheNanosecond() throws Exception {
    for (Timespec time :
        List.of(
            new Timespec(0, 0),
            new Timespec(0, 1),
            new Timespec(1_700_000_000, 123_456_000),
            new Timespec(1_700_000_000, 999_999_999),
            new Timespec(8_589_934_591L, 0),
            new Timespec(8_589_934_592L, 5))) {
      assertThat(attributes(read(tar(withTime(time)))).modified()).isEqualTo(time);
    }
    // Readers of layers turn these into 1970, but the written times are right.
    assertThat(new String(tar(withTime(new Timespec(-2, 750_000_000))), StandardCharsets.US_ASCII))
        .contains("15 mtime=-1.25\n");
    assertThat(new String(tar(withTime(new Timespec(-2, 0))), StandardCharsets.US_ASCII))
        .contains("12 mtime=-2\n");
  }

  @Test
  void sizesBeyondTheFieldAreKept() throws Exception {
    long size = (1L << 33) + 17;
    Collected output = new Collected();
    TarWriter writer = new TarWriter(output);
    writer.begin(
        new TarItem(
            TarType.REGULAR,
            LinuxPath.of("big"),
            LinuxPath.EMPTY,
            0,
            0,
            0,
            size,
            TIME,
            0,
            0,
            List.of()));
    output.drain();
    LayerReader reader =
        new LayerReader(new TarReader(new Pieces(output.all.toByteArray(), 10_000)));
    assertThat(((LayerEntry.RegularFile) reader.next().orElseThrow()).sizeBytes()).isEqualTo(size);
  }

  @Test
  void attributesOfAnyBytesAreKept() throws Exception {
    List<TarXattr> xattrs = new ArrayList<>();
    for (int length : new int[] {0, 1, 60, 85, 86, 985, 986, 65_536}) {
      byte[] value = new byte[length];
      for (int i = 0; i < length; i++) {
        value[i] = (byte) i;
      }
      xattrs.add(new TarXattr(LinuxPath.of("user.of-" + length), value));
    }
    TarItem item =
        new TarItem(
            TarType.REGULAR, LinuxPath.of("f"), LinuxPath.EMPTY, 0, 0, 0, 0, TIME, 0, 0, xattrs);
    assertThat(attributes(read(tar(item))).xattrs()).containsExactlyInAnyOrderElementsOf(xattrs);
  }

  @Test
  void attributesThatNoReaderBelievesAreRefused() {
    List<TarXattr> xattrs = new ArrayList<>();
    for (int i = 0; i < 17; i++) {
      xattrs.add(new TarXattr(LinuxPath.of("user." + i), new byte[65_536]));
    }
    TarItem item =
        new TarItem(
            TarType.REGULAR, LinuxPath.of("f"), LinuxPath.EMPTY, 0, 0, 0, 0, TIME, 0, 0, xattrs);
    assertThatThrownBy(() -> tar(item))
        .isInstanceOf(UnfitFileException.class)
        .hasMessageContaining("f: its attributes have 1114");
  }

  @Test
  void contentIsPaddedAndMustBeThere() throws Exception {
    TarItem item =
        new TarItem(
            TarType.REGULAR,
            LinuxPath.of("f"),
            LinuxPath.EMPTY,
            0,
            0,
            0,
            513,
            TIME,
            0,
            0,
            List.of());
    assertThat(tar(item)).hasSize((1 + 2 + 2) * TarWriter.BLOCK_BYTES);
    TarWriter writer = new TarWriter(new Collected());
    writer.begin(item);
    assertThatThrownBy(writer::end).isInstanceOf(IllegalStateException.class);
  }
}
