package io.gatun.snapshot.metadata.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.SnapshotRecord;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.metadata.Records;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The encoding of records, which the next version must read as well. */
final class RecordCodecTest {

  /** A layer in a directory as the first version wrote it: kind 3, form 1, with usage. */
  private static final String DIRECTORY =
      "01030101"
          + "0000000000000005"
          + "0000000000000000"
          + "000000006b0527e0075bcd1a"
          + "000000006b0527e5075bcd15"
          + "00000000000000050000000000005000"
          + "000000016e"
          + "00000000"
          + "00000001"
          + "00000015636f6e7461696e6572642e696f2f67632e726f6f74"
          + "000000036e6f77";

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex);
  }

  @Test
  void recordsOfTheFirstVersionAreReadAndWrittenAsTheyWere() throws Exception {
    SnapshotRecord record = Records.committed(5, "n");
    assertThat(HexFormat.of().formatHex(RecordCodec.encode(record))).isEqualTo(DIRECTORY);
    assertThat(RecordCodec.decode(bytes(DIRECTORY))).isEqualTo(record);
  }

  @Test
  void anIndexedLayerHasItsTwoDigestsAfterTheUsage() throws Exception {
    SnapshotRecord record = Records.indexed(5, "n");
    String expected =
        DIRECTORY.replaceFirst("^010301", "010302").substring(0, 120)
            + "0".repeat(63)
            + "5f"
            + "0".repeat(62)
            + "5"
            + DIRECTORY.substring(120);
    assertThat(HexFormat.of().formatHex(RecordCodec.encode(record))).isEqualTo(expected);
    assertThat(RecordCodec.decode(bytes(expected))).isEqualTo(record);
  }

  @Test
  void allSortsOfRecordsComeBackAsTheyWere() throws Exception {
    SnapshotRecord parent = Records.indexed(7, "sha256:parent");
    for (SnapshotRecord record :
        List.of(
            Records.active(1, "key"),
            Records.activeOn(2, "key", parent),
            Records.committed(3, "name"),
            parent,
            parent.withLabels(Map.of("a", "b"), parent.updated()),
            Records.with(parent, Map.of(), 4))) {
      assertThat(RecordCodec.decode(RecordCodec.encode(record))).isEqualTo(record);
    }
  }

  @Test
  void aChangeOfLabelsOrUsageKeepsTheLayer() {
    SnapshotRecord record = Records.indexed(5, "n");
    assertThat(record.withLabels(Map.of(), record.updated()).form()).isEqualTo(record.form());
    assertThat(record.withUsage(new Usage(1, 2)).form()).isEqualTo(record.form());
  }

  @Test
  void noPartOfARecordIsOne() {
    byte[] whole = RecordCodec.encode(Records.indexed(5, "n"));
    for (int length = 0; length < whole.length; length++) {
      byte[] part = Arrays.copyOf(whole, length);
      assertThatExceptionOfType(MalformedException.class)
          .as("%d bytes", length)
          .isThrownBy(() -> RecordCodec.decode(part));
    }
    byte[] more = Arrays.copyOf(whole, whole.length + 1);
    assertThatThrownBy(() -> RecordCodec.decode(more)).hasMessageContaining("extra bytes");
  }

  @Test
  void aFormThatIsNotKnownIsALaterVersions() {
    byte[] record = RecordCodec.encode(Records.indexed(5, "n"));
    record[2] = 3;
    assertThatExceptionOfType(MalformedException.class)
        .isThrownBy(() -> RecordCodec.decode(record))
        .withMessage("a record has form 3, which is not known");
  }
}
