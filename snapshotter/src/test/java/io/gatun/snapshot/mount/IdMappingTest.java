package io.gatun.snapshot.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.Chain;
import io.gatun.snapshot.SnapshotException;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class IdMappingTest {

  @Test
  void rootIsWhatTheRangeWithIdZeroSays() {
    assertThat(uids("0:100000:65536").root()).isEqualTo(100_000);
    assertThat(uids("5:1:1,0:7:1,6:8:10").root()).isEqualTo(7);
  }

  @Test
  void missingOrEmptyLabelMapsRootToItself() {
    assertThat(IdMapping.ofLabel(Chain.UID_MAPPING_LABEL, Map.of()).root()).isZero();
    assertThat(uids("").root()).isZero();
  }

  @Test
  void idsAbove31BitsAreKept() {
    assertThat(Integer.toUnsignedLong(uids("0:4000000000:65536").root())).isEqualTo(4_000_000_000L);
  }

  @Test
  void mappingIsAskedForByEitherLabel() {
    assertThat(Chain.isMappingAsked(Map.of())).isFalse();
    assertThat(Chain.isMappingAsked(Map.of(Chain.UID_MAPPING_LABEL, "0:1:1"))).isTrue();
    assertThat(Chain.isMappingAsked(Map.of(Chain.GID_MAPPING_LABEL, "0:1:1"))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0",
        "0:1",
        "0:1:",
        "0:1:2:3",
        "-1:0:1",
        "0:1:1,",
        ",",
        "a:b:c",
        "0:1:2abc",
        " 0:1:2",
        "0:4294967295:1",
        "4294967295:0:1",
        "0:0:4294967296",
        "0:4294967290:10",
        "0:99999999999:1"
      })
  void malformedMappingsAreRefusedByNameOfTheirLabel(String value) {
    assertThatThrownBy(() -> uids(value))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessageContaining(Chain.UID_MAPPING_LABEL);
  }

  @ParameterizedTest
  @ValueSource(strings = {"1:0:10", "0:5:0"})
  void mappingsWithoutRootAreRefused(String value) {
    assertThatThrownBy(() -> uids(value).root())
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessageContaining("id 0 is not mapped");
  }

  private static IdMapping uids(String value) {
    return IdMapping.ofLabel(Chain.UID_MAPPING_LABEL, Map.of(Chain.UID_MAPPING_LABEL, value));
  }

  @Test
  void rangesAreLinesAndNoneIsAllIds() {
    Map<String, String> labels = Map.of(Chain.UID_MAPPING_LABEL, "0:100000:1000,1000:5000:1");
    assertThat(IdMapping.ofLabel(Chain.UID_MAPPING_LABEL, labels).lines())
        .isEqualTo("0 100000 1000\n1000 5000 1\n");
    assertThat(IdMapping.ofLabel(Chain.GID_MAPPING_LABEL, labels).lines())
        .isEqualTo("0 0 4294967295\n");
  }
}
