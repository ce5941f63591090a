package io.gatun.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.read.LayerPipeline;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Synthetic layers are read as intended. */
final class SyntheticLayerTest {

  private static final int ENTRIES = 2_000;
  private static final int LARGE_BYTES = 5_000;

  private static byte[] layer(int number) throws Exception {
    ByteArrayOutputStream layer = new ByteArrayOutputStream();
    SyntheticLayer.write(number, ENTRIES, 100, LARGE_BYTES, layer);
    return layer.toByteArray();
  }

  @Test
  void theSameNumberIsTheSameLayer() throws Exception {
    assertThat(layer(1)).isEqualTo(layer(1)).isNotEqualTo(layer(2));
  }

  @Test
  void thereIsSomethingOfEachSort() throws Exception {
    List<LayerEntry> entries = new ArrayList<>();
    try (LayerPipeline pipeline = new LayerPipeline(1, 1)) {
      var applied =
          pipeline.apply(
              new SyntheticBlob(layer(0)), (entry, _) -> entries.add(entry), new Cancellation());
      assertThat(applied.entries()).isEqualTo(ENTRIES);
    }
    Set<Class<?>> sorts = new HashSet<>();
    Set<String> named = new HashSet<>();
    entries.forEach(entry -> sorts.add(entry.getClass()));
    assertThat(sorts)
        .contains(
            LayerEntry.RegularFile.class,
            LayerEntry.Directory.class,
            LayerEntry.SymbolicLink.class,
            LayerEntry.HardLink.class,
            LayerEntry.Whiteout.class);
    assertThat(entries)
        .anyMatch(
            entry ->
                entry instanceof LayerEntry.RegularFile file && file.sizeBytes() == LARGE_BYTES)
        .anyMatch(
            entry ->
                entry instanceof LayerEntry.RegularFile file
                    && !file.attributes().xattrs().isEmpty())
        .anyMatch(entry -> entry.path().name().length() > 100);
    for (LayerEntry entry : entries) {
      assertThat(named.add(entry.path().whole().toString())).as(entry.toString()).isTrue();
    }
    assertThat(entries)
        .as("an implicit directory")
        .anyMatch(entry -> !isNamed(named, entry.path().directory().toString()));
  }

  private static boolean isNamed(Set<String> named, String directory) {
    return directory.isEmpty() || named.contains(directory);
  }
}
