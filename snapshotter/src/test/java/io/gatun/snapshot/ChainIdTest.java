package io.gatun.snapshot;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.layer.read.BytesBlob;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The layers that the names of snapshots identify. */
class ChainIdTest {

  private static final Digest FIRST = Digest.ofHex("1".repeat(64));
  private static final Digest SECOND = Digest.ofHex("2".repeat(64));

  @Test
  void lowestLayerIsItsOwnChainAndOthersAreHashedWithThoseBelow() {
    assertThat(ChainId.of(Optional.empty(), FIRST)).isEqualTo(FIRST);
    byte[] both = (FIRST.text() + " " + SECOND.text()).getBytes(US_ASCII);
    assertThat(ChainId.of(Optional.of(FIRST), SECOND)).isEqualTo(BytesBlob.digestOf(both));
  }

  @Test
  void namesOfContainerdEndInThem() {
    assertThat(ChainId.in("k8s.io/12/" + FIRST)).contains(FIRST);
    assertThat(ChainId.in(FIRST.text())).contains(FIRST);
    assertThat(ChainId.in("k8s.io/12/extract-123456789-AbCd " + FIRST)).contains(FIRST);
    assertThat(ChainId.in("k8s.io/12/" + FIRST + "-0-65536")).isEmpty();
    assertThat(ChainId.in("k8s.io/12/" + FIRST + " ")).isEmpty();
    assertThat(ChainId.in("k8s.io/12/container")).isEmpty();
    assertThat(ChainId.in("")).isEmpty();
  }
}
