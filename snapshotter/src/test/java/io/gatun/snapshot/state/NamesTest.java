package io.gatun.snapshot.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.SnapshotException;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NamesTest {

  @Test
  void emptyNameIsRefused() {
    assertThatThrownBy(() -> Names.check("prepare", "key", ""))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessage("prepare: key is empty");
  }

  @Test
  void lengthIsCountedInBytesOfUtf8() {
    String longest = "é".repeat(Names.NAME_LENGTH_BYTES_MAX / 2);
    assertThatCode(() -> Names.check("prepare", "key", longest)).doesNotThrowAnyException();
    assertThatThrownBy(() -> Names.check("prepare", "key", longest + "x"))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessage("prepare: key has 32769 bytes, and at most 32768 are allowed");
  }

  @Test
  void characterOfFourBytesIsOnePair() {
    String longest = "\ud83d\udc0a".repeat(Names.NAME_LENGTH_BYTES_MAX / 4);
    assertThatCode(() -> Names.check("prepare", "key", longest)).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @ValueSource(strings = {"a\0b", "\ud83d", "\udc0ax", "x\ud83dx"})
  void namesThatAreNoTextAreRefused(String name) {
    assertThatThrownBy(() -> Names.check("commit", "name", name))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessageStartingWith("commit: name has ");
  }

  @Test
  void labelMayBeAsLongAsContainerdAllows() {
    assertThat(Names.checkLabels("update", Map.of("k", "v".repeat(4095)))).hasSize(1);
    assertThatThrownBy(() -> Names.checkLabels("update", Map.of("k", "v".repeat(4096))))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessage("update: label k has 4097 bytes with its value, and at most 4096 are allowed");
  }

  @Test
  void parentMayBeNoneButNotMalformed() {
    assertThatCode(() -> Names.checkParent("prepare", "")).doesNotThrowAnyException();
    assertThatThrownBy(() -> Names.checkParent("prepare", "a\0b"))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessage("prepare: parent has a NUL character at 1");
  }

  @Test
  void labelWithoutKeyIsRefused() {
    assertThatThrownBy(() -> Names.checkLabels("update", Map.of("", "v")))
        .isInstanceOf(SnapshotException.InvalidArgument.class)
        .hasMessage("update: a label has an empty key");
  }

  @Test
  void labelWithoutValueIsNotKept() {
    assertThat(Names.checkLabels("prepare", Map.of("a", "", "b", "1")))
        .containsExactly(Map.entry("b", "1"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "k8s.io/12/extract-123456789-AbCd sha256:0011",
        "default/1/extract-1",
        "with space/007/extract-"
      })
  void keyOfAnUnpackerIsRecognised(String key) {
    assertThat(Names.isExtraction(key)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "extract-1",
        "default/extract-1",
        "default//extract-1",
        "/1/extract-1",
        "default/x/extract-1",
        "default/1/container",
        "default/1/2/extract-1",
        "default/1/xextract-1"
      })
  void otherKeysAreNotTakenForAnUnpackers(String key) {
    assertThat(Names.isExtraction(key)).isFalse();
  }
}
